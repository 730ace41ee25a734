"""The vector functions against numpy, lane by lane."""

import numpy as np
import pytest

from genomehub.kernels import vectors as v
from genomehub.kernels._jit import kernel


@kernel
def _arithmetic_i16(a, b, out):
    x, y = v.load(a, 0, 32), v.load(b, 0, 32)
    v.store(out, 0, v.add_saturated(x, y))
    v.store(out, 32, v.subtract_saturated(x, y))
    v.store(out, 64, v.maximum(x, y))
    v.store(out, 96, v.select(v.greater(x, y), v.splat(1, "i16", 32), v.splat(0, "i16", 32)))
    return v.mask_bits(v.equal(x, y))


@kernel
def _arithmetic_u8(a, b, out):
    x, y = v.load(a, 0, 64), v.load(b, 0, 64)
    v.store(out, 0, v.add_saturated(x, y))
    v.store(out, 64, v.subtract_saturated(x, y))
    v.store(out, 128, v.minimum(x, y))
    return v.mask_bits(v.equal(x, y))


@kernel
def _floats(a, b, c, out):
    x, y, z = v.load(a, 0, 16), v.load(b, 0, 16), v.load(c, 0, 16)
    v.store(out, 0, v.fma(x, y, z))
    v.store(out, 16, v.multiply(x, y))
    return v.lane(x, 3)


@kernel
def _words(data, out):
    word = v.load_word(data, 1, 4)
    v.store_word(out, 2, word)
    return v.count_ones(np.uint64(word)), v.trailing_zeros(np.uint64(word))


@kernel
def _denormal(a, b, flush):
    before = v.flush_denormals(flush)
    out = np.empty(16, np.float32)
    v.store(out, 0, v.multiply(v.load(a, 0, 16), v.load(b, 0, 16)))
    return out, v.flush_denormals(before), v.flush_denormals(before)


@pytest.mark.parametrize("seed", range(4))
def test_arithmetic__i16(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-32768, 32768, (2, 32)).astype(np.int16)
    b[:5] = a[:5]
    out = np.zeros(128, np.int16)
    bits = _arithmetic_i16(a, b, out)
    wide = a.astype(np.int64), b.astype(np.int64)
    np.testing.assert_array_equal(out[:32], np.clip(wide[0] + wide[1], -32768, 32767))
    np.testing.assert_array_equal(out[32:64], np.clip(wide[0] - wide[1], -32768, 32767))
    np.testing.assert_array_equal(out[64:96], np.maximum(a, b))
    np.testing.assert_array_equal(out[96:], a > b)
    assert [bits >> i & 1 for i in range(32)] == list(a == b)


@pytest.mark.parametrize("seed", range(4))
def test_arithmetic__u8(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 256, (2, 64)).astype(np.uint8)
    out = np.zeros(192, np.uint8)
    _arithmetic_u8(a, b, out)
    np.testing.assert_array_equal(out[:64], np.minimum(a.astype(int) + b, 255))
    np.testing.assert_array_equal(out[64:128], np.maximum(a.astype(int) - b, 0))
    np.testing.assert_array_equal(out[128:], np.minimum(a, b))


def test_fma__rounds_once():
    a = np.full(16, np.float32(1 + 2**-12))
    c = np.full(16, np.float32(-1))
    out = np.zeros(32, np.float32)
    assert _floats(a, a, c, out) == a[3]
    exact = np.float32(np.float64(a[0]) ** 2 - 1)
    assert out[0] == exact
    assert out[16] == a[0] * a[0]
    assert out[0] != np.float32(a[0] * a[0]) - np.float32(1), "the product must not be rounded first"


def test_words__unaligned():
    data = np.arange(1, 9, dtype=np.uint8)
    out = np.zeros(8, np.uint8)
    ones, zeros = _words(data, out)
    np.testing.assert_array_equal(out[2:6], [2, 3, 4, 5])
    assert ones == sum(int(x).bit_count() for x in (2, 3, 4, 5))
    assert zeros == 1


def test_flush_denormals__is_restored():
    a, b = np.full(16, np.float32(1e-30)), np.full(16, np.float32(1e-10))
    flushed, during, after = _denormal(a, b, 1)
    assert (flushed == 0).all()
    assert (during, after) == (1, 0)
    kept, during, after = _denormal(a, b, 0)
    assert (kept > 0).all()
    assert (during, after) == (0, 0)


@pytest.mark.parametrize(
    ("name", "features", "expected"),
    [
        (None, "+avx2,+avx512f,+avx512bw", 64),
        (None, "+avx2,-avx512bw", 32),
        ("x86-64-v3", "", 32),
        ("x86-64-v4", "", 64),
        ("generic", "+neon", 32),
    ],
)
def test_register_bytes__follow_the_compilation_target(monkeypatch, name, features, expected):
    monkeypatch.setattr(v.numba.config, "CPU_NAME", name)
    monkeypatch.setattr(v.numba.config, "CPU_FEATURES", features)
    assert v._register_bytes() == expected


def test_register_bytes__of_the_host(monkeypatch):
    monkeypatch.setattr(v.numba.config, "CPU_FEATURES", None)
    monkeypatch.setattr(v, "get_host_cpu_features", lambda: "+sse2,+avx512bw")
    assert v._register_bytes() == 64
