"""match_cluster: as many variants as the plain twin finds; other spellings of a haplotype match."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import haplotypes as plain

from genomehub.quality.haplotypes import CALLS, TRUTH, Event, match_cluster

OFFSET = 1_000


@st.composite
def clusters(draw):
    """A short, repetitive reference and up to three variants a side, often the same ones."""
    text = draw(st.text("AC", min_size=6, max_size=10)) + draw(st.text("ACGT", min_size=2, max_size=4))
    pool = draw(st.lists(edits(len(text)), min_size=1, max_size=3))
    events = []
    for side in (TRUTH, CALLS):
        mine = draw(st.lists(st.one_of(st.sampled_from(pool), edits(len(text))), max_size=3))
        events += [event_of(*edit, side, i) for i, edit in enumerate(mine)]
    return text, events


@st.composite
def edits(draw, length):
    start = draw(st.integers(0, length - 3))
    end = start + draw(st.integers(0, 2))
    bases = draw(st.text("AC", max_size=2))
    return start, end, bases, draw(st.sampled_from(["het", "hom", "two"]))


def event_of(start, end, bases, zygosity, side, index):
    if zygosity == "hom":
        options = ((bases, bases),)
    else:
        other = None if zygosity == "het" else bases + "G"
        options = ((bases, other), (other, bases))
    return Event(OFFSET + start, OFFSET + end, options, side, index)


def n_matched(match):
    return sum(map(len, match.groups))


@settings(max_examples=400, deadline=None)
@given(clusters())
def test_match__as_large_as_the_plain_twin(cluster):
    text, events = cluster
    if not events:
        return
    match = match_cluster(events, text, OFFSET, 10_000)
    assert match.is_exact
    assert n_matched(match) <= plain.largest_match(events, text, OFFSET)
    chosen = [(event, None) for group in match.groups for event in group]
    assert len({(event.side, event.member) for event, _ in chosen}) == len(chosen)
    assert all({event.side for event in group} == {TRUTH, CALLS} for group in match.groups)
    assert n_matched(match) >= plain.largest_match(events, text, OFFSET) - n_cancelling(events, text)


def n_cancelling(events, text):
    """Variants of one side that spell the reference together: the twin may count them, we do not."""
    n = 0
    for side in (TRUTH, CALLS):
        mine = [event for event in events if event.side == side]
        n += max(
            (len(chosen) for chosen in plain.choices(mine)
             if all(plain.spell(text, OFFSET, chosen, h) == text for h in (0, 1))), default=0,
        )  # fmt: skip
    return n


@settings(max_examples=200, deadline=None)
@given(clusters())
def test_match__groups_spell_the_same(cluster):
    text, events = cluster
    if not events:
        return
    for group in match_cluster(events, text, OFFSET, 10_000).groups:
        assert plain.largest_match(group, text, OFFSET) == len(group)


@settings(max_examples=200, deadline=None)
@given(clusters())
def test_match__swapping_sides_swaps_the_answer(cluster):
    text, events = cluster
    if not events:
        return
    swapped = [event._replace(side=1 - event.side) for event in events]
    there = match_cluster(events, text, OFFSET, 10_000)
    back = match_cluster(swapped, text, OFFSET, 10_000)

    def found(match, side):
        return sorted(
            (e.start, e.end, sorted(map(repr, e.options))) for g in match.groups for e in g if e.side == side
        )

    assert found(there, TRUTH) == found(back, CALLS)
    assert found(there, CALLS) == found(back, TRUTH)


@pytest.mark.parametrize("seed", range(5))
def test_match__shifted_indels_in_a_repeat(seed):
    rng = random.Random(seed)
    unit = rng.choice(["A", "AC", "ACG"])
    text = "GGT" + unit * 20 + "TTG"
    places = [3 + len(unit) * rng.randrange(20) for _ in range(2)]
    hom = ((unit, unit),)
    events = [Event(OFFSET + place, OFFSET + place, hom, side, 0) for side, place in enumerate(places)]
    assert n_matched(match_cluster(events, text, OFFSET, 100)) == 2


def test_match__cut_short_is_said():
    text = "A" * 40
    events = [event_of(i, i + 1, "", "het", side, i) for i in range(0, 24, 2) for side in (TRUTH, CALLS)]
    assert not match_cluster(events, text, OFFSET, 4).is_exact
    assert match_cluster(events, text, OFFSET, 100_000).is_exact
