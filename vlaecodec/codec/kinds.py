"""Which codec belongs to a model: by the kind that its weights name."""

from __future__ import annotations

from collections.abc import Callable

from vlaecodec.bitstream.container import Container
from vlaecodec.codec.interface import PictureCodec
from vlaecodec.codec.options import EncodeOptions
from vlaecodec.codec.photo import PhotoCodec
from vlaecodec.codec.small import SmallCodec
from vlaecodec.codec.stored import StoredCodec
from vlaecodec.errors import ModelError
from vlaecodec.model.frozen import MODEL_KIND
from vlaecodec.model.registry import ModelEntry, find_fingerprint, find_model
from vlaecodec.small.model import SMALL_MODEL_KIND

CODECS: dict[str, Callable[[ModelEntry], PictureCodec]] = {
    MODEL_KIND: PhotoCodec,
    SMALL_MODEL_KIND: SmallCodec,
}


def choose_codec(options: EncodeOptions) -> PictureCodec:
    """The codec of the model that options ask for. Raises ModelError."""
    return load_codec(find_model(options.model, options.model_tune))


def codec_of(container: Container) -> PictureCodec:
    """The codec that a file was made with. Raises ModelError if its model is not here."""
    if container.header.webp:
        return StoredCodec()
    return load_codec(find_fingerprint(container.header.fingerprint))


def load_codec(entry: ModelEntry) -> PictureCodec:
    """The codec of a model. Raises ModelError."""
    if entry.kind not in CODECS:
        raise ModelError(f"model {entry.name!r} is of kind {entry.kind!r}, not known here")
    return CODECS[entry.kind](entry)
