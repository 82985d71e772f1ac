"""In a batch every picture is the same as alone, with every sampler."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

from engine.errors import ModelError
from engine.models.graphs import DirectRunner, GraphRunner
from engine.models.sd.batch_schedule import NAMED_SCHEDULERS, BatchSchedule
from engine.models.sd.conditioner import Conditioner, Conditioning
from engine.models.sd.denoiser import ControlInput, Denoiser
from engine.models.sd.model import DiffusionModel
from engine.models.sd.pixels import Pixels
from tests.models.recorded_graphs import Recording
from tests.models.sd.oracle import painted_by, pipeline_of, source_picture
from tests.models.sd.plain_stream import loaded, random_latents
from tests.support.fake_cuda.device import FakeCuda
from tests.support.long_form import in_long_form
from tests.support.tiny_models import TEXT_WIDTH

SAMPLERS = [
    ({"sampler": "lcm"}, {}),
    ({"sampler": "lcm"}, {"sampler": "turbo"}),
    ({"sampler": "lcm"}, {"sampler": "tcd"}),
    ({"sampler": "lcm"}, {"sampler": "scheduler"}),
    ({"sampler": "ddim"}, {"sampler": "scheduler"}),
    ({"sampler": "pndm"}, {"sampler": "scheduler"}),
    ({"kind": "turbo", "sampler": "turbo_ancestral"}, {"sampler": "scheduler"}),
    ({"sampler": "ddim"}, {"sampler": "deis"}),
    ({"sampler": "ddim"}, {"sampler": "dpm"}),
]
REPRESENTATIVE = [SAMPLERS[number] for number in (5, 6)]
OTHERS = [each for each in SAMPLERS if each not in REPRESENTATIVE]
OF_DIFFUSERS = NAMED_SCHEDULERS | {"lcm": ("LCMScheduler", {})}
PNDM, V_PREDICTION, LCM = {"sampler": "pndm"}, {"kind": "sd21"}, {}


def small_unet() -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        block_out_channels=(8,), layers_per_block=1, down_block_types=("DownBlock2D",),
        norm_num_groups=4,
        up_block_types=("UpBlock2D",), cross_attention_dim=TEXT_WIDTH, attention_head_dim=4,
    ).requires_grad_(False)  # fmt: skip


@pytest.fixture(scope="module")
def models(tiny_models: Any) -> Callable[..., DiffusionModel]:
    """`models(**built)`: a tiny model, loaded once and never changed."""
    return cache(lambda **built: loaded(tiny_models.sd(**built)))


def batch(
    model: DiffusionModel, denoiser: Denoiser | None = None, **settings: Any
) -> BatchSchedule:
    usual = {"steps": 4, "strength": 0.75, "guidance": 2.0, "seed": 5}
    return BatchSchedule(model, denoiser or Denoiser(model), **usual | settings)


def cond_of(model: DiffusionModel) -> Conditioning:
    return Conditioner(model).encode("the cat", "grey")


@pytest.mark.parametrize(("built", "settings"), [*REPRESENTATIVE, *in_long_form(*OTHERS)])
def test_a_picture_does_not_depend_on_the_batch_it_is_in_nor_on_graphs(
    models: Callable[..., DiffusionModel], built: dict[str, Any], settings: dict[str, Any]
) -> None:
    """A graph overwrites each prediction with the next, and some samplers remember predictions."""
    model = models(**built)
    cond, z = cond_of(model), random_latents(3, seed=1)
    graphed = Denoiser(model, calls=GraphRunner(Recording()))
    for request in ({"steps": 5, "strength": 1.0, "guidance": 1.0, **settings}, settings):
        schedule = batch(model, **request)
        together = schedule.run(z, cond)
        assert torch.equal(schedule.run(z, cond), together), "run after run"
        assert torch.equal(batch(model, graphed, **request).run(z, cond), together)
    torch.testing.assert_close(
        together[2:], batch(model, **settings).run(z[2:], cond), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("built", "sampler"),
    [
        *((PNDM, "deis"), (V_PREDICTION, "lcm"), (LCM, "dpm")),
        *in_long_form((PNDM, "lcm"), (PNDM, "dpm"), (V_PREDICTION, "euler")),
    ],
)
def test_a_requested_sampler_equals_that_of_diffusers(
    tiny_models: Any, models: Callable[..., DiffusionModel], built: dict[str, Any], sampler: str
) -> None:
    """Built from the model's own scheduler configuration."""
    import diffusers

    pipeline = pipeline_of(tiny_models.sd(**built))
    name, differences = OF_DIFFUSERS[sampler]
    pipeline.scheduler = getattr(diffusers, name).from_config(
        pipeline.scheduler.config, **differences
    )
    settings = {"negative_prompt": "grey", "guidance_scale": 2.0, "output_type": "latent"}
    theirs = painted_by(pipeline, "the cat", steps=6, strength=0.67, seed=5, **settings)
    model = models(**built)
    z = Pixels(model, 64, 64).encode(source_picture()[None]).repeat(2, 1, 1, 1)
    ours = batch(model, steps=6, strength=0.67, sampler=sampler).run(z, cond_of(model))
    torch.testing.assert_close(ours, theirs.repeat(2, 1, 1, 1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "steps", "strength", "calls"),
    [
        ({"sampler": "lcm"}, 5, 0.5, 2),
        ({"sampler": "lcm"}, 5, 0.2, 1),
        ({"sampler": "deis"}, 5, 0.01, 1),
        ({"sampler": "dpm"}, 5, 0.5, 2),
        ({"sampler": "euler"}, 4, 1.0, 4),
        ({"sampler": "scheduler"}, 8, 0.5, 5),  # PNDM looks twice where it starts
    ],
)
def test_the_number_of_unet_calls_is_reported(
    models: Callable[..., DiffusionModel],
    settings: dict[str, Any],
    steps: int,
    strength: float,
    calls: int,
) -> None:
    model = models(sampler="pndm")
    rows: list[int] = []
    schedule = batch(model, steps=steps, strength=strength, **settings)
    assert schedule.evaluations == calls
    with model.unet.conv_in.register_forward_pre_hook(
        lambda layer, inputs: rows.append(len(inputs[0]))
    ):
        schedule.run(random_latents(3, seed=1), cond_of(model))
    assert rows == [6] * calls, "each picture and its negative"


