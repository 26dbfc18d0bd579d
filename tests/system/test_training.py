import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import vlaecodec
from tests.conftest import TINY, photo, random_network
from vlaecodec.entropy import tables
from vlaecodec.entropy.tables import model_tables
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.model.frozen import WEIGHTS_NAME, read_model
from vlaecodec.model.integer_weights import integer_tensors, table_tensors
from vlaecodec.networks.photo.architecture import Architecture, Grain
from vlaecodec.networks.photo.local_decoder import LocalDecoder
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks
from vlaecodec.networks.photo.rate_distortion import gaussian_bits
from vlaecodec.training.__main__ import main
from vlaecodec.training.checkpoint import Progress, load_weights, read_progress
from vlaecodec.training.config import learning_rate_at
from vlaecodec.training.model_folder import write_model_folder
from vlaecodec.training.photo import least_squares, loop, passes
from vlaecodec.training.photo.build_cache import build_cache
from vlaecodec.training.photo.data import Crops, center_crops, read_photos
from vlaecodec.training.photo.export import import_model, pack_model
from vlaecodec.training.photo.initialise import initialise_as_transform
from vlaecodec.training.photo.latent_cache import TRUNKS_NAME, LatentCache
from vlaecodec.training.photo.loop import TrainingConfig, train
from vlaecodec.training.photo.loss import forward_losses, step_errors
from vlaecodec.training.photo.transfer import fit_features, take_decoder


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for index in range(3):
        Image.fromarray(photo(90, 120, index)).save(folder / f"{index}.png")
    Image.fromarray(photo(70, 70, 9)).save(folder / "deep" / "a.jpg")
    Image.fromarray(photo(20, 200, 9)).save(folder / "small.png")
    (folder / "notes.txt").write_text("not a photo")
    return folder


