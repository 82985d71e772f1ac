"""Runs the three stages of a batch on the device, without waiting: judges their results and measures their times."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from engine.models.device_work import DeviceCopies, StageClock
from engine.models.graphs import Calls, State, calls_for
from engine.models.sd.denoiser import ControlInput
from engine.models.sd.latent_painter import LatentPainter
from engine.models.sd.painting import BLACK, GOOD, NOT_FINITE, RERUN
from engine.models.sd.pixels import Pixels, is_finite

if TYPE_CHECKING:
    from engine.models.sd.model import DiffusionModel

STAGES = ("encode", "process", "decode")
CallsFor = Callable[[torch.device], Calls]


class BatchStages:
    """The three stages of a batch. Single thread."""

    def __init__(
        self, model: "DiffusionModel", size: tuple[int, int], latents: LatentPainter, calls: CallsFor | None
    ) -> None:
        self.device = model.device
        self.seconds = StageSeconds(model.device)
        self._latents = latents
        self._pixels = Pixels(model, *size)
        self._encode_calls, self._decode_calls = ((calls or calls_for)(model.device) for _ in range(2))

    def encode(self, rgb: np.ndarray, uploads: DeviceCopies) -> torch.Tensor:
        """Encode (B, height, width, 3) uint8 to latents (B, 4, h, w) float32 on the device."""
        with self.seconds.of("encode"):
            sent = uploads.send("encoded", rgb)
            z: torch.Tensor = self._encode_calls.run(("encode", sent.shape), (self._encode,), {"rgb": sent})["z"]
            return z.clone()  # a copy, because the next replay of the graph overwrites its result

    def process(self, z: torch.Tensor, controls: list[ControlInput]) -> torch.Tensor:
        """Paint the latents: (B, 4, h, w) float32."""
        with self.seconds.of("process"):
            return self._latents.run(z, controls)

    def controls(self, rgb: np.ndarray, uploads: DeviceCopies) -> list[ControlInput]:
        """The inputs of the ControlNets."""
        with self.seconds.of("process"):
            return self._latents.controls(rgb, uploads)

    def decode(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode to (B, height, width, 3) uint8, and (B,) uint8 GOOD, NOT_FINITE or BLACK, both on the device. They may
        be in buffers that the next call overwrites."""
        with self.seconds.of("decode"):
            done = self._decode_calls.run(("decode", z.shape), (self._decode,), {"z": z})
            return done["rgb"], done["fates"]

    def drop(self) -> None:
        """Free all caches."""
        self._encode_calls.drop()
        self._decode_calls.drop()
        self._latents.drop()

    def _encode(self, state: State) -> State:
        return {"z": self._pixels.encode(state["rgb"])}

    def _decode(self, state: State) -> State:
        rgb, is_finite = self._pixels.decode(state["z"])
        fates = latent_fates(state["z"])
        return {"rgb": rgb, "fates": torch.where(fates == GOOD, picture_fates(rgb, is_finite), fates)}


class StageSeconds:
    """Total time of each stage. Single thread, except `total`, which any thread may call."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marks: list[StageClock] = []
        self._total = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Attribute the device's work inside the `with` block to `stage`."""
        clock = StageClock(self._device)
        clock.begin()
        yield
        clock.end(stage)
        self._marks.append(clock)

    def taken(self) -> list[StageClock]:
        """Take the marks since the last call, to `read` when the device has finished them."""
        marks, self._marks = self._marks, []
        return marks

    def read(self, marks: list[StageClock] | None = None) -> None:
        """Add these marks, by default all that were not taken, to the totals. Waits for the device."""
        for clock in self.taken() if marks is None else marks:
            for stage, ms in clock.read_ms().items():
                self._total[stage] += ms / 1000.0

    def total(self) -> dict[str, float]:
        return dict(self._total)

    def forget(self) -> None:
        """Reset all totals."""
        self.taken()
        self._total = dict.fromkeys(STAGES, 0.0)


def latent_fates(z: torch.Tensor) -> torch.Tensor:
    """(B,) uint8, GOOD, NOT_FINITE or BLACK, of latents (B, 4, h, w). A constant in each channel counts as BLACK."""
    is_flat = (z == z[:, :, :1, :1]).flatten(1).all(dim=1)
    return (is_flat.to(torch.uint8) * BLACK).masked_fill(~is_finite(z), NOT_FINITE)


def picture_fates(rgb: torch.Tensor, are_finite: torch.Tensor) -> torch.Tensor:
    """(B,) uint8, GOOD, NOT_FINITE or BLACK, of pictures (B, h, w, 3) uint8; `are_finite` (B,): whether their values
    are finite."""
    is_black = rgb.flatten(1).amax(dim=1) == 0
    return (is_black.to(torch.uint8) * BLACK).masked_fill(~are_finite, NOT_FINITE)


def merge_rerun(fates: np.ndarray, again: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Final fates (B,) uint8 after a second attempt with fates `again`, and (B,) bool: True to use its result."""
    is_mended = (fates != GOOD) & (again == GOOD)
    return np.where(is_mended, RERUN, fates).astype(np.uint8), is_mended
