"""Write the golden files anew: only when the format or the shipped model changes on purpose.

python -m tests.golden.regenerate
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

import vlaecodec
from tests.conftest import photo
from vlaecodec.codec import decode_pixels
from vlaecodec.container import TILE_PX

HERE = Path(__file__).parent
DECODE, ERRORS = HERE / "decode", HERE / "errors"


def main() -> None:
    """Encode a few pictures and break a few files."""
    for folder in (DECODE, ERRORS):
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
    crop = np.asarray(Image.open(HERE / "photo.png"))
    files = {
        "photo-q10": vlaecodec.encode(crop, 10),
        "photo-q50": vlaecodec.encode(crop, 50),
        "photo-q87.5": vlaecodec.encode(crop, 87.5),
        "pixel": vlaecodec.encode(crop[:1, :1], 50),
        "odd": vlaecodec.encode(crop[:31, :17], 100),
        "two-tiles": vlaecodec.encode(photo(48, TILE_PX + 80), 20),
    }
    digests = {}
    for name, data in files.items():
        (DECODE / f"{name}.vlae").write_bytes(data)
        digests[f"{name}.vlae"] = hashlib.sha256(decode_pixels(data).tobytes()).hexdigest()
    (DECODE / "digests.json").write_text(json.dumps(digests, indent=1) + "\n")

    good = files["photo-q10"]
    broken = {
        "empty.4": b"",
        "not-a-file.4": b"This is not a picture.",
        "magic-only.4": good[:4],
        "cut-header.4": good[:15],
        "cut-payload.4": good[:-40],
        "cut-last-byte.4": good[:-1],
        "one-byte-more.4": good + b"\0",
        "payload-bit.4": good[:60] + bytes([good[60] ^ 4]) + good[61:],
        "header-bit.4": good[:10] + bytes([good[10] ^ 1]) + good[11:],
        "newer-version.5": good[:4] + b"\x63" + good[5:],
        "pixel-checksum.7": good[:-4] + bytes(4),
    }
    for name, data in broken.items():
        (ERRORS / f"{name}.vlae").write_bytes(data)


if __name__ == "__main__":
    main()
