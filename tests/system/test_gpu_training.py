"""What training on a GPU takes: crops decoded as they are drawn, and steps that ask it nothing.

Run on the CPU here.
"""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch.nn import functional as F

from tests.conftest import TINY, photo
from tests.system.test_training import export_untrained_photo
from vlaecodec.bitstream.header import quality_to_code
from vlaecodec.bitstream.tiles import TileBox
from vlaecodec.latents.coder import encode_latent
from vlaecodec.model.analyser import analyse_tile
from vlaecodec.model.frozen import WEIGHTS_NAME, read_model
from vlaecodec.model.tiled import reconstruct
from vlaecodec.networks.common.quality import QualityAffine
from vlaecodec.networks.photo.architecture import Architecture
from vlaecodec.networks.photo.distribution import COLOURS
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks
from vlaecodec.training.__main__ import main
from vlaecodec.training.checkpoint import Progress, read_progress, save_checkpoint
from vlaecodec.training.descent import Descent
from vlaecodec.training.photo.data import read_photos
from vlaecodec.training.photo.decoded_crops import DecodedCrops, Trunk
from vlaecodec.training.photo.device_crops import DeviceCrops
from vlaecodec.training.photo.export import import_model
from vlaecodec.training.replay import Replay

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(3):
        Image.fromarray(photo(112, 128, index)).save(folder / f"{index}.png")
    return folder


def test_a_trunk_decodes_what_the_codec_does(tmp_path) -> None:
    model_folder = export_untrained_photo(tmp_path / "tiny")
    model = read_model((model_folder / WEIGHTS_NAME).read_bytes())
    picture, code = photo(64, 96), quality_to_code(25)
    y = analyse_tile(model, picture, TileBox(0, 0, 96, 64), code)
    base = reconstruct(model, encode_latent(model, y, code)[1], code, picture.shape)
    pictures = torch.from_numpy(picture).permute(2, 0, 1)[None]
    mean, trunk = Trunk(model_folder, CPU).decode(pictures, torch.tensor([24 / 99]))
    off = np.abs(mean[0].permute(1, 2, 0).numpy() - base.mean)
    assert np.median(off) <= 1
    assert off.mean() < 0.2 * np.abs(picture - base.mean.astype(float)).mean()
    assert trunk.shape == (1, TINY.eighth_channels, 8, 12)


def test_decoded_crops_show_what_is_around_them(folder, tmp_path) -> None:
    trunk = Trunk(export_untrained_photo(tmp_path / "tiny"), CPU)
    crops = DecodedCrops(trunk, read_photos([folder]), 32, 4, 0.5, 0, CPU)
    rng, outside = np.random.default_rng(0), 0
    for _ in range(8):
        drawn = crops.draw(rng, 32, 12)
        assert drawn.pixels.shape == drawn.mean.shape == (4, 56, 56, 3)
        assert drawn.trunk.shape == (4, TINY.eighth_channels, 4, 4)
        outside += int((drawn.inside == 0).sum())
        assert (drawn.inside[:, 12:-12, 12:-12] == 1).all()
    assert 0 < outside < 0.5 * 8 * 4 * 56**2
    positions = crops.qualities(rng, 4000)
    exact = ((positions >= 23 / 99) & (positions <= 39 / 99)).float().mean()
    assert 0.5 < exact < 0.66


def test_the_parts_of_decoded_crops_are_of_one_place(folder) -> None:
    class Averages:
        """Decodes to the pictures themselves; its trunk is what 8 x 8 pixels have in common."""

        def decode(self, pictures, _quality):
            return pictures.float(), F.avg_pool2d(pictures.float(), 8)

    crops = DecodedCrops(Averages(), read_photos([folder]), 32, 4, 0.5, 0, CPU)
    rng = np.random.default_rng(0)
    for _ in range(8):
        drawn = crops.draw(rng, 32, 12)
        assert torch.equal(drawn.pixels, drawn.mean)
        inner = drawn.pixels[:, 12:-12, 12:-12].permute(0, 3, 1, 2)
        torch.testing.assert_close(F.avg_pool2d(inner, 8), drawn.trunk[:, COLOURS])


