"""What receivers do needs neither torch nor safetensors; what does says how to get it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import photo
from tests.exactness import FILES

ROOT = Path(__file__).parents[2]

BLOCKED = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "safetensors"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])

sys.meta_path.insert(0, Absent())
"""


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program where torch is not installed."""
    command = [sys.executable, "-c", BLOCKED + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def run_command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run("from vlaecodec.cli.process import run; run()", *arguments)


def test_every_golden_file_decodes_to_the_same_pixels() -> None:
    """Of every kind: photos, textures, exact pixels, stored WebPs, the paper's models."""
    done = run("from tests.exactness import main; main()", 2, 2048)
    assert done.stderr == ""
    found = dict(line.split() for line in done.stdout.splitlines())
    assert found == json.loads((FILES / "digests.json").read_text())


@pytest.mark.parametrize("name", ["photo-q50.vlae", "lossless.vlae", "stored.vlae", "digit.vlae"])
def test_commands_of_receivers_work(name, tmp_path) -> None:
    picture, small = tmp_path / "picture.png", tmp_path / "small.png"
    for arguments in (
        ("decode", FILES / name, picture),
        ("decode", "--thumbnail", 16, FILES / name, small),
        ("info", FILES / name),
        ("verify", FILES / name),
    ):
        done = run_command(*arguments)
        assert done.returncode == 0, done.stderr
    assert picture.exists()
    assert small.exists()


def test_pillow_opens_our_files_and_the_library_verifies_them() -> None:
    code = (
        "from PIL import Image; import vlaecodec.pillow_plugin, vlaecodec, pathlib;"
        "path = pathlib.Path(sys.argv[1]);"
        "Image.open(path).load();"
        "vlaecodec.decode_thumbnail(path.read_bytes(), 8);"
        "print(vlaecodec.verify(path.read_bytes()).model)"
    )
    done = run(code, FILES / "everything-png-alpha.vlae")
    assert (done.stdout, done.stderr) == ("photo-psnr\n", "")


def test_encoding_a_photo_says_what_is_missing(tmp_path) -> None:
    Image.fromarray(photo(16, 24)).save(tmp_path / "photo.png")
    done = run_command("encode", tmp_path / "photo.png")
    assert done.returncode == 8
    (line,) = done.stderr.splitlines()
    assert "pip install 'vlaecodec[encode]'" in line
    assert not (tmp_path / "photo.vlae").exists()


def test_what_takes_no_analysis_network_is_encoded(tmp_path) -> None:
    """Drawings, and images of the paper's models."""
    drawn = np.zeros((64, 96, 3), np.uint8)
    drawn[20:40, 30:60] = 255, 0, 0
    bitmap = np.where(np.random.default_rng(0).random((28, 28)) < 0.3, 255, 0).astype(np.uint8)
    for pixels, options in ((drawn, ()), (bitmap, ("--model", "mnist-static", "--lossless"))):
        path, again = tmp_path / "image.png", tmp_path / "again.png"
        Image.fromarray(pixels).save(path)
        file = tmp_path / "image.vlae"
        assert run_command("encode", "-f", path, file, *options).returncode == 0
        assert run_command("decode", "-f", file, again).returncode == 0
        with Image.open(again) as decoded:
            assert np.array_equal(np.asarray(decoded), pixels)


def test_decoding_imports_no_torch_where_it_is_installed() -> None:
    code = (
        "import sys, vlaecodec; vlaecodec.decode(open(sys.argv[1], 'rb').read());"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, FILES / "lossless.vlae"], check=True, cwd=ROOT)
