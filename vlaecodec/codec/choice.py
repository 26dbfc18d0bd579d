"""Choose how a picture is coded: networks, near-lossless, a lossless WebP, or a mix of these.

The networks were made for photos. Drawings, screens and flat colours are often smaller as a
lossless WebP than as anything lossy of the networks', and no photo is as near as a quality near 100
promises. Where text and drawings lie around photos, they become an overlay, exact, and the networks
code the rest. A cheap look at the picture comes first, so that photos do not wait for this.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from vlaecodec.bitstream.header import MAX_ERROR, QUALITY_CODE_MAX, Section
from vlaecodec.codec.cost import Coded, Cost, make_cost, promised_db
from vlaecodec.codec.fewer import encode_fewer
from vlaecodec.codec.kinds import choose_codec
from vlaecodec.codec.options import TARGETS, EncodeOptions
from vlaecodec.codec.photo import PhotoEncoder
from vlaecodec.codec.photo_draft import PhotoDraft
from vlaecodec.codec.progress import ProgressCallback
from vlaecodec.codec.rate_control import UnmetTargetError, find_draft, make_scale, size_limit
from vlaecodec.codec.stored import store_picture
from vlaecodec.metrics.distortion import psnr_db
from vlaecodec.picture.alpha import fill_hidden
from vlaecodec.picture.content import looks_drawn, repeats_itself
from vlaecodec.picture.drawn_parts import find_drawn_parts
from vlaecodec.picture.image import Picture, Pixels
from vlaecodec.picture.overlay import OPAQUE, Mask, encode_overlay
from vlaecodec.picture.sections import write_sections
from vlaecodec.picture.vp8l import estimate_vp8l, fits_vp8l, good_vp8l_size

_log = logging.getLogger(__name__)

SMALL_LOSSY_BPP, SMALL_EXACT_BPP = 0.25, 0.5
"""A WebP of at most this rate is taken without trying the networks."""

BLOCK_BYTES = 4096
"""So is one that fits in one block of a disk, such as an icon: less would save nothing there."""

EXACT_TIMES = 2.0
"""An exact drawing may be at most this many times as large as one in fewer colours."""

ESTIMATE_PART = 0.92
"""The best WebP of no photo was smaller than this part of the estimate from a sample."""

GOOD_PART = 0.96
"""Nor, where it was about as small as the networks' file, than this part of a good one."""

Sections = dict[Section, bytes]


def encode_best(
    picture: Picture, options: EncodeOptions, progress: ProgressCallback | None
) -> bytes:
    """The whole file of a picture. Raises ParameterError, ModelError or ImageError."""
    sections = write_sections(picture, strip=options.strip)
    encoder = choose_codec(options).encoder(picture, options, progress)
    if not isinstance(encoder, PhotoEncoder) or options.only_nets:
        return encoder.finish(_find_draft(encoder, picture, options, sections)).write(sections)
    is_drawing = looks_drawn(picture.pixels)
    webp = store_picture(picture, options) if is_drawing else None
    if webp is not None and _settles(webp, picture, options):
        _log.info("looks drawn, and is small as a lossless WebP: taken")
        if progress is not None:
            progress(1.0)
        return webp
    best = _encode_photo(encoder, picture, options, sections)
    drawn = _find_drawn(picture, options)
    cost = make_cost(picture, options, drawn)
    if drawn is not None:
        mixed = _encode_mixed(picture, options, sections, drawn)
        sizes = len(mixed.data), len(best.data)
        _log.info("with drawn parts as an overlay: %d bytes, without: %d", *sizes)
        best = min(best, mixed, key=cost)
    if webp is None and _may_be_smaller(picture, options, best):
        webp = store_picture(picture, options)
    if webp is None:
        return best.data
    _log.info("as a lossless WebP: %d bytes, with the networks: %d", len(webp), len(best.data))
    exact = Coded(webp, lambda: picture.pixels)
    if is_drawing and drawn is None and not options.is_exact and options.roi is None:
        best = _weigh_fewer(best, exact, picture, options, cost)
    return min(exact, best, key=cost).data


def _weigh_fewer(
    best: Coded, exact: Coded, picture: Picture, options: EncodeOptions, cost: Cost
) -> Coded:
    """The best file so far, or one of fewer colours; or an exact one that is not much larger."""
    fewer = encode_fewer(picture, options, cost, cost(best))
    if fewer is None:
        return best
    sizes = len(fewer.data), len(best.data), len(exact.data)
    _log.info("in fewer colours: %d bytes, with the networks: %d, exact: %d", *sizes)
    is_near = len(exact.data) <= EXACT_TIMES * len(fewer.data)
    return exact if options.target is None and is_near else fewer


def _encode_photo(
    encoder: PhotoEncoder, picture: Picture, options: EncodeOptions, sections: Sections
) -> Coded:
    """Code with the networks, or near-lossless where they do not reach what is asked for."""
    try:
        draft = _find_draft(encoder, picture, options, sections)
    except UnmetTargetError:
        if size_limit(options.target, picture.pixels) is not None:
            raise
        place, measure = make_scale(picture.pixels, options.target or ("", 0.0))
        return _encode_nearer(picture, options, sections, lambda shown: measure(shown) >= place)
    data = encoder.finish(draft).write(sections)
    coded = Coded(data, lambda: encoder.mean_image(draft))
    if options.is_exact or options.roi is not None:
        return coded
    floor_db = promised_db(options)
    if floor_db is not None and psnr_db(picture.pixels, coded.shown) < floor_db:
        return _encode_nearer(
            picture, options, sections, lambda shown: psnr_db(picture.pixels, shown) >= floor_db
        )
    limit = size_limit(options.target, picture.pixels)
    if limit is not None and draft.quality_code == QUALITY_CODE_MAX:
        return _fill_size(picture, options, sections, limit, coded)
    return coded


