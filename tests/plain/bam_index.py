"""BAI and CSI from records, as htslib's hts.c makes them: one record after the other into dictionaries."""

import struct

NO_OFFSET = 2**64 - 1
REFERENCE_OPS = "MDN=X"


def bin_of(start, end, min_shift, depth):
    """The smallest bin of the scheme that holds [start, end)."""
    for level in range(depth, -1, -1):
        shift = min_shift + 3 * (depth - level)
        if start >> shift == (end - 1) >> shift:
            return (8**level - 1) // 7 + (start >> shift)
    return 0


def level_of(number):
    level = 0
    while (8 ** (level + 1) - 1) // 7 <= number:
        level += 1
    return level


def index(records, n_contigs, min_shift, depth, is_csi):
    """What follows the magic (and CSI's head) of an index; bins in ascending order.

    ``records`` : (contig or -1, start, bases of the reference, mapped?, virtual offsets of begin and end)
    """
    out = struct.pack("<i", n_contigs)
    for contig in range(n_contigs):
        here = [r for r in records if r[0] == contig]
        bins, windows, number = {}, {}, None
        for _, start, span, is_mapped, begin, end in here:
            stop = start + (max(span, 1) if is_mapped else 1)
            before, number = number, bin_of(start, stop, min_shift, depth)
            if number != before:
                bins.setdefault(number, []).append([begin, end])
            bins[number][-1][1] = end
            for window in range(start >> min_shift, ((stop - 1) >> min_shift) + 1):
                windows.setdefault(window, begin)
        linear = [windows.get(i, NO_OFFSET) for i in range(max(windows, default=-1) + 1)]
        for i in reversed(range(len(linear) - 1)):
            if linear[i] == NO_OFFSET:
                linear[i] = linear[i + 1]
        merge(bins, depth)
        out += struct.pack("<i", len(bins) + bool(bins))
        for number in sorted(bins):
            level = level_of(number)
            window = (number - (8**level - 1) // 7) * 8 ** (depth - level)
            out += struct.pack("<I", number)
            if is_csi:
                out += struct.pack("<Q", linear[window] if window < len(linear) else 0)
            out += struct.pack("<i", len(bins[number]))
            out += b"".join(struct.pack("<QQ", *chunk) for chunk in bins[number])
        if bins:
            out += struct.pack("<I", (8 ** (depth + 1) - 1) // 7 + 1)
            out += struct.pack("<Q", 0) if is_csi else b""
            n_mapped = sum(r[3] for r in here)
            out += struct.pack("<iQQQQ", 2, here[0][4], here[-1][5], n_mapped, len(here) - n_mapped)
        if not is_csi:
            out += struct.pack("<i", len(linear)) + b"".join(struct.pack("<Q", x) for x in linear)
    return out + struct.pack("<Q", sum(r[0] < 0 for r in records))


def merge(bins, depth):
    """Small bins into their parents, leaves first; then chunks that share a block."""
    for level in range(depth, 0, -1):
        for number in [n for n in bins if level_of(n) == level]:
            chunks, parent = sorted(bins[number]), (number - 1) >> 3
            if (chunks[-1][1] >> 16) - (chunks[0][0] >> 16) < 65536 and parent in bins:
                bins[parent] += bins.pop(number)
    for number, chunks in bins.items():
        merged = []
        for begin, end in sorted(chunks):
            if merged and merged[-1][1] >> 16 >= begin >> 16:
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([begin, end])
        bins[number] = merged
