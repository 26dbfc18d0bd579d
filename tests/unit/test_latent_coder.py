import numpy as np
import pytest
import torch

from tests.conftest import random_network
from vlaecodec.errors import DamagedError
from vlaecodec.frozen import operations
from vlaecodec.frozen.layers import Floats, Layer, round_operand
from vlaecodec.frozen.passes import gather_pass, places, scatter_pass
from vlaecodec.latents import coder as latent_coder
from vlaecodec.latents.predictor import FloatLatent
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.common.fixed_point import exact_layers
from vlaecodec.networks.photo import prior
from vlaecodec.networks.photo.architecture import PASSES

CODE = 50 * 256


def latents(model: PhotoModel, rows: int, columns: int, spread: float = 2.0) -> FloatLatent:
    generator = torch.Generator().manual_seed(rows * 100 + columns)
    shape = (model.arch.latent_channels, rows, columns)
    return (torch.randn(shape, generator=generator) * spread).numpy()


def test_the_passes_cover_every_latent_once() -> None:
    total = np.zeros((PASSES, 4, 5, 7), int)
    for number in range(PASSES):
        for rows, columns, quarter in places(number):
            total[number, quarter, rows, columns] += 1
    assert (total.sum(0) == 1).all()
    # Every pass codes something everywhere.
    assert (total.sum(1) == 1).all()


def test_training_codes_the_same_places() -> None:
    mine = np.arange(12 * 5 * 7).reshape(12, 5, 7)
    for number in range(PASSES):
        theirs = prior.gather_pass(torch.from_numpy(mine)[None], number)[0]
        assert np.array_equal(gather_pass(mine, number), theirs.numpy())


def test_scatter_undoes_gather() -> None:
    x = np.random.default_rng(0).normal(size=(12, 5, 4))
    parts = [scatter_pass(gather_pass(x, k), k) for k in range(PASSES)]
    assert np.array_equal(sum(parts), x)


SIZES = [(1, 1), (1, 5), (4, 4), (9, 7), (16, 24)]


@pytest.mark.parametrize(
    ("size", "bits_back"),
    [(s, b) for s in SIZES for b in (False, None)] + [((9, 7), True), ((16, 24), True)],
)
@pytest.mark.parametrize("quality", [1, 37.5, 100])
def test_decode_undoes_encode(tiny_model, size, bits_back, quality) -> None:
    code = round(quality * 256)
    y = latents(tiny_model, *size)
    words, latent = latent_coder.encode_latent(tiny_model, y, code, bits_back=bits_back)
    decoded = latent_coder.decode_latent(tiny_model, words, code, *size)
    assert np.array_equal(decoded, latent)


def test_bits_back_needs_a_reservoir(tiny_model) -> None:
    for side, enough in ((1, False), (32, True)):
        y = latents(tiny_model, side, side)
        chosen, _ = latent_coder.encode_latent(tiny_model, y, CODE)
        forced, _ = latent_coder.encode_latent(tiny_model, y, CODE, bits_back=enough)
        assert np.array_equal(chosen, forced)


def test_wild_latents_are_escaped(tiny_model) -> None:
    y = latents(tiny_model, 6, 6, spread=500.0)
    words, latent = latent_coder.encode_latent(tiny_model, y, CODE)
    decoded = latent_coder.decode_latent(tiny_model, words, CODE, 6, 6)
    assert np.array_equal(decoded, latent)


def test_damage_is_noticed_even_without_checksums(tiny_model) -> None:
    y = latents(tiny_model, 16, 16)
    words, latent = latent_coder.encode_latent(tiny_model, y, CODE)
    noticed = tried = 0
    for index in range(0, len(words), 7):
        broken = words.copy()
        broken[index] ^= np.uint32(1 << (index % 32))
        tried += 1
        try:
            decoded = latent_coder.decode_latent(tiny_model, broken, CODE, 16, 16)
            # Escaped symbols are stored bit for bit; nothing else can hide a change.
            assert (decoded != latent).mean() < 0.01
        except DamagedError:
            noticed += 1
    assert noticed > 0.9 * tried


def test_every_convolution_sees_whole_numbers_in_range(tiny_model, monkeypatch) -> None:
    """What the proof of exactness assumes, checked on a real run."""
    seen = set()
    product = operations._product

    def check(layer: Layer, operands: Floats, result: Floats) -> None:
        product(layer, operands, result)
        for array, kind in ((operands, layer.source), (result, layer.target)):
            assert np.array_equal(array, array.round())
            assert array.min() >= kind.low
            assert array.max() <= kind.high
        assert np.array_equal(operands, round_operand(operands))
        seen.add(layer)

    monkeypatch.setattr(operations, "_product", check)
    y = latents(tiny_model, 13, 11, spread=20.0)
    words, latent = latent_coder.encode_latent(tiny_model, y, CODE)
    latent_coder.decode_latent(tiny_model, words, CODE, 13, 11)
    tiny_model.synthesise(latent, CODE)
    # Depthwise layers take no product; heads are taken in quarters.
    exact = exact_layers(random_network())
    names = [n for n in exact if "depthwise" not in n and not n.startswith(("local", "texture"))]
    quartered = [n for n in names if "prior" in n and "head" in n]
    assert len(seen) == len(names) + 3 * len(quartered)
