"""Runs all S steps of a batch of F pictures, with any sampler. For jobs and single pictures."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from engine.errors import ModelError
from engine.models.device_work import upload
from engine.models.graphs import Between, noop
from engine.models.sd.coefficients import (
    StepCoefficients,
    guidance_per_step,
    real_steps,
    step_coefficients,
)
from engine.models.sd.denoiser import ControlInput, Denoiser
from engine.models.sd.noise import Noise, NoiseSource, SeededNoise
from engine.models.sd.plan.sampler_choice import FEW_STEPS
from engine.models.sd.plan.scheduler_config import (
    FLOW_EULER,
    FLOW_SCHEDULERS,
    NO_FLOW,
    ZERO_SNR_SCHEDULERS,
)
from engine.models.sd.seeds import Seeds

if TYPE_CHECKING:
    from engine.models.sd.conditioner import Conditioning
    from engine.models.sd.model import DiffusionModel

Sampler = Literal[
    "auto", "lcm", "turbo", "lightning", "hyper", "tcd", "scheduler", "deis", "euler", "dpm"
]
Progress = Callable[[int, int], None]
"""(steps done, total steps)."""

NAMED_SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "deis": ("DEISMultistepScheduler", {"algorithm_type": "deis"}),
    "euler": ("EulerAncestralDiscreteScheduler", {}),
    "dpm": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
}
"""diffusers' scheduler for each sampler that works with any model, and its options."""


def ignore(done: int, steps: int) -> None:
    """The default progress callback: does nothing."""


