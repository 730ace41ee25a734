"""Plain twin of kernels/reporting.py, without qualities; alignments as in plain/ranking.py."""

from plain.ranking import mark_parts


def list_rows(ranked, chosen, limits):
    """Rows of one read as (index, kind, hard_clip, alt_score); ``chosen`` indexes its primary alignment."""
    assembly, whole = mark_parts(ranked)
    rows = []
    for i in [chosen, *(i for i in range(len(ranked)) if i != chosen)]:
        score, is_alt = ranked[i][2:]
        if i != chosen:
            is_part = whole[i] < 0 if is_alt else assembly[i] < 0 and assembly[chosen] != i
            if not is_part or score < limits.min_score:
                continue
        better_alt = not is_alt and whole[i] >= 0 and ranked[whole[i]][3]
        kind = "primary" if i == chosen else "supplementary"
        clip = kind == "supplementary" and not is_alt and not limits.soft_clip
        rows.append((i, kind, clip, ranked[whole[i]][2] if better_alt else 0))
        rows += [(j, "other", False, 0) for j in other_places(ranked, whole, chosen, i, limits)]
    return rows


def other_places(ranked, whole, chosen, part, limits):
    """The other places of a part, none if they are too many."""
    masters = list(whole)
    displaced = masters[chosen]
    if displaced >= 0 and not ranked[displaced][3]:
        masters = [chosen if master == displaced else master for master in masters]
        masters[displaced], masters[chosen] = chosen, -1
    enough = limits.other_place_ratio * ranked[part][2]
    found = [j for j, master in enumerate(masters) if master == part and ranked[j][2] >= enough]
    most = limits.max_alt_places if any(ranked[j][3] for j in found) else limits.max_other_places
    return found if limits.max_other_places > 0 and len(found) <= most else []
