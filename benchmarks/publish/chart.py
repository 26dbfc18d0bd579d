"""Rate-distortion curves as SVG.

Drawn here and not by matplotlib, which does not put names beside the ends of twenty curves without
overlap, and whose SVG depends on its version: tests compare the stored plots byte by byte.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 820, 480
LEFT, RIGHT, TOP, BOTTOM = 52, 226, 34, 44
RATE_TICKS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
COLOURS = (
    "#c2410c",
    "#1d4ed8",
    "#15803d",
    "#7e22ce",
    "#0e7490",
    "#a16207",
    "#be185d",
    "#4d7c0f",
    "#000",
)
LABEL_STEP = 15
TICKS = 10
"""At most so many steps upwards."""

Place = Callable[[float, float], tuple[float, float]]
"""Where a rate and a quality are in the drawing."""


@dataclass(frozen=True)
class Series:
    """One curve. A published one is dashed and grey, and says that it was not run."""

    name: str
    points: Sequence[tuple[float, float]]
    """(rate in bpp, quality)"""
    is_published: bool = False
    is_ours: bool = False

    @property
    def label(self) -> str:
        return self.name + (" (published)" if self.is_published else "")


def draw_chart(
    title: str, unit: str, series: Sequence[Series], rates_bpp: tuple[float, float]
) -> str:
    """An SVG of the curves over log rate, within these rates. unit: of what is drawn upwards."""
    low, high = rates_bpp
    shown = [(s, [p for p in s.points if low <= p[0] <= high]) for s in series]
    qualities = [quality for _, points in shown for _, quality in points]
    if not qualities:
        raise ValueError("no point lies within these rates")
    ticks = _ticks(min(qualities), max(qualities))
    bottom, top = ticks[0], ticks[-1]

    def place(rate: float, quality: float) -> tuple[float, float]:
        across = math.log(rate / low) / math.log(high / low)
        up = (quality - bottom) / (top - bottom)
        x = LEFT + across * (WIDTH - LEFT - RIGHT)
        return round(x, 1), round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM), 1)

    parts = [_axes(place, rates_bpp, ticks, unit)]
    colours = itertools.cycle(COLOURS)
    ends = []
    for line, points in shown:
        if not points:
            continue
        colour = "#8b8b8b" if line.is_published else next(colours)
        places = [place(*point) for point in points]
        parts.append(_curve(line, colour, places))
        ends.append((places[-1][1], places[-1][0], colour, line.label))
    parts.append(_labels(ends))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{LEFT}" y="20" font-size="14" font-weight="600" fill="#111">'
        f"{escape(title)}</text>{''.join(parts)}</svg>"
    )


def _ticks(low: float, high: float) -> list[float]:
    """Round values some way apart, from below the lowest to above the highest."""
    rough = max(high - low, 1e-6) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(step * number, 9) for number in range(first, max(last, first + 1) + 1)]


def _axes(place: Place, rates_bpp: tuple[float, float], ticks: Sequence[float], unit: str) -> str:
    low, high = rates_bpp
    parts = []
    for quality in ticks:
        x, y = place(low, quality)
        parts.append(
            f'<path d="M{x} {y}H{WIDTH - RIGHT}" stroke="#e2e2e2"/>'
            f'<text x="{x - 8}" y="{y + 4}" text-anchor="end" fill="#444">{quality:g}</text>'
        )
    for rate in (r for r in RATE_TICKS if low <= r <= high):
        x, y = place(rate, ticks[0])
        parts.append(
            f'<path d="M{x} {TOP}V{y}" stroke="#e2e2e2"/>'
            f'<text x="{x}" y="{y + 18}" text-anchor="middle" fill="#444">{rate:g}</text>'
        )
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end" fill="#444">'
        f"bits per pixel (log)</text>"
        f'<text x="{LEFT}" y="{HEIGHT - 8}" fill="#444">{escape(unit)}</text>'
    )
    return "".join(parts)


def _curve(line: Series, colour: str, places: Sequence[tuple[float, float]]) -> str:
    style = ' stroke-dasharray="5 4"' if line.is_published else ""
    width, radius = (2.5, 3) if line.is_ours else (1.5, 2.5)
    path = "L".join(f"{x} {y}" for x, y in places)
    dots = (f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{colour}"/>' for x, y in places)
    return (
        f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="{width}"{style}/>'
        + "".join(dots)
    )


def _labels(ends: list[tuple[float, float, str, str]]) -> str:
    """Names beside the ends of their curves, apart from one another, with lines that lead there."""
    parts = []
    previous = float(TOP) - LABEL_STEP
    for y, x, colour, name in sorted(ends):
        previous = max(y, previous + LABEL_STEP)
        parts.append((previous, x, y, colour, name))
    excess = max(0.0, previous - (HEIGHT - BOTTOM))
    left = WIDTH - RIGHT + 10
    return "".join(
        f'<path d="M{x + 4} {y}L{WIDTH - RIGHT + 1} {y}L{left - 2} {at - excess:.1f}" '
        f'fill="none" stroke="{colour}" stroke-width=".75" stroke-opacity=".4"/>'
        f'<text x="{left}" y="{at - excess + 4:.1f}" fill="{colour}">{escape(name)}</text>'
        for at, x, y, colour, name in parts
    )
