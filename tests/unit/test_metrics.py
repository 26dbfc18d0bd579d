import numpy as np
import pytest
import pytorch_msssim
import torch

from benchmarks.kit.bd_rate import bd_rate
from tests.conftest import photo
from vlaecodec.metrics.distortion import ms_ssim, ms_ssim_db, psnr_db, psnr_yuv_db
from vlaecodec.networks.common.ms_ssim import ms_ssim_loss


def test_psnr() -> None:
    a = np.zeros((4, 4, 3), np.uint8)
    assert psnr_db(a, a) == float("inf")
    assert psnr_db(a, a + 1) == pytest.approx(48.13, abs=0.01)


def test_bd_rate_of_a_known_gap() -> None:
    reference = [(r, 30 + 5 * np.log2(r)) for r in (0.1, 0.2, 0.4, 0.8, 1.6)]
    cheaper = [(0.7 * r, q) for r, q in reference]
    assert bd_rate(reference, reference).percent == pytest.approx(0)
    assert bd_rate(reference, cheaper).percent == pytest.approx(-30)
    assert bd_rate(reference, cheaper, (0.2, 0.8)).percent == pytest.approx(-30)
    assert bd_rate(cheaper, reference).percent == pytest.approx(100 / 0.7 - 100)


def test_only_the_range_asked_for_counts() -> None:
    reference = [(r, 30 + 5 * np.log2(r)) for r in (0.1, 0.2, 0.4, 0.8, 1.6)]
    bent = [(r * (0.5 if r < 0.15 else 1), q) for r, q in reference]
    assert abs(bd_rate(reference, bent, (0.4, 1.6)).percent) < 1
    assert bd_rate(reference, bent).percent < -3


def test_curves_that_do_not_meet_are_refused() -> None:
    low, high = [(0.1, 20.0), (0.2, 22.0)], [(0.1, 30.0), (0.2, 32.0)]
    with pytest.raises(ValueError, match="share"):
        bd_rate(low, high)


def test_psnr_of_yuv_weights_its_planes() -> None:
    a = np.full((8, 8, 3), 100, np.uint8)
    assert psnr_yuv_db(a, a) == float("inf")
    # Grey differs in Y alone, and is judged by it; blue differs in all three.
    assert psnr_yuv_db(a, a + 1) == pytest.approx(psnr_db(a, a + 1))
    blue = a + np.array([0, 0, 10], np.uint8)
    planes_db = [20 * np.log10(255 / (10 * w)) for w in (0.114, 0.5, 0.081312)]
    assert psnr_yuv_db(a, blue) == pytest.approx(np.dot(planes_db, (6, 1, 1)) / 8, abs=1e-3)


@pytest.mark.parametrize("size", [(161, 163), (200, 301), (256, 176)])
def test_ms_ssim_is_what_others_compute(size) -> None:
    original = photo(*size)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 12, original.shape)
    worse = np.clip(original + noise, 0, 255).astype(np.uint8)
    tensors = [torch.tensor(p).permute(2, 0, 1)[None].float() for p in (original, worse)]
    assert ms_ssim(original, worse) == pytest.approx(
        float(pytorch_msssim.ms_ssim(*tensors, data_range=255)), abs=1e-5
    )
    assert float(ms_ssim_loss(*tensors)) == pytest.approx(1 - ms_ssim(original, worse), abs=1e-5)
    assert ms_ssim(original, original) == pytest.approx(1)
    with pytest.raises(ValueError, match="161"):
        ms_ssim(original[:160], worse[:160])


def test_ms_ssim_in_decibels() -> None:
    assert ms_ssim_db(0.99) == pytest.approx(20)
    assert ms_ssim_db(1) == float("inf")
