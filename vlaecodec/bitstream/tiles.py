"""Tiles and regions: which rectangles of a picture, of its latents and of the decoder's features.

Pure arithmetic, without networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vlaecodec.errors import ParameterError

TILE_PX = 1024
"""Tiles are this many pixels square, smaller at the right and bottom edges."""

FOLD = 8
"""The image is folded FOLD x FOLD into channels before anything else."""

LATENT_FACTOR = 16
"""Pixels per latent, along each side."""


@dataclass(frozen=True)
class TileBox:
    """A tile's place in the picture, pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


def tile_boxes(width: int, height: int) -> Iterator[TileBox]:
    """The tiles of a picture in the order they are stored: rows from the top, left to right."""
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            yield TileBox(left, top, min(left + TILE_PX, width), min(top + TILE_PX, height))


def tile_count(width: int, height: int) -> int:
    """How many tiles a picture has."""
    return -(-width // TILE_PX) * -(-height // TILE_PX)


def tiles_of(shape: tuple[int, ...]) -> Iterator[TileBox]:
    """The tiles of a picture [H, W, ...]."""
    return tile_boxes(shape[1], shape[0])


def pixel_window(box: TileBox) -> tuple[slice, slice]:
    """A tile's place in the picture."""
    return slice(box.top, box.bottom), slice(box.left, box.right)


def latent_window(box: TileBox) -> tuple[slice, slice, slice]:
    """A tile's place in the latents."""
    return slice(None), *_divided(box, LATENT_FACTOR)


def feature_window(box: TileBox) -> tuple[slice, slice, slice]:
    """A tile's place in the decoder's features."""
    return slice(None), *_divided(box, FOLD)


def _divided(box: TileBox, factor: int) -> tuple[slice, slice]:
    rows = slice(box.top // factor, -(-box.bottom // factor))
    return rows, slice(box.left // factor, -(-box.right // factor))


def touch(first: TileBox, second: TileBox) -> bool:
    """Whether two tiles share an edge or a corner."""
    return (
        first.left <= second.right
        and second.left <= first.right
        and first.top <= second.bottom
        and second.top <= first.bottom
    )


Region = tuple[int, int, int, int]
"""Left, top, width, height, pixels."""


@dataclass(frozen=True)
class ShownTile:
    """A tile whose pixels are decoded."""

    index: int
    """Which of the file's."""
    box: TileBox
    """Its place in the picture."""
    inner: TileBox
    """Its place in the window."""


@dataclass(frozen=True)
class View:
    """What to decode for a region."""

    window: TileBox
    """Whole tiles of the picture: those that show the region."""
    tiles: list[ShownTile]
    """The tiles of the window."""
    needed: set[int]
    """The tiles whose latents matter: also neighbours that the networks see across borders."""
    crop: TileBox
    """The region's place in the window."""
    drawn: TileBox
    """The place in the window that its texture depends on; it begins at multiples of FOLD."""


def check_region(region: Region, width: int, height: int, name: str = "region") -> TileBox:
    """The region as a box. Raises ParameterError, with its name, unless it is in the picture."""
    if len(region) != 4 or not all(isinstance(number, int) for number in region):
        raise ParameterError(f"{name} must be four whole numbers of pixels, not {region!r}")
    left, top, columns, rows = region
    inside = left >= 0 and top >= 0 and left + columns <= width and top + rows <= height
    if not inside or columns < 1 or rows < 1:
        asked = ",".join(str(number) for number in region)
        raise ParameterError(f"{name} {asked} is not within the picture of {width} x {height}")
    return TileBox(left, top, left + columns, top + rows)


def plan_view(
    width: int, height: int, region: Region | None, halo_px: int, *, texture_px: int = 0
) -> View:
    """What to decode of a picture: all of it, or what a region takes.

    halo_px: how far outside a box its mean image depends on latents. texture_px: where there is
    texture, how far outside a box that depends on the mean image; else 0.
    """
    asked = TileBox(0, 0, width, height)
    if region is not None:
        asked = check_region(region, width, height)
    drawn = TileBox(
        max(0, asked.left - texture_px) // FOLD * FOLD,
        max(0, asked.top - texture_px) // FOLD * FOLD,
        min(asked.right + texture_px, width),
        min(asked.bottom + texture_px, height),
    )
    window = TileBox(
        drawn.left // TILE_PX * TILE_PX,
        drawn.top // TILE_PX * TILE_PX,
        min(-(-drawn.right // TILE_PX) * TILE_PX, width),
        min(-(-drawn.bottom // TILE_PX) * TILE_PX, height),
    )
    seen = TileBox(
        window.left - halo_px,
        window.top - halo_px,
        window.right + halo_px,
        window.bottom + halo_px,
    )
    boxes = list(enumerate(tile_boxes(width, height)))
    return View(
        window=window,
        tiles=[
            ShownTile(index, box, _moved(box, window))
            for index, box in boxes
            if _overlap(box, window)
        ],
        needed={index for index, box in boxes if _overlap(box, seen)},
        crop=_moved(asked, window),
        drawn=_moved(drawn, window),
    )


def _moved(box: TileBox, window: TileBox) -> TileBox:
    return TileBox(
        box.left - window.left,
        box.top - window.top,
        box.right - window.left,
        box.bottom - window.top,
    )


def _overlap(first: TileBox, second: TileBox) -> bool:
    return (
        first.left < second.right
        and second.left < first.right
        and first.top < second.bottom
        and second.top < first.bottom
    )