class BatchSchedule:
    """Runs the steps of whole batches. Single thread. A picture depends only on its latents and the
    seed."""

    def __init__(
        self,
        model: "DiffusionModel",
        denoiser: Denoiser,
        *,
        steps: int,
        strength: float,
        guidance: float = 1.0,
        guidance_begin: float = 0.0,
        guidance_end: float = 1.0,
        seed: int | Seeds = 0,
        sampler: Sampler = "auto",
    ) -> None:
        """`steps` x `strength` steps are run, at least one. `guidance`: see
        `DiffusionModel.guidance_for`; it acts between two fractions of the steps, 0..1. `seed` -1:
        new noise for each run. `sampler` auto: the model's own."""
        self._model = model
        self._denoiser = denoiser
        self._sampler = model.sampler if sampler == "auto" else sampler
        self.guidance = model.guidance_for(self._sampler, guidance)
        self._steps = steps
        self._strength = strength
        self._seeds = Seeds.of(seed)
        self._between = guidance_begin, guidance_end
        self._settings = {
            "steps": steps,
            "strength": strength,
            "guidance": guidance,
            "guidance_begin": guidance_begin,
            "guidance_end": guidance_end,
            "seed": seed,
            "sampler": sampler,
        }
        self._noise_source = NoiseSource(denoiser.device)

    def with_settings(self, **settings: Any) -> "BatchSchedule":
        """A schedule with other settings, as in the constructor: this one if none differs. Keeps
        the noise."""
        if self._settings == self._settings | settings:
            return self
        other = BatchSchedule(self._model, self._denoiser, **self._settings | settings)
        other._noise_source = self._noise_source
        return other

    @property
    def rows(self) -> int:
        """UNet batch rows per picture: 2 with guidance, else 1."""
        return 2 if self._denoiser.uses_negative(self.guidance) else 1

    @property
    def steps(self) -> int:
        """UNet calls per picture. Raises the same ModelErrors as `run`."""
        return len(self._timesteps)

    @cached_property
    def evaluations(self) -> int:
        """Steps in which the whole UNet runs: fewer than all with DeepCache."""
        cache = self._model.deep_cache
        return self.steps if cache is None else cache.full_steps(self._timesteps.tolist())

    def run(
        self,
        z: Tensor,
        cond: "Conditioning",
        control: Sequence[ControlInput] = (),
        generator: torch.Generator | None = None,
        *,
        between: Between = noop,
        progress: Progress = ignore,
    ) -> Tensor:
        """Run all steps. Returns the finished latents (F, 4, h, w) float32; `z` (F, 4, h, w):
        scaled latents of frames. `generator` (on the CPU) replaces a new one from the seed, for
        callers that have already drawn from it."""
        noise = self._noise_for(z, generator)
        run = self._run_consistency if self._is_consistency else self._run_scheduler
        return run(z.float(), cond, control, noise, between, progress)

    @property
    def _is_consistency(self) -> bool:
        return self._sampler in FEW_STEPS

    def _noise_for(self, z: Tensor, generator: torch.Generator | None) -> Noise:
        if generator is not None:
            return SeededNoise(generator, tuple(z.shape[1:]), z.device)
        return self._noise_source.noise(self._seeds, tuple(z.shape[1:]))

    def _run_consistency(
        self,
        z: Tensor,
        cond: "Conditioning",
        control: Sequence[ControlInput],
        noise: Noise,
        between: Between,
        progress: Progress,
    ) -> Tensor:
        rows = self._rows
        last = self._coefficients.steps - 1
        self._begin(self._coefficients.timesteps)
        guidances = self._guidance_of_steps
        clean = z
        guess = None
        keeps_noise = any(self._coefficients.reuse.tolist())
        noises = noise.first(
            max(step + 1 for step, weight in enumerate(self._coefficients.fresh.tolist()) if weight)
        )
        for step in range(last + 1):
            if step:
                between()
            x = rows.signal[step] * clean
            if step < len(noises):
                x = x + rows.noise[step] * rows.fresh[step] * noises[step : step + 1]
            if guess is not None:
                x = x + rows.noise[step] * rows.reuse[step] * guess
            t = rows.timesteps[step].expand(len(z))
            output = self._denoiser.guided_output(
                x, t, cond, control, guidance=guidances[step], between=between
            )
            x0 = self._denoiser.x0(x, t, output)
            clean = rows.c_out[step] * x0 + rows.c_skip[step] * x
            if keeps_noise:
                guess = (x - rows.signal[step] * x0) / rows.noise[step]
            progress(step + 1, last + 1)
        return clean

    def _run_scheduler(
        self,
        z: Tensor,
        cond: "Conditioning",
        control: Sequence[ControlInput],
        noise: Noise,
        between: Between,
        progress: Progress,
    ) -> Tensor:
        steps = self._library_steps
        scheduler = copy.deepcopy(steps.scheduler)  # it keeps state for the steps of one batch
        self._begin(steps.timesteps)
        x = steps.signal * z + steps.noise * noise.draw(0)
        later = StepNoise(noise)
        guidances = self._guidance_of_steps
        for done, (t, row) in enumerate(zip(steps.timesteps, steps.rows, strict=True)):
            if done:
                between()
            output = self._denoiser.guided_output(
                scheduler.scale_model_input(x, t),
                row.expand(len(z)),
                cond,
                control,
                guidance=guidances[done],
                between=between,
            )
            with later:
                x = scheduler.step(output, t, x, return_dict=False)[0]
            progress(done + 1, len(steps.timesteps))
        return x

    @property
    def _guidance_of_steps(self) -> list[float]:
        if self._model.time_cond_proj_dim is not None:  # it is an input of the model
            return [self.guidance] * self.steps
        return guidance_per_step(self.guidance, self.steps, *self._between)

    def _begin(self, timesteps: Tensor) -> None:
        if self._model.deep_cache is not None:
            self._model.deep_cache.begin(timesteps.tolist())

    @property
    def _timesteps(self) -> Tensor:
        return (
            self._coefficients.timesteps if self._is_consistency else self._library_steps.timesteps
        )

    @cached_property
    def _coefficients(self) -> StepCoefficients:
        model = self._model
        return step_coefficients(
            model.alphas_cumprod,
            model.scheduler_config,
            sampler=self._sampler,
            steps=self._steps,
            strength=self._strength,
            eta=model.eta,
        )

    @cached_property
    def _rows(self) -> StepCoefficients:
        return self._coefficients.rows(self._denoiser.device)

    @cached_property
    def _library_steps(self) -> "LibrarySteps":
        import diffusers

        config = self._model.scheduler_config
        name, differences = NAMED_SCHEDULERS.get(self._sampler, (config.get("_class_name", ""), {}))
        if config.get("use_flow_sigmas"):
            name = FLOW_EULER if self._sampler == "euler" else name
            if name not in FLOW_SCHEDULERS:
                raise ModelError(f"{self._model.spec.model}: {NO_FLOW}")
        kind = getattr(diffusers, name, None)
        if kind is None:
            raise ModelError(
                f"{self._model.spec.model}: the installed version of diffusers has no {name}"
            )
        if config.get("rescale_betas_zero_snr") and name not in ZERO_SNR_SCHEDULERS:
            raise ModelError(
                f"{self._model.spec.model}: trained with zero terminal SNR, with which {name} "
                "cannot start; use "
                "--sampler euler, dpm or auto"
            )
        try:
            scheduler = kind.from_config(config, **differences)
            scheduler.set_timesteps(self._steps)
        except (ValueError, NotImplementedError, ImportError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ModelError(
                f"{self._model.spec.model}: {name} cannot run {self._steps} steps ({reason}); "
                "use another --sampler or more --steps"
            ) from error
        if name == FLOW_EULER:  # which lacks, or calls differently, what the others have
            scheduler.scale_model_input = lambda x, t: x
            scheduler.add_noise = lambda x, noise, t: scheduler.scale_noise(x, t, noise)
        start = (self._steps - real_steps(self._steps, self._strength)) * scheduler.order
        # these count their steps; DDIM and PNDM look up the timestep
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(start)
        timesteps = scheduler.timesteps[start:]
        if timesteps.is_floating_point():
            timesteps = timesteps.float()  # the UNet takes float32; MPS has no float64
        none = torch.zeros(1)
        one = torch.ones(1)
        return LibrarySteps(
            scheduler=scheduler,
            timesteps=timesteps,
            rows=upload(timesteps, self._denoiser.device),
            signal=scheduler.add_noise(one, none, timesteps[:1]).item(),
            noise=scheduler.add_noise(none, one, timesteps[:1]).item(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LibrarySteps:
    """The steps of a diffusers scheduler, which stays on the CPU: on the device its look-ups would
    block the host."""

    scheduler: Any
    """The scheduler, in its state before the first step."""
    timesteps: Tensor
    """(S,) on the CPU."""
    rows: Tensor
    """`timesteps` on the device."""
    signal: float
    """Weight of the picture before the first step."""
    noise: float
    """Weight of the noise before the first step."""


class StepNoise(TorchFunctionMode):
    """In the `with` block, `torch.randn` without a generator returns the noise of the next step,
    the same for each row. Schedulers call it so if they get no generator; with a CPU generator they
    would upload noise in each step."""

    def __init__(self, noise: Noise) -> None:
        super().__init__()
        self._noise = noise
        self._step = 0

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is not torch.randn or kwargs.get("generator") is not None:
            return function(*args, **kwargs)
        self._step += 1
        return self._noise.draw(self._step).expand(args[0])
