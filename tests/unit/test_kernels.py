"""The compiled kernels of pages."""

import hashlib
from importlib import resources


def test_they_were_compiled_from_their_source() -> None:
    files = resources.files("vlaecodec.page")
    source = (files / "kernels.c").read_bytes()
    # bin/build-kernels ends the module with a section of the source's hash.
    assert (files / "kernels.wasm").read_bytes().endswith(hashlib.sha256(source).digest())
