"""The paper's small VLAEs: their flows, windows, bound, data sets and training."""

import io
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from tests.small import SIZES, TINY, black_and_white, lively
from vlaecodec.networks.common.formats import LATENT
from vlaecodec.networks.small.flow import Flow
from vlaecodec.networks.small.preset import PRESETS, Preset
from vlaecodec.networks.small.small_vlae import SmallVLAE
from vlaecodec.training.__main__ import main
from vlaecodec.training.checkpoint import load_weights, read_progress
from vlaecodec.training.small.bound import draw_latent, measure_bound, objective
from vlaecodec.training.small.datasets import Dataset, binarise_once, read_dataset, to_samples
from vlaecodec.training.small.export import export_small, import_small
from vlaecodec.training.small.loop import _batches, _check_sizes, steer

TINY_MAP = replace(PRESETS["cifar10"], **SIZES | {"latent_px": 8})


@pytest.mark.parametrize("preset", [TINY, TINY_MAP, replace(TINY, flow_steps=3)])
def test_a_flow_is_a_bijection_of_whole_numbers(preset) -> None:
    flow = lively(Flow(preset))
    for module in flow.modules():
        if hasattr(module, "quantised"):
            module.quantised = True
    side = preset.latent_px
    z = torch.randint(-200, 200, (3, preset.latent_channels, side, side)).float()
    with torch.no_grad():
        eps = flow.invert(z)
        assert not torch.equal(eps, z)
        assert torch.equal(eps, eps.round())
        assert torch.equal(flow.draw(eps), z)


