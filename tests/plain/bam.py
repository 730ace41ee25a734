"""BAM as a plain reader sees it (SAM 1.6, section 4.2): bytes to reads as sequenced, one by one."""

import gzip
import struct

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
WIDTHS = {"A": 1, "c": 1, "C": 1, "s": 2, "S": 2, "i": 4, "I": 4, "f": 4}


def inflate(data):
    """All members of a gzip file; raises if one is damaged."""
    return gzip.decompress(data)


def header_length(data):
    """(bytes of the header, contigs)."""
    if data[:4] != b"BAM\1":
        raise ValueError("no BAM")
    at = 8 + struct.unpack_from("<I", data, 4)[0]
    (n,) = struct.unpack_from("<I", data, at)
    at += 4
    for _ in range(n):
        at += 8 + struct.unpack_from("<I", data, at)[0]
    if at > len(data):
        raise ValueError("cut off")
    return at, n


def records(data, at, prefix=0):
    """Each record's bytes, without its length; ``prefix`` bytes before each are left out."""
    while at < len(data):
        at += prefix
        (size,) = struct.unpack_from("<I", data, at)
        if at + 4 + size > len(data):
            raise ValueError("cut off")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def read_of(record):
    """(name, flag, bases, qualities, tags) of a record, as sequenced."""
    l_name, n_ops, flag, l_seq = record[8], *struct.unpack_from("<HHi", record, 12)
    name, at = record[32 : 32 + l_name - 1].decode("ascii"), 32 + l_name + 4 * n_ops
    packed = record[at : at + (l_seq + 1) // 2]
    letters = [("=ACNGNNNTNNNNNNN")[nibble] for byte in packed for nibble in (byte >> 4, byte & 15)]
    bases = "".join(letters[:l_seq])
    at += (l_seq + 1) // 2
    quals = record[at : at + l_seq]
    if at + l_seq > len(record) or "=" in bases:
        raise ValueError("does not fit")
    if flag & 0x10:
        bases, quals = bases[::-1].translate(COMPLEMENT), quals[::-1]
    return name, flag, bases, quals, dict(tags_of(record[at + l_seq :]))


def tags_of(data):
    """(tag, bytes of the value) of each tag."""
    at = 0
    while at < len(data):
        tag, kind, begin = data[at : at + 2].decode("latin-1"), chr(data[at + 2]), at + 3
        if kind in "ZH":
            at = data.index(b"\0", begin) + 1
        elif kind == "B":
            at = begin + 5 + WIDTHS[chr(data[begin])] * struct.unpack_from("<I", data, begin + 1)[0]
        else:
            at = begin + WIDTHS[kind]
        yield tag, data[begin:at]


def primary_reads(data):
    """Reads of a whole inflated BAM file."""
    at, _ = header_length(data)
    primary = [record for record in records(data, at) if not record[15] & 0x9]  # 0x900 of FLAG
    return [read_of(record) for record in primary]
