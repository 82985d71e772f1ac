"""Captured graphs of the fake CUDA device: a tape of operations with their addresses, replayed
without Python."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from tests.support.fake_cuda.memory import Block, GraphMemory, History, Pool
from tests.support.fake_cuda.timeline import Queue

if TYPE_CHECKING:
    from tests.support.fake_cuda.device import FakeCuda


@dataclass(frozen=True, slots=True)
class Step:
    func: Any
    args: Any
    kwargs: Any
    outs: list[torch.Tensor | None]
    """Where its results belong; None for those that are in a place already."""


class Workspace:
    """The workspace of cuBLAS: one for each stream, whose address is in the graphs that were
    captured there."""

    def __init__(self, card: "FakeCuda") -> None:
        self.history = History(card)
        self.freed = 0
        """How often a graph of the stream was deleted, which frees it for all others
        (pytorch/pytorch#193402)."""


class Tape:
    """What is recorded of one graph."""

    def __init__(self, pool: Pool, queue: Queue, workspace: Workspace) -> None:
        self.memory = GraphMemory(pool, queue)
        self.workspace, self._freed = workspace, workspace.freed
        self._steps: list[Step] = []
        self.read: dict[History, str] = {}
        """Memory outside of the graph that it reads, and the operation."""
        self.written: dict[History, str] = {}
        """All memory that it writes and that somebody else may read."""
        self._before: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __del__(self) -> None:
        self.workspace.freed += 1

    @property
    def has_workspace(self) -> bool:
        return self.workspace.freed == self._freed

    def new_block(self) -> Block:
        return Block(self.memory)

    def keep(self, tensor: torch.Tensor) -> None:
        """Keep the content of a tensor that the next operation overwrites: a capture executes
        nothing."""
        storage = tensor.untyped_storage()
        if storage._cdata not in self._before:
            whole = torch.empty(0, dtype=torch.uint8).set_(storage)
            self._before[storage._cdata] = whole, whole.clone()

    def add(self, step: Step, read: list[History], written: list[History], name: str) -> None:
        self._steps.append(step)
        for history in read:
            if history.block is None or history.block.graph is not self.memory:
                self.read.setdefault(history, name)
        for history in written:
            self.written.setdefault(history, name)

    def finish(self) -> None:
        for now, before in self._before.values():
            now.copy_(before)
        self._before.clear()
        # What is released within the graph is nobody else's business.
        self.written = {
            history: name
            for history, name in self.written.items()
            if history.block is None
            or history.block.graph is not self.memory
            or history.block.died is None
        }

    def run(self) -> None:
        with torch._C._DisableTorchDispatch(), torch._C._AutoDispatchBelowAutograd():
            for step in self._steps:
                output = step.func(*step.args, **step.kwargs)
                results = output if isinstance(output, (list, tuple)) else (output,)
                for out, result in zip(step.outs, results, strict=True):
                    if out is not None:
                        out.copy_(result)


class Graph:
    """Fake torch.cuda.CUDAGraph. `card` is set by a subclass."""

    card: "FakeCuda"

    def __init__(self, keep_graph: bool = False) -> None:
        self._pool: Pool | None = None
        self.tape: Tape | None = None

    def begin(self, queue: Queue, pool: Pool | None) -> Tape:
        self._pool = pool or Pool()
        self.tape = Tape(self._pool, queue, self.card.workspace(queue))
        return self.tape

    def pool(self) -> Pool:
        assert self._pool is not None, "called before the capture"
        return self._pool

    def replay(self) -> None:
        assert self.tape is not None, "called before the capture"
        self.card.replay(self.tape)

    def reset(self) -> None:
        self.tape = None
