"""The schedule of files trained with zero terminal SNR is rescaled and begins at the last
timestep."""

from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ModelError
from engine.models.sd.batch_schedule import BatchSchedule
from engine.models.sd.coefficients import x0_weights
from engine.models.sd.conditioner import Conditioner
from engine.models.sd.denoiser import Denoiser
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel
from engine.models.sd.plan.model_plan import plan_model
from engine.models.sd.spec import ModelSpec
from tests.models.sd.plain_stream import random_latents
from tests.support.tiny_single_file import copy_configuration, original_tensors, save_tensors

MIN_SIGNAL = 2.0**-12
"""The remaining picture in diffusers' Euler: abar is 2**-24 at the end, so that the first sigma is
finite."""


@pytest.fixture(scope="module")
def marked_file(tiny_models: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of SD 1.5, whose published scheduler is PNDM, with the tensors v_pred and
    ztsnr."""
    sd = tiny_models.sd(sampler="pndm", vae="kl")
    marks = {name: torch.tensor([]) for name in ("v_pred", "ztsnr")}
    file = tmp_path_factory.mktemp("marked") / "x.safetensors"
    copy_configuration(sd, file.with_suffix(""))
    return save_tensors(file, original_tensors(sd) | marks)


@pytest.fixture(scope="module")
def model(marked_file: Path) -> DiffusionModel:
    return load(ModelSpec(model=str(marked_file), vae="full"), "cpu", "fp32")


def batch(
    model: DiffusionModel, sampler: Any = "scheduler", *, strength: float = 1.0, steps: int = 4
) -> BatchSchedule:
    return BatchSchedule(
        model,
        Denoiser(model),
        steps=steps,
        strength=strength,
        guidance=2.0,
        seed=5,
        sampler=sampler,
    )


def test_the_plan_rescales_the_schedule_and_starts_at_its_end(
    marked_file: Path, model: DiffusionModel
) -> None:
    schedule = plan_model(ModelSpec(model=str(marked_file))).scheduler
    assert (schedule["rescale_betas_zero_snr"], schedule["timestep_spacing"]) == (True, "trailing")
    assert schedule["_class_name"] == "EulerDiscreteScheduler", "PNDM knows no such schedule"
    assert model.alphas_cumprod[-1] == 0.0 and model.sampler == "scheduler"


def of_dark_and_light(
    schedule: BatchSchedule, model: DiffusionModel
) -> tuple[torch.Tensor, torch.Tensor]:
    cond = Conditioner(model).encode("a cat", "grey")
    dark, light = (schedule.run(torch.full((1, 4, 8, 8), level), cond) for level in (-2.0, 2.0))
    assert dark.isfinite().all() and light.isfinite().all()
    return dark, light


@pytest.mark.parametrize("sampler", ["scheduler", "euler", "dpm", "lcm"])
def test_painting_from_noise_begins_with_no_picture_in_it_and_with_less_strength_it_shows_through(
    model: DiffusionModel, sampler: str
) -> None:
    whole, half = batch(model, sampler), batch(model, sampler, strength=0.5)
    assert whole._timesteps[0] == 999 and half._timesteps[0] < 999
    torch.testing.assert_close(*of_dark_and_light(whole, model), rtol=0, atol=16 * MIN_SIGNAL)
    dark, light = of_dark_and_light(half, model)
    assert (light - dark).mean() > 0.1


def test_a_sampler_without_such_a_schedule_is_refused(model: DiffusionModel) -> None:
    with pytest.raises(
        ModelError, match="zero terminal SNR, with which DEISMultistepScheduler cannot start"
    ):
        batch(model, "deis").run(
            random_latents(1, seed=1), Conditioner(model).encode("a cat", None)
        )


def test_an_epsilon_file_keeps_its_schedule_and_says_so(marked_file: Path) -> None:
    plan = plan_model(ModelSpec(model=str(marked_file), prediction="epsilon"))
    assert plan.prediction is not None and plan.prediction.value == "epsilon"
    assert plan.prediction.reason.startswith("asked for; the tensor ztsnr is ignored")
    assert "rescale_betas_zero_snr" not in plan.scheduler


def test_velocity_at_no_signal_gives_the_picture_without_a_division(model: DiffusionModel) -> None:
    sample, output = x0_weights(model.alphas_cumprod, "v_prediction")
    assert (sample[-1], output[-1]) == (0.0, -1.0)
