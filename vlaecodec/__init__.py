"""vlaecodec: an image codec built on the Variational Lossy Autoencoder (arXiv 1611.02731).

    data = vlaecodec.encode(image, quality=50)
    image = vlaecodec.decode(data)
    info = vlaecodec.read_info(data)

torch is imported when the first picture is encoded or decoded, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlaecodec.codec.info import FileInfo, read_info

if TYPE_CHECKING:
    from vlaecodec.codec.decode import decode
    from vlaecodec.codec.encode import encode
    from vlaecodec.codec.thumbnail import decode_thumbnail

__version__ = "0.1.0"
__all__ = ["FileInfo", "__version__", "decode", "decode_thumbnail", "encode", "read_info"]


def __getattr__(name: str) -> Any:
    if name == "encode":
        from vlaecodec.codec.encode import encode

        return encode
    if name == "decode":
        from vlaecodec.codec.decode import decode

        return decode
    if name == "decode_thumbnail":
        from vlaecodec.codec import thumbnail

        return thumbnail.decode_thumbnail
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
