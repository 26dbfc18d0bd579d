"""Running the local decoder over a picture, sub-grid by sub-grid.

The pixels of a sub-grid do not see each other, so they are computed in blocks that fit a
processor's cache, side by side on its cores; how they are cut up makes no difference. Several
pictures of one size ("lanes") run side by side. Everything is planar: [3 colours, lanes, rows,
columns].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import local as thread_local
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vlaecodec.frozen.bands import do_all, split
from vlaecodec.frozen.layers import Floats
from vlaecodec.frozen.local import LocalDecoder
from vlaecodec.frozen.synthesis import Features
from vlaecodec.networks.photo.distribution import COLOURS, MIDDLE_GREY
from vlaecodec.networks.photo.subgrids import COARSEST_PX, SubGrid
from vlaecodec.picture.image import Pixels
from vlaecodec.pixels.kernel import Ints, KernelCorrection, PixelKernel, Workspace

Plane = NDArray[np.int16]
"""Samples of pictures, int16 [3, lanes, H, W], colours in coding order."""

BLOCK_PX = 2**12
"""About this many pixels are computed at once; any number gives the same picture."""

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class Conditioning:
    """The inputs of a local decoder beside the pixels: the mean image and features."""

    mean: Plane
    """The mean image, 0..255, [3, lanes, H, W]."""
    features: NDArray[np.int16]
    """GREY [features, lanes, H, W]."""


def conditioning_of(local: LocalDecoder, mean: Pixels, trunk: Features) -> Conditioning:
    """The inputs for one picture.

    mean: uint8 [H, W, 3]. trunk: int16 [channels, >= H / 8, >= W / 8].
    """
    features = local.features(trunk, *mean.shape[:2])
    return Conditioning(to_plane(mean), features[:, None])


def to_plane(picture: NDArray[np.integer]) -> Plane:
    """Samples [H, W, 3] as a plane of one lane, int16 [3, 1, H, W], colours in coding order."""
    planes = picture.transpose(2, 0, 1)[list(COLOURS), None]
    return np.ascontiguousarray(planes, np.int16)


def from_plane(plane: NDArray[np.integer]) -> NDArray[np.int16]:
    """The first lane's samples, colours as in pictures: int16 [H, W, 3]."""
    picture = np.empty((*plane.shape[2:], 3), np.int16)
    picture[..., COLOURS] = plane[:, 0].transpose(1, 2, 0)
    return picture


ChooseSamples = Callable[[int, SubGrid, slice, Ints, Ints, Ints], Ints]
"""Called with a colour's number, a sub-grid, some of its rows, and the samples' mean, scale and
tail in DISTRIBUTION units, [lanes * rows * columns] each. Returns their residuals, grey levels."""


def rows_of(planes: NDArray[T], grid: SubGrid, rows: slice) -> NDArray[T]:
    """Some rows of a sub-grid: [..., rows, columns] of [..., H, W]. rows: perhaps with a step."""
    first, last = (grid.row + grid.step * row for row in (rows.start, rows.stop))
    lines = slice(first, last, grid.step * (rows.step or 1))
    return planes[..., lines, slice(grid.column, None, grid.step)]


