"""A made-up genome with the repeats that part aligners, of any size, a contig at a time.

    python benchmarks/simulate_genome.py hard400.fa --size hard400      4 contigs, 400 Mbp
    python benchmarks/simulate_genome.py human.fa --size human          24 contigs as in GRCh38, 3.09 Gbp
    python benchmarks/simulate_genome.py small.fa --lengths 20e6 5e6

What is in it, by share of the genome (about, as in the human one):

- unique sequence in isochores of 33 to 58 % GC, half of all;
- copies of 314 repeat families (short, long and other transposons), mostly 5 to 20 % from their family's
  sequence; one in nine is young: 0.1 to 5 %, evenly on a logarithmic scale;
- segmental duplications, 2.5 %: 5 to 50 kbp, 0.05 to 5 % apart, within a contig and from earlier ones;
- satellite arrays: units of 12 monomers of 171 bp, the monomers 20 % and the units 0.5 to 2 % apart;
- micro- and minisatellites every 3 to 4 kbp; 10 kbp of N at the ends of contigs of 1 Mbp and more.

Of changes 12 % are indels; transitions are twice as likely as either transversion. The same sizes and seed
give the same bytes. About 40 s of CPU a Gbp, and memory for the longest contig three times.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

#: Lengths of GRCh38's chromosomes 1 to 22, X and Y in bp.
HUMAN = (
    248_956_422, 242_193_529, 198_295_559, 190_214_555, 181_538_259, 170_805_979, 159_345_973, 145_138_636,
    138_394_717, 133_797_422, 135_086_622, 133_275_309, 114_364_328, 107_043_718, 101_991_189, 90_338_345,
    83_257_441, 80_373_285, 58_617_616, 64_444_167, 46_709_983, 50_818_468, 156_040_895, 57_227_415,
)  # fmt: skip
SIZES = {"tiny": (1_500_000, 500_000), "hard400": (100_000_000,) * 4, "human": HUMAN}
SEED = 17

_LETTERS = np.frombuffer(b"ACGTN", np.uint8)
_A, _C, _G, _T, _N = range(5)
_LINE_WIDTH = 100
_STEPS = 8192  # steps drawn at a time: a step is unique sequence, perhaps a tandem repeat, perhaps a copy
_UNIQUE_BP, _ISOCHORE_STEPS = 620, 160
_INDEL_SHARE, _LONGER_INDEL = 0.12, 0.4
_DUPLICATED, _FROM_EARLIER, _KEPT_SEGMENTS = 0.025, 0.4, 400
_END_N_BP = 10_000


class Families(NamedTuple):
    """Sequences that repeats are copied from.

    bases : (n_bases,) uint8 codes 0 to 3, all families one after the other
    start, length : (n_families,) int64 into bases
    kind : (n_families,) int64: 0 short, 1 long, 2 other transposons
    weight : (n_families,) float64, share of the kind's copies
    """

    bases: np.ndarray
    start: np.ndarray
    length: np.ndarray
    kind: np.ndarray
    weight: np.ndarray

    def draw(self, kind: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A family of each kind, (n,) int64."""
        chosen = np.zeros(kind.size, np.int64)
        for number in range(3):
            of_kind, there = np.flatnonzero(self.kind == number), kind == number
            chosen[there] = rng.choice(of_kind, int(there.sum()), p=self.weight[of_kind])
        return chosen


class Pieces(NamedTuple):
    """Stretches of sequence, a row each: ``length`` bases of bases[start : start + period], over and over.

    start, period : int64 into the bases they are copied from; period 0 is unique sequence
    phase : int64, first base within the period
    length : int64, bp
    reverse : bool
    divergence : float64, share of changed bases
    """

    start: np.ndarray
    period: np.ndarray
    phase: np.ndarray
    length: np.ndarray
    reverse: np.ndarray
    divergence: np.ndarray


# --- sequence -----------------------------------------------------------------------------------------------
def random_bases(rng: np.random.Generator, gc: np.ndarray | float, n: int) -> np.ndarray:
    """Draw n bases; ``gc`` is the share of G and C, one for all or one for each base."""
    u = rng.random(n, dtype=np.float32)
    at = np.float32(1) - np.asarray(gc, np.float32)
    return (
        (u >= at / 2) * np.uint8(_T) - (u >= at) * np.uint8(_T - _C) + (u >= (1 + at) / 2) * np.uint8(_G - _C)
    )


