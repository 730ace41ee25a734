"""Starting Snakemake: its command, the lock of a working directory, and why a run failed."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from genomehub.errors import ConfigError, GenomehubError, InputError, ResourceError
from genomehub.files import workflow_directory
from genomehub.pipeline import launch


def test_command__is_the_same_python_and_the_package_s_snakefile(tmp_path):
    command = launch.Launch(
        tmp_path / "c.yaml", tmp_path, cores=3, dry_run=True, extra=("--quiet",)
    ).command()
    assert command[:3] == [sys.executable, "-m", "snakemake"]
    assert command[command.index("--snakefile") + 1] == str(workflow_directory() / "Snakefile")
    assert command[command.index("--cores") + 1] == "3"
    assert "--rerun-incomplete" in command
    assert command[-2:] == ["--dry-run", "--quiet"]


def test_command__profiles_of_the_workflow_and_others(tmp_path, monkeypatch):
    def profile(name):
        return launch.Launch(tmp_path / "c.yaml", tmp_path, profile=name).command()[-2:]

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert profile("slurm") == ["--workflow-profile", str(workflow_directory() / "profiles" / "slurm")]
    assert profile("mine") == ["--profile", str(tmp_path / "mine")]
    assert profile("site") == ["--profile", "site"]
    assert profile(None)[1] == "--rerun-incomplete"


def test_only_run_in__a_second_run_is_refused(tmp_path):
    with (
        launch.only_run_in(tmp_path) as lock,
        pytest.raises(ResourceError, match=rf"another run works here \(process {os.getpid()} on"),
        launch.only_run_in(tmp_path),
    ):
        pass
    assert lock is not None
    with launch.only_run_in(tmp_path):
        pass  # the lock went with its holder


def _hold(folder: Path, ready: multiprocessing.Event) -> None:
    with launch.only_run_in(folder):
        ready.set()
        time.sleep(60)


def test_only_run_in__a_killed_run_leaves_no_lock(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold, args=(tmp_path, ready))
    process.start()
    assert ready.wait(30)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with launch.only_run_in(tmp_path) as lock:
        assert lock is not None


def test_only_run_in__not_writable(tmp_path):
    (tmp_path / ".snakemake").write_text("a file where the folder should be")
    with pytest.raises(ResourceError, match="cannot be written"), launch.only_run_in(tmp_path):
        pass


def test_has_stale_locks__none_dead_and_living(tmp_path):
    assert not launch._has_stale_locks(tmp_path)
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    assert not launch._has_stale_locks(tmp_path)
    (locks / "0.input.lock").write_text("x\n")
    assert launch._has_stale_locks(tmp_path)
    code = "import time; time.sleep(60)  # snakemake"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    try:
        with pytest.raises(ResourceError, match=f"Snakemake process {process.pid} works here"):
            launch._has_stale_locks(tmp_path)
    finally:
        process.kill()
        process.wait()


LOG = """\
Error in rule align:
    output: results/samples/NA1/NA1.cram
    log: results/logs/align/NA1.log (check log file(s) for error details)
    shell:
        genomehub align ... (command exited with non-zero exit code)
RuleException: ... returned non-zero exit status {status}.
"""


@pytest.mark.parametrize(
    ("status", "kind"), [(2, ConfigError), (3, InputError), (4, ResourceError), (1, GenomehubError)]
)
def test_failure__sentence_and_class_of_the_failed_job(tmp_path, status, kind):
    log = tmp_path / "results/logs/align/NA1.log"
    log.parent.mkdir(parents=True)
    log.write_text("genomehub: reading\ngenomehub: error: r.fq, record 3: cut off.\n")
    found = launch.failure(LOG.format(status=status), tmp_path)
    assert type(found) is kind
    assert str(found) == f"r.fq, record 3: cut off. (from {log})"


def test_failure__on_another_node_the_exit_status_is_in_its_log(tmp_path):
    (tmp_path / "slurm.log").write_text("Command '...' returned non-zero exit status 4.\n")
    (tmp_path / "job.log").write_text("genomehub: error: no space left.\n")
    logs = f"job.log, {tmp_path}/slurm.log (check log file(s) for error details)"
    found = launch.failure(f"Error in rule align:\n    log: {logs}\n", tmp_path)
    assert type(found) is ResourceError
    assert str(found).startswith("no space left.")


def test_failure__without_a_sentence(tmp_path):
    (tmp_path / "results/logs/align").mkdir(parents=True)
    (tmp_path / "results/logs/align/NA1.log").write_text("Killed\n")
    assert "Killed (the end of " in str(launch.failure(LOG.format(status=137), tmp_path))
    assert "Snakemake says why above" in str(launch.failure("", tmp_path))
