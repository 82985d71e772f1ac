"""Synthesizers of the published shapes with random weights. They need no files, and run as fast as real ones."""

import logging
from typing import Final

import torch

from engine.models.rvc.shapes import shape_named
from engine.models.rvc.synthesizer import Synthesizer
from engine.models.seeded import seeded

SCATTERED: Final = {
    "resblocks": 0.3,
    "conv_post": 0.1,
}  # gains below 1: residual blocks add to their input, and the last layer must not clip

log = logging.getLogger(__name__)


def build(name: str, device: str, dtype: torch.dtype, *, seed: int = 0) -> Synthesizer:
    """A synthesizer of this shape with random weights. Its sound is noise. ModelError for an unknown shape.

    Weights are drawn on the CPU, so the same seed gives the same weights on every device.
    """
    shape = shape_named(name)
    with seeded(seed):
        synthesizer = Synthesizer(shape)
        scatter(synthesizer)
    log.info("random:%s: weights drawn from seed %d, not those of a voice", name, seed)
    return synthesizer.settle(device, dtype)


def scatter(synthesizer: Synthesizer) -> None:
    """Redraw every matrix so that it preserves the signal level. With torch's default initialisation the sound fades
    out."""
    with torch.no_grad():
        for name, parameter in synthesizer.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.ndim > 1:
                inputs = parameter.shape[0] if ".ups." in name else parameter[0].numel()
                parameter.normal_(0.0, SCATTERED.get(name.split(".")[1], 1.0) * inputs**-0.5)
