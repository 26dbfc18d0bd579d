"""The order in which a picture's pixels are coded: sub-grids, each from pixels known on all sides.

First the pixels at (0, 0) of each 8x8; then for steps of 8, 4 and 2 pixels, with h half the step:
the centres (h, h), then (0, h), then (h, 0). A sub-grid's pixels do not see each other, so all of
them are computed at once; together the ten sub-grids are the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

COARSEST_PX = 8
"""The first sub-grid's step."""


@dataclass(frozen=True)
class SubGrid:
    """Every `step`-th pixel of every `step`-th row, from (row, column) on."""

    row: int
    column: int
    step: int
    neighbours: tuple[tuple[int, int], ...]
    """(dy, dx) of the known pixels that each pixel sees, nearest first."""

    @property
    def reach(self) -> int:
        """How far a neighbour can be, along either side."""
        return max((max(abs(dy), abs(dx)) for dy, dx in self.neighbours), default=0)

    @property
    def places(self) -> tuple[slice, slice]:
        """The sub-grid's rows and columns of a picture."""
        return slice(self.row, None, self.step), slice(self.column, None, self.step)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """How many rows and columns it has in a picture."""
        return (
            max(0, -(-(height - self.row) // self.step)),
            max(0, -(-(width - self.column) // self.step)),
        )


@lru_cache(maxsize=8)
def subgrids(neighbours: int) -> tuple[SubGrid, ...]:
    """The ten sub-grids in order; each but the first sees so many neighbours, or fewer."""
    found = [SubGrid(0, 0, COARSEST_PX, ())]
    step = COARSEST_PX
    while step > 1:
        half = step // 2
        for row, column in ((half, half), (0, half), (half, 0)):
            seen = [(g.row - row, g.column - column, g.step) for g in found]
            found.append(SubGrid(row, column, step, _nearest(seen, half, neighbours)))
        step = half
    return tuple(found)


def _nearest(
    known: list[tuple[int, int, int]], half: int, count: int
) -> tuple[tuple[int, int], ...]:
    """The nearest known places, whole rings at a time, `count` at most."""
    reach = range(-5 * half, 5 * half + 1, half)
    rings: dict[int, list[tuple[int, int]]] = {}
    for dy, dx in product(reach, reach):
        if any((dy - row) % step == 0 and (dx - column) % step == 0 for row, column, step in known):
            rings.setdefault(dy * dy + dx * dx, []).append((dy, dx))
    chosen: list[tuple[int, int]] = []
    for distance in sorted(rings):
        if len(chosen) + len(rings[distance]) > count:
            break
        chosen += rings[distance]
    return tuple(chosen)
