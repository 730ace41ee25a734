"""Every array of a variant store: its name, dimensions, type, unit, missing value and meaning.

The caller fills these arrays region by region, ``store.variants`` writes and reads them, ``store.verify``
checks a store against them, ``formats.vcf`` takes header lines and columns from them, and the table in
docs/formats/vcf-zarr.md is printed from them (``markdown_table``). Nothing here reads or writes.

Names and dimensions follow the VCF Zarr specification 0.4; ``block_*`` arrays (spans without a variant)
are an extension that readers of VCF Zarr ignore.
"""

# ruff: noqa: E501 - the tables below read better with one array a line

from enum import Enum
from typing import Any, NamedTuple

import numpy as np

#: Version of this layout. A reader refuses another one; a change here needs a migration.
FORMAT_VERSION = "2"
#: Version of the VCF Zarr specification that the variant_*, call_* and label arrays follow.
VCF_ZARR_VERSION = "0.4"


class Origin(Enum):
    """Who makes an array."""

    CALLER = "caller"  # RegionCalls must hold it
    OPTIONAL = "optional"  # RegionCalls may hold it; the writer fills in missing values otherwise
    DERIVED = "derived"  # the writer computes it; RegionCalls need not hold it
    TRANSIENT = "transient"  # RegionCalls may hold it; the writer uses it and stores nothing under its name


class ArraySpec(NamedTuple):
    """One array of the store.

    name : name in the store and in RegionCalls
    dims : names of its dimensions; the first is "variants", "blocks" or that of a label array
    dtype : smallest type stored; integers are widened when a value needs it, never narrowed
    unit : unit of the values, "" if none
    missing : the value that says missing ("" if the array has none); ragged rows are filled up with the
        fill value of the type (-2, NaN 0x7F800002, "")
    meaning : one sentence, also the Description in the VCF header
    vcf : "INFO/DP", "FORMAT/GQ" ... or the fixed column it becomes; "" if it has no place in VCF
    number, type : Number and Type of the VCF header line ("" for fixed columns)
    decimals : places after the point that are kept of a float (VCF text then equals the store), -1: integer
    origin : who makes it
    """

    name: str
    dims: tuple[str, ...]
    dtype: str
    unit: str
    missing: str
    meaning: str
    vcf: str = ""
    number: str = ""
    type: str = ""
    decimals: int = -1
    origin: Origin = Origin.CALLER


#: Sizes of dimensions that do not depend on the data.
FIXED_DIMENSIONS = {"FORMAT_SB_dim": 4, "candidate_doses": 3, "candidate_sides": 2}
#: Ploidy that every store has room for; a pool's or a polyploid's store has more.
LEAST_PLOIDY = 2
#: Dimensions whose rows are as long as the row's alleles and ploidy ask for (``row_length``), filled up to the
#: longest.
RAGGED = ("alleles", "alt_alleles", "genotypes", "nonref_genotypes")
#: Dimensions whose rows say by their own fill how long they are: that is where a row's ploidy stands.
RAGGED_BY_PLOIDY = ("ploidy", "block_genotypes")

_V = ("variants",)
_C = ("variants", "samples")
_B = ("blocks",)
_FLOAT = "NaN 0x7F800001"


def _info(key: str, dtype: str, number: str, meaning: str, *, unit: str = "", decimals: int = -1,
          origin: Origin = Origin.OPTIONAL) -> ArraySpec:  # fmt: skip
    dims = (*_V, *{"A": ("alt_alleles",), "R": ("alleles",)}.get(number, ()))
    kinds = {"float32": ("Float", _FLOAT), "bool": ("Flag", ""), "string": ("String", ".")}
    kind, missing = kinds.get(dtype, ("Integer", "-1"))
    return ArraySpec(
        f"variant_{key}", dims, dtype, unit, missing, meaning, f"INFO/{key}", number, kind, decimals, origin
    )


