"""Select the tensors of a model file that a decoder of mean images needs."""

from __future__ import annotations

import json

NETWORKS = ("posterior.", "anchor_prior.", "pass_priors.", "decoder.", "step.")
FAMILIES = ("latent", "posterior", "top", "flag")
NEEDED = NETWORKS + tuple(f"tables.{family}." for family in FAMILIES)
"""How the names of tensors begin; see FORMAT.md, sections 3 to 6."""

METADATA = "__metadata__"
SIZE_BYTES = 8


def select_weights(data: bytes) -> bytes:
    """A safetensors file of the tensors NEEDED alone, from one that holds them all."""
    start = SIZE_BYTES + int.from_bytes(data[:SIZE_BYTES], "little")
    header = json.loads(data[SIZE_BYTES:start])
    chosen = {METADATA: header[METADATA]}
    parts: list[bytes] = []
    size = 0
    for name, entry in header.items():
        if not name.startswith(NEEDED):
            continue
        first, last = entry["data_offsets"]
        parts.append(data[start + first : start + last])
        chosen[name] = {**entry, "data_offsets": [size, size + last - first]}
        size += last - first
    text = json.dumps(chosen).encode()
    return b"".join([len(text).to_bytes(SIZE_BYTES, "little"), text, *parts])
