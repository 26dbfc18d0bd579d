"""A trained model, frozen: loaded once, run on whole numbers."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.scales import (
    FRACTIONS,
    RESIDUAL_INDICES,
    RESIDUAL_OCTAVE,
    SCALES,
    TAIL_LEVELS,
    TOP_SCALES,
)
from vlaecodec.entropy.tables import FrequencyTables
from vlaecodec.errors import ModelError
from vlaecodec.frozen.local import LocalDecoder
from vlaecodec.frozen.operations import check_products
from vlaecodec.frozen.prior import Prior
from vlaecodec.frozen.synthesis import Features, GlobalDecoder
from vlaecodec.frozen.tensors import Tensors, read_metadata, read_tensors
from vlaecodec.model.registry import ModelEntry
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.picture.image import Pixels

if TYPE_CHECKING:
    from vlaecodec.entropy.ans import CodingTables

_log = logging.getLogger(__name__)

WEIGHTS_NAME = "weights.safetensors"

LatentArray = NDArray[np.int16]
"""Dequantised latents in LATENT units, int16 [C, rows, columns]."""

MODEL_KIND = "photo-vlae/3"
"""Names the structure that the weights are for."""

TABLE_COUNTS = {"latent": SCALES * FRACTIONS, "posterior": TOP_SCALES, "top": 2, "flag": 1}

M = TypeVar("M", bound="FrozenModel")


class FrozenModel:
    """Whole-number weights and probability tables."""

    def __init__(self, weights: Tensors, tables: dict[str, FrequencyTables]) -> None:
        self.weights = weights
        """As they are stored."""
        self.tables = tables

    @cached_property
    def coding_tables(self) -> dict[str, CodingTables]:
        """The tables as the entropy coder takes them."""
        from vlaecodec.entropy.ans import CodingTables  # training goes without the entropy coder

        return {kind: CodingTables(tables) for kind, tables in self.tables.items()}


class PhotoModel(FrozenModel):
    """A frozen photo VLAE. Raises ValueError where a convolution could leave the exact range."""

    def __init__(
        self, weights: Tensors, tables: dict[str, FrequencyTables], arch: Architecture
    ) -> None:
        super().__init__(weights, tables)
        self.arch = arch
        self.prior = Prior(weights, arch)
        self.decoder = GlobalDecoder(weights.within("decoder"), arch)

    @property
    def residual_rows(self) -> int:
        """Of how many scales there are residual tables; see entropy.scales.RESIDUAL_ROWS."""
        return len(self.tables["residual"]) // (TAIL_LEVELS * FRACTIONS)

    @property
    def synthesis_halo(self) -> int:
        """How many latents outside a box its mean image depends on, on each side."""
        return self.decoder.halo

    def synthesise(self, latent: LatentArray, quality_code: int) -> tuple[Pixels, Features]:
        """The mean image of latents [C, rows, columns], and the features it was made from.

        Returns uint8 [16 rows, 16 columns, 3] and SIGNED, int16 [channels, 2 rows, 2 columns].
        """
        features = self.decoder.features(latent, quality_code)
        return self.decoder.mean_image(features), features

    @cached_property
    def local(self) -> LocalDecoder:
        """The local decoder that codes exact pixels. Raises ModelError if it is unusable."""
        return self._local("local", drawing=False)

    @cached_property
    def texture(self) -> LocalDecoder:
        """The one that draws texture."""
        return self._local("texture", drawing=True)

    def _local(self, name: str, *, drawing: bool) -> LocalDecoder:
        with _usable():
            return LocalDecoder(self.weights.within(name), self.arch, drawing=drawing)


@functools.lru_cache(maxsize=4)
def load_model(entry: ModelEntry) -> PhotoModel:
    """Read a model's weights, check them against the index, and freeze.

    Raises ModelError if the file is missing, altered, or not a model.
    """
    start = time.perf_counter()
    model = read_model(read_weights(entry))
    _log.info("model %s loaded in %.2f s", entry.name, time.perf_counter() - start)
    return model


def read_weights(entry: ModelEntry) -> bytes:
    """The bytes of a model's weights file, checked against the index. Raises ModelError."""
    try:
        data = (entry.folder / WEIGHTS_NAME).read_bytes()
    except OSError as error:
        raise ModelError(f"model {entry.name!r} cannot be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise ModelError(f"model {entry.name!r} is not the one in the index; reinstall it")
    return data


def read_model(data: bytes) -> PhotoModel:
    """The model in the bytes of a weights file. Raises ModelError."""
    return read_frozen(data, MODEL_KIND, _build_photo_model)


def _build_photo_model(weights: Tensors, metadata: dict[str, str]) -> PhotoModel:
    arch = Architecture.from_dict(json.loads(metadata["architecture"]))
    tables = {kind: read_tables(weights, kind, n) for kind, n in TABLE_COUNTS.items()}
    tables["residual"] = _read_residual_tables(weights)
    return PhotoModel(weights, tables, arch)


def read_frozen(data: bytes, kind: str, build: Callable[[Tensors, dict[str, str]], M]) -> M:
    """The model in the bytes of a weights file of a kind.

    Raises ModelError, or ReproductionError where this machine's arithmetic is not exact.
    build: makes it of the file's tensors and metadata; what it raises becomes a ModelError.
    """
    check_products()
    with _usable():
        metadata = read_metadata(data)
        if metadata["kind"] != kind:
            raise ModelError(f"a model of kind {metadata['kind']!r}; this is for {kind!r}")
        return build(read_tensors(data), metadata)


@contextmanager
def _usable() -> Iterator[None]:
    """Whatever a malformed model meets is a ModelError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ModelError(f"not a usable model: {error}") from error


def read_tables(weights: Tensors, kind: str, count: int) -> FrequencyTables:
    """A family of probability tables. Raises ValueError unless it is usable."""
    stored = weights.within("tables").within(kind)
    tables = FrequencyTables(
        frequencies=stored["frequencies"],
        starts=stored["starts"],
        lows=stored["lows"],
        escape=kind in ("latent", "residual", "code"),
    )
    tables.check()
    if len(tables) != count:
        raise ValueError(f"{len(tables)} probability tables of the {kind} family")
    return tables


def _read_residual_tables(weights: Tensors) -> FrequencyTables:
    """Those of all tail levels and fractions, of as many scales as the model has."""
    stored = weights.within("tables").within("residual")["lows"]
    rows, rest = divmod(len(stored), TAIL_LEVELS * FRACTIONS)
    if rest or not RESIDUAL_OCTAVE <= rows <= RESIDUAL_INDICES:
        raise ValueError("the tables of the residual family are too few or too many")
    tables = read_tables(weights, "residual", rows * TAIL_LEVELS * FRACTIONS)
    if np.ptp(np.diff(tables.starts)):
        raise ValueError("the tables of the residual family differ in size")
    return tables
