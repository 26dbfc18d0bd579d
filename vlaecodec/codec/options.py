"""What can be asked of `encode` and `decode`: one object each, checked when it is made.

The Python functions, the command line and the Pillow plugin all build these, so that every rule
stands once. Imports neither torch nor numpy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal, TypedDict

from vlaecodec.bitstream.header import (
    MAX_PIXELS,
    check_max_error,
    check_seed,
    quality_to_code,
    texture_to_code,
)
from vlaecodec.bitstream.tiles import Region
from vlaecodec.errors import ParameterError
from vlaecodec.model.registry import PSNR, TUNES, Tune
from vlaecodec.model.threads import check_threads

if TYPE_CHECKING:
    from vlaecodec.picture.roi import Mask, Roi

AUTO = "auto"
"""The strength of texture that is measured on the picture."""

EFFORTS = range(1, 10)

TARGETS = ("target_size", "target_bpp", "target_psnr", "target_ms_ssim", "target_ssimulacra2")
"""Options that the quality is searched for, one at a time."""


class EncodeKeywords(TypedDict, total=False):
    """The keyword arguments of `vlaecodec.encode`: the fields of EncodeOptions but quality."""

    lossless: bool
    max_error: int | None
    target_size: int | None
    target_bpp: float | None
    target_psnr: float | None
    target_ms_ssim: float | None
    target_ssimulacra2: float | None
    effort: int | None
    tune: Tune | None
    model: str | None
    roi: Roi | Region | Mask | Sequence[Roi | Region | Mask] | None
    texture: float | Literal["auto"] | None
    seed: int | None
    strip: bool
    to_8_bit: bool
    only_nets: bool
    threads: int | None
    verify: bool
    robust: bool


@dataclass(frozen=True, kw_only=True)
class EncodeOptions:
    """How to encode a picture. Raises ParameterError for options that mean nothing together."""

    quality: float | None = None
    """1 (smallest) to 100 (best). None: the default of the model and of lossy or exact files."""
    lossless: bool = False
    """Keep every sample."""
    max_error: int | None = None
    """Keep every sample to within so many grey levels, 1..15."""
    target_size: int | None = None
    """The largest file of at most so many bytes."""
    target_bpp: float | None = None
    """The largest file of at most so many bits per pixel."""
    target_psnr: float | None = None
    """The smallest file with at least this PSNR, dB, without texture."""
    target_ms_ssim: float | None = None
    """The smallest file with at least this MS-SSIM, 0..1, without texture."""
    target_ssimulacra2: float | None = None
    """The smallest file with at least this SSIMULACRA2, up to 100, without texture."""
    effort: int | None = None
    """1 (fast) to 9 (smallest at equal quality): how long to search for cheaper latents."""
    tune: Tune | None = None
    """The metric to optimise: chooses the model, and what the search minimises."""
    model: str | None = None
    """The model's name. None: the one for photos trained for `tune`, or the default one."""
    roi: Roi | Region | Mask | Sequence[Roi | Region | Mask] | None = None
    """Regions of interest, one or several."""
    texture: float | Literal["auto"] | None = None
    """The strength 0..1 that decoders draw texture at by default; "auto" measures on the picture
    how much suits each place. None: 0 for photos, 1 for the models of small images."""
    seed: int | None = None
    """Of the texture's noise, 0..65535. None: derived from the picture."""
    strip: bool = False
    """Leave out the colour profile, EXIF and XMP."""
    to_8_bit: bool = False
    """Reduce samples of more than 8 bits instead of refusing them."""
    only_nets: bool = False
    """Code with the networks alone, also what is smaller as a lossless WebP or does not come near
    what the quality promises."""
    threads: int | None = None
    """How many to compute with. None: what is idle, and one for small pictures."""
    robust: bool = False
    """Store the header twice, and checks of pieces of the latents: damage loses less."""
    verify: bool = False
    """Decode the file, by another way than it was made, before it is returned."""

    def __post_init__(self) -> None:
        if self.quality is not None:
            quality_to_code(self.quality)
        if self.texture is not None and self.texture != AUTO:
            texture_to_code(self.texture)
        if self.seed is not None:
            check_seed(self.seed)
        if self.max_error is not None:
            check_max_error(self.max_error)
        if self.threads is not None:
            check_threads(self.threads)
        _check_effort(self.effort)
        if self.tune is not None and self.tune not in TUNES:
            raise ParameterError(f"tune must be {' or '.join(TUNES)}, not {self.tune!r}")
        _ = self.rois
        self._check_targets()
        if self.lossless and self.max_error is not None:
            raise ParameterError("lossless or max_error: not both")
        if self.is_exact and self.roi is not None:
            raise ParameterError("roi is for lossy files, not with lossless or max_error")
        if self.is_exact and self.tune not in (None, PSNR):
            raise ParameterError("tune is for lossy files, not with lossless or max_error")

    @property
    def allowed_error(self) -> int | None:
        """The largest error of a file with exact pixels, 0 for lossless; None for a lossy file."""
        return 0 if self.lossless else self.max_error

    @property
    def model_tune(self) -> Tune | None:
        """What the model should be trained for. None: the default model will do.

        What exact pixels cost follows squared error, and so does a target of PSNR.
        """
        wants_psnr = self.is_exact or self.target_psnr is not None
        return PSNR if self.tune is None and wants_psnr else self.tune

    @property
    def is_exact(self) -> bool:
        """Whether the file holds exact pixels beside the latents."""
        return self.allowed_error is not None

    @property
    def rois(self) -> list[Roi]:
        """The regions of interest as a list."""
        if self.roi is None:
            return []
        from vlaecodec.picture.roi import to_rois

        return to_rois(self.roi)

    @property
    def target(self) -> tuple[str, float] | None:
        """The target that is asked for, its name in TARGETS and its value."""
        return next(((n, v) for n in TARGETS if (v := getattr(self, n)) is not None), None)

    def _check_targets(self) -> None:
        names = [name for name in TARGETS if getattr(self, name) is not None]
        if len(names) > 1:
            raise ParameterError(f"give one target: {' or '.join(names)}")
        if names and self.quality is not None:
            raise ParameterError(f"{names[0]} finds the quality: leave out quality")
        if names and self.is_exact:
            raise ParameterError(f"{names[0]} is for lossy files, not with lossless or max_error")
        if self.target is None:
            return
        name, value = self.target
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ParameterError(f"{name} must be a finite number, not {value!r}")
        if name in ("target_size", "target_bpp") and value <= 0:
            raise ParameterError(f"{name} must be above 0, not {value!r}")
        if name == "target_ms_ssim" and not 0 < value < 1:
            raise ParameterError(f"{name} must be between 0 and 1, not {value!r}")


