"""Which truth and called variants, near one another, spell the same pair of haplotypes.

The same sequence can be written as variants in many ways; so variants are not compared, but the haplotypes
that subsets of them spell. As in RTG vcfeval (Cleary 2015), a search from left to right tries every variant
in every phase or leaves it out, and keeps the largest number of variants whose two pairs of haplotypes agree.
Here it is a dynamic programme: states that have the same future are merged, so the answer is exact unless a
cluster needs more than ``max_states`` states, when only the best are followed. Plain twin:
tests/plain/haplotypes.py.
"""

import zlib
from typing import NamedTuple

TRUTH, CALLS = 0, 1


class Event(NamedTuple):
    """One variant of one side, trimmed: it replaces ``start`` to ``end`` of the reference.

    start, end : 0-based bp
    options : ways to put it on the haplotypes, each a tuple with the new bases per haplotype, None where the
        haplotype keeps the reference there
    side : TRUTH or CALLS
    member : index of the variant in its side
    """

    start: int
    end: int
    options: tuple[tuple[str | None, ...], ...]
    side: int
    member: int


class Match(NamedTuple):
    """Events that were found to agree.

    groups : for each group of events that agree from one point of the reference to another, the events
    is_exact : whether no state had to be dropped
    """

    groups: list[list[Event]]
    is_exact: bool


# How far truth and calls have come on the reference, in half bases (odd: an insertion stands before the
# base), and the bases by which one is ahead of the other (sign 1: truth, -1: calls).
_Haplotype = tuple[int, int, int, str]
# Haplotypes in sorted order (their names do not matter), and the group since both sides last agreed:
# 0 nothing included, n > 0 only truth, n < 0 only calls, None both.
_State = tuple[tuple[_Haplotype, ...], int | None]
# Score, and the events included, newest first; None marks the end of a group.
_Value = tuple[int, "tuple | None"]

_ONE = 1 << 48


def match_cluster(events: list[Event], text: str, offset: int, max_states: int) -> Match:
    """Find the largest set of events whose truth and called haplotypes agree.

    Parameters
    ----------
    events : of both sides, all with the same number of haplotypes
    text : letters of the reference around them
    offset : position of text[0], 0-based bp
    max_states : states kept after each event; the best stay, so that time is bounded

    Returns
    -------
    Match
        Each group holds truth and calls. Among equally large sets the choice does not depend on which side is
        called truth.

    Notes
    -----
    Cost        O(n_events * n_states), a handful of states outside long repeats
    Reference   Cleary et al. 2015, doi:10.1101/023754; with overlaps allowed where one allele is REF
    """
    events = sorted(events, key=lambda event: (event.start, event.end, repr(event.options), event.side))
    n_haplotypes = len(events[0].options[0])
    start = 2 * events[0].start
    states: dict[_State, _Value] = {(((start, start, 0, ""),) * n_haplotypes, 0): (0, None)}
    is_exact = True
    for event in events:
        states = _include(_advance(states, event.start, text, offset), event)
        if len(states) > max_states:
            states, is_exact = _best(states, max_states), False
    last = max(event.end for event in events) + 1  # past an insertion at the end
    final = _advance(states, last, text, offset)
    settled = [
        value for (haplotypes, group), value in final.items() if group == 0 and _agree(haplotypes, last)
    ]
    return Match(_groups(max(settled, key=lambda value: value[0])[1]), is_exact)


def _best(states: dict[_State, _Value], n_states: int) -> dict[_State, _Value]:
    """Keep the best states, and the best of those where both sides agree: it always leads to an end."""
    ordered = sorted(states.items(), key=lambda item: (-item[1][0], _order(item[0])))
    safe = next(item for item in ordered if item[0][1] == 0)
    return dict([*ordered[:n_states], safe])


def _order(state: _State) -> tuple:
    haplotypes, group = state
    return haplotypes, group is None, group or 0


def _advance(states: dict[_State, _Value], position: int, text: str, offset: int) -> dict[_State, _Value]:
    """Read the reference up to ``position``; drop states whose bases differ; end groups that agree."""
    advanced: dict[_State, _Value] = {}
    for (haplotypes, group), (score, included) in states.items():
        moved = []
        for haplotype in haplotypes:
            next_one = _read_reference(haplotype, position, text, offset)
            if next_one is None:
                break
            moved.append(next_one)
        else:
            if group != 0 and _agree(moved, position):
                if group is not None:
                    continue  # one side spelled the reference on its own: the same without it is as good
                group, included = 0, (None, included)
            _keep(advanced, (tuple(sorted(moved)), group), (score, included))
    return advanced


