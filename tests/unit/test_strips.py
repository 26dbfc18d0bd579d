"""Large pictures are coded row of tiles by row of tiles, to what all at once would give."""

import numpy as np
import pytest

from tests.conftest import photo
from vlaecodec import encode
from vlaecodec.bitstream import tiles as tile_plan
from vlaecodec.bitstream.tiles import latent_window, tiles_of
from vlaecodec.codec import strips
from vlaecodec.codec.strips import code_strips, decode_strips
from vlaecodec.codec.tiles import code_latents, seal_latents
from vlaecodec.model.tiled import reconstruct

CODE = 40 * 256


@pytest.mark.parametrize("shape", [(256, 256), (300, 140), (520, 257), (1025, 128)])
def test_strips_are_the_tiles_of_the_whole(tiny_model, monkeypatch, shape) -> None:
    monkeypatch.setattr(tile_plan, "TILE_PX", 256)
    assert tiny_model.synthesis_halo <= 256 // 16, "else the strips would lack latents"
    random = np.random.default_rng(0)
    whole = random.normal(0, 2, (tiny_model.arch.latent_channels, 65, 17)).astype(np.float32)
    ys = [whole[latent_window(box)] for box in tiles_of(shape)]
    latent, payloads = code_latents(tiny_model, ys, shape, CODE)
    sealed = seal_latents(payloads, reconstruct(tiny_model, latent, CODE, shape).mean)
    assert code_strips(tiny_model, iter(ys), shape, CODE) == sealed
    assert np.array_equal(decode_strips(tiny_model, sealed, shape, CODE), latent)


@pytest.mark.parametrize("options", [{}, {"texture": "auto"}])
def test_a_large_picture_has_the_bytes_of_a_small_one(monkeypatch, options) -> None:
    pixels, coded = photo(40, 48), []
    small = encode(pixels, 40, only_nets=True, **options)
    monkeypatch.setattr(strips, "LARGE_PX", 1)
    monkeypatch.setattr(
        strips, "code_strips", lambda *given: coded.append(1) or code_strips(*given)
    )
    assert encode(pixels, 40, only_nets=True, **options) == small
    assert coded
