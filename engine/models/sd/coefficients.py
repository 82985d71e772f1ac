"""Computes the noise schedule: its timesteps, and the weights of sample, noise and prediction at
each.

A noisy latent is x = sqrt(abar) x0 + sqrt(1 - abar) noise (DDPM, Ho et al. 2020). The weights are
computed in float64 and converted to float32 only for a device: at the noisiest step sqrt(abar) is
0.068, so errors are amplified fifteen times there. No function here waits for a device.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models.device_work import upload
from engine.models.plain_config import Config
from engine.models.sd.plan.sampler_choice import FEW_STEPS
from engine.models.sd.plan.sampler_name import TCD_ETA
from engine.models.sd.plan.scheduler_config import PREDICTIONS

SIGMA_DATA = 0.5
"""Standard deviation of the data in the consistency models' boundary condition (LCM, Luo et al.
2023)."""
TIMESTEP_SCALING = 10.0
COSINE_OFFSET = 0.008  # Nichol and Dhariwal 2021: avoids a first beta of almost 0
TRAINED_STEPS = 50  # the steps consistency models are distilled on
MAX_BETA = 0.999


def noise_table(config: Config) -> Tensor:
    """abar (T,) float64 of a scheduler's configuration: the fraction of the variance that is the
    picture's, at each timestep, decreasing. For a rectified flow at 1000 sigma: of x scaled to a
    variance of 1."""
    if config.get("use_flow_sigmas", False):
        count: int = config["num_train_timesteps"]
        sigma = torch.arange(count, dtype=torch.float64) / count
        return torch.reciprocal(1.0 + (sigma / (1.0 - sigma)) ** 2)
    betas = _betas(config)
    if config.get("rescale_betas_zero_snr", False):
        betas = _without_last_signal(betas)
    return torch.cumprod(1.0 - betas, dim=0)


def _betas(config: Config) -> Tensor:
    trained = config.get("trained_betas")
    if trained is not None:
        return torch.tensor(trained, dtype=torch.float64)
    schedule = config.get("beta_schedule")
    if schedule is None:
        kind = config.get("_class_name", "the scheduler")
        raise ModelError(f"{kind} has no beta_schedule, so there is no noise table")
    count = config["num_train_timesteps"]
    if schedule == "squaredcos_cap_v2":  # Nichol and Dhariwal 2021
        times = torch.arange(count + 1, dtype=torch.float64) / count
        angles = (times + COSINE_OFFSET) / (1.0 + COSINE_OFFSET) * math.pi / 2
        left = torch.cos(angles) ** 2
        return (1.0 - left[1:] / left[:-1]).clamp(max=MAX_BETA)
    first = config["beta_start"]
    last = config["beta_end"]
    if schedule == "linear":
        return torch.linspace(first, last, count, dtype=torch.float64)
    if schedule == "scaled_linear":
        return torch.linspace(first**0.5, last**0.5, count, dtype=torch.float64) ** 2
    raise ModelError(
        f"beta_schedule {schedule}: not one of linear, scaled_linear, squaredcos_cap_v2"
    )


def _without_last_signal(betas: Tensor) -> Tensor:
    """Rescale to zero terminal SNR: at the last timestep only noise is left (Lin et al. 2023,
    algorithm 1)."""
    signal = torch.cumprod(1.0 - betas, dim=0).sqrt()
    signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
    left = signal**2
    return 1.0 - torch.cat((left[:1], left[1:] / left[:-1]))


def x0_weights(abar: Tensor, prediction_type: str) -> tuple[Tensor, Tensor]:
    """Weights (a, b), each (T,) float64, with x0 = a sample + b output for every timestep."""
    signal = abar.sqrt()
    noise = (1.0 - abar).sqrt()
    match prediction_type:
        case "epsilon":
            return 1.0 / signal, -noise / signal
        case "v_prediction":  # Salimans and Ho 2022: v = sqrt(abar) noise - sqrt(1 - abar) x0
            return signal, -noise
        case "flow_prediction":
            return torch.ones_like(abar), -noise / (signal + noise)
        case "sample":
            return torch.zeros_like(abar), torch.ones_like(abar)
    raise ModelError(f"prediction_type {prediction_type}: not one of {', '.join(PREDICTIONS)}")


def boundary(timesteps: Tensor, scaling: float = TIMESTEP_SCALING) -> tuple[Tensor, Tensor]:
    """Weights (c_skip, c_out) float64 of a consistency model (LCM): denoised = c_skip sample +
    c_out x0; 1 and 0 at t = 0. With a scaling of 10 c_skip is below 1e-5 from the first table entry
    on."""
    scaled = timesteps.double() * scaling
    size = scaled**2 + SIGMA_DATA**2
    return SIGMA_DATA**2 / size, scaled / size.sqrt()


def real_steps(steps: int, strength: float) -> int:
    """Number of `steps` that img2img runs at this strength; at least 1, because diffusers fails
    with 0."""
    return max(1, min(steps, int(steps * strength)))


def guidance_per_step(guidance: float, steps: int, begin: float, end: float) -> list[float]:
    """The guidance scale of each step, noisiest first: 1, which is off, for those whose middle is
    outside `begin` to `end`, fractions 0..1 of the steps (Kynkaanniemi et al. 2024, arXiv
    2404.07724)."""
    return [guidance if begin <= (step + 0.5) / steps <= end else 1.0 for step in range(steps)]


def lcm_timesteps(count: int, steps: int, trained: int = TRAINED_STEPS) -> list[int]:
    """`steps` of the `trained` timesteps in a table of `count`, evenly spaced by index, noisiest
    first. ModelError if the model was distilled on fewer steps."""
    if steps > trained:
        raise ModelError(f"{steps} steps: this LCM model supports at most {trained}")
    table = (np.arange(1, trained + 1) * (count // trained) - 1)[::-1]
    indices = np.floor(np.linspace(0, trained, num=steps, endpoint=False)).astype(np.int64)
    return [int(timestep) for timestep in table[indices]]


def trailing_timesteps(count: int, steps: int) -> list[int]:
    """`steps` timesteps of a table of `count` counted back from its end, noisiest first (Lin et al.
    2023, table 2)."""
    return [int(timestep) - 1 for timestep in np.round(np.arange(count, 0, -count / steps))]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCoefficients:
    """The steps of one picture, noisiest first: `timesteps` (S,) int64, the weights (S,) float64,
    all on the CPU. A step begins with x = signal clean + noise (reuse estimate + fresh new), from
    which the model predicts x0. It ends with clean = c_out x0 + c_skip x and estimate = (x - signal
    x0) / noise, the noise estimated in x. In the next step the reused part of the estimate and the
    new noise together have unit power."""

    timesteps: Tensor
    signal: Tensor
    """sqrt(abar); of a flow 1 - sigma."""
    noise: Tensor
    """sqrt(1 - abar); of a flow sigma."""
    c_skip: Tensor
    c_out: Tensor
    reuse: Tensor
    """Fraction of the step's noise that is the estimate of the previous step; 0 in the first."""
    fresh: Tensor
    """Fraction of the step's noise that is new; 1 in the first."""

    @property
    def steps(self) -> int:
        return len(self.timesteps)

    def rows(self, device: torch.device) -> "StepCoefficients":
        """One row per step: (S,) and (S, 1, 1, 1) float32, in one upload. float32 holds every
        timestep exactly."""
        names = [each.name for each in fields(self)]
        numbers = [getattr(self, name).float() for name in names]
        on_device = upload(torch.stack(numbers), device)  # (7, S)
        rows = {name: row.view(-1, 1, 1, 1) for name, row in zip(names, on_device, strict=True)}
        rows["timesteps"] = rows["timesteps"].view(-1).long()
        return StepCoefficients(**rows)


