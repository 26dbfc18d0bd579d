"""Record a first session with real commands, and put it into docs/guide.md between its markers.

bin/benchmark transcript
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner
from PIL import Image

from benchmarks.kit.pictures import open_picture
from benchmarks.kit.record import ROOT, write_text
from vlaecodec.cli.main import main as vlaecodec

BEGIN = "<!-- session: written by bin/benchmark transcript -->\n"
END = "<!-- end of session -->"
COLUMNS = 80
GUIDE = ROOT / "docs" / "guide.md"
PHOTOS = ROOT / "benchmarks" / "data" / "regression"

COMMANDS = (
    "vlaecodec encode photo.png",
    "vlaecodec info photo.vlae",
    "vlaecodec decode photo.vlae decoded.png",
    "vlaecodec compare photo.png photo.vlae",
    "vlaecodec encode --lossless photo.png exact.vlae",
    "vlaecodec encode --target-size 2k photo.png tiny.vlae",
    "vlaecodec encode -r album --output-dir small",
    "vlaecodec decode gone.vlae",
)
"""The album has three photos, and a text file with the name of a picture."""

SECONDS = re.compile(r"\b\d+\.\d+(?= s$)", re.MULTILINE)
LAST_COLUMN = re.compile(r"\d+\.\d\d$", re.MULTILINE)
SPEED = re.compile(r"^.* files/s.*\n", re.MULTILINE)
NUMBER = re.compile(r"\d+(\.\d+)?")


def render() -> str:
    """The text between the markers."""
    with _session_folder():
        answers = [f"$ {command}\n{_answer(command)}" for command in COMMANDS]
    return "```console\n" + "\n".join(answers) + "```\n"


def insert(guide: str, session: str) -> str:
    """The guide's text with a fresh transcript."""
    before, rest = guide.split(BEGIN)
    return before + BEGIN + session + END + rest.split(END)[1]


def without_numbers(session: str) -> str:
    """What is to be the same on all machines; an encoder's floats differ a little."""
    return re.sub(r" +", " ", NUMBER.sub("0", session))


def main() -> None:
    """Rewrite docs/guide.md."""
    write_text(GUIDE, insert(GUIDE.read_text(), render()))


@contextlib.contextmanager
def _session_folder() -> Iterator[None]:
    """A folder to be in, with a photo and an album, at a terminal's width."""
    with tempfile.TemporaryDirectory() as path, contextlib.chdir(path):
        folder = Path(path)
        (folder / "album").mkdir()
        crops = [open_picture(path) for path in sorted(PHOTOS.glob("*.webp"))]
        for name, crop in zip(("door", "bikes", "houses"), crops, strict=False):
            crop.save(folder / "album" / f"{name}.png")
        (folder / "album" / "notes.png").write_text("no picture")
        # One above the other: MS-SSIM needs 161 pixels a side.
        photo = Image.new("RGB", (crops[-1].width, crops[-1].height + crops[-2].height))
        photo.paste(crops[-1])
        photo.paste(crops[-2], (0, crops[-1].height))
        photo.save(folder / "photo.png")
        before = os.environ.get("COLUMNS")
        os.environ["COLUMNS"] = str(COLUMNS)
        try:
            yield
        finally:
            os.environ.pop("COLUMNS")
            if before is not None:
                os.environ["COLUMNS"] = before


def _answer(command: str) -> str:
    """What a command prints, without seconds."""
    program, *arguments = shlex.split(command)
    output = CliRunner().invoke(vlaecodec, arguments, prog_name=program).output
    output = SECONDS.sub("...", SPEED.sub("", output))
    if "seconds" in output:
        output = LAST_COLUMN.sub(lambda found: "...".rjust(len(found[0])), output)
    return "\n".join(line.rstrip() for line in output.splitlines()) + "\n"


if __name__ == "__main__":
    main()
