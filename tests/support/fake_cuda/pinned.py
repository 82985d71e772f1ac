"""Page-locked memory of the host, which the card reads and writes while the host continues."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from tests.support.fake_cuda.ledger import FaultKind, calling_line
from tests.support.fake_cuda.timeline import Clock, Moment

if TYPE_CHECKING:
    from tests.support.fake_cuda.device import FakeCuda


@dataclass(frozen=True, slots=True)
class Transfer:
    host: torch.Tensor
    """The pinned tensor that the card reads or writes."""
    content: torch.Tensor
    """What the card has to read, or what arrives in `host` at some time, at the latest when the
    host has waited."""
    moment: Moment
    line: str


class PinnedMemory:
    """Transfers that the host has not waited for."""

    def __init__(self, card: "FakeCuda") -> None:
        self._card = card
        self._uploads: list[Transfer] = []
        self._arrivals: list[Transfer] = []

    def pin(self, tensor: torch.Tensor) -> torch.Tensor:
        tensor.untyped_storage().is_pinned_for_fake_cuda = True
        return tensor

    def has(self, tensor: torch.Tensor) -> bool:
        return getattr(tensor.untyped_storage(), "is_pinned_for_fake_cuda", False)

    @property
    def is_busy(self) -> bool:
        return bool(self._uploads or self._arrivals)

    def upload(self, source: torch.Tensor, moment: Moment) -> None:
        self._uploads.append(Transfer(source, source.clone(), moment, calling_line()))

    def arrive(self, destination: torch.Tensor, content: torch.Tensor, moment: Moment) -> None:
        self._arrivals.append(Transfer(destination, content, moment, calling_line()))

    def touched(self, tensor: torch.Tensor, *, is_write: bool) -> None:
        """The host reads or writes a tensor now."""
        if not self.is_busy or not self.has(tensor):
            return
        storage = tensor.untyped_storage()
        for arrival in self._arrivals:
            if arrival.host.untyped_storage() is storage:
                self._fault(f"the host uses it before the download of {arrival.line} has arrived")
        for upload in self._uploads if is_write else ():
            if upload.host.untyped_storage() is storage:
                self._fault(f"the host writes while the card may read it for {upload.line}")

    def settle(self, host: Clock) -> None:
        """Finish the transfers that are over for the host. Notices sources that were changed
        meanwhile in any way."""
        for upload in [each for each in self._uploads if host.covers(each.moment)]:
            self._uploads = [each for each in self._uploads if each is not upload]
            if not same(upload.host, upload.content):
                self._fault(
                    f"it was changed before the upload was over, at {upload.line}", upload.line
                )
        for arrival in [each for each in self._arrivals if host.covers(each.moment)]:
            self._arrivals = [each for each in self._arrivals if each is not arrival]
            arrival.host.copy_(arrival.content)

    def _fault(self, what: str, line: str | None = None) -> None:
        self._card.ledger.fault(FaultKind.PINNED_REUSED, what, line)


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """True if two tensors are equal bit by bit, NaN too."""
    return one.reshape(-1).view(torch.uint8).equal(other.reshape(-1).view(torch.uint8))
