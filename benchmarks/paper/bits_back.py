"""Data sets coded with chained bits-back, and what a lossy payload of one image costs.

bin/benchmark bits_back mnist-static=mnist.npz --output benchmarks/results/bits_back.json
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.kit.record import check_output, describe_run, write_record
from benchmarks.paper.likelihood import read_pairs
from benchmarks.paper.tables import (
    PAPER_FACTORISED_BITS,
    PAPER_KL_BITS,
    chain_table,
    payload_table,
)
from vlaecodec.cli.progress import progress_bar
from vlaecodec.entropy.ans import ESCAPE_BITS, AnsStack
from vlaecodec.entropy.scales import FRACTIONS
from vlaecodec.model.registry import find_model
from vlaecodec.networks.common.formats import LATENT
from vlaecodec.small.coder import (
    Images,
    Latents,
    dequantise_latents,
    draw_latents,
    invert_latents,
    pixel_bits,
    pop_images,
    posterior_means,
    push_images,
    quantise_latents,
    reservoir_bits,
    symbol_bits,
)
from vlaecodec.small.model import LEVELS, SmallModel, level_step, load_small_model
from vlaecodec.training.small.datasets import read_dataset
from vlaecodec.training.small.export import load_whole
from vlaecodec.training.small.likelihood import measure_bounds

GROUP = 100
"""Images coded side by side, once the stack holds enough for all their latents."""


def to_images(test: Tensor) -> Images:
    """A data set's test images, [N, 1 or 3, H, W] of 0..255, as they are coded."""
    if test.shape[1] == 1:
        return (test[:, 0] // 255).numpy()
    return np.ascontiguousarray(test.permute(0, 2, 3, 1).numpy())


def to_samples(images: Images) -> Tensor:
    """Images as networks take them: [N, colours, H, W]."""
    samples = torch.from_numpy(images)
    return samples[:, None] if images.ndim == 3 else samples.permute(0, 3, 1, 2)


def code_chain(model: SmallModel, images: Images, name: str) -> dict[str, float]:
    """Push all images on one stack, then pop them all again.

    The stack begins with as many random bits as the first image's latent draws; they are still
    there at the end, but a file has to carry them: `start_bits`.
    Raises ValueError unless every image is restored exactly.
    """
    rng = np.random.default_rng(0)
    start_bits = math.ceil(1.1 * reservoir_bits(model, images[:1]) / 32 + 2) * 32
    start = rng.integers(1, 2**32, start_bits // 32, dtype=np.uint32)
    stack = AnsStack(start)
    groups, done = [], 0
    begin = time.perf_counter()
    with progress_bar(name, quiet=False) as progress:
        while done < len(images):
            need = reservoir_bits(model, images[done : done + 1]) * 1.15 + 64
            count = int(min(GROUP, len(images) - done, max(1, stack.size_bits() // need)))
            push_images(model, stack, images[done : done + count])
            groups.append(count)
            done += count
            if progress is not None:
                progress(done / len(images) / 2)
        encode_s = time.perf_counter() - begin
        total_bits = stack.size_bits()
        words = stack.words()
        stack = AnsStack(words)
        for count in reversed(groups):
            restored = pop_images(model, stack, count)
            if not np.array_equal(restored, images[done - count : done]):
                raise ValueError(f"images {done - count} to {done} are not restored")
            done -= count
            if progress is not None:
                progress(1 - done / len(images) / 2)
    if not np.array_equal(stack.words(), start):
        raise ValueError("the stack does not end as it began")
    decode_s = time.perf_counter() - begin - encode_s
    dimensions = images.size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        bounds = measure_bounds(load_whole(find_model(name).folder), to_samples(images), 4)
    bound_bits = float(bounds.negative_elbo.mean()) / math.log(2)
    net_bits = (total_bits - start_bits) / len(images)
    return {
        "images": len(images),
        "start_bits": start_bits,
        "total_bits": total_bits,
        "bits_per_dimension": total_bits / dimensions,
        "net_bits_per_image": net_bits,
        "net_bits_per_dimension": net_bits / images[0].size,
        "elbo_bits_per_dimension": bound_bits / images[0].size,
        "over_elbo_percent": 100 * (net_bits / bound_bits - 1),
        "total_over_elbo_percent": 100 * (total_bits / len(images) / bound_bits - 1),
        "encode_s": encode_s,
        "decode_s": decode_s,
    }


def measure_payloads(model: SmallModel, images: Images) -> list[dict[str, float]]:
    """What the latent of a single image costs at each level, and what it leaves for the pixels."""
    rows = []
    for level in range(LEVELS):
        symbols = quantise_latents(model, images, level)
        z = dequantise_latents(model, symbols, level)
        rows.append(_payload(model, images, level, symbol_bits(model, symbols, level), z))
    return rows


def measure_dithered(model: SmallModel, images: Images) -> list[dict[str, float]]:
    """Dithered quantisation of eps: the decoder sees eps plus uniform noise, whatever eps is.

    With the dither shared, the cost is the information through that channel: the entropy of the
    rounded sum given the dither (Ziv 1985; Agustsson and Theis, arXiv 2006.09952). The dither is in
    eighths of a step, as the probability tables are; the two finest levels have no such eighths.
    """
    eps = invert_latents(model, posterior_means(model, images))
    rng = np.random.default_rng(0)
    rows = []
    for level in range(LEVELS - 2):
        step = level_step(level)
        eighth = rng.integers(0, FRACTIONS, eps.shape)
        dither = eighth * step // FRACTIONS
        symbols = (2 * (eps + dither) + step) // (2 * step)
        spread = model.spread[level].astype(np.int64).reshape(1, *eps.shape[1:])
        # Given the dither, the sum's mean is that far from a whole step.
        indices = spread * FRACTIONS + eighth
        bits = model.tables["latent"].code_lengths(symbols, indices, ESCAPE_BITS)
        shown = np.clip(symbols * step - dither, LATENT.low, LATENT.high)
        rows.append(_payload(model, images, level, bits, draw_latents(model, shown)))
    return rows


def _payload(
    model: SmallModel, images: Images, level: int, bits: NDArray[np.float64], z: Latents
) -> dict[str, float]:
    """Means over images: of latents that cost these bits, and of the pixels given z."""
    return {
        "level": level,
        "step": level_step(level),
        "latent_bits": float(bits.sum()) / len(images),
        "pixel_bits": float(pixel_bits(model, images, z).sum()) / len(images),
    }


@click.command()
@click.argument("pairs", metavar="MODEL=DATA...", nargs=-1, required=True, callback=read_pairs)
@click.option("--output", type=click.Path(path_type=Path), help="Write all figures as JSON.")
@click.option("--images", default=0, help="Only the first so many test images; 0: all.")
@click.option("--payload-images", default=500, show_default=True, help="For lossy payloads.")
def main(pairs: dict[str, Path], output: Path | None, images: int, payload_images: int) -> None:
    """Code the test images of DATA with the installed MODELs; every image is verified."""
    check_output(output)
    results: dict[str, dict[str, Any]] = {}
    for name, path in pairs.items():
        model = load_small_model(find_model(name))
        test = to_images(read_dataset(name, path).test)[: images or None]
        some = test[:payload_images]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            bounds = measure_bounds(load_whole(find_model(name).folder), to_samples(some), 4)
        results[name] = {
            "fingerprint": find_model(name).fingerprint.hex(),
            "chain": code_chain(model, test, name),
            "payload_images": len(some),
            "kl_bits": float(bounds.divergence.mean()) / math.log(2),
            "reconstruction_bits": float(bounds.reconstruction.mean()) / math.log(2),
            "rounded": measure_payloads(model, some),
            "dithered": measure_dithered(model, some),
        }
    paper = {"kl_bits": PAPER_KL_BITS, "factorised_bits": PAPER_FACTORISED_BITS}
    record = {**describe_run(), "paper": paper, "results": results}
    chain_table(record).print()
    payload_table(record).print()
    write_record(output, record)


if __name__ == "__main__":
    main()
