"""Plain twin of kernels/read_metrics.py: counts over pysam reads, one after the other, in lists and dicts."""

from collections import Counter

MATCHES = (0, 7, 8)


def flagstat(reads):
    """{row of FLAGSTAT: [passed, failed]}; a twin of the loop in samtools, in other words."""
    rows = Counter()
    for r in reads:
        column = int(r.is_qcfail)
        primary = not r.is_secondary and not r.is_supplementary
        paired = primary and r.is_paired
        both = paired and not r.is_unmapped and not r.mate_is_unmapped
        away = both and r.next_reference_id != r.reference_id
        facts = {
            "total": True,
            "primary": primary,
            "secondary": r.is_secondary,
            "supplementary": r.is_supplementary and not r.is_secondary,
            "duplicates": r.is_duplicate,
            "primary_duplicates": primary and r.is_duplicate,
            "mapped": not r.is_unmapped,
            "primary_mapped": primary and not r.is_unmapped,
            "paired": paired,
            "read1": paired and r.is_read1,
            "read2": paired and r.is_read2,
            "properly_paired": paired and r.is_proper_pair and not r.is_unmapped,
            "both_mapped": both,
            "singletons": paired and not r.is_unmapped and r.mate_is_unmapped,
            "mate_on_other_contig": away,
            "mate_on_other_contig_mapq5": away and r.mapping_quality >= 5,
        }
        for name, is_true in facts.items():
            rows[name, column] += bool(is_true)
    return rows


def counts_depth(read):
    """Whether a read adds depth."""
    return not (read.is_unmapped or read.is_secondary or read.is_qcfail or read.is_duplicate)


def depth(reads, contig, length):
    """Depth of each base of a contig."""
    found = [0] * length
    for read in reads:
        if read.reference_id == contig and counts_depth(read):
            place = read.reference_start
            for op, n in read.cigartuples or ():
                if op in MATCHES:
                    for i in range(place, min(place + n, length)):
                        found[i] += 1
                if op in (*MATCHES, 2, 3):
                    place += n
    return found


def cycle_qualities(reads):
    """{(end, cycle, quality): bases} of primary reads, cycles as sequenced."""
    counts = Counter()
    for read in reads:
        if read.is_secondary or read.is_supplementary or read.query_qualities is None:
            continue
        quals = list(read.query_qualities)
        for cycle, quality in enumerate(quals[::-1] if read.is_reverse else quals):
            counts[int(read.is_read2), cycle, quality] += 1
    return counts


def edits(reads):
    """(sum of NM, aligned, inserted, deleted bases) of primary mapped reads that have NM."""
    total = [0, 0, 0, 0]
    for read in reads:
        if read.is_secondary or read.is_supplementary or read.is_unmapped or not read.has_tag("NM"):
            continue
        total[0] += read.get_tag("NM")
        for op, n in read.cigartuples or ():
            total[1] += n * (op in MATCHES)
            total[2] += n * (op == 1)
            total[3] += n * (op == 2)
    return total
