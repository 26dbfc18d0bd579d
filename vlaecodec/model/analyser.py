"""The analysis network of a model: the one of a photo's networks that encoders alone run.

It computes in floating point, by torch. It only decides what is sent: machines may differ.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from numpy.typing import NDArray

from vlaecodec.bitstream.header import QUALITY_UNIT
from vlaecodec.bitstream.tiles import LATENT_FACTOR, TileBox, latent_window
from vlaecodec.errors import ModelError
from vlaecodec.frozen.tensors import Tensors
from vlaecodec.model.defaults import with_own_defaults
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.model.tiled import AnyPixels, pad_edges
from vlaecodec.networks.common.formats import QUALITIES
from vlaecodec.networks.photo.analysis import AnalysisNetwork


def analyse_tile(
    model: PhotoModel, pixels: AnyPixels, box: TileBox, quality_code: int
) -> NDArray[np.float32]:
    """y of one tile before quantisation, [C, rows, columns], seeing the pixels around it.

    pixels: of the whole picture, [H, W, 3].
    """
    network = _load_analysis(model)
    halo = network.halo * LATENT_FACTOR
    top, left = max(0, box.top - halo), max(0, box.left - halo)
    # What is cut ends at a whole latent, or at the picture's edge.
    seen = pad_edges(pixels[top : box.bottom + halo, left : box.right + halo])
    y = _analyse(network, seen, quality_code)
    row, column = (box.top - top) // LATENT_FACTOR, (box.left - left) // LATENT_FACTOR
    _, rows, columns = latent_window(box)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    return y[:, row : row + height, column : column + width]


@with_own_defaults
def _analyse(network: AnalysisNetwork, pixels: AnyPixels, quality_code: int) -> NDArray[np.float32]:
    position = (quality_code / QUALITY_UNIT - 1) / (QUALITIES - 1)
    with torch.inference_mode(), torch.autocast("cpu", enabled=False):
        image = torch.tensor(pixels).permute(2, 0, 1).float().unsqueeze(0)
        image = image.contiguous(memory_format=torch.channels_last)
        y: NDArray[np.float32] = network(image, torch.tensor([position]))[0].numpy()
    return y


@functools.lru_cache(maxsize=4)
@with_own_defaults
def _load_analysis(model: PhotoModel) -> AnalysisNetwork:
    # What is drawn here is replaced; the caller's random numbers go on undisturbed.
    with torch.random.fork_rng(devices=[]):
        network = AnalysisNetwork(model.arch)
    try:
        network.load_state_dict(analysis_weights(network, model.weights))
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"the model cannot encode: {error}") from error
    return network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def analysis_weights(network: AnalysisNetwork, weights: Tensors) -> dict[str, torch.Tensor]:
    """The network's parameters, float32; gains that a model was trained without are 0."""
    stored = weights.within("analysis")
    return {
        name: torch.from_numpy(stored[name].astype(np.float32))
        if name in stored or not name.endswith("_gain")
        else torch.zeros_like(parameter)
        for name, parameter in network.state_dict().items()
    }
