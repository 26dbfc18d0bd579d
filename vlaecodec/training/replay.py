"""Work that a GPU repeats by itself: captured once as a graph, replayed on new inputs.

The networks here are many small layers. Telling a GPU each operation of a step took three times as
long as the step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

Outputs = TypeVar("Outputs")

WARM_UP_CALLS = 3


class Replay(Generic[Outputs]):
    """A function of tensors whose shapes never change; on a CPU simply that function.

    It may draw random numbers and change tensors in place, but must not look at their values.
    Outputs are overwritten by the next call.
    """

    def __init__(self, function: Callable[..., Outputs]) -> None:
        self._function = function
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, *inputs: Tensor) -> Outputs:
        if inputs[0].device.type != "cuda":
            return self._function(*inputs)
        if self._graph is None:
            return self._capture(inputs)
        for held, given in zip(self._inputs, inputs, strict=True):
            held.copy_(given)
        self._graph.replay()
        return self._outputs

    def _capture(self, inputs: tuple[Tensor, ...]) -> Outputs:
        """Capture after some true calls, in which libraries choose what they use."""
        self._inputs = [x.clone() for x in inputs]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_CALLS):
                self._function(*self._inputs)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._outputs = self._function(*self._inputs)
        self._graph = graph
        graph.replay()
        return self._outputs
