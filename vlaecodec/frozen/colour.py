"""p(x | z) of a small colour image, frozen; networks.small.colour_decoder trains it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.mixture import MIDDLE_SAMPLE
from vlaecodec.entropy.scales import MEAN_UNITS
from vlaecodec.frozen.latent_features import LatentFeatures, hidden_layers
from vlaecodec.frozen.layers import Floats, Layer
from vlaecodec.frozen.operations import as_operand, pointwise
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.networks.common.formats import MIXTURE, POSITIVE, SIGNED
from vlaecodec.networks.common.window import Window
from vlaecodec.networks.small.preset import Preset
from vlaecodec.networks.small.sample_units import COLOURS, GREY, SAMPLE_UNITS

Ints = NDArray[np.int64]


class ColourDecoder:
    """A causal window and what the latent says of each pixel, to mixtures of logistics."""

    def __init__(self, weights: Tensors, preset: Preset) -> None:
        self.window = Window(preset.window_width, preset.window_height)
        self.shown = 1 if preset.grey_context else COLOURS
        self.components = preset.mixture_components
        self.features = LatentFeatures(weights.within("features"), preset)
        inputs, outputs = self.shown * self.window.size, 3 * self.components
        self.hidden = hidden_layers(weights, preset, inputs + preset.local_features)
        predict = weights.within("predict")
        self.predict = (
            Layer.pointwise(predict, (inputs, COLOURS), SIGNED, MIXTURE) if inputs else None
        )
        width, merged = preset.local_channels, preset.colour_channels
        self.heads = []
        for previous in range(COLOURS):
            head = weights.within("heads").within(previous)
            sizes = (width + previous, merged)
            merge = Layer.pointwise(head.within("merge"), sizes, SIGNED, POSITIVE)
            sizes = (merged + previous, outputs)
            self.heads.append(
                (merge, Layer.pointwise(head.within("leave"), sizes, SIGNED, MIXTURE))
            )

    def context(self, samples: NDArray[Any]) -> Floats:
        """What windows show of samples 0..255, [..., 3]: SIGNED [..., 3 or 1]."""
        shown = (samples.astype(np.float32) - MIDDLE_SAMPLE) * SAMPLE_UNITS
        if self.shown == 1:
            shown = np.floor((shown * np.array(GREY, np.float32)).sum(-1, keepdims=True) / 4)
        return shown.astype(np.float32)

    def begin(self, window: Floats, features: Floats) -> tuple[Floats, Floats]:
        """What all colours of a pixel share: hidden units, and linear predictions of the means.

        SIGNED windows and features [..., channels]; predictions are in MEAN_UNITS, [..., COLOURS].
        """
        contrasts = self._contrasts(window)
        hidden = np.concatenate([contrasts, features], axis=-1)
        for layer in self.hidden:
            hidden = pointwise(hidden, layer)
        if self.predict is None:
            return hidden, np.zeros((*hidden.shape[:-1], COLOURS), np.float32)
        return hidden, pointwise(as_operand(contrasts), self.predict)

    def colour(self, number: int, hidden: Floats, predicted: Floats, samples: NDArray[Any]) -> Ints:
        """One colour's mixture, int64 [..., components, 3], as entropy.mixture takes it.

        samples: those of the colours before it, 0..255, [..., >= number].
        """
        merge, leave = self.heads[number]
        before = samples[..., :number].astype(np.float32) - MIDDLE_SAMPLE
        ratio = np.float32(SAMPLE_UNITS / MEAN_UNITS)
        surprise = np.floor(before * SAMPLE_UNITS - predicted[..., :number] * ratio + 0.5)
        previous = SIGNED.clamp(surprise).astype(np.float32)
        merged = pointwise(np.concatenate([hidden, previous], axis=-1), merge)
        outputs = pointwise(np.concatenate([merged, previous], axis=-1), leave).astype(np.int64)
        outputs = outputs.reshape(*outputs.shape[:-1], 3, self.components).swapaxes(-1, -2)
        outputs[..., 0] += predicted[..., number, None].astype(np.int64)
        return outputs

    def _contrasts(self, window: Floats) -> Floats:
        """Each pixel of a window less the last one, then that one."""
        others, reference = window[..., : -self.shown], window[..., -self.shown :]
        repeats = max(self.window.size - 1, 0)
        return np.concatenate([others - np.tile(reference, repeats), reference], axis=-1)
