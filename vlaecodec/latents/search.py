"""Search for cheaper latents, as `encode --effort` asks for. Decoding is the same as ever.

The analysis network guesses a good y in one pass. Here y descends on rate + lambda * distortion of
the very picture, squared error or `looks_distortion`, through stochastic Gumbel annealing: each
latent is drawn from its two nearest whole steps, at a temperature that falls until only one is left
(Yang, Bamler and Mandt 2020, arXiv 2006.04240, section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch
from torch import Tensor

from vlaecodec.bitstream.header import QUALITY_UNIT
from vlaecodec.bitstream.tiles import LATENT_FACTOR, TileBox, latent_window, pixel_window, tiles_of
from vlaecodec.latents.effort import Search
from vlaecodec.latents.predictor import FloatLatent
from vlaecodec.model.defaults import with_own_defaults
from vlaecodec.model.registry import LOOKS
from vlaecodec.networks.common.formats import LATENT, PIXEL_UNITS, QUALITIES
from vlaecodec.networks.common.looks import looks_distortion
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks
from vlaecodec.networks.photo.rate_distortion import Rounding, code_latent, rate_weight
from vlaecodec.picture.image import Pixels
from vlaecodec.picture.roi import Weights

DISTORTION_GAIN = 1.4
"""What bits buy along q, in lambda: rate over distortion, measured on the validation photos."""

TEMPERATURE_START = 0.5
TEMPERATURE_END = 0.05

_EDGE = 1e-4


def search_tiles(
    network: GlobalNetworks,
    targets: Iterable[FloatLatent],
    pixels: Pixels,
    quality_code: int,
    search: Search,
    after_step: Callable[[], None],
    weights: Weights | None = None,
) -> Iterator[FloatLatent]:
    """For each tile of a picture a y that costs less than the analysis network's.

    targets: those, [C, rows, columns] each, in the tiles' order. pixels: uint8 [H, W, 3].
    weights: of the squared errors, [H, W]; all 1 by default. Tuned for looks there are none.
    The same on every call on one machine: the noise has a generator of its own.
    """
    starts = [torch.from_numpy(y)[None] for y in targets]
    boxes = list(tiles_of(pixels.shape))
    canvas = _Canvas(network, pixels.shape)
    for box, y in zip(boxes, starts, strict=True):
        canvas.put(box, y)
    for box, y in zip(boxes, starts, strict=True):
        part = pixel_window(box)
        squared_error = partial(_squared_error, None if weights is None else weights[part])
        searched = _search_tile(
            y,
            pixels[part],
            box,
            canvas,
            quality_code,
            search,
            after_step,
            looks_distortion if search.tune == LOOKS else squared_error,
        )
        canvas.put(box, searched)
        yield searched[0].numpy()


@with_own_defaults
def _search_tile(
    y: Tensor,
    pixels: Pixels,
    box: TileBox,
    canvas: _Canvas,
    quality_code: int,
    search: Search,
    after_step: Callable[[], None],
    measure: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """One tile's y. The distortion is that of the tile's own pixels, uint8 [height, width, 3].

    measure: called with the mean image and the picture, float [1, 3, height, width]; the distortion
    in squared grey levels.
    """
    network = canvas.network
    quality = torch.tensor(
        [(quality_code / QUALITY_UNIT - 1) / (QUALITIES - 1)], dtype=torch.float32
    )
    weight = (
        DISTORTION_GAIN
        * float(rate_weight(quality, network.arch.lowest_rate_stretch))
        * pixels[..., 0].size
    )
    image = torch.tensor(pixels).permute(2, 0, 1)[None].float()
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
        torch.manual_seed(0)
        step = network.step.step(quality)
        position = (y / step).clone(memory_format=torch.channels_last).requires_grad_(True)
        optimizer = torch.optim.Adam([position])
        for done in range(search.steps):
            optimizer.param_groups[0]["lr"] = search.learning_rate * (1 - 0.9 * done / search.steps)
            rounding = anneal(done / max(1, search.steps - 1))
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=_has_fast_bfloat16()):
                coded = code_latent(network, position * step, quality, rounding, quantised=False)
                mean_image = canvas.mean_image(box, coded.known, quality)
            cost = coded.latent_bits + coded.top_bits + weight * measure(mean_image, image)
            optimizer.zero_grad(set_to_none=True)
            cost.backward()
            optimizer.step()
            after_step()
        return (position * step).detach()


def _squared_error(weights: Weights | None, mean_image: Tensor, image: Tensor) -> Tensor:
    squared = (mean_image - image).square()
    return (squared if weights is None else squared * torch.from_numpy(weights)).mean()


def _has_fast_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16: twice as fast, and exact enough to find a direction."""
    supported: Callable[[], bool] | None = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return supported is not None and supported()


class _Canvas:
    """The latents of the whole picture as they are now; pixels of a tile see its neighbours'."""

    @with_own_defaults
    def __init__(self, network: GlobalNetworks, shape: tuple[int, ...]) -> None:
        rows, columns = (-(-side // LATENT_FACTOR) for side in shape[:2])
        self.latent = torch.zeros((1, network.arch.latent_channels, rows, columns))
        self.network = network
        self.halo = network.decoder.halo

    def put(self, box: TileBox, y: Tensor) -> None:
        """Set a tile's latents, float [1, C, rows, columns] in units of value."""
        self.latent[:, *latent_window(box)] = LATENT.clamp(y * LATENT.scale)

    def mean_image(self, box: TileBox, decoded: Tensor, quality: Tensor) -> Tensor:
        """A tile's mean image, float [1, 3, height, width] in grey levels, of its own latents."""
        _, rows, columns = latent_window(box)
        top, left = max(0, rows.start - self.halo), max(0, columns.start - self.halo)
        window = self.latent[
            ..., top : rows.stop + self.halo, left : columns.stop + self.halo
        ].clone(memory_format=torch.channels_last)
        row, column = rows.start - top, columns.start - left
        window[..., row : row + decoded.shape[-2], column : column + decoded.shape[-1]] = decoded
        picture = self.network.decoder(window, quality) / PIXEL_UNITS
        y, x = row * LATENT_FACTOR, column * LATENT_FACTOR
        return picture[..., y : y + box.bottom - box.top, x : x + box.right - box.left]


def anneal(progress: float) -> Rounding:
    """Stochastic Gumbel rounding at a part 0..1 of the way down in temperature."""
    temperature = TEMPERATURE_START * (TEMPERATURE_END / TEMPERATURE_START) ** progress

    def draw(x: Tensor) -> tuple[Tensor, Tensor]:
        below = torch.floor(x).detach()
        fraction = (x - below).clamp(_EDGE, 1 - _EDGE)
        # The difference of two Gumbel variables is logistic.
        uniform = torch.rand_like(x).clamp(1e-6, 1 - 1e-6)
        logit = (torch.atanh(fraction) - torch.atanh(1 - fraction)) / temperature
        above = torch.sigmoid((logit + torch.logit(uniform)) / temperature)
        drawn = below + above
        return drawn, drawn

    return draw
