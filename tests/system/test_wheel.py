"""The wheel, as people install it: built, installed into an environment of its own, and used."""

import email
import importlib.util
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import photo

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)]
    subprocess.run([*pip, *build], check=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_and_its_models(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"vlaecodec/py.typed", "vlaecodec/models/index.json"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "benchmarks/", "shared/")) for name in names)
    sources = {p.relative_to(ROOT).as_posix() for p in (ROOT / "vlaecodec").rglob("*.py")}
    assert sources <= names


def test_the_wheel_brings_what_desktops_and_man_read(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    found = {name.partition(".data/data/")[2]: name for name in archive.namelist()}
    for name, source in (
        ("share/man/man1/vlaecodec.1", "vlaecodec.1"),
        ("share/mime/packages/vlaecodec.xml", "vlae-mime.xml"),
        ("share/thumbnailers/vlaecodec.thumbnailer", "vlae.thumbnailer"),
    ):
        assert archive.read(found[name]) == (ROOT / "vlaecodec" / "packaging" / source).read_bytes()


def test_an_index_shows_the_readme_without_broken_pictures(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(archive.read(name))
    text = metadata.get_payload(decode=True).decode()
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "## Install" in text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    assert all(link.startswith("https://") for link in links)
    assert "Topic :: System :: Archiving :: Compression" in metadata.get_all("Classifier")


def test_links_of_the_readme_lead_to_the_source_where_that_has_an_address() -> None:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    text = "![a strip](a/strip.webp) [Guide](docs/guide.md) [x](https://a.b/c) [y](#start)"
    address = "https://example.org/vlaecodec/"
    assert build.for_index(text, address) == (
        "![a strip](https://example.org/vlaecodec/raw/HEAD/a/strip.webp) "
        "[Guide](https://example.org/vlaecodec/blob/HEAD/docs/guide.md) "
        "[x](https://a.b/c) [y](#start)"
    )
    assert build.for_index(text, None) == " Guide [x](https://a.b/c) [y](#start)"


def test_the_wheel_works_where_there_is_no_checkout(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    install = ["--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *install, str(wheel)],
        check=True,
    )
    (packages,) = (environment / "lib").glob("python*/site-packages")
    # What it depends on is large and here already; our own checkout is found after the wheel.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    Image.fromarray(photo(32, 48)).save(tmp_path / "photo.png")

    def run(*command: object) -> str:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    assert (environment / "share" / "man" / "man1" / "vlaecodec.1").is_file()
    script = environment / "bin" / "vlaecodec"
    run(script, "encode", "photo.png")
    assert "48 x 32, colour" in run(script, "info", "photo.vlae")
    assert "decodes here exactly" in run(script, "verify", "photo.vlae")
    where = run(python, "-c", "import vlaecodec; print(vlaecodec.__file__)")
    assert Path(where.strip()).is_relative_to(environment)
    models = run(python, "-c", "from vlaecodec.model.registry import *; print(models_folder())")
    assert Path(models.strip()).is_relative_to(environment)