def _format(key: str, dtype: str, number: str, meaning: str, *, unit: str = "",
            origin: Origin = Origin.CALLER) -> ArraySpec:  # fmt: skip
    ragged = {"R": ("alleles",), "G": ("genotypes",), "4": ("FORMAT_SB_dim",)}.get(number, ())
    return ArraySpec(
        f"call_{key}",
        (*_C, *ragged),
        dtype,
        unit,
        "-1",
        meaning,
        f"FORMAT/{key}",
        number,
        "Integer",
        -1,
        origin,
    )


#: One row per site, in the order of the reference (contig, then position, then alleles).
VARIANT_ARRAYS: tuple[ArraySpec, ...] = (
    ArraySpec("variant_contig", _V, "int8", "", "", "Index of the contig in contig_id", "CHROM"),
    ArraySpec("variant_position", _V, "int32", "1-based bp", "", "Position of the first base of REF", "POS"),
    ArraySpec("variant_id", _V, "string", "", ".", "Identifier of the variant", "ID", origin=Origin.OPTIONAL),
    ArraySpec(
        "variant_allele", (*_V, "alleles"), "string", "", "",
        "REF, then each ALT as bases; rows with fewer alleles are filled up with empty strings", "REF and ALT",
    ),
    ArraySpec(
        "variant_quality", _V, "float32", "Phred", _FLOAT,
        "Phred-scaled probability that the site has no variant", "QUAL", decimals=2,
    ),
    ArraySpec(
        "variant_filter", (*_V, "filters"), "bool", "", "",
        "Filters that apply, by filter_id; PASS is the first; none at all means not filtered", "FILTER",
    ),
    ArraySpec(
        "variant_length", _V, "int32", "bp", "", "Bases of the reference that the record spans: length of REF",
        origin=Origin.DERIVED,
    ),
    _info("DP", "int16", "1", "Combined depth across samples: reads that informed the site", unit="reads"),
    _info("AC", "int8", "A", "Allele count in genotypes, for each ALT allele", origin=Origin.DERIVED),
    _info("AF", "float32", "A", "Allele frequency, for each ALT allele", decimals=3, origin=Origin.DERIVED),
    _info("AN", "int8", "1", "Total number of alleles in called genotypes", origin=Origin.DERIVED),
    _info("MQ", "float32", "1", "Root mean square of the reads' mapping qualities", unit="Phred", decimals=2),
    _info("QD", "float32", "1", "Variant quality by depth of the samples that carry the variant",
          unit="Phred per read", decimals=2),
    _info("FS", "float32", "1", "Strand bias, Phred-scaled p-value of Fisher's exact test", unit="Phred", decimals=3),
    _info("SOR", "float32", "1", "Strand bias, symmetric odds ratio of a 2x2 table (natural logarithm)", decimals=3),
    _info("BaseQRankSum", "float32", "1", "Z-score of ALT against REF base qualities (Wilcoxon rank sum)", decimals=3),
    _info("MQRankSum", "float32", "1", "Z-score of ALT against REF mapping qualities (Wilcoxon rank sum)", decimals=3),
    _info("ReadPosRankSum", "float32", "1", "Z-score of ALT against REF positions in the read (Wilcoxon rank sum)",
          decimals=3),
    _info("STR", "bool", "0", "An indel by whole units of a tandem repeat"),
    _info("RU", "string", "1", "Unit of the tandem repeat that the indel lengthens or shortens, as in REF"),
    _info("RPA", "int8", "R", "Units of the tandem repeat in each allele, REF first", unit="units"),
    _info("HRun", "int8", "1", "Longest homopolymer of the reference that REF or the base before or behind it is part "
          "of, at most 100", unit="bp"),
    _info("ASKED", "int8", "A", "1 for ALT alleles that were asked for (--alleles), 0 for others"),
)  # fmt: skip

