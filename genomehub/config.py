"""Parameters of each stage, one frozen dataclass per stage: the only home of defaults.

The command line and the workflow read their defaults from here; a result's catalogue entry records the
whole dataclass (``as_dict``). Constants that come from a paper or a tool name it.
"""

import dataclasses
from typing import Any

from genomehub.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class IndexConfig:
    """Seed index of a reference.

    syncmer_length, smer_length : bp; a k-mer is a seed if the middle one of its s-mers is its smallest, so
        one position in k - s + 1 is. The difference must be even, k at most 31
    partner_first, partner_last : a seed is linked to one of the syncmers this many syncmers downstream
    """

    syncmer_length: int = 20
    smer_length: int = 16
    partner_first: int = 3
    partner_last: int = 9


@dataclasses.dataclass(frozen=True)
class ReadConfig:
    """Reads on their way to the aligner. Tails are aligned around and kept as soft clips.

    comments : what follows a FASTQ read's name are SAM tags that its records carry (bwa mem: -C)
    trim_adapters : look for adapters at the ends of reads
    trim_poly_g : bp that a tail of G must have to be clipped; 0: none is
    min_mate_overlap : bp that mates must overlap to tell that their template is shorter (fastp: 30)
    min_adapter : bp of a known adapter that must stand at a read's end where mates do not tell
    bases_per_mismatch : overlaps and adapters may have one mismatch for so many bases
    """

    comments: bool = False
    trim_adapters: bool = False
    trim_poly_g: int = 0
    min_mate_overlap: int = 30
    min_adapter: int = 8
    bases_per_mismatch: int = 10

    @property
    def trims(self) -> bool:
        """Whether tails are looked for."""
        return self.trim_adapters or self.trim_poly_g > 0


@dataclasses.dataclass(frozen=True)
class AlignConfig:
    """Reads to alignments. Scores and mapping quality are on bwa-mem's scale.

    match, mismatch, gap_open, gap_extend : score of a base; a gap of k bases loses gap_open + k * gap_extend
    end_bonus : what reaching an end of the read is worth when alignments compete (bwa: clipping penalty)
    min_score : a read whose best alignment scores less is unmapped
    min_mate_score : what is enough for one mate of a proper pair if the other has min_score
    max_read_length : bp; longer reads are refused; at most 4095, as kernels keep places in a read in 12 bits
    max_frequency : a syncmer found at most so often is used as it is; a more frequent one needs its partner
    max_pair_frequency : a syncmer with its partner that is found more often is left for the second look
    max_linked_frequency : a syncmer found more often is not looked up even with its partner
    rescue_frequency : the second look takes seeds, rarest first, up to this frequency
    rescue_fraction : a read gets a second look if less than this part of its seeds was used
    max_hits : bound on the placed seeds of one read
    max_candidates : bound on the chains of one read that are scored
    max_gapped : bound on the chains of one read that are aligned with gaps
    min_chain_ratio : chains that cover less than this part of the best chain's bases are dropped
    max_gap : bp, how far apart the diagonals of one chain may lie
    narrow_band : bp, half the band of alignment for chains on one diagonal
    unpaired_penalty : what a pair loses if its ends are not placed as a pair (bwa: -U)
    max_rescues : bound on the placements of one end whose neighbourhood is searched for the mate
    min_mates : confident pairs needed to estimate insert sizes
    default_insert_mean, default_insert_sd : bp, the model if there are fewer
    soft_clip_supplementary : keep all bases in supplementary rows (bwa: -Y); else they are hard-clipped
    max_other_places : other places of a read that the XA tag lists, none if more (bwa: -h); 0: no tag
    max_alt_places : the same where one of them lies on an ALT contig
    other_place_ratio : part of the row's score that another place must have to be listed
    """

    match: int = 1
    mismatch: int = 4
    gap_open: int = 6
    gap_extend: int = 1
    end_bonus: int = 5
    min_score: int = 30
    min_mate_score: int = 20
    max_read_length: int = 1000
    max_frequency: int = 8
    max_pair_frequency: int = 40
    max_linked_frequency: int = 4000
    rescue_frequency: int = 400
    rescue_fraction: float = 0.35
    max_hits: int = 1400
    max_candidates: int = 48
    max_gapped: int = 6
    min_chain_ratio: float = 0.3
    max_gap: int = 100
    narrow_band: int = 24
    unpaired_penalty: int = 17
    max_rescues: int = 8
    min_mates: int = 25
    default_insert_mean: float = 400.0
    default_insert_sd: float = 120.0
    soft_clip_supplementary: bool = False
    max_other_places: int = 5
    max_alt_places: int = 200
    other_place_ratio: float = 0.8

    def __post_init__(self) -> None:
        if not 0 < self.max_read_length <= 4095:
            raise ConfigError(
                f"max_read_length {self.max_read_length}: a read has 1 to 4095 bases here. "
                "Use another aligner for long reads."
            )


#: Choices of SortConfig.duplicate_tags.
DUPLICATE_TAGS = ("none", "optical", "all")


