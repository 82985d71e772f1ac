"""Compiled UNets: the same picture, and one line where there is no compiler."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.children.diffusion_painter import Painter
from engine.children.diffusion_settings import read_settings
from engine.errors import ModelError
from engine.models.diffusion import ModelSpec, accelerators
from engine.models.diffusion.load import load
from tests.children.sd_studio import BASE, source_picture
from tests.conftest import TinyModels

IS_SOAK = os.environ.get("MULTIVERSE_SOAK") == "1"


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The real one takes a minute for its C++; the short form traces and guards the same graphs without it."""
    if IS_SOAK:
        accelerators.demand(ModelSpec(model="", accelerator="inductor"), torch.device("cpu"))
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
        return "inductor"
    monkeypatch.setitem(accelerators.BACKENDS, "inductor", "eager")
    return "eager"


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # inductor's import
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
        ({"/sd/controlnet/1/enable": True}, True),
        ({"/sd/width": 128}, True),
        ({"/sd/width": 64}, False),
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
def test_one_that_is_not_installed_says_how_to_get_it(tiny_sd: Path, name: str, module: str, command: str) -> None:
    if importlib.util.find_spec(module) is not None:
        pytest.skip(f"{module} is installed")
    with pytest.raises(ModelError, match=f"accelerator {name}: {module} is not installed; {command}") as refusal:
        load(ModelSpec(model=str(tiny_sd), accelerator=name), "cpu", "float32")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "reason"), [("deepcache", "rows are different pictures"), ("magic", "not one of none, inductor")]
)
def test_one_that_is_not_for_us_is_refused_before_anything_is_loaded(name: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        load(ModelSpec(model="/nowhere", accelerator=name), "cpu", "float32")


def test_without_a_compiler_inductor_is_refused() -> None:
    import torch._inductor.config

    no_compiler = torch._inductor.config.patch({"cpp.cxx": ("no-such-compiler",)})  # a monkeypatch would not be undone
    with no_compiler, pytest.raises(ModelError, match=r"needs a C\+\+ compiler"):
        load(ModelSpec(model="/nowhere", accelerator="inductor"), "cpu", "float32")


def refuse(key: str, line: str) -> None:
    pytest.fail(f"{key}: {line}")
