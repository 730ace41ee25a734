"""``genomehub call`` stopped in mid-run, by kill -9, by Ctrl-C, by a full disk: the next run ends it."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pysam
import pytest
from builders.alignment_files import make_reference, write_bam
from builders.calling import aligned_read, apply_edits, random_sequence, segments

from genomehub.cli import run
from genomehub.pipeline import call as pipeline
from genomehub.store import parts, variants

pytestmark = pytest.mark.integration

LENGTH = 60_000
SEQUENCE = random_sequence(LENGTH, seed=81)
EDITS = [
    (place, SEQUENCE[place], "ACGT"[("ACGT".index(SEQUENCE[place]) + 1) % 4])
    for place in range(500, LENGTH - 500, 300)
]
ENOUGH = 3  # parts on disk when the run is stopped


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Reference folder, BAM, and the store's bytes when nothing happens."""
    folder = tmp_path_factory.mktemp("inputs")
    reference = make_reference(folder / "s.ref", {"1": SEQUENCE})
    head = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": "1", "LN": LENGTH}],
            "RG": [{"ID": "a", "SM": "s"}],
        }
    )
    haplotypes = [apply_edits(SEQUENCE, edits) for edits in ([], EDITS)]
    reads = [aligned_read(*h, begin, 100) for h in haplotypes for begin in range(0, LENGTH - 100, 8)]
    bam = write_bam(folder / "in.bam", head, segments(head, reads))
    assert run(arguments(reference.path, bam, folder / "o.vcz")) == 0
    return reference.path, bam, files(folder / "o.vcz")


def arguments(reference, bam, output):
    options = ["-q", "-t", "1", "--partition-bp", "1000", "-r", str(reference), "-o", str(output)]
    return ["call", *options, str(bam)]


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


#: Runs a command that gets a signal when it begins one more partition than are to be on the disk.
STOPPED = """
import os, signal, sys, time
from pathlib import Path
from genomehub.cli import run
from genomehub.pipeline import call

folder, enough, number, *command = sys.argv[1:]
whole, begun = call.call_partition, []

def stopping(*arguments):
    begun.append(arguments)
    if len(begun) == int(enough) + 2:
        while len(list(Path(folder).glob(".o.vcz.wip/*/[0-9]*.npz"))) < int(enough):
            time.sleep(0.01)
        os.kill(os.getpid(), int(number))
        time.sleep(3)  # a signal is heard between two steps of the main thread
    return whole(*arguments)

call.call_partition = stopping
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background inherits deaf ears
sys.exit(run(command))
"""


def stopped(command, folder, number):
    """Run in a process of its own that gets a signal once some parts are written."""
    here = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    words = [sys.executable, "-c", STOPPED, str(folder), str(ENOUGH), str(int(number)), *command]
    done = subprocess.run(
        words, env={**os.environ, "PYTHONPATH": here}, capture_output=True, text=True, timeout=300
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_call__goes_on_where_it_was_stopped(inputs, tmp_path, number, monkeypatch):
    reference, bam, expected = inputs
    command = arguments(reference, bam, tmp_path / "o.vcz")
    code, error = stopped(command, tmp_path, number)
    assert not (tmp_path / "o.vcz").exists()
    if number == signal.SIGINT:
        assert code == 130
        assert error.strip().splitlines() == [
            "genomehub: error: interrupted; nothing was left under a final name. Run the same command again."
        ]
    called, whole = [], pipeline.call_partition

    def counted(reference, reader, interval, *rest):
        called.append(interval)
        return whole(reference, reader, interval, *rest)

    monkeypatch.setattr(pipeline, "call_partition", counted)
    assert run(command) == 0
    assert len(called) <= LENGTH // 1_000 - ENOUGH
    assert files(tmp_path / "o.vcz") == expected
    assert [path.name for path in tmp_path.iterdir()] == ["o.vcz"]


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("module", "name"), [(parts, "write_part"), (variants, "assemble"), (pipeline, "write_vcf")]
)
def test_call__disk_full(inputs, tmp_path, monkeypatch, capsys, module, name):
    reference, bam, expected = inputs
    command = [*arguments(reference, bam, tmp_path / "o.vcz"), "--vcf", str(tmp_path / "o.vcf.gz")]
    with monkeypatch.context() as patch:
        patch.setattr(module, name, full_disk)
        assert run(command) == 4
    error = capsys.readouterr().err.strip()
    assert "no space left to write it" in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "o.vcf.gz").exists()
    assert run(command) == 0
    assert files(tmp_path / "o.vcz") == expected
    assert (tmp_path / "o.vcf.gz").exists()
