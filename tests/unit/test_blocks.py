import numpy as np

from vlaecodec.metrics.blocks import block_step_ratio


def test_a_grid_shows_and_a_ramp_does_not() -> None:
    ramp = np.repeat(np.linspace(60, 120, 96)[None, :], 96, 0)
    original = np.repeat(ramp[..., None], 3, 2).round().astype(np.uint8)
    noise = np.random.default_rng(0).integers(-1, 2, original.shape)
    clean = (original + noise).astype(np.uint8)
    ratio = block_step_ratio(original, clean, 8)
    assert ratio is not None
    assert abs(ratio - 1) < 0.1
    blocks = (
        clean + np.repeat(np.repeat(np.indices((12, 12)).sum(0) % 2 * 2, 8, 0), 8, 1)[..., None]
    )
    seen = block_step_ratio(original, blocks.astype(np.uint8), 8)
    assert seen is not None
    assert seen > 1.5


def test_nothing_smooth_is_no_answer() -> None:
    wild = np.random.default_rng(1).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    assert block_step_ratio(wild, wild, 8) is None
