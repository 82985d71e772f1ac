"""Stable Diffusion in a running engine: real process, real model (a tiny one), real OSC, real recording."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from safetensors.numpy import save_file

from engine import MultiverseError, open_engine
from engine.children.launcher import LAUNCHER
from engine.cli.status_line import started_lines
from engine.config import build_config
from engine.errors import ConfigError, ModelError
from engine.params.looks import PLAIN
from tests.support.long_form import IS_SOAK
from tests.support.stage import Stage, opened_once, picture_file, stage_config
from tests.support.tiny_models import build_tiny_lora

SEA_RGB, SAND_RGB = (40, 90, 200), (210, 180, 60)
FAITHFUL = {"/sd/steps": 20, "/sd/strength": 0.05, "/sd/crossfade_s": 0.0}  # one step of little noise: near its source
SMALL = {"/sd/width": 64, "/sd/height": 64, "/sd/prompt": "sea", "/sd/duty_auto": False}


def sd_config(folder: Path, model: Path, **more: Any) -> dict[str, Any]:
    sd = {
        "model": str(model),
        "video": picture_file(folder / "sand.png", SAND_RGB),
        "folders": [str(folder / "models")],
    }
    return stage_config(folder, web="127.0.0.1:0", camera=picture_file(folder / "sea.png", SEA_RGB), sd=sd, **more)


@pytest.fixture(scope="module")
def open_stage(
    tmp_path_factory: pytest.TempPathFactory, fork_server: None, tiny_sd: Path
) -> Iterator[Callable[..., Stage]]:
    """One engine with SD for all tests of this file: a model is loaded once."""
    config = sd_config(tmp_path_factory.mktemp("stage"), tiny_sd, sinks=("shared=stage",))
    yield from opened_once(config, child="sd")


@pytest.fixture
def stage(open_stage: Callable[..., Stage], wait_for: Callable[..., Any]) -> Stage:
    """Simple mode, which shows only the SD picture, with a working child."""
    stage = open_stage(wait_for)
    stage.models.mkdir(exist_ok=True)
    looks = {"/mode": "simple", "/sd/source": "camera", "/sd/enable": True, "/sd/freeze": False, "/sd/fallback": "hold"}
    stage.reset(PLAIN | looks | FAITHFUL | SMALL | {"/layer/5/source": "auto", "/safety/flash_guard": False})
    if stage.child.state not in ("ready", "busy"):
        stage.done("/child/sd/start")
    stage.await_results(2)
    stage.shows(SEA_RGB, "the camera, painted")  # painted by this child: the picture left by the previous test is gone
    return stage


def test_simple_mode_shows_the_camera_painted_by_sd_and_start_and_status_describe_it(
    stage: Stage, tiny_sd: Path
) -> None:
    stage.shows(SEA_RGB, "the camera, painted")
    stage.wait_for(
        lambda: stage.pictures[0][..., :3].reshape(-1, 3).std(axis=0).max() > 0.5, "more than the camera's one colour"
    )
    chosen = "lcm (the scheduler's configuration: LCMScheduler), epsilon (the scheduler's configuration)"
    assert f"sd        {tiny_sd}, {chosen}" in started_lines(stage.engine)
    facts = {message.address: message.args for message in stage.ask("/engine/status")}
    at = "/engine/status/child/sd"
    assert facts[f"{at}/state"] in (("ready",), ("busy",))
    assert facts[f"{at}/pid"] == (stage.child.pid,)
    assert facts[f"{at}/results"][0] >= 2
    assert {f"{at}/heartbeat_age_s", f"{at}/restarts", f"{at}/family"} <= set(facts)


def test_the_picture_follows_source_freeze_feedback_and_switch(stage: Stage) -> None:
    stage.shows(SEA_RGB, "the camera, painted")
    stage.set(sd__freeze=True, sd__source="video")
    stage.await_results(3)
    assert np.abs(stage.colour() - SEA_RGB).max() < 30, "held while SD keeps painting"
    stage.set(sd__freeze=False)
    stage.shows(SAND_RGB, "the video, painted")
    stage.set(sd__source="feedback")
    stage.wait_for(lambda: not stage.engine.children["sd"].wants_frame, "a child that wants no pictures")
    seen = stage.pictures[0]
    stage.await_results(3)
    stage.wait_for(lambda: (stage.pictures[0] != seen).any(), "another picture")
    stage.set(sd__source="video")
    stage.shows(SAND_RGB, "the video, painted")
    stage.set(sd__enable=False)
    stage.shows(SEA_RGB, "the camera", within=2.0)


def test_region_maps_use_the_sd_picture(stage: Stage) -> None:
    """By hue sand is layer 1's and the sea layer 3's: SD paints sand while the camera sees the sea."""
    stage.set(sd__source="video")
    stage.shows(SAND_RGB, "the video, painted")
    stage.set(mode="multiverse", region__enable=True, region__mode="colour", layer__5__intensity=0.0)

    def brightness_of(layer: int) -> float:
        for n in range(1, 5):
            stage.engine.params.set(f"/layer/{n}/solo", n == layer)
        stage.draw(5)
        return float(stage.colour().mean())

    stage.wait_for(lambda: brightness_of(1) > 3 * brightness_of(3), "layer 1 where the sand is, layer 3 nowhere")
    stage.set(region__enable=False)
    for n in range(1, 5):
        stage.engine.params.set(f"/layer/{n}/solo", False)


def test_while_the_child_is_down_the_fallback_is_shown(stage: Stage) -> None:
    stage.set(sd__source="video")
    stage.shows(SAND_RGB, "the video, painted")
    stage.done("/child/sd/stop")
    for fallback, seen in (("hold", SAND_RGB), ("black", (0, 0, 0)), ("hold", SAND_RGB), ("source", SEA_RGB)):
        stage.set(sd__fallback=fallback, sd__source="camera" if fallback == "source" else "video")
        stage.shows(seen, f"fallback {fallback}")
        stage.draw(10)
        assert np.abs(stage.colour() - seen).max() < 30 and stage.child.state == "off", fallback


def test_a_refused_model_keeps_the_previous_one_and_all_interfaces_report_it(stage: Stage) -> None:
    (stage.models / "broken").mkdir(exist_ok=True)
    pid = stage.child.pid
    stage.set(sd__model="broken")
    stage.wait_for(lambda: stage.engine.params.get("/sd/model") == "", "the previous model")
    stage.await_results(1)
    assert stage.child.pid == pid
    assert "sd.model" in stage.engine.status().warning_counts


def test_a_lora_is_chosen_in_mid_show_and_one_for_another_model_is_refused(stage: Stage, tiny_sd: Path) -> None:
    build_tiny_lora(stage.models / "glow.safetensors", tiny_sd)
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_"
    shapes = {f"{layer}down.weight": (4, 2048), f"{layer}up.weight": (320, 4)}
    save_file({name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, stage.models / "xl.safetensors")
    pid = stage.child.pid
    stage.set(sd__lora__1__file="glow.safetensors")
    stage.wait_for(lambda: stage.child.facts.get("loras") == "glow", "the model with the LoRA", ceiling_s=180.0)
    assert stage.child.pid != pid
    pid = stage.child.pid
    for slot, name in ((2, "xl.safetensors"), (3, "glow.safetensors")):  # for SDXL; slot 2 is empty
        address = f"/sd/lora/{slot}/file"
        stage.engine.params.set(address, name, by="test")
        stage.wait_for(lambda at=address: stage.engine.params.get(at) == "", f"slot {slot} as it was")
    stage.await_results(1)
    assert stage.child.pid == pid and stage.engine.params.get("/sd/lora/1/file") == "glow.safetensors"
    stage.set(sd__lora__1__file="")
    stage.wait_for(lambda: stage.child.facts.get("loras") == "", "the configured model", ceiling_s=180.0)


@pytest.mark.soak
def test_pictures_keep_coming_and_are_all_recorded_while_the_child_is_killed(
    tmp_path: Path, tiny_sd: Path, wait_for: Callable[..., Any]
) -> None:
    """The child is killed each time it has published; every frame must be recorded. The long form also kills its fork
    server, which then needs seconds to import (test_faults does the same with a server that imports little)."""
    kills = 100 if IS_SOAK else 1
    looks = PLAIN | {"/mode": "simple", "/safety/flash_guard": False} | FAITHFUL | SMALL
    stage = Stage(sd_config(tmp_path, tiny_sd, sinks=(f"record={tmp_path / 'out.mp4'}",), params=looks), wait_for)
    killed: list[int] = []
    for _ in range(kills):
        stage.await_results(1)
        if kills == 100 and len(killed) % 4 == 3:
            os.kill(LAUNCHER.server_pid, signal.SIGKILL)
        # A hang is only detected after 10 s. Never with the server: its death would wake the child up (SIGCONT).
        is_stopped = kills == 100 and len(killed) % 24 == 10
        killed.append(stage.child.pid)
        os.kill(killed[-1], signal.SIGSTOP if is_stopped else signal.SIGKILL)
        wait_for(lambda: stage.child.pid not in (0, *killed), f"a new child ({stage.child})", ceiling_s=180.0)
    stage.await_results(1)
    assert stage.child.restarts == kills
    status = stage.engine.status()
    stage.shows(SEA_RGB, "the camera, painted")
    stage.close()
    assert stage.indices == list(range(len(stage.indices))), "a frame was not drawn"
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == len(stage.indices)
    assert [sink.dropped for sink in status.sinks] == [0]
    if kills == 100:  # long enough to tell a late frame from the noise of a shared machine
        assert status.late + status.dropped <= 0.01 * status.frames


def test_a_start_that_cannot_work_ends_with_the_reason(tiny_sd: Path, tmp_path: Path) -> None:
    cut = shutil.copytree(tiny_sd, tmp_path / "cut")
    (unet,) = (cut / "unet").glob("*.safetensors")
    unet.write_bytes(unet.read_bytes()[:100_000])
    cases: list[tuple[dict[str, Any], type[MultiverseError], str]] = [
        ({"offline": True, "sd": {"model": str(tiny_sd)}}, ConfigError, "offline"),
        ({"params": {"/sd/enable": 1}}, MultiverseError, "run --sd MODEL"),
        ({"sd": {"model": "no/such/model/here"}}, ModelError, "neither a path here|no such file|not in"),
        ({"sd": {"model": str(tiny_sd), "controlnets": ["nothing-there"]}}, ModelError, "nothing-there"),
        ({"sd": {"model": str(cut)}}, ModelError, "truncated"),
    ]
    for config, kind, reason in cases:
        with pytest.raises(kind, match=reason), open_engine(build_config({"audio": "demo"} | config)):
            pass