class DecodeKeywords(TypedDict, total=False):
    """The keyword arguments of `vlaecodec.decode`: the fields of DecodeOptions."""

    texture: float | None
    seed: int | None
    preview: bool
    region: Region | None
    keep_going: bool
    max_pixels: int
    block_px: int | None
    threads: int | None


@dataclass(frozen=True, kw_only=True)
class DecodeOptions:
    """How to decode a file. Raises ParameterError for options that mean nothing."""

    texture: float | None = None
    """Strength 0..1 of the texture: 0 is the mean image, 1 a full draw. None: the file's."""
    seed: int | None = None
    """Seed of the texture's noise, 0..65535. None: the file's."""
    preview: bool = False
    """Decode only the lossy part of a lossless file."""
    region: Region | None = None
    """Only this part: left, top, width, height."""
    keep_going: bool = False
    """Fill damaged tiles with the colours around them, and leave out damaged alpha or metadata."""
    max_pixels: int = MAX_PIXELS
    """Refuse larger pictures."""
    block_px: int | None = None
    """Compute the reconstruction in blocks of this size, a multiple of 16. None: the default."""
    threads: int | None = None
    """How many to compute with. None: what is idle, and one for small pictures."""

    def __post_init__(self) -> None:
        if self.texture is not None:
            texture_to_code(self.texture)
        if self.seed is not None:
            check_seed(self.seed)
        if self.threads is not None:
            check_threads(self.threads)


def field_names(options: type[EncodeOptions] | type[DecodeOptions]) -> tuple[str, ...]:
    """The names of all options."""
    return tuple(field.name for field in fields(options))


def _check_effort(effort: int | None) -> None:
    if effort is not None and (not isinstance(effort, int) or effort not in EFFORTS):
        raise ParameterError(f"effort must be a whole number from 1 to 9, not {effort!r}")
