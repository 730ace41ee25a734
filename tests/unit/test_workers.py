"""The Dask pool: order, bounded look-ahead, errors as they were."""

import gc
import logging
import time
import warnings

import numpy as np
import psutil
import pytest

from genomehub.errors import InputError
from genomehub.pipeline.workers import Workers


def _late_first(item):
    time.sleep(0.05 if item == 0 else 0)
    return item * item


@pytest.mark.parametrize("threads", [1, 2])
def test_map__keeps_the_order(threads):
    with Workers(threads=threads) as workers:
        assert list(workers.map(_late_first, range(7))) == [i * i for i in range(7)]


def test_map__draws_only_what_is_in_flight():
    drawn = []

    def items():
        for i in range(50):
            drawn.append(i)
            yield i

    with Workers(threads=1) as workers:
        results = workers.map(abs, items(), in_flight=3)
        assert next(results) == 0
        assert len(drawn) <= 4
        assert list(results) == list(range(1, 50))


def test_map__arrays_are_not_copied_in_local_mode():
    array = np.zeros(10)
    with Workers(threads=1) as workers:
        (address,) = workers.map(lambda a: a.ctypes.data, [array])
    assert address == array.ctypes.data


def test_map__raises_the_error_of_the_task():
    def fail(item):
        raise InputError(f"record {item}: cut off")

    with Workers(threads=1) as workers, pytest.raises(InputError, match="record 4: cut off"):
        list(workers.map(fail, [4, 5]))


def test_workers__two_pools_listen_on_this_machine_only():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # two pools at once must not quarrel about a port
        with Workers(threads=1), Workers(threads=1):
            addresses = {c.laddr.ip for c in psutil.Process().net_connections() if c.status == "LISTEN"}
    assert addresses <= {"127.0.0.1", "::1"}


def test_map__a_failure_is_told_once(capfd):
    def fail(item):
        raise InputError("record 4: cut off")

    with Workers(threads=1) as workers, pytest.raises(InputError):
        list(workers.map(fail, [4]))
    assert capfd.readouterr().err == "", "Dask must not print a traceback beside our sentence"


def _never_ask(loop, error):
    loop.create_future().set_exception(error)
    gc.collect()


def test_workers__report_no_timer_that_ran_out_at_the_end(caplog):
    with Workers(threads=1) as workers, caplog.at_level(logging.ERROR, "asyncio"):
        loop = workers._client.loop.asyncio_loop
        for error in (TimeoutError("Timeout"), ValueError("a fault")):
            loop.call_soon_threadsafe(_never_ask, loop, error)
        list(workers.map(abs, range(10)))
    said = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert said == ["a fault"]
