"""Runs a chain of model parts: directly, or as captured CUDA graphs, through one seam.

A UNet call is some thousand kernels of microseconds each, launched one by one from Python: on a fast card the launches
are the limit. A CUDA graph replays them all at once, but from the addresses it was captured with. So inputs are copied
into buffers that stay, results lie in buffers that stay, and every number that may change is a tensor: a Python float
would be baked in. Graphs belong to one shape; the last four are kept.

Each chain has a memory pool and a capture stream of its own (the parts of one chain share them, for they run in the
order of their capture), so that two chains may run on two streams at once. The stream counts too: PyTorch keeps a
workspace of cuBLAS for each handle and stream, whose address the graphs captured there have in them, whatever their
pools. Two chains of one stream would write into one workspace. And a graph that is thrown away takes the workspace of
its stream along, from all that were captured there (pytorch/pytorch#193402). Unverified without a device: the capture
itself, and that two chains run at once do not meet in a workspace.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch

from engine.models.device_work import own_stream

KEPT = 4
WARM_UP_RUNS = 3  # as torch's documentation has it: libraries pick kernels and allocate workspaces in the first runs

State = dict[str, Any]
"""Tensors by name; a value may be a tensor, None, or a tuple of these."""
Part = Callable[[State], State]
Capture = Callable[[Sequence[Part], State], tuple[list[Callable[[], None]], State]]
"""(parts, buffers) -> (what replays each part, what the last one leaves in its buffers)."""


def nothing() -> None:
    """Between two parts, where nobody else wants the device."""


class Calls(Protocol):
    def run(self, key: Hashable, parts: Sequence[Part], inputs: State, between: Callable[[], None] = nothing) -> State:
        """The state after all `parts`; each gets what the one before it returned. `between` is called between two.

        `key` names everything but the inputs' values: same key, same parts and shapes. The result may lie in buffers
        that the next run with this key overwrites.
        """

    def drop(self) -> None:
        """Gives back what is kept from run to run: the first thing to do when device memory runs out."""


class DirectCalls:
    """One thread; nothing is kept."""

    def run(self, key: Hashable, parts: Sequence[Part], inputs: State, between: Callable[[], None] = nothing) -> State:
        state = inputs
        for place, part in enumerate(parts):
            if place:
                between()
            state = part(state)
        return state

    def drop(self) -> None:
        pass


class CompiledCalls:
    """As DirectCalls, for parts that a compiler works on when they are run with new shapes. One thread."""

    def __init__(self, before_compile: Callable[[], None] = nothing) -> None:
        self._before_compile = before_compile
        self._seen: set[Hashable] = set()

    def run(self, key: Hashable, parts: Sequence[Part], inputs: State, between: Callable[[], None] = nothing) -> State:
        state = inputs
        for place, part in enumerate(parts):
            if place:
                between()
            if key not in self._seen:
                self._before_compile()
            state = part(state)
        self._seen.add(key)
        return state

    def drop(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Chain:
    buffers: State
    replays: list[Callable[[], None]]
    result: State


class GraphCalls:
    """One thread. The first run of a key captures it (seconds), the next ones replay it."""

    def __init__(self, capture: Capture, kept: int = KEPT, *, before_capture: Callable[[], None] = nothing) -> None:
        self._capture = capture
        self._before_capture = before_capture
        self._kept = kept
        self._chains: dict[Hashable, Chain] = {}

    def run(self, key: Hashable, parts: Sequence[Part], inputs: State, between: Callable[[], None] = nothing) -> State:
        chain = self._chains.pop(key, None)
        if chain is None:
            while len(self._chains) >= self._kept:
                del self._chains[next(iter(self._chains))]
            self._before_capture()
            buffers = {name: cloned(value) for name, value in inputs.items()}
            chain = Chain(buffers, *self._capture(parts, buffers))
        self._chains[key] = chain  # last in the dict: the most recently used
        copy_into(tuple(chain.buffers.values()), tuple(inputs[name] for name in chain.buffers))
        for place, replay in enumerate(chain.replays):
            if place:
                between()
            replay()
        return chain.result

    def drop(self) -> None:
        self._chains.clear()


def cloned(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(cloned(item) for item in value)
    return value.clone() if isinstance(value, torch.Tensor) else value


def copy_into(buffer: Any, value: Any) -> None:
    if isinstance(buffer, tuple):
        for inner, item in zip(buffer, value, strict=True):
            copy_into(inner, item)
    elif isinstance(buffer, torch.Tensor):
        buffer.copy_(value)


def capture_cuda(parts: Sequence[Part], buffers: State) -> tuple[list[Callable[[], None]], State]:
    """Captures the parts one after the other; needs a CUDA device. Unverified without one."""
    device = next(value.device for value in buffers.values() if isinstance(value, torch.Tensor))
    replays: list[Callable[[], None]] = []
    pool = None
    with torch.cuda.device(device):
        stream = own_stream(device)
        stream.wait_stream(torch.cuda.current_stream())
        # On the capture's stream: the workspaces that belong to it are there before, outside of the graphs' pool.
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_RUNS):
                DirectCalls().run(None, parts, buffers)
        torch.cuda.current_stream().wait_stream(stream)
        state = buffers
        for part in parts:
            graph = torch.cuda.CUDAGraph()
            # thread_local: another thread of this process (a copy to pinned memory, say) must not spoil the capture.
            with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
                state = part(state)
            pool = pool or graph.pool()
            replays.append(partial(replayed, graph, stream))
    return replays, state


def replayed(graph: Any, captured_on: Any) -> None:
    """On the current stream of the graph's device. The stream it was captured on is only held: as long as this chain
    lives no other gets it."""
    graph.replay()


def calls_for(device: torch.device | str, before_capture: Callable[[], None] = nothing, *, kept: int = KEPT) -> Calls:
    """Graphs on CUDA devices, direct calls elsewhere. `before_capture` is called before a capture: it takes seconds."""
    if torch.device(device).type != "cuda":
        return DirectCalls()
    return GraphCalls(capture_cuda, kept, before_capture=before_capture)
