"""Rectified flows (SDXL trained as SD 3 was): how they are recognized, and their pictures compared
with diffusers'."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from engine.errors import ModelError
from engine.models.sd.batch_schedule import BatchSchedule
from engine.models.sd.conditioner import Conditioner
from engine.models.sd.denoiser import Denoiser
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel
from engine.models.sd.painting import StreamSettings
from engine.models.sd.plan.model_plan import plan_model
from engine.models.sd.plan.prediction import file_prediction
from engine.models.sd.spec import ModelSpec
from engine.models.sd.stream_schedule import StreamSchedule
from engine.models.weight_files import open_checkpoint
from tests.models.sd.oracle import difference, diffusers_picture, our_picture, pipeline_of
from tests.models.sd.plain_stream import random_latents
from tests.support.long_form import in_long_form
from tests.support.replicas.samplers import with_scheduler
from tests.support.tiny_single_file import copy_configuration, original_tensors, save_tensors

FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}
KEY = "modelspec.prediction_type"


class LibraryFlow(FlowMatchEulerDiscreteScheduler):
    """diffusers' flow scheduler with the method names that the pipelines of Stable Diffusion
    call."""

    def scale_model_input(self, sample: Any, timestep: Any) -> Any:
        return sample

    def add_noise(self, sample: Any, noise: Any, timestep: Any) -> Any:
        return self.scale_noise(sample, timestep, noise)


@pytest.fixture(scope="module")
def folder(tiny_models: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_scheduler(
        tiny_models.sd(kind="sdxl"), tmp_path_factory.mktemp("flow") / "bigasp", **FLOW
    )


@pytest.fixture(scope="module")
def model(folder: Path) -> DiffusionModel:
    return load(ModelSpec(model=str(folder)), "cpu", "float32")


@pytest.mark.parametrize("guidance", [3.0, *in_long_form(1.0)])
def test_a_picture_of_a_flow_equals_that_of_diffusers(
    folder: Path, model: DiffusionModel, guidance: float
) -> None:
    assert (model.prediction_type, model.sampler) == ("flow_prediction", "scheduler")
    expected = diffusers_picture(
        pipeline_of(folder, scheduler=LibraryFlow(shift=3.0)), guidance=guidance
    )
    assert difference(our_picture(model, guidance=guidance), expected) <= 1.0


def test_a_stream_of_a_flow_takes_the_steps_of_diffusers(model: DiffusionModel) -> None:
    """lightning, Euler's steps, so that frames stream; their sigmas are those of the shift."""
    model.sampler = "lightning"
    denoiser, z = Denoiser(model), random_latents(1, seed=1)
    cond = Conditioner(model).encode("a cat", None, size=(64, 64))
    stream = StreamSchedule(
        model, denoiser, StreamSettings(width=64, height=64, steps=4, strength=1.0, cfg_type="none")
    )
    *_, ours = (stream.push(z, cond) for _ in range(4))
    batch = BatchSchedule(model, denoiser, steps=4, strength=1.0, sampler="lightning")
    sigmas = [timestep / 1000 for timestep in batch._timesteps.tolist()]
    assert sigmas == pytest.approx(
        [3 * t / (1 + 2 * t) for t in (0.999, 0.749, 0.499, 0.249)], abs=1e-3
    )
    library = FlowMatchEulerDiscreteScheduler()
    library.set_timesteps(sigmas=sigmas)
    x = library.scale_noise(z, library.timesteps[:1], batch._noise_for(z, None).draw(0))
    for timestep in library.timesteps:
        x = library.step(
            denoiser.guided_output(x, timestep.expand(1), cond), timestep, x, return_dict=False
        )[0]
    torch.testing.assert_close(ours, x, rtol=1e-3, atol=1e-3)
    model.sampler = "scheduler"
    with pytest.raises(
        ModelError, match="a rectified flow, which deis cannot run; set the sampler"
    ):
        BatchSchedule(model, denoiser, steps=4, strength=1.0, sampler="deis").run(z, cond)


@pytest.mark.parametrize("sampler", ["euler", "dpm", "lcm", *in_long_form("turbo", "hyper", "tcd")])
def test_every_sampler_keeps_a_picture_that_the_flow_leads_to(
    model: DiffusionModel, sampler: Any
) -> None:
    """A network that knows its picture: x - sigma v is the picture at every sigma, so that each
    sampler ends there."""
    goal = random_latents(1, seed=2)

    class Knowing(Denoiser):
        def outputs(self, z: Any, t: Any, *more: Any, **named: Any) -> Any:
            return None, (z - goal) / (t.view(-1, 1, 1, 1) / 1000)

    schedule = BatchSchedule(model, Knowing(model), steps=8, strength=0.6, sampler=sampler)
    painted = schedule.run(
        random_latents(1, seed=1), Conditioner(model).encode("a cat", None, size=(64, 64))
    )
    torch.testing.assert_close(painted, goal, rtol=0.02, atol=0.05)


