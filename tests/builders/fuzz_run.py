"""Runs damaged files in processes of their own, for a time; a crash or a hang ends one, and is named."""

import contextlib
import faulthandler
import multiprocessing
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

_HANG_SECONDS = 60
_CASES_PER_TASK = 20


@contextlib.contextmanager
def ends_well(kind, seed, folder, errors):
    """Hold that what is done to one damaged file ends, without an error or in one of ``errors``, a sentence.

    folder : its file ``started`` names the case that runs
    """
    (folder / "started").write_text(f"{kind} {seed}")
    faulthandler.dump_traceback_later(_HANG_SECONDS, exit=True)
    try:
        yield
    except errors as error:
        if not str(error).strip() or "\n" in str(error):
            raise AssertionError(f"{kind} {seed}: is no sentence: {error!r}") from error
    except BaseException as error:
        raise AssertionError(f"{kind} {seed}: {type(error).__name__}: {error}") from error
    finally:
        faulthandler.cancel_dump_traceback_later()


def run_for(seconds, run, n_cases, whole, folder, reference):
    """Run cases of all kinds, a bit of each in turn, until all are done or the time is up.

    Parameters
    ----------
    seconds : no task starts later, so that a slow machine does fewer cases instead of taking longer; a first
        task of each kind runs in any case
    run : ``run(kind, whole[kind], seeds, folder, reference)`` returns how many of the files were accepted
    n_cases : of each kind; whole : of each kind what is damaged
    folder, reference : for the files; what ``run`` is given

    Returns
    -------
    accepted : files of each kind
    """
    tasks = [
        (
            kind,
            whole[kind],
            range(start, min(start + _CASES_PER_TASK, n)),
            folder / f"{kind}.{start}",
            reference,
        )
        for kind, n in n_cases.items()
        for start in range(0, n, _CASES_PER_TASK)
    ]
    tasks.sort(key=lambda task: task[2].start)
    accepted, done, end = Counter(), Counter(), None
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for first in range(0, len(tasks), len(n_cases)):
            if end is not None and time.monotonic() > end:
                break
            batch = tasks[first : first + len(n_cases)]
            try:
                for task, n in zip(batch, pool.map(run, *zip(*batch, strict=True)), strict=True):
                    accepted[task[0]] += n
                    done[task[0]] += len(task[2])
            except BrokenProcessPool as error:
                started = [path.read_text() for path in folder.rglob("started")]
                raise AssertionError(f"a process crashed or hung in one of: {', '.join(started)}") from error
            end = end or time.monotonic() + seconds  # kernels are loaded by the first tasks
    print(f"damaged files: {dict(done)}; accepted: {dict(accepted)}")
    assert done.keys() == n_cases.keys()
    return accepted
