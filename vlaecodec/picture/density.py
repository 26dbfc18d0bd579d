"""How many pixels a picture has per metre, or their aspect alone."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlaecodec.errors import DamagedError

_STORED = struct.Struct("<BII")
_PER_METRE = 1000
"""Densities are stored in thousandths of a pixel per metre: those per inch come back whole."""

_INCH_M = 0.0254
_STORED_MAX = 2**32 - 1

_JFIF_INCH, _JFIF_CM = 1, 2


@dataclass(frozen=True)
class Density:
    """Pixels across and down, each per metre, in thousandths; or any unit if not `metric`."""

    x: int
    y: int
    metric: bool

    @classmethod
    def per_inch(cls, x: float, y: float) -> Density | None:
        """None for what is no density."""
        return cls._checked(x / _INCH_M * _PER_METRE, y / _INCH_M * _PER_METRE, metric=True)

    @classmethod
    def of_image(cls, info: Mapping[Any, Any], format_name: str | None) -> Density | None:
        """What Pillow's `info` tells that the file itself says; None for nothing or nonsense."""
        try:
            if format_name in ("JPEG", "MPO"):
                return cls._of_jfif(info.get("jfif_unit"), info.get("jfif_density"))
            # TIFFs must tell a density; writers that have none tell 1.
            if "dpi" in info and (format_name != "TIFF" or tuple(info["dpi"]) != (1, 1)):
                return cls.per_inch(*map(float, info["dpi"]))
            if "aspect" in info:
                return cls._aspect(*map(float, info["aspect"]))
        except (TypeError, ValueError, ZeroDivisionError, OverflowError):
            pass
        return None

    @classmethod
    def unpack(cls, stored: bytes) -> Density:
        """The inverse of pack. Raises DamagedError."""
        if len(stored) != _STORED.size:
            raise DamagedError("the pixel density has another size than it should")
        metric, x, y = _STORED.unpack(stored)
        if metric > 1 or not x or not y:
            raise DamagedError("the pixel density is out of range")
        return cls(x, y, bool(metric))

    def pack(self) -> bytes:
        """Nine bytes."""
        return _STORED.pack(self.metric, self.x, self.y)

    def turned(self) -> Density:
        """Of the picture turned by a quarter."""
        return Density(self.y, self.x, self.metric)

    @property
    def dpi(self) -> tuple[float, float] | None:
        """Pixels per inch; None without a unit."""
        if not self.metric:
            return None
        return round(self.x * _INCH_M / _PER_METRE, 3), round(self.y * _INCH_M / _PER_METRE, 3)

    @classmethod
    def _of_jfif(cls, unit: Any, density: Any) -> Density | None:
        if density is None:
            return None
        x, y = map(float, density)
        if unit == _JFIF_INCH:
            return cls.per_inch(x, y)
        if unit == _JFIF_CM:
            return cls._checked(100 * _PER_METRE * x, 100 * _PER_METRE * y, metric=True)
        return cls._aspect(x, y)

    @classmethod
    def _aspect(cls, x: float, y: float) -> Density | None:
        """Square pixels need no mention."""
        return None if x == y else cls._checked(x, y, metric=False)

    @classmethod
    def _checked(cls, x: float, y: float, *, metric: bool) -> Density | None:
        across, down = round(x), round(y)
        if not (0 < across <= _STORED_MAX and 0 < down <= _STORED_MAX):
            return None
        return cls(across, down, metric)
