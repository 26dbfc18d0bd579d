"""p(x | z) of a small colour image in ten passes: sub-grids from coarse to fine.

As the photo model's local decoder: a pixel sees known ones on all sides, none of its own sub-grid,
and what the latent says of it. So each pass is one small network on many pixels at once, where the
causal window takes them along wavefronts. An experiment: files are not coded with it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vlaecodec.entropy.mixture import MIDDLE_SAMPLE
from vlaecodec.networks.common.fixed_point import ExactLinear
from vlaecodec.networks.common.formats import MIXTURE, POSITIVE, SIGNED
from vlaecodec.networks.photo.subgrids import SubGrid, subgrids
from vlaecodec.networks.small.causal_decoder import CONTEXT_GAIN, LatentDecoder, hidden_layers
from vlaecodec.networks.small.colour_decoder import (
    INITIAL_GAIN,
    colours_nats,
    mixture_heads,
    start_at_reference,
)
from vlaecodec.networks.small.preset import Preset
from vlaecodec.networks.small.sample_units import COLOURS, SAMPLE_UNITS

NEAREST = 4
"""Neighbours whose mean is the reference: the innermost ring of every sub-grid that has any."""


class Entrance(nn.Module):
    """What a sub-grid has of its own: from what its pixels see to hidden units and predictions."""

    pixels: Tensor
    neighbours: Tensor

    def __init__(self, grid: SubGrid, preset: Preset) -> None:
        super().__init__()
        side, inputs = preset.image_px, COLOURS * (len(grid.neighbours) + 1)
        self.sees = len(grid.neighbours) > 0
        self.register_buffer("pixels", grid_pixels(grid, side), persistent=False)
        self.register_buffer("neighbours", neighbour_pixels(grid, side), persistent=False)
        parts = (inputs if self.sees else 0, preset.local_features)
        self.enter = ExactLinear(parts, preset.local_channels, SIGNED, POSITIVE)
        self.predict = ExactLinear((inputs,), COLOURS, SIGNED, MIXTURE) if self.sees else None
        with torch.no_grad():
            self.enter.weight.mul_(CONTEXT_GAIN * INITIAL_GAIN)
            if self.predict is not None:
                start_at_reference(self.enter, self.predict, inputs, COLOURS)

    def forward(self, samples: Tensor, features: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden units and linear predictions of some pixels, as ColourDecoder.begin returns them.

        samples: 0..255, float [B, H * W, COLOURS]. features: SIGNED [B, H * W, channels]. which:
        int64 [n], of the sub-grid's pixels.
        """
        own = features[:, self.pixels[which]]
        if self.predict is None:
            hidden = self.enter(samples.new_zeros((*own.shape[:2], 0)).to(own.dtype), own)
            return hidden, samples.new_zeros((*own.shape[:2], COLOURS))
        seen = (samples[:, self.neighbours[which]] - MIDDLE_SAMPLE) * SAMPLE_UNITS
        reference = seen[:, :, :NEAREST].mean(2, keepdim=True)
        shown = torch.cat([seen - reference, reference], dim=2).flatten(2)
        # Training's autocast would round weights to 8 bits: as much as smooth colours vary.
        with torch.autocast(shown.device.type, enabled=False):
            predicted: Tensor = self.predict(shown)
        return self.enter(shown.to(own.dtype), own), predicted


class PassesDecoder(LatentDecoder):
    """Eight bits and three colours, sub-grid by sub-grid."""

    def __init__(self, preset: Preset) -> None:
        super().__init__(preset)
        if preset.colours == 1 or preset.grey_context:
            raise ValueError("passes are for colour, not for black and white nor context in grey")
        grids = subgrids(preset.neighbours)
        self.entrances = nn.ModuleList(Entrance(grid, preset) for grid in grids)
        self.hidden = hidden_layers(preset)
        self.heads = mixture_heads(preset)

    def begin(
        self, number: int, samples: Tensor, features: Tensor, which: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What all colours of a sub-grid's pixels share; arguments and result as of Entrance."""
        hidden, predicted = self.entrances[number](samples, features, which)
        for layer in self.hidden:
            hidden = layer(hidden)
        return hidden, predicted

    def nats(self, image: Tensor, features: Tensor, places: Tensor | None = None) -> Tensor:
        """-log p(x | z) of every pixel, float [B, pixels]; image: [B, 3, H, W] of 0..255.

        features: SIGNED [B, H, W, channels]. places: int64 [n], the pixels to look at, each once,
        counted as row * W + column; all by default.
        """
        samples = image.flatten(2).transpose(1, 2).float()
        features = features.flatten(1, 2)
        wanted = torch.zeros(samples.shape[1], dtype=torch.bool, device=image.device)
        wanted[slice(None) if places is None else places] = True
        every = features.new_zeros(samples.shape[:2], dtype=torch.float32)
        for number, entrance in enumerate(self.entrances):
            assert isinstance(entrance, Entrance)
            which = wanted[entrance.pixels].nonzero()[:, 0]
            pixels = entrance.pixels[which]
            shared = self.begin(number, samples, features, which)
            every[:, pixels] = colours_nats(self.heads, *shared, samples[:, pixels])
        return every if places is None else every[:, places]


def grid_pixels(grid: SubGrid, side: int) -> Tensor:
    """A sub-grid's pixels, counted as row * side + column: int64 [n]."""
    return torch.arange(side * side).view(side, side)[grid.places].flatten()


def neighbour_pixels(grid: SubGrid, side: int) -> Tensor:
    """The pixels that each of a sub-grid's sees, int64 [n, neighbours].

    One beyond the border stands for the nearest in the picture that is whole steps away: known ones
    repeat at every step, so it is known too. Raises ValueError if the picture has no whole steps.
    """
    if side % grid.step:
        raise ValueError("passes need a side of whole steps")
    pixels = grid_pixels(grid, side)
    offsets = torch.tensor(grid.neighbours, dtype=torch.int64).view(-1, 2)
    rows, columns = (
        _inside(place[:, None] + offset, grid.step, side)
        for place, offset in zip((pixels // side, pixels % side), offsets.T, strict=True)
    )
    return rows * side + columns


def _inside(place: Tensor, step: int, side: int) -> Tensor:
    last = side - step + place % step
    return torch.where(place < 0, place % step, torch.where(place >= side, last, place))
