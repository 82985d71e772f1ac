"""The two ways a picture is painted, behind one face: as a stream, or one after the other."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from engine.live.sd.settings import Settings
from engine.models.sd.batch_schedule import BatchSchedule
from engine.models.sd.coefficients import real_steps
from engine.models.sd.stream_schedule import StreamSchedule, StreamSettings

if TYPE_CHECKING:
    import torch

    from engine.models.sd.conditioner import Cond
    from engine.models.sd.denoiser import ControlInput, Denoiser
    from engine.models.sd.model import DiffusionModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a frame is given on its way in, and its picture has on the way out."""

    generation: int
    """Of the settings in force then."""
    time_s: float
    """Of the frame, on the engine's clock."""


class Plan(Protocol):
    @property
    def steps(self) -> int:
        """Real steps of a picture."""

    @property
    def rows(self) -> int:
        """Rows of a UNet call."""

    @property
    def guidance(self) -> float:
        """In force, whatever was asked for; 1 is off."""

    def change(self, settings: Settings) -> bool:
        """Go on with these; True when frames in flight were given up for it."""

    def paint(
        self,
        z: "torch.Tensor",
        cond: "Cond",
        controls: "Sequence[ControlInput]",
        between: Callable[[], None],
        ticket: Ticket,
    ) -> "tuple[torch.Tensor | None, Ticket]":
        """The finished latents (1, 4, h, w), or None while a stream fills, and the ticket their frame came with."""


class StreamPlan:
    """Pictures come out `steps` calls after their frames went in, one a call."""

    def __init__(self, model: "DiffusionModel", denoiser: "Denoiser", settings: Settings) -> None:
        self._schedule = StreamSchedule(model, denoiser, _stream_settings(settings))
        self._in_flight: deque[Ticket] = deque()

    @property
    def steps(self) -> int:
        return self._schedule.steps

    @property
    def rows(self) -> int:
        return self._schedule.rows

    @property
    def guidance(self) -> float:
        return self._schedule.guidance

    @property
    def ignores_delta(self) -> bool:
        return self._schedule.ignores_delta

    def change(self, settings: Settings) -> bool:
        before = self._schedule.generation
        self._schedule.change(_stream_settings(settings))
        is_given_up = self._schedule.generation != before
        if is_given_up:
            self._in_flight.clear()
        return is_given_up

    def paint(
        self,
        z: "torch.Tensor",
        cond: "Cond",
        controls: "Sequence[ControlInput]",
        between: Callable[[], None],
        ticket: Ticket,
    ) -> "tuple[torch.Tensor | None, Ticket]":
        self._in_flight.append(ticket)
        latents = self._schedule.push(z, cond, controls, between=between)
        return latents, ticket if latents is None else self._in_flight.popleft()


class SinglePlan:
    """Each call makes all steps of one picture."""

    ignores_delta = False

    def __init__(self, model: "DiffusionModel", denoiser: "Denoiser", settings: Settings) -> None:
        self._model, self._denoiser = model, denoiser
        self.change(settings)

    @property
    def guidance(self) -> float:
        return self._schedule.guidance

    def change(self, settings: Settings) -> bool:
        steps = settings.steps
        self._schedule = BatchSchedule(
            self._model,
            self._denoiser,
            steps=steps.steps,
            strength=steps.strength,
            guidance=steps.guidance,
            seed=steps.seed,
        )
        self.steps = real_steps(steps.steps, steps.strength)
        self.rows = self._schedule.rows_a_picture
        return False

    def paint(
        self,
        z: "torch.Tensor",
        cond: "Cond",
        controls: "Sequence[ControlInput]",
        between: Callable[[], None],
        ticket: Ticket,
    ) -> "tuple[torch.Tensor | None, Ticket]":
        return self._schedule.run(z, cond, controls, between=between), ticket


def _stream_settings(settings: Settings) -> StreamSettings:
    steps = settings.steps
    return StreamSettings(
        width=settings.size[0],
        height=settings.size[1],
        steps=steps.steps,
        strength=steps.strength,
        t_index=steps.t_index,
        guidance=steps.guidance,
        cfg_type=steps.cfg_type,
        delta=steps.delta,
        seed=steps.seed,
    )
