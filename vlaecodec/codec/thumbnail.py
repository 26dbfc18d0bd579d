"""Decode a file to a thumbnail, without decoding the whole picture."""

from __future__ import annotations

import numpy as np
from PIL import Image

from vlaecodec.bitstream.container import read_container
from vlaecodec.bitstream.header import MAX_PIXELS
from vlaecodec.codec.kinds import codec_of
from vlaecodec.codec.progress import ProgressCallback
from vlaecodec.codec.stored import decode_samples
from vlaecodec.errors import ParameterError
from vlaecodec.model.threads import working_threads
from vlaecodec.picture.image import Picture, to_grey, to_image
from vlaecodec.picture.metadata import Metadata
from vlaecodec.picture.overlay import lay_over_thumbnail
from vlaecodec.picture.sections import read_overlay, read_sections


def decode_thumbnail(
    data: bytes,
    size_px: int = 256,
    *,
    keep_going: bool = False,
    max_pixels: int = MAX_PIXELS,
    threads: int | None = None,
    progress: ProgressCallback | None = None,
) -> Image.Image:
    """A small picture, its longer side size_px at most, without decoding the large one.

    Shows the mean image, without texture or exact pixels. Raises what `decode` raises.
    """
    if not isinstance(size_px, int) or size_px < 1:
        raise ParameterError(f"a thumbnail has a whole number of pixels, not {size_px!r}")
    container = read_container(data, max_pixels, keep_going=keep_going)
    header = container.header
    with working_threads(header.width * header.height, threads):
        codec = codec_of(container)
        small, factor = codec.decode_reduced(container, size_px, progress, keep_going=keep_going)
    alpha, metadata = read_sections(container, keep_going=keep_going)
    if header.webp_alpha:
        alpha = np.ascontiguousarray(decode_samples(container)[..., 3])
    kept = Metadata(icc_profile=metadata.icc_profile)
    small = to_grey(small) if header.grey else small
    image = to_image(Picture(small, header.grey, None, kept, header.as_rgb))
    scale = min(1.0, size_px / max(header.width, header.height))
    size = (max(1, round(scale * header.width)), max(1, round(scale * header.height)))
    # The last row and column may reach over the picture's edge.
    covered = (0.0, 0.0, header.width / factor, header.height / factor)
    image = image.resize(size, Image.Resampling.LANCZOS, covered)
    overlay = read_overlay(container, keep_going=keep_going)
    if overlay is not None:
        image = lay_over_thumbnail(image, overlay)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha).resize(size, Image.Resampling.BOX))
    return image
