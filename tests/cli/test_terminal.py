"""What commands print fits a terminal of 80 columns, and has no colours when piped."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import photo
from vlaecodec.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
COLUMNS = 80
ERASE_LINE = "\x1b[2K"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LONG = "a-photo-from-the-summer-holidays-with-a-name-that-is-far-too-long-for-a-table"

SESSION = (
    "vlaecodec",
    "vlaecodec --help",
    *(f"vlaecodec {name} --help" for name in COMMANDS),
    # What works.
    "vlaecodec encode photo.png",
    "vlaecodec encode photo.png small.vlae --target-size 1k",
    "vlaecodec encode --lossless photo.png exact.vlae",
    "vlaecodec info photo.vlae",
    "vlaecodec decode photo.vlae decoded.png",
    "vlaecodec verify photo.vlae",
    "vlaecodec compare photo.png photo.vlae",
    "vlaecodec compare photo.png --against webp --at-bytes-of photo.vlae",
    "vlaecodec inspect photo.vlae --png sheet.png",
    "vlaecodec mix photo.vlae photo.vlae -o mixed.png",
    "vlaecodec models",
    "vlaecodec encode -r album --output-dir out -j 1",
    "vlaecodec decode -r out --output-dir back -j 1",
    "vlaecodec encode -r album --output-dir again --dry-run",
    # What does not.
    "vlaecodec encode",
    "vlaecodec encode gone.png",
    f"vlaecodec encode album/{LONG}.png no/such/folder/but/a/long/name/all/the/same/photo.vlae",
    "vlaecodec encode notes.txt notes.vlae",
    "vlaecodec encode photo.png -q 101",
    "vlaecodec encode photo.png --target-size 1k --target-psnr 30",
    "vlaecodec encode photo.png photo.png photo.png",
    "vlaecodec encode photo.png again.vlae -m nothing",
    "vlaecodec encode photo.png photo.vlae",
    "vlaecodec decode notes.txt notes.png",
    "vlaecodec decode photo.vlae photo.xyz",
    "vlaecodec nothing",
)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "album").mkdir()
    Image.fromarray(photo(176, 176)).save(tmp_path / "photo.png")
    Image.fromarray(photo(16, 16, 1)).save(tmp_path / "album" / f"{LONG}.png")
    Image.fromarray(photo(16, 16, 2)).save(tmp_path / "album" / "b.png")
    (tmp_path / "album" / f"x{LONG}.png").write_text("no picture")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": str(COLUMNS), "TERM": "xterm"}


def session() -> list[str]:
    return [sys.executable, "-m", "tests.cli.terminal_session", *SESSION]


def too_long(text: str) -> list[str]:
    """Lines that a terminal would break where it likes; names too long for a line are no fault."""
    lines = [line for line in re.split(r"[\r\n]+", text) if not line.startswith("$ ")]
    return [line for line in lines if len(line) > COLUMNS and LONG not in line]


def test_piped_output_has_no_colours_and_fits(folder) -> None:
    done = subprocess.run(
        session(),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert "\x1b" not in done.stdout
    assert "Traceback" not in done.stdout
    assert done.stdout.count("$ vlaecodec") == len(SESSION)
    # One error is one line where programs read it.
    errors = r"^(vlaecodec|Error): .*\n"
    assert too_long(re.sub(errors, "", done.stdout, flags=re.MULTILINE)) == []
    # A name that is too long takes no room from the numbers.
    assert re.search(r"^out/a-photo\S+…  16 x 16 +\d+ +\d+\.\d{3} +\d", done.stdout, re.MULTILINE)


def test_a_terminal_gets_colours_and_lines_that_fit(folder) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    process = subprocess.Popen(
        session(), cwd=folder, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    chunks = []
    while True:
        try:
            chunks.append(os.read(ours, 65536))
        except OSError:  # the other end is closed
            break
        if not chunks[-1]:
            break
    os.close(ours)
    process.wait()
    text = b"".join(chunks).decode()
    assert "\x1b[31m" in text  # what failed is red
    plain = ESCAPE.sub("", text.replace(ERASE_LINE, "\n"))
    assert "Traceback" not in plain
    assert "\x1b" not in plain
    assert too_long(plain) == []
