"""A grey tile's exact pixels to entropy-coded words and back, given its latents.

As pixel_coder, but of the three equal channels only the first is coded: coding all three costs
more than half as much again, since no prediction is ever quite sure.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from vlaecodec.entropy import AnsStack
from vlaecodec.errors import DamagedError
from vlaecodec.image import Pixels
from vlaecodec.local_kernel import Ints
from vlaecodec.model import PhotoModel
from vlaecodec.networks.local_decoder import local_conditions
from vlaecodec.pixel_coder import (
    Words,
    _dense_tables,
    _pop_values,
    _push_values,
    _quantise,
    from_residual,
    predict_all,
    to_residual,
)
from vlaecodec.residual import ResidualGrid
from vlaecodec.wavefront import run_wavefronts, wavefronts


def encode_grey(
    model: PhotoModel, pixels: Pixels, mean: Pixels, trunk: Tensor, max_error: int
) -> tuple[Words, Pixels]:
    """Like pixel_coder.encode_pixels; pixels and mean have three equal channels."""
    grid = ResidualGrid(max_error)
    values, decoded = _quantise(pixels, mean, grid.step)
    residual = to_residual(decoded, mean).astype(np.int32)
    placement = grid.place(*predict_all(model, trunk, residual, max_error))
    values = values.reshape(-1, 3)
    stack, tables = AnsStack(), _dense_tables(model)
    height, width = mean.shape[:2]
    for step in reversed(list(wavefronts(height, width, model.network.local.window.slope))):
        _push_values(stack, values[step, 0], placement[step, 0], tables)
    return stack.words(), decoded


def decode_grey(
    model: PhotoModel, words: Words, mean: Pixels, trunk: Tensor, max_error: int
) -> Pixels:
    """Like pixel_coder.decode_pixels. Raises DamagedError if the words are not all used up."""
    grid = ResidualGrid(max_error)
    stack, tables = AnsStack(words), _dense_tables(model)
    means = mean[..., 0].ravel().astype(np.int32)

    def choose(_number: int, pixels: slice, *outputs: Ints) -> Ints:
        values = _pop_values(stack, grid.place(*outputs), tables)
        return np.clip(means[pixels] + values * grid.step, 0, 255) - means[pixels]

    features = model.local_features(trunk, *mean.shape[:2])
    conditions = local_conditions(drawing=False, max_error=max_error)
    local = model.network.local
    residual = run_wavefronts(local, features[None], conditions, choose, colours=1)[0]
    if not stack.is_empty():
        raise DamagedError("the entropy-coded pixels do not end where they should")
    return from_residual(residual, mean)
