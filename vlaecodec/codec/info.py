"""Information about a file, from its header alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape

from vlaecodec.bitstream.header import (
    MAGIC,
    MAX_SIDE_PX,
    VERSION,
    Header,
    Layout,
    Section,
    read_header,
)
from vlaecodec.bitstream.vp8l_head import read_palette_size
from vlaecodec.errors import ModelError
from vlaecodec.model.registry import find_fingerprint


@dataclass(frozen=True)
class FileInfo:
    """The fields of a file's header, and what follows from them."""

    width: int
    height: int
    mode: str
    """Pillow's name for the channels: RGB, RGBA, L or LA."""
    quality: float
    tiles: int
    size_bytes: int
    complete: bool
    """Whether the file has the size that its header announces."""
    max_error: int | None
    """0: lossless; more: near-lossless; None: the file holds no pixels, only latents."""
    latents_size_bytes: int
    """The size of the file if it were cut after its latents: of the lossy preview."""
    texture: float
    """Recommended strength of the texture, 0..1."""
    seed: int
    """Of the texture."""
    rate_bpp: float
    format_version: int
    model_fingerprint: str
    sections: dict[str, int]
    """What the file holds beside the picture (alpha, icc_profile, exif, xmp): bytes of each."""
    model: str | None
    """The model's name, or None if it is not installed or none is needed."""
    coding: str
    """"networks"; "webp" for a picture that is stored as one lossless WebP; "networks and webp" for
    one whose drawn parts are."""
    colours: int | None
    """Of a picture that is stored in few colours: how many; None of others."""

    def _repr_html_(self) -> str:
        """A table, as notebooks show it."""
        rows = "".join(
            f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>"
            for name, value in asdict(self).items()
        )
        return f"<table>{rows}</table>"


def _name_coding(header: Header, layout: Layout) -> str:
    if header.webp:
        return "webp"
    return "networks and webp" if Section.OVERLAY in layout.section_sizes else "networks"


def is_vlae(data: bytes) -> bool:
    """Whether these bytes begin like a .vlae file of any version; the first four are enough."""
    return bytes(data[: len(MAGIC)]) == MAGIC


def read_info(data: bytes, size_bytes: int | None = None) -> FileInfo:
    """Read a file's header. Raises DamagedError or UnsupportedError; decodes nothing.

    size_bytes: of the whole file, where `data` is only its first HEAD_BYTES.
    """
    header, layout = read_header(data, max_pixels=MAX_SIDE_PX**2)
    size_bytes = len(data) if size_bytes is None else size_bytes
    try:
        model = find_fingerprint(header.fingerprint).name
    except ModelError:
        model = None
    return FileInfo(
        width=header.width,
        height=header.height,
        mode=("L" if header.grey and not header.as_rgb else "RGB")
        + "A" * (header.webp_alpha or Section.ALPHA in layout.section_sizes),
        quality=header.quality,
        tiles=len(layout.latent_sizes),
        size_bytes=size_bytes,
        complete=size_bytes == layout.end,
        max_error=header.max_error,
        latents_size_bytes=layout.latents_end,
        texture=header.texture,
        seed=header.seed,
        rate_bpp=8 * size_bytes / (header.width * header.height),
        format_version=VERSION,
        model_fingerprint=header.fingerprint.hex(),
        sections={section.name.lower(): n for section, n in layout.section_sizes.items()},
        model=model,
        coding=_name_coding(header, layout),
        colours=read_palette_size(data[layout.latents_start :]) if header.webp else None,
    )
