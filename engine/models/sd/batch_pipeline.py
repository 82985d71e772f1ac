"""Runs the three stages of a batch on the device without waiting, checks their results and measures
their times.

A Painting says how the latents are painted. Encoded texts and schedules are cached.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models.device_work import DeviceCopies, StageClock
from engine.models.graphs import ChainRunner, State, runner_for
from engine.models.sd.batch_schedule import BatchSchedule
from engine.models.sd.conditioner import Conditioner, Conditioning
from engine.models.sd.control_images import soft_edges
from engine.models.sd.denoiser import ControlInput, Denoiser
from engine.models.sd.edges import canny_edges
from engine.models.sd.model import unused_guidance_note, unused_negative_note
from engine.models.sd.painting import BLACK, GOOD, NOT_FINITE, RERUN, Painting
from engine.models.sd.pixels import Pixels, crop_and_resize, is_finite
from engine.models.sd.prompt_syntax import Note, tag_weights, with_tags

if TYPE_CHECKING:
    from engine.models.sd.model import DiffusionModel

STAGE_NAMES = ("encode", "process", "decode")
MAX_CACHED = 16  # number of cached Paintings: enough for as many alternating clients

CallsFor = Callable[[torch.device], ChainRunner]
ReadPicture = Callable[[Path], np.ndarray]
"""Reads a picture file: (height, width, 3) uint8."""
Cached = TypeVar("Cached")


class BatchPipeline:
    """Encodes, paints and decodes batches. Single thread; call `change` before the first batch."""

    def __init__(
        self,
        model: "DiffusionModel",
        size: tuple[int, int],
        calls: CallsFor | None,
        *,
        read_picture: ReadPicture | None,
        note: Callable[[str], None],
    ) -> None:
        self.device = model.device
        self.seconds = StageSeconds(model.device)
        self.steps = 0
        self.evaluations = 0
        """UNet calls per picture, and those of them that run the whole UNet."""
        self._model = model
        self._size = size
        self._report = note
        self._read_picture = read_picture
        self._pixels = Pixels(model, *size)
        make_runner = calls or runner_for
        self._encode_calls = make_runner(model.device)
        self._decode_calls = make_runner(model.device)
        self._denoiser = Denoiser(model, calls=None if calls is None else calls(model.device))
        self._note: Note = lambda key, line: note(line)
        self._conditioner = Conditioner(model, note=self._note)
        self._conds: dict[Hashable, Conditioning] = {}
        self._schedules: dict[Hashable, BatchSchedule] = {}
        self._schedule: BatchSchedule | None = None
        self._painting: Painting | None = None

    def change(self, painting: Painting) -> None:
        """Use this Painting from now on. Recent texts and pictures are cached. ModelError if the
        model does not support it. A prompt tag (`with_tags`) sets the weight of its LoRA. LoRA
        weights and the IP-Adapter's scale are state of the model: if several painters share it,
        call this before each batch."""
        model = self._model
        _require_counts(painting, model)
        schedule = self._schedule_for(painting)
        steps = schedule.steps
        evaluations = schedule.evaluations
        if model.loras is not None:
            weights = painting.lora_weights or tuple(weight for _, weight in model.spec.loras)
            model.loras.set_weights(
                with_tags(painting.prompt, model.loras.names, weights, self._note)
            )
        else:
            tag_weights(painting.prompt, (), self._note)
        if model.ip_adapter is not None:
            model.ip_adapter.set_scale(painting.ip_scale)
        # LoRAs may change the text and image encoders, so their weights are in the key; the scale
        # affects the UNet.
        key = painting.prompt, painting.negative, painting.lora_weights, painting.ip_image
        self._cond = _cached(self._conds, key, lambda: self._encode_prompt(painting))
        before = self._painting
        requested = (painting.cfg, painting.sampler, painting.negative)
        if before is None or (before.cfg, before.sampler, before.negative) != requested:
            sampler = model.sampler if painting.sampler == "auto" else painting.sampler
            if line := unused_guidance_note(model, sampler, painting.cfg):
                self._report(f"--cfg: {line}")
            if line := unused_negative_note(model, sampler, painting.cfg, painting.negative):
                self._report(f"--negative: {line}")
        self.steps = steps
        self.evaluations = evaluations
        self._schedule = schedule
        self._painting = painting

    def encode(self, rgb: np.ndarray, uploads: DeviceCopies) -> Tensor:
        """Encode (B, height, width, 3) uint8 to latents (B, 4, h, w) float32 on the device."""
        with self.seconds.measure("encode"):
            sent = uploads.send("encoded", rgb)
            z: Tensor = self._encode_calls.run(
                ("encode", sent.shape), (self._encode,), {"rgb": sent}
            )["z"]
            return z.clone()  # a copy, because the next replay of the graph overwrites its result

    @torch.no_grad()
    def process(self, z: Tensor, controls: list[ControlInput]) -> Tensor:
        """Paint latents (B, 4, h, w); returns float32 in new memory."""
        assert self._schedule is not None
        with self.seconds.measure("process"):
            return self._schedule.run(z, self._cond, controls)

    def controls(self, rgb: np.ndarray, uploads: DeviceCopies) -> list[ControlInput]:
        """The inputs of all ControlNets with a scale above 0, for pictures (B, height, width, 3)
        uint8."""
        assert self._painting is not None
        with self.seconds.measure("process"):
            seen: dict[
                str, Tensor
            ] = {}  # (B, 3, height, width), shared by ControlNets with the same input
            inputs = []
            for index, use in enumerate(self._painting.control_uses):
                if use.scale:
                    if use.sees not in seen:
                        is_edges = use.sees == "edges"
                        size = self._size
                        pictures = (
                            np.stack([canny_edges(each, size) for each in rgb]) if is_edges else rgb
                        )
                        resized = crop_and_resize(
                            uploads.send(use.sees, pictures), *self._size, self._model.device
                        )
                        image = soft_edges(resized) if use.sees == "soft" else resized
                        seen[use.sees] = image.to(self._model.dtype)
                    inputs.append(
                        ControlInput(index=index, picture=seen[use.sees], scale=use.scale)
                    )
            return inputs

    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Decode to (B, height, width, 3) uint8, and (B,) uint8 GOOD, NOT_FINITE or BLACK, both on
        the device. They may be in buffers that the next call overwrites."""
        with self.seconds.measure("decode"):
            done = self._decode_calls.run(("decode", z.shape), (self._decode,), {"z": z})
            return done["rgb"], done["fates"]

    def drop(self) -> None:
        """Free all caches."""
        for calls in (self._encode_calls, self._decode_calls, self._denoiser):
            calls.drop()
        self._schedules.clear()

    def _encode(self, state: State) -> State:
        return {"z": self._pixels.encode(state["rgb"])}

    def _decode(self, state: State) -> State:
        rgb, is_finite = self._pixels.decode(state["z"])
        outcomes = latent_outcomes(state["z"])
        return {
            "rgb": rgb,
            "fates": torch.where(outcomes == GOOD, picture_outcomes(rgb, is_finite), outcomes),
        }

    def _schedule_for(self, painting: Painting) -> BatchSchedule:
        options: dict[str, Any] = {
            "steps": painting.steps,
            "strength": painting.strength,
            "guidance": painting.cfg,
            "seed": painting.seed,
            "sampler": painting.sampler,
        }
        before = self._schedule

        def build() -> BatchSchedule:
            if before is None:
                return BatchSchedule(self._model, self._denoiser, **options)
            return before.with_settings(**options)

        return _cached(self._schedules, tuple(options.values()), build)

    def _encode_prompt(self, painting: Painting) -> Conditioning:
        images = []
        if painting.ip_image:
            assert self._read_picture is not None
            images = [(self._read_picture(Path(painting.ip_image)), 1.0)]
        return self._conditioner.encode(
            painting.prompt, painting.negative, ip_images=images, size=self._size
        )


