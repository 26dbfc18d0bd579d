"""Decodes .vlae members of webdataset's shards. Needs no webdataset to be imported.

dataset = webdataset.WebDataset("shards-{00..09}.tar").decode(vlaecodec.webdataset.decoder)
small = functools.partial(vlaecodec.webdataset.decoder, kind="rgb8", texture=0)
"""

from __future__ import annotations

from typing import Literal, Unpack

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlaecodec.codec.decode import decode, decode_pixels
from vlaecodec.codec.options import DecodeKeywords
from vlaecodec.errors import ParameterError

Kind = Literal["pil", "rgb8", "rgb"]
KINDS = ("pil", "rgb8", "rgb")


def decoder(
    key: str, data: bytes, *, kind: Kind = "pil", **options: Unpack[DecodeKeywords]
) -> Image.Image | NDArray[np.uint8] | NDArray[np.float32] | None:
    """The picture of a sample's member, or None for members of other kinds, as webdataset has it.

    key: the member's extension, such as ".vlae" or ".left.vlae". kind, by webdataset's names: "pil"
    a PIL image; "rgb8" uint8 [H, W, 3], "rgb" the same as float32 from 0 to 1, both without alpha.
    options: those of `vlaecodec.decode`. Raises what that does, and ParameterError for other kinds.
    """
    if kind not in KINDS:
        raise ParameterError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if key.rpartition(".")[2].lower() != "vlae":
        return None
    if kind == "pil":
        return decode(data, **options)
    pixels = decode_pixels(data, **options)
    if kind == "rgb8":
        return pixels
    floats: NDArray[np.float32] = np.divide(pixels, 255, dtype=np.float32)
    return floats
