"""A tensor whose device is the card, with its values in main memory."""

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from tests.support.fake_cuda.device import FakeCuda
    from tests.support.fake_cuda.memory import Memory

DEVICE = torch.device("cuda:0")


class CardTensor(torch.Tensor):
    """Wraps `inner`, a tensor on the CPU; `memory` is that of its storage. Every operation goes to
    the card."""

    inner: torch.Tensor
    memory: "Memory"
    card: "FakeCuda"

    @staticmethod
    def __new__(cls, inner: torch.Tensor, memory: "Memory", card: "FakeCuda") -> "CardTensor":
        tensor: CardTensor = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=DEVICE,
            requires_grad=False,
        )
        tensor.inner, tensor.memory, tensor.card = inner, memory, card
        return tensor

    def __init__(self, *arguments: Any) -> None:
        super().__init__()

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        card = next(
            each.card for each in tensors_in(args, kwargs or {}) if isinstance(each, CardTensor)
        )
        return card.run(func, args, kwargs or {})

    @property
    def data(self) -> Any:
        return torch.Tensor.data.__get__(self)

    @data.setter
    def data(self, value: "CardTensor") -> None:
        torch.Tensor.data.__set__(self, value)
        self.inner, self.memory = value.inner, value.memory

    def data_ptr(self) -> int:
        return self.inner.data_ptr()

    def record_stream(self, stream: Any) -> None:
        self.memory.recorded_on.add(stream.queue)

    def numpy(self, *, force: bool = False) -> Any:
        if force:
            return self.cpu().numpy()
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def __repr__(self, **options: Any) -> str:
        return f"CardTensor({tuple(self.shape)}, {self.dtype})"


def wrapped(inner: torch.Tensor, memory: "Memory", card: "FakeCuda") -> CardTensor:
    """A CardTensor that is no inference tensor, which could not be a view of one that is none."""
    if not torch.is_inference_mode_enabled():
        return CardTensor(inner, memory, card)
    with torch.inference_mode(False):
        return CardTensor(inner, memory, card)


def tensors_in(args: Any, kwargs: Any) -> list[torch.Tensor]:
    """The tensors among an operation's arguments, which are tensors, lists of tensors, and
    others."""
    found = []
    for each in (*args, *kwargs.values()):
        if isinstance(each, torch.Tensor):
            found.append(each)
        elif isinstance(each, (list, tuple)):
            found += [inner for inner in each if isinstance(inner, torch.Tensor)]
    return found


def unwrapped(value: Any) -> Any:
    """The same arguments with the values of the card's tensors."""
    if isinstance(value, CardTensor):
        return value.inner
    if isinstance(value, (list, tuple)):
        return type(value)(unwrapped(each) for each in value)
    return value
