"""One of the paper's models for small images, frozen: loaded once, run on whole numbers."""

from __future__ import annotations

import functools
import json

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vlaecodec.entropy.scales import CODE_SCALES, FRACTIONS, LOGIT_LIMIT, SCALES
from vlaecodec.entropy.tables import FrequencyTables
from vlaecodec.model.frozen import (
    FrozenModel,
    freeze_layers,
    read_frozen,
    read_tables,
    read_weights,
)
from vlaecodec.model.registry import ModelEntry
from vlaecodec.networks.binary.preset import Preset
from vlaecodec.networks.binary.small_vlae import SmallVLAE

SMALL_MODEL_KIND = "small-vlae/1"
"""Names the structure that the weights are for."""

LEVELS = 9
"""How finely a file can hold a latent; see level_step."""

TABLE_COUNTS = {
    "latent": SCALES * FRACTIONS,
    "code": 1,
    "posterior": CODE_SCALES,
    "logit": 2 * LOGIT_LIMIT + 1,
}


def level_step(level: int) -> int:
    """The grid of a level 0..LEVELS - 1, LATENT units: from eight of the prior's deviations."""
    return 512 >> level


class SmallModel(FrozenModel[SmallVLAE]):
    """A frozen small VLAE, and how its latents are spread."""

    def __init__(
        self,
        network: SmallVLAE,
        tables: dict[str, FrequencyTables],
        spread: NDArray[np.int16],
    ) -> None:
        super().__init__(network, tables)
        self.spread = spread
        """Scale indices of eps at each level, [LEVELS, elements]; see tables.latent_scale."""

    @property
    def preset(self) -> Preset:
        """Its sizes."""
        return self.network.preset

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


def _build_small_model(tensors: dict[str, Tensor], metadata: dict[str, str]) -> SmallModel:
    network = SmallVLAE(Preset(**json.loads(metadata["preset"])))
    freeze_layers(network, tensors)
    tables = {kind: read_tables(tensors, kind, n) for kind, n in TABLE_COUNTS.items()}
    model = SmallModel(network, tables, tensors["spread"].numpy())
    if model.spread.shape != (LEVELS, int(np.prod(model.latent_shape))) or not (
        0 <= model.spread.min() <= model.spread.max() < SCALES
    ):
        raise ValueError("the spread of the latents is out of range")
    return model
