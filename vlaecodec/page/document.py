"""The page as one HTML file that needs no network."""

from __future__ import annotations

import base64
import json
import zlib
from html import escape
from importlib import resources

from vlaecodec.bitstream.header import read_header
from vlaecodec.errors import UnsupportedError
from vlaecodec.model.frozen import MODEL_KIND, read_weights
from vlaecodec.model.registry import ModelEntry, find_fingerprint, find_model
from vlaecodec.page.weights import select_weights

SCRIPTS = ("container.js", "model.js", "networks.js", "png.js", "viewer.js")
ANY_FILE = "Decode .vlae files"


def render_page(data: bytes | None = None, name: str = "") -> str:
    """A page that shows the file in data, or without one waits for a file of the default model.

    name: of the file, without its suffix; the title, and what the page calls a saved picture. The
    page holds the file's model, so other files of this model can be dropped on it too. Raises
    VlaeError if the file's header is damaged, ModelError if its model is missing, and
    UnsupportedError if it is for small images.
    """
    entry = _find_entry(data)
    if entry.kind != MODEL_KIND:
        raise UnsupportedError(f"pages show photos; this file is of model {entry.name!r}")
    files = resources.files("vlaecodec.page")
    about = {"name": name, "model": entry.fingerprint.hex(), "modelName": entry.name}
    weights = zlib.compress(select_weights(read_weights(entry)), 9)
    parts = {
        "TITLE": escape(name or ANY_FILE),
        "ABOUT": json.dumps(about).replace("<", "\\u003c"),
        "FILE": _base64(data or b""),
        "WEIGHTS": _base64(weights),
        "KERNELS": _base64((files / "kernels.wasm").read_bytes()),
        "SCRIPTS": "\n".join((files / script).read_text() for script in SCRIPTS),
    }
    page = (files / "page.html").read_text()
    for part, text in parts.items():
        page = page.replace(f"<!--{part}-->", text)
    return page


def _find_entry(data: bytes | None) -> ModelEntry:
    """The model of a file; the default one where there is no file, or one that needs none."""
    if data is None:
        return find_model()
    header, _ = read_header(data)
    return find_model() if header.webp else find_fingerprint(header.fingerprint)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
