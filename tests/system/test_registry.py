import json
import shutil

import pytest
from safetensors.torch import load_file, save_file

import vlaecodec
from tests.conftest import photo
from vlaecodec.errors import ModelError
from vlaecodec.model.frozen import MODEL_KIND, WEIGHTS_NAME, load_model, read_model
from vlaecodec.model.registry import find_fingerprint, find_model, list_models, models_folder
from vlaecodec.networks.small.preset import PRESETS


@pytest.fixture
def copied(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    shutil.copytree(models_folder(), folder)
    monkeypatch.setenv("VLAECODEC_MODELS", str(folder))
    load_model.cache_clear()
    yield folder
    load_model.cache_clear()


def test_models_are_found_by_name_and_fingerprint() -> None:
    entry = find_model()
    assert find_model(entry.name) == entry
    assert find_fingerprint(entry.fingerprint) == entry


def test_a_tuning_finds_its_model_unless_one_is_named(copied) -> None:
    default = find_model(tune="psnr")
    assert default.tuned_for == "psnr"
    assert find_model().tuned_for == "looks"
    index = json.loads((copied / "index.json").read_text())
    photos = {n: row for n, row in index["models"].items() if row.get("tuned_for") == "psnr"}
    row = {**photos[default.name], "tuned_for": "looks"}
    for models in (photos, photos | {"other": row}):
        index = {"default": default.name, "models": models}
        (copied / "index.json").write_text(json.dumps(index))
        expected = "other" if "other" in models else default.name
        assert find_model(tune="looks").name == expected
        assert find_model(default.name, tune="looks") == default
        assert find_model() == find_model(tune="psnr") == default


def test_a_tuning_is_that_of_the_files_model() -> None:
    """In one pass: what was trained for it needs no search."""
    done: list[float] = []
    for tune, name in (
        (None, "photo"),
        ("psnr", "photo-psnr"),
        ("looks", "photo"),
    ):
        done.clear()
        data = vlaecodec.encode(photo(32, 48), 40, tune=tune, texture=0, progress=done.append)
        assert vlaecodec.read_info(data).model == name
        assert len(done) < 5


def test_the_papers_models_are_small() -> None:
    """All of them together are smaller than one of photos."""
    _, entries = list_models()
    sizes = {entry.name: (entry.folder / WEIGHTS_NAME).stat().st_size for entry in entries}
    assert sum(sizes[name] for name in PRESETS) < min(16e6, sizes["photo-psnr"])


def test_a_missing_model_is_named(copied) -> None:
    data = vlaecodec.encode(photo(16, 16))
    (copied / "index.json").write_text(json.dumps({"default": "x", "models": {}}))
    with pytest.raises(ModelError, match="not installed"):
        vlaecodec.decode(data)
    assert vlaecodec.read_info(data).model is None


def test_no_index_is_an_error(copied) -> None:
    (copied / "index.json").unlink()
    with pytest.raises(ModelError, match="index"):
        vlaecodec.encode(photo(16, 16))


def test_altered_weights_are_refused(copied) -> None:
    path = copied / find_model().name / WEIGHTS_NAME
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="not the one in the index"):
        vlaecodec.encode(photo(16, 16))
    path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        vlaecodec.encode(photo(16, 16))


@pytest.mark.parametrize("content", ["{}", "[]", '{"default": "a", "models": []}', "no json"])
def test_a_malformed_index_is_one_clear_error(copied, content) -> None:
    (copied / "index.json").write_text(content)
    with pytest.raises(ModelError, match="index"):
        vlaecodec.encode(photo(16, 16))


def test_a_file_that_is_no_model_is_refused() -> None:
    for data in (b"", b"12345678{}", b"\xff" * 100):
        with pytest.raises(ModelError):
            read_model(data)


def test_weights_that_could_overflow_are_refused(copied) -> None:
    path = copied / find_model().name / WEIGHTS_NAME
    tensors = load_file(path)
    tensors["decoder.enter.weight"].fill_(2047)
    arch = load_model(find_model()).arch
    metadata = {"kind": MODEL_KIND, "architecture": json.dumps(arch.to_dict())}
    save_file(tensors, path, metadata)
    with pytest.raises(ModelError, match="exact range"):
        read_model(path.read_bytes())
