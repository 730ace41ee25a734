"""The command line: parse, call, print. Each subcommand is a module that is loaded when it is called."""

import importlib
import logging
import os
import sys
import time
from typing import Any

import click

from genomehub import __version__, cost
from genomehub.errors import GenomehubError, ResourceError, exit_code
from genomehub.files import os_error

#: name -> (module in genomehub.cli, one line of help); the order is the data's way. A module may not be
#: called like a function of this file (run, main): importing it would put it in the function's place.
COMMANDS: dict[str, tuple[str, str]] = {
    "reference": ("reference", "Build and inspect reference directories."),
    "align": ("align", "FASTQ to a sorted, duplicate-marked BAM or CRAM."),
    "call": ("call", "BAM or CRAM to genotypes in VCF Zarr, with VCF and gVCF export."),
    "evaluate": ("evaluate", "Score calls against a truth set, haplotype-aware."),
    "qc": ("qc", "Quality metrics as JSON, a page with plots, and files for MultiQC."),
    "report": ("report", "One page for a run: all samples, their quality, accuracy and cost."),
    "run": ("workflow", "Run the whole workflow, FASTQ to catalogue, from a configuration file."),
    "hub": ("hub", "The catalogue: register, search, show and verify results."),
    "benchmark": ("benchmark", "Measure turnaround per genome, accuracy and kernels."),
}


class LazyGroup(click.Group):
    """A group whose subcommands are imported when called, so that ``--help`` and ``--version`` are quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"genomehub.cli.{COMMANDS[cmd_name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, "-V", "--version", prog_name="genomehub")
@click.option(
    "--cost", "cost_file", type=click.Path(dir_okay=False), default=None,
    help="When the command is done, write its core-seconds, wall seconds and peak memory to this JSON file.",
)  # fmt: skip
@click.pass_context
def program(ctx: click.Context, cost_file: str | None) -> None:
    """Sequencing reads to catalogued genomes.

    \b
    Example, from reads to genotypes:
      genomehub reference build genome.fa.gz -o genome.ref
      genomehub align -r genome.ref --sample NA12878 -o NA12878.bam R1.fastq.gz R2.fastq.gz
      genomehub call  -r genome.ref -o NA12878.vcz --vcf NA12878.vcf.gz NA12878.bam

    \b
    Or all of it at once, resumable, on a laptop or a cluster:
      genomehub run config.yaml
    """
    ctx.meta["genomehub.started"] = time.monotonic()


@program.result_callback()
@click.pass_context
def _write_cost(ctx: click.Context, result: Any, cost_file: str | None) -> Any:
    if cost_file is not None and not result:
        seconds = time.monotonic() - ctx.meta["genomehub.started"]
        cost.write(cost.measure(ctx.invoked_subcommand or "", seconds), cost_file)
    return result


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the code that ``errors.CODES`` gives."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; errors that were foreseen print one sentence."""
    try:
        result: Any = program.main(args=arguments, prog_name="genomehub", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        return _fail("interrupted; nothing was left under a final name. Run the same command again.", 130)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt:
        return _fail("interrupted; nothing was left under a final name. Run the same command again.", 130)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - the reader of our output has gone
        return 141
    except GenomehubError as error:
        return _fail(str(error), exit_code(error))
    except MemoryError:
        shortage = ResourceError("out of memory. Use fewer --threads, or a machine with more memory.")
        return _fail(str(shortage), exit_code(shortage))
    except OSError as error:
        failure = os_error(error.filename or "output", error)
        return _fail(str(failure), exit_code(failure))


def _fail(sentence: str, code: int) -> int:
    logging.getLogger("genomehub").debug("failure", exc_info=True)
    click.echo(f"genomehub: error: {sentence}", err=True)
    return code
