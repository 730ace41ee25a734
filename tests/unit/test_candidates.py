"""Which events and sets of events become candidate haplotypes."""

import numpy as np
import pytest

from genomehub.config import CallConfig
from genomehub.kernels.haplotypes import DELETION, SUBSTITUTION, ReadEvents
from genomehub.kernels.region_reads import RegionReads
from genomehub.variants.haplotypes import linked_sets, shared_events

CONFIG = CallConfig()


def words(*values):
    return np.array(values, dtype=np.uint64)


def test_linked_sets__two_reads_that_share_an_event_make_one_haplotype():
    # events 0 and 1 in two reads, 1 and 2 in two others; the fifth is alone
    carried, covered = words(0b011, 0b011, 0b110, 0b110, 0b100), words(0b011, 0b011, 0b110, 0b110, 0b110)
    sets, regions = linked_sets(carried, covered, np.zeros(5, dtype=np.int64))
    assert (sets.tolist(), regions.tolist()) == ([0b111], [0])


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ((0b001, 0b011), (0b110, 0b110)),  # they differ in event 1, which both cover
        ((0b001, 0b011), (0b100, 0b110)),  # both lack event 1: nothing says that they are one
        ((0b010, 0b010), (0b110, 0b110)),  # the second covers all that the first does
    ],
)
def test_linked_sets__what_is_not_linked(one, two):
    carried, covered = words(one[0], one[0], two[0], two[0]), words(one[1], one[1], two[1], two[1])
    assert linked_sets(carried, covered, np.zeros(4, dtype=np.int64))[0].size == 0


def test_linked_sets__regions_are_apart():
    carried, covered = words(0b011, 0b011, 0b110, 0b110), words(0b011, 0b011, 0b110, 0b110)
    assert linked_sets(carried, covered, np.array([0, 0, 1, 1]))[0].size == 0
    assert linked_sets(words(), words(), np.zeros(0, dtype=np.int64))[0].size == 0


@pytest.mark.parametrize(
    ("kind", "length", "few", "kept"),
    [
        (DELETION, 12, True, 1),
        (DELETION, 12, False, 0),  # reads that span the region would have shown it
        (DELETION, 4, True, 0),
        (SUBSTITUTION, 1, True, 0),
    ],
)
def test_shared_events__one_read_is_enough_for_a_long_indel_that_few_could_show(kind, length, few, kept):
    column = [np.array([value], dtype=np.int64) for value in (40, kind, length, 0, 0)]
    events = ReadEvents(np.array([9], dtype=np.uint64), *column, np.array([0, 1, 1, 1]))
    three = np.arange(3)
    reads = RegionReads(np.array([0, 3]), three, three, three, three, three, three, np.array([3]))
    found = shared_events(events, reads, np.zeros(3, dtype=np.int64), np.array([few]), CONFIG)
    assert found.offsets.tolist() == [0, kept]
