"""Mixtures of logistics: whole numbers agree with the training's floats, and code samples."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vlaecodec.entropy.ans import AnsStack
from vlaecodec.entropy.mixture import (
    SAMPLES,
    cumulative,
    mixture_curves,
    quantile,
    sample_bits,
    sample_frequencies,
)
from vlaecodec.entropy.tables import FREQUENCY_SUM
from vlaecodec.networks.small.mixture_nats import mixture_nats

CURVES = mixture_curves()


def outputs_of(count: int, components: int = 3, seed: int = 0) -> np.ndarray:
    """Predictions of all kinds, those beyond any sample and of any width among them."""
    rng = np.random.default_rng(seed)
    mean = rng.integers(-4000, 4000, (count, components))
    scale = rng.integers(-100, 800, (count, components))
    return np.stack([mean, scale, rng.integers(-2047, 2048, (count, components))], axis=-1)


def test_every_sample_can_be_coded() -> None:
    frequencies = sample_frequencies(CURVES, outputs_of(2000))
    assert frequencies.shape == (2000, SAMPLES)
    assert frequencies.min() >= 1
    assert (frequencies.sum(-1) == FREQUENCY_SUM).all()


def test_whole_numbers_agree_with_what_training_minimises() -> None:
    rng = np.random.default_rng(1)
    outputs = np.stack(
        [rng.integers(-1000, 1000, (500, 3)), rng.integers(64, 600, (500, 3))], axis=-1
    )
    outputs = np.concatenate([outputs, rng.integers(-300, 300, (500, 3, 1))], axis=-1)
    samples = np.repeat(np.arange(SAMPLES)[None], 500, axis=0)
    shape = (500, SAMPLES, 3, 3)
    spread = np.broadcast_to(outputs[:, None], shape)
    nats = mixture_nats(torch.tensor(spread).double(), torch.tensor(samples).double())
    probability = torch.exp(-nats).numpy()
    assert probability.sum(-1) == pytest.approx(1, abs=1e-6)
    bits = sample_bits(CURVES, spread, samples)
    # What the tables cost more, on average over what they are for.
    excess = (probability * (bits - nats.numpy() / np.log(2))).sum(-1)
    assert excess.max() < 0.004
    assert excess.min() > -1e-6


def test_ends_hold_all_that_is_beyond() -> None:
    outputs = np.array([[[-9000, 100, 0]], [[9000, 100, 0]]])
    frequencies = sample_frequencies(CURVES, outputs)
    assert frequencies[0, 0] > 0.99995 * FREQUENCY_SUM
    assert frequencies[1, -1] > 0.99995 * FREQUENCY_SUM
    bits = sample_bits(CURVES, outputs, np.array([0, SAMPLES - 1]))
    assert bits == pytest.approx(0, abs=1e-3)
    nats = mixture_nats(torch.tensor(outputs).float(), torch.tensor([0.0, 255.0]))
    assert nats.tolist() == pytest.approx([0, 0], abs=1e-3)


def test_a_level_is_in_the_interval_of_its_sample() -> None:
    outputs = outputs_of(3000)
    levels = np.random.default_rng(2).integers(0, FREQUENCY_SUM, 3000)
    samples = quantile(CURVES, outputs, levels)
    edges = cumulative(CURVES, outputs, np.stack([samples, samples + 1], axis=-1))
    assert (edges[:, 0] <= levels).all()
    assert (levels < edges[:, 1]).all()


def test_samples_come_back_at_their_cost() -> None:
    outputs = outputs_of(4000)
    samples = quantile(CURVES, outputs, np.random.default_rng(3).integers(0, FREQUENCY_SUM, 4000))
    frequencies = sample_frequencies(CURVES, outputs)
    stack = AnsStack()
    stack.push_rows(samples.astype(np.int32), frequencies)
    assert stack.size_bits() == pytest.approx(sample_bits(CURVES, outputs, samples).sum(), abs=64)
    assert np.array_equal(stack.pop_rows(frequencies), samples)
    assert stack.is_empty()


@pytest.mark.parametrize(
    "broken",
    [
        {"sigmoid": CURVES.sigmoid[1:]},
        {"sigmoid": CURVES.sigmoid[::-1]},
        {"sigmoid": CURVES.sigmoid * 2},
        {"weight": 0 * CURVES.weight},
        {"inverse_scale": -CURVES.inverse_scale},
    ],
)
def test_unusable_curves_are_refused(broken) -> None:
    CURVES.check()
    with pytest.raises(ValueError, match="curves of the mixture"):
        replace(CURVES, **broken).check()
