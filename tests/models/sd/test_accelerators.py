"""Compiled UNets paint the same picture, DeepCache nearly so; missing packages are named in one
line."""

import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DEISMultistepScheduler

from engine.errors import ModelError, in_one_line
from engine.live.sd.painter import Painter
from engine.live.sd.settings import read_settings
from engine.models import compiling
from engine.models.compiling import CompilingThread
from engine.models.graphs import GraphRunner, State
from engine.models.sd import ModelSpec, accelerators
from engine.models.sd.batch_painter import BatchPainter, load_painter
from engine.models.sd.load import load
from engine.models.sd.painting import Painting
from engine.system.installing import install_line
from tests.conftest import TinyModels
from tests.live.sd.rig import BASE, source_picture
from tests.models.recorded_graphs import Recording
from tests.models.sd.oracle import painted_by, pipeline_of
from tests.models.sd.plain_stream import loaded


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "STEADY_CALLS", 1)


@pytest.mark.soak
def test_a_compiled_unet_paints_the_same_and_follows_changes_of_weights(
    tiny_models: TinyModels, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the real compiler, a minute of C++. The second painter finds everything in the cache."""
    accelerators.require_accelerator(
        ModelSpec(model="", accelerator="inductor"), torch.device("cpu")
    )
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    lora, net = str(tiny_models.lora(tiny_sd)), str(tiny_models.controlnet(tiny_sd))
    spec = {"model": str(tiny_sd), "loras": ((lora, 0.0),), "controlnets": (net,)}
    plain = Painter(load(ModelSpec(**spec), "cpu", "float32"), note=refuse)
    for is_cached in (False, True):
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        compiled = Painter(
            load(ModelSpec(**spec, accelerator="inductor"), "cpu", "float32"), note=print
        )
        values: dict[str, Any] = {**BASE, "/sd/lora/1/weight": 0.0}
        for change in (
            {},
            {"/sd/lora/1/weight": 0.8},
            {"/sd/prompt": "fire", "/sd/strength": 0.9},
            {"/sd/controlnet/1/enable": True},
            {"/sd/controlnet/1/enable": True, "/sd/width": 128},
            {"/sd/controlnet/1/enable": False, "/sd/width": 64},
        ):
            values |= change
            for painter in (plain, compiled):
                painter.apply(read_settings(values))
            for _ in range(2):  # by the plain parts, then by the compiled ones
                pictures = [painter.paint(source_picture(0)) for painter in (plain, compiled)]
                assert np.abs(pictures[0].pixels.astype(int) - pictures[1].pixels).max() <= 1, (
                    change
                )
                join_compiling()
        assert torch._dynamo.utils.counters["graph_break"] == {}
        found = torch._dynamo.utils.counters["inductor"]
        assert bool(found["fxgraph_cache_miss"]) != is_cached
        assert (
            found["fxgraph_cache_hit"] or not is_cached
        )  # pieces that a ControlNet does not change are found at once
    assert any((tmp_path / "multiverse" / "inductor").iterdir())


def test_a_live_picture_is_painted_by_the_plain_parts_until_the_compiled_ones_are_ready(
    tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a compiler that takes as long as it likes, on a real thread."""
    begun, may_end, runs, lines = threading.Event(), threading.Event(), [], []

    def slow_compiler(graph: Any, examples: Any) -> Any:
        begun.set()
        assert may_end.wait(120.0)

        def run(*args: Any) -> Any:
            runs.append(threading.current_thread().name)
            return graph.forward(*args)

        return run

    compile_part = accelerators.compile_part
    monkeypatch.setattr(
        accelerators, "compile_part", lambda part: compile_part(part, slow_compiler)
    )
    monkeypatch.setattr(accelerators, "require_compiler", lambda device, what: None)
    torch._dynamo.reset()
    plain, capture = Painter(loaded(tiny_sd), note=refuse), Recording()
    live = Painter(
        loaded(tiny_sd, accelerator="inductor"),
        note=lambda key, line: lines.append(line),
        calls=lambda device, before, may_capture: GraphRunner(capture, may_capture=may_capture),
    )

    def captures(seed: int, width: int) -> int:
        before = len(capture.captured)
        for painter in (plain, live):
            painter.apply(read_settings(BASE | {"/sd/mode": "single", "/sd/width": width}))
        pictures = [painter.paint(source_picture(seed)) for painter in (plain, live)]
        assert np.abs(pictures[0].pixels.astype(int) - pictures[1].pixels).max() <= 1
        return len(capture.captured) - before

    assert captures(0, 64) == 2, (
        "the stages before; from here on another capture could be broken by the compiler"
    )
    assert begun.wait(120.0)
    assert [captures(seed, width) for seed, width in ((1, 64), (2, 128), (3, 64))] == [0, 0, 0]
    assert (runs, lines) == ([], ["accelerator inductor: compiling beside the picture"]), (
        "another size waits"
    )
    (compiling,) = threads_named("compiling")
    may_end.set()
    compiling.join()
    assert set(runs) == {"compiling"}
    runs.clear()
    assert [captures(seed, 64) for seed in (4, 5)] == [2, 0]
    assert set(runs) == {threading.current_thread().name}, "captured like any other part"
    assert lines[1:] == ["accelerator inductor: compiled; the picture is faster from now on"]
    torch._dynamo.reset()


def test_regions_and_the_frame_before_are_painted_by_the_plain_parts(
    tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []

    def noted(part: Any) -> Any:
        def run(*arguments: Any) -> Any:
            called.append(part.__name__)
            return part(*arguments)

        return run

    monkeypatch.setattr(accelerators, "compile_part", noted)
    monkeypatch.setattr(accelerators, "require_compiler", lambda device, what: None)
    painters = [
        Painter(loaded(tiny_sd, accelerator=name), note=print) for name in ("none", "inductor")
    ]
    texts = {"/sd/regions": True, "/sd/prompts/1/text": "fire", "/sd/prompts/1/weight": 1.0}
    for values, is_compiled in (
        ({}, True),
        ({"/sd/consistency": 0.5}, False),
        (texts, False),
        ({}, True),
    ):
        for painter in painters:
            painter.apply(read_settings(BASE | values))
        for number in range(6):
            called.clear()
            ours, theirs = (
                painter.paint(source_picture(0), regions=np.eye(8, dtype=np.uint8))
                for painter in painters
            )
            assert ours is theirs is None or np.array_equal(ours.pixels, theirs.pixels), (
                values,
                number,
            )
            join_compiling()
        assert ours is not None
        assert bool(called) == is_compiled, values


def test_the_compiled_unet_has_the_same_tensors(tiny_sd: Path) -> None:
    unet = loaded(tiny_sd).unet
    twin: Any = accelerators.twin_of(unet)
    assert all(
        ours is theirs for ours, theirs in zip(unet.parameters(), twin.parameters(), strict=True)
    )
    for ours, theirs in zip(
        unet.attn_processors.values(), twin.attn_processors.values(), strict=True
    ):
        assert ours._weight is theirs._weight and ours is not theirs


def test_auto_compiles_live_pictures_on_a_card_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(kind: str, name: str = "auto", *, is_job: bool = False) -> str:
        spec = ModelSpec(model="", accelerator=name)
        return accelerators.chosen_accelerator(spec, torch.device(kind), is_job=is_job)

    def refuse_compiler(device: torch.device, what: str) -> None:
        raise ModelError("Triton is not installed")

    monkeypatch.setattr(accelerators, "require_compiler", lambda device, what: None)
    assert [chosen("cuda"), chosen("cuda", is_job=True), chosen("cpu")] == [
        "inductor",
        "none",
        "none",
    ]
    assert [chosen("cuda", "none"), chosen("cpu", "inductor")] == ["none", "inductor"]
    monkeypatch.setattr(accelerators, "require_compiler", refuse_compiler)
    assert chosen("cuda") == "none"


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("full\n\nof weights"), ValueError("no such instruction")]
)
def test_what_cannot_be_compiled_stays_plain_is_noted_once_and_not_tried_again(
    error: Exception,
) -> None:
    tried, lines = [], []

    def fail(state: State) -> State:
        tried.append(state)
        raise error

    beside = CompilingThread(torch.device("cpu"), lines.append)
    for _ in range(3):
        assert not beside.is_ready("a")
        beside.begin("a", (fail,), {})
        join_compiling()
        assert beside.may_capture()
    assert len(tried) == 1
    assert lines == [
        "compiling beside the picture",
        f"cannot compile; the picture stays as it is, not faster ({in_one_line(error)})",
    ]
    beside.begin("b", (lambda state: state,), {})
    join_compiling()
    assert beside.is_ready("b") and not beside.is_ready("a")


