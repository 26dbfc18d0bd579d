"""Name what a picture file holds and a .vlae file does not keep."""

from __future__ import annotations

from typing import Any

from PIL import Image

_IPTC_RESOURCE = 1028
_IPTC_TAG, _PHOTOSHOP_TAG = 33723, 34377
"""Of a TIFF."""

_MP_ENTRIES = 45058
"""Of a multi-picture file's index (CIPA DC-007)."""

_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/"
_GAIN_MAPS = (b"http://ns.adobe.com/hdr-gain-map/", b"urn:iso:std:iso:ts:21496", b"HDRGainMap")
_MOTION = (b"MotionPhoto=", b"MicroVideo=", b":MotionPhoto>")
_PNG_XMP = "XML:com.adobe.xmp"
_RAW_PROFILE = "Raw profile type "
_KEPT_RAW_PROFILES = {"exif", "app1", "xmp"}


def name_losses(image: Image.Image, data: bytes) -> list[str]:
    """image: as opened from `data`, loaded. What is not kept, in a few words each."""
    names = []
    if image.format in ("JPEG", "MPO"):
        names += _in_jpeg(image, data)
    elif image.format == "PNG":
        names += _in_png(image)
    elif image.format == "GIF" and image.info.get("comment"):
        names.append("a comment")
    elif image.format == "TIFF":
        names += _in_tiff(image)
    elif image.format in ("HEIF", "AVIF"):
        names += _in_heif(image, data)
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and "a gain map" not in names:
        names.append(_other_pictures(image, frames - 1))
    return names


def _other_pictures(image: Image.Image, count: int) -> str:
    entries: Any = getattr(image, "mpinfo", {}).get(_MP_ENTRIES, [])
    if count == 1 and len(entries) == 2 and entries[1]["Attribute"]["MPType"] == "Undefined":
        return "a second picture (a gain map or a preview)"
    kind = {"TIFF": "page", "GIF": "frame", "PNG": "frame", "WEBP": "frame"}.get(
        image.format or "", "picture"
    )
    return f"another {kind}" if count == 1 else f"{count} other {kind}s"


def _in_jpeg(image: Image.Image, data: bytes) -> list[str]:
    names = []
    if image.info.get("comment"):
        names.append("a comment")
    if _IPTC_RESOURCE in image.info.get("photoshop", {}):
        names.append("IPTC")
    if _EXTENDED_XMP in data:
        names.append("extended XMP")
    if any(mark in data for mark in _GAIN_MAPS):
        names.append("a gain map")
    if any(mark in data for mark in _MOTION) and data.rfind(b"ftyp") > data.rfind(b"\xff\xda"):
        names.append("a motion photo's video")
    return names


def _in_png(image: Image.Image) -> list[str]:
    keys: list[str] = []
    text: dict[str, Any] = getattr(image, "text", {})
    for key in text:
        profile = key.removeprefix(_RAW_PROFILE)
        if profile != key and profile.lower() not in _KEPT_RAW_PROFILES:
            keys.append(profile.upper())
        elif profile == key and key != _PNG_XMP:
            keys.append(key)
    return [f"text ({', '.join(keys)})"] if keys else []


def _in_tiff(image: Image.Image) -> list[str]:
    tags: Any = getattr(image, "tag_v2", {})
    names = ["IPTC"] if _IPTC_TAG in tags else []
    return names + (["Photoshop's own data"] if _PHOTOSHOP_TAG in tags else [])


def _in_heif(image: Image.Image, data: bytes) -> list[str]:
    names = []
    if any(mark in data for mark in (*_GAIN_MAPS[1:], b"hdrgainmap", b"tmap")):
        names.append("a gain map")
    if image.info.get("depth_images"):
        names.append("a depth map")
    return names
