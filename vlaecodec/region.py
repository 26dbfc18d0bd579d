"""The part of a picture that is asked for, and the tiles that it takes."""

from __future__ import annotations

from dataclasses import dataclass

from vlaecodec.errors import ParameterError
from vlaecodec.header import TILE_PX, TileBox, tile_boxes

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


def view_of(
    width: int, height: int, region: Region | None, halo_px: int, *, texture_px: int | None
) -> View:
    """What to decode of a picture: all of it, or what a region takes.

    halo_px: how far outside a box its mean image depends on latents. texture_px: where there is
    texture, how many rows below it depends on; besides on whole rows from the top, since each pixel
    that is drawn depends on those before it.
    """
    asked = TileBox(0, 0, width, height)
    if region is not None:
        asked = check_region(region, width, height)
    drawn = texture_px is not None
    bottom = asked.bottom + (texture_px or 0)
    window = TileBox(
        0 if drawn else asked.left // TILE_PX * TILE_PX,
        0 if drawn else asked.top // TILE_PX * TILE_PX,
        width if drawn else min(-(-asked.right // TILE_PX) * TILE_PX, width),
        min(-(-bottom // TILE_PX) * TILE_PX, height),
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
