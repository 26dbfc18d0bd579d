"""Decode golden files under the settings named on the command line; print digests. For tests.

python -m tests.exactness THREADS BLOCK_PX
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

from vlaecodec.bitstream.header import read_header
from vlaecodec.codec.decode import decode_pixels

FILES = Path(__file__).parent / "golden" / "decode"


def ways_to_decode(data: bytes) -> dict[str, dict[str, Any]]:
    """Every kind of picture that a file holds: a name and the arguments of decode_pixels."""
    if read_header(data)[0].max_error is not None:
        return {"exact": {}, "preview": {"preview": True}}
    return {"mean": {"texture": 0}, "recommended": {}, "full": {"texture": 1}}


def digests_of(name: str, data: bytes, **options: Any) -> dict[str, str]:
    """The digest of every kind of picture that a file holds."""
    return {
        f"{name}:{way}": hashlib.sha256(decode_pixels(data, **chosen, **options)).hexdigest()
        for way, chosen in ways_to_decode(data).items()
    }


def main() -> None:
    """Print one line per golden file and way to decode it."""
    threads, block_px = (int(a) for a in sys.argv[1:3])
    for path in sorted(FILES.glob("*.vlae")):
        digests = digests_of(path.name, path.read_bytes(), block_px=block_px, threads=threads)
        for name, digest in digests.items():
            print(name, digest)


if __name__ == "__main__":
    main()
