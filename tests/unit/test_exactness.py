"""What threads and programs around us have set changes no file and no picture."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from tests.conftest import photo
from vlaecodec import decode, encode
from vlaecodec.codec import tiles
from vlaecodec.errors import ReproductionError

PIXELS = photo(48, 64)


def test_settings_of_the_program_are_left_alone_while_we_compute() -> None:
    seen: list[str] = []
    torch.set_float32_matmul_precision("medium")
    try:
        file = encode(PIXELS, 30, progress=lambda _: seen.append(precision()))
        shown = decode(file).tobytes()
    finally:
        torch.set_float32_matmul_precision("highest")
    assert set(seen) == {"medium"}
    assert decode(file).tobytes() == shown


def precision() -> str:
    return torch.get_float32_matmul_precision()


def test_eight_threads_at_once_write_and_decode_the_same() -> None:
    """Each with a number of threads of its own."""
    pixels = photo(160, 96)

    def both(threads: int) -> tuple[bytes, bytes]:
        data = encode(pixels, 30, threads=threads)
        return data, decode(data, threads=threads, texture=0.5).tobytes()

    expected = both(1)
    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(both, [1, 2, 3, 1, 2, 4, 1, 2]))


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