def deplete_cpg(rng: np.random.Generator, bases: np.ndarray) -> np.ndarray:
    """Turn four of five CpG into TpG or CpA, as methylation does."""
    at = np.flatnonzero((bases[:-1] == _C) & (bases[1:] == _G))
    u = rng.random(at.size)
    bases[at[u < 0.4]] = _T
    bases[at[(u >= 0.4) & (u < 0.8)] + 1] = _A
    return bases


def reverse_complement(bases: np.ndarray) -> np.ndarray:
    """The other strand of codes 0 to 3; N stays."""
    return np.where(bases == _N, _N, 3 - bases).astype(np.uint8)[::-1]


def mutate(rng: np.random.Generator, bases: np.ndarray, divergence: np.ndarray | float) -> np.ndarray:
    """Change bases: substitutions, and indels of 1 bp and more (geometric), (m,) uint8."""
    u = rng.random(bases.size, dtype=np.float32)
    share = np.asarray(divergence, np.float32)
    changed = np.flatnonzero((u < share * (1 - _INDEL_SHARE)) & (bases != _N))
    out = bases.copy()
    out[changed] = (out[changed] + rng.choice(np.array([2, 2, 1, 3], np.uint8), changed.size)) & 3
    at = np.flatnonzero(u > 1 - share * _INDEL_SHARE)
    length = rng.geometric(_LONGER_INDEL, at.size)
    inserted = rng.random(at.size) < 0.5
    deleted = np.unique(spans(at[~inserted], length[~inserted]))
    deleted = deleted[deleted < out.size]
    before = np.repeat(at[inserted], length[inserted])
    out = np.delete(out, deleted)
    new = rng.integers(0, 4, before.size, dtype=np.uint8)
    return np.insert(out, before - np.searchsorted(deleted, before), new)


