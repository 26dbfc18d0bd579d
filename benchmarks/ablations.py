"""What exact arithmetic costs and what bits-back gains, each against its absence.

python -m benchmarks.ablations CHECKPOINT IMAGES... --output benchmarks/results/ablations.json
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image

from benchmarks.bd_rate import bd_rate_percent
from benchmarks.pictures import find_images
from benchmarks.record import check_output, describe_run, write_record
from vlaecodec.bitstream.header import quality_to_code
from vlaecodec.latents.coder import encode_latent
from vlaecodec.model.frozen import PhotoModel, load_model
from vlaecodec.model.registry import find_model
from vlaecodec.networks.common.fixed_point import set_quantised
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.photo_vlae import PhotoVLAE
from vlaecodec.training.checkpoint import load_weights, read_progress
from vlaecodec.training.photo.loss import forward_losses

QUALITIES = (10, 20, 30, 40, 50, 60, 70, 80, 90)


@torch.inference_mode()
def estimated_curve(
    network: PhotoVLAE, images: list[np.ndarray], *, quantised: bool
) -> list[tuple[float, float]]:
    """Mean estimated rate and PSNR per quality, of the float network or of its integer twin."""
    set_quantised(network, quantised)
    curve = []
    for quality in QUALITIES:
        rates, psnrs = [], []
        for image in images:
            height, width = (side // 16 * 16 for side in image.shape[:2])
            tensor = torch.from_numpy(image[:height, :width].transpose(2, 0, 1)[None].copy())
            torch.manual_seed(0)
            position = torch.tensor([(quality - 1) / 99])
            losses, *_ = forward_losses(network, tensor.float(), position, quantised=quantised)
            rates.append(float(losses.rate_bpp))
            psnrs.append(10 * np.log10(255**2 / float(losses.mse)))
        curve.append((float(np.mean(rates)), float(np.mean(psnrs))))
    return curve


def bits_back_gain(model: PhotoModel, images: list[np.ndarray]) -> dict[str, dict[str, float]]:
    """Payload bits with bits-back coding of h, and with the deterministic fallback instead."""
    rows = {}
    for quality in QUALITIES:
        code = quality_to_code(quality)
        totals, tops, fallback = [], [], []
        for image in images:
            height, width = (side // 16 * 16 for side in image.shape[:2])
            y = model.analyse(image[:height, :width].copy(), code)
            _, _, split = encode_latent(model, y, code)
            _, _, fixed = encode_latent(model, y, code, bits_back=False)
            totals.append(split.total_bits)
            tops.append(split.top_bits)
            fallback.append(fixed.total_bits)
        rows[str(quality)] = {
            "bits_back_bits": float(np.mean(totals)),
            "deterministic_bits": float(np.mean(fallback)),
            "gain_percent": 100 * (1 - float(np.mean(totals)) / float(np.mean(fallback))),
            "top_share_percent": 100 * float(np.mean(tops)) / float(np.mean(totals)),
        }
    return rows


@click.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path))
def main(checkpoint: Path, images: tuple[Path, ...], output: Path | None) -> None:
    """Compare on IMAGES; CHECKPOINT holds the float twin of the shipped model."""
    check_output(output)
    pictures = [np.asarray(Image.open(p).convert("RGB")) for p in find_images(images)]
    network = PhotoVLAE(Architecture(**read_progress(checkpoint)[0]))
    load_weights(checkpoint, network, "average")
    network.eval()
    curves = [estimated_curve(network, pictures, quantised=q) for q in (False, True)]
    record = {
        **describe_run(),
        "integer_cost_bd_rate_percent": bd_rate_percent(curves[0], curves[1]),
        "float_curve": curves[0],
        "integer_curve": curves[1],
        "bits_back": bits_back_gain(load_model(find_model()), pictures),
    }
    click.echo(json.dumps(record, indent=1))
    write_record(output, record)


if __name__ == "__main__":
    main()
