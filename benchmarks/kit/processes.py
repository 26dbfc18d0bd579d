"""What whole processes cost: seconds from a cold start, and peak memory."""

from __future__ import annotations

import concurrent.futures
import io
import multiprocessing
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import vlaecodec
from benchmarks.kit.timing import timed

Options = tuple[dict[str, Any], dict[str, Any]]
"""Of encoding and of decoding."""


def measure_processes(image: Image.Image, quality: float, runs: int) -> dict[str, float]:
    """Median seconds of `vlaecodec ...` processes that read and write through pipes."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    picture, file = buffer.getvalue(), vlaecodec.encode(image, quality)
    commands: dict[str, tuple[list[str], bytes]] = {
        "help_s": (["--help"], b""),
        "info_s": (["info", "-"], file),
        "verify_s": (["verify", "-"], file),
        "encode_s": (["encode", "--quiet", "-q", str(quality), "-", "-"], picture),
        "decode_s": (["decode", "--quiet", "--texture", "0", "-", "-"], file),
    }
    return {
        name: timed(partial(_run, arguments, data), runs)[1]
        for name, (arguments, data) in commands.items()
    }


def measure_memory(image: Image.Image, options: Options, prefix: str = "") -> dict[str, float]:
    """Peak resident memory of a fresh process that encodes, then decodes, with these options."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        encoded_kib, both_kib = pool.submit(_peak_memory, np.asarray(image), options).result()
    return {
        f"{prefix}encode_gib": encoded_kib / 2**20,
        f"{prefix}encode_and_decode_gib": both_kib / 2**20,
    }


def _run(arguments: list[str], data: bytes) -> None:
    command = [sys.executable, "-m", "vlaecodec", *arguments]
    subprocess.run(command, input=data, check=True, capture_output=True)


def _peak_memory(pixels: Any, options: Options) -> tuple[int, int]:
    encoding, decoding = options
    data = vlaecodec.encode(Image.fromarray(pixels), **encoding)
    encoded_kib = _peak_kib()
    vlaecodec.decode(data, **decoding)
    return encoded_kib, _peak_kib()


def _peak_kib() -> int:
    """Peak resident memory of this process.

    Linux's ru_maxrss would include what the parent had when it forked; VmHWM does not.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1])