#: One row per site, a samples axis of length 1 behind it.
CALL_ARRAYS: tuple[ArraySpec, ...] = (
    ArraySpec(
        "call_genotype", (*_C, "ploidy"), "int8", "", "-1",
        "Genotype: indices into variant_allele, 0 is REF; -2 in the places behind the ploidy of the call",
        "FORMAT/GT", "1", "String",
    ),
    ArraySpec("call_genotype_phased", _C, "bool", "", "", "Whether the genotype's alleles are phased",
              "FORMAT/GT", "1", "String", origin=Origin.OPTIONAL),
    ArraySpec("call_genotype_mask", (*_C, "ploidy"), "bool", "", "", "Where call_genotype is missing or filled up",
              origin=Origin.DERIVED),
    _format("GQ", "int8", "1", "Genotype quality: Phred-scaled probability that the genotype is wrong, at most 99",
            unit="Phred"),
    _format("DP", "int16", "1", "Depth: reads of the sample that informed the site", unit="reads"),
    _format("AD", "int16", "R", "Reads that support each allele, REF first", unit="reads"),
    _format("ADF", "int16", "R", "Reads on the forward strand that support each allele, REF first", unit="reads",
            origin=Origin.OPTIONAL),
    _format("ADR", "int16", "R", "Reads on the reverse strand that support each allele, REF first", unit="reads",
            origin=Origin.OPTIONAL),
    _format("PL", "int16", "G", "Phred-scaled genotype likelihoods, the best genotype is 0, in the order of VCF",
            unit="Phred"),
    _format("PQ", "int8", "1", "Phasing quality: Phred-scaled probability that the alleles are in the wrong order "
            "within their phase set, at most 99", unit="Phred", origin=Origin.OPTIONAL),
    _format("PS", "int32", "1", "Phase set: position of its first site", unit="1-based bp", origin=Origin.OPTIONAL),
    _format("SB", "int16", "4", "Reads by strand: REF forward, REF reverse, ALT forward, ALT reverse", unit="reads",
            origin=Origin.OPTIONAL),
)  # fmt: skip

#: Rows of sites that only gVCF shows. No VCF Zarr name, so that readers of VCF Zarr pass them by.
GVCF_ARRAYS: tuple[ArraySpec, ...] = (
    ArraySpec(
        "nonref_PL", (*_C, "nonref_genotypes"), "int16", "Phred", "-1",
        "Phred-scaled likelihoods of the genotypes with any allele that the row does not name (<NON_REF>): they follow "
        "call_PL in the order of VCF", origin=Origin.OPTIONAL,
    ),
)  # fmt: skip

#: One row per reference block: a span where the sample was looked at and no variant was found. Bases in no
#: block and in no variant have no data. Sorted, without overlap.
BLOCK_ARRAYS: tuple[ArraySpec, ...] = (
    ArraySpec("block_contig", _B, "int8", "", "", "Index of the contig in contig_id", "CHROM"),
    ArraySpec("block_start", _B, "int32", "0-based bp", "", "First base of the block", "POS"),
    ArraySpec("block_end", _B, "int32", "0-based bp", "", "Base after the last of the block", "INFO/END", "1", "Integer"),
    ArraySpec("block_GQ", _B, "int8", "Phred", "-1", "Least genotype quality of 0/0 in the block", "FORMAT/GQ", "1",
              "Integer"),
    ArraySpec("block_DP", _B, "int16", "reads", "-1", "Median depth of the block, halves up", "FORMAT/DP", "1", "Integer"),
    ArraySpec("block_MIN_DP", _B, "int16", "reads", "-1", "Least depth in the block", "FORMAT/MIN_DP", "1", "Integer"),
    ArraySpec(
        "block_PL", (*_B, "block_genotypes"), "int16", "Phred", "-1",
        "Least Phred-scaled likelihood in the block of 0/0, 0/<*> and <*>/<*> (0 and <*> if haploid, -2 behind), "
        "each on its own", "FORMAT/PL", "G", "Integer",
    ),
    ArraySpec(
        "block_band", _B, "uint8", "", "",
        "Genotype quality band: where regions meet, the writer joins touching blocks of one band, so that the "
        "store does not depend on how the genome was cut into regions; without it nothing is joined",
        origin=Origin.TRANSIENT,
    ),
)  # fmt: skip


