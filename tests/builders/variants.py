"""Calls of a region, stores and VCF text, made small and by rule, for tests of store, VCF and evaluation."""

import itertools

import numpy as np
from plain import genotype as plain

from genomehub.store.variants import VariantStoreWriter
from genomehub.types import FLOAT32_MISSING, Contig, Interval, RegionCalls

CONTIGS = (Contig("1", 50_000, "a" * 32, "SQ.a"), Contig("2", 9_000, "b" * 32, "SQ.b"))
FILTERS = {"LowQual": "Quality is low", "LowDepth": 'Depth below "5"'}
_STRINGS = np.dtypes.StringDType()


def region_calls(sites, blocks=(), n_filters=3):
    """RegionCalls of sites (contig, position, alleles, genotype) and blocks (contig, start, end[, band])."""
    arrays = block_arrays(blocks)
    return RegionCalls(variants(sites, n_filters), arrays, edge_depths=edge_depths(arrays))


def variants(sites, n_filters=3):
    """Arrays of sites; every value follows from the site's position, so that rows can be told apart."""
    n, width = len(sites), max([2, *(len(alleles) for _, _, alleles, _ in sites)])
    position = np.array([position for _, position, _, _ in sites], dtype=np.int64)
    alleles = np.full((n, width), "", dtype=_STRINGS)
    for i, (_, _, texts, _) in enumerate(sites):
        alleles[i, : len(texts)] = texts
    n_genotypes = width * (width + 1) // 2
    repeats = np.where((position % 4 == 0)[:, None], position[:, None] % 30 + np.arange(width), -1)
    genotypes = np.array([genotype for *_, genotype in sites], dtype=np.int64).reshape(n, 1, 2)
    filters = np.zeros((n, n_filters), dtype=bool)
    filters[np.arange(n), position % n_filters] = True
    likelihoods = (position[:, None, None] * 7 + 31 * np.arange(n_genotypes)) % 900
    likelihoods[:, :, 0] = 0
    rank_sum = ((position % 100) / 17.0 - 2).astype(np.float32)
    rank_sum[position % 3 == 0] = FLOAT32_MISSING
    return {
        "variant_contig": np.array([contig for contig, *_ in sites], dtype=np.int64),
        "variant_position": position,
        "variant_allele": alleles,
        "variant_quality": (position * 1.237).astype(np.float32),
        "variant_filter": filters,
        "variant_DP": position % 90,
        "variant_MQ": (position % 60 + 0.123456).astype(np.float32),
        "variant_MQRankSum": rank_sum,
        "variant_STR": position % 4 == 0,
        "variant_RU": np.where(position % 4 == 0, "CA", ".").astype(_STRINGS),
        "variant_RPA": repeats,
        "variant_HRun": position % 9,
        "call_genotype": genotypes,
        "call_GQ": position[:, None] % 100,
        "call_DP": position[:, None] % 80,
        "call_AD": (position[:, None, None] + np.arange(width)) % 70,
        "call_ADF": (position[:, None, None] + np.arange(width)) % 40,
        "call_ADR": (position[:, None, None] + np.arange(width)) % 30,
        "call_PL": likelihoods,
        "nonref_PL": (position[:, None, None] * 11 + 17 * np.arange(width + 1)) % 900,
        "call_SB": np.where((position % 2 == 0)[:, None, None], -1, np.arange(4)),
    }


def block_arrays(blocks):
    """Arrays of blocks (contig, start, end[, band]), from values of each base: so a cut block joins again."""
    rows = np.array([(*block, 1)[:4] for block in blocks], dtype=np.int64).reshape(-1, 4)
    contig, start, end, band = rows.T
    bases = [np.arange(first, last) for first, last in zip(start, end, strict=True)]

    def least(modulus, offset):
        return np.array([offset + int((at % modulus).min(initial=modulus)) for at in bases], dtype=np.int64)

    depth = np.array([plain.median(depths(at).tolist() or [0]) for at in bases], dtype=np.int64)
    return {
        "block_contig": contig, "block_start": start, "block_end": end,
        "block_GQ": least(97, 1), "block_DP": depth,
        "block_MIN_DP": least(89, 5),
        "block_PL": np.stack([least(1, 0), least(997, 60), least(1009, 600)], axis=1),
        "block_band": band,
    }  # fmt: skip


def depths(at):
    """Depth of bases."""
    return 30 + at // 40 % 7


