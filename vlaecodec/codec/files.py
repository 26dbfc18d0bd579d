"""`encode` and `decode` from one file to another: paths, or open binary files."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, Unpack

from PIL import Image

from vlaecodec.codec.decode import decode
from vlaecodec.codec.encode import encode_picture
from vlaecodec.codec.info import FileInfo, read_info
from vlaecodec.codec.options import DecodeKeywords, EncodeKeywords, EncodeOptions
from vlaecodec.codec.progress import ProgressCallback
from vlaecodec.errors import InputError, OutputError
from vlaecodec.picture.image import read_image
from vlaecodec.picture.saving import SAVE_OPTIONS, save_image
from vlaecodec.writing import check_place, is_special, reason_of, replacing

Source = str | os.PathLike[str] | IO[bytes]
Target = str | os.PathLike[str] | IO[bytes]


def encode_file(
    source: Source,
    target: Target,
    quality: float | None = None,
    *,
    progress: ProgressCallback | None = None,
    **options: Unpack[EncodeKeywords],
) -> FileInfo:
    """Encode a picture file in any format that Pillow reads to a .vlae file.

    source, target: paths, or binary files open for reading and for writing. A target that is a path
    is replaced when the new file is complete, not before, and keeps its mode. Other arguments are
    those of `encode`. Returns the file's information, as `read_info` does. Raises what `encode`
    raises, InputError and OutputError, the latter before the work where nothing can be written.
    """
    _check(target)
    image = read_image(_read(source), to_8_bit=options.get("to_8_bit", False))
    data = encode_picture(image, EncodeOptions(quality=quality, **options), progress, close=True)
    _write(target, data)
    return read_info(data)


def decode_file(
    source: Source,
    target: Target,
    *,
    format_name: str | None = None,
    progress: ProgressCallback | None = None,
    **options: Unpack[DecodeKeywords],
) -> None:
    """Decode a .vlae file to a picture file.

    source, target: as in `encode_file`. format_name: Pillow's name of the target's format: PNG,
    TIFF, WEBP, BMP, PPM or JPEG; by default the format of the target's suffix, or PNG. Other
    arguments are those of `decode`. Raises what `decode` raises, InputError and OutputError.
    """
    format_name = format_name or _format_of(target)
    _check(target)
    image = decode(_read(source), progress=progress, **options)
    buffer = io.BytesIO()
    try:
        save_image(image, buffer, format_name)
    except Exception as error:  # Pillow's writers raise whatever they meet
        raise OutputError(f"{format_name} cannot hold the picture: {error}") from error
    _write(target, buffer.getvalue())


def _read(source: Source) -> bytes:
    if not isinstance(source, str | os.PathLike):
        return source.read()
    try:
        return Path(source).read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"{source}: {reason_of(error)}") from error


def _check(target: Target) -> None:
    """Raise OutputError before the work if there is no way to write its result."""
    if isinstance(target, str | os.PathLike):
        check_place(Path(target))


def _write(target: Target, data: bytes) -> None:
    if not isinstance(target, str | os.PathLike):
        target.write(data)
        return
    try:
        if is_special(Path(target)):
            Path(target).write_bytes(data)
            return
        with replacing(os.fspath(target), force=True) as file:
            file.write(data)
    except (OSError, ValueError) as error:
        raise OutputError(f"{target}: {reason_of(error)}") from error


def _format_of(target: Target) -> str:
    """Pillow's name for the format that a target's suffix stands for. Raises OutputError."""
    if not isinstance(target, str | os.PathLike):
        return "PNG"
    name = Image.registered_extensions().get(Path(target).suffix.lower())
    if name not in SAVE_OPTIONS:
        raise OutputError(f"{target}: no format with that suffix is written here")
    return name
