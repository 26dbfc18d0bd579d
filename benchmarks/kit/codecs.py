"""The codecs to measure, each with its settings: ours in several modes, and the rivals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib import metadata
from typing import Any

import torch
from PIL import Image

import vlaecodec
from vlaecodec.analysis.codecs import Rival, list_rivals, set_decoder_threads
from vlaecodec.bitstream.header import VERSION
from vlaecodec.model.registry import PSNR, find_model

OURS = "vlaecodec"
QUALITIES = (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
TEXTURE_QUALITIES = (5, 20, 40, 60)
TUNED = f"{OURS}, tuned for PSNR"
SEARCHES: dict[str, dict[str, Any]] = {
    f"{name}, effort {effort}": {"effort": effort, **options}
    for name, options in ((OURS, {}), (TUNED, {"tune": PSNR}))
    for effort in (3, 5, 7, 9)
}
SEARCH_QUALITIES = (5, 20, 40, 60, 75)
MAX_ERRORS = (15, 8, 4, 2, 1, 0)
TARGETED = f"{OURS}, by SSIMULACRA2"
TARGETS = (50, 60, 70, 80)


@dataclass(frozen=True)
class Codec:
    """An encoder, its decoder, and the settings to measure, smallest file first."""

    encode: Callable[[Image.Image, float], bytes]
    decode: Callable[[bytes], Image.Image]
    settings: tuple[float, ...]
    identity: dict[str, Any]
    """What the bytes depend on besides picture and setting."""
    is_ours: bool = False
    is_tested: bool = False
    """Whether BD-rates of it against all others are taken."""
    by_default: bool = True
    """Whether it is measured unless others are asked for."""


def our_codec(
    settings: tuple[float, ...] = QUALITIES, texture: float | None = 0, **options: Any
) -> Codec:
    """Ours at qualities. texture: the strength when decoding; None is what the file recommends.

    options: for `vlaecodec.encode`, such as its effort.
    """
    # A given strength saves measuring one; the size is the same.
    options = {"texture": "auto" if texture is None else texture, **options}
    return Codec(
        encode=lambda image, quality: vlaecodec.encode(image, quality, **options),
        decode=partial(vlaecodec.decode, texture=texture),
        settings=settings,
        identity=_our_identity(options, decoded_at="recommended" if texture is None else texture),
        is_ours=True,
        # Texture costs distortion, not rate: its curves are shown, but have no BD-rate.
        is_tested=texture == 0,
    )


def our_exact_codec() -> Codec:
    """Ours by the largest error of a sample, grey levels; 0 is lossless."""
    return Codec(
        encode=lambda image, error: vlaecodec.encode(
            image, **({"max_error": round(error)} if error else {"lossless": True})
        ),
        decode=vlaecodec.decode,
        settings=MAX_ERRORS,
        identity=_our_identity({}, by="max_error"),
        is_ours=True,
    )


def our_targeted_codec() -> Codec:
    """Ours with a target of SSIMULACRA2, which takes several drafts a file."""
    return Codec(
        encode=lambda image, score: vlaecodec.encode(image, target_ssimulacra2=score),
        decode=vlaecodec.decode,
        settings=TARGETS,
        identity=_our_identity({}, by="target_ssimulacra2"),
        is_ours=True,
        by_default=False,
    )


def rival_codec(rival: Rival, settings: tuple[float, ...], threads: int) -> Codec:
    """A rival through Pillow."""
    identity = {
        "library": rival.library,
        "pillow": metadata.version("pillow"),
        "options": rival.options,
        "threads": threads,
    }
    return Codec(partial(_encode, rival, threads), rival.decode, settings, identity)


AVIF_SETTINGS = (0, 5, 10, 18, 26, 34, 42, 50, 58, 66, 74, 82, 90)


@lru_cache(maxsize=1)
def find_codecs(threads: int) -> tuple[dict[str, Codec], list[str]]:
    """Every codec by its name, and the names of those that are not installed here."""
    torch.set_num_threads(threads)
    set_decoder_threads(threads)
    codecs = {
        OURS: our_codec(),
        # Without a model of its own it would search, which takes hours.
        TUNED: replace(our_codec(tune=PSNR), by_default=find_model(tune=PSNR).tuned_for == PSNR),
        f"{OURS}, recommended texture": our_codec(TEXTURE_QUALITIES, texture=None),
        f"{OURS}, full texture": our_codec(TEXTURE_QUALITIES, texture=1),
        f"{OURS}, near-lossless": our_exact_codec(),
        TARGETED: our_targeted_codec(),
    }
    for name, options in SEARCHES.items():
        codecs[name] = replace(our_codec(SEARCH_QUALITIES, **options), by_default=False)
    settings: Mapping[str, tuple[float, ...]] = {
        "jpeg": (5, 8, 12, 18, 27, 40, 55, 70, 80, 88, 93),
        "jpeg2000": (240, 120, 80, 60, 40, 30, 20, 14, 10),
        "webp": (0, 5, 12, 25, 40, 55, 70, 80, 87, 92, 95),
        **dict.fromkeys(("avif", "avif-psnr", "avif-ssim"), AVIF_SETTINGS),
        "jxl": (0, 5, 10, 20, 30, 40, 50, 60, 70, 78, 85, 90, 95),
    }
    left_out = []
    for name, rival in list_rivals().items():
        if rival.library is None:
            left_out.append(rival.name)
        else:
            codecs[rival.name] = rival_codec(rival, settings[name], threads)
    return codecs, left_out


def _encode(rival: Rival, threads: int, image: Image.Image, setting: float) -> bytes:
    return rival.encode(image, setting, threads)


def _our_identity(options: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "model": find_model(tune=options.get("tune")).fingerprint.hex(),
        "format_version": VERSION,
        "options": options,
        "threads": torch.get_num_threads(),
        **more,
    }