@pytest.fixture
def shard(tmp_path, folder) -> Path:
    path = tmp_path / "shard.tar"
    with tarfile.open(path, "w") as tar:
        for picture in sorted(folder.glob("*.png")):
            data = picture.read_bytes()
            member = tarfile.TarInfo(picture.name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_photos_come_from_shards_and_folders(folder, shard) -> None:
    assert len(read_photos([folder])) == 4
    assert len(read_photos([shard])) == 3
    assert len(read_photos([folder, shard])) == 7
    with pytest.raises(ValueError, match="no photos"):
        read_photos([folder], minimum_side=5000)


def test_crops_have_their_size_even_of_small_photos() -> None:
    photos = [photo(90, 120), photo(64, 70)]
    crops = Crops(photos, 96, 5, seed=0)
    assert crops.draw().shape == (5, 3, 96, 96)
    assert center_crops(photos, 100).shape == (2, 3, 100, 100)
    again = Crops(photos, 96, 5, seed=0)
    assert torch.equal(again.draw(), Crops(photos, 96, 5, seed=0).draw())


def test_gaussian_bits_are_the_information_content() -> None:
    scale = torch.tensor([0.11, 1.0, 30.0])
    steps = torch.arange(-400.0, 401.0).unsqueeze(1)
    bits = gaussian_bits(steps, scale)
    likely = bits < 16
    total = torch.where(likely, torch.exp2(-bits), 0.0).sum(0)
    assert torch.allclose(total, torch.ones(3), atol=2e-3)
    far = gaussian_bits(torch.tensor([50.0, 100.0]), torch.tensor(1.0))
    assert far[1] > far[0] > 1000


def test_the_transform_start_is_a_good_linear_codec() -> None:
    photos = [photo(128, 128, seed) for seed in range(4)]
    torch.manual_seed(0)
    model = GlobalNetworks(TINY)
    initialise_as_transform(model, photos, seed=0)
    image = center_crops(photos, 128).float()
    with torch.no_grad():
        losses, mean = forward_losses(model, image, torch.full((4,), 0.9), quantised=False)
    assert mean.shape == image.shape
    assert 10 * torch.log10(255**2 / losses.mse).min() > 25


def test_the_learning_rate_warms_up_holds_and_falls() -> None:
    config = TrainingConfig(
        train=[], validation=[], checkpoint=Path("x"), learning_rate=1.0, decay_fraction=0.5
    )
    assert learning_rate_at(config, 0.0, 0) < 0.01
    assert learning_rate_at(config, 0.3, 1000) == 1.0
    assert 0.02 <= learning_rate_at(config, 1.0, 1000) < 0.03


def test_a_run_resumes_learns_and_exports(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(loop, "VALIDATION_POSITIONS", (0.5,))
    checkpoint = tmp_path / "run.safetensors"
    common = {
        "architecture": TINY,
        "train": [folder],
        "validation": [folder],
        "checkpoint": checkpoint,
        "crop": 64,
        "batch": 4,
        "report_seconds": 0.5,
        "learning_rate": 5e-3,
    }
    first = train(TrainingConfig(minutes=0.05, **common))
    second = train(TrainingConfig(minutes=0.05, quantised=True, seed=1, **common))
    assert second.steps > first.steps > 0
    assert second.pixels == second.steps * 4 * 64**2
    assert second.seconds > first.seconds
    assert len(second.curve) == 2
    assert second.curve[1]["loss"] < second.curve[0]["loss"]

    sizes, progress = read_progress(checkpoint)
    arch = Architecture.from_dict(sizes)
    assert (arch, progress.steps) == (TINY, second.steps)
    model, average = GlobalNetworks(arch), GlobalNetworks(arch)
    load_weights(checkpoint, model, "model")
    load_weights(checkpoint, average, "average")
    assert not torch.equal(model.analysis.enter.weight, average.analysis.enter.weight)

    target = tmp_path / "models" / "tiny"
    local_from = export_untrained_photo(tmp_path / "untrained")
    given = ["--data", "noise", "--local-from", str(local_from)]
    exported = CliRunner().invoke(
        main, ["export", str(checkpoint), str(target), "--summary", "tiny", *given]
    )
    assert exported.exit_code == 0, exported.output
    card = (target / "MODEL_CARD.md").read_text()
    assert "noise" in card
    assert f"{second.steps:,} steps" in card
    assert "Tuned for PSNR" in card

    other = target.with_name("other")
    tuned = ["--summary", "tuned", *given, "--tuned-for", "looks"]
    exported = CliRunner().invoke(main, ["export", str(checkpoint), str(other), *tuned])
    assert exported.exit_code == 0, exported.output
    card = (other / "MODEL_CARD.md").read_text()
    assert "Tuned for looks" in card
    assert f"{second.curve[-1]['ms_ssim_db@0.5']:.2f}" in card
    models = json.loads((target.parent / "index.json").read_text())["models"]
    assert [row.get("tuned_for") for row in models.values()] == ["psnr", "looks"]
    monkeypatch.setenv("VLAECODEC_MODELS", str(tmp_path / "models"))
    pixels = photo(50, 66)
    data = vlaecodec.encode(pixels, 80)
    assert vlaecodec.read_info(data).model == "tiny"
    assert psnr_db(pixels, np.asarray(vlaecodec.decode(data))) > 15

    restored = GlobalNetworks(arch)
    assert import_model(target, restored) == progress
    for name, parameter in average.named_parameters():
        error = (dict(restored.named_parameters())[name] - parameter).abs().max()
        assert error <= 5e-3 * max(1.0, float(parameter.detach().abs().max())), name
    structural = {"checkpoint": tmp_path / "new", "crop": 176, "ms_ssim_part": 0.9}
    third = train(TrainingConfig(minutes=0.01, start_from=target, **common | structural))
    assert third.steps > second.steps
    assert third.curve[:2] == second.curve

    curve = CliRunner().invoke(main, ["curve", str(checkpoint)])
    assert [json.loads(line) for line in curve.output.splitlines()][:2] == second.curve


def test_the_decoder_is_trained_alone_and_resumes(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(loop, "VALIDATION_POSITIONS", (0.5,))
    source = export_untrained_photo(tmp_path / "models" / "tiny")
    before = GlobalNetworks(TINY)
    import_model(source, before)
    config = TrainingConfig(
        architecture=TINY,
        train=[folder],
        validation=[folder],
        checkpoint=tmp_path / "run.safetensors",
        start_from=source,
        crop=64,
        batch=2,
        learning_rate=5e-3,
        minutes=0.03,
        seam_weight=4.0,
        quantised=True,
        decoder_only=True,
    )
    for _ in range(2):
        progress = train(config)
    after = GlobalNetworks(TINY)
    load_weights(config.checkpoint, after, "model")
    changed = {
        name.partition(".")[0]
        for name, weight in after.named_parameters()
        if not torch.equal(weight, before.get_parameter(name))
    }
    assert changed == {"decoder"}
    first, second = progress.curve
    assert second["bpp@0.5"] == first["bpp@0.5"]
    assert second["loss"] < first["loss"]


def test_a_grid_is_seen_where_little_else_is() -> None:
    torch.manual_seed(0)
    smooth = 100 + torch.randn(1, 3, 64, 96)
    busy = torch.tensor(photo(64, 96)).permute(2, 0, 1)[None].float()
    grid = 8 * ((torch.arange(96) // 8) % 2)
    found = [
        [float(part) for part in step_errors(ground + shown, ground)]
        for ground in (smooth, busy)
        for shown in (0, grid)
    ]
    (right, even), (error, uneven), _, (hidden, _) = found
    assert right == 0
    assert error > 10 * hidden > 0
    assert uneven > 100 * even


def export_untrained_photo(folder: Path) -> Path:
    """A tiny model with random weights, in a folder of its own index."""
    network = random_network()
    tensors = {f"analysis.{n}": p.detach() for n, p in network.analysis.named_parameters()}
    tensors |= integer_tensors(network) | table_tensors(model_tables())
    weights = pack_model(tensors, TINY)
    write_model_folder(folder, weights, lambda sha: f"{sha}\n", Progress(), "untrained")
    return folder


def test_local_decoders_are_trained_alone_and_attached(folder, tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as patch:  # as models once were
        patch.setattr(tables, "RESIDUAL_ROWS", 20)
        model = export_untrained_photo(tmp_path / "models" / "tiny")
    monkeypatch.setattr(least_squares, "SAMPLES", 4000)
    monkeypatch.setattr(passes, "FIT_BATCHES", 2)
    arguments = [
        *("passes", folder, "--validation", folder, "--model", model, "--crop", 32),
        *("--cache", tmp_path / "cache", "--minutes", 0.06, "--batch", 3, "--report-seconds", 1),
    ]
    before = read_model((model / WEIGHTS_NAME).read_bytes())
    chosen = []
    for name in ("local", "texture"):
        checkpoint = tmp_path / f"{name}.safetensors"
        run = [*arguments, "--decoder", name, "--checkpoint", checkpoint]
        for _ in range(2):  # the second time goes on
            done = CliRunner().invoke(main, [str(a) for a in run])
            assert done.exit_code == 0, done.output
        progress = read_progress(checkpoint)[1]
        assert progress.pixels == progress.steps * 3 * 32**2 > 0
        first, second = (row["bpsp"] for row in progress.curve)
        assert second < first
        chosen += [f"--{name}", str(checkpoint)]
    narrower = tmp_path / "narrower.safetensors"
    narrow = [
        *("narrow", tmp_path / "local.safetensors", narrower, "--cache", tmp_path / "cache/0-50-0"),
        *("--colour-channels", 8, "--channels"),
    ]
    refused = CliRunner().invoke(main, [str(a) for a in (*narrow, 17)])
    assert refused.exit_code == 1
    assert "local_channels is 16" in refused.output
    for run in ((*narrow, 12), (*arguments, "--checkpoint", narrower)):
        done = CliRunner().invoke(main, [str(a) for a in run])
        assert done.exit_code == 0, done.output
    assert read_progress(narrower)[0]["local_channels"] == 12
    chosen[1] = str(narrower)
    chosen += ["--texture-gain", "1.5", "--texture-chroma", "0.5", "--texture-floor", "2"]
    chosen += ["--notes", "Noise."]
    attached = CliRunner().invoke(main, ["attach", str(model), *chosen])
    assert attached.exit_code == 0, attached.output
    after = read_model((model / WEIGHTS_NAME).read_bytes())
    assert np.array_equal(before.decoder.enter.matrix, after.decoder.enter.matrix)
    assert after.arch.grain == Grain(gain=96, chroma=32, floor=16)
    assert (before.residual_rows, after.residual_rows) == (20, tables.RESIDUAL_ROWS)
    for name in ("local", "texture"):
        old, new = (getattr(m, name).project.matrix for m in (before, after))
        assert not np.array_equal(old, new)
    monkeypatch.setenv("VLAECODEC_MODELS", str(tmp_path / "models"))
    pixels = photo(40, 50)
    data = vlaecodec.encode(pixels, lossless=True, model="tiny")
    assert np.array_equal(np.asarray(vlaecodec.decode(data)), pixels)
    wider = tmp_path / "wider.safetensors"
    run = (*arguments, "--start-from", model, "--channels", 20, "--checkpoint", wider)
    done = CliRunner().invoke(main, [str(a) for a in run])
    assert done.exit_code == 0, done.output
    sizes, progress = read_progress(wider)
    assert (sizes["local_channels"], sizes["local_colour_channels"]) == (20, 8)
    refused = CliRunner().invoke(main, [str(a) for a in (*arguments, "--channels", 24, *run[-2:])])
    assert refused.exit_code == 1
    assert "other sizes" in refused.output


def test_decoders_follow_a_trunk_that_tells_the_same_in_other_numbers(folder, tmp_path) -> None:
    """Channels of the trunk change places: fitted features are read from where they are now."""
    old = export_untrained_photo(tmp_path / "models" / "tiny")
    photos = read_photos([folder])
    before, after = tmp_path / "before", tmp_path / "after"
    for place in (before, after):
        build_cache(place, read_model((old / WEIGHTS_NAME).read_bytes()), photos, 0.5, 0)
    first = LatentCache(before)
    turned = [first.trunk(number).flip(0) for number in range(len(first.photos))]
    (after / TRUNKS_NAME).write_bytes(
        b"".join(t.to(torch.bfloat16).view(torch.int16).numpy().tobytes() for t in turned)
    )
    second, local = LatentCache(after), LocalDecoder(TINY)
    take_decoder(local, "local", old)
    with torch.no_grad():
        expected = local.features(first.trunk(0)[None])
        pairs = [(first.trunk(n), second.trunk(n)) for n in range(len(first.photos))]
        fit_features(local, pairs)
        found = local.features(second.trunk(0)[None])
        unfitted = local.features(first.trunk(0)[None])
    assert (found - expected).abs().mean() < 0.1 * (unfitted - expected).abs().mean()
    with pytest.raises(ValueError, match="another texture decoder"):
        take_decoder(local, "texture", old)


def test_refitted_decoders_code_exactly(folder, tmp_path, monkeypatch) -> None:
    model = export_untrained_photo(tmp_path / "models" / "tiny")
    other = export_untrained_photo(tmp_path / "models" / "other")
    arguments = [
        *("refit", model, folder, "--validation", folder, "--start-from", other),
        *("--work", tmp_path / "work", "--minutes", 0.03, "--count", 2, "--notes", "Noise."),
    ]
    done = CliRunner().invoke(main, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    monkeypatch.setenv("VLAECODEC_MODELS", str(tmp_path / "models"))
    pixels = photo(40, 50)
    data = vlaecodec.encode(pixels, lossless=True, model="tiny", only_nets=True)
    assert np.array_equal(np.asarray(vlaecodec.decode(data)), pixels)


def test_photos_are_reduced_into_a_cache_only(folder, tmp_path) -> None:
    model = export_untrained_photo(tmp_path / "models" / "tiny")
    arguments = ["passes", folder, "--validation", folder, "--model", model]
    arguments += ["--checkpoint", tmp_path / "c", "--reduced-part", 0.5]
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == 1
    assert "cache" in result.output


def test_bf16_and_quantisation_exclude_each_other(folder) -> None:
    arguments = ["run", str(folder), "--validation", str(folder), "--checkpoint", "x.safetensors"]
    result = CliRunner().invoke(main, [*arguments, "--bf16", "--quantised"])
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["curve", "FILE"], "Error"),
        (["run", "FILE", "--validation", "FILE", "--checkpoint", "c"], "Error"),
        (["preset", "mnist-static", "FILE", "--checkpoint", "c"], "Error"),
        (["run", "FOLDER", "--validation", "FOLDER", "--checkpoint", "c"], "no photos found"),
    ],
)
def test_mistakes_get_one_line(tmp_path, arguments, words) -> None:
    file, empty = tmp_path / "file.tar", tmp_path / "empty"
    file.write_bytes(b"neither a shard nor a checkpoint" * 40)
    empty.mkdir()
    named = {"FILE": str(file), "FOLDER": str(empty)}
    result = CliRunner().invoke(main, [named.get(a, a) for a in arguments])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert words in result.output
    assert len(result.output.strip().splitlines()) == 1
