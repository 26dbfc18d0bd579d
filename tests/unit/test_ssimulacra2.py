import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from ssimulacra2 import compute_ssimulacra2

from tests.conftest import photo
from vlaecodec.networks.common.ssimulacra2 import ssimulacra2_error


def score(error: float) -> float:
    """SSIMULACRA2's published score of an error."""
    x = 0.9562382616834844 * error
    x = 2.326765642916932 * x - 0.020884521182843837 * x**2 + 6.248496625763138e-05 * x**3
    return 100 - 10 * x**0.6276336467831387 if x > 0 else 100.0


def tensor(image: Image.Image) -> torch.Tensor:
    return torch.tensor(np.asarray(image)).permute(2, 0, 1)[None].float()


@pytest.mark.parametrize("quality", [30, 85])
def test_the_error_is_that_of_the_measure(quality: int) -> None:
    image = Image.fromarray(photo(288, 320)).filter(ImageFilter.GaussianBlur(1))
    file, files = io.BytesIO(), [io.BytesIO(), io.BytesIO()]
    image.save(file, "JPEG", quality=quality)
    decoded = Image.open(file).convert("RGB")
    for each, target in zip((image, decoded), files, strict=True):
        each.save(target, "BMP")
    ours = score(float(ssimulacra2_error(tensor(decoded), tensor(image))))
    # The package pads with black above and below, this with a mirror image. Below 256 pixels a side
    # the package pairs its weights with other scales.
    assert abs(ours - compute_ssimulacra2(*files)) < 6


def test_equal_pictures_have_no_error_and_a_gradient() -> None:
    original = tensor(Image.fromarray(photo(64, 64)))
    assert float(ssimulacra2_error(original, original)) < 0.3
    decoded = (original + torch.randn_like(original)).requires_grad_()
    ssimulacra2_error(decoded, original).sum().backward()
    assert decoded.grad is not None
    assert bool(torch.isfinite(decoded.grad).all())
    assert float(decoded.grad.abs().max()) > 0
