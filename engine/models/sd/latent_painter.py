"""Paints latents according to a Painting, and caches encoded texts and schedules."""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from engine.errors import ModelError
from engine.models.sd.batch_schedule import BatchSchedule
from engine.models.sd.conditioner import Cond, Conditioner
from engine.models.sd.control_images import soft_edges
from engine.models.sd.denoiser import ControlInput, Denoiser
from engine.models.sd.edges import edges
from engine.models.sd.model import dropped_negative, unguided
from engine.models.sd.painting import Painting
from engine.models.sd.pixels import fitted
from engine.models.sd.prompt_syntax import Note, tagged_weights, with_tags

if TYPE_CHECKING:
    from engine.models.device_work import DeviceCopies
    from engine.models.graphs import Calls
    from engine.models.sd.model import DiffusionModel

KEPT = 16  # number of cached Paintings: enough for as many alternating clients

ReadPicture = Callable[[Path], np.ndarray]
"""(height, width, 3) uint8 of a file."""
Kept = TypeVar("Kept")


class LatentPainter:
    """Single thread; call `change` before the first run."""

    def __init__(
        self,
        model: "DiffusionModel",
        size: tuple[int, int],
        *,
        read_picture: ReadPicture | None,
        note: Callable[[str], None],
        calls: "Calls | None",
    ) -> None:
        self._model, self._size, self._tell = model, size, note
        self._read_picture = read_picture
        self._denoiser = Denoiser(model, calls=calls)
        self._note: Note = lambda key, line: note(line)
        self._conditioner = Conditioner(model, note=self._note)
        self._conds: dict[Hashable, Cond] = {}
        self._schedules: dict[Hashable, BatchSchedule] = {}
        self._schedule: BatchSchedule | None = None
        self._painting: Painting | None = None
        self.steps = self.evaluations = 0
        """UNet calls per picture, and those of them that run the whole UNet."""

    def change(self, painting: Painting) -> None:
        """Use this Painting from now on. Recent texts and pictures are cached. ModelError if the model does not support
        it. A prompt tag (`with_tags`) sets the weight of its LoRA. LoRA weights and the IP-Adapter's scale are state of
        the model: if several painters share it, call this before each batch."""
        model = self._model
        _require_counts(painting, model)
        schedule = self._schedule_for(painting)
        steps, evaluations = schedule.steps, schedule.evaluations
        if model.loras is not None:
            weights = painting.lora_weights or tuple(weight for _, weight in model.spec.loras)
            model.loras.set_weights(with_tags(painting.prompt, model.loras.names, weights, self._note))
        else:
            tagged_weights(painting.prompt, (), self._note)
        if model.ip_adapter is not None:
            model.ip_adapter.set_scale(painting.ip_scale)
        # LoRAs may change the text and image encoders, so their weights are part of the key; the scale only affects the
        # UNet.
        key = painting.prompt, painting.negative, painting.lora_weights, painting.ip_image
        self._cond = _kept(self._conds, key, lambda: self._encoded(painting))
        before = self._painting
        told = (painting.cfg, painting.sampler, painting.negative)
        if before is None or (before.cfg, before.sampler, before.negative) != told:
            sampler = model.sampler if painting.sampler == "auto" else painting.sampler
            if line := unguided(model, sampler, painting.cfg):
                self._tell(f"--cfg: {line}")
            if line := dropped_negative(model, sampler, painting.cfg, painting.negative):
                self._tell(f"--negative: {line}")
        self.steps, self.evaluations = steps, evaluations
        self._schedule, self._painting = schedule, painting

    def controls(self, rgb: np.ndarray, uploads: "DeviceCopies") -> list[ControlInput]:
        """The inputs of all ControlNets with a scale above 0, for pictures (B, height, width, 3) uint8."""
        assert self._painting is not None
        seen: dict[str, torch.Tensor] = {}  # (B, 3, height, width), shared by ControlNets with the same input
        shown = []
        for index, use in enumerate(self._painting.control_uses):
            if use.scale:
                if use.sees not in seen:
                    pictures = np.stack([edges(each, self._size) for each in rgb]) if use.sees == "edges" else rgb
                    sent = uploads.send(use.sees, pictures)
                    shown_there = fitted(sent, *self._size, self._model.device)
                    drawn = soft_edges(shown_there) if use.sees == "soft" else shown_there
                    seen[use.sees] = drawn.to(self._model.dtype)
                shown.append(ControlInput(index=index, picture=seen[use.sees], scale=use.scale))
        return shown

    @torch.no_grad()
    def run(self, z: torch.Tensor, controls: list[ControlInput]) -> torch.Tensor:
        """Paint latents (B, 4, h, w); returns float32 in new memory."""
        assert self._schedule is not None
        return self._schedule.run(z, self._cond, controls)

    def drop(self) -> None:
        """Free all caches."""
        self._denoiser.drop()
        self._schedules.clear()

    def _schedule_for(self, painting: Painting) -> BatchSchedule:
        asked: dict[str, Any] = {
            "steps": painting.steps,
            "strength": painting.strength,
            "guidance": painting.cfg,
            "seed": painting.seed,
            "sampler": painting.sampler,
        }
        before = self._schedule

        def made() -> BatchSchedule:
            return BatchSchedule(self._model, self._denoiser, **asked) if before is None else before.changed(**asked)

        return _kept(self._schedules, tuple(asked.values()), made)

    def _encoded(self, painting: Painting) -> Cond:
        images = []
        if painting.ip_image:
            assert self._read_picture is not None
            images = [(self._read_picture(Path(painting.ip_image)), 1.0)]
        return self._conditioner.encode(painting.prompt, painting.negative, ip_images=images, size=self._size)


def _require_counts(painting: Painting, model: "DiffusionModel") -> None:
    """Raise ModelError if the Painting uses parts that were not loaded with the model."""
    name, uses, weights = model.spec.model, painting.control_uses, painting.lora_weights
    if len(uses) != model.controlnet_count:
        raise ModelError(f"{name}: has {model.controlnet_count} ControlNets, but settings for {len(uses)} are given")
    if weights and len(weights) != len(model.spec.loras):
        raise ModelError(f"{name}: has {len(model.spec.loras)} LoRAs, but weights for {len(weights)} are given")
    if painting.ip_image and model.ip_adapter is None:
        raise ModelError(f"{painting.ip_image}: a picture prompt needs an IP-Adapter; name one with --ip-adapter")


def _kept(memory: dict[Hashable, Kept], key: Hashable, make: Callable[[], Kept]) -> Kept:
    """The result of `make` for this key, from an LRU cache of KEPT entries."""
    value = memory.pop(key) if key in memory else make()
    memory[key] = value  # re-inserted at the end: most recently used
    if len(memory) > KEPT:
        del memory[next(iter(memory))]
    return value
