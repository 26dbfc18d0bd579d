"""Whole numbers in float32 stay exact: what in torch would round them, and a test of it."""

from __future__ import annotations

import copy
import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from vlaecodec.errors import ReproductionError
from vlaecodec.model.threads import note_use
from vlaecodec.networks.common.fixed_point import (
    ExactConv2d,
    ExactLinear,
    exact_layers,
    round_operand,
)
from vlaecodec.networks.common.formats import EXACT_LIMIT, Format

P = ParamSpec("P")
R = TypeVar("R")

PROBES = ((1, 16), (17, 4))
"""Batches, and rows and columns, that layers are tried on: torch chooses other code for each."""

_FACTORIES = {torch.empty, torch.zeros, torch.ones, torch.full, torch.eye, torch.linspace}
_FACTORIES |= {torch.rand, torch.randn}
"""Take the default dtype where none is named."""

_WITH_DEVICE = _FACTORIES | {torch.tensor, torch.arange}


@dataclass(frozen=True)
class _Switch:
    """A setting of the whole process that exactness depends on."""

    read: Callable[[], Any]
    write: Callable[[Any], object]
    exact: Any


_NNPACK = _Switch(torch._C._get_nnpack_enabled, torch._C._set_nnpack_enabled, False)
"""Its Winograd convolutions reorder sums beyond what whole numbers below 2**24 allow."""

_MKLDNN = _Switch(torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled, False)
"""Switched off only where layers are found to round with it."""


class _Guard:
    """Holds all switches at exact while any thread computes, and then puts back what was set.

    The first thread in sets them and the last one out restores them: what one thread restores would
    otherwise be in force while another still computes.
    """

    def __init__(self) -> None:
        self.switches = [_NNPACK]
        self._lock = threading.Lock()
        self._computing = 0
        self._theirs: dict[int, Any] = {}
        if hasattr(os, "register_at_fork"):
            # A child has none of the other threads, and must not inherit a lock that one held.
            os.register_at_fork(
                before=self._lock.acquire,
                after_in_parent=self._lock.release,
                after_in_child=self._begin_child,
            )

    def __enter__(self) -> None:
        with self._lock:
            self._set_exact()
            self._computing += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._computing = max(0, self._computing - 1)
            if not self._computing:
                self._restore()

    def do_without_mkldnn(self) -> None:
        """From now on, while any thread computes."""
        with self._lock:
            if _MKLDNN not in self.switches:
                self.switches.append(_MKLDNN)
            if self._computing:
                self._set_exact()

    def _set_exact(self) -> None:
        for index, switch in enumerate(self.switches):
            setting = switch.read()
            if setting != switch.exact:
                self._theirs[index] = setting
                switch.write(switch.exact)

    def _restore(self) -> None:
        for index, setting in self._theirs.items():
            switch = self.switches[index]
            if switch.read() == switch.exact:  # else the program has set it meanwhile
                switch.write(setting)
        self._theirs.clear()

    def _begin_child(self) -> None:
        self._computing = 0
        self._restore()
        self._lock.release()


_guard = _Guard()


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
    """Within it, this thread's tensors are float32 on the CPU unless they say otherwise."""
    usual = torch.get_default_dtype() == torch.float32
    if usual and torch.get_default_device() == torch.device("cpu"):
        yield  # the usual case; a mode costs some microseconds a call
        return
    with _OurDefaults():
        yield


def with_own_defaults(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function within `own_defaults`."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with own_defaults():
            return function(*args, **kwargs)

    return wrapped


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """Within it nothing in torch trades exactness for speed, in any number of threads at once.

    Convolutions and products may take bfloat16 or TF32 for float32, as many programs allow: our
    operands have eight significant bits. Autocast rounds sums too. Whatever the program had set is
    put back by the last thread.
    """
    note_use()
    with (
        torch.inference_mode(),
        torch.autocast("cpu", enabled=False),
        own_defaults(),
        _guard,
    ):
        yield


def exactly(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function within `exact_arithmetic`."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with exact_arithmetic():
            return function(*args, **kwargs)

    return wrapped


def ensure_exact(network: nn.Module) -> None:
    """Try every kind of layer of a frozen network on whole numbers of full range.

    oneDNN has settings that torch does not know of, in the environment and of hardware to come.
    Where it rounds, this process does without it from now on. Raises ReproductionError where that
    does not help: what was coded here nobody could decode.
    """
    layers = _one_of_each_kind(exact_layers(network).values())
    if _are_exact(layers):
        return
    _guard.do_without_mkldnn()
    if not _are_exact(layers):
        raise ReproductionError(
            "float32 arithmetic is not exact on this machine, or a setting of torch or of its "
            "libraries makes it so: nothing can be encoded or decoded here"
        )


def _one_of_each_kind(layers: Iterable[ExactConv2d]) -> list[ExactConv2d]:
    kinds = {
        (type(layer), layer.folded_weight.shape, layer.groups, layer.source): layer
        for layer in layers
    }
    return list(kinds.values())


@exactly
def _are_exact(layers: list[ExactConv2d]) -> bool:
    """Whether layers do in float32 what they would in float64, which nothing shortens."""
    generator = torch.Generator().manual_seed(0)
    for layer in map(_show_all_bits, layers):
        for batch, side in PROBES:
            x = _probe(layer, batch, side, generator)
            if not torch.equal(_run(layer, x).double(), _reference(layer, x)):
                return False
    return True


def _show_all_bits(layer: ExactConv2d) -> ExactConv2d:
    """The same layer without what hides errors: units that are rounded off, and the clamp."""
    bare = copy.deepcopy(layer)
    bare.folded_weight, bare.folded_bias = (
        tensor * EXACT_LIMIT for tensor in (layer.folded_weight, layer.folded_bias)
    )
    bare.target = Format(layer.target.frac_bits, -(EXACT_LIMIT**2), EXACT_LIMIT**2)
    return bare


def _probe(layer: ExactConv2d, batch: int, side: int, generator: torch.Generator) -> Tensor:
    """Whole numbers all over a layer's input range: float32 [batch, C, side, side]."""
    channels = layer.folded_weight.shape[1] * layer.groups
    low, high = layer.source.low, layer.source.high
    x = torch.randint(low, high + 1, (batch, channels, side, side), generator=generator).float()
    return x.contiguous(memory_format=torch.channels_last)


def _run(layer: ExactConv2d, x: Tensor) -> Tensor:
    """A layer's output [batch, C, side, side]."""
    if not isinstance(layer, ExactLinear):
        return layer(x)
    parts = x.movedim(1, -1).split(layer.in_channels, dim=-1)
    return layer(*parts).movedim(-1, 1)


def _reference(layer: ExactConv2d, x: Tensor) -> Tensor:
    """The same in float64, without rounding off what is below a unit."""
    return F.conv2d(
        round_operand(x).double(),
        layer.folded_weight.double(),
        layer.folded_bias.double(),
        padding=layer.padding,
        groups=layer.groups,
    )
