"""Pictures that are stored as one lossless WebP: drawings, screens, flat colours; no model."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from vlaecodec.bitstream.container import Container, Tile, write_container
from vlaecodec.bitstream.header import NO_FINGERPRINT, QUALITY_CODE_MAX, Header, Section
from vlaecodec.bitstream.tiles import check_region, pixel_window
from vlaecodec.bitstream.vp8l_head import Shape
from vlaecodec.codec.options import DecodeOptions, EncodeOptions
from vlaecodec.codec.progress import ProgressCallback
from vlaecodec.errors import DamagedError, ModelError, ReproductionError
from vlaecodec.picture.image import Picture, Pixels
from vlaecodec.picture.sections import write_sections
from vlaecodec.picture.vp8l import decode_vp8l, encode_vp8l, fits_vp8l


class StoredCodec:
    """Decodes what `store_picture` makes, whatever a lossy file would be asked for."""

    def decode(
        self, container: Container, options: DecodeOptions, progress: ProgressCallback | None
    ) -> Pixels:
        """The picture in a file, or a region of it: uint8 [H, W, 3]. See decode_samples."""
        header, pixels = container.header, decode_samples(container)[..., :3]
        if options.region is not None:
            box = check_region(options.region, header.width, header.height)
            pixels = pixels[pixel_window(box)]
        if progress is not None:
            progress(1.0)
        return np.ascontiguousarray(pixels)

    def decode_reduced(
        self,
        container: Container,
        size_px: int,
        progress: ProgressCallback | None,
        *,
        keep_going: bool,
    ) -> tuple[Pixels, int]:
        """The picture as it is: there is no smaller one in the file."""
        return self.decode(container, DecodeOptions(keep_going=keep_going), progress), 1

    def encoder(self, picture: Picture, *_: object) -> NoReturn:
        """Nothing is coded with a model."""
        raise ModelError("pictures that are stored as WebP have no model")

    def show_latent(self, *_: object) -> NoReturn:
        """There is none."""
        raise ModelError("pictures that are stored as WebP have no latents")


def store_picture(
    picture: Picture,
    options: EncodeOptions,
    quality_code: int = QUALITY_CODE_MAX,
    *,
    is_original: bool = True,
    quick: bool = False,
) -> bytes | None:
    """The whole file that holds a picture exactly as a WebP; None if that cannot, or not lightly.

    The WebP holds the alpha channel too. is_original: whether these are the samples to be kept, not
    something near them in fewer colours.
    """
    height, width = picture.pixels.shape[:2]
    # Exact files of large pictures take yet more memory with the networks.
    if not fits_vp8l(height, width, lightly=not options.is_exact):
        return None
    samples = picture.pixels
    if picture.alpha is not None:
        samples = np.dstack([picture.pixels, picture.alpha])
    header = Header(
        width,
        height,
        quality_code,
        NO_FINGERPRINT,
        max_error=0 if is_original else None,
        grey=picture.grey,
        as_rgb=picture.as_rgb,
        webp=True,
        webp_alpha=picture.alpha is not None,
    )
    webp = Tile(encode_vp8l(samples, quick=quick), zlib.crc32(np.ascontiguousarray(samples).data))
    sections = write_sections(replace(picture, alpha=None), strip=options.strip)
    return write_container(header, [], [], sections, webp)


def decode_samples(container: Container) -> NDArray[np.uint8]:
    """The samples of a file that holds a WebP: uint8 [H, W, 3], or [H, W, 4] with alpha.

    Raises DamagedError unless the WebP is of the header's size, before anything is allocated, and
    ReproductionError if other samples come out than the encoder saw.
    """
    header, webp = container.header, container.webp
    if webp is None:
        raise DamagedError("the picture is missing")
    if header.webp_alpha and Section.ALPHA in container.sections:
        raise DamagedError("there are two alpha channels")
    samples = decode_vp8l(webp.payload, Shape(header.width, header.height, header.webp_alpha))
    if zlib.crc32(np.ascontiguousarray(samples).data) != webp.pixel_crc:
        raise ReproductionError("the picture is intact but does not decode here to what it was")
    return samples