def _agree(haplotypes: "list[_Haplotype] | tuple[_Haplotype, ...]", position: int) -> bool:
    return all(h[2] == 0 and h[0] <= 2 * position and h[1] <= 2 * position for h in haplotypes)


def _read_reference(haplotype: _Haplotype, position: int, text: str, offset: int) -> _Haplotype | None:
    truth, calls, sign, ahead = haplotype
    goal = 2 * position
    if truth >= goal and calls >= goal:
        return haplotype
    if sign == 0 and truth >> 1 == calls >> 1 and truth < goal and calls < goal:
        return goal, goal, 0, ""
    by_truth = text[(truth >> 1) - offset : position - offset] if truth < goal else ""
    by_calls = text[(calls >> 1) - offset : position - offset] if calls < goal else ""
    lead = _lead(sign, ahead, by_truth, by_calls)
    return None if lead is None else (max(truth, goal), max(calls, goal), *lead)


def _lead(sign: int, ahead: str, by_truth: str, by_calls: str) -> tuple[int, str] | None:
    """Append bases to both sides; return who is ahead by which bases, None if they differ."""
    if sign > 0:
        by_truth = ahead + by_truth
    elif sign < 0:
        by_calls = ahead + by_calls
    n_truth, n_calls = len(by_truth), len(by_calls)
    if n_truth > n_calls:
        return (1, by_truth[n_calls:]) if by_truth.startswith(by_calls) else None
    if n_calls > n_truth:
        return (-1, by_calls[n_truth:]) if by_calls.startswith(by_truth) else None
    return (0, "") if by_truth == by_calls else None


def _include(states: dict[_State, _Value], event: Event) -> dict[_State, _Value]:
    """Leave ``event`` out, or include it in each of its phases, in every state."""
    result = dict(states)
    gain = _ONE + _fingerprint(event)
    for (haplotypes, group), (score, included) in states.items():
        for option in event.options:
            placed = _place(haplotypes, option, event)
            if placed is not None:
                state = (tuple(sorted(placed)), _grown(group, event.side))
                _keep(result, state, (score + gain, (event, included)))
    return result


def _grown(group: int | None, side: int) -> int | None:
    if group is None or (group > 0 and side == CALLS) or (group < 0 and side == TRUTH):
        return None
    return group + 1 if side == TRUTH else group - 1


def _place(
    haplotypes: tuple[_Haplotype, ...], option: tuple[str | None, ...], event: Event
) -> list[_Haplotype] | None:
    start, end = 2 * event.start, 2 * event.end
    is_insertion = start == end
    placed = []
    for haplotype, bases in zip(haplotypes, option, strict=True):
        if bases is None:
            placed.append(haplotype)
            continue
        at = haplotype[0] if event.side == TRUTH else haplotype[1]
        if at > start + (0 if is_insertion else 1):
            return None  # another variant of this side stands there
        if event.side == TRUTH:
            lead = _lead(haplotype[2], haplotype[3], bases, "")
        else:
            lead = _lead(haplotype[2], haplotype[3], "", bases)
        if lead is None:
            return None
        reached = end + 1 if is_insertion else end
        truth, calls = (reached, haplotype[1]) if event.side == TRUTH else (haplotype[0], reached)
        placed.append((truth, calls, *lead))
    return placed


def _keep(states: dict[_State, _Value], state: _State, value: _Value) -> None:
    known = states.get(state)
    if known is None or known[0] < value[0]:
        states[state] = value


def _fingerprint(event: Event) -> int:
    """A number that is the same for the same variant on either side: breaks ties between equal counts."""
    return zlib.crc32(repr((event.start, event.end, sorted(map(repr, event.options)))).encode())


def _groups(included: "tuple | None") -> list[list[Event]]:
    groups: list[list[Event]] = []
    while included is not None:
        event, included = included
        if event is None:
            groups.append([])
        else:
            groups[-1].append(event)
    return [group[::-1] for group in groups[::-1]]
