"""BGZF: what we write, gzip reads; blocks and their index."""

import gzip
import struct

import numpy as np
import pytest

from genomehub.formats.bgzf import BLOCK_SIZE, EOF_BLOCK, BgzfWriter, ByteSource, compress, compress_block


@pytest.mark.parametrize("level", range(1, 10))
def test_compress_block__every_level(level):
    data = bytes(range(256)) * 20
    block = compress_block(data, level)
    assert gzip.decompress(block) == data
    assert struct.unpack_from("<H", block, 16)[0] == len(block) - 1  # BSIZE


def test_compress_block__incompressible():
    data = np.random.default_rng(1).integers(0, 256, BLOCK_SIZE, dtype=np.uint8)
    block = compress_block(data, 1)
    assert len(block) < 1 << 16
    assert gzip.decompress(block) == data.tobytes()


def test_compress__cuts_blocks():
    data = np.zeros(2 * BLOCK_SIZE + 5, dtype=np.uint8)
    blocks = compress(data, 1)
    assert [len(gzip.decompress(block)) for block in blocks] == [BLOCK_SIZE, BLOCK_SIZE, 5]


@pytest.mark.parametrize("size", [0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, 3 * BLOCK_SIZE])
def test_bgzf_writer__sizes_and_index(tmp_path, size):
    data = np.random.default_rng(size).integers(0, 4, size, dtype=np.uint8)
    with BgzfWriter(tmp_path / "x.gz", 1) as writer:
        for part in np.array_split(data, 7):
            writer.write(part)
    written = (tmp_path / "x.gz").read_bytes()
    assert gzip.decompress(written) == data.tobytes()
    assert written.endswith(EOF_BLOCK)
    index = writer.gzi()
    (n,) = struct.unpack_from("<Q", index)
    assert len(index) == 8 + 16 * n
    assert n == max(-(-size // BLOCK_SIZE) - 1, 0)
    for i in range(n):
        compressed, plain = struct.unpack_from("<QQ", index, 8 + 16 * i)
        assert gzip.decompress(written[compressed:]) == data[plain:].tobytes()


def test_byte_source__fills_the_buffer_across_members(tmp_path):
    path = tmp_path / "two.gz"
    path.write_bytes(gzip.compress(b"a" * 10) + gzip.compress(b"b" * 10))
    buffer = np.zeros(15, dtype=np.uint8)
    with ByteSource(path) as source:
        assert source.read_into(buffer) == 15
        assert buffer.tobytes() == b"a" * 10 + b"b" * 5
        assert source.read_into(buffer) == 5
        assert source.read_into(buffer) == 0
