"""From a checkpoint of a small VLAE to a model folder that the codec can load."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from vlaecodec.entropy.mixture import mixture_curves
from vlaecodec.entropy.scales import SCALE_MIN, SCALE_RATIO, SCALES
from vlaecodec.entropy.tables import small_model_tables
from vlaecodec.frozen.tensors import Tensors, read_metadata, read_tensors
from vlaecodec.model.float_weights import dequantise_layers, hold_exponents
from vlaecodec.model.frozen import WEIGHTS_NAME
from vlaecodec.model.integer_weights import integer_layers, table_tensors
from vlaecodec.networks.common.formats import LATENT
from vlaecodec.networks.small.colour_decoder import ColourDecoder
from vlaecodec.networks.small.posterior import network_image
from vlaecodec.networks.small.preset import Preset
from vlaecodec.networks.small.small_vlae import SmallVLAE
from vlaecodec.small.model import LEVELS, SMALL_MODEL_KIND, level_step, read_small_model
from vlaecodec.training.checkpoint import Progress, load_weights, read_progress
from vlaecodec.training.model_folder import read_progress_of, write_model_folder
from vlaecodec.training.small.compensation import round_predictions
from vlaecodec.training.small.datasets import to_samples

_SPREAD_IMAGES, _WINDOW_IMAGES = 2000, 200
"""Training images on which latents' spread and windows are measured."""


def export_small(checkpoint: Path, folder: Path, images: Tensor, summary: str, data: str) -> str:
    """Write weights and model card to the folder, and list the model in the index beside it.

    images: the training images, uint8 [N, 1 or 3, H, W], from which it is measured how the latents
    are spread. `data` says what the model was trained on. Returns the weights' SHA-256.
    """
    sizes, progress = read_progress(checkpoint)
    weights = whole_weights(checkpoint, images)
    read_small_model(weights)  # refuses what the codec would refuse, before anything is replaced

    def card(sha256: str) -> str:
        return _card(folder.name, summary, data, sha256, len(weights), sizes, progress)

    return write_model_folder(folder, weights, card, progress, summary)


def whole_weights(checkpoint: Path, images: Tensor) -> bytes:
    """A weights file's bytes: a checkpoint's average, rounded; images as in export_small."""
    sizes, _ = read_progress(checkpoint)
    network = SmallVLAE(Preset(**sizes))
    load_weights(checkpoint, network, "average")
    some = images[:: max(1, len(images) // _SPREAD_IMAGES)]
    if isinstance(network.decoder, ColourDecoder):
        round_predictions(network.decoder, some[:_WINDOW_IMAGES])
    tensors = integer_layers(network)
    tensors["spread"] = measure_spread(network, some)
    tables = small_model_tables()
    if network.preset.colours > 1:
        del tables["logit"]
        for name, curve in asdict(mixture_curves()).items():
            tensors[f"curves.{name}"] = torch.from_numpy(curve)
    tensors |= table_tensors(tables)
    metadata = {"kind": SMALL_MODEL_KIND, "preset": json.dumps(sizes)}
    return save({n: t.contiguous() for n, t in tensors.items()}, metadata)


def import_small(folder: Path) -> tuple[SmallVLAE, Progress]:
    """The float network of an exported model, its weights rounded, for training to go on from.

    Raises ValueError if it is none.
    """
    return _read_small(folder)[0], read_progress_of(folder)


def load_whole(folder: Path) -> SmallVLAE:
    """The network of an exported model, as its files are coded with. Raises ValueError."""
    network, stored = _read_small(folder)
    hold_exponents(network, stored)
    return network.requires_grad_(False).eval()


def _read_small(folder: Path) -> tuple[SmallVLAE, Tensors]:
    data = (folder / WEIGHTS_NAME).read_bytes()
    try:
        stored = read_tensors(data)
        network = SmallVLAE(Preset(**json.loads(read_metadata(data)["preset"])))
        network.load_state_dict(dequantise_layers(network, stored))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{folder} holds no small model: {error}") from error
    return network, stored


@torch.no_grad()
def measure_spread(network: SmallVLAE, images: Tensor) -> Tensor:
    """Scale indices of eps = f^-1(mean of q(z | x)) on the grid of each level.

    images: uint8 [N, 1, H, W], brightness, or [N, 3, H, W]. Returns int16 [LEVELS, elements].
    """
    samples = images
    if images.shape[1] == 1:
        samples = to_samples(images, torch.Generator().manual_seed(0))
    mean, _ = network.posterior(network_image(samples))
    eps = mean if network.prior is None else network.prior.invert(mean)
    deviation = eps.flatten(1).square().mean(0).sqrt().clamp_min(1.0)
    steps = torch.tensor([float(level_step(level)) for level in range(LEVELS)])[:, None]
    indices = torch.log(deviation / steps / SCALE_MIN) / math.log(SCALE_RATIO)
    return indices.round().clamp(0, SCALES - 1).to(torch.int16)


_CARD = """# {name}

{summary}.

| | |
|---|---|
| weights | SHA-256 `{sha256}`, {size_mb:.1f} MB |
| fingerprint in files | `{fingerprint}` |
| trained | {steps:,} steps, {images:,} images, {hours:.2f} hours |
| sizes | {sizes} |

## Data and training

{data}

The exported weights are the last Polyak average, rounded to whole numbers. Latents are in units of
1/{units} of the prior's deviation.

## Learning curve

Validation images, which are not trained on; one draw of the bound each, averaged weights.

| images seen | seconds | negative ELBO, nats | KL, nats |
|---|---|---|---|
{rows}

## Figures

`benchmarks/results/{record}`, with the fingerprint they belong to.

## Limits

- {kind} images of this data set's kind and size only.
- The bound was still falling when training stopped.
"""


def _card(
    name: str,
    summary: str,
    data: str,
    sha256: str,
    size_bytes: int,
    sizes: dict[str, object],
    progress: Progress,
) -> str:
    preset = Preset(**sizes)  # type: ignore[arg-type]
    pixels = preset.image_px**2
    rows = [
        f"| {row['pixels'] // pixels:,} | {row['seconds']:.0f} | {row['loss']:.2f} "
        f"| {row['kl_nats']:.2f} |"
        for row in progress.curve
    ]
    return _CARD.format(
        name=name,
        summary=summary[:1].upper() + summary[1:],
        sha256=sha256,
        size_mb=size_bytes / 1e6,
        fingerprint=sha256[:8],
        steps=progress.steps,
        images=progress.pixels // pixels,
        hours=progress.seconds / 3600,
        sizes=", ".join(f"{key} {value}" for key, value in sizes.items()),
        data=data,
        kind="Black and white" if preset.colours == 1 else "Colour",
        record="paper.json" if preset.colours == 1 else "cifar10.json",
        units=int(LATENT.scale),
        rows="\n".join(rows),
    )
