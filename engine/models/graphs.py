"""Runs a chain of model parts behind one interface: directly, or as captured CUDA graphs.

A UNet call is some thousand kernels of microseconds each, launched one by one from Python: on a fast card the launches
are the bottleneck. A CUDA graph replays them all at once, but with the addresses it was captured with. So inputs are
copied into fixed buffers, results are in fixed buffers, and every number that may change is a tensor: a Python float
would be captured as a constant. A graph works for one shape; the last four are cached.

Each chain has its own memory pool and capture stream (the parts of one chain share them, because they run in the order
of their capture), so that two chains can run on two streams at once. The stream matters too: PyTorch keeps a cuBLAS
workspace for each handle and stream, and the graphs captured there contain its address, whatever their pools. Two
chains captured on one stream would write into the same workspace. And deleting a graph frees the workspace of its
stream for all graphs captured there (pytorch/pytorch#193402). Tested only on machines with a CUDA device: the capture
itself, and that two chains running at once do not share a workspace.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch

from engine.models.device_work import own_stream

KEPT = 4
WARM_UP_RUNS = 3  # as in torch's documentation: libraries pick kernels and allocate workspaces in the first runs

State = dict[str, Any]
"""Tensors by name; a value may be a tensor, None, or a tuple of these."""
Part = Callable[[State], State]
Capture = Callable[[Sequence[Part], State], tuple[list[Callable[[], None]], State]]
"""(parts, buffers) -> (a replay function for each part, the buffers with the result of the last one)."""


def nothing() -> None:
    """Default for `between`, for a device that is not shared."""


class Calls(Protocol):
    def run(self, key: Hashable, parts: Sequence[Part], inputs: State, between: Callable[[], None] = nothing) -> State:
        """The state after all `parts`; each receives the state returned by the previous one. `between` is called
        between two parts.

        `key` identifies everything except the inputs' values: the same key means the same parts and shapes. The result
        may be in buffers that the next run with this key overwrites.
        """

    def drop(self) -> None:
        """Free everything cached between runs. Do this first when device memory runs out."""


class DirectCalls:
    """Runs the parts directly. Single thread; caches nothing."""

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
    """Runs the parts directly, and calls `before_compile` before a run with a new shape, which compiles. Single
    thread."""

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
    """Captures a graph in the first run of a key, which takes seconds, and replays it afterwards. Single thread."""

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
    """Capture the parts one after the other. Needs a CUDA device; untested without one."""
    device = next(value.device for value in buffers.values() if isinstance(value, torch.Tensor))
    replays: list[Callable[[], None]] = []
    pool = None
    with torch.cuda.device(device):
        stream = own_stream(device)
        stream.wait_stream(torch.cuda.current_stream())
        # On the capture stream, so that its workspaces are allocated beforehand, outside the graphs' pool.
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_RUNS):
                DirectCalls().run(None, parts, buffers)
        torch.cuda.current_stream().wait_stream(stream)
        state = buffers
        for part in parts:
            graph = torch.cuda.CUDAGraph()
            # thread_local: another thread of this process (such as a copy to pinned memory) must not break the capture.
            with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
                state = part(state)
            pool = pool or graph.pool()
            replays.append(partial(replayed, graph, stream))
    return replays, state


def replayed(graph: Any, captured_on: Any) -> None:
    """Replay on the current stream of the graph's device.

    The reference to `captured_on` prevents other chains from getting this stream while the graph exists.
    """
    graph.replay()


def calls_for(device: torch.device | str, before_capture: Callable[[], None] = nothing, *, kept: int = KEPT) -> Calls:
    """Graphs on CUDA devices, direct calls elsewhere. `before_capture` is called before a capture takes seconds."""
    if torch.device(device).type != "cuda":
        return DirectCalls()
    return GraphCalls(capture_cuda, kept, before_capture=before_capture)
