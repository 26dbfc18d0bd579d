"""Photos as a model decodes them, made anew for every batch: for a GPU, which is fast enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vlaecodec.bitstream.tiles import FOLD
from vlaecodec.model.float_weights import dequantise_weights, hold_exponents
from vlaecodec.model.frozen import WEIGHTS_NAME, read_model
from vlaecodec.networks.common.fixed_point import exact_layers, set_quantised
from vlaecodec.networks.common.formats import PIXEL_UNITS, QUALITIES
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.distribution import COLOURS
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks
from vlaecodec.networks.photo.rate_distortion import code_latent, round_latents
from vlaecodec.training.checkpoint import load_weights, read_progress
from vlaecodec.training.photo.data import Photo, center_crops
from vlaecodec.training.photo.device_crops import DeviceCrops
from vlaecodec.training.photo.latent_cache import EXACT_QUALITIES, Crops
from vlaecodec.training.replay import Replay

MARGIN_PX = 64
"""Pictures are larger than crops by this, so that most crops have true neighbours."""

VALIDATION_PX = 256
RESCALE_PART = 0.3
"""Of the pictures are reduced photos: sharper and cleaner than the others."""


class Trunk:
    """A model's global networks as they will be exported, frozen, on a device."""

    def __init__(self, place: Path, device: torch.device) -> None:
        """place: a model folder, or a checkpoint, whose averaged weights are taken."""
        if place.is_dir():
            model = read_model((place / WEIGHTS_NAME).read_bytes())
            self.arch = model.arch
            self._network = GlobalNetworks(self.arch)
            dequantise_weights(self._network, model.weights)
            hold_exponents(self._network, model.weights)
        else:
            self.arch = Architecture.from_dict(read_progress(place)[0])
            self._network = GlobalNetworks(self.arch)
            load_weights(place, self._network, "average")
            set_quantised(self._network, True)
            for layer in exact_layers(self._network).values():
                layer.held_exponents = layer.weight_exponents()
        self._network.requires_grad_(False)
        self._network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for layer in exact_layers(self._network).values():
            assert layer.held_exponents is not None
            layer.held_exponents = layer.held_exponents.to(device)

    @torch.no_grad()
    def decode(self, pictures: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        """Mean images, whole grey levels [B, 3, H, W], and what they are made of, SIGNED.

        pictures: uint8 [B, 3, H, W]; quality: positions [B] in [0, 1].
        """
        image = pictures.float().contiguous(memory_format=torch.channels_last)
        y = self._network.analysis(image, quality)
        coded = code_latent(self._network, y, quality, round_latents, quantised=True)
        features = self._network.decoder.features(coded.known, quality)
        mean = self._network.decoder.mean_image(features) / PIXEL_UNITS
        return torch.floor(mean + 0.5).clamp(0, 255), features


class DecodedCrops:
    """What a LatentCache draws, of photos that lie in the device's memory."""

    def __init__(
        self,
        trunk: Trunk,
        photos: list[Photo],
        size: int,
        batch: int,
        exact_part: float,
        seed: int,
        device: torch.device,
    ) -> None:
        self._trunk, self._exact_part, self._device = trunk, exact_part, device
        self._decode = Replay(trunk.decode)
        side = size + MARGIN_PX
        self._pictures = DeviceCrops(photos, side, batch, seed, RESCALE_PART, device)

    def draw(self, rng: np.random.Generator, size: int, border: int) -> Crops:
        """The next batch of crops."""
        pictures = self._pictures.draw()
        mean, trunk = self._decode(pictures, self.qualities(rng, len(pictures)))
        top, left = (FOLD * int(rng.integers(MARGIN_PX // FOLD + 1)) for _ in range(2))
        return _cut(pictures, mean, trunk, (top, left, size), border)

    def trunks_beside(self, other: Trunk, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """The trunks of the next batch by another model, and by this one."""
        pictures = self._pictures.draw()
        qualities = self.qualities(rng, len(pictures))
        old, new = (trunk.decode(pictures, qualities)[1] for trunk in (other, self._trunk))
        return old, new

    def qualities(self, rng: np.random.Generator, count: int) -> Tensor:
        """Quality positions [count]: some at about what exact pixels are coded at."""
        exact = rng.random(count) < self._exact_part
        spans = np.where(exact[:, None], EXACT_QUALITIES, (1.0, QUALITIES))
        positions = (rng.uniform(spans[:, 0], spans[:, 1]) - 1) / (QUALITIES - 1)
        return torch.from_numpy(positions.astype(np.float32)).to(self._device)


class DecodedPhotos:
    """The middles of photos, each decoded at one quality: to validate on."""

    def __init__(
        self, trunk: Trunk, photos: list[Photo], crops: DecodedCrops, device: torch.device
    ) -> None:
        pictures = center_crops(photos, VALIDATION_PX).to(device)
        qualities = crops.qualities(np.random.default_rng(0), len(pictures))
        self._decoded = [
            (picture, *trunk.decode(picture, quality))
            for picture, quality in zip(pictures.split(1), qualities.split(1), strict=True)
        ]
        self.photos = [(VALIDATION_PX, VALIDATION_PX, 0)] * len(pictures)

    def center(self, number: int, size: int, border: int) -> Crops:
        """The middle of a photo, with true surroundings: a photo has few edges, a crop has four."""
        size = min(size, VALIDATION_PX - MARGIN_PX)
        start = (VALIDATION_PX - size) // 2 // FOLD * FOLD
        return _cut(*self._decoded[number], (start, start, size), border)


def _cut(
    pictures: Tensor, mean: Tensor, trunk: Tensor, box: tuple[int, int, int], border: int
) -> Crops:
    """Squares of pictures, box being top, left and side, with a border around them."""
    top, left, side = box

    def bordered(x: Tensor, mode: str) -> Tensor:
        wide = F.pad(x.float(), (border,) * 4, mode=mode)
        cut = wide[..., top : top + side + 2 * border, left : left + side + 2 * border]
        return cut.permute(0, 2, 3, 1).contiguous()

    rows, columns = (slice(at // FOLD, (at + side) // FOLD) for at in (top, left))
    return Crops(
        pixels=bordered(pictures[:, COLOURS], "replicate"),
        mean=bordered(mean[:, COLOURS], "replicate"),
        inside=bordered(torch.ones_like(mean[:, :1]), "constant"),
        trunk=trunk[..., rows, columns],
    )
