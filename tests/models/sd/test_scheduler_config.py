"""The schedulers of diffusers that are run, and the errors for the others."""

from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ModelError
from engine.models.sd.batch_schedule import NAMED_SCHEDULERS, BatchSchedule
from engine.models.sd.conditioner import Conditioner
from engine.models.sd.denoiser import Denoiser
from engine.models.sd.load import load
from engine.models.sd.plan.model_plan import plan_model, recommended_settings
from engine.models.sd.plan.scheduler_config import CARRIER, RUNNABLE, folder_schedule
from engine.models.sd.spec import ModelSpec
from tests.models.sd.plain_stream import random_latents
from tests.support.replicas.samplers import with_scheduler
from tests.support.tiny_models import NOISE_TABLE

TABLE = NOISE_TABLE | {"skip_prk_steps": True}


def test_every_supported_scheduler_is_reproducible(tiny_sd: Path) -> None:
    """For one seed and any batch size. Schedulers that draw their own noise would fail."""
    import diffusers

    model = load(ModelSpec(model=str(tiny_sd), sampler="scheduler"), "cpu", "float32")
    cond, z = Conditioner(model).encode("a cat", None), random_latents(2, seed=1)
    for name in sorted(RUNNABLE):
        config = folder_schedule("x", TABLE | {"_class_name": name}, "auto")
        model.scheduler_config = dict(getattr(diffusers, name).from_config(config).config) | {
            "_class_name": name
        }
        two, one = (
            BatchSchedule(model, Denoiser(model), steps=4, strength=0.5, seed=3).run(rows, cond)
            for rows in (z, z[:1])
        )
        torch.testing.assert_close(two[:1], one, rtol=1e-3, atol=1e-3, msg=name)
        assert 0.1 < two.std() < 20.0, name


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (
            {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0},
            "flow-matching models .* no noise table",
        ),
        (
            {"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": True},
            "that of a rectified flow .* to flow or auto",
        ),
        (
            TABLE | {"_class_name": "DPMSolverSDEScheduler"},
            "which is not reproducible by a seed; set the sampler euler, deis or dpm",
        ),
        ({"_class_name": "UnCLIPScheduler"}, "belongs to unCLIP models and has no noise table"),
        (TABLE | {"_class_name": "os"}, "its scheduler os is unknown"),
        ({}, "without a class name.* no noise table"),
    ],
)
def test_an_unsupported_scheduler_is_described(config: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match=says) as caught:
        folder_schedule("owner/model", config, "auto")
    assert str(caught.value).startswith("owner/model: its scheduler") and "\n" not in str(
        caught.value
    )


def test_a_requested_sampler_needs_only_the_noise_table() -> None:
    config = folder_schedule("x", TABLE | {"_class_name": "DPMSolverSDEScheduler"}, "lcm")
    assert config == TABLE | {"_class_name": CARRIER}
    assert (
        folder_schedule("x", TABLE | {"_class_name": "DDIMScheduler"}, "lcm")["_class_name"]
        == "DDIMScheduler"
    )
    with pytest.raises(ModelError, match="as EDM does"):
        folder_schedule("x", {"_class_name": "EDMEulerScheduler"}, "lcm")


def test_a_scheduler_that_needs_a_missing_package_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for config in (
        {"_class_name": "LMSDiscreteScheduler"},
        {"_class_name": "DDIMScheduler", "use_beta_sigmas": True},
    ):
        with pytest.raises(
            ModelError, match=r"needs scipy, which is not installed: .* -m pip install .*scipy"
        ):
            folder_schedule("x", TABLE | config, "auto")


def spec_of(sd: Path, folder: Path, **config: Any) -> ModelSpec:
    return ModelSpec(model=str(with_scheduler(sd, folder / "model", **(TABLE | config))))


def test_an_unknown_prediction_is_refused_by_check(tiny_sd: Path, tmp_path: Path) -> None:
    spec = spec_of(tiny_sd, tmp_path, prediction_type="score")
    (line,) = plan_model(spec).missing
    assert "predicts score" in line and "set prediction to epsilon, v or flow" in line
    assert plan_model(replace(spec, prediction="epsilon")).is_complete


def test_a_model_with_an_unsupported_scheduler_paints_with_a_requested_sampler(
    tiny_sd: Path, tmp_path: Path
) -> None:
    spec = spec_of(tiny_sd, tmp_path, _class_name="DPMSolverSDEScheduler")
    assert "set the sampler euler" in plan_model(spec).missing[0]
    model = load(replace(spec, sampler="euler"), "cpu", "float32")
    schedule = BatchSchedule(model, Denoiser(model), steps=4, strength=0.5, seed=3)
    assert (
        schedule.run(random_latents(1, seed=1), Conditioner(model).encode("a cat", None))
        .isfinite()
        .all()
    )
    assert type(schedule._library_steps.scheduler).__name__ == NAMED_SCHEDULERS["euler"][0]


def test_epsilon_with_zero_terminal_snr_is_refused(tiny_sd: Path, tmp_path: Path) -> None:
    """At timestep 999 the noise times infinity would be subtracted from the picture."""
    spec = spec_of(tiny_sd, tmp_path, _class_name="DDIMScheduler", rescale_betas_zero_snr=True)
    assert plan_model(spec).missing == ()
    assert "set prediction to v, else" in plan_model(replace(spec, sampler="lcm")).missing[0]
    assert plan_model(replace(spec, sampler="lcm", prediction="v")).missing == ()
    requested = replace(spec, sampler="lcm", prediction="epsilon")
    assert (
        plan_model(requested).missing == ()
        and plan_model(requested).scheduler["rescale_betas_zero_snr"] is False
    )


@pytest.mark.parametrize(
    ("config", "sampler", "usual"),
    [
        ({"_class_name": "LCMScheduler"}, "auto", (4, 1.0)),
        ({"_class_name": "PNDMScheduler"}, "auto", (20, 6.0)),
        ({"_class_name": "PNDMScheduler"}, "turbo", (2, 1.0)),
        ({"_class_name": "LCMScheduler"}, "euler", (20, 6.0)),
    ],
)
def test_a_job_without_steps_and_guidance_uses_those_of_the_authors(
    tiny_sd: Path, tmp_path: Path, config: dict[str, Any], sampler: str, usual: tuple[int, float]
) -> None:
    plan = plan_model(replace(spec_of(tiny_sd, tmp_path, **config), sampler=sampler))
    assert astuple(recommended_settings(plan)) == usual
    assert plan.folder is not None
    plan.folder.unet |= {"time_cond_proj_dim": 256}
    assert astuple(recommended_settings(plan)) == (4, 8.0)
