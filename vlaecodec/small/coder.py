"""Small images and their latents to entropy-coded words and back, many at once.

Two ways. A *chain* codes a data set: every image draws its latent from what the images before it
left on the stack (bits-back coding, arXiv 1901.04866), so that each costs its ELBO:

    encode:  pop z ~ q(z | x)  ->  push x | z  ->  push eps under p(z)
    decode:  pop eps  ->  pop x | z  ->  push z ~ q(z | x)

A single image has nothing to draw from: its eps = f^-1(mean of q(z | x)) is rounded to a grid.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.header import QUALITY_CODE_MAX, QUALITY_CODE_MIN
from vlaecodec.entropy.ans import ESCAPE_BITS, AnsStack
from vlaecodec.entropy.scales import FRACTIONS, LOGIT_LIMIT
from vlaecodec.frozen.colour import ColourDecoder
from vlaecodec.frozen.layers import Floats
from vlaecodec.frozen.small import BinaryDecoder, shown
from vlaecodec.networks.common.formats import CODE_SCALE_INDEX, LATENT
from vlaecodec.small.colour_pixels import ColourPixels
from vlaecodec.small.model import LEVELS, SmallModel, level_step
from vlaecodec.small.wavefront import wavefronts

Bitmaps = NDArray[np.uint8]
"""Black and white images as 0 and 1, uint8 [N, H, W]."""

Images = NDArray[np.uint8]
"""Bitmaps, or colour images as samples, uint8 [N, H, W, 3]."""

Latents = NDArray[np.int64]
"""LATENT units, [N, C, side, side]."""

ChooseBits = Callable[[slice, NDArray[np.int64]], NDArray[np.uint8]]
"""Called with pixels, a slice of rows * columns, and their logits, LOGIT units [N, n]; returns the
bits [N, n]."""


def quality_level(quality_code: int) -> int:
    """The level 0..LEVELS - 1 that a quality code stands for."""
    span = QUALITY_CODE_MAX - QUALITY_CODE_MIN
    return ((quality_code - QUALITY_CODE_MIN) * (LEVELS - 1) + span // 2) // span


def level_quality_code(level: int) -> int:
    """A quality code that stands for a level."""
    span = QUALITY_CODE_MAX - QUALITY_CODE_MIN
    return QUALITY_CODE_MIN + level * span // (LEVELS - 1)


# Chains.


def push_images(model: SmallModel, stack: AnsStack, images: Images) -> None:
    """Put images on the stack, drawing their latents from what is there already."""
    mean, scale = _posterior(model, images)
    z = mean + _pop(model, stack, "posterior", scale)
    push_pixels(model, stack, images, z)
    eps = invert_latents(model, z)
    _push(model, stack, "code", eps, np.zeros_like(eps))


def pop_images(model: SmallModel, stack: AnsStack, count: int) -> Images:
    """Take images off the stack, and leave it as it was before `push_images`."""
    eps = _pop(model, stack, "code", np.zeros((count, *model.latent_shape), np.int64))
    z = draw_latents(model, eps)
    images = pop_pixels(model, stack, z)
    mean, scale = _posterior(model, images)
    _push(model, stack, "posterior", z - mean, scale)
    return images


def reservoir_bits(model: SmallModel, images: Images) -> float:
    """About how much drawing the latents of these images takes off the stack."""
    _, scale = _posterior(model, images)
    lengths = model.tables["posterior"].code_lengths(np.zeros_like(scale), scale)
    # The middle of a Gaussian is half a nat shorter than the average.
    return float((lengths + 0.72).sum())


# Single images.


def quantise_latents(model: SmallModel, images: Images, level: int) -> Latents:
    """Symbols of eps on the grid of a level."""
    eps = invert_latents(model, posterior_means(model, images))
    return (2 * eps + level_step(level)) // (2 * level_step(level))


def dequantise_latents(model: SmallModel, symbols: Latents, level: int) -> Latents:
    """z of the symbols."""
    eps = np.clip(symbols * level_step(level), LATENT.low, LATENT.high)
    return draw_latents(model, eps)


def push_symbols(model: SmallModel, stack: AnsStack, symbols: Latents, level: int) -> None:
    """Put the symbols of latents on the stack."""
    _push(model, stack, "latent", symbols, _symbol_indices(model, symbols.shape, level))


def pop_symbols(model: SmallModel, stack: AnsStack, count: int, level: int) -> Latents:
    """Take the symbols of latents off the stack."""
    indices = _symbol_indices(model, (count, *model.latent_shape), level)
    return _pop(model, stack, "latent", indices)


def symbol_bits(model: SmallModel, symbols: Latents, level: int) -> NDArray[np.float64]:
    """What symbols cost, bits, of their shape."""
    indices = _symbol_indices(model, symbols.shape, level)
    return model.tables["latent"].code_lengths(symbols, indices, ESCAPE_BITS)


def push_pixels(model: SmallModel, stack: AnsStack, images: Images, z: Latents) -> None:
    """Put images on the stack, given their latents; the first wavefront on top."""
    if model.curves is not None:
        colour_pixels(model, z).push(stack, images)
        return
    logits = pixel_logits(model, images, z).reshape(len(images), -1)
    bits = images.reshape(len(images), -1).astype(np.int64)
    height, width = images.shape[1:]
    fronts = list(wavefronts(height, width, model.networks.decoder.window.slope))
    for pixels in reversed(fronts):
        _push(model, stack, "logit", bits[:, pixels], logits[:, pixels] + LOGIT_LIMIT)


def pop_pixels(model: SmallModel, stack: AnsStack, z: Latents) -> Images:
    """Take images off the stack, given their latents."""
    if model.curves is not None:
        return colour_pixels(model, z).pop(stack)

    def choose(_pixels: slice, logits: NDArray[np.int64]) -> NDArray[np.uint8]:
        return _pop(model, stack, "logit", logits + LOGIT_LIMIT).astype(np.uint8)

    return run_pixels(model, z, choose)


def pixel_bits(model: SmallModel, images: Images, z: Latents) -> NDArray[np.float64]:
    """What each pixel or sample costs given the latents, bits, of the images' shape."""
    if model.curves is not None:
        return colour_pixels(model, z).bits(images)
    indices = pixel_logits(model, images, z) + LOGIT_LIMIT
    return model.tables["logit"].code_lengths(images.astype(np.int64), indices)