def step_coefficients(
    abar: Tensor,
    config: Config,
    *,
    sampler: str,
    steps: int,
    strength: float,
    t_index: Sequence[int] = (),
    eta: float = TCD_ETA,
) -> StepCoefficients:
    """The steps of a sampler in FEW_STEPS. `t_index`, indices into the 50-step table, overrides
    steps and strength. lcm: LCMScheduler's table and boundary condition. tcd: the same table, `eta`
    as TCDScheduler's (Zheng et al. 2024). The others have trailing timesteps. turbo: the prediction
    is the result (c_skip 0, c_out 1). lightning: Euler's steps, all noise reused. hyper: DDIM's,
    the same except for the end, which its configuration may put at the first entry of the table
    instead of before it. ModelError for other samplers, and for a t_index outside the table."""
    if sampler not in FEW_STEPS:
        raise ModelError(
            f"sampler {sampler}: {', '.join(FEW_STEPS[:-1])} and {FEW_STEPS[-1]} models only; set "
            "/sd/mode single for this one"
        )
    trained = config.get("original_inference_steps") or TRAINED_STEPS

    def table(count: int) -> list[int]:
        if sampler in ("lcm", "tcd"):
            return lcm_timesteps(len(abar), count, trained)
        return trailing_timesteps(len(abar), count)

    if t_index:
        is_increasing = list(t_index) == sorted(set(t_index))
        if not is_increasing or t_index[0] < 0 or t_index[-1] >= TRAINED_STEPS:
            listed = " ".join(map(str, t_index))
            raise ModelError(
                f"/sd/t_index: {listed}: not increasing numbers in 0..{TRAINED_STEPS - 1}"
            )
        full_table = table(TRAINED_STEPS)
        chosen = [full_table[index] for index in t_index]
    else:
        chosen = table(steps)[steps - real_steps(steps, strength) :]
    if is_flow := config.get("use_flow_sigmas", False):
        shift = config["shift"]
        count = len(abar)
        chosen = [int(shift * each / (1.0 + (shift - 1.0) * each / count)) for each in chosen]
    timesteps = torch.tensor(chosen, dtype=torch.int64)
    left = abar[timesteps]
    signal = left.sqrt()
    noise = (1.0 - left).sqrt()
    c_skip = torch.zeros_like(left)
    c_out = torch.ones_like(left)
    reuse = torch.zeros_like(left)
    fresh = torch.ones_like(left)
    if sampler == "lcm":
        c_skip, c_out = boundary(timesteps, config.get("timestep_scaling", TIMESTEP_SCALING))
    elif sampler != "turbo":
        target = left
        if sampler == "tcd":
            target = abar[torch.floor((1.0 - eta) * timesteps).long()]
        # The picture's weight at the start of the next step, of that at the end of this one.
        ratio = left / target
        reuse[1:] = (ratio * (1.0 - target)).sqrt()[1:] / noise[1:]
        fresh[1:] = (1.0 - ratio).sqrt()[1:] / noise[1:]
        ends_in_table = sampler == "hyper" and not config.get("set_alpha_to_one", True)
        if sampler == "tcd" or ends_in_table:
            # The last step ends at abar[0]: sqrt(abar) x0 + sqrt(1 - abar) estimate, in terms of x0
            # and x.
            c_skip[-1] = (1.0 - abar[0]).sqrt() / noise[-1]
            c_out[-1] = abar[0].sqrt() - c_skip[-1] * signal[-1]
    if is_flow:  # in a flow, signal and noise add up to 1, not their squares
        scale = signal + noise
        signal = signal / scale
        noise = noise / scale
        c_skip = c_skip * scale
    return StepCoefficients(
        timesteps=timesteps,
        signal=signal,
        noise=noise,
        c_skip=c_skip,
        c_out=c_out,
        reuse=reuse,
        fresh=fresh,
    )
