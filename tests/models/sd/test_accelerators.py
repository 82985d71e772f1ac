"""Compiled UNets paint the same picture, DeepCache nearly so; missing packages are named in one line."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DEISMultistepScheduler
from PIL import Image

from engine.errors import ModelError
from engine.live.sd.painter import Painter
from engine.live.sd.settings import read_settings
from engine.models.sd import ModelSpec, accelerators, deep_cache
from engine.models.sd.batch_painter import BatchPainter
from engine.models.sd.load import load
from engine.models.sd.painting import Painting
from engine.models.sd.stage_loading import load_stage
from tests.conftest import TinyModels
from tests.live.sd.studio import BASE, source_picture
from tests.models.sd.oracle import pipeline_of
from tests.support.long_form import IS_SOAK, only_soak


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The real backend compiles C++ for a minute; the short form traces and guards the same graphs without it."""
    if IS_SOAK:
        accelerators.require_accelerator(ModelSpec(model="", accelerator="inductor"), torch.device("cpu"))
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
        return "inductor"
    monkeypatch.setitem(accelerators.BACKENDS, "inductor", "eager")
    return "eager"


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # inductor's import
@only_soak
def test_a_compiled_unet_paints_the_same_and_follows_changes_of_weights(
    tiny_models: TinyModels, tiny_sd: Path, backend: str
) -> None:
    lora, net = str(tiny_models.lora(tiny_sd)), str(tiny_models.controlnet(tiny_sd))
    spec = {"model": str(tiny_sd), "loras": ((lora, 0.0),), "controlnets": (net,)}
    slow: list[int] = []
    plain = Painter(load(ModelSpec(**spec), "cpu", "float32"), note=refuse)
    compiled = Painter(
        load(ModelSpec(**spec, accelerator="inductor"), "cpu", "float32"),
        note=refuse,
        before_capture=lambda: slow.append(1),
    )
    torch._dynamo.utils.counters.clear()
    values: dict[str, Any] = {**BASE, "/sd/lora/1/weight": 0.0}
    for change, is_new in (
        ({}, True),
        ({"/sd/lora/1/weight": 0.8}, False),
        ({"/sd/prompt": "fire", "/sd/strength": 0.9}, False),
        *([({"/sd/controlnet/1/enable": True}, True)] if IS_SOAK else []),  # each for three seconds of a processor
        ({"/sd/controlnet/1/enable": True, "/sd/width": 128}, True),
        ({"/sd/controlnet/1/enable": False, "/sd/width": 64}, False),
    ):
        values |= change
        slow.clear()
        pictures = []
        for painter in (plain, compiled):
            painter.take(read_settings(values))
            painted = painter.paint(source_picture(0))
            assert painted is not None
            pictures.append(painted.pixels.astype(int))
        assert np.abs(pictures[0] - pictures[1]).max() <= 1, change  # 1e-3 apart may round to the next of 255
        assert bool(slow) == is_new, change
    assert torch._dynamo.utils.counters["graph_break"] == {}


