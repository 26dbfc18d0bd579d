"""Small forged files: peak memory and seconds of each, against a plain file of the same kind.

python -m tests.robustness.attacks

Prints a table. Each file is read in a process of its own, after a plain decode loads the model;
what a file costs is what its process took beyond that. Nothing may take 300 MB or 2 s more than a
plain decode of the same size.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

import vlaecodec
from tests.conftest import photo
from tests.forge import forge_section, forge_tiles, forge_words
from tests.robustness.test_forged_files import png_with_two_sizes
from vlaecodec.bitstream.container import Tile
from vlaecodec.bitstream.header import Header, Layout, Section, write_header
from vlaecodec.bitstream.tiles import tile_count
from vlaecodec.model.registry import find_model

SIZE = (112, 176)
CALL = """
import sys, time, warnings
from pathlib import Path
import vlaecodec
warnings.simplefilter("ignore")
def peak_kib():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
plain, attack = (Path(path).read_bytes() for path in sys.argv[1:3])
vlaecodec.decode(plain)
before, start = peak_kib(), time.process_time()
try:
    result = "decoded %d x %d" % vlaecodec.decode(attack, keep_going=sys.argv[3] == "1").size
except vlaecodec.VlaeError as error:
    result = type(error).__name__
print(f"{(peak_kib() - before) / 1024:.0f}\\t{time.process_time() - start:.2f}\\t{result}")
"""


def claim(side: int, tile_bytes: int) -> bytes:
    """A header alone, of a picture of side x side."""
    sizes = [tile_bytes] * tile_count(side, side)
    header = Header(side, side, 50 * 256, find_model().fingerprint)
    return write_header(header, Layout(0, sizes, []))


def make_attacks(plain: bytes) -> dict[str, tuple[bytes, bool]]:
    """By name: the file, and whether it is read with keep_going."""
    image = Image.fromarray(photo(*SIZE))
    image.putalpha(Image.fromarray(photo(*SIZE, seed=3)[..., 0]))
    alpha = vlaecodec.encode(image)
    two_sizes = png_with_two_sizes(SIZE[::-1], (30000, 30000))
    random = np.random.default_rng(0)
    noise = random.integers(0, 2**32, 64, np.uint32)
    bomb = zlib.compress(bytes(2**30), 9)
    return {
        "the plain file itself": (plain, False),
        "a header of 9984 x 9984": (claim(9984, 400), False),
        "a header of 9984 x 9984, keep_going": (claim(9984, 400), True),
        "a header of 65536 x 65536": (claim(65536, 4), True),
        "an alpha PNG that claims 30000 x 30000": (
            forge_section(alpha, Section.ALPHA, two_sizes),
            False,
        ),
        "an alpha PNG that claims 30000 x 30000, keep_going": (
            forge_section(alpha, Section.ALPHA, two_sizes),
            True,
        ),
        "a gigabyte of zeros as ICC profile": (
            forge_section(alpha, Section.ICC_PROFILE, bomb),
            False,
        ),
        "a gigabyte of zeros as EXIF, keep_going": (
            forge_section(alpha, Section.EXIF, bomb),
            True,
        ),
        "empty tiles": (forge_tiles(plain, lambda tile: Tile(b"", tile.pixel_crc)), True),
        "words of noise": (forge_words(plain, lambda _: noise), True),
        "words of ones": (forge_words(plain, lambda words: words | 0xFFFFFFFF), True),
        "half a file": (plain[: len(plain) // 2], True),
    }


def measure(plain: Path, attack: Path, *, keep_going: bool) -> tuple[str, str, str]:
    """Megabytes and CPU seconds beyond a loaded process, and what came of it."""
    command = [sys.executable, "-c", CALL, str(plain), str(attack), "01"[keep_going]]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    memory_mb, seconds, result = done.stdout.strip().split("\t")
    return memory_mb, seconds, result


def main(folder: Path) -> None:
    """Print the table."""
    data = vlaecodec.encode(photo(*SIZE), texture=0)
    plain, attack = folder / "plain.vlae", folder / "attack.vlae"
    plain.write_bytes(data)
    print("| file | bytes | more memory, MB | CPU s | result |\n|---|---|---|---|---|")
    for name, (forged, keep_going) in make_attacks(data).items():
        attack.write_bytes(forged)
        cells = measure(plain, attack, keep_going=keep_going)
        print(f"| {name} | {len(forged)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as path:
        main(Path(path))
