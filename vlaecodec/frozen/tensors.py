"""A weights file's tensors as arrays: the safetensors format, read without its library or torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DTYPES = {"I8": "i1", "U8": "u1", "I16": "<i2", "I32": "<i4", "I64": "<i8"}
_DTYPES |= {"F16": "<f2", "F32": "<f4", "F64": "<f8"}


class Tensors(Mapping[str, NDArray[Any]]):
    """Arrays by name; `within` is the part of them whose names begin alike."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], prefix: str = "") -> None:
        self._arrays, self._prefix = arrays, prefix

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._arrays[self._prefix + name]

    def __iter__(self) -> Iterator[str]:
        length = len(self._prefix)
        return (name[length:] for name in self._arrays if name.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def within(self, name: str | int) -> Tensors:
        """Those of a part of the network, by their names in it."""
        return Tensors(self._arrays, f"{self._prefix}{name}.")


def read_tensors(data: bytes) -> Tensors:
    """The tensors in the bytes of a weights file; they share its memory.

    Raises ValueError, KeyError or TypeError if there are none.
    """
    header, body = _split(data)
    arrays = {}
    for name, row in header.items():
        if name != "__metadata__":
            start, end = row["data_offsets"]
            arrays[name] = np.frombuffer(body[start:end], _DTYPES[row["dtype"]]).reshape(
                row["shape"]
            )
    return Tensors(arrays)


def read_metadata(data: bytes) -> dict[str, str]:
    """The metadata of a weights file. Raises as `read_tensors` does."""
    metadata: dict[str, str] = _split(data)[0]["__metadata__"]
    return metadata


def _split(data: bytes) -> tuple[dict[str, Any], memoryview]:
    """The JSON header, whose size the first 8 bytes say, and the bytes that it describes."""
    size = int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + size])
    return header, memoryview(data)[8 + size :]
