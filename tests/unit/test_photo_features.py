"""The benchmark of photos' latents as features."""

import numpy as np

from benchmarks.kit.probes import held_out_decay
from benchmarks.photo.photo_features import features_table, photo_latents, pixels, small_latents
from vlaecodec import encode_latent


def test_features_are_a_row_an_image() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), np.uint8)
    assert pixels(images).shape == (2, 3072)
    assert small_latents(images).shape[0] == 2
    pooled = photo_latents(images, 48, 50.0)
    latent = encode_latent(np.full((48, 32, 3), 90, np.uint8))
    assert pooled.shape == (2, 2 * len(latent))
    assert not np.array_equal(pooled[0], pooled[1])


def test_a_probe_of_noise_decays_most() -> None:
    random = np.random.default_rng(0)
    noise = random.normal(size=(100, 60)).astype(np.float32)
    labels = random.integers(0, 2, 100)
    noise[:, 0] += 2 * labels  # one feature tells, the others are learnt by heart
    assert held_out_decay(noise, labels, (1e-6, 1e-1)) == 1e-1


def test_the_table_says_what_was_measured() -> None:
    row = {"features": 640, "decay": 0.1, "linear_probe": 0.4567, "neighbours": 0.3}
    record = {
        "model": "abcd",
        "commit": None,
        "training_images": 2000,
        "test_images": 1000,
        "side_px": 128,
        "quality": 50.0,
        "accuracy": {"photo latent, pooled": row},
    }
    text = features_table(record).to_markdown()
    assert "| photo latent, pooled | 640 | 45.7 % | 30.0 % |" in text
    assert "2,000 images" in text
    assert "model abcd" in text
