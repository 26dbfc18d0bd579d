"""FLIP: the difference that a viewer sees who flips between two pictures.

Andersson et al., "FLIP: A Difference Evaluator for Alternating Images", HPG 2020, by its authors'
package. No model or search here was optimised for it.
"""

from __future__ import annotations

import importlib.util

import numpy as np

from vlaecodec.metrics.measures import MEASURES as OWN_MEASURES
from vlaecodec.picture.image import Pixels

MEASURES = {**OWN_MEASURES, "flip": ("FLIP", "", 4)}
"""Title, unit and decimals of every measure that benchmarks take; FLIP falls with similarity."""


def has_flip() -> bool:
    """Whether the package is installed; the extra `bench` brings it."""
    return importlib.util.find_spec("flip_evaluator") is not None


def measure_flip(original: Pixels, decoded: Pixels) -> dict[str, float | None]:
    """The mean error, 0 (alike) to 1, at the authors' 67 pixels a degree; both uint8 [H, W, 3].

    None where the package is not installed.
    """
    if not has_flip():
        return {"flip": None}
    package = importlib.import_module("flip_evaluator")
    pictures = [np.float32(pixels) / 255 for pixels in (original, decoded)]
    _, mean, _ = package.evaluate(*pictures, "LDR", applyMagma=False)
    return {"flip": float(mean)}