@pytest.mark.parametrize("preset", [TINY, TINY_MAP])
def test_a_shift_sees_only_what_comes_before(preset) -> None:
    step = lively(Flow(preset)).steps[0]
    side = preset.latent_px
    z = (torch.rand(1, preset.latent_channels, side, side) * 50).requires_grad_(True)
    seen_any = False
    fronts = step.fronts()
    when = sum(number * front.float() for number, front in enumerate(fronts))
    when = when.expand(preset.latent_channels, side, side)
    for front in fronts[:: max(1, len(fronts) // 6)]:
        shift = step(z)
        place = front.expand_as(shift[0])
        (gradient,) = torch.autograd.grad(shift[0][place].sum(), z)
        moment = float(when[place].max())
        assert not gradient[0][when >= moment].any()
        seen_any = seen_any or bool(gradient.any())
    assert seen_any


def test_masked_weights_stay_masked_in_training() -> None:
    flow = Flow(TINY)
    optimizer = torch.optim.Adam(flow.parameters(), 0.1)
    before = {n: p == 0 for n, p in flow.named_parameters() if n.endswith("weight")}
    z = torch.randn(8, 6, 1, 1) * LATENT.scale
    for _ in range(3):
        optimizer.zero_grad()
        flow.invert(z).square().sum().backward()
        optimizer.step()
    after = {n: p == 0 for n, p in flow.named_parameters() if n.endswith("weight")}
    assert all(torch.equal(before[n], after[n]) for n in before)
    assert any(mask.any() for mask in before.values())


@pytest.mark.parametrize("grey_context", [False, True])
def test_a_pixel_depends_on_its_window_alone(grey_context) -> None:
    torch.manual_seed(0)
    model = lively(SmallVLAE(replace(TINY_MAP, grey_context=grey_context)))
    image = torch.randint(0, 256, (1, 3, 32, 32)).float()
    features = model.decoder.latent_features(torch.zeros(1, 6, 8, 8))
    base = model.decoder.nats(image, features)
    inside, outside = [(9, 10), (10, 8), (8, 12)], [(10, 11), (7, 10), (11, 9), (9, 13)]
    for y, x in inside + outside:
        other = image.clone()
        other[0, :, y, x] = 255 - other[0, :, y, x]
        changed = (model.decoder.nats(other, features) != base)[0, 10 * 32 + 10]
        assert bool(changed) == ((y, x) in inside), (y, x)


def test_grey_context_hides_colour() -> None:
    model = lively(SmallVLAE(replace(TINY_MAP, grey_context=True)))
    image = torch.full((1, 3, 32, 32), 100.0)
    other = image.clone()
    other[0, 0, 9, 10] += 40
    other[0, 2, 9, 10] -= 40
    features = model.decoder.latent_features(torch.zeros(1, 6, 8, 8))
    base = model.decoder.nats(image, features)[0, 10 * 32 : 11 * 32]
    assert torch.equal(model.decoder.nats(other, features)[0, 10 * 32 : 11 * 32], base)
    assert not torch.equal(model.decoder.nats(other, features)[0, 9 * 32 : 10 * 32], base)


def test_the_unconditional_decoder_has_no_divergence() -> None:
    model = lively(SmallVLAE(replace(TINY, conditional=False)))
    bound = measure_bound(model, black_and_white(5))
    assert not bound.divergence.any()
    assert torch.equal(bound.total, bound.reconstruction)


def test_the_divergence_of_a_posterior_that_is_the_prior_is_zero() -> None:
    model = SmallVLAE(replace(TINY, prior="gaussian"))
    with torch.no_grad():
        for layer in (model.posterior.mean, model.posterior.scale):
            layer.weight.zero_()
            layer.bias.zero_()
        # A deviation of one: 6 octaves of LATENT units.
        model.posterior.scale.bias.fill_(24.0)
    torch.manual_seed(0)
    divergence = measure_bound(model, black_and_white(3000)).divergence
    assert float(divergence.detach().mean()) == pytest.approx(0, abs=0.02)


def test_samples_of_pixels_estimate_the_whole() -> None:
    torch.manual_seed(0)
    model = lively(SmallVLAE(TINY))
    image = black_and_white(4)
    with torch.no_grad():
        z = draw_latent(model, image).z
        features = model.decoder.latent_features(z)
        whole = model.decoder.nats(image, features)
        places = torch.tensor([3, 500, 783])
        assert torch.allclose(model.decoder.nats(image, features, places), whole[:, places])


def test_free_bits_put_a_floor_under_each_element() -> None:
    bound = measure_bound(SmallVLAE(TINY), black_and_white(4))
    bound.divergence = torch.zeros_like(bound.divergence)
    expected = float(bound.total.detach().mean()) + 0.5 * 6
    assert float(objective(bound, 0.5).detach()) == pytest.approx(expected)


def test_the_weight_of_the_divergence_is_steered() -> None:
    assert steer(0.5, 100, 50) > 0.5
    assert steer(1.0, 100, 50) == 1
    assert steer(0.5, 20, 50) < 0.5
    assert steer(0.5, 51, 50) == 0.5


@pytest.fixture
def digits(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        f"{part}_{kind}": rng.integers(0, high, (40, *shape), dtype=np.uint8)
        for part in ("train", "test")
        for kind, high, shape in (("x", 255, (28, 28)), ("y", 10, ()))
    }
    for part in ("train", "test"):
        arrays[f"{part}_x"][:, :, 14:] //= 8  # something to learn
    path = tmp_path / "digits.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("prior", ["flow", "gaussian"])
def test_a_run_resumes_and_learns(digits, tmp_path, prior) -> None:
    checkpoint = tmp_path / "run.safetensors"
    sizes = [f"--set={name}={value}" for name, value in (SIZES | {"prior": prior}).items()]
    common = ["--preset", "mnist-static", str(digits), *sizes, "--checkpoint", str(checkpoint)]
    common += ["--batch", "20", "--minutes", "5", "--steps", "80", "--learning-rate", "0.03"]
    for extra in (["--bf16"], ["--quantised"]):
        result = CliRunner().invoke(main, [*common, *extra])
        assert result.exit_code == 0, result.output
    sizes_read, progress = read_progress(checkpoint)
    assert progress.steps == 160
    assert progress.pixels == 160 * 20 * 28**2
    assert len(progress.curve) == 2
    # Half a bit a pixel, where nothing learned would be a whole one.
    assert progress.curve[1]["loss"] < 0.75 * 28**2 * np.log(2)
    model = SmallVLAE(Preset(**sizes_read))
    load_weights(checkpoint, model)
    assert (model.prior is None) == (prior == "gaussian")
    folder = tmp_path / "models" / "small"
    export_small(checkpoint, folder, read_dataset("mnist-static", digits).train, "small", "noise")
    again = [
        argument if argument != str(checkpoint) else str(tmp_path / "on") for argument in common
    ]
    result = CliRunner().invoke(main, [*again, "--start-from", str(folder)])
    assert result.exit_code == 0, result.output
    assert read_progress(tmp_path / "on")[1].steps == 240
    exported, _ = import_small(folder)
    for name, parameter in exported.named_parameters():
        error = (parameter - dict(model.named_parameters())[name]).abs().max()
        assert error <= 5e-3 * max(1.0, float(parameter.detach().abs().max())), name
    refused = CliRunner().invoke(main, [*common, "--set=flow_steps=2"])
    assert refused.exit_code == 1
    assert "other sizes" in refused.output


def test_a_checkpoint_of_before_a_switch_was_there_goes_on(tmp_path) -> None:
    sizes = {name: value for name, value in TINY.to_dict().items() if name != "decoder"}
    _check_sizes(tmp_path, sizes, TINY)
    with pytest.raises(ValueError, match="other sizes"):
        _check_sizes(tmp_path, sizes | {"flow_steps": 2}, TINY)


def test_mnist_is_read_from_an_npz_and_from_idx_files(digits, tmp_path) -> None:
    data = read_dataset("mnist-dynamic", digits)
    assert data.train.shape == (38, 1, 28, 28)
    assert data.validation.shape == (2, 1, 28, 28)
    assert set(data.test.unique().tolist()) == {0, 255}
    assert len(data.train.unique()) > 2
    assert len(data.labels["train"]) == 38
    with np.load(digits) as arrays:
        for part, prefix in (("train", "train"), ("test", "t10k")):
            for kind, name in (("x", "images-idx3"), ("y", "labels-idx1")):
                array = arrays[f"{part}_{kind}"]
                head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
                (tmp_path / f"{prefix}-{name}-ubyte").write_bytes(head + array.tobytes())
    again = read_dataset("mnist-dynamic", tmp_path)
    assert torch.equal(again.train, data.train)
    assert torch.equal(again.test, data.test)
    static = read_dataset("mnist-static", digits)
    assert set(static.train.unique().tolist()) == {0, 255}


def test_silhouettes_are_unpacked(tmp_path) -> None:
    images = black_and_white(6)[:, 0].numpy()
    bits = np.packbits(images.reshape(6, -1), axis=1)
    np.savez(tmp_path / "s.npz", train_bits=bits, val_bits=bits, test_bits=bits)
    data = read_dataset("caltech101", tmp_path / "s.npz")
    assert np.array_equal(data.train[:, 0].numpy(), images * 255)
    assert len(data.validation) == 6


def test_samples_follow_brightness() -> None:
    grey = torch.full((1, 1, 200, 200), 64, dtype=torch.uint8)
    samples = to_samples(grey, torch.Generator().manual_seed(0))
    assert float(samples.float().mean()) == pytest.approx(64 / 255, abs=0.01)
    ends = torch.tensor([0, 255], dtype=torch.uint8)
    assert to_samples(ends, None).tolist() == [0, 1]
    assert np.array_equal(binarise_once(grey[0].numpy()), binarise_once(grey[0].numpy()))


def test_cifar_comes_as_batches_and_as_pngs(tmp_path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (21, 3, 32, 32), dtype=np.uint8)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("data_batch_1", "test_batch"):
        batch = {b"data": images.reshape(21, -1), b"labels": list(range(21))}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    data = read_dataset("cifar10", folder)
    assert torch.equal(data.test, torch.from_numpy(images))
    assert len(data.train) == 20
    assert len(data.validation) == 1
    for part in ("train", "test"):
        (tmp_path / "png" / part).mkdir(parents=True)
        for number, image in enumerate(images):
            picture = Image.fromarray(image.transpose(1, 2, 0))
            picture.save(tmp_path / "png" / part / f"{number:02}.png")
    assert torch.equal(read_dataset("cifar10", tmp_path / "png").train, data.train)
    result = CliRunner().invoke(
        main,
        ["--preset", "cifar10", str(folder), "--checkpoint", str(tmp_path / "c.safetensors")]
        + [f"--set={name}={value}" for name, value in (SIZES | {"latent_px": 8}).items()]
        + ["--batch", "4", "--steps", "2", "--learning-rate", "0.001"],
    )
    assert result.exit_code == 0, result.output


def test_cifar_comes_as_sheets(tmp_path) -> None:
    rng = np.random.default_rng(0)
    arrays = {"train_y": np.arange(75), "test_y": np.arange(5)}
    expected = {"train": [], "test": []}
    for part, number, rows in (("train", 1, 6), ("train", 0, 9), ("test", 0, 1)):
        images = rng.integers(0, 256, (rows, 5, 32, 32, 3), dtype=np.uint8)
        sheet = Image.fromarray(images.swapaxes(1, 2).reshape(rows * 32, 160, 3))
        file = io.BytesIO()
        sheet.save(file, "WEBP", lossless=True)
        arrays[f"{part}_sheet_{number:02}"] = np.frombuffer(file.getvalue(), np.uint8)
        expected[part].insert(0, images.reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2))
    np.savez(tmp_path / "sheets.npz", **arrays)
    data = read_dataset("cifar10", tmp_path / "sheets.npz")
    train = np.concatenate(expected["train"])
    assert np.array_equal(data.test, expected["test"][0])
    assert np.array_equal(data.validation, train[[0, 50]])
    assert np.array_equal(data.train, np.delete(train, [0, 50], axis=0))
    assert data.labels["train"].tolist() == [n for n in range(75) if n % 50]
    np.savez(tmp_path / "none.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match="no sheets"):
        read_dataset("cifar10", tmp_path / "none.npz")


def test_colour_images_are_mirrored_every_other_time() -> None:
    image = torch.arange(3 * 32 * 32, dtype=torch.uint8).reshape(1, 3, 32, 32)
    batches = _batches(Dataset(image.expand(40, -1, -1, -1), image, image, {}), 40, 0)
    mirrored = [bool(torch.equal(seen, image[0].flip(2))) for seen in next(batches)]
    straight = [bool(torch.equal(seen, image[0])) for seen in next(batches)]
    assert 10 < sum(mirrored) < 30
    assert 10 < sum(straight) < 30


def test_a_batch_that_would_run_code_is_refused(tmp_path) -> None:
    class Hostile:
        def __reduce__(self):
            return (print, ("run",))

    (tmp_path / "test_batch").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(ValueError, match="not CIFAR-10"):
        read_dataset("cifar10", tmp_path)


def test_what_holds_no_images_is_refused(tmp_path) -> None:
    np.savez(tmp_path / "x.npz", something=np.zeros(3))
    with pytest.raises(ValueError, match="no training and test images"):
        read_dataset("mnist-static", tmp_path / "x.npz")
