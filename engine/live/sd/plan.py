"""The two modes of painting behind one interface: stream (frames overlap), and single (picture by picture)."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from engine.live.sd.settings import DiffusionSettings
from engine.models.sd.batch_schedule import BatchSchedule
from engine.models.sd.coefficients import real_steps
from engine.models.sd.stream_schedule import StreamSchedule, StreamSettings

if TYPE_CHECKING:
    import torch

    from engine.models.sd.conditioner import Cond
    from engine.models.sd.denoiser import ControlInput, Denoiser
    from engine.models.sd.model import DiffusionModel


class Ticket(NamedTuple):
    """Goes in with a frame, and comes out with its picture."""

    time_s: float
    """The frame's time on the engine's clock."""
    seen: np.ndarray | None
    """Its `consistency.thumbnail`, if that is needed."""


class StreamPlan:
    """A picture comes out `steps` calls after its frame went in, one per call. `steps`: run for a picture. `rows`: of a
    UNet call's batch. `ignores_delta`: it has no effect in the first step."""

    def __init__(self, model: "DiffusionModel", denoiser: "Denoiser", settings: DiffusionSettings) -> None:
        self.schedule = StreamSchedule(model, denoiser, _stream_settings(settings))
        self._in_flight: deque[Ticket] = deque()
        self._count()

    def change(self, settings: DiffusionSettings) -> None:
        """Continue with these settings; drops the frames in flight if necessary."""
        before = self.schedule.generation
        self.schedule.change(_stream_settings(settings))
        if self.schedule.generation != before:
            self._in_flight.clear()
        self._count()

    def _count(self) -> None:
        self.steps = self.calls = self.schedule.steps
        self.rows, self.ignores_delta = self.schedule.rows, self.schedule.ignores_delta

    def paint(
        self,
        z: "torch.Tensor",
        cond: "Cond",
        controls: "Sequence[ControlInput]",
        between: Callable[[], None],
        ticket: Ticket,
    ) -> "tuple[torch.Tensor | None, Ticket]":
        """The finished latents (1, 4, h, w), or None while the stream fills, with the ticket of their frame."""
        self._in_flight.append(ticket)
        latents = self.schedule.push(z, cond, controls, between=between)
        return latents, ticket if latents is None else self._in_flight.popleft()


class SinglePlan:
    """Each call runs all steps of one picture."""

    ignores_delta = False
    calls = 1

    def __init__(self, model: "DiffusionModel", denoiser: "Denoiser", settings: DiffusionSettings) -> None:
        self.schedule = BatchSchedule(model, denoiser, **_batch_settings(settings))
        self._count(settings)

    def change(self, settings: DiffusionSettings) -> None:
        self.schedule = self.schedule.changed(**_batch_settings(settings))
        self._count(settings)

    def _count(self, settings: DiffusionSettings) -> None:
        self.steps = real_steps(settings.steps.steps, settings.steps.strength)
        self.rows = self.schedule.rows_a_picture

    def paint(
        self,
        z: "torch.Tensor",
        cond: "Cond",
        controls: "Sequence[ControlInput]",
        between: Callable[[], None],
        ticket: Ticket,
    ) -> "tuple[torch.Tensor | None, Ticket]":
        return self.schedule.run(z, cond, controls, between=between), ticket


def _batch_settings(settings: DiffusionSettings) -> dict[str, Any]:
    return {
        name: getattr(settings.steps, name)
        for name in ("steps", "strength", "guidance", "guidance_begin", "guidance_end", "seed")
    }


def _stream_settings(settings: DiffusionSettings) -> StreamSettings:
    width, height = settings.size
    steps = {field.name: getattr(settings.steps, field.name) for field in fields(settings.steps)}
    return StreamSettings(width=width, height=height, **steps)
