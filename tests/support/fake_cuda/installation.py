"""Replaces torch's CUDA by a fake CUDA device."""

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch._dynamo  # before its functions are replaced: it refuses two names for one function
from torch.utils._device import _device_constructors

from engine.models import device_work
from tests.support.fake_cuda.device import BYTES, FakeCuda
from tests.support.fake_cuda.graph import Graph
from tests.support.fake_cuda.tensor import DEVICE, CardTensor
from tests.support.fake_cuda.timeline import Event, Stream, index_of

BARE = torch.device("cuda")
CUDA, META = 1, 14  # DeviceType in torch/headeronly/core/DeviceType.h
REGISTRY = "_ZN3c104impl26device_guard_impl_registryE"


@contextmanager
def installed() -> Iterator[FakeCuda]:
    """A card that `cuda` and `cuda:0` stand for within the block, in this thread. Without
    gradients."""
    was_lifting = torch._C._only_lift_cpu_tensors()
    # then torch.tensor(..., device="cuda") copies from the host
    torch._C._set_only_lift_cpu_tensors(True)
    try:
        with guarded(), pytest.MonkeyPatch.context() as patch, torch.no_grad(), FakeCuda() as card:
            put_in_place(card, patch)
            yield card
            card.host_learns(card.timeline.everything())  # the last look at pinned memory
    finally:
        torch._C._set_only_lift_cpu_tensors(was_lifting)


@contextmanager
def guarded() -> Iterator[None]:
    """Let a build of torch without CUDA have tensors on `cuda:0` within the block.

    Indexing and other C++ code first makes the tensor's device the current one, through a guard
    that only a build with CUDA registers. Without a guard it raises "PyTorch is not linked with
    support for cuda devices". That of the meta device does nothing, as needed for one card, so it
    is used (c10/core/impl/DeviceGuardImplInterface.h).
    """
    if torch.backends.cuda.is_built():
        torch._C._ensureCUDADeviceGuardSet()  # does nothing in a build without CUDA
        yield
        return
    if sys.platform == "win32":
        pytest.skip(
            "a fake CUDA device needs the name of torch's device guards, known for Linux and "
            "macOS only"
        )
    library = ctypes.CDLL(str(next((Path(torch.__file__).parent / "lib").glob("libc10.*"))))
    guards = (ctypes.c_void_p * (META + 1)).in_dll(library, REGISTRY)
    assert guards[META] and not guards[CUDA]
    guards[CUDA] = guards[META]
    try:
        yield
    finally:
        guards[CUDA] = None


def put_in_place(card: FakeCuda, patch: pytest.MonkeyPatch) -> None:
    # keeps torch's own functions from the first call on, for `with torch.device("meta")`
    _device_constructors()
    timeline = card.timeline

    # Classes, because libraries name them in annotations.
    event, stream, graph = (
        type(each.__name__, (each,), {"card": card, "__slots__": ()})
        for each in (Event, Stream, Graph)
    )
    captures = stream()  # torch's one stream for all captures without their own

    def capturing(
        graph: Graph, pool: Any = None, stream: Any = None, capture_error_mode: str = "global"
    ) -> Any:
        return card.capture(graph, (stream or captures).queue, pool)

    replaced: dict[str, Any] = {
        "_lazy_init": nothing,
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "Stream": stream,
        "Event": event,
        "CUDAGraph": graph,
        "graph": capturing,
        "current_stream": lambda device=None: stream(queue=timeline.current(index_of(device))),
        "stream": lambda stream: timeline.within(stream.queue),
        "device": lambda device: nullcontext(),
        "synchronize": lambda device=None: card.host_waits(
            timeline.everything(), "cuda.synchronize"
        ),
        "empty_cache": nothing,
        "memory_reserved": no_memory,
        "memory_allocated": no_memory,
        "mem_get_info": lambda device=None: (card.free_bytes, BYTES),
        "get_device_capability": lambda device=None: (9, 0),
        "get_device_name": lambda device=None: "fake CUDA device",
        "get_device_properties": lambda device=None: SimpleNamespace(
            name="fake CUDA device",
            uuid="0",
            total_memory=BYTES,
            major=9,
            minor=0,
            multi_processor_count=132,
        ),
        "manual_seed": nothing,
        "manual_seed_all": nothing,
        "get_rng_state": lambda device="cuda": torch.zeros(16, dtype=torch.uint8),
        "set_rng_state": nothing,
    }
    for name, stub in replaced.items():
        patch.setattr(torch.cuda, name, stub)
    patch.setattr(torch, "Generator", CardGenerator)
    # A build without CUDA refuses a device without an index before it asks the card.
    for owner, names in (
        (torch, ("tensor", "as_tensor", "asarray")),
        (torch.Tensor, ("to", "cuda", "new_tensor")),
    ):
        for name in names:
            patch.setattr(owner, name, with_index(getattr(owner, name)))
    patch.setattr(
        torch,
        "_has_compatible_shallow_copy_type",
        on_one_device(torch._has_compatible_shallow_copy_type),
    )
    patch.setattr(torch.Tensor, "numpy", watched(card, torch.Tensor.numpy))
    # streams of two cards would be equal
    patch.setattr(device_work, "_uses", type(device_work._uses)())


def nothing(*arguments: Any, **options: Any) -> None:
    pass


def no_memory(device: Any = None) -> int:
    return 0


def with_index(call: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function so that it gets cuda:0 for cuda."""

    def indexed(value: Any) -> Any:
        is_bare = (
            value == "cuda"
            if isinstance(value, str)
            else isinstance(value, torch.device) and value == BARE
        )
        return DEVICE if is_bare else value

    def called(*arguments: Any, **options: Any) -> Any:
        return call(
            *map(indexed, arguments), **{name: indexed(value) for name, value in options.items()}
        )

    return called


def on_one_device(is_compatible: Callable[..., bool]) -> Callable[..., bool]:
    """Whether a module may keep a parameter and give it other memory: never between the CPU and the
    card."""

    def compatible(one: torch.Tensor, other: torch.Tensor) -> bool:
        return isinstance(one, CardTensor) == isinstance(other, CardTensor) and is_compatible(
            one, other
        )

    return compatible


def watched(card: FakeCuda, numpy: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap Tensor.numpy so that it checks whether the card is at work in this memory: the array may
    be written to."""

    def as_array(tensor: torch.Tensor, **options: Any) -> Any:
        if not isinstance(tensor, CardTensor):
            card.pinned.touched(tensor, is_write=True)
        return numpy(tensor, **options)

    return as_array


class CardGenerator(torch.Generator):
    """A generator of the CPU whose device is the card: it draws the same numbers as one of the
    CPU."""

    def __new__(cls, device: Any = "cpu") -> "CardGenerator":
        return super().__new__(cls, "cpu")

    def __init__(self, device: Any = "cpu") -> None:
        self._device = torch.device("cuda:0" if torch.device(device).type == "cuda" else device)

    @property
    def device(self) -> torch.device:
        return self._device
