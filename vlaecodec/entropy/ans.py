"""The ANS stack. The only module that imports constriction, and it sees whole numbers only.

What is pushed last is popped first. `push` and `pop` are exact inverses of each other, in both
directions: popping from a stack that holds other data draws a sample and takes its information off
the stack, which is what bits-back coding does.
"""

from __future__ import annotations

from functools import cached_property

import constriction
import numpy as np
from numpy.typing import NDArray

from vlaecodec.entropy.tables import FrequencyTables
from vlaecodec.errors import DamagedError

ESCAPE_LIMIT = 2**15
"""Escaped symbols lie in [-ESCAPE_LIMIT, ESCAPE_LIMIT)."""

ESCAPE_BITS = (2 * ESCAPE_LIMIT).bit_length() - 1
"""What an escaped symbol costs beside its escape."""

_LEAST_STATE_BITS = 32
"""The state takes in a word when it falls to so many bits."""

Symbols = NDArray[np.int32]
_Categorical = constriction.stream.model.Categorical

# A family, whose parameters come with the symbols.
_EACH = _Categorical(perfect=False)


class CodingTables:
    """Frequency tables made ready for the coder; each table's model is built when first used."""

    def __init__(self, tables: FrequencyTables) -> None:
        self.tables = tables
        self._models: dict[int, object] = {}

    @cached_property
    def sizes(self) -> Symbols:
        """Entries per table, the escape entry included."""
        return np.diff(self.tables.starts).astype(np.int32)

    def model(self, index: int) -> object:
        """The coder's model of one table."""
        if index not in self._models:
            # With weights freq - 1, constriction's rounding lands on the integer frequencies.
            weights = self.tables.table(index).astype(np.float64) - 1.0
            self._models[index] = _Categorical(weights, perfect=False)
        return self._models[index]


class AnsStack:
    """A stack of symbols, held as 32-bit words.

    words: the content to start from, uint32 [n], bottom first. Raises DamagedError if the last
    word is 0, which no stack ends in.
    """

    def __init__(self, words: NDArray[np.uint32] | None = None) -> None:
        if words is None or len(words) == 0:
            self._coder = constriction.stream.stack.AnsCoder()
            return
        if words[-1] == 0:
            raise DamagedError("an entropy-coded payload ends in a zero word")
        words = np.ascontiguousarray(words, dtype=np.uint32)
        self._coder = constriction.stream.stack.AnsCoder(words)

    def words(self) -> NDArray[np.uint32]:
        """The stack's content; the top of the stack is last."""
        return np.asarray(self._coder.get_compressed(), dtype=np.uint32)

    def size_bits(self) -> int:
        """How many bits of information the stack holds."""
        return int(self._coder.num_valid_bits())

    def is_empty(self) -> bool:
        """Whether the stack is in its initial state."""
        return bool(self._coder.is_empty())

    def has_run_out(self) -> bool:
        """Whether something was popped that needed more words than there were, or nothing is left.

        A stack with words below these keeps more than 32 bits in its state.
        """
        return self.size_bits() <= _LEAST_STATE_BITS

    def push(self, symbols: Symbols, indices: NDArray[np.integer], tables: CodingTables) -> None:
        """Push symbols, int32 [n], each with the table of its index [n].

        A symbol outside its table is escaped. Where tables have no escape, or beyond what escapes
        can hold, raises DamagedError and leaves the stack as it was: when decoding, pushing happens
        to give bits back, and only damaged data can ask for an impossible symbol.
        """
        order, groups = _group(indices)
        place = symbols.astype(np.int64) - tables.tables.lows.take(indices)
        last = tables.sizes.take(indices) - 1
        inside = (place >= 0) & (place <= last - int(tables.tables.escape))
        if not inside.all():
            if not tables.tables.escape:
                raise DamagedError("a symbol is outside its probability table")
            escaped = symbols[order][~inside[order]].astype(np.int64) + ESCAPE_LIMIT
            if escaped.min() < 0 or escaped.max() >= 2 * ESCAPE_LIMIT:
                raise DamagedError("a symbol is outside the range of escape coding")
            self._push_run(escaped.astype(np.int32), _uniform())
            place = np.where(inside, place, last)
        place = place.astype(np.int32).take(order)
        for index, start, stop in reversed(groups):
            self._push_run(place[start:stop], tables.model(index))

    def pop(self, indices: NDArray[np.integer], tables: CodingTables) -> Symbols:
        """Pop symbols, int32 [n], each with the table of its index [n].

        A stack that runs out does not raise; it is `is_empty` at the end that tells.
        """
        order, groups = _group(indices)
        place = np.empty(len(indices), np.int32)
        for index, start, stop in groups:
            place[start:stop] = self._pop_run(tables.model(index), stop - start)
        sorted_indices = indices.take(order)
        symbols = place + tables.tables.lows.take(sorted_indices)
        if tables.tables.escape:
            outside = place == tables.sizes.take(sorted_indices) - 1
            count = int(outside.sum())
            if count:
                symbols[outside] = self._pop_run(_uniform(), count) - ESCAPE_LIMIT
        result = np.empty_like(symbols)
        result[order] = symbols
        return result

    def push_uniform(self, symbols: Symbols, size: int) -> None:
        """Push symbols, int32 [n] in 0..size - 1, all as likely."""
        self._push_run(symbols, constriction.stream.model.Uniform(size))

    def push_rows(self, places: Symbols, frequencies: NDArray[np.int64]) -> None:
        """Push entries of tables, int32 [n] from 0, each with a table of its own [n, entries].

        frequencies: at least 1, and the sum of each row is FREQUENCY_SUM.
        """
        self._push_run(places, _EACH, frequencies.astype(np.float64) - 1.0)

    def pop_rows(self, frequencies: NDArray[np.int64]) -> Symbols:
        """Pop entries of tables, int32 [n] from 0, the first entry first."""
        return self._pop_run(_EACH, frequencies.astype(np.float64) - 1.0)

    def pop_uniform(self, count: int, size: int) -> Symbols:
        """Pop so many symbols in 0..size - 1, the first symbol first."""
        return self._pop_run(constriction.stream.model.Uniform(size), count)

    def _push_run(self, symbols: Symbols, model: object, *parameters: object) -> None:
        try:
            self._coder.encode_reverse(np.ascontiguousarray(symbols), model, *parameters)
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:  # constriction's panics do not derive from Exception
            raise DamagedError("the entropy coder refused a symbol") from error

    def _pop_run(self, model: object, *parameters: object) -> Symbols:
        try:
            return np.asarray(self._coder.decode(model, *parameters), dtype=np.int32)
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:  # constriction's panics do not derive from Exception
            raise DamagedError("the entropy-coded data is damaged") from error


def _uniform() -> object:
    return constriction.stream.model.Uniform(2 * ESCAPE_LIMIT)


def _group(indices: NDArray[np.integer]) -> tuple[NDArray[np.intp], list[tuple[int, int, int]]]:
    """Sort by table: the order, and (table, start, stop) of each run in it.

    Runs of one table are coded in one call, far faster than symbol by symbol.
    """
    order = np.argsort(indices.astype(np.uint16), kind="stable")
    counts = np.bincount(indices)
    found = np.flatnonzero(counts)
    stops = np.cumsum(counts[found])
    starts = stops - counts[found]
    return order, list(zip(found.tolist(), starts.tolist(), stops.tolist(), strict=True))
