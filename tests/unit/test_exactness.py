"""Nothing in torch rounds our whole numbers, whatever threads and programs around us have set."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.conftest import photo
from vlaecodec import decode, encode
from vlaecodec.codec import tiles
from vlaecodec.errors import ReproductionError
from vlaecodec.model import exactness
from vlaecodec.model.exactness import ensure_exact, exactly
from vlaecodec.model.frozen import PhotoModel

PIXELS = photo(48, 64)


def nnpack_is_on() -> bool:
    return torch._C._get_nnpack_enabled()


@pytest.fixture
def _with_nnpack():
    """As torch begins."""
    before = torch.backends.nnpack.set_flags(True)
    yield
    torch.backends.nnpack.set_flags(*before)


@pytest.mark.usefixtures("_with_nnpack")
def test_a_thread_that_leaves_does_not_undo_exactness_for_one_that_computes() -> None:
    entered, leave, seen = threading.Event(), threading.Event(), []

    @exactly
    def compute() -> None:
        entered.set()
        assert leave.wait(60)
        seen.append(nnpack_is_on())

    late = threading.Thread(target=compute)

    @exactly
    def begin_other() -> None:
        late.start()
        assert entered.wait(60)

    begin_other()  # leaves while the other computes
    leave.set()
    late.join()
    assert seen == [False]
    assert nnpack_is_on()


def test_settings_of_the_program_are_left_alone_while_we_compute() -> None:
    torch.set_float32_matmul_precision("medium")
    try:
        seen = exactly(torch.get_float32_matmul_precision)()
        file = encode(PIXELS, 30)
    finally:
        torch.set_float32_matmul_precision("highest")
    assert seen == "medium"
    assert decode(file).size == (64, 48)


@pytest.mark.usefixtures("small_model")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_the_default_dtype_of_a_program_does_not_matter(dtype) -> None:
    bitmap = np.where(np.random.default_rng(0).random((28, 28)) < 0.3, 255, 0).astype(np.uint8)
    file = encode(bitmap, model="tiny", lossless=True)
    expected = decode(file).tobytes()
    torch.set_default_dtype(dtype)
    try:
        again = encode(bitmap, model="tiny", lossless=True)
        found = decode(file).tobytes()
    finally:
        torch.set_default_dtype(torch.float32)
    assert again == file
    assert found == expected


@pytest.mark.parametrize("options", [{}, {"lossless": True}])
def test_the_default_device_of_a_program_does_not_matter(options) -> None:
    file = encode(PIXELS, 30, **options)
    expected = decode(file).tobytes()
    with torch.device("meta"):
        assert encode(PIXELS, 30, **options) == file
        assert decode(file).tobytes() == expected


@pytest.fixture
def own_guard(monkeypatch) -> None:
    """What a test finds out about layers is forgotten after it."""
    monkeypatch.setattr(exactness, "_guard", exactness._Guard())


@pytest.mark.usefixtures("own_guard")
def test_layers_that_round_are_noticed(tiny_model: PhotoModel, monkeypatch) -> None:
    monkeypatch.setattr(F, "conv2d", rounding(F.conv2d, lambda: True))
    with pytest.raises(ReproductionError, match="not exact"):
        ensure_exact(tiny_model.network)


@pytest.mark.usefixtures("own_guard")
def test_where_only_onednn_rounds_we_do_without_it(tiny_model, monkeypatch) -> None:
    enabled = torch._C._get_mkldnn_enabled
    monkeypatch.setattr(F, "conv2d", rounding(F.conv2d, enabled))
    before = enabled()
    ensure_exact(tiny_model.network)
    assert exactly(lambda: enabled())() is False
    assert enabled() is before


@pytest.mark.usefixtures("own_guard")
def test_exact_layers_pass_and_nothing_is_switched_off(tiny_model: PhotoModel) -> None:
    ensure_exact(tiny_model.network)
    assert exactly(lambda: torch._C._get_mkldnn_enabled())() is True


def rounding(convolve: Callable[..., torch.Tensor], when: Callable[[], bool]):
    """A convolution as hardware does it that takes float8 for float32: four significant bits."""

    def rounded(x: torch.Tensor, *arguments, **options) -> torch.Tensor:
        if x.dtype == torch.float32 and when():
            mantissa, exponent = x.frexp()
            x = torch.ldexp((mantissa * 16).round() / 16, exponent)
        return convolve(x, *arguments, **options)

    return rounded


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"max_error": 2}])
def test_a_file_that_is_verified_is_the_same(options) -> None:
    assert encode(PIXELS, 30, verify=True, **options) == encode(PIXELS, 30, **options)


def test_a_file_that_this_machine_alone_could_decode_is_not_returned(monkeypatch) -> None:
    """The networks of the second way see other numbers than those of the first."""
    seal = tiles.seal_latents

    def seal_wrongly(payloads, mean):
        return seal(payloads, np.roll(mean, 1, axis=0))

    monkeypatch.setattr(tiles, "seal_latents", seal_wrongly)
    encode(PIXELS, 30)
    with pytest.raises(ReproductionError, match="another picture"):
        encode(PIXELS, 30, verify=True)


def test_a_lossless_file_of_another_picture_is_not_returned(monkeypatch) -> None:
    code_pixels = tiles.code_pixels

    def code_others(model, pixels, *arguments):
        return code_pixels(model, np.flip(pixels, 0).copy(), *arguments)

    monkeypatch.setattr(tiles, "code_pixels", code_others)
    with pytest.raises(ReproductionError, match="another picture"):
        encode(PIXELS, lossless=True, verify=True, only_nets=True)