# What the networks say.


def draw_latents(model: SmallModel, eps: Latents) -> Latents:
    """z = f(eps)."""
    prior = model.networks.prior
    return eps if prior is None else _latents(prior.draw(_arrays(eps)))


def colour_pixels(model: SmallModel, z: Latents) -> ColourPixels:
    """What a colour model says of the images of latents. Raises TypeError for other models."""
    decoder = model.networks.decoder
    if model.curves is None or not isinstance(decoder, ColourDecoder):
        raise TypeError("only colour models code colour images")
    return ColourPixels(decoder, model.curves, decoder.features(_arrays(z)))


def run_pixels(model: SmallModel, z: Latents, choose: ChooseBits) -> Bitmaps:
    """Pixel by pixel, a wavefront at a time: what `choose` makes of each one's logit."""
    decoder = _binary_decoder(model)
    features = decoder.features(_arrays(z))
    count, height, width = features.shape[:3]
    window = decoder.window
    # Windows reach beyond the borders, where nothing is: 0, neither black nor white.
    room = np.zeros((count, height + window.height, width + 2 * window.reach), np.float32)
    features = features.reshape(count, height * width, -1)
    rows, columns = np.divmod(np.arange(height * width), width)
    offsets = [(dy, dx) for dy in range(window.height) for dx in range(window.width)] + [
        (window.height, dx) for dx in range(window.reach)
    ]
    # A plain VAE has no window at all.
    down, right = np.array(offsets, np.int64).reshape(-1, 2).T
    images = np.zeros((count, height * width), np.uint8)
    for pixels in wavefronts(height, width, window.slope):
        y, x = rows[pixels], columns[pixels]
        seen = room[:, y[:, None] + down, x[:, None] + right]
        logits = decoder.logits(seen, features[:, pixels]).astype(np.int64)
        images[:, pixels] = bits = choose(pixels, logits)
        room[:, y + window.height, x + window.reach] = shown(bits)[..., 0]
    return images.reshape(count, height, width)


def pixel_logits(model: SmallModel, images: Bitmaps, z: Latents) -> NDArray[np.int64]:
    """The logit of every pixel given those before it, LOGIT units [N, H, W]."""
    decoder = _binary_decoder(model)
    windows = decoder.window.gather(shown(images))
    return decoder.logits(windows, decoder.features(_arrays(z))).astype(np.int64)


def posterior_means(model: SmallModel, images: Images) -> Latents:
    """The mean of q(z | x) of each image."""
    return _posterior(model, images)[0]


def _posterior(model: SmallModel, images: Images) -> tuple[Latents, Latents]:
    """q(z | x): means in LATENT units, and table indices of the scales."""
    mean, scale = (_latents(x) for x in model.networks.posterior(images))
    half = int(CODE_SCALE_INDEX.scale) // 2
    return mean, scale + half >> CODE_SCALE_INDEX.frac_bits


def invert_latents(model: SmallModel, z: Latents) -> Latents:
    """eps = f^-1(z)."""
    prior = model.networks.prior
    return z if prior is None else _latents(prior.invert(_arrays(z)))


def _binary_decoder(model: SmallModel) -> BinaryDecoder:
    decoder = model.networks.decoder
    if not isinstance(decoder, BinaryDecoder):
        raise TypeError("only models of black and white images code them")
    return decoder


def _symbol_indices(model: SmallModel, shape: tuple[int, ...], level: int) -> NDArray[np.int64]:
    """Table indices of symbols; their means are 0."""
    spread = model.spread[level].astype(np.int64).reshape(1, *shape[1:])
    return np.broadcast_to(spread * FRACTIONS, shape)


def _push(
    model: SmallModel, stack: AnsStack, kind: str, symbols: Latents, indices: Latents
) -> None:
    stack.push(symbols.astype(np.int32).ravel(), indices.ravel(), model.coding_tables[kind])


def _pop(model: SmallModel, stack: AnsStack, kind: str, indices: Latents) -> Latents:
    symbols = stack.pop(indices.ravel(), model.coding_tables[kind])
    return symbols.reshape(indices.shape).astype(np.int64)


def _arrays(latent: Latents) -> Floats:
    """Latents [N, C, rows, columns] as networks take them: vectors [N, C], or maps with channels
    last."""
    x = latent.astype(np.float32).transpose(0, 2, 3, 1)
    return x[:, 0, 0] if x.shape[1] == 1 else x


def _latents(x: Floats) -> Latents:
    """The inverse of _arrays."""
    whole = x.astype(np.int64)
    return whole[:, :, None, None] if whole.ndim == 2 else whole.transpose(0, 3, 1, 2)
