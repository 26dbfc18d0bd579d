"""The tables that docs/ show of the stored results."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.kit.tables import Record, Table
from benchmarks.paper.colour_tables import (
    classes_table,
    colour_ablation_table,
    density_table,
)
from benchmarks.paper.levels import levels_table
from benchmarks.paper.tables import (
    ablation_table,
    chain_table,
    likelihood_table,
    payload_table,
    representation_table,
    small_lossless_table,
)
from benchmarks.photo.lossy_tables import (
    effort_table,
    lossless_table,
    rate_distortion_table,
    similarity_table,
    texture_table,
)
from benchmarks.photo.photo_features import features_table
from benchmarks.photo.speed_tables import speed_table

SMALL_MODELS = (
    "paper.json",
    "paper_ablations.json",
    "bits_back.json",
    "representation.json",
    "cifar10.json",
    "small_lossless.json",
    "cifar10_ablations.json",
    "levels.json",
)
"""Results of the small models, which name their models themselves."""

SAME_BUT_LOCAL = {"b934d6d8": "0efd4f4a", "bd0783a5": "47d3530c"}
"""Earlier models, and the shipped ones whose latents and mean images are theirs to the bit: local
decoders are all that differs."""

LOCAL_RECORDS = ("texture.json", "lossless.json", "speed.json")
"""Results that depend on local decoders."""

TABLES: dict[str, tuple[Callable[[Record], Table], ...]] = {
    "kodak.json": (rate_distortion_table, similarity_table),
    "effort.json": (effort_table,),
    "lossless.json": (lossless_table,),
    "texture.json": (texture_table,),
    "speed.json": (speed_table,),
    "photo_features.json": (features_table,),
    "paper.json": (likelihood_table,),
    "paper_ablations.json": (ablation_table,),
    "bits_back.json": (chain_table, payload_table),
    "representation.json": (representation_table,),
    "cifar10.json": (density_table, classes_table),
    "small_lossless.json": (small_lossless_table,),
    "cifar10_ablations.json": (colour_ablation_table,),
    "levels.json": (levels_table,),
}
"""By the name of the stored result; what is not stored is not shown."""
