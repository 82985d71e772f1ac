"""Each replica of a published model is checked, loaded and painted with, or refused with the same
line by all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.models.graphs import DirectRunner
from engine.models.pretrained import tensor_problems
from engine.models.sd.conditioner import Conditioner
from engine.models.sd.denoiser import ControlInput, Denoiser
from engine.models.sd.load import load, trials
from engine.models.sd.model import DiffusionModel
from engine.models.sd.painting import StreamSettings
from engine.models.sd.pixels import Pixels
from engine.models.sd.plan.model_plan import ModelPlan, plan_model
from engine.models.sd.single import paint
from engine.models.sd.spec import ModelSpec
from engine.models.sd.stream_schedule import StreamSchedule
from tests.models.sd.oracle import source_picture
from tests.support.long_form import IS_SOAK
from tests.support.replicas import (
    folders,
    loras,
    prompts,
    published_nets,
    samplers,
    single_files,
)
from tests.support.replicas.replica import (
    Refused,
    Replica,
    Works,
    assert_refused_alike,
    folders_in,
    parametrized,
)

SIDE_PX = 64
MODULES = (folders, loras, published_nets, prompts, samplers, single_files)
REPLICAS: Sequence[Replica] = [replica for module in MODULES for replica in module.REPLICAS]


@pytest.fixture
def spec(
    request: Any, tmp_path: Path, tiny_models: Any, monkeypatch: pytest.MonkeyPatch
) -> ModelSpec:
    """The spec of the replica that the test is run with, written to a folder of its own."""
    spec: ModelSpec = request.param.build(folders_in(tmp_path, tiny_models, monkeypatch))
    return spec


@pytest.fixture(scope="module")
def painted() -> set[tuple[object, ...]]:
    """Kinds of models that have painted in this session."""
    return set()


@parametrized(REPLICAS, Works)
def test_its_headers_identify_it_and_it_paints_in_jobs_and_live(
    spec: ModelSpec, expect: Works, painted: set[tuple[object, ...]]
) -> None:
    """In the short form one of each kind paints; other LoRAs, whose layout the header shows, are
    not merged."""
    plan = plan_model(spec)
    assert plan.missing == ()
    assert all(part.parameters for part in plan.parts), "the report has the memory that it takes"
    for lora in plan.loras:
        assert sum(len(change.tensors) for change in lora.changes) == len(lora.file.tensors) > 0, (
            "each has its place"
        )
    actual = (plan.family, plan.prediction.value, plan.sampler.value)
    expected = (expect.family, expect.prediction, expect.sampler)
    assert tuple(each or own for each, own in zip(expected, actual, strict=True)) == actual
    for phrase in expect.says:
        assert phrase in describe(plan)
    kind = (*actual, len(plan.controlnets), plan.ip_adapter is None)
    is_new = IS_SOAK or kind not in painted
    if plan.loras and not is_new:
        return
    assert not is_new or tensor_problems(trials(plan)) == []
    model = load(spec, "cpu", "float32", plan=plan)
    assert actual == (model.family, model.prediction_type, model.sampler)
    if is_new:
        assert_paints(model)
        if model.sampler != "scheduler":
            assert_streams(model)
        painted.add(kind)


@parametrized(REPLICAS, Refused)
def test_it_is_refused_in_one_line_with_an_alternative(spec: ModelSpec, expect: Refused) -> None:
    assert_refused_alike(
        expect, spec.model, lambda: plan_model(spec), lambda: load(spec, "cpu", "float32")
    )


def describe(plan: ModelPlan) -> str:
    return "\n".join((plan.prediction.reason, plan.sampler.reason, *plan.notes))


def assert_paints(model: DiffusionModel) -> None:
    controls = [(source_picture(side_px=SIDE_PX), 1.0)] * model.controlnet_count
    ip_image = source_picture() if model.ip_adapter is not None else None
    painted = paint(
        model, source_picture(), prompt="a cat", steps=4, width=SIDE_PX, height=SIDE_PX,
        controls=controls,
        ip_image=ip_image,
    )  # fmt: skip
    assert painted.shape == (SIDE_PX, SIDE_PX, 3) and painted.std() > 0


def assert_streams(model: DiffusionModel) -> None:
    """Assert that the model paints its first live picture, with calls split into parts as on a
    shared device."""
    denoiser = Denoiser(model, calls=DirectRunner(), is_split=True)
    stream = StreamSchedule(model, denoiser, StreamSettings(width=SIDE_PX, height=SIDE_PX, steps=2))
    pixels = Pixels(model, SIDE_PX, SIDE_PX)
    picture = source_picture()
    cond = Conditioner(model).encode("a cat", "", size=(SIDE_PX, SIDE_PX))
    pictures = [
        ControlInput(index=index, picture=pixels.prepare_control(picture[None]), scale=1.0)
        for index in range(model.controlnet_count)
    ]
    z = pixels.encode(picture[None])
    *_, out = (stream.push(z, cond, pictures) for _ in range(stream.steps))
    assert out is not None
    rgb, is_finite = pixels.decode(out)
    assert is_finite.item() and np.asarray(rgb).shape == (1, SIDE_PX, SIDE_PX, 3)
