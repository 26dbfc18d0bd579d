"""Exact pictures that do not look drawn: no file is larger than a lossless WebP, and photos do not
wait for one."""

import numpy as np
import pytest
from PIL import Image

import vlaecodec
from benchmarks.photo.drawn_pictures import PHOTOS
from tests.conftest import photo
from vlaecodec.codec import choice
from vlaecodec.codec.decode import decode_pixels
from vlaecodec.picture.content import looks_drawn, repeats_itself
from vlaecodec.picture.vp8l import encode_vp8l, estimate_vp8l, good_vp8l_size


def _crop(name: str) -> np.ndarray:
    with Image.open(PHOTOS / f"{name}-crop.webp") as opened:
        return np.asarray(opened.convert("RGB"))


def _repeated_photos() -> np.ndarray:
    """A WebP finds them again; no sample of some blocks does."""
    return np.concatenate(2 * [_crop("kodim15"), _crop("kodim19"), _crop("kodim23")])


def _unlike_photos() -> dict[str, np.ndarray]:
    """What does not look drawn, though a WebP is, or may be, the smallest."""
    rng = np.random.default_rng(4)
    picture = photo(256, 256, seed=5)
    places = (np.arange(256) / 1.4).astype(int)
    return {
        "noisy photo": np.clip(picture + rng.normal(0, 40, picture.shape), 0, 255).astype(np.uint8),
        "fewer levels": picture // 5 * 5,
        "larger pixels": picture[places][:, places],
        "noise": rng.integers(0, 256, (240, 260, 3), dtype=np.uint8),
        "half flat": np.concatenate([picture, np.full_like(picture, 90)], axis=1),
        "repeated photos": _repeated_photos(),
    }


@pytest.mark.parametrize("name", list(_unlike_photos()))
def test_no_lossless_file_is_larger_than_the_best_webp(name) -> None:
    picture = _unlike_photos()[name]
    assert not looks_drawn(picture) or name == "half flat"
    data = vlaecodec.encode(picture, lossless=True)
    assert len(data) <= len(encode_vp8l(picture)) + 64
    assert np.array_equal(decode_pixels(data), picture)


def test_of_a_photo_no_whole_webp_is_tried(monkeypatch) -> None:
    def refuse(_: np.ndarray) -> int:
        raise AssertionError("a photo waits for a WebP of it all")

    monkeypatch.setattr(choice, "good_vp8l_size", refuse)
    data = vlaecodec.encode(_crop("kodim05"), lossless=True)
    assert vlaecodec.read_info(data).coding == "networks"
    with pytest.raises(AssertionError, match="waits"):
        vlaecodec.encode(_repeated_photos(), lossless=True)


def test_what_repeats_itself_is_found_wherever_it_is() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (90, 300, 3), dtype=np.uint8)
    assert not repeats_itself(noise)
    assert repeats_itself(np.concatenate([noise, noise[:30, 37:237].repeat(2, 1)[:, :300], noise]))
    assert not repeats_itself(np.zeros((90, 300, 3), np.uint8))
    for size in ((1, 1), (1, 40), (40, 1), (300, 15)):
        assert not repeats_itself(photo(*size))


@pytest.mark.parametrize("size", [(1, 1), (1, 16000), (3, 16000), (40, 60), (300, 400)])
def test_the_size_of_a_webp_is_estimated_from_a_sample(size) -> None:
    picture = np.random.default_rng(6).integers(0, 64, (*size, 3), dtype=np.uint8)
    picture[:, size[1] // 2 :] //= 4
    assert 0.9 < estimate_vp8l(picture) / good_vp8l_size(picture) < 1.1