def test_local_decoders_are_trained_without_a_cache(folder, tmp_path) -> None:
    """From a model folder's decoder on a checkpoint's trunk, as after training on a GPU."""
    model = export_untrained_photo(tmp_path / "models" / "tiny")
    trunk, checkpoint = tmp_path / "trunk.safetensors", tmp_path / "local.safetensors"
    torch.manual_seed(3)
    network = GlobalNetworks(TINY)
    descent = Descent(network, CPU)
    save_checkpoint(trunk, network, copy.deepcopy(network), descent, TINY.to_dict(), Progress())
    run = [
        *("passes", folder, "--validation", folder, "--model", trunk, "--start-from", model),
        *("--crop", 32, "--batch", 2, "--minutes", 0.05, "--checkpoint", checkpoint),
    ]
    done = CliRunner().invoke(main, [str(a) for a in run])
    assert done.exit_code == 0, done.output
    progress = read_progress(checkpoint)[1]
    assert progress.steps > 0
    assert len(progress.curve) == 2


@pytest.mark.parametrize("muon", [False, True])
def test_a_step_whose_gradient_is_not_finite_is_left_out(muon) -> None:
    layer = torch.nn.Conv2d(2, 2, 1)
    descent = Descent(layer, CPU, muon=muon)
    descent.set_rate(0.1)

    def descend(value: float) -> None:
        descent.descend(layer(torch.full((1, 2, 1, 1), value)).sum(), 1.0)

    descend(1.0)
    before = layer.weight.detach().clone()
    descend(torch.inf)
    assert torch.equal(layer.weight, before)
    descend(1.0)
    assert not torch.equal(layer.weight, before)
    assert layer.weight.isfinite().all()


def test_a_replay_on_a_cpu_is_the_function() -> None:
    replay = Replay(lambda x, y: x + y)
    assert torch.equal(replay(torch.ones(2), torch.ones(2)), torch.full((2,), 2.0))


def test_gains_never_grow_beyond_what_is_stored() -> None:
    layer = QualityAffine(3)
    with torch.no_grad():
        layer.gain_knots.fill_(4.0)
    assert layer.integer_tables()[1].max() == 2047
    stream = torch.ones(1, 3, 2, 2)
    assert layer(stream, torch.tensor([0.5])).max() < 2


def test_drawings_are_among_crops_on_the_device() -> None:
    black, white = np.zeros((40, 40, 3), np.uint8), np.full((40, 40, 3), 255, np.uint8)
    crops = DeviceCrops([black], 16, 400, 0, 0.0, CPU, [white] * 5, 0.25)
    assert 0.18 < (crops.draw() == 255).float().mean() < 0.32


def test_what_a_run_leaves_is_pruned_and_exported(folder, tmp_path) -> None:
    """The commands that make a model of a checkpoint: rounding costs less than without photos."""
    torch.manual_seed(4)
    network = GlobalNetworks(TINY)
    with torch.no_grad():
        network.decoder.sixteenth[0].widen.bias.fill_(-100.0)
        for block in network.decoder.eighth:
            block.widen.weight *= 0.05
            block.narrow.weight *= 20
    run, smaller = tmp_path / "run.safetensors", tmp_path / "smaller.safetensors"
    save_checkpoint(
        run, network, copy.deepcopy(network), Descent(network, CPU), TINY.to_dict(), Progress()
    )
    done = CliRunner().invoke(main, ["prune", str(run), str(smaller), "--photos", str(folder)])
    assert done.exit_code == 0, done.output
    blocks = TINY.decoder_sixteenth_blocks
    assert f"decoder_sixteenth_blocks: {blocks} -> {blocks - 1}" in done.output
    local = export_untrained_photo(tmp_path / "models" / "tiny")
    widths = []
    for name, photos in (("plain", []), ("equalised", ["--photos", str(folder)])):
        model = tmp_path / "models" / name
        arguments = [str(smaller), str(model), "--local-from", str(local), *photos]
        told = ["--summary", "s", "--data", "d"]
        done = CliRunner().invoke(main, ["export", *arguments, *told])
        assert done.exit_code == 0, done.output
        weights = dequantised(model, read_progress(smaller)[0])
        widths.append(float(weights.decoder.eighth[0].widen.weight.detach().abs().mean()))
    assert widths[1] > 4 * widths[0]


def dequantised(model: Path, sizes: dict[str, Any]) -> GlobalNetworks:
    network = GlobalNetworks(Architecture.from_dict(sizes))
    import_model(model, network)
    return network