def _feature(key: str, dtype: str, meaning: str, *, dim: str = "", unit: str = "") -> ArraySpec:
    decimals = {"float32": 3}.get(dtype, -1)
    missing = _FLOAT if dtype == "float32" else ""
    dims = (
        ("candidates", f"candidate_{dim}")
        if dim in ("doses", "sides")
        else ("candidates", *filter(None, [dim]))
    )
    return ArraySpec(f"candidate_{key}", dims, dtype, unit, missing, meaning, decimals=decimals)


#: One row per site that was looked at, reported or not; in the store only if asked for (call --features). ALT is
#: what was called or, where nothing was, the likeliest ALT.
CANDIDATE_ARRAYS: tuple[ArraySpec, ...] = (
    _feature("contig", "int8", "Index of the contig in contig_id"),
    _feature("position", "int32", "Position of the first base of REF", unit="1-based bp"),
    _feature("ref", "string", "REF"),
    _feature("alt", "string", "ALTs, with commas between them"),
    _feature("called", "bool", "Whether the site is reported"),
    _feature("QUAL", "float32", "Probability that the site has no variant", unit="Phred"),
    _feature("GQ", "int8", "Probability that the likeliest genotype is wrong", unit="Phred"),
    _feature("PL", "float32", "Likelihood of the best genotype without ALT, with ALT and others, with ALTs only; the best "
             "is 0", dim="doses", unit="Phred"),
    _feature("n_alts", "int8", "ALTs that were weighed at the site"),
    _feature("haplotypes", "int16", "Candidate haplotypes of the site's region"),
    _feature("DP", "int16", "Reads that informed the site", unit="reads"),
    _feature("SB", "int16", "REF forward, REF reverse, ALT forward, ALT reverse", dim="FORMAT_SB_dim", unit="reads"),
    _feature("MQ", "float32", "Root mean square of the reads' mapping qualities", unit="Phred"),
    _feature("FS", "float32", "Strand bias, p-value of Fisher's exact test", unit="Phred"),
    _feature("SOR", "float32", "Strand bias, symmetric odds ratio (natural logarithm)"),
    _feature("BaseQRankSum", "float32", "Z-score of ALT against REF base qualities"),
    _feature("MQRankSum", "float32", "Z-score of ALT against REF mapping qualities"),
    _feature("ReadPosRankSum", "float32", "Z-score of ALT against REF positions in the read"),
    _feature("mean_BQ", "float32", "Mean base quality at POS of reads with REF, with ALT", dim="sides", unit="Phred"),
    _feature("mean_MQ", "float32", "Mean mapping quality of reads with REF, with ALT", dim="sides", unit="Phred"),
    _feature("mean_end_distance", "float32", "Mean distance of POS from the nearer end of reads with REF, with ALT",
             dim="sides", unit="bp"),
    _feature("length", "int32", "Length of the first ALT less that of REF", unit="bp"),
    _feature("period", "int8", "Unit of the tandem repeat behind POS, 0 if none", unit="bp"),
    _feature("tract", "int16", "Length of that repeat, 0 if none", unit="bp"),
    _feature("HRun", "int8", "As variant_HRun", unit="bp"),
    _feature("GC", "float32", "Share of G and C within 50 bp of POS"),
)  # fmt: skip