@dataclasses.dataclass(frozen=True)
class SortConfig:
    """Alignments to a sorted, duplicate-marked file.

    templates_per_batch : templates that are aligned and encoded at a time
    bin_bp : bases of the genome whose records are sorted at a time
    duplicate_bins : bins whose duplicates are decided at a time
    spill_buffer_bytes : records held in memory before they are spilled to their bins
    min_duplicate_quality : Phred from which a base counts when the best of duplicates is chosen (picard: 15)
    optical_distance : pixels within which duplicates of a tile are optical (picard: 100; patterned flow cells
        need 2,500)
    duplicate_tags : which duplicates are told apart by a DT tag, SQ for optical ones and LB for others:
        "none", "optical" or "all" (picard: TAGGING_POLICY)
    level, cram_level : compression of BAM and of CRAM, 1 (quick) to 9 (small)
    """

    templates_per_batch: int = 2**15
    bin_bp: int = 2**21
    duplicate_bins: int = 16
    spill_buffer_bytes: int = 2**28
    min_duplicate_quality: int = 15
    optical_distance: int = 100
    duplicate_tags: str = "none"
    level: int = 1
    cram_level: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.optical_distance < 2**20:
            raise ConfigError(
                f"optical_distance {self.optical_distance}: is counted in pixels, 0 to {2**20 - 1}. Use 100, "
                "or 2500 for patterned flow cells."
            )
        if self.duplicate_tags not in DUPLICATE_TAGS:
            raise ConfigError(
                f'duplicate_tags "{self.duplicate_tags}": is none of {", ".join(DUPLICATE_TAGS)}. Name one '
                "of them."
            )


#: Largest share of another person's reads that can be told from the sample's own second allele.
MAX_CONTAMINATION = 0.3


