"""What the workflow's rules hand to the commands: input files and arguments made from a checked run.

Arguments are returned quoted for a shell, ready to stand in a rule's command.
"""

import shlex
from collections.abc import Iterable

from genomehub.pipeline.workflow import Run


def reads(run: Run, sample: str) -> list[str]:
    """The FASTQ files of all lanes of a sample."""
    return [str(path) for lane in run.samples[sample].lanes for path in lane.files]


def lanes(run: Run, sample: str) -> str:
    """The lanes of a sample as options of ``genomehub align``."""
    words: list[str] = []
    for lane in run.samples[sample].lanes:
        second = "-" if lane.fastq_2 is None else str(lane.fastq_2)
        words += ["--lane", f"ID={lane.read_group},LB={lane.library}", str(lane.fastq_1), second]
    return shlex.join(words)


def aligner(run: Run) -> str:
    """The options of ``genomehub align`` for another aligner than ours, if one is wanted."""
    name = run.settings["aligner"]
    index = run.settings["aligner_index"]
    return _options([("--aligner", None if name == "genomehub" else name), ("--aligner-index", index)])


def exports(run: Run, sample: str) -> str:
    """The options of ``genomehub call`` for what is wanted beside the store: VCF, gVCF."""
    wanted = run.exports(sample)
    return _options((f"--{kind}", wanted.get(kind)) for kind in ("vcf", "gvcf"))


def regions(run: Run) -> str:
    """The option of ``genomehub call`` that limits calling to regions, if any."""
    return _options([("--regions", run.settings["regions"])])


def sex(run: Run, sample: str) -> str:
    """The option of ``genomehub call`` for the ploidy of X and Y: as the sheet says, else from the reads."""
    given = run.samples[sample].sex
    return _options([("--sex", "auto" if given == "unknown" else given)])


def truth(run: Run, sample: str) -> dict[str, str]:
    """The files that calls are scored against: truth, and the confident regions if the sheet has them."""
    given = run.samples[sample]
    files = {"truth": given.truth, "confident": given.confident}
    return {kind: str(path) for kind, path in files.items() if path is not None}


def confident(run: Run, sample: str) -> str:
    """The option of ``genomehub evaluate`` for the confident regions, if the sheet has them."""
    return _options([("--confident", truth(run, sample).get("confident"))])


def quality_inputs(run: Run, sample: str) -> list[str]:
    """What was learned before quality is measured, and belongs on the same page: duplicates and score.

    Costs do not: they differ from run to run, and the page is part of the content that the catalogue knows
    a result by. They stand on the page of the run and in the catalogue's entry.
    """
    return [*_given(run, sample, "duplicates"), *_given(run, sample, "evaluation")]


def quality(run: Run, sample: str) -> str:
    """The options of ``genomehub qc`` for what else its page shows."""
    pairs: list[tuple[str, str | None]] = [("--regions", run.settings["regions"])]
    pairs += [("--duplicate-metrics", path) for path in _given(run, sample, "duplicates")]
    pairs += [("--evaluation", path) for path in _given(run, sample, "evaluation")]
    return _options(pairs)


def _given(run: Run, sample: str, kind: str) -> list[str]:
    outputs = run.outputs(sample)
    return [outputs[kind]] if kind in outputs else []


def register_inputs(run: Run, sample: str) -> list[str]:
    """The files that are registered for a sample, or read on the way: results, scores, costs."""
    results = [path for kind, path in run.outputs(sample).items() if kind != "entry"]
    return [*results, *run.costs(sample).values()]


def register(run: Run, sample: str) -> str:
    """The arguments of ``genomehub hub register`` for a sample, but for the configuration."""
    given, results = run.samples[sample], run.outputs(sample)
    files = [
        path for kind, path in results.items() if kind not in ("duplicates", "qc", "evaluation", "entry")
    ]
    options: list[tuple[str, str | None]] = [
        ("--catalogue", run.settings["catalogue"]),
        ("--project", run.settings["project"]),
        ("--sample", sample),
        ("--sex", given.sex),
        ("--reference", run.reference),
        *(("--input", path) for path in reads(run, sample)),
        ("--input", str(given.alignments) if given.alignments is not None else None),
        *(("--file", f"duplicates={path}") for path in _given(run, sample, "duplicates")),
        ("--file", f"qc={results['qc']}"),
        ("--qc", f"{results['qc']}/qc.json"),
        ("--evaluation", results.get("evaluation")),
        *(("--cost", f"{step}={path}") for step, path in run.costs(sample).items()),
    ]
    return f"{_options(options)} {shlex.join(files)}"


def reference_cost(run: Run) -> str:
    """The option of ``genomehub report`` for what building the reference cost, if the run builds it."""
    return _options([("--cost", f"reference={run.reference_cost}" if run.genome is not None else None)])


def _options(pairs: Iterable[tuple[str, str | None]]) -> str:
    return shlex.join(word for name, value in pairs if value is not None for word in (name, value))