def _find_drawn(picture: Picture, options: EncodeOptions) -> Mask | None:
    """The drawn parts of a picture, if they may be coded apart."""
    if options.is_exact or options.target is not None or options.roi is not None:
        return None
    if promised_db(options) is not None or not fits_vp8l(*picture.pixels.shape[:2], lightly=True):
        return None
    return find_drawn_parts(picture.pixels)


def _encode_mixed(
    picture: Picture, options: EncodeOptions, sections: Sections, drawn: Mask
) -> Coded:
    """Code with the networks, and the drawn parts as an overlay."""
    filled = fill_hidden(picture.pixels, OPAQUE * (~drawn).astype(np.uint8))
    overlay = encode_overlay(picture.pixels, drawn)
    encoder = choose_codec(options).encoder(replace(picture, pixels=filled), options, None)
    draft = encoder.encode_latents(options.quality)
    shown = np.where(drawn[..., None], picture.pixels, encoder.mean_image(draft))
    stored = {**sections, Section.OVERLAY: overlay}
    return Coded(encoder.finish(draft).write(stored), lambda: shown)


def _find_draft(encoder: Any, picture: Picture, options: EncodeOptions, sections: Sections) -> Any:
    if options.target is None:
        return encoder.encode_latents(options.quality)
    return find_draft(encoder, picture.pixels, options.target, sections)


def _encode_nearer(
    picture: Picture,
    options: EncodeOptions,
    sections: Sections,
    reaches: Callable[[Pixels], bool],
) -> Coded:
    """Code with the largest error that reaches what is asked for; lossless if none does."""
    draft, mean = _draft_exact(picture, options)
    error = MAX_ERROR
    while error > 0 and not reaches(round_residual(picture.pixels, mean, error)):
        error -= 1
    return _finish_exact(picture, options, sections, draft, error)


def _fill_size(
    picture: Picture, options: EncodeOptions, sections: Sections, limit: int, coded: Coded
) -> Coded:
    """The file with the smallest error that fits, if it comes nearer than the networks' best."""
    draft, _ = _draft_exact(picture, options)
    best, fits, misses = coded, MAX_ERROR + 1, -1
    while fits - misses > 1:
        error = (fits + misses) // 2
        tried = _finish_exact(picture, options, sections, draft, error)
        if len(tried.data) > limit:
            misses = error
            continue
        fits = error
        if psnr_db(picture.pixels, tried.shown) > psnr_db(picture.pixels, best.shown):
            best = tried
    return best


def _draft_exact(picture: Picture, options: EncodeOptions) -> tuple[PhotoDraft, Pixels]:
    """The latents of files with exact pixels, whatever the error, and their mean image."""
    chosen = _exact_options(options, 0)
    encoder = choose_codec(chosen).encoder(picture, chosen, None)
    draft = encoder.encode_latents(None)
    return draft, encoder.mean_image(draft)


def _finish_exact(
    picture: Picture, options: EncodeOptions, sections: Sections, draft: PhotoDraft, error: int
) -> Coded:
    chosen = _exact_options(options, error)
    encoder = choose_codec(chosen).encoder(picture, chosen, None)
    shown = round_residual(picture.pixels, encoder.mean_image(draft), error)
    return Coded(encoder.finish(draft).write(sections), lambda: shown)


def _exact_options(options: EncodeOptions, error: int) -> EncodeOptions:
    """Options of a file with exact pixels in place of a lossy one's."""
    unset: dict[str, Any] = dict.fromkeys((*TARGETS, "quality", "tune", "roi", "effort", "texture"))
    return replace(options, **unset, lossless=error == 0, max_error=error or None)


def round_residual(pixels: Pixels, mean: Pixels, error: int) -> Pixels:
    """What a near-lossless file of a largest error shows: uint8 [H, W, 3]."""
    step = 2 * error + 1
    residual = pixels.astype(np.int16) - mean
    coarse = (residual + error) // step * step
    return np.clip(mean + coarse, 0, 255).astype(np.uint8)


def _settles(webp: bytes, picture: Picture, options: EncodeOptions) -> bool:
    """Whether a WebP need not be compared with anything."""
    limit = size_limit(options.target, picture.pixels)
    if limit is not None:
        return len(webp) <= limit
    if options.target is None and not options.is_exact and len(webp) <= BLOCK_BYTES:
        return True
    small_bpp = SMALL_EXACT_BPP if options.is_exact else SMALL_LOSSY_BPP
    return 8 * len(webp) <= small_bpp * picture.pixels[..., 0].size


def _may_be_smaller(picture: Picture, options: EncodeOptions, coded: Coded) -> bool:
    """Whether a WebP of what does not look drawn may be smaller: only if the pixels are coded.

    Asked of a sample first, unless the picture repeats itself, then of one good WebP of all: the
    best one takes many times as long.
    """
    pixels, size = picture.pixels, len(coded.data)
    if not options.is_exact and promised_db(options) is None:
        return False
    if not fits_vp8l(*pixels.shape[:2], lightly=not options.is_exact):
        return False
    if not repeats_itself(pixels) and ESTIMATE_PART * estimate_vp8l(pixels) > size:
        return False
    return GOOD_PART * good_vp8l_size(pixels) <= size
