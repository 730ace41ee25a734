"""Split reads, other places and ALT contigs are reported as bwa mem reports them; picard finds no fault."""

import collections
import subprocess

import numpy as np
import pysam
import pytest
from builders.reads import mutate, random_codes, real_slice, reverse_complement

from genomehub.formats.fastq import Lane, default_read_group
from genomehub.pipeline.align import align
from genomehub.pipeline.reference import build_reference

pytestmark = pytest.mark.parity

LENGTH = 150


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, **options).stdout


def letters(codes):
    return "".join("ACGTN"[code] for code in codes)


def write_pairs(folder, fragments, rng):
    """(name, fragment) to pairs of either order with 0.5 % errors."""
    with (folder / "1.fq").open("w") as first, (folder / "2.fq").open("w") as second:
        for i, (name, fragment) in enumerate(fragments):
            pair = [fragment[:LENGTH], reverse_complement(fragment[-LENGTH:])]
            pair = [mutate(rng, read, 0.005) for read in pair][:: 1 if rng.random() < 0.5 else -1]
            for file, read in zip((first, second), pair, strict=True):
                file.write(f"@{name}:{i}\n{letters(read)}\n+\n{'I' * LENGTH}\n")


def split_fragments(rng, genome, n):
    """Fragments of 400 +- 50 bases that a break goes through, by kind."""
    for kind in ("chimera", "deletion", "inversion", "whole"):
        for _ in range(n if kind != "inversion" else n // 10):
            a, b = rng.integers(1000, genome.size - 4000, 2)
            size, cut = int(rng.normal(400, 50)), int(rng.integers(30, 320))
            fragment = genome[a : a + size]
            if kind == "chimera":
                rest = genome[b : b + size - cut]
                rest = rest if rng.random() < 0.5 else reverse_complement(rest)
                fragment = np.concatenate([fragment[:cut], rest])
            elif kind == "deletion":
                gap = int(rng.choice([40, 60, 80, 100, 200, 500, 2000]))
                fragment = np.concatenate([fragment[:cut], genome[a + cut + gap : a + gap + size]])
            elif kind == "inversion":
                turned = reverse_complement(genome[a + cut : a + cut + 500])
                fragment = np.concatenate([fragment[:cut], turned, genome[a + cut + 500 :][:size]])[:size]
            yield kind, fragment


def alt_genome(rng):
    """Primary contigs, three ALT contigs (0.5 to 4 % away, one with 2 kbp of its own), a decoy."""
    one, two = (np.minimum(real_slice(*span), 3) for span in ((480_000, 600_000), (700_000, 760_000)))
    own = mutate(rng, one[30_000:60_000], 0.02)
    return {
        "chr1": one,
        "chr2": two,
        "chr1_alt1": np.concatenate([own[:15_000], random_codes(rng, 2000), own[15_000:]]),
        "chr1_alt2": mutate(rng, one[40_000:50_000], 0.005),
        "chr1_alt3": mutate(rng, one[62_000:72_000], 0.04),
        "decoy": random_codes(rng, 5000),
    }


def fragments_of(rng, contigs, n):
    for name, codes in contigs.items():
        for _ in range(n):
            size = int(rng.normal(400, 50))
            start = int(rng.integers(0, codes.size - size))
            yield name, codes[start : start + size]


def align_both(folder, contigs):
    """Align 1.fq and 2.fq with bwa mem and with us; {(name, is_read2): rows, the primary first} of each."""
    genome = folder / "genome.fa"
    genome.write_text("".join(f">{name}\n{letters(codes)}\n" for name, codes in contigs.items()))
    run("bwa", "index", genome)
    (folder / "bwa.sam").write_bytes(run("bwa", "mem", genome, folder / "1.fq", folder / "2.fq"))
    reference = build_reference(genome, folder / "genome.ref")
    group = default_read_group(str(folder / "1.fq"), "s", "s", "ILLUMINA")
    lane = Lane(group, str(folder / "1.fq"), str(folder / "2.fq"))
    align(reference.path, [lane], folder / "ours.bam", threads=1)
    run("samtools", "faidx", genome)
    run("samtools", "dict", genome, "-o", folder / "genome.dict")
    return rows_of(folder / "bwa.sam"), rows_of(folder / "ours.bam")


def rows_of(path):
    rows = collections.defaultdict(list)
    with pysam.AlignmentFile(str(path)) as file:
        for record in file.fetch(until_eof=True):
            rows[record.query_name, record.is_read2].append(record)
    return {key: sorted(mine, key=lambda r: r.is_supplementary) for key, mine in rows.items()}


def near(a, b):
    """Whether two rows are one place: clipping may differ at one end."""
    if (a.reference_id, a.is_reverse) != (b.reference_id, b.is_reverse):
        return False
    return abs(a.reference_start - b.reference_start) <= 10 or abs(a.reference_end - b.reference_end) <= 10


def picard_finds_nothing(folder):
    return b"No errors found" in run(
        "PicardCommandLine", "ValidateSamFile", f"I={folder / 'ours.bam'}", f"R={folder / 'genome.fa'}",
        "MODE=SUMMARY",
    )  # fmt: skip


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("split"), np.random.default_rng(31)
    genome = real_slice(500_000, 1_000_000)
    write_pairs(folder, split_fragments(rng, genome, 800), rng)
    return folder, *align_both(folder, {"20": genome})


@pytest.fixture(scope="module")
def alternate(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("alt"), np.random.default_rng(32)
    contigs = alt_genome(rng)
    alt = [name for name in contigs if name not in ("chr1", "chr2")]
    lines = [f"{name}\t0\tchr1\t1\t60\t*\t*\t0\t0\t*\t*\n" for name in alt]
    (folder / "genome.fa.alt").write_text("@HD\tVN:1.0\n" + "".join(lines))
    write_pairs(folder, fragments_of(rng, contigs, 500), rng)
    return folder, *align_both(folder, contigs)


def supplementary(rows):
    return [row for row in rows if row.is_supplementary]


def test_split_reads__rows_as_bwa(split):
    _, bwa, ours = split
    n, found, proper, mates, quality, clips, extra, swapped = np.zeros(8, np.int64)
    for key, theirs in bwa.items():
        mine = ours[key]
        swapped += not near(mine[0], theirs[0])
        extra += sum(not any(near(row, other) for other in theirs) for row in supplementary(mine))
        for row in supplementary(theirs):
            same = [other for other in supplementary(mine) if near(row, other)]
            n += 1
            for other in same[:1]:
                found += 1
                proper += row.is_proper_pair == other.is_proper_pair
                mates += row.next_reference_start == other.next_reference_start
                quality += abs(row.mapping_quality - other.mapping_quality) <= 5
                clips += row.cigarstring == other.cigarstring
    assert n > 700
    assert found >= 0.97 * n
    assert extra <= 0.01 * n
    assert swapped <= 0.002 * len(bwa)
    assert min(proper, mates, quality, clips) >= 0.97 * found


def test_split_reads__sa_names_all_other_rows(split):
    _, _, ours = split
    for mine in ours.values():
        for row in mine:
            texts = row.get_tag("SA").split(";")[:-1] if row.has_tag("SA") else []
            places = [text.split(",") for text in texts]
            others = [other for other in mine if other is not row]
            assert [(int(p[1]), p[2], p[3], int(p[4]), int(p[5])) for p in places] == [
                (
                    other.reference_start + 1, "-" if other.is_reverse else "+",
                    other.cigarstring.replace("H", "S"), other.mapping_quality, other.get_tag("NM"),
                )
                for other in others
            ]  # fmt: skip


def test_split_reads__duplicate_flags_follow_the_template(split):
    _, _, ours = split
    assert all(len({row.is_duplicate for row in mine}) == 1 for mine in ours.values())


def test_split_reads__picard_finds_nothing(split):
    assert picard_finds_nothing(split[0])


def test_alt_contigs__rows_as_bwa(alternate):
    _, bwa, ours = alternate
    n, found, sure = np.zeros(3, np.int64)
    ratios = same_ratio = listed = same_list = 0
    for key, theirs in bwa.items():
        mine = ours[key]
        if near(mine[0], theirs[0]):
            sure += abs(mine[0].mapping_quality - theirs[0].mapping_quality) <= 5
            if theirs[0].has_tag("pa"):
                ratios += 1
                # AS differs by up to the end bonus where bwa extends an alignment to the read's end.
                same_ratio += (
                    mine[0].has_tag("pa") and abs(mine[0].get_tag("pa") - theirs[0].get_tag("pa")) < 0.1
                )
            if theirs[0].has_tag("XA"):
                listed += 1
                same_list += mine[0].has_tag("XA") and set(mine[0].get_tag("XA").split(";")) == set(
                    theirs[0].get_tag("XA").split(";")
                )
        for row in supplementary(theirs):
            n += 1
            found += any(near(row, other) and row.cigarstring == other.cigarstring for other in mine)
    assert sure >= 0.98 * len(bwa)
    assert n > 800
    assert found >= 0.98 * n
    assert ratios > 500
    assert same_ratio >= 0.98 * ratios
    assert listed > 100
    assert same_list >= 0.9 * listed


def test_alt_contigs__header_marks_them_as_bwa_does(alternate):
    folder, _, _ = alternate
    marked = []
    for name in ("bwa.sam", "ours.bam"):
        with pysam.AlignmentFile(str(folder / name)) as file:
            marked.append([(line["SN"], line.get("AH")) for line in file.header["SQ"]])
    assert marked[0] == marked[1]
    assert [name for name, value in marked[0] if value] == ["chr1_alt1", "chr1_alt2", "chr1_alt3", "decoy"]


def test_alt_contigs__picard_finds_nothing(alternate):
    assert picard_finds_nothing(alternate[0])
