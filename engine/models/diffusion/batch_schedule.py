"""Pictures one batch after the other: S calls for F pictures, with any sampler. For jobs and single pictures."""

import copy
import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import torch

from engine.errors import ModelError
from engine.models.diffusion.coefficients import StepCoefficients, real_steps, step_coefficients
from engine.models.diffusion.denoiser import Control, Denoiser
from engine.models.graphs import nothing

if TYPE_CHECKING:
    from engine.models.diffusion.conditioner import Cond
    from engine.models.diffusion.model import Model

Sampler = Literal["auto", "lcm", "turbo", "scheduler", "deis", "euler", "dpm"]
Progress = Callable[[int, int], None]
"""(steps done, steps in all)."""

NAMED: dict[str, tuple[str, dict[str, Any]]] = {
    "deis": ("DEISMultistepScheduler", {"algorithm_type": "deis"}),
    "euler": ("EulerAncestralDiscreteScheduler", {}),
    "dpm": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
}
"""The library's scheduler of each sampler that any model can be asked for, and what differs from the model's own."""


def ignore(done: int, steps: int) -> None:
    """No one watches."""


class BatchSchedule:
    """One thread. Each picture depends on its own latents and the seed alone, not on the batch it is in."""

    def __init__(
        self,
        model: "Model",
        denoiser: Denoiser,
        *,
        steps: int,
        strength: float,
        guidance: float = 1.0,
        seed: int = 0,
        sampler: Sampler = "auto",
    ) -> None:
        """`steps` x `strength` steps are made, at least one. Guidance is off for turbo. seed -1: other noise for each
        run. sampler auto: the model's."""
        self._model = model
        self._denoiser = denoiser
        self._sampler = model.sampler if sampler == "auto" else sampler
        self._guidance = 1.0 if self._sampler == "turbo" else guidance
        self._steps, self._strength, self._seed = steps, strength, seed
        self._random = torch.Generator(denoiser.device)
        self._random.seed()
        self._kept: SeededNoise | None = None

    @property
    def rows_a_picture(self) -> int:
        """Rows of a UNet call for each picture: 2 where it is guided."""
        return 2 if self._denoiser.uses_negative(self._guidance) else 1

    @property
    def steps(self) -> int:
        """UNet calls that a picture takes; ModelError where `run` would raise one."""
        return len(self._timesteps)

    @cached_property
    def evaluations(self) -> int:
        """Those of the steps in which the whole UNet runs: with DeepCache some, else all."""
        cache = self._model.deep_cache
        return self.steps if cache is None else cache.full_steps(self._timesteps.tolist())

    def run(
        self,
        z: torch.Tensor,
        cond: "Cond",
        control: Sequence[Control] = (),
        generator: torch.Generator | None = None,
        *,
        between: Callable[[], None] = nothing,
        progress: Progress = ignore,
    ) -> torch.Tensor:
        """The latents (F, 4, h, w) float32 of the finished pictures; `z` (F, 4, h, w) scaled latents of the frames.

        `generator`: drawn from in the place of a new one of the seed (on the CPU), for who has drawn from it before.
        """
        noise = self._noise_for(z, generator)
        if self._is_consistency:
            return self._run_consistency(z.float(), cond, control, noise, between, progress)
        return self._run_scheduler(z.float(), cond, control, noise, between, progress)

    @property
    def _is_consistency(self) -> bool:
        return self._sampler in ("lcm", "turbo")

    def _noise_for(self, z: torch.Tensor, generator: torch.Generator | None) -> "SeededNoise":
        if generator is not None:
            return SeededNoise(generator, z)
        if self._seed < 0:
            return SeededNoise(self._random, z)
        if self._kept is None or not self._kept.fits(z):
            self._kept = SeededNoise(torch.Generator().manual_seed(self._seed), z, is_kept=True)
        return self._kept

    def _run_consistency(
        self,
        z: torch.Tensor,
        cond: "Cond",
        control: Sequence[Control],
        noise: "SeededNoise",
        between: Callable[[], None],
        progress: Progress,
    ) -> torch.Tensor:
        rows, last = self._rows, self._coefficients.steps - 1
        self._begin(self._coefficients.timesteps)
        clean = z
        for step in range(last + 1):
            if step:
                between()
            x = rows.signal[step] * clean + rows.noise[step] * noise.draw(step)
            t = rows.timesteps[step].expand(len(z))
            x0 = self._denoiser.predict(x, t, cond, control, guidance=self._guidance, between=between)
            clean = rows.c_out[step] * x0 + rows.c_skip[step] * x
            progress(step + 1, last + 1)
        return clean

    def _run_scheduler(
        self,
        z: torch.Tensor,
        cond: "Cond",
        control: Sequence[Control],
        noise: "SeededNoise",
        between: Callable[[], None],
        progress: Progress,
    ) -> torch.Tensor:
        # A copy: it remembers the steps of one batch.
        scheduler, timesteps = copy.deepcopy(self._prepared)
        self._begin(timesteps)
        x = scheduler.add_noise(z, noise.draw(0).expand_as(z), timesteps[:1].expand(len(z)))
        options: dict[str, Any] = {"return_dict": False}
        if "generator" in inspect.signature(scheduler.step).parameters:
            # One for each picture, all in the same state: each gets what it would get alone.
            options["generator"] = noise.generators_after_first(len(z))
        for done, t in enumerate(timesteps):
            if done:
                between()
            output = self._denoiser.guided_output(
                scheduler.scale_model_input(x, t),
                t.expand(len(z)),
                cond,
                control,
                guidance=self._guidance,
                between=between,
            )
            x = scheduler.step(output, t, x, **options)[0]
            progress(done + 1, len(timesteps))
        return x

    def _begin(self, timesteps: torch.Tensor) -> None:
        if self._model.deep_cache is not None:
            self._model.deep_cache.begin(timesteps.tolist())

    @property
    def _timesteps(self) -> torch.Tensor:
        return self._coefficients.timesteps if self._is_consistency else self._prepared[1]

    @cached_property
    def _coefficients(self) -> StepCoefficients:
        model = self._model
        return step_coefficients(
            model.alphas_cumprod,
            model.scheduler_config,
            sampler=self._sampler,
            steps=self._steps,
            strength=self._strength,
        )

    @cached_property
    def _rows(self) -> StepCoefficients:
        return self._coefficients.rows(1, self._denoiser.device)

    @cached_property
    def _prepared(self) -> tuple[Any, torch.Tensor]:
        """A scheduler of the library before its first step, on the device, and the timesteps it is to make."""
        import diffusers

        config = self._model.scheduler_config
        name, differences = NAMED.get(self._sampler, (config.get("_class_name", ""), {}))
        kind = getattr(diffusers, name, None)
        if kind is None:
            raise ModelError(f"{self._model.spec.model}: this version of diffusers has no {name}")
        try:
            scheduler = kind.from_config(config, **differences)
            scheduler.set_timesteps(self._steps, device=self._denoiser.device)
        except (ValueError, NotImplementedError, ImportError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ModelError(
                f"{self._model.spec.model}: {name} cannot make {self._steps} steps ({reason}); "
                "ask for another --sampler or more --steps"
            ) from error
        start = (self._steps - real_steps(self._steps, self._strength)) * scheduler.order
        if hasattr(scheduler, "set_begin_index"):  # those that count their steps; DDIM and PNDM look the timestep up
            scheduler.set_begin_index(start)
        return scheduler, scheduler.timesteps[start:]


class SeededNoise:
    """(1, 4, h, w) on the device for each step, one for all pictures."""

    def __init__(self, generator: torch.Generator, z: torch.Tensor, *, is_kept: bool = False) -> None:
        """For pictures like `z` (F, 4, h, w); drawn where the generator is, when asked for. `is_kept`: for many
        batches, which all get the same; else the generator is one that others have drawn from and will draw from."""
        self._generator, self._shape, self._device = generator, (1, *z.shape[1:]), z.device
        self._is_kept = is_kept
        self._drawn: list[torch.Tensor] = []
        self._after_first = generator

    def fits(self, z: torch.Tensor) -> bool:
        return self._shape[1:] == z.shape[1:] and self._device == z.device

    def draw(self, step: int) -> torch.Tensor:
        """Steps are counted from 0, none left out."""
        if step == len(self._drawn):
            drawn = torch.randn(self._shape, generator=self._generator, device=self._generator.device)
            self._drawn.append(drawn.to(self._device))
            if step == 0 and self._is_kept:
                self._after_first = self._generator.clone_state()
        return self._drawn[step]

    def generators_after_first(self, count: int) -> list[torch.Generator]:
        """`count` generators, each of which goes on as one that has drawn the first noise."""
        first = self._after_first.clone_state() if self._is_kept else self._generator
        return [first, *(first.clone_state() for _ in range(count - 1))]
