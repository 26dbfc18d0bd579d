"""What is shipped for distributors fits what the program does."""

import configparser
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from tests.conftest import photo
from vlaecodec import packaging
from vlaecodec.bitstream.header import MAGIC, VERSION
from vlaecodec.cli.main import COMMANDS, main
from vlaecodec.packaging.man_page import MAN_PAGE, man_page

FOLDER = Path(packaging.__file__).parent
PIXEL = Path(__file__).parents[1] / "golden" / "decode" / "pixel.vlae"


def test_the_man_page_is_up_to_date() -> None:
    assert MAN_PAGE.read_text() == man_page(), "python -m vlaecodec.packaging.man_page"
    for name in COMMANDS:
        assert f".SH {name.upper()}" in man_page()


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_man_page_has_no_mistakes() -> None:
    command = ["groff", "-man", "-Tascii", "-ww", "-z", str(MAN_PAGE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.skipif(shutil.which("file") is None, reason="file is not installed")
def test_the_magic_entry_knows_our_files() -> None:
    magic = str(FOLDER / "vlae.magic")
    for options, expected in (
        (["-b"], f"VLAE image data, version {VERSION}, 1x 1"),
        (["-b", "--mime-type"], "image/x-vlae"),
    ):
        command = ["file", *options, "-m", magic, str(PIXEL)]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        assert found.replace(" x", "x") == expected


def test_the_format_page_tells_the_version() -> None:
    page = (Path(__file__).parents[2] / "FORMAT.md").read_text()
    assert f"| 4 | 1 | version | {VERSION} |" in page
    assert f"version {VERSION}" in page.splitlines()[0]


def test_the_mime_type_has_our_magic() -> None:
    root = ElementTree.parse(FOLDER / "vlae-mime.xml").getroot()
    space = {"m": re.match(r"\{(.*)\}", root.tag)[1]}
    assert root.find("m:mime-type", space).get("type") == "image/x-vlae"
    match = root.find(".//m:match", space)
    assert match.get("value").encode().decode("unicode_escape").encode("latin1") == MAGIC
    assert root.find(".//m:glob", space).get("pattern") == "*.vlae"


def test_the_thumbnailer_works_as_its_entry_says(tmp_path) -> None:
    entry = configparser.ConfigParser(interpolation=None)
    entry.read(FOLDER / "vlae.thumbnailer")
    command = entry["Thumbnailer Entry"]["Exec"]
    source, file, output = (tmp_path / name for name in ("a.png", "a.vlae", "no-suffix"))
    Image.fromarray(photo(60, 80)).save(source)
    CliRunner().invoke(main, ["encode", str(source)])
    output.touch()  # file managers make it first
    filled = {"%s": "32", "%i": str(file), "%o": str(output)}
    words = [filled.get(word, word) for word in command.split()]
    assert words[0] == "vlaecodec"
    assert CliRunner().invoke(main, words[1:]).exit_code == 0
    with Image.open(output) as image:
        assert (image.format, image.size) == ("PNG", (32, 24))
