"""One of the paper's models for small images, frozen: loaded once, run on whole numbers."""

from __future__ import annotations

import functools
import json
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.mixture import COMPONENTS_MAX, MixtureCurves
from vlaecodec.entropy.scales import CODE_SCALES, FRACTIONS, LOGIT_LIMIT, SCALES
from vlaecodec.entropy.tables import FrequencyTables
from vlaecodec.frozen.small import SmallNetworks
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.model.frozen import (
    FrozenModel,
    read_frozen,
    read_tables,
    read_weights,
)
from vlaecodec.model.registry import ModelEntry
from vlaecodec.networks.small.preset import Preset

SMALL_MODEL_KIND = "small-vlae/1"
"""Names the structure that the weights are for."""

CURVES = fields(MixtureCurves)
"""A colour model stores each as `curves.NAME`."""

LEVELS = 9
"""The number of grids that a latent can be quantised on; see level_step."""

TABLE_COUNTS = {
    "latent": SCALES * FRACTIONS,
    "code": 1,
    "posterior": CODE_SCALES,
    "logit": 2 * LOGIT_LIMIT + 1,
}
"""Colour models have no logits, but curves."""


def level_step(level: int) -> int:
    """The grid of a level 0..LEVELS - 1, LATENT units: from eight of the prior's deviations."""
    return 512 >> level


class SmallModel(FrozenModel):
    """A frozen small VLAE, and how its latents are spread.

    Raises ValueError where weights are not the preset's, or could leave the exact range.
    """

    def __init__(
        self, weights: Tensors, tables: dict[str, FrequencyTables], preset: Preset
    ) -> None:
        super().__init__(weights, tables)
        self.preset = preset
        self.networks = SmallNetworks(weights, preset)
        self.curves: MixtureCurves | None = None
        """Of colour models."""
        if preset.colours > 1:
            if preset.mixture_components > COMPONENTS_MAX:
                raise ValueError(f"a mixture has more than {COMPONENTS_MAX} components")
            stored = weights.within("curves")
            self.curves = MixtureCurves(**{field.name: stored[field.name] for field in CURVES})
            self.curves.check()
        self.spread: NDArray[np.int16] = weights["spread"]
        """Scale indices of eps at each level, [LEVELS, elements]; see tables.latent_scale."""
        if self.spread.shape != (LEVELS, int(np.prod(self.latent_shape))) or not (
            0 <= self.spread.min() <= self.spread.max() < SCALES
        ):
            raise ValueError("the spread of the latents is out of range")

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """[C, side, side]"""
        preset = self.preset
        return preset.latent_channels, preset.latent_px, preset.latent_px


@functools.lru_cache(maxsize=4)
def load_small_model(entry: ModelEntry) -> SmallModel:
    """Read a model's weights, check them against the index, and freeze. Raises ModelError."""
    return read_small_model(read_weights(entry))


def read_small_model(data: bytes) -> SmallModel:
    """The model in the bytes of a weights file. Raises ModelError."""
    return read_frozen(data, SMALL_MODEL_KIND, _build_small_model)


def _build_small_model(weights: Tensors, metadata: dict[str, str]) -> SmallModel:
    preset = Preset(**json.loads(metadata["preset"]))
    kinds = [kind for kind in TABLE_COUNTS if preset.colours == 1 or kind != "logit"]
    tables = {kind: read_tables(weights, kind, TABLE_COUNTS[kind]) for kind in kinds}
    return SmallModel(weights, tables, preset)
