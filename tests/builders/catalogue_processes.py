"""What other processes do with a catalogue at the same time; here, since they cannot import a test module."""

import dataclasses
import hashlib

from builders.results import result

from genomehub.hub.catalogue import Catalogue
from genomehub.hub.records import Result


def register_some(url, process, n_results, barrier):
    barrier.wait()
    for n in range(n_results):
        with Catalogue.open(url) as catalogue:
            catalogue.register(
                _with_md5(result(f"{process} {n}", qc={f"value{n}": n})), actor=f"process {process}"
            )
            catalogue.register(_with_md5(result("the same", "shared")))


def create(url, barrier, answers):
    barrier.wait()
    with Catalogue.create(url) as catalogue:
        answers.put(catalogue.change)


def _with_md5(made: Result) -> Result:
    """As ``describe_files`` makes it: all processes keep the MD5 of one content."""
    files = (dataclasses.replace(one, md5=hashlib.md5(one.sha256.encode()).hexdigest()) for one in made.files)
    return made.with_files(tuple(files), made.inputs)
