"""Plain twin of kernels/decode.py: records as pysam sees them, field by field, in Python lists."""

CODES = {"A": 0, "C": 1, "G": 2, "T": 3}


def fnv1a(name):
    """64-bit FNV-1a of a read name."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def decode_read(read, contig_map, group_ids):
    """A pysam.AlignedSegment as {field of Records: value}; ragged fields are lists."""
    length = read.query_length
    aligned = sum(n for op, n in read.cigartuples or () if op in (0, 2, 3, 7, 8))
    group = read.get_tag("RG") if read.has_tag("RG") else None
    return {
        "contig_index": contig_map[read.reference_id] if read.reference_id >= 0 else -1,
        "start": read.reference_start,
        "end": read.reference_start + (0 if read.is_unmapped else aligned),
        "flag": read.flag,
        "mapping_quality": read.mapping_quality,
        "cigars": [n << 4 | op for op, n in read.cigartuples or ()],
        "bases": [CODES.get(letter, 4) for letter in read.query_sequence or ""],
        "quals": list(read.query_qualities) if read.query_qualities is not None else [255] * length,
        "mate_contig_index": contig_map[read.next_reference_id] if read.next_reference_id >= 0 else -1,
        "mate_start": read.next_reference_start,
        "template_length": read.template_length,
        "name_hash": fnv1a(read.query_name),
        "read_group": group_ids.index(group) if group in group_ids else -1,
        "edit_distance": read.get_tag("NM") if read.has_tag("NM") else -1,
    }


def rows(records):
    """Records as a list of what ``decode_read`` gives."""
    result = []
    for i in range(len(records.start)):
        row = {}
        for name in records._fields:
            if name in ("cigars", "bases", "quals"):
                starts = records.cigar_offsets if name == "cigars" else records.offsets
                row[name] = getattr(records, name)[starts[i] : starts[i + 1]].tolist()
            elif not name.endswith("offsets"):
                row[name] = int(getattr(records, name)[i])
        result.append(row)
    return result


def overlaps(read, contig, start, end):
    """Whether a read counts as overlapping a span; one placed beside its mate covers a single base."""
    if read.reference_id != contig:
        return False
    aligned = sum(n for op, n in read.cigartuples or () if op in (0, 2, 3, 7, 8))
    return read.reference_start < end and read.reference_start + max(aligned, 1) > start
