"""Small references, BAM and CRAM files with every kind of record, for tests of what reads them."""

import array
import random

import numpy as np
import pysam

from genomehub.store.reference import Reference, write_contigs

READ_GROUPS = [
    {"ID": "lane1", "SM": "NA1", "LB": "libA", "PL": "ILLUMINA"},
    {"ID": "lane2", "SM": "NA1", "LB": "libB", "PL": "ILLUMINA"},
]


def make_reference(folder, sequences):
    """Reference directory (without seeds) of {name: sequence}."""
    folder.mkdir(parents=True)
    pieces = [(name, np.frombuffer(text.encode(), np.uint8)) for name, text in sequences.items()]
    write_contigs(folder, pieces, lambda n: None).write_table("test", {})
    return Reference.open(folder)


def random_sequence(length, seed):
    """Letters ACGT."""
    return "".join(random.Random(seed).choices("ACGT", k=length))


def header(sequences, sort_order="coordinate", read_groups=READ_GROUPS):
    """pysam header for {name: sequence or length}."""
    contigs = [
        {"SN": name, "LN": text if isinstance(text, int) else len(text)} for name, text in sequences.items()
    ]
    return pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": sort_order}, "SQ": contigs, "RG": read_groups}
    )


def random_reads(head, n_reads, seed, sequences=None):
    """``n_reads`` records in coordinate order: clips, gaps, skips, ambiguity codes, tags of all types,
    unmapped ones beside their mates, and some without a place at the end. With ``sequences`` aligned bases
    are those of the reference, so that CRAM can hold them."""
    rng = random.Random(seed)
    places = sorted(
        (contig, rng.randrange(max(1, head.lengths[contig] - 400)))
        for contig in (rng.randrange(head.nreferences) for _ in range(n_reads - n_reads // 20))
    )
    reads = [_placed(head, rng, i, *place, sequences) for i, place in enumerate(places)]
    return reads + [_unplaced(head, rng, n_reads + i) for i in range(n_reads // 20)]


def _placed(head, rng, number, contig, start, sequences):
    read = _unplaced(head, rng, number)
    read.reference_id, read.reference_start = contig, start
    read.flag = rng.choice([99, 147, 83, 163, 73, 0, 16, 1024 + 99, 256, 2048 + 16, 4 + 1 + 64, 512 + 16])
    if not read.is_paired:
        read.next_reference_id, read.next_reference_start = -1, -1
    else:
        read.next_reference_id, read.next_reference_start = (
            rng.randrange(head.nreferences),
            rng.randrange(100),
        )
    read.template_length = rng.randrange(-500, 500)
    read.mapping_quality = rng.randrange(61)
    if read.is_unmapped:
        return read
    length, left = read.query_length, rng.randrange(10)
    gap, middle = rng.randrange(1, 9), rng.randrange(12, 20)
    right = length - left - middle - gap
    shapes = [
        [(4, left), (0, middle), (1, gap), (0, right)],
        [(5, 3), (0, middle), (2, 7), (0, length - middle)],
        [(7, left), (8, 1), (3, 50), (7, length - left - 1)],
        [(0, length)],
    ]
    read.cigartuples = [(op, n) for op, n in rng.choice(shapes) if n > 0]
    if sequences is not None:
        _match_reference(read, sequences[head.references[contig]])
    return read


def _unplaced(head, rng, number):
    read = pysam.AlignedSegment(head)
    length = rng.choice([40, 41, 75, 100])
    read.query_name = f"{rng.choice(['a', 'run:7:FC:1:1101'])}:{number // 2}"
    read.flag = 77 if number % 2 else 141
    read.query_sequence = "".join(rng.choices("ACGTNRYM", [30, 30, 30, 30, 1, 1, 1, 1], k=length))
    if rng.random() < 0.9:
        read.query_qualities = pysam.qualitystring_to_array(
            "".join(chr(33 + rng.randrange(42)) for _ in range(length))
        )
    tags = [
        ("XA", "chr1,+100,40M,1;", "Z"), ("XB", array.array("i", [1, -2, 300000])), ("XC", 3.5, "f"),
        ("XD", "q", "A"), ("NM", rng.choice([0, 3, 200, 40000, 100000]), "i"),
        ("XE", -5, "i"), ("XF", -3000, "i"),
        ("RG", rng.choice(["lane1", "lane2", "lane2", "other"]), "Z"),
    ]  # fmt: skip
    read.set_tags(rng.sample(tags, rng.randrange(len(tags) + 1)))
    return read


def _match_reference(read, sequence):
    quals = read.query_qualities
    letters = list(read.query_sequence)
    for query, place, _ in read.get_aligned_pairs(with_cigar=True):
        if query is not None and place is not None and query % 7:
            letters[query] = sequence[place]
    read.query_sequence = "".join(letters)
    read.query_qualities = quals


def write_bam(path, head, reads, index="bai"):
    """BAM of ``reads`` as they come; ``index`` is "bai", "csi" or None."""
    with pysam.AlignmentFile(str(path), "wb", header=head) as out:
        for read in reads:
            out.write(read)
    if index:
        pysam.index("-c" if index == "csi" else "-b", str(path))
    return path


def write_cram(path, head, reads, reference, index=True):
    """CRAM of ``reads`` with the FASTA of a Reference."""
    with pysam.AlignmentFile(str(path), "wc", header=head, reference_filename=str(reference.fasta)) as out:
        for read in reads:
            out.write(read)
    if index:
        pysam.index(str(path))
    return path