#: Labels: one row per contig, filter or sample, and the index of regions.
LABEL_ARRAYS: tuple[ArraySpec, ...] = (
    ArraySpec("contig_id", ("contigs",), "string", "", "", "Name of the contig", origin=Origin.DERIVED),
    ArraySpec("contig_length", ("contigs",), "int64", "bp", "", "Length of the contig", origin=Origin.DERIVED),
    ArraySpec("contig_md5", ("contigs",), "string", "", "", "M5 of SAM: MD5 of the upper-case sequence",
              origin=Origin.DERIVED),
    ArraySpec("filter_id", ("filters",), "string", "", "", "Name of the filter; the first is PASS",
              origin=Origin.DERIVED),
    ArraySpec("filter_description", ("filters",), "string", "", "", "What the filter means", origin=Origin.DERIVED),
    ArraySpec("sample_id", ("samples",), "string", "", "", "Name of the sample", origin=Origin.DERIVED),
    ArraySpec(
        "region_index", ("region_index_values", "region_index_fields"), "int32", "1-based bp", "",
        "For each chunk and contig: chunk, contig, first and last position, largest end, number of rows",
        origin=Origin.DERIVED,
    ),
)  # fmt: skip

#: Everything with a row per site.
ROW_ARRAYS: tuple[ArraySpec, ...] = VARIANT_ARRAYS + CALL_ARRAYS + GVCF_ARRAYS
ARRAYS: tuple[ArraySpec, ...] = ROW_ARRAYS + BLOCK_ARRAYS + CANDIDATE_ARRAYS + LABEL_ARRAYS
BY_NAME: dict[str, ArraySpec] = {spec.name: spec for spec in ARRAYS}
#: What every store has.
STORED: tuple[ArraySpec, ...] = tuple(
    spec for spec in ROW_ARRAYS + BLOCK_ARRAYS + LABEL_ARRAYS if spec.origin is not Origin.TRANSIENT
)


def numpy_dtype(spec: ArraySpec) -> np.dtype:
    """Return the NumPy type of an array (strings are ``StringDType``)."""
    return np.dtypes.StringDType() if spec.dtype == "string" else np.dtype(spec.dtype)


def n_genotypes(n_alleles: Any, ploidy: Any = 2) -> Any:
    """Return the number of genotypes of ``n_alleles`` alleles (ints or arrays): the length of a PL row.

    Examples
    --------
    >>> n_genotypes(3), n_genotypes(3, 1), n_genotypes(7, 6)
    (6, 3, 924)
    """
    number = np.ones_like(n_alleles * np.asarray(ploidy))
    for k in range(int(np.max(ploidy, initial=0))):
        number = np.where(k < np.asarray(ploidy), number * (n_alleles + k) // (k + 1), number)
    return number if number.ndim else int(number)


def row_length(dim: str, n_alleles: Any, ploidy: Any = 2) -> Any:
    """Return how long a row of ``n_alleles`` alleles (ints or arrays) is along a dimension of RAGGED.

    Examples
    --------
    >>> row_length("nonref_genotypes", 2), row_length("nonref_genotypes", 2, 1)
    (3, 1)
    """
    lengths = {
        "alleles": lambda n, _: n,
        "alt_alleles": lambda n, _: n - 1,
        "genotypes": n_genotypes,
        "nonref_genotypes": lambda n, p: n_genotypes(n + 1, p) - n_genotypes(n, p),
    }
    return lengths[dim](n_alleles, ploidy)


def markdown_table() -> str:
    """Return the table of stored and transient arrays for docs/formats/vcf-zarr.md."""
    lines = [
        "| array | dimensions | type | unit | missing | VCF | made by | meaning |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for spec in ARRAYS:
        cells = (
            f"`{spec.name}`", ", ".join(spec.dims), spec.dtype, spec.unit, spec.missing, spec.vcf,
            spec.origin.value, spec.meaning,
        )  # fmt: skip
        lines.append(
            f"| {' | '.join(cells)} |".replace("<*>", "`<*>`")
            .replace("<NON_REF>", "`<NON_REF>`")
            .replace("|  |", "| |")
            .replace("|  |", "| |")
        )
    return "\n".join(lines)
