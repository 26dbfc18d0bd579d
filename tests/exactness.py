"""Decode golden files under the settings named on the command line; print digests. For tests.

python -m tests.exactness THREADS MKLDNN(0|1) BLOCK_PX
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import torch

from vlaecodec.codec import decode_pixels

FILES = Path(__file__).parent / "golden" / "decode"


def main() -> None:
    """Print one line per golden file: its name and the digest of its pixels."""
    threads, mkldnn, block_px = (int(a) for a in sys.argv[1:4])
    torch.set_num_threads(threads)
    torch.backends.mkldnn.set_flags(bool(mkldnn))
    for path in sorted(FILES.glob("*.vlae")):
        pixels = decode_pixels(path.read_bytes(), block_px=block_px)
        print(path.name, hashlib.sha256(pixels.tobytes()).hexdigest())


if __name__ == "__main__":
    main()
