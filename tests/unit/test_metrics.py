import numpy as np
import pytest

from vlaecodec.metrics import bd_rate_percent, psnr_db


def test_psnr() -> None:
    a = np.zeros((4, 4, 3), np.uint8)
    assert psnr_db(a, a) == float("inf")
    assert psnr_db(a, a + 1) == pytest.approx(48.13, abs=0.01)


def test_bd_rate_of_a_known_gap() -> None:
    reference = [(r, 30 + 5 * np.log2(r)) for r in (0.1, 0.2, 0.4, 0.8, 1.6)]
    cheaper = [(0.7 * r, q) for r, q in reference]
    assert bd_rate_percent(reference, reference) == pytest.approx(0)
    assert bd_rate_percent(reference, cheaper) == pytest.approx(-30)
    assert bd_rate_percent(reference, cheaper, (0.2, 0.8)) == pytest.approx(-30)
    assert bd_rate_percent(cheaper, reference) == pytest.approx(100 / 0.7 - 100)


def test_only_the_range_asked_for_counts() -> None:
    reference = [(r, 30 + 5 * np.log2(r)) for r in (0.1, 0.2, 0.4, 0.8, 1.6)]
    bent = [(r * (0.5 if r < 0.15 else 1), q) for r, q in reference]
    assert abs(bd_rate_percent(reference, bent, (0.4, 1.6))) < 1
    assert bd_rate_percent(reference, bent) < -3


def test_curves_that_do_not_meet_are_refused() -> None:
    low, high = [(0.1, 20.0), (0.2, 22.0)], [(0.1, 30.0), (0.2, 32.0)]
    with pytest.raises(ValueError, match="share"):
        bd_rate_percent(low, high)
