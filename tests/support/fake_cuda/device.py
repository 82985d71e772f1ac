"""The fake CUDA device: it runs every operation of a CUDA program on the CPU, and finds what a card
would punish."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.support.fake_cuda.graph import Graph, Step, Tape, Workspace
from tests.support.fake_cuda.ledger import FaultKind, Ledger
from tests.support.fake_cuda.memory import Allocator, History, Memory, Pool
from tests.support.fake_cuda.operation import Operation, needs_nonzero, operation_of
from tests.support.fake_cuda.pinned import PinnedMemory
from tests.support.fake_cuda.tensor import CardTensor, tensors_in, unwrapped, wrapped
from tests.support.fake_cuda.timeline import Clock, Queue, Timeline

aten = torch.ops.aten


def convolved_relu(x: Any, weight: Any, bias: Any, *shape: Any) -> torch.Tensor:
    return torch.conv2d(x, weight, bias, *shape).relu()


def convolved_add_relu(
    x: Any, weight: Any, added: Any, factor: float, bias: Any, *shape: Any
) -> torch.Tensor:
    return (torch.conv2d(x, weight, bias, *shape) + factor * added).relu()


def attended_with_sums(q: Any, k: Any, v: Any, mask: None, has_sums: bool) -> tuple[Any, ...]:
    out, sums = aten._scaled_dot_product_flash_attention_for_cpu(q, k, v)
    return out, sums[..., None], sums, sums, 0, 0, sums, sums, sums  # only the first two are read


CPU = torch.device("cpu")
BYTES = 80 * 2**30
PHYSICAL = {
    aten._conj.default: aten.conj_physical.default,
    aten._neg_view.default: aten.neg.default,
}
"""Operations that would only set a bit of the result, which the wrapped tensor's kernels would not
see."""
ON_CPU = {
    aten.cudnn_convolution_relu.default: convolved_relu,
    aten.cudnn_convolution_add_relu.default: convolved_add_relu,
    aten._scaled_dot_product_cudnn_attention.default: attended_with_sums,
}
"""Operations of a card alone, and what gives the same values on a CPU."""
MATH, OVERRIDEABLE = 0, 4  # SDPBackend in aten/src/ATen/SDPBackend.h


class FakeCuda(TorchDispatchMode):
    """One CUDA device. Use it through `installed`, in one thread. Values are real: each operation
    runs on the CPU at once, so that code which depends on data goes its way. The streams' clocks
    tell what the card would do later."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.tally, self.loop, self.faults = self.ledger.tally, self.ledger.loop, self.ledger.faults
        self.timeline = Timeline()
        self.allocator = Allocator(self)
        self.pinned = PinnedMemory(self)
        self.free_bytes = BYTES
        """What the card says that it has left, whatever lies on it."""
        self._tape: Tape | None = None
        self._workspaces: dict[Queue, Workspace] = {}

    # -- the host

    def host_waits(self, clock: Clock, what: str) -> None:
        if self._tape is not None:
            self.ledger.fault(FaultKind.WAIT_IN_CAPTURE, what)
        if self.timeline.host.covers_all(clock):
            return  # all is done: the call returns at once
        self.ledger.wait(what)
        self.host_learns(clock)

    def host_learns(self, clock: Clock) -> None:
        self.timeline.host.take(clock)
        if self.pinned.is_busy:
            with torch._C._DisableTorchDispatch():
                self.pinned.settle(self.timeline.host)

    def waits_for_stream(self, what: str) -> None:
        """The host waits for a copy that it has just launched."""
        self.timeline.launch()
        self.host_waits(self.timeline.current().clock, what)

    # -- graphs

    def workspace(self, queue: Queue) -> Workspace:
        return self._workspaces.setdefault(queue, Workspace(self))

    @contextmanager
    def capture(self, graph: Graph, queue: Queue, pool: Pool | None) -> Iterator[None]:
        assert self._tape is None, "a capture is under way"
        self.ledger.capture()
        self.host_learns(self.timeline.everything())  # torch.cuda.graph waits for the device first
        self._tape = tape = graph.begin(queue, pool)
        try:
            with self.timeline.within(queue):
                yield
        finally:
            self._tape = None
            with torch._C._DisableTorchDispatch():
                tape.finish()

    def replay(self, tape: Tape) -> None:
        self.ledger.replay()
        now, name = self.timeline.launch(), f"graph {tape.memory.number}"
        for history, user in tape.read.items():
            if history.is_freed and history.block is None:
                self.ledger.fault(FaultKind.FREED_BEFORE_REPLAY, f"{name} ({user})")
            history.read(now, name)
        for history in tape.written:
            history.write(now, name)
        tape.workspace.history.write(now, f"workspace of {name}")
        if not tape.has_workspace:
            self.ledger.fault(FaultKind.FREED_BEFORE_REPLAY, f"{name} (cuBLAS)")
        tape.memory.replay()
        tape.run()

    # -- operations

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.run(func, args, kwargs or {})

    def run(self, func: Any, args: Any, kwargs: Any) -> Any:
        tensors = tensors_in(args, kwargs)
        on_card = [each for each in tensors if isinstance(each, CardTensor)]
        if not on_card and not any(map(is_card, (*args, *kwargs.values()))):
            return self._run_on_host(func, args, kwargs, tensors)
        func = PHYSICAL.get(func, func)
        operation = operation_of(func)
        if operation.is_composite:
            with self:
                return func.decompose(*args, **kwargs)
        if operation.name == "_fused_sdp_choice":
            is_fused = (
                func(*unwrapped(args), **{name: unwrapped(each) for name, each in kwargs.items()})
                != MATH
            )
            return OVERRIDEABLE if is_fused else MATH
        if operation.name == "_scaled_dot_product_fused_attention_overrideable":
            return self._attended(*args, **kwargs)
        if operation.name == "_local_scalar_dense":
            self.waits_for_stream("item")
            return func(on_card[0].inner)
        device = kwargs.get("device")
        if operation.name == "_to_copy" and not (on_card and (device is None or is_card(device))):
            return self._moved(func, args[0], kwargs)
        if operation.name == "copy_" and len(on_card) == 1:
            return self._copied(*args, **kwargs)
        self._check(operation, args, kwargs, tensors)
        return self._launch(func, operation, args, kwargs, on_card)

    def _run_on_host(self, func: Any, args: Any, kwargs: Any, tensors: list[torch.Tensor]) -> Any:
        name = func._schema.name.split("::")[1]
        if name in ("_pin_memory", "pin_memory"):
            return self.pinned.pin(args[0].clone())
        if name == "is_pinned":
            return self.pinned.has(args[0])
        if self.pinned.is_busy and not func.is_view:
            written = operation_of(func).written_in(args, kwargs)
            for each in tensors:
                self.pinned.touched(each, is_write=any(each is other for other in written))
        if not kwargs.get("pin_memory"):
            return func(*args, **kwargs)
        return self.pinned.pin(func(*args, **(kwargs | {"pin_memory": False})))

    def _check(
        self, operation: Operation, args: Any, kwargs: Any, tensors: list[torch.Tensor]
    ) -> None:
        elsewhere = [each for each in tensors if not isinstance(each, CardTensor) and each.dim()]
        if elsewhere and len(elsewhere) < len(tensors):
            if not (operation.is_indexing and isinstance(args[0], CardTensor)):
                shapes = ", ".join(str(tuple(each.shape)) for each in elsewhere)
                self.ledger.fault(
                    FaultKind.MIXED_DEVICES, f"{operation.name} with {shapes} on the CPU"
                )
                raise RuntimeError(
                    "Expected all tensors to be on the same device, but found at least two "
                    "devices, cuda:0 and cpu! "
                    f"({operation.name}, {shapes})"
                )
            for index in elsewhere:
                self._upload(index, is_waited_for=True)
        if operation.is_indexing and needs_nonzero(operation.name, args):
            self.waits_for_stream(f"{operation.name} by a mask")
        elif operation.waits and kwargs.get("output_size") is None:
            self.waits_for_stream(operation.name)
        if operation.is_random:
            self.ledger.random(operation.name)
            if self._tape is not None:
                self.ledger.fault(FaultKind.RANDOM_IN_CAPTURE, operation.name)

    def _launch(
        self, func: Any, operation: Operation, args: Any, kwargs: Any, on_card: list[CardTensor]
    ) -> Any:
        func = ON_CPU.get(func, func)
        inner_args, inner_kwargs = (
            unwrapped(args),
            {name: unwrapped(each) for name, each in kwargs.items()},
        )
        if is_card(kwargs.get("device")):
            inner_kwargs["device"] = CPU
        written = [
            each for each in operation.written_in(args, kwargs) if isinstance(each, CardTensor)
        ]
        tape = self._tape
        if tape is not None:
            for each in written:
                tape.keep(each.inner)
        output = func(*inner_args, **inner_kwargs)
        inputs = {id(each.inner): each for each in on_card}
        is_many = isinstance(output, (list, tuple))
        fresh: list[torch.Tensor | None] = []
        results = []
        for one in output if is_many else (output,):
            result, is_fresh = self._on_card(one, inputs)
            results.append(result)
            fresh.append(one if is_fresh else None)
        if written or (any(each is not None for each in fresh) and not operation.is_allocation):
            new = [each.memory for each, one in zip(results, fresh, strict=True) if one is not None]
            read = list({id(each.memory): each.memory.history for each in on_card}.values())
            changed = [each.history for each in [*new, *(each.memory for each in written)]]
            if tape is not None:
                step = Step(func, unwrapped(frozen(inner_args)), frozen(inner_kwargs), fresh)
                tape.add(step, read, changed, operation.name)
            else:
                self._account(operation.name, read, changed)
        return type(output)(results) if is_many else results[0]

    def _account(self, name: str, read: list[History], written: list[History]) -> None:
        """Note a kernel on the current stream."""
        self.ledger.kernel()
        now = self.timeline.launch()
        for history in read:
            history.read(now, name)
        for history in written:
            history.write(now, name)

    def _on_card(self, result: Any, inputs: dict[int, CardTensor]) -> tuple[Any, bool]:
        """An operation's result as a tensor of the card, and True if its memory is new."""
        if not isinstance(result, torch.Tensor):
            return result, False
        if id(result) in inputs:
            return inputs[id(result)], False
        storage: Any = result.untyped_storage()
        known = getattr(storage, "memory_of_fake_cuda", None)
        memory = known and known()
        is_fresh = memory is None
        if memory is None:
            queue = self.timeline.current()
            block = None if self._tape is None else self._tape.new_block()
            memory = Memory(self, queue, block)
            storage.memory_of_fake_cuda = weakref.ref(memory)
            if block is None:
                self.allocator.allocate(queue)
        return wrapped(result, memory, self), is_fresh

    def _attended(
        self,
        q: Any,
        k: Any,
        v: Any,
        mask: Any = None,
        dropout: float = 0.0,
        causal: bool = False,
        *more: Any,
        **scale: Any,
    ) -> tuple[Any, ...]:
        """Attention by the CPU's kernel, so that it rounds as a CPU does."""
        kernel = aten._scaled_dot_product_flash_attention_for_cpu.default
        out, sums = self.run(kernel, (q, k, v, dropout, causal), {"attn_mask": mask, **scale})
        # only the first is read without gradients
        return (out, sums, sums, sums, 0, 0, sums, sums, sums)

    # -- copies between host and card

    def _moved(self, func: Any, source: torch.Tensor, kwargs: Any) -> torch.Tensor:
        """`source.to(device)` in either direction."""
        is_async = bool(kwargs.get("non_blocking"))
        options = {
            name: each
            for name, each in kwargs.items()
            if name not in ("non_blocking", "pin_memory")
        }
        options["device"] = CPU
        if isinstance(source, CardTensor):
            arrived: torch.Tensor = func(source.inner, **options)
            if not is_async:
                self._download(source, None, arrived)
                return arrived
            # Such a copy goes to pinned memory of its own
            # (aten/src/ATen/native/TensorConversions.cpp).
            destination = self.pinned.pin(torch.empty_like(arrived))
            self._download(source, destination, arrived)
            return destination
        result = func(source, **options)
        copied = result.clone() if result.untyped_storage() is source.untyped_storage() else result
        on_card: CardTensor = self._on_card(copied, {})[0]
        self._upload(source, is_waited_for=not is_async, into=on_card)
        return on_card

    def _copied(
        self, destination: torch.Tensor, source: torch.Tensor, non_blocking: bool = False
    ) -> torch.Tensor:
        """`destination.copy_(source)` in either direction."""
        if isinstance(destination, CardTensor):
            if self._tape is not None:
                self._tape.keep(destination.inner)
            destination.inner.copy_(source)
            self._upload(source, is_waited_for=not non_blocking, into=destination)
            return destination
        assert isinstance(source, CardTensor)
        if non_blocking and self.pinned.has(destination):
            self._download(source, destination, source.inner.clone())
        else:
            self._download(source, None, source.inner)
            destination.copy_(source.inner)
        return destination

    def _upload(
        self, source: torch.Tensor, *, is_waited_for: bool, into: CardTensor | None = None
    ) -> None:
        if not source.numel():
            return
        is_pinned = self.pinned.has(source)
        self.ledger.copy("upload", "pinned" if is_pinned else "pageable")
        if self._tape is not None:
            self.ledger.fault(FaultKind.COPY_IN_CAPTURE, "upload")
        moment = self.timeline.launch()
        if into is not None:
            into.memory.history.write(moment, "upload")
        if is_pinned and not is_waited_for:
            self.pinned.upload(source, moment)
        elif is_waited_for:
            self.waits_for_stream("upload")
        else:
            # the host copies pageable memory into a buffer of the driver
            self.ledger.wait("upload")

    def _download(
        self, source: CardTensor, destination: torch.Tensor | None, content: torch.Tensor
    ) -> None:
        """Note the copy. `destination` is where the content arrives later; without one the host
        waits."""
        self.ledger.copy("download", "pageable" if destination is None else "pinned")
        if self._tape is not None:
            self.ledger.fault(FaultKind.COPY_IN_CAPTURE, "download")
        moment = self.timeline.launch()
        source.memory.history.read(moment, "download")
        if destination is None:
            self.waits_for_stream("download")
        else:
            self.pinned.arrive(destination, content, moment)


def is_card(value: Any) -> bool:
    return isinstance(value, torch.device) and value.type == "cuda"


def frozen(value: Any) -> Any:
    """Freeze arguments as a graph stores them: numbers in main memory as they are now."""
    if isinstance(value, torch.Tensor):
        is_host_number = value.dim() == 0 and not hasattr(
            value.untyped_storage(), "memory_of_fake_cuda"
        )
        return value.clone() if is_host_number else value
    if isinstance(value, (list, tuple)):
        return type(value)(frozen(each) for each in value)
    return (
        {name: frozen(each) for name, each in value.items()} if isinstance(value, dict) else value
    )
