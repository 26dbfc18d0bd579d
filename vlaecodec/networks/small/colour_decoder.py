"""p(x | z) of a small colour image: for each sample a discretised mixture of logistics.

Colours are autoregressive in the order red, green, blue; entropy/mixture.py says what the outputs
stand for.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vlaecodec.entropy.mixture import MIDDLE_SAMPLE
from vlaecodec.entropy.scales import MEAN_UNITS, MIXTURE_LOGIT_UNITS, MIXTURE_SCALE_UNITS
from vlaecodec.networks.common.fixed_point import ExactLinear, ste_round
from vlaecodec.networks.common.formats import MIXTURE, POSITIVE, SIGNED
from vlaecodec.networks.common.gather import at_places, gather_windows
from vlaecodec.networks.small.causal_decoder import CausalDecoder
from vlaecodec.networks.small.mixture_nats import mixture_nats
from vlaecodec.networks.small.preset import Preset
from vlaecodec.networks.small.sample_units import COLOURS, GREY, SAMPLE_UNITS

_INITIAL_SCALE = 6.0
"""Octaves above the smallest: four grey levels."""

_APART = 4.0
"""Grey levels between the first means of a mixture's components."""

INITIAL_GAIN = 0.5
"""Of the first layer, whose inputs are larger than bitmaps'."""


class MixtureHead(nn.Module):
    """One colour's mixture, given the hidden units and the colours before it."""

    def __init__(self, width: int, merged: int, previous: int, components: int) -> None:
        super().__init__()
        self.previous, self.components = previous, components
        self.merge = ExactLinear((width, previous), merged, SIGNED, POSITIVE)
        self.leave = ExactLinear((merged, previous), 3 * components, SIGNED, MIXTURE)
        with torch.no_grad():
            self.leave.weight.mul_(0.1)
            bias = self.leave.bias.view(3, components)
            middle = torch.arange(components) - (components - 1) / 2
            bias[0] = middle * _APART * MEAN_UNITS / MIXTURE.scale
            bias[1] = _INITIAL_SCALE * MIXTURE_SCALE_UNITS / MIXTURE.scale
            bias[2] = -middle.abs() * MIXTURE_LOGIT_UNITS / MIXTURE.scale

    def forward(self, hidden: Tensor, predicted: Tensor, samples: Tensor) -> Tensor:
        """The mixture, MIXTURE [..., components, 3]; means may be beyond its range.

        hidden, predicted: what `begin` returns. samples: those of the colours before it, 0..255,
        [..., >= previous].
        """
        before = slice(self.previous)
        surprise = self.surprise(samples[..., before], predicted[..., before]).to(hidden.dtype)
        outputs = self.leave(self.merge(hidden, surprise), surprise).float()
        mixture = outputs.unflatten(-1, (3, self.components)).transpose(-1, -2)
        mean = mixture[..., :1] + predicted[..., self.previous, None, None]
        return torch.cat([mean, mixture[..., 1:]], dim=-1)

    def surprise(self, samples: Tensor, predicted: Tensor) -> Tensor:
        """By how much samples differ from their linear predictions: SIGNED, both of one shape."""
        distance = (samples - MIDDLE_SAMPLE) * SAMPLE_UNITS
        distance = distance - predicted * (SAMPLE_UNITS / MEAN_UNITS)
        return SIGNED.clamp(ste_round(distance) if self.merge.quantised else distance)


def mixture_heads(preset: Preset) -> nn.ModuleList:
    """A head for each colour, in their order."""
    sizes = preset.local_channels, preset.colour_channels
    return nn.ModuleList(
        MixtureHead(*sizes, previous, preset.mixture_components) for previous in range(COLOURS)
    )


def colours_nats(
    heads: nn.ModuleList, hidden: Tensor, predicted: Tensor, samples: Tensor
) -> Tensor:
    """-log p of pixels, float [...]: samples 0..255, [..., COLOURS], the rest as heads take it."""
    parts = [
        mixture_nats(head(hidden, predicted, samples), samples[..., number])
        for number, head in enumerate(heads)
    ]
    return torch.stack(parts).sum(0)


