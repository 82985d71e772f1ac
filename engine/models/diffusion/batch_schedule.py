"""Pictures one batch after the other: S calls for F pictures, with any sampler. For jobs and single pictures."""

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch

from engine.errors import ModelError
from engine.models.diffusion.coefficients import real_steps, step_coefficients
from engine.models.diffusion.denoiser import Control, Denoiser
from engine.models.graphs import nothing

if TYPE_CHECKING:
    from engine.models.diffusion.conditioner import Cond
    from engine.models.diffusion.model import Model

Sampler = Literal["auto", "lcm", "turbo", "scheduler"]
Progress = Callable[[int, int], None]
"""(steps done, steps in all)."""


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

    @property
    def rows_a_picture(self) -> int:
        """Rows of a UNet call for each picture: 2 where it is guided."""
        return 2 if self._denoiser.uses_negative(self._guidance) else 1

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
        if generator is None:
            generator = self._random if self._seed < 0 else torch.Generator().manual_seed(self._seed)
        if self._sampler == "scheduler":
            return self._run_scheduler(z.float(), cond, control, generator, between, progress)
        return self._run_consistency(z.float(), cond, control, generator, between, progress)

    def _noise(self, z: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """(1, 4, h, w): one for all pictures."""
        return torch.randn((1, *z.shape[1:]), generator=generator, device=generator.device).to(z.device)

    def _run_consistency(
        self,
        z: torch.Tensor,
        cond: "Cond",
        control: Sequence[Control],
        generator: torch.Generator,
        between: Callable[[], None],
        progress: Progress,
    ) -> torch.Tensor:
        model = self._model
        coefficients = step_coefficients(
            model.alphas_cumprod,
            model.scheduler_config,
            sampler=self._sampler,
            steps=self._steps,
            strength=self._strength,
        )
        rows, last = coefficients.rows(1, z.device), coefficients.steps - 1
        clean = z
        for step in range(last + 1):
            if step:
                between()
            x = rows.signal[step] * clean + rows.noise[step] * self._noise(z, generator)
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
        generator: torch.Generator,
        between: Callable[[], None],
        progress: Progress,
    ) -> torch.Tensor:
        scheduler = self._scheduler()
        scheduler.set_timesteps(self._steps, device=z.device)
        start = (self._steps - real_steps(self._steps, self._strength)) * scheduler.order
        timesteps = scheduler.timesteps[start:]
        if hasattr(scheduler, "set_begin_index"):  # those that count their steps; DDIM and PNDM look the timestep up
            scheduler.set_begin_index(start)
        x = scheduler.add_noise(z, self._noise(z, generator).expand_as(z), timesteps[:1].expand(len(z)))
        options: dict[str, Any] = {"return_dict": False}
        if "generator" in inspect.signature(scheduler.step).parameters:
            # One for each picture, all in the same state: each gets what it would get alone.
            options["generator"] = [generator, *(generator.clone_state() for _ in z[1:])]
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

    def _scheduler(self) -> Any:
        """A scheduler of the model's own kind, new each time: it remembers the steps of one batch."""
        import diffusers

        config = self._model.scheduler_config
        kind = getattr(diffusers, config.get("_class_name", ""), None)
        if kind is None:
            raise ModelError(f"{self._model.spec.model}: this version of diffusers has no {config.get('_class_name')}")
        return kind.from_config(config)
