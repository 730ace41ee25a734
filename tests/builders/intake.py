"""Small real files as people bring them, a reference that they are on, and ways to spoil them."""

import hashlib
import json
import random
import subprocess
from pathlib import Path

import pysam

CONTIGS = {"1": 40_000, "2": 30_000, "MT": 16_569}
DIGEST = "Zy1QnEx7cR3bH8sT0uVwKpLmJd5fA2gN"


def reference(
    folder: Path, name: str = "tiny", digest: str = DIGEST, contigs: dict[str, int] = CONTIGS
) -> Path:
    """Write the table of a reference directory; its bases are not needed to recognise a file."""
    place = folder / f"{name}.ref"
    place.mkdir(parents=True)
    rows = [
        {"name": contig, "length": length, "md5": md5(name, contig)} for contig, length in contigs.items()
    ]
    table = {"format_version": 1, "digest": digest, "source": f"{name}.fa.gz", "contigs": rows}
    (place / "reference.json").write_text(json.dumps(table))
    return place


def md5(genome: str, contig: str) -> str:
    return hashlib.md5(f"{genome} {contig}".encode()).hexdigest()


def bam(
    path: Path,
    sample: str | None = "NA12878",
    contigs: dict[str, int] = CONTIGS,
    n_reads: int = 300,
    *,
    index: str | None = "bai",
    md5s: dict[str, str] | None = None,
    varied: bool = False,
) -> Path:
    """Write a sorted BAM (or CRAM, by its name) of reads spread over all contigs, and its index."""
    squares = [
        {"SN": name, "LN": length, **({"M5": md5s[name]} if md5s else {})} for name, length in contigs.items()
    ]
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": squares}
    header["PG"] = [{"ID": "bwa", "PN": "bwa", "VN": "0.7", "CL": "bwa mem"}]
    if sample:
        header["RG"] = [{"ID": "a", "SM": sample, "PL": "ILLUMINA"}]
    cram = path.suffix == ".cram"
    mode = "wc" if cram else "wb"
    options = {"format_options": [b"no_ref=1"]} if cram else {}
    with pysam.AlignmentFile(str(path), mode, header=header, **options) as out:
        per_contig = n_reads // len(contigs)
        for number, length in enumerate(contigs.values()):
            for i in range(per_contig):
                read = pysam.AlignedSegment(out.header)
                read.query_name = f"r{number}.{i}"
                read.reference_id = number
                read.reference_start = i * (length - 200) // per_contig
                read.mapping_quality, read.cigarstring = 60, "100M"
                read.query_sequence = "".join(random.choices("ACGT", k=100)) if varied else "ACGT" * 25
                read.query_qualities = pysam.qualitystring_to_array("I" * 100)
                out.write(read)
        for i in range(7):
            read = pysam.AlignedSegment(out.header)
            read.query_name, read.flag = f"u{i}", 4
            read.query_sequence, read.query_qualities = "ACGT", pysam.qualitystring_to_array("IIII")
            out.write(read)
    if index == "csi":
        pysam.index("-c", str(path))
    elif index:
        pysam.index(str(path))
    return path


def vcf_text(
    samples: tuple[str, ...] = ("NA12878",),
    contigs: dict[str, int] = CONTIGS,
    *,
    lengths: bool = True,
    n: int = 90,
) -> str:
    lines = ["##fileformat=VCFv4.3", '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines += [
        f"##contig=<ID={c},length={length}>" if lengths else f"##contig=<ID={c}>"
        for c, length in contigs.items()
    ]
    lines.append(
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])
    )
    for contig, length in contigs.items():
        for i in range(n // len(contigs)):
            row = [contig, str(1 + i * (length // (n + 1))), ".", "A", "C", "50", "PASS", ".", "GT"]
            lines.append("\t".join([*row, *(["0/1"] * len(samples))]))
    return "\n".join(lines) + "\n"


def vcf(path: Path, text: str | None = None, *, index: str | None = "tbi", kind: str = "z") -> Path:
    """Write a VCF or BCF in BGZF with its index."""
    plain = path.with_name(f".{path.name}.txt")
    plain.write_text(text or vcf_text())
    subprocess.run(["bcftools", "view", "--no-version", f"-O{kind}", "-o", path, plain], check=True)
    plain.unlink()
    if index:
        subprocess.run(["bcftools", "index", *(["-t"] if index == "tbi" else []), path], check=True)
    return path
