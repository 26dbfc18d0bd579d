"""Colour images to entropy-coded words and back given their latents, many at once.

A wavefront at a time, in each red of all its pixels, then green, then blue.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.header import TEXTURE_UNIT
from vlaecodec.entropy.ans import AnsStack
from vlaecodec.entropy.mixture import (
    MIDDLE_SAMPLE,
    MixtureCurves,
    quantile,
    sample_bits,
    sample_frequencies,
)
from vlaecodec.entropy.scales import MIXTURE_SCALE_UNITS
from vlaecodec.entropy.tables import FREQUENCY_BITS
from vlaecodec.frozen.colour import ColourDecoder, Ints
from vlaecodec.frozen.layers import Floats
from vlaecodec.networks.small.sample_units import COLOURS
from vlaecodec.pixels.noise import noise_at
from vlaecodec.small.wavefront import wavefronts

Images = NDArray[np.uint8]
"""Samples, uint8 [N, H, W, 3]."""

ChooseSamples = Callable[[int, slice, Ints], NDArray[np.integer]]
"""Called with a colour's number, pixels, a slice of rows * columns, and their mixtures [N, n,
components, 3]; returns the samples [N, n]."""

GROUP = 50
"""Images whose hidden units are held at once where all pixels are known."""


class ColourPixels:
    """p(x | z) of one model's images.

    features: of the latents, SIGNED [N, H, W, local_features].
    """

    def __init__(self, decoder: ColourDecoder, curves: MixtureCurves, features: Floats) -> None:
        self.decoder, self.curves, self.features = decoder, curves, features

    def push(self, stack: AnsStack, images: Images) -> None:
        """Put images on the stack; the first wavefront on top."""
        mixtures = self.mixtures(images).reshape(len(images), -1, COLOURS, *self._each)
        samples = images.reshape(len(images), -1, COLOURS).astype(np.int32)
        height, width = images.shape[1:3]
        for pixels in reversed(list(wavefronts(height, width, self.decoder.window.slope))):
            for number in reversed(range(COLOURS)):
                outputs = mixtures[:, pixels, number].reshape(-1, *self._each)
                frequencies = sample_frequencies(self.curves, outputs)
                stack.push_rows(samples[:, pixels, number].ravel(), frequencies)

    def pop(self, stack: AnsStack) -> Images:
        """Take images off the stack."""

        def choose(_number: int, _pixels: slice, outputs: Ints) -> NDArray[np.integer]:
            rows = outputs.reshape(-1, *self._each)
            samples = stack.pop_rows(sample_frequencies(self.curves, rows))
            return samples.reshape(outputs.shape[:2])

        return self._run(choose)

    def bits(self, images: Images) -> NDArray[np.float64]:
        """What each sample costs, bits, [N, H, W, 3]."""
        return sample_bits(self.curves, self.mixtures(images), images.astype(np.int64))

    def draw(self, texture_code: int, seed: int) -> Images:
        """Images from p(x | z); the n-th with seed + n.

        texture_code: the temperature, 1..TEXTURE_UNIT: how wide logistics are, of their width.
        """
        count, height, width = self.features.shape[:3]
        noise = np.stack([noise_at(seed + lane, 0, 0, height, width) for lane in range(count)])
        levels = (noise >> np.uint32(32 - FREQUENCY_BITS)).astype(np.int64)
        levels = np.moveaxis(levels.reshape(count, COLOURS, -1), 1, -1)
        narrower = round(MIXTURE_SCALE_UNITS * float(np.log2(texture_code / TEXTURE_UNIT)))

        def choose(number: int, pixels: slice, outputs: Ints) -> NDArray[np.integer]:
            outputs[..., 1] += narrower
            return quantile(self.curves, outputs, levels[:, pixels, number])

        return self._run(choose)

    def mixtures(self, images: Images) -> Ints:
        """Every sample's mixture given the pixels before it, [N, H, W, 3, components, 3]."""
        decoder, parts = self.decoder, []
        for start in range(0, len(images), GROUP):
            some = images[start : start + GROUP]
            windows = decoder.window.gather(decoder.context(some))
            shared = decoder.begin(windows, self.features[start : start + GROUP])
            parts.append(
                np.stack([decoder.colour(c, *shared, some) for c in range(COLOURS)], axis=3)
            )
        return np.concatenate(parts)

    @property
    def _each(self) -> tuple[int, int]:
        """The shape of one sample's mixture."""
        return self.decoder.components, 3

    def _run(self, choose: ChooseSamples) -> Images:
        """Pixel by pixel, a wavefront at a time: what `choose` makes of each one's mixtures."""
        decoder, window = self.decoder, self.decoder.window
        count, height, width = self.features.shape[:3]
        # Windows reach beyond the borders, where nothing is: 0, a middle grey.
        shape = (count, height + window.height, width + 2 * window.reach, decoder.shown)
        room = np.zeros(shape, np.float32)
        features = self.features.reshape(count, height * width, -1)
        rows, columns = np.divmod(np.arange(height * width), width)
        offsets = [(dy, dx) for dy in range(window.height) for dx in range(window.width)]
        offsets += [(window.height, dx) for dx in range(window.reach)]
        down, right = np.array(offsets, np.int64).reshape(-1, 2).T
        images = np.full((count, height * width, COLOURS), MIDDLE_SAMPLE, np.uint8)
        for pixels in wavefronts(height, width, window.slope):
            y, x = rows[pixels], columns[pixels]
            seen = room[:, y[:, None] + down, x[:, None] + right]
            shared = decoder.begin(seen.reshape(count, len(y), -1), features[:, pixels])
            here = images[:, pixels]  # a view
            for number in range(COLOURS):
                here[..., number] = choose(number, pixels, decoder.colour(number, *shared, here))
            room[:, y + window.height, x + window.reach] = decoder.context(here)
        return images.reshape(count, height, width, COLOURS)
