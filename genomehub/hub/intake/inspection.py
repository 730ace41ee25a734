"""One look at all files of a result: each by itself, then together, then against what is said and known."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import GenomehubError, InputError
from genomehub.hub import models
from genomehub.hub.checksums import Advance, Reader
from genomehub.hub.intake.facts import Facts, Finding, NotThatFormatError, Weight
from genomehub.hub.intake.genomes import Genome, Recognition, recognise
from genomehub.hub.intake.recognition import FORMATS, INDEX_KINDS, Seen, find_index, format_of, look_at
from genomehub.hub.records import FileRecord, ReferenceRecord
from genomehub.hub.storage import Place
from genomehub.types import Progress

_log = logging.getLogger("genomehub.hub")
#: Kinds whose name does not promise what intake could look into: nothing is wrong if it is something else.
_MAYBE = {"table": "samples", "json": "phenopacket"}
_DATA = ("bam", "cram", "vcf", "gvcf", "bcf", "vcz")
_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Given:
    """A file of a result; ``name`` is how sentences call it."""

    kind: str
    path: Place
    name: str


@dataclasses.dataclass(frozen=True)
class Said:
    """What a person says about a result.

    reference : digest of the genome that it is on, None to have it recognised
    other_names : the samples are called otherwise in the files, and that is right
    correct_sex : the sex that is said is right, whatever is known
    """

    project: str
    samples: tuple[str, ...] = ()
    sex: str | None = None
    reference: str | None = None
    other_names: bool = False
    correct_sex: bool = False


@dataclasses.dataclass(frozen=True)
class Report:
    """What was seen of a result.

    facts : of each given file, in order; None where it is of no kind that intake knows
    reference : of all files
    samples, sexes : those said, else those in the files
    """

    facts: tuple[Facts | None, ...]
    findings: tuple[Finding, ...]
    reference: ReferenceRecord | None
    samples: tuple[str, ...]
    sexes: Mapping[str, str]

    def problems(self, *, strict: bool) -> list[str]:
        """Return the sentences that refuse the result."""
        return [one.text for one in self.findings if strict or one.weight is Weight.WRONG]

    def notes(self) -> list[str]:
        """Return the sentences that refuse it only where intake is strict."""
        return [one.text for one in self.findings if one.weight is Weight.LACKING]


def inspect(
    given: Sequence[Given],
    said: Said,
    genomes: Sequence[Genome],
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> Report:
    """Look at the files of a result; nothing is raised for what is wrong with them, it is reported.

    Parameters
    ----------
    genomes : references that the files may be on
    """
    findings: list[Finding] = []
    indexes = [one for one in given if one.kind in INDEX_KINDS]
    used: set[Place] = set()

    def look(one: Given, advance: Advance) -> tuple[Seen | None, list[Finding]]:
        return _look(one, [index.path for index in indexes], used)

    with Reader("intake", 0, threads=threads, progress=progress) as reader:
        looked = reader.map(look, given)
    for _, found in looked:
        findings += found
    for index in indexes:
        if index.path not in used:
            text = f"{index.name}: is the index of no file that is given with it. Give the file too."
            findings.append(Finding(Weight.LACKING, text))
    seen = [one for one, _ in looked]
    reference = _reference(given, seen, said, genomes, findings)
    samples = _samples(given, seen, said, findings)
    sexes = _sexes(given, seen, said, findings)
    facts = tuple(None if one is None else one.facts for one in seen)
    return Report(facts, tuple(findings), reference, samples, sexes)


def _look(one: Given, indexes: Sequence[Place], used: set[Place]) -> tuple[Seen | None, list[Finding]]:
    kind = _MAYBE.get(one.kind, one.kind)
    if kind not in FORMATS:
        return None, []
    findings = []
    index = None
    try:
        format = format_of(one.path, one.name)
        index = find_index(one.path, format, indexes)
        if index is not None:
            used.add(index)
        seen = look_at(one.path, one.name, kind, index)
    except NotThatFormatError as error:
        return None, [] if one.kind in _MAYBE else [Finding(Weight.LACKING, str(error))]
    except GenomehubError as error:
        return None, [Finding(Weight.WRONG, str(error))]
    except OSError as error:
        return None, [Finding(Weight.WRONG, f"{one.name}: cannot be read ({error.strerror}). Check it.")]
    except Exception as error:  # of a file that was made to break its reader, whichever library that is
        _log.warning("%s: cannot be understood", one.name, exc_info=error)
        text = f"{one.name}: cannot be understood ({type(error).__name__}); it is damaged. Make it again."
        return None, [Finding(Weight.WRONG, text)]
    if index is None and seen.facts.format in ("bam", "cram", "vcf", "gvcf", "bcf"):
        if seen.facts.format == "bam" and seen.facts.detail.get("sort_order") != "coordinate":
            remedy = "is not sorted by coordinate, so it has no index. Sort it: samtools sort --write-index."
        elif seen.facts.compression == "none" and seen.facts.format != "cram":
            remedy = "is not compressed, so it has no index. Compress it: bcftools view -Oz --write-index."
        else:
            tool = "samtools" if seen.facts.format in ("bam", "cram") else "bcftools"
            remedy = f"has no index. Make it and give it too: {tool} index."
        findings.append(Finding(Weight.LACKING, f"{one.name}: {remedy}"))
    return seen, findings


def _reference(
    given: Sequence[Given],
    seen: Sequence[Seen | None],
    said: Said,
    genomes: Sequence[Genome],
    findings: list[Finding],
) -> ReferenceRecord | None:
    found: dict[str, Recognition] = {}
    for one, what in zip(given, seen, strict=True):
        if what is None or what.facts.format not in _DATA:
            continue
        if not what.contigs:
            if what.facts.format not in ("bam", "cram"):  # unaligned reads have none
                text = f"{one.name}: names no contig, so its reference cannot be told. Add ##contig lines."
                findings.append(Finding(Weight.LACKING, text))
            continue
        if not genomes:
            text = f"{one.name}: no reference is at hand to compare its contigs with. Name one."
            findings.append(Finding(Weight.LACKING, text))
            continue
        stated = said.reference or what.reference_digest
        try:
            if said.reference and what.reference_digest not in (None, said.reference):
                raise InputError(
                    f"{one.name}: says that it is on the reference {str(what.reference_digest)[:12]}, but "
                    f"{said.reference[:12]} was said. Use the reference that it was made with."
                )
            found[one.name] = recognise(what.contigs, what.used, genomes, one.name, stated)
        except InputError as error:
            findings.append(Finding(Weight.WRONG, str(error)))
    first = next(iter(found), None)
    for name, recognition in found.items():
        if first and recognition.genome.record.digest != found[first].genome.record.digest:
            text = (
                f"{name}: is on {recognition.genome.title}, but {first} on {found[first].genome.title}. "
                "A result is on one reference; register them apart."
            )
            findings.append(Finding(Weight.WRONG, text))
    return found[first].genome.record if first else None


def _samples(
    given: Sequence[Given], seen: Sequence[Seen | None], said: Said, findings: list[Finding]
) -> tuple[str, ...]:
    """Compare the names in the files with those said; return those said, else those in the files."""
    inside: dict[str, None] = {}
    listed: dict[str, None] = {}
    for one, what in zip(given, seen, strict=True):
        if what is None or what.facts.format == "fastq":
            continue
        names = what.facts.samples
        if what.facts.format in ("table", "phenopacket"):
            listed.update(dict.fromkeys(names))
        else:
            inside.update(dict.fromkeys(names))
            if not names and what.facts.format in ("bam", "cram"):
                text = f"{one.name}: names no sample (no SM in its @RG lines). Add it: samtools addreplacerg."
                findings.append(Finding(Weight.LACKING, text))
        if said.samples and not said.other_names and (other := set(names) - set(said.samples)):
            text = (
                f"{one.name}: is of sample {_names(sorted(other))}, but {_names(said.samples)} was said. Are "
                "two samples mixed up? If the names only differ in the file, say so: --other-names."
            )
            findings.append(Finding(Weight.WRONG, text))
    samples = said.samples or tuple(inside) or tuple(listed)
    if listed and not said.other_names and (lacking := set(samples) - set(listed)):
        text = f"the sample table does not have {_names(sorted(lacking))}. Add them."
        findings.append(Finding(Weight.LACKING, text))
    if listed and inside and not said.samples and (extra := set(listed) - set(inside)):
        text = f"the sample table names {_names(sorted(extra))}, of whom no file is given. Leave them out."
        findings.append(Finding(Weight.WRONG, text))
    return samples


def _sexes(
    given: Sequence[Given], seen: Sequence[Seen | None], said: Said, findings: list[Finding]
) -> dict[str, str]:
    sexes: dict[str, str] = {}
    if said.sex and said.sex != "unknown" and len(said.samples) == 1:
        sexes[said.samples[0]] = said.sex
    for one, what in zip(given, seen, strict=True):
        for sample, sex in (what.facts.sexes if what is not None else {}).items():
            if sexes.setdefault(sample, sex) != sex:
                text = (
                    f"{one.name}: says that sample {sample[:60]!r} is {sex}, but {sexes[sample]} is said "
                    "elsewhere. Correct the one or the other."
                )
                findings.append(Finding(Weight.WRONG, text))
    return sexes


def compare_with_catalogue(
    session: Session, report: Report, said: Said, files: Sequence[FileRecord]
) -> list[Finding]:
    """Return what contradicts the catalogue: another sex, or this very content under another sample.

    Only samples of the same project are compared: of others nothing is told.
    """
    findings = []
    known = (
        select(models.Sample.name, models.Sample.sex)
        .join(models.Project, models.Project.id == models.Sample.project_id)
        .where(models.Project.name == said.project)
    )
    wanted = {name: sex for name, sex in report.sexes.items() if name in report.samples and not said.sex}
    for name, sex in session.execute(known.where(models.Sample.name.in_(list(wanted)[:5000]))):
        if sex in ("female", "male") and sex != wanted[name] and not said.correct_sex:
            text = (
                f"sample {name!r} of project {said.project!r} is known as {sex}, not {wanted[name]}. Are two "
                "samples mixed up?"
            )
            findings.append(Finding(Weight.WRONG, text))
    for file, facts in zip(files, report.facts, strict=True):
        if facts is None or facts.format not in (*_DATA, "fastq"):
            continue
        same = (
            select(models.Sample.name)
            .join(models.EntrySample, models.EntrySample.sample_id == models.Sample.id)
            .join(models.File, models.File.entry_id == models.EntrySample.entry_id)
            .join(models.Project, models.Project.id == models.Sample.project_id)
            .where(models.File.sha256 == file.sha256, models.File.role == "result")
            .where(models.Project.name == said.project)
        )
        others = set(session.scalars(same.limit(1000)))
        if others and report.samples and not others & set(report.samples):
            text = (
                f"{Path(file.path).name}: this very content is registered as that of sample "
                f"{_names(sorted(others))}. Are two samples mixed up?"
            )
            findings.append(Finding(Weight.WRONG, text))
    return findings


def _names(names: Sequence[str]) -> str:
    shown = " and ".join(repr(name[:60]) for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
