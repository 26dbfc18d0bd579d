"""One of the paper's models for small images, frozen: loaded once, run on whole numbers."""

from __future__ import annotations

import functools
import json

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load

from vlaecodec.entropy.scales import CODE_SCALES, FRACTIONS, LOGIT_LIMIT, SCALES
from vlaecodec.entropy.tables import FrequencyTables
from vlaecodec.errors import ModelError
from vlaecodec.model.frozen import freeze_layers, read_metadata, read_tables, read_weights
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


class SmallModel:
    """A frozen small VLAE, its probability tables, and how its latents are spread."""

    def __init__(
        self,
        network: SmallVLAE,
        tables: dict[str, FrequencyTables],
        spread: NDArray[np.int16],
    ) -> None:
        self.network = network
        self.tables = tables
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
    try:
        tensors = load(data)
        metadata = read_metadata(data)
        if metadata["kind"] != SMALL_MODEL_KIND:
            raise ModelError(
                f"a model of kind {metadata['kind']!r}; this is for {SMALL_MODEL_KIND!r}"
            )
        # What is drawn here is replaced below; the caller's random numbers go on undisturbed.
        with torch.random.fork_rng(devices=[]):
            network = SmallVLAE(Preset(**json.loads(metadata["preset"])))
        freeze_layers(network, tensors)
        network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        tables = {kind: read_tables(tensors, kind, n) for kind, n in TABLE_COUNTS.items()}
        model = SmallModel(network, tables, tensors["spread"].numpy())
        if model.spread.shape != (LEVELS, int(np.prod(model.latent_shape))) or not (
            0 <= model.spread.min() <= model.spread.max() < SCALES
        ):
            raise ValueError("the spread of the latents is out of range")
    except (SafetensorError, KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
        raise ModelError(f"not a usable model: {error}") from error
    return model
