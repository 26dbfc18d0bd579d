"""vlaecodec: an image codec built on the Variational Lossy Autoencoder (arXiv 1611.02731).

    data = vlaecodec.encode(image, quality=50)
    image = vlaecodec.decode(data)
    info = vlaecodec.read_info(data)

torch is imported when the first photo is encoded, and never to decode.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vlaecodec import errors
from vlaecodec.codec.info import FileInfo, is_vlae, read_info
from vlaecodec.errors import LossWarning, VlaeError

if TYPE_CHECKING:
    from vlaecodec.codec.decode import decode, verify
    from vlaecodec.codec.encode import encode
    from vlaecodec.codec.features import decode_latent, encode_latent
    from vlaecodec.codec.files import decode_file, encode_file
    from vlaecodec.codec.thumbnail import decode_thumbnail
    from vlaecodec.picture.roi import Roi

__version__ = "0.1.0"
__all__ = [
    "FileInfo",
    "LossWarning",
    "Roi",
    "VlaeError",
    "__version__",
    "decode",
    "decode_file",
    "decode_latent",
    "decode_thumbnail",
    "encode",
    "encode_file",
    "encode_latent",
    "errors",
    "is_vlae",
    "read_info",
    "verify",
]

_LAZY = {
    "Roi": "vlaecodec.picture.roi",
    "decode": "vlaecodec.codec.decode",
    "decode_file": "vlaecodec.codec.files",
    "decode_latent": "vlaecodec.codec.features",
    "decode_thumbnail": "vlaecodec.codec.thumbnail",
    "encode": "vlaecodec.codec.encode",
    "encode_file": "vlaecodec.codec.files",
    "encode_latent": "vlaecodec.codec.features",
    "verify": "vlaecodec.codec.decode",
}
"""Where to find what imports torch or numpy."""


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
