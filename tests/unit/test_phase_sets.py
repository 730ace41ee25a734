"""Phase of called sites: over edges of partitions, with sites that are not stored, and what stays apart."""

import numpy as np
from builders.calling import codes, diploid_reads, random_sequence

from genomehub.config import CallConfig
from genomehub.types import NO_LINKS, Interval
from genomehub.variants.caller import call_interval
from genomehub.variants.phasing import phase_calls

CONFIG = CallConfig()
LENGTH = 1_200
REFERENCE = random_sequence(LENGTH, seed=4)


def change(place):
    return place, REFERENCE[place], "ACGT"[("ACGT".index(REFERENCE[place]) + 1) % 4]


# two chromosomes: SNVs and a deletion of 4 bp, 50 to 80 bp apart, so that reads of 100 bp link neighbours
FIRST = [change(400), change(550), (600, REFERENCE[600:605], REFERENCE[600])]
SECOND = [change(480), change(660), change(720)]
BOTH = [change(440)]
RECORDS = diploid_reads(REFERENCE, sorted(FIRST + BOTH), sorted(SECOND + BOTH), depth=60)


def call(first=0, last=LENGTH):
    return call_interval(RECORDS, codes(REFERENCE), 0, Interval(0, first, last), CONFIG)


def phase(*calls):
    position, contig, genotype = (
        np.concatenate([part.variants[name] for part in calls])
        for name in ("variant_position", "variant_contig", "call_genotype")
    )
    links = np.concatenate([part.links for part in calls])
    return position, phase_calls(contig, position, genotype, links, CONFIG)


def test_call_interval__links_follow_the_chromosomes():
    position, phased = phase(call())
    assert position.tolist() == sorted(place + 1 for place, _, _ in FIRST + SECOND + BOTH)
    assert phased.phased[:, 0].tolist() == [True, False, True, True, True, True, True]  # 440 is 1/1
    ordered = dict(zip(position.tolist(), phased.genotype[:, 0].tolist(), strict=True))
    assert [ordered[place + 1] for place, _, _ in FIRST] == [[0, 1]] * 3
    assert [ordered[place + 1] for place, _, _ in SECOND] == [[1, 0]] * 3
    assert ordered[441] == [1, 1]
    assert phased.phase_set[:, 0].tolist() == [401, -1, 401, 401, 401, 401, 401]
    assert (phased.quality[phased.phased] >= 30).all()


def test_call_interval__same_links_however_cut():
    whole = phase(call())
    for edge in (300, 401, 500, 599, 604, 660, 700):
        parts = phase(call(0, edge), call(edge, LENGTH))
        assert all(np.array_equal(a, b) for a, b in zip(whole[1], parts[1], strict=True))


def test_phase_calls__no_links():
    genotype = np.array([[[0, 1]], [[0, 1]]], np.int8)
    phased = phase_calls(np.array([0, 0]), np.array([5, 9]), genotype, NO_LINKS, CONFIG)
    assert not phased.phased.any()
    assert phased.phase_set.tolist() == phased.quality.tolist() == [[-1], [-1]]
    assert np.array_equal(phased.genotype, genotype)


def test_phase_calls__nothing_called():
    none = np.zeros(0, np.int64)
    assert phase_calls(none, none, np.zeros((0, 1, 2)), NO_LINKS, CONFIG).phased.shape == (0, 1)


def test_phase_calls__sites_that_are_not_stored_and_contigs():
    contig, position = np.array([0, 0, 1, 1]), np.array([5, 90, 5, 90])
    genotype = np.array([[[0, 1]], [[1, 2]], [[0, 1]], [[0, 1]]], np.int8)
    links = np.array([[0, 5, 90, -40], [0, 5, 70, 99], [1, 5, 90, 19], [1, 90, 200, 99]], np.int32)
    phased = phase_calls(contig, position, genotype, links, CONFIG)
    assert phased.genotype[:, 0].tolist() == [[0, 1], [2, 1], [0, 1], [0, 1]]
    assert phased.phase_set[:, 0].tolist() == [5, 5, -1, -1]
    assert phased.quality[:, 0].tolist() == [40, 40, -1, -1]
