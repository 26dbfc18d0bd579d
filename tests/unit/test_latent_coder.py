import numpy as np
import pytest
import torch

from vlaecodec.errors import DamagedError
from vlaecodec.latents import coder as latent_coder
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.networks.common.fixed_point import ExactConv2d, exact_layers
from vlaecodec.networks.photo.architecture import PASSES
from vlaecodec.networks.photo.prior import gather_pass, pass_mask, scatter_pass

CODE = 50 * 256


def latents(model: PhotoModel, rows: int, columns: int, spread: float = 2.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(rows * 100 + columns)
    shape = (1, model.network.arch.latent_channels, rows, columns)
    return torch.randn(shape, generator=generator) * spread


def test_the_passes_cover_every_latent_once() -> None:
    total = sum(pass_mask(k, 5, 7) for k in range(PASSES))
    assert torch.equal(total, torch.ones(4, 1, 5, 7))
    # Every pass codes something everywhere.
    for k in range(PASSES):
        assert torch.equal(pass_mask(k, 5, 7).sum(0), torch.ones(1, 5, 7))


def test_scatter_undoes_gather() -> None:
    x = torch.randn(2, 12, 5, 4)
    parts = [scatter_pass(gather_pass(x, k), k) for k in range(PASSES)]
    assert torch.equal(sum(parts), x)


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


def test_every_convolution_sees_whole_numbers_in_range(tiny_model) -> None:
    """What the proof of exactness assumes, checked on a real run."""
    seen = 0

    def check(layer: ExactConv2d, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal seen
        for tensor, kind in ((inputs[0], layer.source), (output, layer.target)):
            assert torch.equal(tensor, tensor.round())
            assert tensor.min() >= kind.low
            assert tensor.max() <= kind.high
        seen += 1

    layers = exact_layers(tiny_model.network).values()
    hooks = [layer.register_forward_hook(check) for layer in layers]
    y = latents(tiny_model, 13, 11, spread=20.0)
    words, latent = latent_coder.encode_latent(tiny_model, y, CODE)
    latent_coder.decode_latent(tiny_model, words, CODE, 13, 11)
    tiny_model.synthesise(latent, CODE)
    for hook in hooks:
        hook.remove()
    assert seen >= len(exact_layers(tiny_model.network))
