"""Plain twin of kernels/foreign.py: records taken apart with struct, one after the other."""

import struct

OPERATIONS_ON_REFERENCE, OPERATIONS_ON_READ = "MDN=X", "MISH=X"
GOOD, WRONG_LENGTH, BEYOND_CONTIG = 0, 1, 2
STRUCT_CODES = {"A": "c", "c": "b", "C": "B", "s": "h", "S": "H", "i": "i", "I": "I", "f": "f"}


def record_starts(data):
    raw, starts = bytes(data), [0]
    while starts[-1] + 4 <= len(raw):
        end = starts[-1] + 4 + struct.unpack_from("<I", raw, starts[-1])[0]
        if end > len(raw):
            break
        starts.append(end)
    return starts


def fields(data, start):
    """One record as a dictionary."""
    raw = bytes(data)
    size, contig, position, l_name, quality, _, n_ops, flag, n_bases, _, _, length = struct.unpack_from(
        "<IiiBBHHHIiii", raw, start
    )
    at = start + 36
    name = raw[at : at + l_name - 1]
    at += l_name
    cigar = list(struct.unpack_from(f"<{n_ops}I", raw, at))
    at += 4 * n_ops
    nibbles = [nibble for byte in raw[at : at + (n_bases + 1) // 2] for nibble in (byte >> 4, byte & 15)]
    at += (n_bases + 1) // 2
    quals = list(raw[at : at + n_bases])
    tags = read_tags(raw[at + n_bases : start + 4 + size])
    codes = [{1: 0, 2: 1, 4: 2, 8: 3}.get(nibble, 4) for nibble in nibbles[:n_bases]]
    return {
        "contig": contig, "start": position, "mapping_quality": quality, "flag": flag,
        "template_length": length, "name": name, "cigar": cigar, "codes": codes, "quals": quals, "tags": tags,
    }  # fmt: skip


def read_tags(raw):
    tags, at = {}, 0
    while at < len(raw):
        name, kind = raw[at : at + 2].decode("latin-1"), chr(raw[at + 2])
        at += 3
        if at >= len(raw):
            raise ValueError(f"no value of {name}")
        if kind in "ZH":
            end = raw.index(0, at)
            tags[name] = (kind, raw[at:end])
            at = end + 1
        elif kind == "B":
            code, n = chr(raw[at]), struct.unpack_from("<I", raw, at + 1)[0]
            at += 5 + n * struct.calcsize(STRUCT_CODES[code])
            if at > len(raw):
                raise ValueError(f"{n} elements of {name} do not fit")
            tags[name] = (kind, None)
        else:
            code = STRUCT_CODES[kind]
            tags[name] = (kind, struct.unpack_from(f"<{code}", raw, at)[0])
            at += struct.calcsize(code)
    return tags


def number_templates(data, starts):
    names = [fields(data, start)["name"] for start in starts[:-1]]
    numbers = []
    for i, name in enumerate(names):
        numbers.append(0 if i == 0 else numbers[-1] + (name != names[i - 1]))
    return numbers


def read_columns(data, starts, ids):
    """Rows of what the kernel writes to columns, in their order."""
    rows = []
    for start in starts[:-1]:
        record = fields(data, start)
        tags = record["tags"]
        scores = [tags[t][1] if t in tags and tags[t][0] in "cCsSiI" else 0 for t in ("AS", "XS")]
        group = tags.get("RG", ("Z", None))[1]
        rows.append((
            record["flag"], record["contig"], record["start"], record["mapping_quality"],
            record["template_length"], len(record["codes"]), len(record["cigar"]), *scores,
            ids.index(group) if group in ids else -1,
        ))  # fmt: skip
    return rows


def copy_cigars(data, starts, order, keeps_hard_clips):
    """A list of words for each row."""
    rows = []
    for record, keeps in zip(order, keeps_hard_clips, strict=True):
        words = fields(data, starts[record])["cigar"]
        rows.append([word for word in words if keeps or word & 15 != 5])
    return rows


def check_rows(cigars, read_lengths, start, room):
    """``cigars`` as lists of words; (problem, row)."""
    for row, words in enumerate(cigars):
        bases = {
            operations: sum(word >> 4 for word in words if "MIDNSHP=X"[word & 15] in operations)
            for operations in (OPERATIONS_ON_READ, OPERATIONS_ON_REFERENCE)
        }
        if words and bases[OPERATIONS_ON_READ] != read_lengths[row]:
            return WRONG_LENGTH, row
        if words and (start[row] < 0 or start[row] + bases[OPERATIONS_ON_REFERENCE] > room[row]):
            return BEYOND_CONTIG, row
    return GOOD, len(cigars)


def copy_reads(data, starts, records):
    """(codes, qualities) of each record, as sequenced."""
    reads = []
    for record in records:
        found = fields(data, starts[record])
        codes, quals = found["codes"], found["quals"]
        if found["flag"] & 16:
            codes, quals = [3 - code if code < 4 else code for code in reversed(codes)], quals[::-1]
        reads.append((codes, quals))
    return reads
