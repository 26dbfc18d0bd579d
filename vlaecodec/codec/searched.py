"""What search found, in no more bytes than the same quality takes without search.

Search lowers the sum of bits and errors; at one quality some files grow a little and come nearer.
A slightly coarser quantisation of what was found gives that back.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from vlaecodec.bitstream.header import QUALITY_CODE_MIN, QUALITY_UNIT
from vlaecodec.codec.interface import D

GROWTH = 0.035
"""How much one step of quality adds to the logarithm of a file's size, about."""

TRIES = 4


def code_no_larger(code: Callable[[int], D], quality_code: int, plain: D) -> D:
    """The draft of the highest quality that takes no more bytes than the plain one, or that one.

    code: makes a draft of what was found at a quality code. Tries at most TRIES of them.
    """
    most = count_bytes(plain)
    for _ in range(TRIES):
        draft = code(quality_code)
        excess = math.log(count_bytes(draft) / most)
        if excess <= 0:
            return draft
        quality_code -= math.ceil(QUALITY_UNIT * excess / GROWTH)
        if quality_code < QUALITY_CODE_MIN:
            break
    return plain


def count_bytes(draft: D) -> int:
    """Of a draft's payloads."""
    return sum(len(tile.payload) for tile in draft.latents)
