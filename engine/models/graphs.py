"""Runs a chain of model parts behind one interface: directly, or as captured CUDA graphs.

A UNet call is some thousand kernels of microseconds each. On a fast card, launching them one by one
from Python is the bottleneck. A CUDA graph replays them at once, with the addresses it was captured
with. So inputs and results are in fixed buffers, and every number that may change is a tensor: a
Python float would be captured as a constant. A graph works for one shape; the last four are cached,
or more small ones that need no more memory than four of the largest.

Each chain has its own memory pool and capture stream, so that two chains can run on two streams at
once: PyTorch keeps a cuBLAS workspace for each handle and stream, whose address the graphs captured
there contain. Deleting a graph frees that workspace for all of them (pytorch/pytorch#193402), so
chains that never run at once cannot share a stream either.

A graph is captured when its shape is first needed, because the next shape is unknown and a capture
cannot be interrupted. The capture itself is tested only on machines with a CUDA device.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.models.card_memory import limit_to_free
from engine.models.device_work import own_stream

MAX_GRAPHS = 4
MAX_SMALL_GRAPHS = (
    8  # each has a stream of its own, and a device has 32: a painter's three chains take 24
)
# as in torch's documentation: libraries pick kernels and allocate workspaces in the first runs
WARM_UP_RUNS = 3

State = dict[str, Any]
"""Tensors by name; a value may be a tensor, None, or a tuple of these."""
Part = Callable[[State], State]
Capture = Callable[[Sequence[Part], State], tuple[list[Callable[[], None]], State]]
"""(parts, buffers) -> (a replay function for each part, the buffers with the result of the last
one)."""


Between = Callable[[], None]
"""A function that is called between the parts of a run, where others may use the device."""


def noop() -> None:
    """Do nothing: the default for `between`, for a device that is not shared."""


def always_true() -> bool:
    """Return True: the default for `may_capture`."""
    return True


class ChainRunner(Protocol):
    def run(
        self,
        key: Hashable,
        parts: Sequence[Part],
        inputs: State,
        between: Between = noop,
    ) -> State:
        """Run all `parts` and return the last state; each part receives the state returned by the
        previous one. `between` is called between two parts. `key` identifies everything except the
        inputs' values: the same key means the same parts and shapes. The result may be in buffers
        that the next run with this key overwrites."""
        ...

    def drop(self) -> None:
        """Free everything cached between runs. Do this first when device memory runs out."""


class DirectRunner:
    """Runs the parts directly, without caching. In a run with a new key, `before_new` is called
    before each part, for parts that compile then. Single thread."""

    def __init__(self, before_new: Callable[[], None] = noop) -> None:
        self._before_new = before_new
        self._known_keys: set[Hashable] = set()

    def run(
        self,
        key: Hashable,
        parts: Sequence[Part],
        inputs: State,
        between: Between = noop,
    ) -> State:
        state = inputs
        for index, part in enumerate(parts):
            if index:
                between()
            if key not in self._known_keys:
                self._before_new()
            state = part(state)
        self._known_keys.add(key)
        return state

    def drop(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Chain:
    buffers: State
    replays: list[Callable[[], None]]
    result: State

    @property
    def size(self) -> int:
        """A measure of the chain's memory, to compare it with chains of the same parts: numbers in
        its first result."""
        first = next(iter(self.result.values()))
        return first.numel() if isinstance(first, Tensor) else 1


class GraphRunner:
    """Captures a graph in the first run of a key, which takes seconds, and replays it afterwards.
    Single thread."""

    def __init__(
        self,
        capture: Capture,
        max_graphs: int = MAX_GRAPHS,
        max_small_graphs: int = 0,
        *,
        before_capture: Callable[[], None] = noop,
        may_capture: Callable[[], bool] = always_true,
    ) -> None:
        """`max_graphs`: number of cached graphs; up to `max_small_graphs` if together they are not
        larger than `max_graphs` of the largest captured one. While not `may_capture()`, the parts
        of a new key run directly."""
        self._capture = capture
        self._before_capture = before_capture
        self._may_capture = may_capture
        self._max_large = max_graphs
        self._max_small = max(max_graphs, max_small_graphs)
        self._largest = 0
        self._chains: dict[Hashable, Chain] = {}

    def run(
        self,
        key: Hashable,
        parts: Sequence[Part],
        inputs: State,
        between: Between = noop,
    ) -> State:
        chain = self._chains.pop(key, None)
        if chain is None and not self._may_capture():
            return DirectRunner().run(key, parts, inputs, between)
        if chain is None:
            self._make_room()
            self._before_capture()
            buffers = {name: clone_state(value) for name, value in inputs.items()}
            chain = Chain(buffers, *self._capture(parts, buffers))
            self._largest = max(self._largest, chain.size)
        self._chains[key] = chain  # last in the dict: the most recently used
        copy_into(tuple(chain.buffers.values()), tuple(inputs[name] for name in chain.buffers))
        for index, replay in enumerate(chain.replays):
            if index:
                between()
            replay()
        return chain.result

    def drop(self) -> None:
        self._chains.clear()
        self._largest = 0

    def _make_room(self) -> None:
        """Drop old graphs before a capture. The new graph may be as large as the largest: its size
        is known later."""
        total = sum(chain.size for chain in self._chains.values())
        while self._chains and (
            len(self._chains) >= self._max_small or total > (self._max_large - 1) * self._largest
        ):
            total -= self._chains.pop(next(iter(self._chains))).size


def clone_state(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(clone_state(item) for item in value)
    return value.clone() if isinstance(value, Tensor) else value


def copy_into(buffer: Any, value: Any) -> None:
    if isinstance(buffer, tuple):
        for inner, item in zip(buffer, value, strict=True):
            copy_into(inner, item)
    elif isinstance(buffer, Tensor):
        buffer.copy_(value)


def capture_cuda(parts: Sequence[Part], buffers: State) -> tuple[list[Callable[[], None]], State]:
    """Capture the parts one after the other, within the memory that the card has left."""
    device = next(value.device for value in buffers.values() if isinstance(value, Tensor))
    limit_to_free(device)  # other programs may have taken memory since the weights were loaded
    replays: list[Callable[[], None]] = []
    pool = None
    with torch.cuda.device(device), fastest_convolutions():
        stream = own_stream(device)
        stream.wait_stream(torch.cuda.current_stream())
        # On the capture stream, so that its workspaces are allocated beforehand, outside the
        # graphs' pool.
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_RUNS):
                DirectRunner().run(None, parts, buffers)
        torch.cuda.current_stream().wait_stream(stream)
        state = buffers
        for part in parts:
            graph = torch.cuda.CUDAGraph()
            # thread_local: another thread of this process (such as a copy to pinned memory) must
            # not break the capture.
            with torch.cuda.graph(
                graph, pool=pool, stream=stream, capture_error_mode="thread_local"
            ):
                state = part(state)
            pool = pool or graph.pool()
            replays.append(partial(replay_graph, graph, stream))
    return replays, state


@contextmanager
def fastest_convolutions() -> Iterator[None]:
    """Let cuDNN measure which kernel is fastest for each new convolution in the `with` block. Sets
    only this switch: `torch.backends.cudnn.flags(benchmark=True)` would also change `enabled` and
    `deterministic`."""
    cudnn: Any = torch.backends.cudnn
    before = cudnn.benchmark
    cudnn.benchmark = True
    try:
        yield
    finally:
        cudnn.benchmark = before


def replay_graph(graph: Any, captured_on: Any) -> None:
    """Replay on the current stream of the graph's device. The reference to `captured_on` prevents
    other chains from getting this stream while the graph exists."""
    graph.replay()


def runner_for(
    device: torch.device | str,
    before_capture: Callable[[], None] = noop,
    may_capture: Callable[[], bool] = always_true,
    *,
    max_graphs: int = MAX_GRAPHS,
    max_small_graphs: int = 0,
) -> ChainRunner:
    """The runner for a device: captured graphs on CUDA, direct calls elsewhere. `before_capture` is
    called before each capture, which takes seconds; for `may_capture` see `GraphRunner`."""
    if torch.device(device).type != "cuda":
        return DirectRunner()
    return GraphRunner(
        capture_cuda,
        max_graphs,
        max_small_graphs,
        before_capture=before_capture,
        may_capture=may_capture,
    )
