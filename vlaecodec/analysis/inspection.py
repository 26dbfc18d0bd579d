"""Inspect a file: the bits of each layer, and the picture decoded up to each layer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vlaecodec.analysis.trace import FileTrace, trace_file
from vlaecodec.bitstream.payload import to_words
from vlaecodec.bitstream.tiles import LATENT_FACTOR, pixel_window, tiles_of
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.codec.info import FileInfo, read_info
from vlaecodec.errors import DamagedError
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.model.tiled import Reconstruction, reconstruct
from vlaecodec.picture.image import Pixels
from vlaecodec.pixels import texture
from vlaecodec.pixels.lossless import pixel_bits
from vlaecodec.pixels.texture import Residual
from vlaecodec.pixels.texture_map import read_map

Map = NDArray[np.float64]
"""One number for each latent position, 16 x 16 pixels: float64 [ceil(H / 16), ceil(W / 16)]."""


@dataclass(frozen=True)
class Layer:
    """A part of a file, as true code lengths."""

    name: str
    bits: Map = field(repr=False)
    """At each latent position; of the top latent, less what bits-back coding returns."""
    shown: Pixels = field(repr=False)
    """The picture decoded from the layers up to this one; later ones take their predicted means."""
    psnr_db: float
    """PSNR of that picture against the exact one, or where the file has none, the mean image."""

    @property
    def total_bits(self) -> float:
        """Over the whole picture."""
        return float(self.bits.sum())


@dataclass(frozen=True)
class Inspection:
    """What is inside a file."""

    info: FileInfo
    picture: Pixels = field(repr=False)
    """As `decode` shows it, uint8 [H, W, 3]."""
    layers: list[Layer]
    """The top latent, the anchor, the rest; and the pixels, where the file holds them."""
    texture_rms: Map = field(repr=False)
    """The energy of a full draw of texture: its root mean square, grey levels."""

    @property
    def side_bits(self) -> float:
        """Side information: header, checksums, sections, the rounding to whole words,
        and the corrections of exact pixels."""
        return 8 * self.info.size_bytes - sum(layer.total_bits for layer in self.layers)


def inspect_file(data: bytes) -> Inspection:
    """Decode a file, layer by layer. Raises what `decode` raises."""
    info = read_info(data)
    exact = info.max_error is not None
    # This compares with all checksums; texture is blended in below, where its draw is at hand.
    aim = decode_pixels(data, texture=None if exact else 0)
    trace = trace_file(data)
    full = reconstruct_trace(trace)
    top, anchor = reconstruct_trace(trace, 0).mean, reconstruct_trace(trace, 1).mean
    layers = [
        Layer("top latent", trace.top_bits(), top, psnr_db(aim, top)),
        Layer("anchor", trace.bits(slice(0, 1)), anchor, psnr_db(aim, anchor)),
        Layer("rest", trace.bits(slice(1, None)), full.mean, psnr_db(aim, full.mean)),
    ]
    drawn = draw_texture(trace, full)
    picture = aim if exact else texture.blend(full.mean, drawn, trace.header.texture_code)
    if exact:
        bits = _pixel_bits(trace, picture, full)
        layers.append(Layer("pixels", bits, picture, psnr_db(aim, picture)))
    return Inspection(info, picture, layers, root_mean_square(drawn))


def reconstruct_trace(
    trace: FileTrace, passes: int | None = None, tops: FileTrace | None = None
) -> Reconstruction:
    """The reconstruction from the first passes alone; all by default.

    Later passes are as predicted; top latents are those of `tops`.
    """
    latent = trace.latent(tops=tops) if passes is None else trace.latent(passes, tops)
    base = reconstruct(trace.model, latent, trace.header.quality_code, trace.header.shape)
    return base.as_grey() if trace.header.grey else base


def draw_texture(trace: FileTrace, base: Reconstruction) -> Residual:
    """A full draw with the file's seed, int16 [H, W, 3]."""
    return texture.draw_residual(
        trace.model,
        base.mean,
        base.features,
        trace.header.seed,
        colours=base.colours,
        strengths=read_map(trace.container, keep_going=False),
    )


def root_mean_square(residual: NDArray[np.integer]) -> Map:
    """Of [H, W, 3], in blocks of a latent position; grey levels."""
    energy = (residual.astype(np.float32) ** 2).mean(-1, dtype=np.float64)
    rms: Map = np.sqrt(_sum_positions(energy) / position_areas(*energy.shape))
    return rms


def position_areas(height: int, width: int) -> Map:
    """How many of the picture's pixels lie at each latent position."""
    rows, columns = (np.bincount(np.arange(side) // LATENT_FACTOR) for side in (height, width))
    return np.outer(rows, columns).astype(np.float64)


def _sum_positions(values: NDArray[np.float64]) -> Map:
    """Sums of [H, W] over latent positions."""
    rows = np.add.reduceat(values, range(0, values.shape[0], LATENT_FACTOR), 0)
    return np.add.reduceat(rows, range(0, values.shape[1], LATENT_FACTOR), 1)


def _pixel_bits(trace: FileTrace, decoded: Pixels, base: Reconstruction) -> Map:
    """What the exact pixels cost."""
    bits = np.empty(decoded.shape[:2])
    for tile, box in zip(trace.container.pixels, tiles_of(trace.header.shape), strict=True):
        if tile is None:
            raise DamagedError("the exact pixels of a tile are damaged: nothing tells their cost")
        window, part = pixel_window(box), base.part(box)
        bits[window] = pixel_bits(
            trace.model,
            to_words(tile.payload),
            decoded[window],
            part.mean,
            part.features,
            trace.header.max_error or 0,
            colours=part.colours,
        )
    return _sum_positions(bits)