@dataclasses.dataclass(frozen=True)
class CallConfig:
    """Alignments to genotypes. Qualities and costs are Phred, depths in reads or templates.

    Reads
    min_mapping_quality : MAPQ below which a read is not looked at
    min_base_quality : bases below do not count in pileups, and ends of reads below are cut
    missing_base_quality : what a read without qualities (255) is taken for
    max_starts : reads that may begin within 100 bp of the genome; of more, a fixed draw by name is taken, so
        that depth ends at about 5 times the reads' length and memory and time are bounded
    min_read_length : bp of a read within an active region's surroundings below which it takes no part
    max_reads : reads of one active region that are compared; of more, a draw by name is taken
    Active regions
    min_support, min_support_fraction : templates, and share of those at the place, that must show a change
    min_event_fraction : share of a region's templates that must have an event for it to enter haplotypes
    min_clip_length, min_clips, min_clip_fraction : soft clips that make a place active: bp, reads, share
    activity_log10 : log10 likelihood of a heterozygote over the reference that makes a base active
    merge_distance : active places closer than this share a region
    max_region : longer regions are cut
    max_tract : a region grows over the tandem repeats it touches, at most so far on each side
    max_unit, min_copy : it grows over repeats of units of more than 8 bp, too, and is assembled then: longest
        unit, bp; matching bases, less three times the differing ones, that make a copy
    Haplotypes and likelihoods
    flank : bp around a region within which reads are compared
    realign_gap, realign_part : a read that differs is tried with a gap of up to so many bp (kernels.realign),
        if so many bases lie on both sides of it
    max_haplotypes : candidates of one region, the reference among them; assembled ones come on top
    assembly_kmers : k of the local assembly, tried in turn until the graph has no cycle
    assembly_flank : bp around a region within which reads are assembled
    max_paths : likeliest paths of a region's graph that become haplotypes
    clip_reach : bp around a soft clip that its region holds, so that both ends of a deletion share one
    min_spanning : reads that must span a region for it to do without assembly
    max_gap_open : cost of a gap outside of repeats (repeats: variants.likelihoods)
    calibrate : measure gap costs in repeats on the sample before calling (variants.error_model)
    calibration_cells, calibration_cell_bp : number and span of the stretches they are measured on
    gap_open : the costs, by unit length (0-8) and repeats (0-20); empty: the defaults of variants.likelihoods
    low_base_quality, lowered_base_quality : bases below the former are compared with the latter
    Genotypes
    ploidy : chromosomes of the sample, 1 to 6; more than 2 for a pool or a polyploid
    snv_rate, indel_rate : probability that a base is heterozygous for one (repeats: variants.likelihoods)
    contamination : share of templates that are another person's; None: measured before calling
        (variants.contamination)
    fragment_cap : Phred, most that one template can hold against an allele
    mapping_weight : share of a template's MAPQ that caps it too
    poor_rate, poor_error : expected errors per bp of a read that belongs, Phred per error; a read that fits
        all haplotypes worse takes no part
    min_quality : sites below this QUAL are not reported
    max_genotype_quality : cap of GQ
    Phase
    phase_reach : bp between two heterozygous sites up to which fragments link them
    phase_neighbours : following sites that a site is linked with
    phase_fragment_cap : Phred, most that one template can say for or against a link
    phase_quality : Phred that links must reach to join a site to a phase set
    Filters
    low_quality : QUAL below: LowQual
    low_depth : DP below: LowDepth
    high_depth : DP above the contig's median by so many standard deviations: HighDepth
    strand_bias_snv, strand_bias_indel : FS above: StrandBias
    low_mapping_quality : MQ below: LowMQ
    read_bias_share_snv, read_bias_share_indel, read_bias_z : an ALT beside REF that a smaller share of reads
        has, and a rank-sum z below: ReadBias
    Reference blocks and partitions
    block_bands : lower bounds of the GQ bands that blocks are cut at
    partition_bp : span of one task; calls do not depend on it
    padding_bp : reads are looked at so far beyond a partition
    """

    min_mapping_quality: int = 20
    min_base_quality: int = 10
    missing_base_quality: int = 20
    max_starts: int = 500
    min_read_length: int = 15
    max_reads: int = 1000
    min_support: int = 2
    min_support_fraction: float = 0.06
    min_event_fraction: float = 0.03
    min_clip_length: int = 6
    min_clips: int = 3
    min_clip_fraction: float = 0.15
    activity_log10: float = 0.0
    merge_distance: int = 25
    max_region: int = 200
    max_tract: int = 100
    max_unit: int = 80
    min_copy: int = 15
    flank: int = 60
    realign_gap: int = 100
    realign_part: int = 12
    max_haplotypes: int = 24
    assembly_kmers: tuple[int, ...] = (15, 25, 35, 45, 55, 65, 75, 85, 95)
    assembly_flank: int = 100
    max_paths: int = 8
    clip_reach: int = 20
    min_spanning: int = 4
    max_gap_open: int = 45
    calibrate: bool = True
    calibration_cells: int = 150
    calibration_cell_bp: int = 20_000
    gap_open: tuple[tuple[int, ...], ...] = ()
    low_base_quality: int = 18
    lowered_base_quality: int = 6
    ploidy: int = 2
    snv_rate: float = 1e-3
    indel_rate: float = 1.25e-4
    contamination: float | None = 0.0
    fragment_cap: float = 45.0
    mapping_weight: float = 1.0
    poor_rate: float = 0.03
    poor_error: float = 40.0
    min_quality: float = 3.0
    max_genotype_quality: int = 99
    phase_reach: int = 700
    phase_neighbours: int = 5
    phase_fragment_cap: float = 20.0
    phase_quality: int = 20
    low_quality: float = 10.4
    low_depth: int = 3
    high_depth: float = 5.0
    strand_bias_snv: float = 60.0
    strand_bias_indel: float = 200.0
    low_mapping_quality: float = 25.0
    read_bias_share_snv: float = 0.25
    read_bias_share_indel: float = 0.25
    read_bias_z: float = -4.5
    block_bands: tuple[int, ...] = (0, 1, 10, 20, 30, 40)
    partition_bp: int = 200_000
    padding_bp: int = 1_500

    def __post_init__(self) -> None:
        if self.contamination is not None and not 0 <= self.contamination <= MAX_CONTAMINATION:
            raise ConfigError(
                f"contamination {self.contamination:g}: is the share of reads that are another person's, 0 "
                f"to {MAX_CONTAMINATION:g}. With more, sample and contaminant cannot be told apart."
            )


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """Calls against truth.

    cluster_gap : bp of reference between variants (and everywhere they can be shifted to) that make two
        clusters; variants of different clusters are not compared
    max_states : states that the search of a cluster follows; beyond it only the best (and the report says so)
    roc_points : most thresholds in a table of precision and recall by quality
    """

    cluster_gap: int = 50
    max_states: int = 4096
    roc_points: int = 200


@dataclasses.dataclass(frozen=True)
class QcConfig:
    """Alignments and calls to quality metrics (docs/qc.md defines each metric).

    partition_bp : span of one task, rounded to whole windows; metrics do not depend on it
    n_windows : about so many windows of the coverage profile in the whole genome
    max_cycles : read positions that are told apart; later ones are left out of the plots by cycle
    max_insert : bp, longest insert that is counted on its own
    max_depth : depths above are counted as this one in the histogram (not in the mean)
    gc_window : bp of the windows in which depth is compared with GC content
    """

    partition_bp: int = 4_000_000
    n_windows: int = 2_000
    max_cycles: int = 512
    max_insert: int = 20_000
    max_depth: int = 5_000
    gc_window: int = 100


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """Turnaround per genome (docs/benchmarks.md writes down the model).

    genome_bp, depth, read_length : the genome that is extrapolated to: bases, mean depth, bases of a read
    price_per_core_hour : money; cloud machines cost 0.03-0.06 US dollars per core and hour on demand
    """

    genome_bp: int = 3_100_000_000
    depth: float = 30.0
    read_length: int = 150
    price_per_core_hour: float = 0.04


def as_dict(config: Any) -> dict[str, Any]:
    """Return a stage's parameters as a plain dictionary, for TOML, JSON and the catalogue."""
    return dataclasses.asdict(config)
