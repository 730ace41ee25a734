"""Which reference genome a file is on, told by its contigs: names, lengths, and MD5 where there are any.

A genome is known by its GA4GH sequence-collection digest. A header seldom holds what that digest is made of
(the bases' digests), so the file's contigs are compared with those of the references that the hub has: first
the coordinate system as a whole (``sorted_name_length_pairs``), then contig by contig, chr1 and 1, chrM and
MT being two names of one thing if length and MD5 do not contradict.
"""

import dataclasses
import functools
import json
import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from genomehub.errors import InputError, StoreError
from genomehub.hub.intake.facts import HeaderContig
from genomehub.hub.records import ReferenceRecord
from genomehub.hub.sources import read_reference
from genomehub.store.collections import sorted_name_length_pairs_digest

_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Genome:
    """A reference genome of the hub.

    contigs : with length; with MD5 where its directory says it
    """

    record: ReferenceRecord
    contigs: tuple[HeaderContig, ...]

    @functools.cached_property
    def coordinates(self) -> str:
        """Digest of its names and lengths."""
        return sorted_name_length_pairs_digest((one.name, one.length or 0) for one in self.contigs)

    @functools.cached_property
    def by_name(self) -> dict[str, int]:
        """Number of each contig by its name."""
        return {contig.name: number for number, contig in enumerate(self.contigs)}

    @functools.cached_property
    def by_plain_name(self) -> dict[str, int]:
        """Number of each contig by its name without chr."""
        return {_plain(contig.name): number for number, contig in enumerate(self.contigs)}

    @functools.cached_property
    def by_md5(self) -> dict[str, int]:
        """Number of each contig by its MD5."""
        return {contig.md5: number for number, contig in enumerate(self.contigs) if contig.md5}

    @property
    def title(self) -> str:
        """How sentences call it."""
        return self.record.name or self.record.digest[:12]


def read_genome(path: str | os.PathLike[str]) -> Genome:
    """Return the genome of a reference directory; only its table is read.

    Raises
    ------
    NotFoundError, StoreError
    """
    record = read_reference(path)
    table = json.loads((Path(path) / "reference.json").read_text("utf-8"))
    try:
        contigs = tuple(
            HeaderContig(str(one["name"]), int(one["length"]), one.get("md5"))
            if isinstance(one, dict)
            else HeaderContig(str(one[0]), int(one[1]))
            for one in table["contigs"]
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise StoreError(f"{path}: its table of contigs is damaged. Build the reference again.") from error
    return Genome(record, contigs)


@dataclasses.dataclass(frozen=True)
class Recognition:
    """Which genome a file is on.

    renamed : pairs (name there, name here) of contigs that are called otherwise
    unknown : contigs of the header that the genome has not, and that hold nothing
    exact : the whole coordinate system is the same
    """

    genome: Genome
    renamed: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...]
    exact: bool


class _Fit:
    """How the contigs of a file lie on one genome."""

    def __init__(self, contigs: Sequence[HeaderContig], used: Collection[str] | None, genome: Genome) -> None:
        self.genome = genome
        self.contradictions: list[tuple[HeaderContig, HeaderContig]] = []
        self.unknown: list[str] = []
        self.lacking: list[str] = []
        self.places: dict[str, int] = {}
        self.by_md5 = 0
        for contig in contigs:
            place, contradiction = _place(contig, genome)
            if contradiction is not None:
                self.contradictions.append((contig, contradiction))
            elif place is None:
                self.unknown.append(contig.name)
                if used is not None and contig.name in used:
                    self.lacking.append(contig.name)
            else:
                self.places[contig.name] = place
                self.by_md5 += bool(contig.md5 and contig.md5 == genome.contigs[place].md5)
        known = sum(contig.length or 1 for contig in contigs if contig.name in self.places)
        if used is None and 2 * known < sum(contig.length or 1 for contig in contigs):
            self.lacking = self.unknown

    @property
    def fits(self) -> bool:
        return bool(self.places) and not self.contradictions and not self.lacking

    @property
    def rank(self) -> tuple[int, int, int]:
        """The better of two that fit: more MD5, more names spelled alike, fewer contigs besides."""
        alike = sum(self.genome.contigs[place].name == name for name, place in self.places.items())
        return self.by_md5, alike, len(self.places)

    def doubled(self) -> list[str] | None:
        """Return two names of the file that are one contig here."""
        first: dict[int, str] = {}
        for name, place in self.places.items():
            if place in first:
                return [first[place], name]
            first[place] = name
        return None


