"""Names of files: which look like pictures, and what an output is called after its input."""

from __future__ import annotations

from pathlib import Path

VLAE = ".vlae"
PICTURE_SUFFIXES = {f".{s}" for s in ("png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "avif")}
PICTURE_SUFFIXES |= {f".{s}" for s in ("tif", "tiff", "bmp", "dib", "gif", "jp2", "j2k", "jpx")}
PICTURE_SUFFIXES |= {f".{s}" for s in ("ppm", "pgm", "pbm", "pnm", "tga", "ico", "dds", "pcx")}
PICTURE_SUFFIXES |= {f".{s}" for s in ("mpo", "heic", "heif", "hif")}
"""Suffixes of files in folders that `encode` takes for pictures."""

OTHER_PICTURE_SUFFIXES = {f".{s}" for s in ("jxl", "jxr", "svg", "psd", "xcf", "exr", "hdr", "eps")}
OTHER_PICTURE_SUFFIXES |= {f".{s}" for s in ("dng", "cr2", "cr3", "nef", "arw", "raf", "orf")}
OTHER_PICTURE_SUFFIXES |= {f".{s}" for s in ("rw2", "pef", "srw", "x3f", "raw", "flif", "bpg")}
"""Suffixes of pictures that cannot be read here: skipped in folders, with a message."""


def is_picture(path: Path) -> bool:
    """Whether a name looks like that of a picture that can be read."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def is_other_picture(path: Path) -> bool:
    """Whether a name looks like that of a picture that cannot be read."""
    return path.suffix.lower() in OTHER_PICTURE_SUFFIXES


def is_vlae(path: Path) -> bool:
    """Whether a name looks like one of our own files."""
    return path.suffix.lower() == VLAE


def is_shard(path: Path) -> bool:
    """Whether a name looks like a tar shard's."""
    return path.suffix.lower() == ".tar"


def name_output(path: Path, suffix: str, *, keep_suffix: bool = False) -> Path:
    """The input's name with another suffix, or with keep_suffix one more.

    Only known suffixes count as such: the dots of "a.b" are part of the name. A name
    that ends as it should once its suffix is gone, as a.png.vlae does, gets no second one.
    Raises ValueError for what is no name of a file.
    """
    if not path.name:
        raise ValueError(f"{str(path)!r} is not the name of a file")
    known = is_picture(path) or is_vlae(path)
    bare = path.with_suffix("") if known and not keep_suffix else path
    if is_vlae(path) and bare.suffix.lower() == suffix:
        return bare
    return bare.with_name(bare.name + suffix)


def is_namesake(target: Path, vlae: Path) -> bool:
    """Whether a file is, by its name, the picture that a .vlae file beside it was made from."""
    return (
        is_vlae(vlae)
        and target.parent.resolve() == vlae.parent.resolve()
        and (is_picture(target) or is_other_picture(target))
        and vlae.stem in (target.stem, target.name)
    )
