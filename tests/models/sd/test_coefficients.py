"""The coefficients in float64, compared with diffusers' own schedulers and the published
formulas."""

from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import ModelError
from engine.models.sd.coefficients import (
    StepCoefficients,
    guidance_per_step,
    lcm_timesteps,
    noise_table,
    real_steps,
    step_coefficients,
    trailing_timesteps,
    x0_weights,
)

SD = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
}
ABAR = noise_table(SD)
SAMPLERS = ["lightning", "hyper", "hyper to one", "tcd 0", "tcd 0.3", "tcd 1", "lcm"]


def lcm(**changes: object) -> StepCoefficients:
    options = {"sampler": "lcm", "steps": 4, "strength": 1.0} | changes
    return step_coefficients(ABAR, options.pop("config", SD), **options)


@pytest.mark.parametrize(
    "config",
    [
        SD,
        SD | {"beta_schedule": "linear"},
        SD | {"beta_schedule": "squaredcos_cap_v2"},
        SD | {"trained_betas": np.linspace(0.001, 0.02, 1000).tolist()},
        SD | {"rescale_betas_zero_snr": True},
    ],
    ids=["scaled_linear", "linear", "cosine", "trained", "zero_snr"],
)
def test_the_noise_table_is_diffusers_to_its_float32(config: dict) -> None:
    from diffusers import LCMScheduler

    table = noise_table(config)
    assert table.dtype == torch.float64
    assert table[-1] == 0.0 or not config.get("rescale_betas_zero_snr")
    # amplifies errors 15 times
    assert config != SD or table[-1].sqrt().item() == pytest.approx(0.0682, abs=1e-4)
    torch.testing.assert_close(
        table.float(), LCMScheduler.from_config(config).alphas_cumprod, rtol=1e-4, atol=2e-6
    )


