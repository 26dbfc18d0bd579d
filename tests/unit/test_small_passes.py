"""Small colour images in passes: each sub-grid sees those before it, and all pixels are counted."""

from dataclasses import replace

import pytest
import torch

from benchmarks.paper.ablations import SMALLER_COLOUR
from tests.small import SIZES, TINY, TINY_COLOUR, colour_images, export_untrained, lively
from vlaecodec.errors import ModelError
from vlaecodec.networks.common.fixed_point import ExactLinear
from vlaecodec.networks.photo.subgrids import subgrids
from vlaecodec.networks.small.passes_decoder import NEAREST, neighbour_pixels
from vlaecodec.networks.small.preset import PRESETS
from vlaecodec.networks.small.small_vlae import SmallVLAE

SIDE = 32
TINY_PASSES = replace(PRESETS["cifar10"], **SIZES | {"latent_px": 8}, decoder="passes")


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return lively(SmallVLAE(TINY_PASSES)).decoder.requires_grad_(False)


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randint(0, 256, (1, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0))


def pass_of_pixels(decoder) -> torch.Tensor:
    """Which pass codes each pixel, [H * W]."""
    number = torch.full((SIDE * SIDE,), -1)
    for index, entrance in enumerate(decoder.entrances):
        assert bool((number[entrance.pixels] == -1).all())
        number[entrance.pixels] = index
    return number


def test_passes_code_every_pixel_once(decoder, image) -> None:
    number = pass_of_pixels(decoder)
    assert number.unique().tolist() == list(range(10))
    features = decoder.latent_features(torch.randn(1, 6, 8, 8))
    nats = decoder.nats(image, features)
    assert nats.shape == (1, SIDE * SIDE)
    assert bool((nats > 0).all())
    places = torch.tensor([1023, 0, 33, 500, 4, 132])
    assert torch.allclose(decoder.nats(image, features, places), nats[:, places])


def test_a_pass_sees_what_was_coded_before_it_alone(decoder, image) -> None:
    number = pass_of_pixels(decoder)
    features = decoder.latent_features(torch.zeros(1, 6, 8, 8))
    base = decoder.nats(image, features)[0]
    for index in range(10):
        later = image.flatten(2).clone()
        later[:, :, number > index] = 255 - later[:, :, number > index]
        nats = decoder.nats(later.view_as(image), features)[0]
        assert torch.equal(nats[number <= index], base[number <= index])
        assert index == 9 or not torch.equal(nats[number > index], base[number > index])
        # Of its own sub-grid a pixel sees none but itself.
        others = decoder.entrances[index].pixels[1:]
        own = image.flatten(2).clone()
        own[:, :, others] = 255 - own[:, :, others]
        first = decoder.entrances[index].pixels[0]
        assert decoder.nats(own.view_as(image), features)[0, first] == base[first]


def test_neighbours_are_seen_on_all_sides(decoder, image) -> None:
    samples = image.flatten(2).transpose(1, 2).float().requires_grad_(True)
    features = decoder.latent_features(torch.zeros(1, 6, 8, 8)).flatten(1, 2)
    # The last pass: rows 1, 3, ... and columns 0, 2, ...; the pixel at (15, 16).
    which = torch.tensor([7 * 16 + 8])
    hidden, predicted = decoder.begin(9, samples, features, which)
    (seen,) = torch.autograd.grad(hidden.sum() + predicted.sum(), samples)
    rows, columns = seen[0].abs().sum(1).view(SIDE, SIDE).nonzero().T
    places = {(int(y) - 15, int(x) - 16) for y, x in zip(rows, columns, strict=True)}
    assert places == set(subgrids(TINY_PASSES.neighbours)[9].neighbours)
    assert {(-1, 0), (1, 0), (0, -1), (0, 1)} <= places


def test_colours_see_those_before_them(decoder, image) -> None:
    samples = image.flatten(2).transpose(1, 2).float().requires_grad_(True)
    features = decoder.latent_features(torch.zeros(1, 6, 8, 8)).flatten(1, 2)
    which = torch.tensor([5])
    pixel = int(decoder.entrances[7].pixels[5])
    for colour, head in enumerate(decoder.heads):
        mixture = head(*decoder.begin(7, samples, features, which), samples[:, [pixel]])
        (seen,) = torch.autograd.grad(mixture.sum(), samples)
        assert [bool(value) for value in seen[0, pixel]] == [c < colour for c in range(3)]


def test_neighbours_beyond_the_border_are_known_ones() -> None:
    known: set[int] = set()
    for grid in subgrids(TINY_PASSES.neighbours):
        places = neighbour_pixels(grid, SIDE)
        assert set(places.flatten().tolist()) <= known
        if grid.neighbours:
            rows, columns = (torch.tensor(grid.neighbours[:NEAREST]).T).abs()
            assert len({int(y * y + x * x) for y, x in zip(rows, columns, strict=True)}) == 1
        every = torch.arange(SIDE * SIDE).view(SIDE, SIDE)
        known |= set(every[grid.places].flatten().tolist())
    assert len(known) == SIDE * SIDE
    with pytest.raises(ValueError, match="whole steps"):
        neighbour_pixels(subgrids(33)[0], 28)


@pytest.mark.parametrize("smaller", [False, True])
def test_passes_cost_what_a_window_costs(smaller) -> None:
    costs = []
    for decoder in ("causal", "passes"):
        sizes = SMALLER_COLOUR if smaller else {}
        network = SmallVLAE(replace(PRESETS["cifar10"], **sizes, decoder=decoder)).decoder
        done = [0]

        def count(layer, inputs, _output, done=done) -> None:
            done[0] += layer.weight.numel() * inputs[0].shape[:-1].numel()

        for layer in network.modules():
            if isinstance(layer, ExactLinear):
                layer.register_forward_hook(count)
        image = torch.zeros(1, 3, SIDE, SIDE)
        network.nats(image, torch.zeros(1, SIDE, SIDE, network.features.leave.weight.shape[0]))
        costs.append(done[0] / SIDE**2)
    assert costs[1] == pytest.approx(costs[0], rel=0.01)


def test_the_passes_are_for_experiments_in_colour(tmp_path) -> None:
    with pytest.raises(ModelError, match="experiments"):
        export_untrained(tmp_path / "tiny", replace(TINY_COLOUR, decoder="passes"))
    with pytest.raises(ValueError, match="in grey"):
        SmallVLAE(replace(TINY_PASSES, grey_context=True))
    with pytest.raises(ValueError, match="black and white"):
        SmallVLAE(replace(TINY, decoder="passes"))
    with pytest.raises(ValueError, match="causal or passes"):
        SmallVLAE(replace(TINY, decoder="other"))


def test_passes_learn() -> None:
    torch.manual_seed(0)
    network = SmallVLAE(replace(TINY_COLOUR, decoder="passes"))
    images = colour_images(16)
    optimizer = torch.optim.Adam(network.decoder.parameters(), 3e-3)
    features = torch.zeros(16, 8, 8, TINY_COLOUR.local_features)
    losses = []
    for _ in range(40):
        loss = network.decoder.nats(images, features).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]
