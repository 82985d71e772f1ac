"""Synthesizers of the published shapes with random weights. They need no files, and run as fast as real ones."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch

from engine.models.rvc.shapes import shape_named
from engine.models.rvc.synthesizer import Synthesizer

SCATTERED: Final = {"resblocks": 0.3, "conv_post": 0.1}  # blocks add to their input; the last layer must not clip

log = logging.getLogger(__name__)


def build(name: str, device: str, dtype: torch.dtype, *, seed: int = 0) -> Synthesizer:
    """A synthesizer of this shape with random weights. Its sound is noise. ModelError for an unknown shape.

    They are drawn on the CPU, so the same seed gives the same weights on every device.
    """
    shape = shape_named(name)
    with seeded(seed):
        synthesizer = Synthesizer(shape)
        scatter(synthesizer)
    log.info("random:%s: weights drawn from seed %d, not those of a voice", name, seed)
    return synthesizer.settle(device, dtype)


def scatter(synthesizer: Synthesizer) -> None:
    """Redraw every matrix so that it keeps a signal's size. With torch's own defaults the sound fades to nothing."""
    with torch.no_grad():
        for name, parameter in synthesizer.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.ndim > 1:
                inputs = parameter.shape[0] if ".ups." in name else parameter[0].numel()
                parameter.normal_(0.0, SCATTERED.get(name.split(".")[1], 1.0) * inputs**-0.5)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Context with torch's random state set from `seed`, and without gradients. Restores the state afterwards."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        yield
