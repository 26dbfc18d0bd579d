"""torch as the encoder and training want it, whatever the program around us has set."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, ParamSpec, TypeVar

import torch
from torch.overrides import TorchFunctionMode

from vlaecodec.model.threads import torch_threads

P = ParamSpec("P")
R = TypeVar("R")

_FACTORIES = {torch.empty, torch.zeros, torch.ones, torch.full, torch.eye, torch.linspace}
_FACTORIES |= {torch.rand, torch.randn}
"""Take the default dtype where none is named."""

_WITH_DEVICE = _FACTORIES | {torch.tensor, torch.arange}


class _OurDefaults(TorchFunctionMode):
    """What the program has made the default dtype and device does not matter to this thread."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in _WITH_DEVICE and kwargs.get("device") is None:
            kwargs["device"] = torch.device("cpu")
        if func in _FACTORIES and kwargs.get("dtype") is None:
            kwargs["dtype"] = torch.float32
        return func(*args, **kwargs)


@contextmanager
def own_defaults() -> Iterator[None]:
    """Within it, this thread's tensors are float32 on the CPU unless they say otherwise.

    They are computed by as many threads as the picture takes that is worked on.
    """
    usual = torch.get_default_dtype() == torch.float32
    usual = usual and torch.get_default_device() == torch.device("cpu")
    # A mode costs some microseconds a call.
    with torch_threads(), nullcontext() if usual else _OurDefaults():
        yield


def with_own_defaults(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function within `own_defaults`."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with own_defaults():
            return function(*args, **kwargs)

    return wrapped