@pytest.mark.parametrize("sampler", ["lcm", "dpm"])
def test_outside_its_interval_guidance_costs_nothing(
    models: Callable[..., DiffusionModel], sampler: str
) -> None:
    model, z = models(sampler="pndm"), random_latents(1, seed=1)
    rows: list[int] = []
    with model.unet.conv_in.register_forward_pre_hook(
        lambda layer, inputs: rows.append(len(inputs[0]))
    ):
        part = batch(model, sampler=sampler, strength=1.0, guidance_begin=0.5).run(
            z, cond_of(model)
        )
    assert rows == [1, 1, 2, 2]
    usual, off = (
        batch(model, sampler=sampler, strength=1.0, guidance=each).run(z, cond_of(model))
        for each in (2.0, 1.0)
    )
    never = batch(model, sampler=sampler, strength=1.0, guidance_begin=1.0).run(z, cond_of(model))
    assert (
        torch.equal(never, off)
        and not torch.allclose(part, off)
        and not torch.allclose(part, usual)
    )


@pytest.mark.parametrize("steps", [1, 3])
def test_a_scheduler_that_cannot_run_so_few_steps_suggests_alternatives(
    tiny_models: Any, steps: int
) -> None:
    """PNDM with Runge-Kutta steps at the start makes at least four steps."""
    model = loaded(tiny_models.sd(sampler="pndm"))
    del model.scheduler_config["skip_prk_steps"]
    reason = (
        rf": PNDMScheduler cannot run {steps} steps \(.*\); use another --sampler or more --steps$"
    )
    with pytest.raises(ModelError, match=reason) as error:
        _ = batch(model, steps=steps, strength=1.0, sampler="scheduler").steps
    assert "\n" not in str(error.value)


def test_a_control_picture_affects_only_its_own_frame(tiny_models: Any) -> None:
    sd = tiny_models.sd()
    model = loaded(sd, controlnets=(str(tiny_models.controlnet(sd)),))
    cond, z = cond_of(model), random_latents(2, seed=1)
    pictures = torch.rand((2, 3, 64, 64), generator=torch.Generator().manual_seed(1))
    together = batch(model).run(z, cond, [ControlInput(index=0, picture=pictures, scale=1.0)])
    for frame in range(2):
        own = ControlInput(index=0, picture=pictures[frame : frame + 1], scale=1.0)
        alone = batch(model).run(z[frame : frame + 1], cond, [own])
        torch.testing.assert_close(together[frame : frame + 1], alone, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(together, batch(model).run(z, cond), atol=1e-2)


@pytest.mark.parametrize("sampler", ["lcm", "deis", "scheduler"])
def test_once_prepared_a_batch_never_waits_for_the_device(
    fake_cuda: FakeCuda, models: Callable[..., DiffusionModel], sampler: str
) -> None:
    here, there = models(), torch.device("cuda:0")
    config = {
        key: here.scheduler_config[key] for key in ("num_train_timesteps", "beta_start", "beta_end")
    }
    config |= {
        "beta_schedule": here.scheduler_config["beta_schedule"],
        "_class_name": "PNDMScheduler",
    }
    model = replace(
        here, device=there, unet=small_unet().to(there), text_weight=None, scheduler_config=config
    )
    cond = cond_of(here)
    assert cond.negative_embeds is not None
    cond = replace(
        cond,
        prompt_embeds=cond.prompt_embeds.to(there),
        negative_embeds=cond.negative_embeds.to(there),
    )
    schedule = batch(model, Denoiser(model, calls=DirectRunner()), sampler=sampler)
    z = torch.zeros((3, 4, 8, 8), device=there)
    with fake_cuda.tally() as tally:
        schedule.run(z, cond)
    assert tally.uploads, "tables and noise go up once"
    with fake_cuda.tally() as tally:
        assert schedule.run(z, cond).shape == z.shape
    assert (tally.waits, tally.uploads) == ([], [])