@pytest.mark.parametrize(
    ("name", "module", "command"),
    [
        ("tensorrt", "torch_tensorrt", "pip install torch-tensorrt"),
        ("stablefast", "sfast", "pip install git"),
    ],
)
def test_a_missing_accelerator_names_the_install_command(tiny_sd: Path, name: str, module: str, command: str) -> None:
    if importlib.util.find_spec(module) is not None:
        pytest.skip(f"{module} is installed")
    with pytest.raises(ModelError, match=f"accelerator {name}: {module} is not installed; {command}") as refusal:
        load(ModelSpec(model=str(tiny_sd), accelerator=name), "cpu", "float32")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "reason"), [("deepcache", "rows are different pictures"), ("magic", "not one of none, inductor")]
)
def test_an_unsuitable_accelerator_is_refused_before_loading(name: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        load(ModelSpec(model="/nowhere", accelerator=name), "cpu", "float32")


def job_painting(folder: Path, accelerator: str, **asked: Any) -> Painting:
    spec = ModelSpec(model=str(folder), accelerator=accelerator)
    return Painting(spec=spec, prompt="the cat", **{"steps": 5, "strength": 1.0, "cfg": 2.0, "seed": 7} | asked)


def job_painter(folder: Path, accelerator: str, **asked: Any) -> BatchPainter:
    return load_stage(job_painting(folder, accelerator, **asked), "whole", "cpu", "float32", 64, 64)


def test_deepcache_runs_the_deep_blocks_every_third_step_and_equals_diffusers(
    tiny_sd: Path,
) -> None:
    from DeepCache import DeepCacheSDHelper

    shown = np.stack([source_picture(number) for number in range(2)])
    plain, cached = (job_painter(tiny_sd, name, sampler="deis") for name in ("none", "deepcache"))
    deep: list[Any] = []
    for painter in (plain, cached):
        painter.model.unet.mid_block.resnets[0].register_forward_hook(lambda layer, *call: deep.append(layer))
    expected, _ = plain.paint(shown)
    assert len(deep) == plain.real_steps == 5
    deep.clear()
    painted, fates = cached.paint(shown)
    assert len(deep) == 2, "the first and the fourth of five"
    assert (cached.real_steps, fates.tolist()) == (2, [0, 0])
    assert cached.notes == ["deepcache: evals counts the steps that run the whole UNet: 2 of 5 per picture"]
    assert np.abs(painted.astype(int) - expected).max() > 1
    pipeline = pipeline_of(tiny_sd)
    pipeline.scheduler = DEISMultistepScheduler.from_config(pipeline.scheduler.config)
    helper = DeepCacheSDHelper(pipe=pipeline)
    helper.set_params(cache_interval=3, cache_branch_id=0)
    helper.enable()
    theirs = pipeline(
        "the cat",
        image=Image.fromarray(shown[1]),
        num_inference_steps=5,
        strength=1.0,
        guidance_scale=2.0,
        generator=torch.Generator().manual_seed(7),
        output_type="np",
    ).images[0]
    assert np.abs(painted[1] - theirs * 255.0).max() <= 0.6
    again, _ = cached.paint(shown[::-1].copy())
    assert np.array_equal(again[::-1], painted), "nothing is left of the batch before"
    cached.change(job_painting(tiny_sd, "deepcache", sampler="deis", strength=0.8))
    later = job_painter(tiny_sd, "deepcache", sampler="deis", strength=0.8)
    assert np.array_equal(cached.paint(shown)[0], later.paint(shown)[0]), "nor of another place to start from"


@pytest.mark.parametrize(("sampler", "strength"), [("lcm", 1.0), ("auto", 0.9)])
def test_the_number_of_full_unet_runs_with_deepcache_is_reported(
    tiny_models: TinyModels, sampler: str, strength: float
) -> None:
    """PNDM repeats its second step, here as the first two: the package treats both as the first."""
    painter = job_painter(tiny_models.sd(sampler="pndm"), "deepcache", sampler=sampler, steps=8, strength=strength)
    deep, calls = [], []
    painter.model.unet.mid_block.resnets[0].register_forward_hook(lambda *call: deep.append(call))
    painter.model.unet.conv_in.register_forward_hook(lambda *call: calls.append(call))
    painter.paint(source_picture(0)[None])
    assert len(deep) == painter.real_steps < len(calls)
    assert painter.notes == [
        f"deepcache: evals counts the steps that run the whole UNet: {len(deep)} of {len(calls)} per picture"
    ]


def test_deepcache_has_no_effect_on_a_single_step_and_a_note_says_so(tiny_sd: Path) -> None:
    shown = source_picture(0)[None]
    plain, cached = (job_painter(tiny_sd, name, strength=0.2) for name in ("none", "deepcache"))
    for _ in range(2):
        assert np.array_equal(cached.paint(shown)[0], plain.paint(shown)[0])
    assert plain.notes == []
    assert cached.notes == ["deepcache: has no effect with one step per picture; increase --steps or --strength"]


def test_deepcache_that_keeps_nothing_changes_nothing(tiny_sd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deep_cache, "INTERVAL", 1)
    shown = source_picture(0)[None]
    plain, cached = (job_painter(tiny_sd, name, sampler="euler") for name in ("none", "deepcache"))
    assert np.array_equal(cached.paint(shown)[0], plain.paint(shown)[0])


def test_a_missing_deepcache_names_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    _, command = accelerators.INSTALL["deepcache"]
    monkeypatch.setitem(accelerators.INSTALL, "deepcache", ("no_such_module", command))
    with pytest.raises(ModelError, match="deepcache: no_such_module is not installed; pip install DeepCache"):
        load(ModelSpec(model="/nowhere", accelerator="deepcache"), "cpu", "float32", is_job=True)


def test_without_a_compiler_inductor_is_refused() -> None:
    import torch._inductor.config

    no_compiler = torch._inductor.config.patch({"cpp.cxx": ("no-such-compiler",)})  # a monkeypatch would not be undone
    with no_compiler, pytest.raises(ModelError, match=r"needs a C\+\+ compiler"):
        load(ModelSpec(model="/nowhere", accelerator="inductor"), "cpu", "float32")


def refuse(key: str, line: str) -> None:
    pytest.fail(f"{key}: {line}")
