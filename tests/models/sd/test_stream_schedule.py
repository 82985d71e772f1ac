"""The stream compared with pictures computed one by one from the formulas, and its guarantees for
live use."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from engine.errors import ModelError
from engine.models.sd.batch_schedule import BatchSchedule
from engine.models.sd.coefficients import noise_table
from engine.models.sd.conditioner import Conditioner, Conditioning
from engine.models.sd.denoiser import ControlInput, Denoiser
from engine.models.sd.model import DiffusionModel, unused_guidance_note, unused_negative_note
from engine.models.sd.painting import StreamSettings
from engine.models.sd.pixels import is_finite
from engine.models.sd.stream_schedule import StreamSchedule
from tests.models.sd.plain_stream import loaded, plain_picture, random_latents, with_short_scaling
from tests.support.cases import cases_of
from tests.support.long_form import in_long_form

THREE_STEPS = StreamSettings(width=64, height=64, t_index=(5, 25, 45), seed=3)
CFG: Any = cases_of(__file__)["guided"]
TCD = {"sampler": "tcd", "eta": 1.0}


@pytest.fixture(scope="module")
def model(tiny_models: Any) -> DiffusionModel:
    sd = tiny_models.sd()
    nets = (str(tiny_models.controlnet(sd)), str(tiny_models.controlnet(sd, seed=9)))
    return with_short_scaling(loaded(sd, controlnets=nets))


@pytest.fixture(scope="module")
def conds(model: DiffusionModel) -> list[Conditioning]:
    conditioner = Conditioner(model)
    return [conditioner.encode(text, "grey") for text in ("the cat", "a thing", "an inn")]


def pushed(
    stream: StreamSchedule,
    z: Sequence[torch.Tensor] | torch.Tensor,
    conds: Sequence[Conditioning],
    controls: Sequence[Sequence[ControlInput]] = (),
) -> list[torch.Tensor | None]:
    """The result of each push: `z` (calls, 1, 4, h, w), a cond and the controls of each call."""
    controls = controls or [()] * len(z)
    return [
        stream.push(frames, cond, inputs)
        for frames, cond, inputs in zip(z, conds, controls, strict=True)
    ]


def stream_of(model: DiffusionModel, settings: StreamSettings) -> StreamSchedule:
    return StreamSchedule(model, Denoiser(model), settings)


def control(index: int, calls: int, scale: float = 1.0) -> list[ControlInput]:
    generator = torch.Generator().manual_seed(100 + index)
    pictures = torch.rand((calls, 1, 3, 64, 64), generator=generator)
    return [ControlInput(index=index, picture=picture, scale=scale) for picture in pictures]


@pytest.mark.parametrize(
    ("cfg", "sampled", "is_controlled"),
    [
        *((cfg, {}, False) for cfg in CFG),
        (CFG[5], TCD, False),
        (CFG[4], {}, True),
        *in_long_form(
            *(
                (cfg, {"sampler": sampler}, False)
                for cfg in CFG
                for sampler in ("lightning", "tcd")
            ),
            *((CFG[number], TCD, False) for number in (0, 1, 3)),
            *((CFG[number], {}, True) for number in (0, 1)),
        ),
    ],
)
def test_every_picture_equals_the_one_computed_alone_from_the_formulas(
    model: DiffusionModel,
    conds: list[Conditioning],
    cfg: dict[str, Any],
    sampled: dict[str, Any],
    is_controlled: bool,
) -> None:
    """The prompt changes with every call, and takes effect in all rows at once. Lightning has no
    guidance."""
    calls, sampling = 4, replace(model, **sampled)
    settings = replace(THREE_STEPS, **cfg)
    alone = replace(settings, guidance=1.0) if sampling.sampler == "lightning" else settings
    z = random_latents(calls, seed=1).view(calls, 1, 4, 8, 8)
    prompts = [conds[0 if is_controlled else call % 3] for call in range(calls)]
    inputs: list[list[ControlInput]] = [[] for _ in range(calls)]
    if is_controlled:
        inputs = [
            list(each) for each in zip(control(0, calls), control(1, calls, scale=0.5), strict=True)
        ]
    results = pushed(stream_of(sampling, settings), z, prompts, inputs)
    assert results[:2] == [None, None]
    for call in range(calls - 2):
        expected = plain_picture(sampling, alone, z[call], prompts[call : call + 3], inputs[call])
        torch.testing.assert_close(
            results[call + 2], expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item()
        )


def test_a_controlnet_that_is_switched_on_uses_its_first_picture_for_frames_in_flight(
    model: DiffusionModel, conds: list[Conditioning]
) -> None:
    z, inputs = random_latents(3, seed=2).view(3, 1, 4, 8, 8), control(0, 1)
    late, early, never = (
        pushed(stream_of(model, THREE_STEPS), z, [conds[0]] * 3, controls)[2]
        for controls in ([(), (), inputs], [inputs] * 3, [])
    )
    assert not torch.equal(late, early) and not torch.equal(late, never)


def test_a_change_of_the_size_starts_a_new_generation(
    model: DiffusionModel, conds: list[Conditioning]
) -> None:
    stream, z = stream_of(model, THREE_STEPS), random_latents(1, seed=8)
    pushed(stream, [z] * 2, [conds[0]] * 2)
    settings = replace(THREE_STEPS, width=128)
    stream.change(settings)
    assert stream.generation == 1
    fresh = stream_of(model, settings)
    frames = random_latents(1, seed=8, size=(settings.height // 8, settings.width // 8))
    results = [stream.push(frames, conds[0]) for _ in range(stream.steps)]
    expected = [fresh.push(frames, conds[0]) for _ in range(stream.steps)]
    assert results[:-1] == expected[:-1] == [None] * (stream.steps - 1)
    assert torch.equal(results[-1], expected[-1])


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"t_index": (15, 30, 48)},
        {"cfg_type": "none"},
        {"guidance": 0.5},
        {"delta": 0.5},
        {"guidance": 3.0},
        {"t_index": (5, 45)},
        {"t_index": (5, 15, 30, 45)},
        {"t_index": (45,)},
        {"guidance": 2.0},
        {"guidance": 2.0, "cfg_type": "full"},
    ],
    ids=str,
)
def test_a_changing_value_loses_no_picture(
    model: DiffusionModel, conds: list[Conditioning], change: Any
) -> None:
    """A moving fader must not stop the stream. When it rests, the pictures equal those of a new
    stream."""
    stream = stream_of(
        model, replace(THREE_STEPS, guidance=2.0 if change == {"guidance": 3} else 1.0)
    )
    z = random_latents(1, seed=9)
    pushed(stream, [z] * 3, [conds[0]] * 3)
    settings = replace(THREE_STEPS, **change)
    stream.change(settings)
    results = [stream.push(z, conds[0]) for _ in range(4)]
    assert all(picture is not None for picture in results)
    assert stream.generation == 0
    fresh = stream_of(model, settings)
    pushed(fresh, [z] * 3, [conds[0]] * 3)
    assert torch.equal(results[-1], fresh.push(z, conds[0]))
    stream.change(THREE_STEPS)
    assert stream.push(z, conds[0]) is not None, "and back"


def test_one_step_keeps_the_noise_that_more_steps_reuse(
    model: DiffusionModel, conds: list[Conditioning]
) -> None:
    """Without it lightning would see frames in flight without noise."""
    stream = stream_of(replace(model, sampler="lightning"), replace(THREE_STEPS, t_index=(25,)))
    stream.push(random_latents(1, seed=9), conds[0])
    stream.change(THREE_STEPS)
    assert stream._flight is not None and stream._flight.noise_estimate is not None
    assert len(stream._flight.noise_estimate) == 3 and stream._flight.noise_estimate.std() > 0.1


def test_a_frame_with_nan_does_not_affect_others(
    model: DiffusionModel, conds: list[Conditioning]
) -> None:
    """NaN, as from float16, stays in its own frame, which is flagged, and leaves no traces."""
    z = random_latents(6, seed=10).view(6, 1, 4, 8, 8)
    broken = z.clone()
    broken[1] = float("nan")
    results = pushed(stream_of(model, THREE_STEPS), broken, [conds[0]] * 6)
    expected = pushed(stream_of(model, THREE_STEPS), z, [conds[0]] * 6)
    assert [bool(is_finite(picture).all()) for picture in results[2:]] == [True, False, True, True]
    for call in (2, 4, 5):
        assert torch.equal(results[call], expected[call])


@pytest.mark.parametrize("cfg", [CFG[0], CFG[3], CFG[4]], ids=["off", "self", "initialise"])
def test_a_failed_call_can_be_repeated(
    model: DiffusionModel, conds: list[Conditioning], cfg: dict[str, Any]
) -> None:
    """Out of memory in the middle of the UNet: frames, origins and control pictures stay
    consistent."""
    settings, z = replace(THREE_STEPS, **cfg), random_latents(5, seed=10).view(5, 1, 4, 8, 8)
    inputs = [[one] for one in control(0, 5)]
    expected = pushed(stream_of(model, settings), z, [conds[0]] * 5, inputs)
    stream = StreamSchedule(model, Denoiser(model, is_split=True), settings)

    def fail() -> None:
        raise torch.OutOfMemoryError("full")

    results = []
    for call in range(5):
        with pytest.raises(torch.OutOfMemoryError):
            stream.push(z[call], conds[0], inputs[call], between=fail)
        results.append(stream.push(z[call], conds[0], inputs[call]))
    assert results[:2] == expected[:2] == [None, None]
    assert all(
        torch.equal(ours, theirs) for ours, theirs in zip(results[2:], expected[2:], strict=True)
    )


def test_models_that_cannot_stream_say_how_to_run_them(model: DiffusionModel) -> None:
    with pytest.raises(ModelError, match="/sd/mode single"):
        stream_of(replace(model, sampler="scheduler"), THREE_STEPS)


@pytest.mark.parametrize("sampler", ["turbo", "lightning", "hyper"])
def test_models_distilled_with_guidance_are_never_guided(
    model: DiffusionModel, conds: list[Conditioning], sampler: str
) -> None:
    turbo, z = replace(model, sampler=sampler), random_latents(1, seed=9)
    pictures = []
    for guidance in (1.0, 5.0):
        stream = stream_of(turbo, replace(THREE_STEPS, guidance=guidance, cfg_type="full"))
        pushed(stream, [z] * 2, [conds[0]] * 2)
        pictures.append(stream.push(z, conds[0]))
    assert torch.equal(pictures[0], pictures[1])
    assert unused_guidance_note(turbo, sampler, 5.0).startswith("5 has no effect: ")
    assert unused_guidance_note(turbo, sampler, 1.0) == ""
    assert "distilled with guidance" in unused_negative_note(turbo, sampler, 5.0, "fog")
    assert (
        unused_negative_note(turbo, sampler, 1.0, "fog")
        == "has no effect: it needs a guidance above 1"
    )
    merge = replace(turbo, takes_guidance=True)
    assert (
        unused_guidance_note(merge, sampler, 5.0)
        == unused_negative_note(merge, sampler, 5.0, "fog")
        == ""
    )


def test_an_embedded_guidance_defaults_to_the_published_one(model: DiffusionModel) -> None:
    """SimianLuo/LCM_Dreamshaper_v7: the default 1 means off for other models, which is impossible
    here."""
    distilled = replace(model, time_cond_proj_dim=256)
    in_force = {
        guidance: stream_of(
            distilled, replace(THREE_STEPS, guidance=guidance, cfg_type="none")
        ).guidance
        for guidance in (0.5, 1.0, 1.5, 12.0)
    }
    assert in_force == {0.5: 8.0, 1.0: 8.0, 1.5: 1.5, 12.0: 12.0}
    assert BatchSchedule(distilled, Denoiser(model), steps=2, strength=1.0).guidance == 8.0


@pytest.mark.parametrize("cfg_type", ["self", "initialise"])
def test_a_step_that_begins_with_pure_noise_has_delta_one(
    model: DiffusionModel, conds: list[Conditioning], cfg_type: Any
) -> None:
    """Zero terminal SNR: at 999 the weight of the picture, by which the delta would be divided, is
    0."""
    config = model.scheduler_config | {
        "rescale_betas_zero_snr": True,
        "prediction_type": "v_prediction",
    }
    noisy = replace(model, prediction_type="v_prediction", alphas_cumprod=noise_table(config))
    z, painted = random_latents(1, seed=4), {}
    for delta in (1.0, 0.6):
        settings = StreamSettings(
            width=64, height=64, t_index=(0,), guidance=2.0, cfg_type=cfg_type, delta=delta
        )
        stream = stream_of(noisy, settings)
        painted[delta] = stream.push(z, conds[0])
        assert stream.ignores_delta == (delta != 1.0)
    assert (
        painted[0.6] is not None
        and painted[0.6].isfinite().all()
        and torch.equal(painted[0.6], painted[1.0])
    )


def test_seed_minus_one_gives_new_noise_for_each_call_and_changes_nothing_else(
    model: DiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.models.sd import stream_schedule

    stream = StreamSchedule(model, Denoiser(model), replace(THREE_STEPS, seed=-1))
    # worked out once, not for each call
    monkeypatch.setattr(stream_schedule, "step_coefficients", None)
    z, cond = random_latents(1, seed=1), Conditioner(model).encode("cat", None)
    results = [stream.push(z, cond) for _ in range(5)]
    assert [picture is None for picture in results] == [True, True, False, False, False]
    finished = [picture for picture in results if picture is not None]
    assert not torch.equal(finished[0], finished[1]) and not torch.equal(finished[1], finished[2])
    assert stream.generation == 0