def spans(start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """All numbers of the spans, one span after the other.

    Examples
    --------
    >>> spans(np.array([5, 20]), np.array([2, 3])).tolist()
    [5, 6, 20, 21, 22]
    """
    ends = np.cumsum(length)
    total = int(ends[-1]) if ends.size else 0
    return np.arange(total) + np.repeat(start - ends + length, length)


# --- what is repeated ---------------------------------------------------------------------------------------
def make_families(rng: np.random.Generator) -> Families:
    """Draw the families of a genome: related short and long ones, with tails of A, and unrelated others."""
    sequences: list[np.ndarray] = []
    root = deplete_cpg(rng, random_bases(rng, 0.60, 290))
    for _ in range(24):
        sequences.append(np.append(mutate(rng, root, rng.uniform(0.03, 0.15)), np.zeros(18, np.uint8)))
    sequences += [deplete_cpg(rng, random_bases(rng, 0.45, 260)) for _ in range(10)]
    for number in range(60):
        if number % 10 == 0:
            root = deplete_cpg(rng, random_bases(rng, 0.40, 6000))
        sequences.append(np.append(mutate(rng, root, rng.uniform(0.02, 0.12)), np.zeros(20, np.uint8)))
    for _ in range(220):
        n, gc = int(rng.integers(250, 3000)), rng.uniform(0.36, 0.52)
        sequences.append(deplete_cpg(rng, random_bases(rng, gc, n)))
    length = np.array([sequence.size for sequence in sequences])
    kind = np.repeat([0, 1, 2], [34, 60, 220])
    weight = rng.lognormal(0, 1, kind.size)
    weight /= np.bincount(kind, weight)[kind]
    return Families(np.concatenate(sequences), np.cumsum(length) - length, length, kind, weight)


def draw_copies(rng: np.random.Generator, families: Families, n: int) -> Pieces:
    """Draw copies of families as genomes hold them: long ones cut at their starts, others anywhere."""
    kind = np.searchsorted([0.66, 0.86], rng.random(n))
    family = families.draw(kind, rng)
    whole = families.length[family]
    start, length = np.zeros(n, np.int64), whole.copy()
    cut = (kind == 0) & (rng.random(n) < 0.25)
    start[cut] = 200 * rng.random(int(cut.sum()))
    cut = (kind == 1) & (rng.random(n) >= 0.03)
    start[cut] = np.maximum(0, whole[cut] - 150 - rng.exponential(950, int(cut.sum())))
    length -= start
    ended = (kind == 1) & (rng.random(n) < 0.3)
    length[ended] = np.maximum(100, length[ended] * rng.random(int(ended.sum())))
    part = (kind == 2) & (rng.random(n) < 0.6)
    length[part] = np.maximum(80, length[part] * rng.random(int(part.sum())))
    start[part] = (whole[part] - length[part]) * rng.random(int(part.sum()))
    divergence = np.where(rng.random(n) < 0.96, rng.uniform(0.05, 0.20, n), rng.uniform(0.01, 0.05, n))
    young = rng.random(n) < 0.114
    divergence[young] = _log_uniform(rng, 0.001, 0.05, int(young.sum()))
    return Pieces(
        families.start[family] + start, length, np.zeros(n, np.int64), length, rng.random(n) < 0.5, divergence
    )


def draw_tandems(rng: np.random.Generator, n: int, first: int) -> tuple[Pieces, np.ndarray]:
    """Draw tandem repeats; their units come back too and are to be laid at ``first`` of the bases."""
    what = rng.random(n)
    satellite, mini = what < 1e-4, (what >= 1e-4) & (what < 0.03)
    period = rng.choice([1, 1, 1, 2, 2, 2, 3, 4, 4, 4, 5, 6], n)
    length = np.where(period == 1, 8 + rng.exponential(9, n), 12 + rng.exponential(16, n)).astype(np.int64)
    divergence = np.where((period > 1) & (rng.random(n) < 0.5), 0.03, 0.0)
    period[mini] = rng.integers(8, 60, int(mini.sum()))
    length[mini] = period[mini] * rng.integers(4, 25, int(mini.sum()))
    divergence[mini] = rng.uniform(0.01, 0.15, int(mini.sum()))
    units = [rng.integers(0, 4, p, dtype=np.uint8) for p in period.tolist()]
    for k in np.flatnonzero((period == 1) & (rng.random(n) < 0.8)):
        units[k][0] = _A
    for k in np.flatnonzero(satellite):
        monomer = rng.integers(0, 4, 171, dtype=np.uint8)
        units[k] = np.concatenate([mutate(rng, monomer, 0.2) for _ in range(12)])
        period[k], divergence[k] = units[k].size, rng.uniform(0.005, 0.02)
        length[k] = period[k] * rng.integers(20, 150)
    start = first + np.cumsum(period) - period
    zero = np.zeros(n, np.int64)
    pieces = Pieces(start, period, zero, length, rng.random(n) < 0.5, divergence)
    return pieces, np.concatenate(units) if units else np.empty(0, np.uint8)


def _log_uniform(rng: np.random.Generator, low: float, high: float, n: int) -> np.ndarray:
    return np.exp(rng.uniform(np.log(low), np.log(high), n))


# --- contigs ------------------------------------------------------------------------------------------------
def draw_stretch(rng: np.random.Generator, families: Families) -> np.ndarray:
    """The sequence of some steps: unique, a tandem repeat after one in five, a copy after most."""
    n = _STEPS
    unique_length = rng.exponential(_UNIQUE_BP, n).astype(np.int64) + 5
    isochore = np.cumsum(rng.random(n) < 1 / _ISOCHORE_STEPS)
    gc = np.clip(rng.normal(0.405, 0.05, isochore[-1] + 1), 0.33, 0.58)[isochore]
    has_tandem, has_copy = rng.random(n) < 0.206, rng.random(n) < 0.88
    tandems, units = draw_tandems(rng, int(has_tandem.sum()), families.bases.size)
    copies = draw_copies(rng, families, int(has_copy.sum()))
    zero = np.zeros(n, np.int64)
    unique = Pieces(zero, zero, zero, unique_length, zero.astype(bool), zero.astype(float))
    order = np.argsort(
        np.concatenate(
            [3 * np.arange(n), 3 * np.flatnonzero(has_tandem) + 1, 3 * np.flatnonzero(has_copy) + 2]
        )
    )
    pieces = Pieces(
        *(np.concatenate(columns)[order] for columns in zip(unique, tandems, copies, strict=True))
    )
    all_gc = np.concatenate([gc, gc[has_tandem], gc[has_copy]])[order]
    return write_pieces(rng, pieces, all_gc, np.concatenate([families.bases, units]))


def write_pieces(rng: np.random.Generator, pieces: Pieces, gc: np.ndarray, bases: np.ndarray) -> np.ndarray:
    """The sequence of pieces one after the other, each base changed by its piece's divergence."""
    out = random_bases(rng, np.repeat(gc.astype(np.float32), pieces.length), int(pieces.length.sum()))
    copied = pieces.period > 0
    start = (np.cumsum(pieces.length) - pieces.length)[copied]
    length, period, source = pieces.length[copied], pieces.period[copied], pieces.start[copied]
    # Base j of a piece is base (phase + j) of its unit; on the other strand j counts from the end.
    step = np.where(pieces.reverse[copied], -1, 1)
    origin = np.where(pieces.reverse[copied], length - 1, 0) + pieces.phase[copied]
    within = spans(np.zeros(length.size, np.int64), length)
    within = np.repeat(origin, length) + within * np.repeat(step, length)
    tandem = np.repeat(length > period, length)
    within[tandem] %= np.repeat(period, length)[tandem]
    sequence = bases[np.repeat(source, length) + within]
    sequence[np.repeat(step < 0, length)] ^= 3
    out[spans(start, length)] = sequence
    return mutate(rng, out, np.repeat(pieces.divergence.astype(np.float32), pieces.length))


def duplicate_segments(rng: np.random.Generator, contig: np.ndarray, earlier: list[np.ndarray]) -> None:
    """Lay changed copies of segments over other places of a contig, in place; keep some for later contigs."""
    target, done, margin = contig.size * _DUPLICATED, 0, _END_N_BP
    if contig.size < 1_000_000:
        return
    taken = np.zeros(contig.size // 1000 + 1, bool)  # thousands of bases that belong to a duplication
    while done < target:
        length = int(_log_uniform(rng, 5_000, 50_000, 1)[0])
        source, place = rng.integers(margin, contig.size - 60_000 - margin, 2).tolist()
        spots = [slice(at // 1000, (at + length) // 1000 + 2) for at in (source, place)]
        if abs(source - place) < length + 5_000 or any(taken[spot].any() for spot in spots):
            continue
        segment = contig[source : source + length]
        if earlier and rng.random() < _FROM_EARLIER:
            segment = earlier[int(rng.integers(len(earlier)))]
        copy = mutate(rng, segment, float(_log_uniform(rng, 0.0005, 0.05, 1)[0]))
        contig[place : place + copy.size] = reverse_complement(copy) if rng.random() < 0.5 else copy
        done += copy.size
        for spot in spots:
            taken[spot] = True
        if len(earlier) < _KEPT_SEGMENTS:
            earlier.append(segment.copy())
        else:
            earlier[int(rng.integers(_KEPT_SEGMENTS))] = segment.copy()


def make_contig(
    rng: np.random.Generator, families: Families, length: int, earlier: list[np.ndarray]
) -> np.ndarray:
    """Draw one contig, (length,) uint8 codes 0 to 4."""
    contig = np.empty(length, np.uint8)
    filled = 0
    while filled < length:
        stretch = draw_stretch(rng, families)[: length - filled]
        contig[filled : filled + stretch.size] = stretch
        filled += stretch.size
    duplicate_segments(rng, contig, earlier)
    if length >= 1_000_000:
        contig[:_END_N_BP] = contig[-_END_N_BP:] = _N
    return contig


def write_fasta(path: Path, name: str, codes: np.ndarray, mode: str) -> None:
    """Write or append (``mode`` "wb", "ab") one contig."""
    whole = codes.size // _LINE_WIDTH
    lines = np.full((whole, _LINE_WIDTH + 1), ord("\n"), np.uint8)
    lines[:, :-1] = _LETTERS[codes[: whole * _LINE_WIDTH]].reshape(whole, _LINE_WIDTH)
    rest = _LETTERS[codes[whole * _LINE_WIDTH :]].tobytes()
    with path.open(mode) as file:
        file.write(f">{name}\n".encode())
        file.write(lines.data)
        file.write(rest + b"\n" if rest else b"")


def simulate_genome(path: Path, lengths: tuple[int, ...], seed: int = SEED, log: TextIO = sys.stderr) -> None:
    """Write a genome as FASTA; the file appears when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    families = make_families(np.random.default_rng([seed, 0]))
    earlier: list[np.ndarray] = []
    partial = path.with_name(f"{path.name}.part")
    for number, length in enumerate(lengths, start=1):
        contig = make_contig(np.random.default_rng([seed, number]), families, length, earlier)
        write_fasta(partial, contig_name(number, lengths), contig, "wb" if number == 1 else "ab")
        if log.isatty():
            print(f"\r{path.name}: contig {number} of {len(lengths)}", end="", file=log, flush=True)
    if log.isatty():
        print(file=log)
    partial.rename(path)


def contig_name(number: int, lengths: tuple[int, ...]) -> str:
    """chr1, chr2, ...; in a human genome the last two are chrX and chrY."""
    if lengths == HUMAN and number > 22:
        return ("chrX", "chrY")[number - 23]
    return f"chr{number}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("fasta", type=Path)
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--size", choices=SIZES)
    size.add_argument("--lengths", type=float, nargs="+", metavar="BP")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    lengths = SIZES[options.size] if options.size else tuple(int(length) for length in options.lengths)
    simulate_genome(options.fasta, lengths, options.seed)


if __name__ == "__main__":
    main()
