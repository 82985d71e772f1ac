"""Runs all steps of consecutive live frames in one UNet call (StreamDiffusion, Kodaira et al.,
arXiv 2312.12491).

A picture needs S consecutive steps. Each call starts a new frame at the first step and advances
those of the last S - 1 calls by one step, all as rows of one batch: the same work per picture, but
in one large call instead of small ones that leave a GPU partly idle. A picture comes out S calls
after its frame went in.

The first row is the newest, at the noisiest step, and the last one is finished. The state holds x0,
not x: noise is added at the start of a call, with the coefficients of that call, so a change of
timesteps or seed applies to all rows at once. For samplers that reuse noise (lightning, hyper, tcd)
the noise estimated in a row is stored with its x0. Each step uses the same noise for all frames, or
they would flicker.

Residual guidance (section 3.2 of the paper) replaces the negative prediction by one that needs no
UNet call. A row with sample x at abar comes from a latent a; the noise between them is e = (x -
sqrt(abar) a) / sqrt(1 - abar). It is used, times delta, as the negative prediction. `self`: a is
the encoded frame. `initialise`: a is the model's prediction for the frame's first step with the
negative prompt, so that only one row is computed twice. It is computed on x0, where delta e becomes
delta a + (1 - delta) x / sqrt(abar): no division by small numbers at delta 1, and the same for
every prediction type. In a step that begins with pure noise (zero terminal SNR) abar is 0 and x0 is
undefined for any other delta, so delta is 1 there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine.models.device_work import upload
from engine.models.graphs import Between, noop
from engine.models.sd.coefficients import guidance_per_step, step_coefficients
from engine.models.sd.denoiser import ControlInput, Denoiser
from engine.models.sd.noise import Noise, NoiseSource
from engine.models.sd.painting import CfgType, StreamSettings
from engine.models.sd.plan.unet_config import LATENT_CHANNELS
from engine.models.sd.seeds import Seeds

if TYPE_CHECKING:
    from engine.models.sd.conditioner import Conditioning
    from engine.models.sd.model import DiffusionModel


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesInFlight:
    """The state of the S F rows after a call; the last F are finished, and no longer in flight."""

    clean: Tensor
    """(S F, 4, h, w) float32: x0 after the step."""
    noise_estimate: Tensor | None
    """Shaped like `clean`: the noise estimated in the step; None if no step reuses noise."""
    origins: Tensor
    """Shaped like `clean`: the latents that the rows come from, for residual guidance."""
    pictures: dict[int, Tensor]
    """(S F, 3, height, width) by ControlNet: its input for each frame."""
    calls: int
    """Number of calls since the stream was empty."""

    def of_steps(self, steps: int) -> "FramesInFlight":
        """The same with another number of steps: the newest frames, or the newest one several
        times."""
        more = max(0, steps - len(self.clean))
        rows = [max(0, index - more) for index in range(steps)]
        noise = self.noise_estimate
        return FramesInFlight(
            clean=self.clean[rows],
            noise_estimate=None if noise is None else noise[rows],
            origins=self.origins[rows],
            pictures={index: pictures[rows] for index, pictures in self.pictures.items()},
            calls=self.calls + more,
        )


class StreamSchedule:
    """Runs all steps of consecutive live frames of one model in one UNet call. ModelError unless
    its sampler is in FEW_STEPS and t_index in the table. Single thread."""

    def __init__(
        self, model: "DiffusionModel", denoiser: Denoiser, settings: StreamSettings
    ) -> None:
        self.generation = 0
        """Incremented when frames in flight are dropped; older pictures must no longer be shown."""
        self.steps = 0
        """S: number of calls from a frame to its picture."""
        self.guidance = 1.0
        self._model = model
        self._denoiser = denoiser
        self._flight: FramesInFlight | None = None
        self._noise_source = NoiseSource(denoiser.device)
        self._apply(settings)

    @property
    def rows(self) -> int:
        """Batch rows of a UNet call, including those with the negative prompt."""
        return self.steps + {"full": self.steps, "initialise": 1}.get(self._cfg_type, 0)

    @property
    def ignores_delta(self) -> bool:
        """True if delta is not 1, residual guidance is on, and a step begins with pure noise."""
        is_residual = self._cfg_type in ("self", "initialise") and self._settings.delta != 1.0
        return is_residual and self._has_noise_alone

    def change(self, settings: StreamSettings) -> None:
        """Apply settings from the next push on, in all rows. A change of size drops the frames in
        flight and increases `generation`; any other change keeps them, also one of the number of
        steps, or of the kind of guidance, whose origins are then estimates for S - 1 pictures."""
        if settings == self._settings:
            return
        size = self._size
        self._apply(settings)
        if self._size != size:
            self.reset()
        elif self._flight is not None and len(self._flight.clean) != self.steps:
            self._flight = self._flight.of_steps(self.steps)

    def reset(self) -> None:
        """Drop the frames in flight: the next S - 1 pushes return no picture."""
        self.generation += 1
        self._flight = None

    def push(
        self,
        z: Tensor,
        cond: "Conditioning",
        control: Sequence[ControlInput] = (),
        *,
        between: Between = noop,
    ) -> Tensor | None:
        """Push a frame into the stream. Returns the latents (1, 4, h, w) float32 of the one pushed
        S - 1 calls ago, or None while filling. `z`: (1, 4, h, w) scaled latents; each of `control`
        has one picture."""
        rows = self._rows
        flight = self._flight_for(z)
        if not self._seeds.is_fixed:
            self._noise = self._scale_noise(self._noise_source.noise(self._seeds, self._size))
        clean = torch.cat((z.float(), flight.clean[:-1]))  # (S, 4, h, w)
        x = rows.signal * clean + self._noise
        if flight.noise_estimate is not None:
            x = x + self._reuse_scale * torch.cat(
                (torch.zeros_like(z, dtype=torch.float32), flight.noise_estimate[:-1])
            )
        inputs = self._row_inputs(control, flight)
        x0, origins = self._guided_x0(x, clean, flight, cond, inputs, between)
        denoised = rows.c_out * x0 + rows.c_skip * x
        # Assigned last, so that a call that fails (for example out of memory) leaves the state
        # consistent.
        self._flight = FramesInFlight(
            clean=denoised,
            noise_estimate=(x - rows.signal * x0) / rows.noise if self._keeps_noise else None,
            origins=origins,
            pictures={one.index: one.picture for one in inputs},
            calls=flight.calls + 1,
        )
        return denoised[-1:] if self._flight.calls >= self.steps else None

    def _flight_for(self, z: Tensor) -> FramesInFlight:
        if self._flight is not None:
            return self._flight
        empty = z.new_zeros((self.steps, *z.shape[1:]), dtype=torch.float32)
        guess = empty if self._keeps_noise else None
        return FramesInFlight(
            clean=empty, noise_estimate=guess, origins=empty, pictures={}, calls=0
        )

    def _guided_x0(
        self,
        x: Tensor,
        clean: Tensor,
        flight: FramesInFlight,
        cond: "Conditioning",
        inputs: Sequence[ControlInput],
        between: Between,
    ) -> tuple[Tensor, Tensor]:
        """The guided x0 and the origins of the rows, both (S, 4, h, w)."""
        t = self._rows.timesteps
        if self._cfg_type == "none":
            output = self._denoiser.guided_output(
                x, t, cond, inputs, guidance=self.guidance, between=between
            )
            return self._denoiser.x0(x, t, output), clean
        negatives = {"full": len(x), "initialise": 1}.get(self._cfg_type, 0)
        against, output = self._denoiser.outputs(
            x, t, cond, inputs, negatives=negatives, guidance=self.guidance, between=between
        )
        if self._cfg_type == "full":
            assert against is not None
            return self._denoiser.x0(x, t, against + self._guidance * (output - against)), clean
        newest = clean[:1] if against is None else self._denoiser.x0(x[:1], t[:1], against)
        origin = torch.cat((newest, flight.origins[:-1]))
        negative = (
            origin
            if self._settings.delta == 1.0
            else self._origin_weight * origin + self._sample_weight * x
        )
        return negative + self._guidance * (self._denoiser.x0(x, t, output) - negative), origin

    def _row_inputs(
        self, control: Sequence[ControlInput], flight: FramesInFlight
    ) -> list[ControlInput]:
        """The ControlNet inputs of all rows: frames in flight keep the picture that they were
        pushed with. A ControlNet that was just switched on uses its first pictures for the frames
        in flight too."""
        inputs = []
        for new in control:
            older = flight.pictures.get(new.index)
            if older is None:
                older = new.picture.repeat(self.steps, 1, 1, 1)
            pictures = torch.cat((new.picture, older[:-1]))  # (S, 3, height, width)
            inputs.append(ControlInput(index=new.index, picture=pictures, scale=new.scale))
        return inputs

    def _apply(self, settings: StreamSettings) -> None:
        model = self._model
        device = self._denoiser.device
        coefficients = step_coefficients(
            model.alphas_cumprod,
            model.scheduler_config,
            sampler=model.sampler,
            steps=settings.steps,
            strength=settings.strength,
            t_index=settings.t_index,
            eta=model.eta,
        )
        rows = coefficients.rows(device)
        has_embedding = model.time_cond_proj_dim is not None
        is_guided = settings.cfg_type != "none" or has_embedding
        guidance = model.guidance_for(model.sampler, settings.guidance) if is_guided else 1.0
        has_signal = rows.signal > 0.0
        self._origin_weight = torch.where(has_signal, settings.delta, 1.0)
        self._sample_weight = torch.where(has_signal, (1.0 - settings.delta) / rows.signal, 0.0)
        self._has_noise_alone = bool((coefficients.signal == 0.0).any())
        self._reuse_scale = rows.noise * rows.reuse
        # also with one step: the next may be several
        self._keeps_noise = model.sampler not in ("lcm", "turbo")
        size = (
            LATENT_CHANNELS,
            settings.height // model.latent_scale,
            settings.width // model.latent_scale,
        )
        self._rows = rows
        self.steps = coefficients.steps
        self.guidance = guidance
        self._cfg_type: CfgType = (
            settings.cfg_type if self._denoiser.uses_negative(guidance) else "none"
        )
        of_steps = guidance_per_step(
            guidance, self.steps, settings.guidance_begin, settings.guidance_end
        )
        self._guidance: float | Tensor = guidance
        if set(of_steps) != {guidance}:
            self._guidance = upload(torch.tensor(of_steps, dtype=torch.float32), device).view(
                -1, 1, 1, 1
            )
        self._size = size
        self._settings = settings
        self._seeds = Seeds.of(settings.seed)
        if self._seeds.is_fixed:
            self._noise = self._scale_noise(self._noise_source.noise(self._seeds, size))

    def _scale_noise(self, noise: Noise) -> Tensor:
        """Scaled noise (S, 4, h, w) on the device, one per step, drawn in the same order as in
        BatchSchedule."""
        return self._rows.noise * self._rows.fresh * noise.first(self.steps)