class StageSeconds:
    """Total time of each stage. Single thread, except `total`, which any thread may call."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marks: list[StageClock] = []
        self._total: dict[str, float] = dict.fromkeys(STAGE_NAMES, 0.0)

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Attribute the device's work inside the `with` block to the stage `name`."""
        clock = StageClock(self._device)
        clock.begin()
        yield
        clock.end(name)
        self._marks.append(clock)

    def pop_marks(self) -> list[StageClock]:
        """Remove and return the marks since the last call, to `read` when the device has finished
        them."""
        marks = self._marks
        self._marks = []
        return marks

    def read(self, marks: list[StageClock] | None = None) -> None:
        """Add these marks, by default all that were not popped, to the totals. Waits for the
        device."""
        for clock in self.pop_marks() if marks is None else marks:
            for name, ms in clock.read_ms().items():
                self._total[name] += ms / 1000.0

    def total(self) -> dict[str, float]:
        return dict(self._total)

    def forget(self) -> None:
        """Reset all totals."""
        self.pop_marks()
        self._total = dict.fromkeys(STAGE_NAMES, 0.0)


def latent_outcomes(z: Tensor) -> Tensor:
    """Outcome of latents (B, 4, h, w): (B,) uint8, GOOD, NOT_FINITE or BLACK. A constant in each
    channel is BLACK."""
    is_flat = (z == z[:, :, :1, :1]).flatten(1).all(dim=1)
    return (is_flat.to(torch.uint8) * BLACK).masked_fill(~is_finite(z), NOT_FINITE)


def picture_outcomes(rgb: Tensor, are_finite: Tensor) -> Tensor:
    """Outcome of pictures (B, h, w, 3) uint8: (B,) uint8, GOOD, NOT_FINITE or BLACK. `are_finite`:
    (B,) bool."""
    is_black = rgb.flatten(1).amax(dim=1) == 0
    return (is_black.to(torch.uint8) * BLACK).masked_fill(~are_finite, NOT_FINITE)


def merge_rerun(outcomes: np.ndarray, again: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Final outcomes (B,) uint8 after a second attempt with outcomes `again`, and (B,) bool: True
    to use its result."""
    is_fixed = (outcomes != GOOD) & (again == GOOD)
    return np.where(is_fixed, RERUN, outcomes).astype(np.uint8), is_fixed


def _require_counts(painting: Painting, model: "DiffusionModel") -> None:
    """Raise ModelError if the Painting uses parts that were not loaded with the model."""
    name = model.spec.model
    uses = painting.control_uses
    weights = painting.lora_weights
    if len(uses) != model.controlnet_count:
        raise ModelError(
            f"{name}: has {model.controlnet_count} ControlNets, but settings for {len(uses)} are "
            "given"
        )
    if weights and len(weights) != len(model.spec.loras):
        raise ModelError(
            f"{name}: has {len(model.spec.loras)} LoRAs, but weights for {len(weights)} are given"
        )
    if painting.ip_image and model.ip_adapter is None:
        raise ModelError(
            f"{painting.ip_image}: a picture prompt needs an IP-Adapter; name one with --ip-adapter"
        )


def _cached(memory: dict[Hashable, Cached], key: Hashable, make: Callable[[], Cached]) -> Cached:
    """The result of `make` for this key, from an LRU cache of MAX_CACHED entries."""
    value = memory.pop(key) if key in memory else make()
    memory[key] = value  # re-inserted at the end: most recently used
    if len(memory) > MAX_CACHED:
        del memory[next(iter(memory))]
    return value