@pytest.mark.parametrize(
    ("steps", "strength", "count"),
    [(2, 0.5, 1), (4, 0.5, 2), (4, 0.74, 2), (1, 0.05, 1), (20, 1.0, 20), (3, 0.34, 1)],
)
def test_strength_shortens_the_steps_as_img2img_does(
    steps: int, strength: float, count: int
) -> None:
    from diffusers import LCMScheduler, StableDiffusionImg2ImgPipeline

    assert real_steps(steps, strength) == count
    coefficients = lcm(steps=steps, strength=strength)
    assert coefficients.steps == count
    pipeline = StableDiffusionImg2ImgPipeline.__new__(StableDiffusionImg2ImgPipeline)
    object.__setattr__(pipeline, "scheduler", LCMScheduler())
    pipeline.scheduler.set_timesteps(steps)
    theirs = pipeline.get_timesteps(steps, strength, "cpu")[0].tolist()
    assert coefficients.timesteps.tolist() == (theirs or [pipeline.scheduler.timesteps[-1].item()])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: noise_table(SD | {"beta_schedule": "sigmoid"}), "sigmoid"),
        (lambda: x0_weights(ABAR, "flow"), "flow"),
        (lambda: lcm_timesteps(1000, 51), "at most 50"),
        (lambda: lcm(sampler="scheduler"), "/sd/mode single"),
        *(
            (lambda t=t: lcm(t_index=t), r"/sd/t_index: .*0\.\.49")
            for t in ((50,), (-1,), (45, 32), (32, 32))
        ),
    ],
)
def test_what_has_no_steps_is_refused_by_name(call: Any, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        call()


def test_a_t_index_overrides_steps_and_strength_and_turbo_uses_the_prediction_unchanged() -> None:
    for sampler in ("lcm", "turbo"):
        assert lcm(
            sampler=sampler, steps=1, strength=0.05, t_index=(32, 45)
        ).timesteps.tolist() == [359, 99]
    turbo = lcm(sampler="turbo", strength=0.5)
    assert (turbo.timesteps.tolist(), turbo.c_skip.tolist(), turbo.c_out.tolist()) == (
        [499, 249],
        [0, 0],
        [1, 1],
    )


@pytest.mark.parametrize(("steps", "strength"), [(1, 1.0), (4, 1.0), (2, 0.5), (8, 0.5)])
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_step_is_that_of_diffusers(name: str, steps: int, strength: float) -> None:
    """The same network, latents and noise in float64, against the scheduler that each model's
    authors name."""
    sampler, _, rest = name.partition(" ")
    config = SD | {"set_alpha_to_one": rest == "to one"}
    eta = float(rest) if sampler == "tcd" else 0.3
    ours = step_coefficients(ABAR, config, sampler=sampler, steps=steps, strength=strength, eta=eta)
    scheduler = scheduler_of(sampler, config)
    scheduler.set_timesteps(steps)
    start = steps - real_steps(steps, strength)
    timesteps = scheduler.timesteps[start:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(start)
    assert ours.timesteps.tolist() == timesteps.tolist()
    generator = torch.Generator().manual_seed(0)
    z, *noises = (
        torch.randn(50, generator=generator, dtype=torch.float64) for _ in range(steps + 1)
    )
    clean, guess = z, torch.zeros_like(z)
    for step, noise in enumerate(noises[: ours.steps]):
        x = ours.signal[step] * clean + ours.noise[step] * (
            ours.reuse[step] * guess + ours.fresh[step] * noise
        )
        x0 = (x - ours.noise[step] * network(x, ours.timesteps[step])) / ours.signal[step]
        clean = ours.c_out[step] * x0 + ours.c_skip[step] * x
        guess = (x - ours.signal[step] * x0) / ours.noise[step]
    expected = painted_by(scheduler, z, noises, timesteps, {"eta": eta} if sampler == "tcd" else {})
    # Euler's sigmas are float32, whatever is requested, and at the noisiest step the error counts
    # fifteenfold.
    torch.testing.assert_close(
        clean, expected, rtol=0.0, atol=1e-5 if sampler == "lightning" else 1e-6
    )


def network(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    return torch.tanh(1.3 * x + 0.002 * t) + 0.1 * x


def scheduler_of(sampler: str, config: dict) -> Any:
    import diffusers

    kinds = {"lightning": "EulerDiscrete", "hyper": "DDIM", "tcd": "TCD", "lcm": "LCM"}
    scheduler = getattr(diffusers, f"{kinds[sampler]}Scheduler").from_config(
        config | {"timestep_spacing": "trailing", "clip_sample": False}
    )
    scheduler.alphas_cumprod = ABAR
    if sampler == "hyper":
        scheduler.final_alpha_cumprod = torch.tensor(1.0) if config["set_alpha_to_one"] else ABAR[0]
    return scheduler


def painted_by(
    scheduler: Any,
    z: torch.Tensor,
    noises: list[torch.Tensor],
    timesteps: torch.Tensor,
    options: dict,
) -> torch.Tensor:
    """The result of a diffusers scheduler for `z`; its noise after the first step comes from
    `noises`."""
    first = timesteps[0].long()
    x = ABAR[first].sqrt() * z + (1 - ABAR[first]).sqrt() * noises[0]
    if hasattr(scheduler, "sigmas"):  # Euler's sample is x / sqrt(abar)
        x = x / ABAR[first].sqrt()
    later = iter(noises[1:])
    for t in timesteps:
        output = network(scheduler.scale_model_input(x, t), t)
        with pytest.MonkeyPatch.context() as patch:
            for kind in ("lcm", "tcd"):
                patch.setattr(
                    f"diffusers.schedulers.scheduling_{kind}.randn_tensor",
                    lambda *_, **__: next(later),
                )
            x = scheduler.step(output, t, x, return_dict=False, **options)[0]
    return x


def test_guidance_acts_in_the_steps_whose_middle_is_in_its_interval() -> None:
    for steps, begin, end, expected in (
        (4, 0.0, 1.0, [3.0, 3.0, 3.0, 3.0]),
        (4, 0.25, 0.75, [1.0, 3.0, 3.0, 1.0]),
        (1, 0.6, 1.0, [1.0]),
        (2, 0.0, 0.5, [3.0, 1.0]),
        (3, 0.9, 0.2, [1.0, 1.0, 1.0]),
    ):
        assert guidance_per_step(3.0, steps, begin, end) == expected


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "sample"])
def test_x0_comes_from_every_kind_of_prediction(prediction_type: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x0 = torch.randn(7, generator=generator, dtype=torch.float64)
    noise = torch.randn(7, generator=generator, dtype=torch.float64)
    a, b = x0_weights(ABAR, prediction_type)
    for t in (0, 499, 999):
        signal, spread = ABAR[t].sqrt(), (1 - ABAR[t]).sqrt()
        sample = signal * x0 + spread * noise
        output = {"epsilon": noise, "v_prediction": signal * noise - spread * x0, "sample": x0}[
            prediction_type
        ]
        torch.testing.assert_close(a[t] * sample + b[t] * output, x0, rtol=1e-12, atol=1e-12)


def test_trailing_timesteps_are_diffusers_for_every_number_of_steps() -> None:
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(**SD, timestep_spacing="trailing")
    for steps in range(1, 51):
        scheduler.set_timesteps(steps)
        assert trailing_timesteps(1000, steps) == scheduler.timesteps.tolist()
    assert lcm_timesteps(1000, 50) == trailing_timesteps(1000, 50) == list(range(999, 0, -20))


@pytest.mark.parametrize("trained", [50, 100])
def test_lcm_timesteps_are_diffusers_for_every_number_of_steps(trained: int) -> None:
    from diffusers import LCMScheduler

    scheduler = LCMScheduler(original_inference_steps=trained)
    for steps in range(1, trained + 1):
        scheduler.set_timesteps(steps)
        assert lcm_timesteps(1000, steps, trained) == scheduler.timesteps.tolist()
