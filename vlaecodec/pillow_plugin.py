"""Lets Pillow, and so any program built on it, open and save .vlae files.

    import vlaecodec.pillow_plugin
    image = Image.open("photo.vlae")         # lazy: size and mode from the header
    image.save("smaller.vlae", quality=30)   # icc_profile=, exif=, xmp= replace the image's own
    image.save("small.vlae", target_size=40_000)
    image.draft("RGB", (256, 256))           # before load: decode no more than a thumbnail needs

Importing this module registers the plugin; torch is imported only to encode photos.
"""

from __future__ import annotations

import contextlib
import io
from typing import IO, Any

from PIL import Image, ImageFile

from vlaecodec.bitstream.container import read_sections
from vlaecodec.bitstream.header import MAGIC, MAX_SIDE_PX, SAMPLE_SECTIONS, read_header
from vlaecodec.codec.info import read_info
from vlaecodec.codec.options import EncodeOptions, field_names
from vlaecodec.errors import VlaeError
from vlaecodec.picture.metadata import read_metadata

FORMAT = "VLAE"
MIME = "image/x-vlae"
METADATA_OPTIONS = ("icc_profile", "exif", "xmp")
"""What `Image.save` takes in place of the image's own."""


class VlaeImageFile(ImageFile.ImageFile):
    """A .vlae file as Pillow sees it. Errors appear as SyntaxError and OSError, Pillow's own."""

    format = FORMAT
    format_description = "Variational Lossy Autoencoder image"

    def _open(self) -> None:
        if self.fp is None:
            raise SyntaxError("the file is closed")
        self._data = self.fp.read()
        try:
            info = read_info(self._data)
        except VlaeError as error:
            raise SyntaxError(str(error)) from error
        self._size = (info.width, info.height)
        self._mode = info.mode
        self.tile = []
        self.info["quality"] = info.quality
        self.info.update(_metadata_in(self._data))
        self._decoded = False
        self._draft_px: int | None = None

    def verify(self) -> None:
        """Decode and compare with all checksums, as `vlaecodec verify` does; raises OSError."""
        from vlaecodec.codec.decode import verify

        try:
            verify(self._data)
        except VlaeError as error:
            raise OSError(str(error)) from error

    def draft(
        self, mode: str | None, size: tuple[int, int] | None
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Load a smaller picture, of at least this size, as Pillow's JPEG reader does.

        Takes a part of the time. mode is ignored. Returns the mode and the box of the picture.
        """
        if size is None or self._decoded or self._draft_px is not None:
            return None
        width, height = self.size
        scale = max(size[0] / width, size[1] / height)
        if scale > 0.5:  # where nothing is saved
            return None
        self._draft_px = max(1, round(scale * max(width, height)))
        scale = self._draft_px / max(width, height)
        self._size = (max(1, round(scale * width)), max(1, round(scale * height)))
        return self.mode, (0, 0, float(self._size[0]), float(self._size[1]))

    def _decode(self) -> Image.Image:
        if self._draft_px is not None:
            from vlaecodec.codec.thumbnail import decode_thumbnail

            return decode_thumbnail(self._data, self._draft_px)
        from vlaecodec.codec.decode import decode

        return decode(self._data)

    def load(self) -> Any:
        if not self._decoded:
            try:
                pixels = self._decode().tobytes()
            except VlaeError as error:
                raise OSError(str(error)) from error
            self._decoded = True
            self._data = b""
            if self.fp is not None and self._exclusive_fp:
                self.fp.close()
            # Pillow reads the decoded samples as if the file had held them raw.
            self.fp = io.BytesIO(pixels)
            self.tile = [ImageFile._Tile("raw", (0, 0, *self.size), 0, self.mode)]
        return super().load()


def _metadata_in(data: bytes) -> dict[str, bytes]:
    """What there is under Pillow's names; what is damaged is left for `load` to complain about."""
    _, layout = read_header(data, max_pixels=MAX_SIDE_PX**2)
    found: dict[str, bytes] = {}
    for section, stored in read_sections(data, layout).items():
        if section not in SAMPLE_SECTIONS and stored is not None:
            with contextlib.suppress(VlaeError):
                found |= read_metadata(section, stored).as_info()
    return found


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(MAGIC)


def _save(image: Image.Image, file: IO[bytes], _filename: str | bytes) -> None:
    from vlaecodec.codec.encode import encode_picture

    options = getattr(image, "encoderinfo", {})
    try:
        chosen = {name: options[name] for name in field_names(EncodeOptions) if name in options}
        image = _with_metadata(image, options)
        file.write(encode_picture(image, EncodeOptions(**chosen)))
    except VlaeError as error:
        raise OSError(str(error)) from error


def _with_metadata(image: Image.Image, options: dict[str, Any]) -> Image.Image:
    """The image with the metadata that `Image.save` was given instead of its own; None: none."""
    given = {name: options[name] for name in METADATA_OPTIONS if name in options}
    if not given:
        return image
    if isinstance(given.get("exif"), Image.Exif):
        given["exif"] = given["exif"].tobytes()
    image = image.copy()
    image.info.update(given)
    return image


def register_vlae_opener() -> None:
    """Register the plugin with Pillow; importing the module has done it already."""
    Image.register_open(FORMAT, VlaeImageFile, _accept)
    Image.register_save(FORMAT, _save)
    Image.register_extension(FORMAT, ".vlae")
    Image.register_mime(FORMAT, MIME)


register_vlae_opener()
