"""Plots as inline SVG: bars and lines from the numbers of ``genomehub qc``, styled by the page's stylesheet.

No style attributes and no script, so that the strictest content security policy holds. Each plot says its
message
in words, for those who do not see it.
"""

import itertools
import math
from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT = 420, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 12, 36


def histogram(
    counts: Sequence[float | None],
    *,
    title: str,
    axis: str,
    first: float = 0,
    step: float = 1,
    mark: float | None = None,
) -> Markup:
    """Return bars of counts.

    Parameters
    ----------
    counts : of each bin
    title : what it shows, read aloud
    axis : name of the horizontal axis, with its unit
    first, step : value of the first bin, and how far the next is
    mark : a value to draw a line at, such as the mean
    """
    values = [value or 0 for value in counts]
    low, high = _used(values)
    values, first = values[low:high], first + low * step
    group = max(1, math.ceil(len(values) / 120))
    values = [sum(values[at : at + group]) for at in range(0, len(values), group)]
    frame = _Frame(first, first + step * group * max(len(values), 1), max(values, default=0) or 1)
    width = (WIDTH - _LEFT - _RIGHT) / max(len(values), 1)
    bars = [
        f'<rect class="bar" x="{_LEFT + at * width + 0.3:.1f}" y="{frame.y(value):.1f}" '
        f'width="{max(width - 0.6, 0.6):.1f}" height="{HEIGHT - _BOTTOM - frame.y(value):.1f}"/>'
        for at, value in enumerate(values)
        if value
    ]
    if mark is not None and frame.left <= mark <= frame.right:
        x = frame.x(mark + step / 2)
        bars.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>')
    return frame.svg("".join(bars), title, axis)


def lines(
    series: Sequence[Sequence[float | None]],
    *,
    title: str,
    axis: str,
    first: float = 0,
    top: float | None = None,
) -> Markup:
    """Return lines, one a series, of the stylesheet's ``line1``, ``line2`` and so on; None is a gap."""
    longest = max((len(values) for values in series), default=0)
    highest = max((value for values in series for value in values if value is not None), default=0)
    frame = _Frame(first, first + max(longest - 1, 1), top or highest * 1.05 or 1)
    drawn = []
    for number, values in enumerate(series, 1):
        path, pen = [], "M"
        for at, value in enumerate(values):
            if value is None:
                pen = "M"
                continue
            path.append(f"{pen}{frame.x(first + at):.1f} {frame.y(value):.1f}")
            pen = "L"
        drawn.append(f'<path class="line line{number}" d="{"".join(path)}"/>')
    return frame.svg("".join(drawn), title, axis)


def meter(share: float) -> Markup:
    """Return a thin bar that is filled to a share."""
    filled = 100 * min(max(share, 0.0), 1.0)
    return Markup(
        '<svg class="meter" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="meter-all" width="100" height="4" rx="2"/>'
        f'<rect class="meter-part" width="{filled:.1f}" height="4" rx="2"/></svg>'
    )


class _Frame:
    """Axes and their scales; the vertical one starts at 0."""

    def __init__(self, left: float, right: float, top: float) -> None:
        self.left, self.right, self.top = left, right, top

    def x(self, value: float) -> float:
        return _LEFT + (value - self.left) / (self.right - self.left or 1) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - value / self.top * (HEIGHT - _BOTTOM - _TOP)

    def svg(self, drawn: str, title: str, axis: str) -> Markup:
        parts = []
        for value in _ticks(0, self.top, 4):
            y = self.y(value)
            parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(
                f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>'
            )
        for value in _ticks(self.left, self.right, 6):
            parts.append(
                f'<text class="tick" x="{self.x(value):.1f}" y="{HEIGHT - _BOTTOM + 15}" '
                f'text-anchor="middle">{_short(value)}</text>'
            )
        middle = (_LEFT + WIDTH - _RIGHT) / 2
        parts.append(
            f'<text class="axis" x="{middle}" y="{HEIGHT - 5}" text-anchor="middle">{escape(axis)}</text>'
        )
        return Markup(
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
            f"{''.join(parts)}{drawn}</svg>"
        )


def _used(values: Sequence[float]) -> tuple[int, int]:
    """Return where a histogram begins and ends, without the last thousandth of what it counts."""
    filled = [at for at, value in enumerate(values) if value]
    if not filled:
        return 0, len(values)
    enough, passed = 0.999 * sum(values), itertools.accumulate(values)
    last = next((at for at, so_far in enumerate(passed) if so_far >= enough), filled[-1])
    return filled[0], last + 1


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Return round values between two."""
    span = (high - low) / about
    if not span > 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(span))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= span)
    start = math.ceil(low / step)
    return [round(number * step, 10) for number in range(start, math.floor(high / step) + 1)]


def _short(value: float) -> str:
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{unit}"
    return f"{value:g}"
