"""What `encode --roi` takes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vlaecodec.bitstream.tiles import Region
from vlaecodec.cli.files import check_input, is_same_file, read_input
from vlaecodec.cli.reporting import prefix_errors
from vlaecodec.errors import ImageError, OutputError

if TYPE_CHECKING:
    from vlaecodec.picture.roi import Roi

_RECTANGLE = re.compile(r"\s*-?\d+\s*(,\s*-?\d+\s*){3}")


@dataclass(frozen=True)
class RoiOption:
    """A region of interest as the command line has it."""

    area: Region | str
    """A rectangle, or the name of a mask."""
    gain: float | None
    """None: the default."""


class RoiType(click.ParamType[Any]):
    """X,Y,W,H or the name of a mask; then perhaps a colon and a gain."""

    name = "X,Y,W,H|MASK[:GAIN]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> RoiOption:
        if isinstance(value, RoiOption):
            return value
        area, gain = value, None
        before, colon, after = value.rpartition(":")
        if colon:
            try:
                area, gain = before, float(after)
            except ValueError:
                # A name may have a colon of its own.
                if _RECTANGLE.fullmatch(before):
                    self.fail(f"{after!r} in {value!r} is not a gain, as 4 or 0.5", param, ctx)
        if _RECTANGLE.fullmatch(area):
            left, top, width, height = (int(part) for part in area.split(","))
            return RoiOption((left, top, width, height), gain)
        if re.fullmatch(r"[\d\s,.+-]*", area):
            self.fail(f"{value!r} is not like 100,50,640,480 or 100,50,640,480:4", param, ctx)
        return RoiOption(area, gain)


def check_masks(rois: tuple[RoiOption, ...], outputs: Iterable[str]) -> None:
    """Raise InputError for a mask that is not there, OutputError for one that would be overwritten.

    Done before any hard work.
    """
    masks = [roi.area for roi in rois if isinstance(roi.area, str)]
    for mask in masks:
        check_input(mask)
    for output in outputs if masks else ():
        if any(is_same_file(Path(output), mask) for mask in masks):
            raise OutputError(f"{output}: is the mask; name another output")


def read_rois(rois: tuple[RoiOption, ...]) -> list[Roi] | None:
    """The regions as `vlaecodec.encode` takes them. Raises what reading a mask raises."""
    return [_read_roi(roi) for roi in rois] or None


def _read_roi(roi: RoiOption) -> Roi:
    from vlaecodec.picture.image import read_image
    from vlaecodec.picture.roi import ROI_GAIN, Roi

    area: Any = roi.area
    if isinstance(area, str):
        data = read_input(area)
        with prefix_errors(area, ImageError):
            area = read_image(data, to_8_bit=True)
    return Roi(area, ROI_GAIN if roi.gain is None else roi.gain)
