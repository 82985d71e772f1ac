"""The base class of all loaded models: device, precision, weights and notes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from engine.models.device_work import bytes_of, memory_mb


@dataclass(slots=True, kw_only=True)
class ModelOnDevice(ABC):
    """A loaded model on its device, frozen and in evaluation mode. Not thread-safe."""

    device: torch.device
    dtype: torch.dtype
    notes: tuple[str, ...] = ()
    """Notes for the user about loading, one line each."""

    @abstractmethod
    def tensors(self) -> Iterable[torch.Tensor]:
        """All weights that stay on the device."""

    def memory_bytes(self) -> int:
        return bytes_of(self.tensors())

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    @property
    def card_mb(self) -> float | None:
        """MiB of device memory that this process has allocated; None on a CPU."""
        return memory_mb(self.device)

    @property
    def used_mb(self) -> int:
        """MiB of memory in use: `card_mb`, or on a CPU the size of the weights."""
        card_mb = self.card_mb
        return round(self.memory_bytes() / 2**20 if card_mb is None else card_mb)

    def free(self, caches: Callable[[], object]) -> str:
        """Call `caches()`, which frees caches, and return a text with the MiB freed and in use."""
        before_mb = self.used_mb
        caches()
        return f"freed {before_mb - self.used_mb} MiB, {self.used_mb} MiB in use"