@pytest.mark.parametrize(
    ("name", "metadata", "prediction", "reason"),
    [
        ("x", {KEY: "flow"}, "flow_prediction", f"{KEY} in the file: flow"),
        ("x", {"modelspec.predict_key": "Rectified-Flow"}, "flow_prediction", "rectified_flow"),
        ("NoobAI-RF", {}, "flow_prediction", "RF in the file's name"),
        ("bigASP_v25", {}, "flow_prediction", "bigASP_v25 in"),
        ("bigasp-v2.5-vpred", {}, "flow_prediction", "bigasp-v2.5 in"),
        ("nyaflow-xl-alpha", {}, "flow_prediction", "nyaflow in"),
        ("sdxl_flow_v1", {}, "flow_prediction", "flow in the file's name"),
        ("sunflower", {}, None, ""),
        ("bigASP_v20", {}, None, ""),
        ("PeRFlow-SDXL", {}, None, ""),
        ("NoobAI-RF", {KEY: "v"}, "v_prediction", f"{KEY} in the file: v"),
    ],
)
def test_a_flow_is_recognized_by_its_header_then_by_its_name(
    tmp_path: Path, name: str, metadata: dict[str, str], prediction: str | None, reason: str
) -> None:
    file = save_tensors(tmp_path / f"{name}.safetensors", {}, metadata or None)
    found = file_prediction(open_checkpoint(file), "sdxl")
    chosen = found.marked or found.likely
    assert (chosen and chosen.value) == prediction and reason in (chosen.reason if chosen else "")


def test_a_file_that_says_flow_runs_as_one_and_one_that_says_something_else_is_refused(
    tiny_models: Any, tmp_path: Path
) -> None:
    sd = tiny_models.sd(kind="sdxl", sampler="euler", vae="kl")

    def plan(name: str, value: str, **more: Any) -> Any:
        copy_configuration(sd, tmp_path / name)
        file = save_tensors(
            tmp_path / f"{name}.safetensors", original_tensors(sd), {KEY: value} if value else {}
        )
        return plan_model(ModelSpec(model=str(file), vae="full", **more))

    flow = plan("x", "flow")
    assert flow.scheduler["_class_name"] == FLOW["_class_name"] and flow.scheduler["shift"] == 3.0
    assert (
        f"rectified flow, {FLOW['_class_name']} with shift 3 ({KEY} in the file: flow)"
        in "\n".join(flow.notes)
        and not flow.missing
    )
    assert (
        plan("x", "flow", prediction="epsilon").scheduler["_class_name"] == "EulerDiscreteScheduler"
    )
    assert plan("x", "", prediction="flow").prediction.value == "flow_prediction"
    (line,) = plan("x", "x0\n\x1b[2J").missing
    assert (
        f"predicts x0_2j ({KEY} in the file: x0_2j); supported: epsilon, v_prediction, "
        "flow_prediction," in line
    )
    (note,) = (note for note in plan("My-RF", "epsilon").notes if "flow" in note)
    assert (
        f"(RF in the file's name), not by {KEY} in the file: epsilon; for one, set prediction to "
        "flow" in note
    )
    assert "which deis cannot run" in plan("x", "flow", sampler="deis").missing[0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"use_dynamic_shifting": True, "shift": 2.5}, ""),
        (
            {"_class_name": "FlowMatchHeunDiscreteScheduler"},
            "FlowMatchHeunDiscreteScheduler belongs to flow-matching",
        ),
        (
            {"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": True, "flow_shift": 2.5},
            "",
        ),
    ],
)
def test_a_folder_s_own_flow_is_run_or_named(
    tiny_models: Any, tmp_path: Path, changes: Any, says: str
) -> None:
    name = with_scheduler(
        tiny_models.sd(kind="sdxl"), tmp_path / "flow", beta_schedule=None, **(FLOW | changes)
    )
    plan = plan_model(ModelSpec(model=str(name)))
    if says:
        with pytest.raises(ModelError, match=says):
            plan.require_complete()
    else:
        assert (
            plan.scheduler["_class_name"] == (FLOW | changes)["_class_name"]
            and plan.scheduler["shift"] == 2.5
        )
        assert not plan.missing and any("with shift 2.5" in note for note in plan.notes)