class Passes:
    """A local decoder on pictures of one size, with their residuals as far as they are known.

    condition: how coarse a near-lossless grid is, or None for a decoder that draws.
    """

    def __init__(
        self,
        local: LocalDecoder,
        conditioning: Conditioning,
        condition: int | None = None,
    ) -> None:
        self.grids = local.subgrids
        self._drawing = local.drawing
        self._features = conditioning.features
        self._mean = conditioning.mean
        _, self.lanes, self.height, self.width = conditioning.mean.shape
        self._local, self._condition = local, condition
        self._kernels = [PixelKernel(local, number, condition) for number in range(len(self.grids))]
        # A border of whole coarsest steps, so that every step's phases lie alike in it.
        self._border = -(-local.reach // COARSEST_PX) * COARSEST_PX
        room = [
            -(-side // COARSEST_PX) * COARSEST_PX - side for side in conditioning.mean.shape[2:]
        ]
        borders = [(self._border, self._border + more) for more in room]
        self._means = np.pad(conditioning.mean, ((0, 0), (0, 0), *borders), mode="edge")
        self._residuals = np.zeros(self._means.shape, np.int16)
        self._spaces = thread_local()

    def correct(self, number: int, correction: KernelCorrection | None) -> None:
        """Correct one sub-grid's distributions from now on."""
        self._kernels[number] = PixelKernel(self._local, number, self._condition, correction)

    def linear_inputs(self, number: int) -> int:
        """How many of a sub-grid's inputs linear predictors have, the first ones."""
        return self._kernels[number].linear_inputs

    def fill(self, residual: Plane) -> None:
        """Take all residuals as known."""
        inside = slice(self._border, self._border + self.height)
        across = slice(self._border, self._border + self.width)
        self._residuals[:, :, inside, across] = residual

    @property
    def residual(self) -> Plane:
        """What is known, int16 [3, lanes, H, W]."""
        border = self._border
        return self._residuals[:, :, border : border + self.height, border : border + self.width]

    def blocks_of(self, grid: SubGrid) -> list[slice]:
        """Blocks of a sub-grid's rows; none if it has no pixels."""
        rows, columns = grid.size(self.height, self.width)
        if columns == 0:
            return []
        return split(rows, BLOCK_PX // (columns * self.lanes))

    def run(
        self,
        choose: ChooseSamples,
        *,
        whole: bool,
        colours: int = 3,
    ) -> None:
        """Every sub-grid in order, its pixels seeing what `choose` returned before.

        whole: ask for all rows of a sub-grid at once, in order; else for blocks, side by side, in
        any order. colours: 3, or 1 for grey pictures: the others then repeat the first. Raises
        ValueError for several lanes as a whole.
        """
        if whole and self.lanes > 1:
            raise ValueError("only one picture is coded at a time")
        for number, grid in enumerate(self.grids):
            if whole:
                self._run_whole(number, grid, choose, colours)
            else:
                self._run_blocks(number, grid, choose, colours)

    def predict(
        self,
        tell: Callable[[int, slice, Ints], None],
        colours: int = 3,
    ) -> None:
        """Tell the distributions of all blocks, side by side, all residuals being known.

        tell: called with a sub-grid's number, some of its rows, and their samples' mean, scale and
        tail in DISTRIBUTION units, [3, colours, lanes * rows * columns].
        """
        views = [self._views(grid) for grid in self.grids]

        def predict(job: tuple[int, slice]) -> None:
            number, rows = job
            grid, kernel, space = self.grids[number], self._kernels[number], self._space()
            inputs = self._inputs(grid, rows, views[number], space)
            _, linear = kernel.begin(inputs, space)
            room = kernel.room(space, inputs.shape[1])
            room[-2:] = self.known(grid, rows)[:2]
            outputs = [kernel.colour(colour, room, linear, space) for colour in range(colours)]
            tell(number, rows, np.stack(outputs, axis=1))

        do_all(
            predict,
            [
                (number, rows)
                for number, grid in enumerate(self.grids)
                for rows in self.blocks_of(grid)
            ],
        )

    def known(self, grid: SubGrid, rows: slice) -> Floats:
        """Known residuals: [3, lanes * rows * columns]."""
        return rows_of(self.residual, grid, rows).astype(np.float32).reshape(3, -1)

    def inputs(self, grid: SubGrid, rows: slice) -> Floats:
        """What the pixels of some rows see: GREY [inputs + 1, pixels], ones last."""
        return self._inputs(grid, rows, self._views(grid), Workspace())

    def _run_blocks(
        self,
        number: int,
        grid: SubGrid,
        choose: ChooseSamples,
        colours: int,
    ) -> None:
        kernel, views = self._kernels[number], self._views(grid)

        def run(rows: slice) -> None:
            space = self._space()
            inputs = self._inputs(grid, rows, views, space)
            _, linear = kernel.begin(inputs, space)
            room = kernel.room(space, inputs.shape[1])
            known = np.empty((3, inputs.shape[1]), np.float32)
            for colour in range(colours):
                outputs = kernel.colour(colour, room, linear, space)
                known[colour] = choose(colour, grid, rows, *outputs)
                if colour < 2:
                    room[kernel.width + 1 + colour] = known[colour]
            known[colours:] = known[0]
            self._store(grid, rows, known)

        do_all(run, self.blocks_of(grid))

    def _run_whole(
        self,
        number: int,
        grid: SubGrid,
        choose: ChooseSamples,
        colours: int,
    ) -> None:
        kernel, views, blocks = self._kernels[number], self._views(grid), self.blocks_of(grid)
        if not blocks:
            return
        columns = grid.size(self.height, self.width)[1]
        pixels = columns * blocks[-1].stop
        # Kept from one colour to the next, in few bytes.
        hidden, linear = np.empty((kernel.width, pixels), np.uint8), dict[int, Floats]()
        known, outputs = np.empty((3, pixels), np.float32), np.empty((3, pixels), np.int32)

        def predict(number: int, colour: int) -> None:
            rows, space = blocks[number], self._space()
            at = slice(columns * rows.start, columns * rows.stop)
            if colour == 0:
                units, found = kernel.begin(self._inputs(grid, rows, views, space), space)
                hidden[:, at], linear[number] = units, found.copy()
            room = kernel.room(space, at.stop - at.start)
            if colour > 0:
                room[: kernel.width] = hidden[:, at]
                room[kernel.width + 1 : kernel.width + 1 + colour] = known[:colour, at]
            outputs[:, at] = kernel.colour(colour, room, linear[number], space)

        for colour in range(colours):
            do_all(partial(predict, colour=colour), list(range(len(blocks))))
            known[colour] = choose(colour, grid, slice(0, blocks[-1].stop), *outputs)
        known[colours:] = known[0]
        self._store(grid, slice(0, blocks[-1].stop), known)

    def _views(self, grid: SubGrid) -> list[tuple[NDArray[np.int16], NDArray[np.int16]]]:
        """Of each neighbour, residuals and means such that [3, lanes, row, column] is a pixel's."""
        step, border = grid.step, self._border
        rows, columns = grid.size(self.height, self.width)
        views = []
        for dy, dx in (*grid.neighbours, (0, 0)):
            top, left = border + grid.row + dy, border + grid.column + dx
            part = (
                slice(None),
                slice(None),
                slice(top, top + step * rows, step),
                slice(left, left + step * columns, step),
            )
            views.append((self._residuals[part], self._means[part]))
        return views

    def _inputs(
        self,
        grid: SubGrid,
        rows: slice,
        views: list[tuple[NDArray[np.int16], NDArray[np.int16]]],
        space: Workspace,
    ) -> Floats:
        columns = grid.size(self.height, self.width)[1]
        count = len(range(rows.start, rows.stop, rows.step or 1))
        shape = (self.lanes, count, columns)
        depth = len(self._features)
        neighbours = len(grid.neighbours)
        total = 3 * neighbours * (1 if self._drawing else 2) + 3 + depth + 1
        inputs = space.take("inputs", total, self.lanes * count * columns)
        cells = inputs.reshape(total, *shape)
        own = views[-1][1][:, :, rows]
        for number, (residual, mean) in enumerate(views[:-1]):
            first = 3 * number
            cells[first : first + 3] = residual[:, :, rows]
            if not self._drawing:
                first += 3 * neighbours
                np.subtract(mean[:, :, rows], own, out=cells[first : first + 3])
        np.subtract(own, MIDDLE_GREY, out=cells[total - depth - 4 : total - depth - 1])
        cells[total - depth - 1 : -1] = rows_of(self._features, grid, rows)
        cells[-1] = 1
        return inputs

    def _store(self, grid: SubGrid, rows: slice, known: Floats) -> None:
        """Residuals [3, lanes * rows * columns] of some rows."""
        part = rows_of(self.residual, grid, rows)
        part[:] = known.reshape(part.shape)

    def _space(self) -> Workspace:
        if not hasattr(self._spaces, "space"):
            self._spaces.space = Workspace()
        space: Workspace = self._spaces.space
        return space