def test_a_shape_that_passes_by_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "STEADY_CALLS", 3)
    lines: list[str] = []
    beside = CompilingThread(torch.device("cpu"), lines.append)
    for key in ("a", "b", "a", "b"):
        beside.begin(key, (lambda state: state,), {})
    assert lines == []
    beside.begin("b", (lambda state: state,), {})
    join_compiling()
    assert beside.is_ready("b") and not beside.is_ready("a")


def test_a_compiler_that_loses_the_card_ends_the_child() -> None:
    def fail(state: State) -> State:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    beside = CompilingThread(torch.device("cpu"), print)
    beside.begin("a", (fail,), {})
    join_compiling()
    with pytest.raises(torch.AcceleratorError):
        beside.is_ready("a")


def join_compiling() -> None:
    for thread in threads_named("compiling"):
        thread.join()


def threads_named(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_an_unsuitable_accelerator_is_refused_before_loading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch._inductor.config

    def refused(name: str, reason: str, *, is_job: bool = False) -> None:
        with pytest.raises(ModelError, match=reason):
            load(ModelSpec(model="/nowhere", accelerator=name), "cpu", "float32", is_job=is_job)

    refused("deepcache", "rows are different pictures")
    refused("magic", "not one of auto, none, inductor")
    with torch._inductor.config.patch(
        {"cpp.cxx": ("no-such-compiler",)}
    ):  # a monkeypatch would not be undone
        refused("inductor", r"needs a C\+\+ compiler")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refused(
        "deepcache",
        f"deepcache: DeepCache is not installed; {re.escape(install_line('DeepCache'))}",
        is_job=True,
    )


def job_painting(folder: Path, accelerator: str, **settings: Any) -> Painting:
    spec = ModelSpec(model=str(folder), accelerator=accelerator)
    return Painting(
        spec=spec,
        prompt="the cat",
        **{"steps": 5, "strength": 1.0, "cfg": 2.0, "seed": 7} | settings,
    )


def job_painter(folder: Path, accelerator: str, **settings: Any) -> BatchPainter:
    return load_painter(job_painting(folder, accelerator, **settings), "cpu", "float32", 64, 64)


def test_deepcache_runs_the_deep_blocks_every_third_step_and_equals_diffusers(
    tiny_sd: Path,
) -> None:
    from DeepCache import DeepCacheSDHelper

    pictures = np.stack([source_picture(number) for number in range(2)])
    plain, cached = (job_painter(tiny_sd, name, sampler="deis") for name in ("none", "deepcache"))
    deep: list[Any] = []
    for painter in (plain, cached):
        painter.model.unet.mid_block.resnets[0].register_forward_hook(
            lambda layer, *call: deep.append(layer)
        )
    expected, _ = plain.paint(pictures)
    assert len(deep) == plain.real_steps == 5
    deep.clear()
    painted, outcomes = cached.paint(pictures)
    assert len(deep) == 2, "the first and the fourth of five"
    assert (cached.real_steps, outcomes.tolist()) == (2, [0, 0])
    assert cached.notes == [
        "deepcache: evals counts the steps that run the whole UNet: 2 of 5 per picture"
    ]
    assert np.abs(painted.astype(int) - expected).max() > 1
    pipeline = pipeline_of(tiny_sd)
    pipeline.scheduler = DEISMultistepScheduler.from_config(pipeline.scheduler.config)
    helper = DeepCacheSDHelper(pipe=pipeline)
    helper.set_params(cache_interval=3, cache_branch_id=0)
    helper.enable()
    theirs = painted_by(
        pipeline, "the cat", pictures[1], steps=5, strength=1.0, seed=7, guidance_scale=2.0
    )
    assert np.abs(painted[1] - theirs[0] * 255.0).max() <= 0.6
    again, _ = cached.paint(pictures[::-1].copy())
    assert np.array_equal(again[::-1], painted), "nothing is left of the batch before"
    cached.change(job_painting(tiny_sd, "deepcache", sampler="deis", strength=0.8))
    later = job_painter(tiny_sd, "deepcache", sampler="deis", strength=0.8)
    assert np.array_equal(cached.paint(pictures)[0], later.paint(pictures)[0]), (
        "nor of another place to start from"
    )


def test_deepcache_has_no_effect_on_a_single_step_and_a_note_says_so(tiny_sd: Path) -> None:
    pictures = source_picture(0)[None]
    plain, cached = (job_painter(tiny_sd, name, strength=0.2) for name in ("none", "deepcache"))
    for _ in range(2):
        assert np.array_equal(cached.paint(pictures)[0], plain.paint(pictures)[0])
    assert plain.notes == []
    assert cached.notes == [
        "deepcache: has no effect with one step per picture; increase --steps or --strength"
    ]


def refuse(key: str, line: str) -> None:
    pytest.fail(f"{key}: {line}")
