"""Start Snakemake on the workflow, see it through, and say in one sentence why it failed.

``genomehub run`` is this module and nothing more: the same Python's Snakemake on the Snakefile of the
package, with the options a resumable run needs. What Snakemake prints reaches the terminal untouched.

A run holds a lock of the operating system (flock) on ``.snakemake/genomehub.lock`` for as long as it or
its Snakemake lives. A killed run cannot leave that lock behind, so whoever gets it knows that locks which
Snakemake left are stale and may be removed; only a Snakemake that was started by hand needs another look.
"""

import contextlib
import dataclasses
import fcntl
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import psutil

from genomehub.errors import ConfigError, GenomehubError, InputError, ResourceError, StoreError
from genomehub.files import os_error, workflow_directory

_LOCK = ".snakemake/genomehub.lock"
_JOB_LOG = re.compile(r"^\s+log: (.+?)(?: \(check log file\(s\) for error details\))?$", re.MULTILINE)
_EXIT_STATUS = re.compile(r"returned non-zero exit status (\d+)")
_SENTENCE = re.compile(r"^(?:genomehub: error|Error): (.+)$", re.MULTILINE)  # ours, or click's on usage
#: What a failed job's exit code says about the kind of its error; see errors.CODES.
_KINDS: dict[int, type[GenomehubError]] = {2: ConfigError, 3: InputError, 4: ResourceError, 5: StoreError}


@dataclasses.dataclass(frozen=True)
class Launch:
    """How to run the workflow.

    Parameters
    ----------
    config : configuration file, absolute
    directory : working directory, absolute; everything that a run makes comes below results/ in it
    cores : cores to use, None for what the profile says (by default all that the process may use)
    profile : one of the workflow's profiles by name, or a Snakemake profile by name or path
    dry_run : show what would be done
    extra : further arguments for snakemake
    """

    config: Path
    directory: Path
    cores: int | None = None
    profile: str | None = None
    dry_run: bool = False
    extra: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """Return the snakemake command, as a list of arguments."""
        command = [sys.executable, "-m", "snakemake"]
        command += ["--snakefile", str(workflow_directory() / "Snakefile")]
        command += ["--configfile", str(self.config), "--directory", str(self.directory)]
        command += ["--rerun-incomplete"]
        if self.cores is not None:
            command += ["--cores", str(self.cores)]
        if self.dry_run:
            command += ["--dry-run"]
        return [*command, *_profile_arguments(self.profile), *self.extra]

    def shell_command(self) -> str:
        """Return the command as a person would type it."""
        return shlex.join(["snakemake", *self.command()[3:]])


def _profile_arguments(profile: str | None) -> list[str]:
    if profile is None:
        return []  # Snakemake finds profiles/default beside the Snakefile by itself
    own = workflow_directory() / "profiles" / profile
    if own.is_dir() and profile not in (".", ".."):
        return ["--workflow-profile", str(own)]
    return ["--profile", str(Path(profile).absolute()) if Path(profile).exists() else profile]


def run_workflow(launch: Launch) -> None:
    """Run Snakemake to the end.

    Raises
    ------
    GenomehubError
        A job failed or the workflow could not start; the class carries the exit code of the command
        that failed, the text its sentence and its log.
    ResourceError
        Another run works in the same directory, or the directory cannot be written.
    """
    started = time.time()
    if launch.dry_run:
        status = _snakemake(launch, None)
    else:
        with only_run_in(launch.directory) as lock:
            if lock is not None and _has_stale_locks(launch.directory):
                _unlock(launch)
            status = _snakemake(launch, lock)
    if status != 0:
        raise failure(_log_since(launch.directory, started), launch.directory)


@contextlib.contextmanager
def only_run_in(directory: Path) -> Iterator[int | None]:
    """Hold the lock of a working directory; yield its descriptor, or None if the file system has no locks.

    Raises
    ------
    ResourceError
        Another run holds the lock.
    """
    path = directory / _LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise os_error(path, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
            raise ResourceError(
                f"{directory}: another run works here ({holder}). Wait for it to end, or choose another "
                "--directory."
            ) from None
        except OSError:  # ENOLCK, ENOSYS: some parallel file systems
            yield None
            return
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _has_stale_locks(directory: Path) -> bool:
    """Whether Snakemake's own locks were left by a run that is dead."""
    locks = directory / ".snakemake" / "locks"
    if not locks.is_dir() or not any(locks.iterdir()):
        return False
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        arguments = " ".join(process.info["cmdline"] or [])
        if "snakemake" in arguments and process.info["cwd"] == str(directory.resolve()):
            raise ResourceError(
                f"{directory}: Snakemake process {process.info['pid']} works here. Wait for it to end, or "
                "choose another --directory."
            )
    return True


def _unlock(launch: Launch) -> None:
    command = [*dataclasses.replace(launch, extra=()).command(), "--unlock", "--quiet", "all"]
    subprocess.run(command, check=False, capture_output=True, env=_environment(), cwd=launch.directory)


def _environment() -> dict[str, str]:
    """Make ``genomehub`` of this installation the one that the rules call, active environment or not."""
    scripts = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)])}


def _snakemake(launch: Launch, lock: int | None) -> int:
    """Run Snakemake on this terminal and return its exit status."""
    process = subprocess.Popen(
        launch.command(),
        cwd=launch.directory,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        pass_fds=() if lock is None else (lock,),  # the lock lives as long as Snakemake, should we be killed
    )
    with _forward_terminate(process):
        try:
            return process.wait()
        except KeyboardInterrupt:  # Snakemake got it too and tidies up
            process.wait()
            raise


@contextlib.contextmanager
def _forward_terminate(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass SIGTERM on: Snakemake then starts no further job, lets the running ones end, and stops."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def forward(number: int, frame: FrameType | None) -> None:
        process.send_signal(number)

    before = signal.signal(signal.SIGTERM, forward)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _log_since(directory: Path, started: float) -> str:
    """Return the text of the log that Snakemake has begun after ``started`` (seconds of the epoch)."""
    logs = [path for path in (directory / ".snakemake/log").glob("*.log") if path.stat().st_mtime >= started]
    newest = max(logs, key=lambda path: path.stat().st_mtime, default=None)
    return "" if newest is None else newest.read_text(encoding="utf-8", errors="replace")


def failure(output: str, directory: Path) -> GenomehubError:
    """Turn what a failed Snakemake wrote into one error: the first failed job's sentence and exit code.

    Parameters
    ----------
    output : the log of Snakemake
    directory : its working directory, to which the logs of jobs are relative
    """
    paths = [directory / name for names in _JOB_LOG.findall(output) for name in names.split(", ")]
    logs = {path: path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()}
    status = _EXIT_STATUS.search("\n".join([output, *logs.values()]))
    kind = _KINDS.get(int(status[1]) if status else 1, GenomehubError)
    for path, text in logs.items():
        if sentence := _SENTENCE.search(text):
            return kind(f"{sentence[1]} (from {path})")
    for path, text in logs.items():
        if text.strip():  # a stack of Python, or what the system said: the last line names the reason
            return kind(f"{text.strip().splitlines()[-1].strip()} (the end of {path})")
    return kind("the workflow did not finish; Snakemake says why above.")
