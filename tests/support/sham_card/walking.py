"""The card that a walk through the engine runs on: the machine's own, or else a sham card."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from tests.support.sham_card.installation import installed

HAS_CARD = torch.cuda.is_available()
REFERENCE = "cuda" if HAS_CARD else "cpu"
"""The device for direct calls to compare with. A real card rounds otherwise than a CPU, and draws other numbers."""


class RealCard:
    """The machine's own card. It counts nothing, but raises for itself."""

    @contextmanager
    def loop(self) -> Iterator[None]:
        yield


@contextmanager
def walked_card() -> Iterator[Any]:
    """A ShamCard in the place of `cuda`, or a RealCard. Fails if the block has committed a fault on it.

    Load a model on REFERENCE before: some libraries ask once whether there is a card, and keep the answer.
    """
    if HAS_CARD:
        yield RealCard()
        return
    with installed() as card:
        yield card
    assert not card.faults, "\n".join(map(str, card.faults))