def start_at_reference(enter: ExactLinear, predict: ExactLinear, inputs: int, shown: int) -> None:
    """Predict the reference at first, and let brightness not drown the contrasts.

    Of so many inputs the reference is the last: `shown` of them.
    """
    enter.weight[:, inputs - shown : inputs].mul_(0.3)
    predict.weight.mul_(0.1)
    # SIGNED units of a sample to MEAN_UNITS of it, in units of value.
    gain = MEAN_UNITS / SAMPLE_UNITS * SIGNED.scale / MIXTURE.scale
    for colour in range(COLOURS):
        predict.weight[colour, inputs - shown + colour % shown] = gain


class ColourDecoder(CausalDecoder):
    """Eight bits and three colours."""

    def __init__(self, preset: Preset) -> None:
        super().__init__(preset)
        shown = 1 if preset.grey_context else COLOURS
        inputs = shown * self.window.size
        # A linear predictor of each colour, so that the rest need only correct it.
        self.predict = ExactLinear((inputs,), COLOURS, SIGNED, MIXTURE) if inputs else None
        self.heads = mixture_heads(preset)
        with torch.no_grad():
            self.enter.weight.mul_(INITIAL_GAIN)
            if self.predict is not None:
                start_at_reference(self.enter, self.predict, inputs, shown)

    def context(self, image: Tensor) -> Tensor:
        """What windows show of samples 0..255, [B, 3, H, W]: SIGNED [B, H, W, 3 or 1]."""
        shown = (image.float() - MIDDLE_SAMPLE) * SAMPLE_UNITS
        if self.grey_context:
            weight = torch.tensor(GREY, dtype=shown.dtype, device=shown.device)
            shown = torch.floor((shown * weight.view(COLOURS, 1, 1)).sum(1, True) / 4)
        return shown.permute(0, 2, 3, 1)

    def contrasts(self, window: Tensor) -> Tensor:
        """A window as it is told to networks: each pixel less the reference, then that one.

        The reference is the window's last pixel, the one to the left. Neighbours are so alike that
        networks learn far faster from their differences. Both SIGNED [..., channels].
        """
        shown = 1 if self.grey_context else COLOURS
        others, reference = window[..., :-shown], window[..., -shown:]
        tiled = reference.repeat(*[1] * (window.dim() - 1), max(self.window.size - 1, 0))
        return torch.cat([others - tiled, reference], dim=-1)

    def begin(self, window: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """What all colours of a pixel share: hidden units, and linear predictions of the means.

        What the window shows and features of the latent: SIGNED [..., channels]. Predictions are
        in MEAN_UNITS less MIDDLE_SAMPLE, [..., COLOURS].
        """
        contrasts = self.contrasts(window)
        hidden = self.hidden_units(contrasts, features)
        if self.predict is None:
            return hidden, hidden.new_zeros((*hidden.shape[:-1], COLOURS), dtype=torch.float32)
        # Training's autocast would round weights to 8 bits: as much as smooth colours vary.
        with torch.autocast(window.device.type, enabled=False):
            predicted: Tensor = self.predict(contrasts.float())
        return hidden, predicted

    def nats(self, image: Tensor, features: Tensor, places: Tensor | None = None) -> Tensor:
        """-log p(x | z) of every pixel, float [B, pixels]; image: [B, 3, H, W] of 0..255.

        places: int64 [n], the pixels to look at, counted as row * W + column; all by default.
        """
        window = at_places(gather_windows(self.window, self.context(image)), places)
        seen = at_places(features, places)
        samples = at_places(image.permute(0, 2, 3, 1), places).float()
        shared = self.begin(window.to(seen.dtype), seen)
        return colours_nats(self.heads, *shared, samples)
