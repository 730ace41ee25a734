"""What a run is: its configuration checked, its samples, and the files it must leave behind.

The Snakefile and ``genomehub run`` both ask here, so that a wrong configuration is told in the same words
whoever starts the run, and before the first job. Nothing here starts Snakemake (see ``launch``).

Paths in a configuration are relative to the folder of the configuration, those in a sample sheet to the
folder of the sheet; everything that a run makes comes below ``results/`` in the working directory.
"""

import dataclasses
import difflib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from genomehub.errors import ConfigError
from genomehub.files import atomic_output, require_file, size_bytes, workflow_directory
from genomehub.pipeline.sample_checks import find_index, resolve
from genomehub.pipeline.samples import Sample, read_samples

#: Settings that name a file, or the beginning of files' names, and are relative to the configuration.
_INPUT_SETTINGS = ("samples", "reference", "regions", "aligner_index")
_COMPRESSED = (".gz", ".bgz")
_FASTA_SUFFIXES = (*_COMPRESSED, ".fa", ".fasta", ".fna")
#: About, for a vertebrate's genome in gzip.
_BASES_PER_PACKED_BYTE = 3.5


def read_schema(name: str) -> dict[str, Any]:
    """Return a JSON schema of the workflow (``config`` or ``samples``) as a dictionary."""
    text = (workflow_directory() / "schemas" / f"{name}.schema.yaml").read_text(encoding="utf-8")
    schema: dict[str, Any] = yaml.safe_load(text)
    return schema


@dataclasses.dataclass(frozen=True)
class Run:
    """A checked configuration with its samples.

    Parameters
    ----------
    settings : every setting of the schema, defaults filled in, input paths absolute
    samples : by name, in the order of the sheet
    """

    settings: Mapping[str, Any]
    samples: Mapping[str, Sample]

    @property
    def genome(self) -> Path | None:
        """The FASTA to build a reference directory from, or None if one is given."""
        path = Path(self.settings["reference"])
        return None if path.is_dir() else path

    @property
    def reference(self) -> str:
        """The reference directory that the run uses, relative to the working directory if it makes it."""
        if self.genome is None:
            return str(self.settings["reference"])
        name = self.genome.name
        while name.endswith(_FASTA_SUFFIXES):
            name = name.rpartition(".")[0]
        return f"results/reference/{name or 'genome'}"

    @property
    def memory_mb(self) -> int:
        """Memory for a job that holds the reference: 8 GB and 5.2 bytes a base, 24 GB for a human genome."""
        if self.genome is None:
            return 8_000 + size_bytes(self.reference) // 1_000_000
        is_packed = self.genome.suffix in _COMPRESSED
        n_bases = size_bytes(self.genome) * (_BASES_PER_PACKED_BYTE if is_packed else 1)
        return 8_000 + int(5.2 * n_bases / 1e6)

    @property
    def reference_cost(self) -> str:
        """What building the reference directory cost."""
        return f"{self.reference}.cost.json"

    @property
    def report(self) -> str:
        """The page of the whole run."""
        return "results/report.html"

    @property
    def alignment_suffix(self) -> str:
        """``cram`` or ``bam``: how the run keeps the alignments it makes."""
        return str(self.settings["alignments"])

    @property
    def index_suffix(self) -> str:
        """What the index of ``alignment_suffix`` adds to the name."""
        return {"cram": "crai", "bam": "bai"}[self.alignment_suffix]

    def alignment_inputs(self, sample: str) -> dict[str, str]:
        """Alignments and index that calling reads: the run's own, or those of the sheet."""
        given = self.samples[sample].alignments
        if given is not None:
            return {"alignments": str(given), "index": str(find_index(given))}
        path = f"{self._stem(sample)}.{self.alignment_suffix}"
        return {"alignments": path, "index": f"{path}.{self.index_suffix}"}

    def exports(self, sample: str = "{sample}") -> dict[str, str]:
        """Return kind -> path of the exports of a sample's calls; by default with Snakemake's wildcard."""
        stem = self._stem(sample)
        exports: dict[str, str] = {}
        if self.settings["vcf"]:
            exports |= {"vcf": f"{stem}.vcf.gz", "vcf_index": f"{stem}.vcf.gz.tbi"}
        if self.settings["gvcf"]:
            exports |= {"gvcf": f"{stem}.g.vcf.gz", "gvcf_index": f"{stem}.g.vcf.gz.tbi"}
        return exports

    def outputs(self, sample: str) -> dict[str, str]:
        """Return kind -> path of every result of a sample, in the order in which they are made."""
        outputs: dict[str, str] = {}
        if self.samples[sample].lanes:
            outputs |= self.alignment_inputs(sample)
            outputs["duplicates"] = f"{self._stem(sample)}.duplicates.txt"
        outputs |= {"calls": f"{self._stem(sample)}.vcz", **self.exports(sample)}
        if self.samples[sample].truth is not None:
            outputs["evaluation"] = f"{self._stem(sample)}.evaluation.json"
        outputs["qc"] = f"{self._folder(sample)}/qc"
        if self.settings["catalogue"] is not None:
            outputs["entry"] = f"{self._stem(sample)}.catalogue.json"
        return outputs

    def steps(self, sample: str) -> list[str]:
        """The steps that a sample goes through, in order; each leaves its cost."""
        steps = ["align"] if self.samples[sample].lanes else []
        steps += ["call", "evaluate"] if self.samples[sample].truth is not None else ["call"]
        return [*steps, "qc"]

    def costs(self, sample: str) -> dict[str, str]:
        """Return step -> path of what it cost (see genomehub.cost)."""
        return {step: f"{self._folder(sample)}/cost/{step}.json" for step in self.steps(sample)}

    def report_inputs(self) -> list[str]:
        """Return what the page of the whole run is made from."""
        kinds = ("qc", "evaluation", "entry")
        outputs = [self.outputs(sample) for sample in self.samples]
        costs = [path for sample in self.samples for path in self.costs(sample).values()]
        return [
            *([self.reference_cost] if self.genome is not None else []),
            *(files[kind] for files in outputs for kind in kinds if kind in files),
            *costs,
        ]

    def all_outputs(self) -> Iterator[str]:
        """Yield the path of every result of the run."""
        if self.genome is not None:
            yield self.reference
        for sample in self.samples:
            yield from self.outputs(sample).values()
        yield "results/config.yaml"
        yield self.report

    def as_yaml(self) -> str:
        """Return the settings as they are used, for the results' provenance and for a rerun."""
        return yaml.safe_dump(dict(self.settings), sort_keys=False, allow_unicode=True)

    @staticmethod
    def _folder(sample: str) -> str:
        return f"results/samples/{sample}"

    def _stem(self, sample: str) -> str:
        return f"{self._folder(sample)}/{sample}"


