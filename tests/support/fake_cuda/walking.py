"""The card for tests that walk through the engine on CUDA, the machine's own or a fake one, and
their reference."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from tests.support.fake_cuda.installation import installed

HAS_CARD = torch.cuda.is_available()


class RealCard:
    """The machine's own card. It counts nothing, but raises for itself."""

    @contextmanager
    def loop(self) -> Iterator[None]:
        yield

    tally = loop


@contextmanager
def reference_device() -> Iterator[str]:
    """The device for direct calls to compare with: `cpu`, or the real card, which rounds and draws
    otherwise."""
    with exact_kernels():
        yield "cuda" if HAS_CARD else "cpu"


@contextmanager
def walked_card() -> Iterator[Any]:
    """Replace `cuda` by a FakeCuda, or yield a RealCard. Fails if the block has committed a fault
    on it. Load a model on the reference device before: some libraries check once whether there is a
    card, and cache the answer."""
    if HAS_CARD:
        with exact_kernels():
            yield RealCard()
        return
    with installed() as card:
        yield card
    assert not card.faults, "\n".join(map(str, card.faults))


@contextmanager
def exact_kernels() -> Iterator[None]:
    """Within the block a real card rounds to float32, not to the 10 bits of TF32, and runs the same
    convolution each time: a capture lets cuDNN measure, and what it then chooses varies from run to
    run."""
    cudnn = torch.backends.cudnn
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cudnn, "deterministic", True)
            patch.setattr(cudnn, "allow_tf32", False)
            # a plain attribute, which switches nothing when it is set
            patch.setattr(type(cudnn), "benchmark", False)
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