def recognise(
    contigs: Sequence[HeaderContig],
    used: Collection[str] | None,
    genomes: Iterable[Genome],
    where: str,
    stated: str | None = None,
) -> Recognition:
    """Return the genome that a file is on.

    Parameters
    ----------
    contigs : of the file's header
    used : names of those that hold records, all of which must be known; None if no index tells: then half
        of all bases must be
    stated : digest of the genome that the file or a person says it is on

    Raises
    ------
    InputError
        It is on none of them, on several at once (mixed builds), or cannot be told between some.
    """
    known = list(genomes)
    fits = [_Fit(contigs, used, genome) for genome in known]
    if stated is not None:
        chosen = next((fit for fit in fits if fit.genome.record.digest == stated), None)
        if chosen is None:
            raise InputError(
                f"{where}: is said to be on the reference {stated[:12]}, which this hub does not have. It "
                f"has {_listed(known)}."
            )
        return _accepted(chosen, contigs, where, fits)
    if not any(contig.length or contig.md5 for contig in contigs):
        raise InputError(
            f"{where}: its contigs ({_names([one.name for one in contigs])}) have neither lengths nor MD5, "
            "so its reference cannot be told. Say which it is by its digest, or add ##contig lines: bcftools "
            "reheader."
        )
    fitting = sorted((fit for fit in fits if fit.fits), key=lambda fit: fit.rank, reverse=True)
    if not fitting:
        raise InputError(_why_none(contigs, fits, where))
    best = [fit for fit in fitting if fit.rank == fitting[0].rank]
    exact = [fit for fit in best if _exact(contigs, fit.genome)]
    best = exact or best
    if len({fit.genome.record.digest for fit in best}) > 1:
        titles = " and ".join(fit.genome.title for fit in best[:3])
        raise InputError(
            f"{where}: its contigs are those of {titles} alike. Say which reference it is on by its digest."
        )
    return _accepted(best[0], contigs, where, fits)


def _accepted(
    fit: _Fit, contigs: Sequence[HeaderContig], where: str, all_fits: Sequence[_Fit]
) -> Recognition:
    if not fit.fits:
        raise InputError(_why_none(contigs, [fit, *(one for one in all_fits if one is not fit)], where))
    if (pair := fit.doubled()) is not None:
        raise InputError(
            f'{where}: contigs "{pair[0]}" and "{pair[1]}" are the same contig of {fit.genome.title}; '
            "two ways of naming are mixed. Keep one."
        )
    here = fit.genome.contigs
    renamed = tuple(
        (name, here[place].name) for name, place in fit.places.items() if here[place].name != name
    )
    return Recognition(fit.genome, renamed, tuple(fit.unknown), _exact(contigs, fit.genome))


def _exact(contigs: Sequence[HeaderContig], genome: Genome) -> bool:
    if any(contig.length is None for contig in contigs) or len(contigs) != len(genome.contigs):
        return False
    pairs = [(contig.name, contig.length or 0) for contig in contigs]
    return sorted_name_length_pairs_digest(pairs) == genome.coordinates


def _place(contig: HeaderContig, genome: Genome) -> tuple[int | None, HeaderContig | None]:
    """Return the contig's number in a genome, or the contig there that contradicts it."""
    if contig.md5 and contig.md5 in genome.by_md5:
        return genome.by_md5[contig.md5], None
    number = genome.by_name.get(contig.name, genome.by_plain_name.get(_plain(contig.name)))
    if number is None:
        return None, None
    here = genome.contigs[number]
    if contig.length is not None and contig.length != here.length:
        return None, here
    if contig.md5 and here.md5 and contig.md5 != here.md5:
        return None, here
    return number, None


def _plain(name: str) -> str:
    plain = name[3:] if name[:3].lower() == "chr" else name
    return "MT" if plain == "M" else plain


def _why_none(contigs: Sequence[HeaderContig], fits: Sequence[_Fit], where: str) -> str:
    """Say what speaks against every genome, and whether two builds are mixed."""
    if not fits:
        return f"{where}: this hub has no reference to compare its contigs with. Set references."
    matched = [fit for fit in fits if any(_sized(contigs, fit))]
    mixed = [fit for fit in matched if fit.contradictions]
    for fit in mixed:
        others = [one for one in matched if one is not fit]
        contradicted = {contig.name for contig, _ in fit.contradictions}
        for other in others:
            told = contradicted & set(_sized(contigs, other))
            if told and set(_sized(contigs, fit)) - set(_sized(contigs, other)):
                return (
                    f"{where}: builds are mixed: {_names(_sized(contigs, fit))} are of {fit.genome.title}, "
                    f"{_names(sorted(told))} of {other.genome.title}. Align or call all of it on one "
                    "reference."
                )
    best = max(fits, key=lambda fit: (len(fit.places), bool(fit.contradictions)))
    if best.contradictions:
        there, here = best.contradictions[0]
        if there.length != here.length:
            seen = f"is {there.length} bp there, but {here.length} bp"
        else:
            seen = f"has MD5 {there.md5} there, but {here.md5}"
        reason = f'contig "{there.name}" {seen} in {best.genome.title}'
    elif best.places:
        reason = f"{_names(best.lacking)} are not in {best.genome.title}"
    else:
        reason = f"none of its contigs ({_names([contig.name for contig in contigs])}) is known"
    return (
        f"{where}: is on a reference that this hub does not have: {reason}. It has "
        f"{_listed([fit.genome for fit in fits])}; have its reference added, or align and call on one of "
        "these."
    )


def _sized(contigs: Sequence[HeaderContig], fit: _Fit) -> list[str]:
    """Names of contigs that lie on a genome and are told by a length or an MD5, not by their name alone."""
    return [one.name for one in contigs if one.name in fit.places and (one.length or one.md5)]


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:_SHOWN])
    return f"{shown}, ... {len(names)} in all" if len(names) > _SHOWN else shown


def _listed(genomes: Sequence[Genome]) -> str:
    titles = [f"{genome.title} ({genome.record.digest[:12]})" for genome in genomes]
    return _names(titles) or "none"