def edge_depths(arrays):
    """RegionCalls.edge_depths of block_arrays."""
    rows = []
    for edge, at in ((0, 0), (1, -1)):
        if arrays["block_start"].size:
            each = depths(np.arange(arrays["block_start"][at], arrays["block_end"][at]))
            rows += [(edge, depth, int((each == depth).sum())) for depth in sorted({*each.tolist()})]
    return np.array(rows, np.int64).reshape(-1, 3)


def random_sites(n, seed, contigs=CONTIGS):
    """At most n sites in order, some indels and multiallelic ones, apart, every genotype valid."""
    rng = np.random.default_rng(seed)
    places = sorted(
        {(int(c), int(rng.integers(1, contigs[c].length - 20))) for c in rng.integers(0, len(contigs), n)}
    )
    sites = []
    for contig, position in places:
        if sites and sites[-1][0] == contig and position < sites[-1][1] + 6:
            continue
        ref = "ACGTAC"[: rng.choice([1, 1, 1, 4])]
        alts = ["T" + ref, ref + "GG", "C" if ref != "C" else "G"]
        alleles = (ref, *alts[: rng.choice([1, 1, 1, 2, 3])])
        genotype = rng.integers(0, len(alleles), 2)
        genotype[1] = max(genotype[1], 1)
        sites.append((contig, position, alleles, tuple(int(a) for a in genotype)))
    return sites


def blocks_between(sites, contigs=CONTIGS, bands=(1, 2), step=400):
    """Blocks of at most ``step`` bp that cover every base that no site starts at, bands taking turns."""
    blocks = []
    for index, contig in enumerate(contigs):
        edges = sorted({0, contig.length, *range(step, contig.length, step)})
        starts = {position - 1 for c, position, *_ in sites if c == index}
        edges = sorted({*edges, *starts, *(start + 1 for start in starts)})
        for number, (start, end) in enumerate(itertools.pairwise(edges)):
            if start not in starts:
                blocks.append((index, start, end, bands[number % len(bands)]))
    return blocks


def cut(sites, blocks, region):
    """The calls of one region: sites that start in it, blocks cut at its ends."""
    mine = [site for site in sites if site[0] == region.contig_index and region.start < site[1] <= region.end]
    pieces = [
        (contig, max(start, region.start), min(end, region.end), *band)
        for contig, start, end, *band in blocks
        if contig == region.contig_index and start < region.end and end > region.start
    ]
    return region_calls(mine, pieces)


def regions_of(size, contigs=CONTIGS):
    """All contigs cut into regions of ``size`` bp."""
    return [
        Interval(i, start, min(start + size, contig.length))
        for i, contig in enumerate(contigs)
        for start in range(0, contig.length, size)
    ]


def make_writer(path, regions, contigs=CONTIGS, **others):
    given = {
        "sample": "S1",
        "reference_digest": "digest",
        "filters": FILTERS,
        "source_attrs": {"caller": "test"},
    }
    given |= others
    return VariantStoreWriter(
        path,
        given["sample"],
        contigs,
        given["reference_digest"],
        given["filters"],
        regions,
        given["source_attrs"],
        with_candidates=given.get("with_candidates", False),
        depth_filter=given.get("depth_filter"),
    )


def make_store(path, sites, blocks=(), regions=None, contigs=CONTIGS, order=None, **others):
    """Write a store region by region, in the order given, and return its path."""
    regions = regions or regions_of(max(contig.length for contig in contigs), contigs)
    writer = make_writer(path, regions, contigs, **others)
    for index in order or range(len(regions)):
        writer.write_region(index, cut(sites, blocks, regions[index]))
    return writer.finalise()


def vcf_text(records, contigs=(("1", 50_000),), samples=("S1",), header=()):
    """VCF text of records (contig, position, ref, alt, genotype[, quality[, filter]]) or whole lines."""
    lines = ["##fileformat=VCFv4.2", *header]
    lines += [f"##contig=<ID={name},length={length}>" for name, length in contigs]
    lines.append(
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])
    )
    for record in records:
        if isinstance(record, str):
            lines.append(record)
            continue
        contig, position, ref, alt, genotype, quality, passing = (
            (*record, 50, "PASS")[:7] if len(record) == 5 else (*record, "PASS")[:7]
        )
        calls = [f"{genotype}:40"] * len(samples)
        lines.append(
            "\t".join(map(str, [contig, position, ".", ref, alt, quality, passing, ".", "GT:GQ", *calls]))
        )
    return "\n".join(lines) + "\n"
