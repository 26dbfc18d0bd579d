"""Compare files of one photo at equal bytes: ours, and those of other codecs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from vlaecodec.analysis.codecs import Rival, largest_within
from vlaecodec.bitstream.header import read_header
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.errors import ImageError, ParameterError
from vlaecodec.metrics.measures import measure_all
from vlaecodec.picture.image import Pixels


@dataclass(frozen=True)
class Candidate:
    """One file of a photo, and the picture that it decodes to."""

    name: str
    pixels: Pixels = field(repr=False)
    size_bytes: int
    measures: dict[str, float | None]
    too_large: bool = False
    """It has no file as small as was asked for; this is its smallest."""


def compare_at_bytes(original: Pixels, data: bytes, rivals: Iterable[Rival]) -> list[Candidate]:
    """Our file at texture 0, recommended and 1, and each rival's best file of no more bytes.

    original: uint8 [H, W, 3]. data: a .vlae file of it. A file with exact pixels is one candidate.
    Raises what decoding raises, ImageError if the file holds a picture of another size, and
    ParameterError if a rival cannot hold the picture.
    """
    header = read_header(data)[0]
    if (header.height, header.width) != original.shape[:2]:
        raise ImageError(
            f"the file holds {header.width} x {header.height} pixels, the picture "
            f"{original.shape[1]} x {original.shape[0]}"
        )
    found = []
    for name, options in _decodings(header.max_error, header.texture):
        decoded = decode_pixels(data, **options)
        found.append(Candidate(name, decoded, len(data), measure_all(original, decoded)))
    image = Image.fromarray(original)
    for rival in rivals:
        try:
            _, theirs = largest_within(rival, image, len(data))
            decoded = np.asarray(rival.decode(theirs))
        except (OSError, ValueError) as error:  # as for a side over 16,383 pixels in WebP
            raise ParameterError(f"{rival.name} cannot hold the picture: {error}") from error
        measures = measure_all(original, decoded)
        found.append(Candidate(rival.name, decoded, len(theirs), measures, len(theirs) > len(data)))
    return found


def _decodings(max_error: int | None, recommended: float) -> list[tuple[str, dict[str, Any]]]:
    """Captions and options of every way to decode a file."""
    if max_error is not None:
        return [("vlaecodec, lossless" if max_error == 0 else f"vlaecodec, +-{max_error}", {})]
    strengths = sorted({0.0, recommended, 1.0})
    return [
        (
            f"vlaecodec, texture {s:.2g}" + (", recommended" if s == recommended else ""),
            {"texture": s},
        )
        for s in strengths
    ]