def read_run(path: str | os.PathLike[str]) -> Run:
    """Read and check a configuration file, its sample sheet and the files that both name.

    Raises
    ------
    ConfigError
        The configuration or the sheet is malformed; the sentence names setting, or row and column.
    NotFoundError, InputError
        A file that is named is missing, empty or a folder.
    """
    path = require_file(path, "configuration")
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not YAML: {_first_line(error)}") from error
    if not isinstance(config, dict):
        raise ConfigError(f"{path}: expected settings, one 'name: value' a line; see genomehub run --init.")
    return check_run(config, path)


def check_run(config: Mapping[str, Any], path: str | os.PathLike[str]) -> Run:
    """Check settings that were read already (by Snakemake) and read the sample sheet.

    Parameters
    ----------
    config : settings; missing ones take the schema's defaults
    path : the file they come from: input paths are relative to its folder, messages name it
    """
    base, name = Path(path).parent, str(path)
    schema = read_schema("config")
    _check_settings(config, schema, name)
    defaults = {key: value["default"] for key, value in schema["properties"].items() if "default" in value}
    settings: dict[str, Any] = {key: {**defaults, **config}.get(key) for key in schema["properties"]}
    for key in _INPUT_SETTINGS:
        if settings[key] is not None:
            settings[key] = str(resolve(base, settings[key]))
    _check_inputs(settings)
    samples = read_samples(settings["samples"], read_schema("samples"))
    return Run(settings, {sample.name: sample for sample in samples})


def _check_settings(config: Mapping[str, Any], schema: Mapping[str, Any], name: str) -> None:
    known = schema["properties"]
    for key in config:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            guess = f" Did you mean {close[0]}?" if close else ""
            raise ConfigError(f"{name}: unknown setting {key!r}; known are {', '.join(known)}.{guess}")
    for key in schema["required"]:
        if key not in config:
            raise ConfigError(f"{name}: the setting {key} is missing; expected {known[key]['description']}.")
    for error in jsonschema.Draft202012Validator(schema).iter_errors(dict(config)):
        key = str(error.path[0])
        raise ConfigError(f"{name}: {key} is {config[key]!r}; expected {known[key]['description']}.")


def _check_inputs(settings: Mapping[str, Any]) -> None:
    reference = Path(settings["reference"])
    if not reference.is_dir():
        require_file(reference, "reference genome")
    elif not (reference / "reference.json").is_file():
        raise ConfigError(
            f"{reference}: is a folder but not a reference directory (it has no reference.json). Name a "
            "FASTA file, or a folder made by 'genomehub reference build'."
        )
    if settings["regions"] is not None:
        require_file(settings["regions"], "BED file of regions")
    _check_aligner(settings["aligner"], settings["aligner_index"])


def _check_aligner(aligner: str, index: str | None) -> None:
    if aligner == "bwa-mem3" and index is None:
        raise ConfigError(
            "aligner is bwa-mem3, which builds no index, and aligner_index is missing; expected the prefix "
            "of an index made by 'bwa-mem3 index' or 'bwa-mem2 index'."
        )
    if aligner == "genomehub" and index is not None:
        raise ConfigError(
            f"aligner_index is {index!r}, but aligner is genomehub, which has its index in the reference "
            "directory. Leave aligner_index out, or set aligner to bwa or bwa-mem3."
        )


def _first_line(error: Exception) -> str:
    """A YAML error's place and reason in one line."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return str(error).splitlines()[0]
    return f"line {mark.line + 1}, column {mark.column + 1}: {getattr(error, 'problem', error)}."


def write_templates(path: str | os.PathLike[str]) -> list[Path]:
    """Write a commented configuration to ``path`` and a sample sheet beside it; return both paths.

    Raises
    ------
    ConfigError
        One of them is there already.
    """
    path = Path(path)
    targets = {"config.yaml": path, "samples.tsv": path.with_name("samples.tsv")}
    for target in targets.values():
        if target.exists():
            raise ConfigError(f"{target}: is there already and was left as it is. Choose another name.")
    for name, target in targets.items():
        with atomic_output(target) as temporary:
            shutil.copyfile(workflow_directory() / "config" / name, temporary)
    return list(targets.values())
