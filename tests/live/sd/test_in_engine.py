"""Stable Diffusion in a running engine: real process, real model (a tiny one), real OSC, real
recording."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from safetensors.numpy import save_file

from engine import MultiverseError, open_engine
from engine.children.launcher import LAUNCHER
from engine.cli.status_line import started_lines
from engine.config import build_config
from engine.errors import ConfigError, ModelError
from engine.params.looks import PLAIN
from tests.jobs.segment.disc_movie import pictures_of
from tests.support.drawing_engine import DrawingEngine, opened_once, picture_file, small_config
from tests.support.long_form import IS_SOAK
from tests.support.tiny_models import build_tiny_lora

SEA_RGB, SAND_RGB = (40, 90, 200), (210, 180, 60)
# one step of little noise: near its source
FAITHFUL = {"/sd/steps": 20, "/sd/strength": 0.05, "/sd/crossfade_s": 0.0}
SMALL = {"/sd/width": 64, "/sd/height": 64, "/sd/prompt": "sea", "/sd/duty_auto": False}


def sd_config(folder: Path, model: Path, **more: Any) -> dict[str, Any]:
    sd = {
        "model": str(model),
        "video": picture_file(folder / "sand.png", SAND_RGB),
        "folders": [str(folder / "models")],
    }
    return small_config(
        folder, web="127.0.0.1:0", camera=picture_file(folder / "sea.png", SEA_RGB), sd=sd, **more
    )


@pytest.fixture(scope="module")
def open_drawing(
    tmp_path_factory: pytest.TempPathFactory, fork_server: None, tiny_sd: Path
) -> Iterator[Callable[..., DrawingEngine]]:
    """One engine with SD for all tests of this file: a model is loaded once."""
    config = sd_config(tmp_path_factory.mktemp("stage"), tiny_sd, sinks=("shared=stage",))
    yield from opened_once(config, child="sd")


@pytest.fixture
def rig(open_drawing: Callable[..., DrawingEngine], wait_for: Callable[..., Any]) -> DrawingEngine:
    """Simple mode, which shows only the SD picture, with a working child."""
    rig = open_drawing(wait_for)
    rig.models.mkdir(exist_ok=True)
    looks = {
        "/mode": "simple",
        "/sd/source": "camera",
        "/sd/enable": True,
        "/sd/freeze": False,
        "/sd/fallback": "hold",
    }
    rig.reset(
        PLAIN | looks | FAITHFUL | SMALL | {"/layer/5/source": "auto", "/safety/flash_guard": False}
    )
    if rig.child.state not in ("ready", "busy"):
        rig.done("/child/sd/start")
    rig.await_results(2)
    # painted by this child: the picture left by the previous test is gone
    rig.shows(SEA_RGB, "the camera, painted")
    return rig


def test_simple_mode_shows_the_camera_painted_by_sd_and_start_and_status_describe_it(
    rig: DrawingEngine, tiny_sd: Path
) -> None:
    rig.shows(SEA_RGB, "the camera, painted")
    rig.wait_for(
        lambda: rig.pictures[0][..., :3].reshape(-1, 3).std(axis=0).max() > 0.5,
        "more than the camera's one colour",
    )
    chosen = (
        "lcm (the scheduler's configuration: LCMScheduler), epsilon (the scheduler's configuration)"
    )
    assert f"sd        {tiny_sd}, {chosen}" in started_lines(rig.engine)
    facts = {message.address: message.args for message in rig.ask("/engine/status")}
    at = "/engine/status/child/sd"
    assert facts[f"{at}/state"] in (("ready",), ("busy",))
    assert facts[f"{at}/pid"] == (rig.child.pid,)
    assert facts[f"{at}/results"][0] >= 2
    assert {f"{at}/heartbeat_age_s", f"{at}/restarts", f"{at}/family"} <= set(facts)


def test_the_picture_follows_source_freeze_feedback_and_switch(rig: DrawingEngine) -> None:
    rig.shows(SEA_RGB, "the camera, painted")
    rig.set(sd__freeze=True, sd__source="video")
    rig.await_results(3)
    assert np.abs(rig.colour() - SEA_RGB).max() < 30, "held while SD keeps painting"
    rig.set(sd__freeze=False)
    rig.shows(SAND_RGB, "the video, painted")
    rig.set(sd__source="feedback")
    rig.wait_for(
        lambda: not rig.engine.children["sd"].wants_frame, "a child that wants no pictures"
    )
    seen = rig.pictures[0]
    rig.await_results(3)
    rig.wait_for(lambda: (rig.pictures[0] != seen).any(), "another picture")
    rig.set(sd__source="video")
    rig.shows(SAND_RGB, "the video, painted")
    rig.set(sd__enable=False)
    rig.shows(SEA_RGB, "the camera", within=2.0)


def test_region_maps_use_the_sd_picture(rig: DrawingEngine) -> None:
    """By hue sand is layer 1's and the sea layer 3's: SD paints sand while the camera sees the
    sea."""
    rig.set(sd__source="video")
    rig.shows(SAND_RGB, "the video, painted")
    rig.set(mode="multiverse", region__enable=True, region__mode="colour", layer__5__intensity=0.0)

    def brightness_of(layer: int) -> float:
        for n in range(1, 5):
            rig.engine.params.set(f"/layer/{n}/solo", n == layer)
        rig.draw(5)
        return float(rig.colour().mean())

    rig.wait_for(
        lambda: brightness_of(1) > 3 * brightness_of(3),
        "layer 1 where the sand is, layer 3 nowhere",
    )
    rig.set(region__enable=False)
    for n in range(1, 5):
        rig.engine.params.set(f"/layer/{n}/solo", False)


def test_while_the_child_is_down_the_fallback_is_shown(rig: DrawingEngine) -> None:
    rig.set(sd__source="video")
    rig.shows(SAND_RGB, "the video, painted")
    rig.done("/child/sd/stop")
    for fallback, seen in (
        ("hold", SAND_RGB),
        ("black", (0, 0, 0)),
        ("hold", SAND_RGB),
        ("source", SEA_RGB),
    ):
        rig.set(sd__fallback=fallback, sd__source="camera" if fallback == "source" else "video")
        rig.shows(seen, f"fallback {fallback}")
        rig.draw(5)
        assert np.abs(rig.colour() - seen).max() < 30 and rig.child.state == "off", fallback


def test_a_refused_model_keeps_the_previous_one_and_all_interfaces_report_it(
    rig: DrawingEngine,
) -> None:
    (rig.models / "broken").mkdir(exist_ok=True)
    pid = rig.child.pid
    rig.set(sd__model="broken")
    rig.wait_for(lambda: rig.engine.params.get("/sd/model") == "", "the previous model")
    rig.await_results(1)
    assert rig.child.pid == pid
    assert "sd.model" in rig.engine.status().warning_counts


def test_a_lora_is_chosen_in_mid_show_and_one_for_another_model_is_refused(
    rig: DrawingEngine, tiny_sd: Path
) -> None:
    build_tiny_lora(rig.models / "glow.safetensors", tiny_sd)
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_"
    shapes = {f"{layer}down.weight": (4, 2048), f"{layer}up.weight": (320, 4)}
    save_file(
        {name: np.zeros(shape, np.float32) for name, shape in shapes.items()},
        rig.models / "xl.safetensors",
    )
    pid = rig.child.pid
    rig.set(sd__lora__1__file="glow.safetensors")
    rig.wait_for(
        lambda: rig.child.facts.get("loras") == "glow", "the model with the LoRA", ceiling_s=180.0
    )
    assert rig.child.pid != pid
    pid = rig.child.pid
    for slot, name in ((2, "xl.safetensors"), (3, "glow.safetensors")):  # for SDXL; slot 2 is empty
        address = f"/sd/lora/{slot}/file"
        rig.engine.params.set(address, name, by="test")
        rig.wait_for(lambda at=address: rig.engine.params.get(at) == "", f"slot {slot} as it was")
    rig.await_results(1)
    assert rig.child.pid == pid and rig.engine.params.get("/sd/lora/1/file") == "glow.safetensors"
    rig.set(sd__lora__1__file="")
    rig.wait_for(
        lambda: rig.child.facts.get("loras") == "", "the configured model", ceiling_s=180.0
    )


@pytest.mark.soak
def test_pictures_keep_coming_and_are_all_recorded_while_the_child_is_killed(
    tmp_path: Path, tiny_sd: Path, wait_for: Callable[..., Any]
) -> None:
    """The child is killed each time it has published; all frames are recorded. The long form also
    kills its fork server, which then needs seconds to import (test_faults does the same with a
    server that imports little)."""
    kills = 100 if IS_SOAK else 1
    looks = PLAIN | {"/mode": "simple", "/safety/flash_guard": False} | FAITHFUL | SMALL
    rig = DrawingEngine(
        sd_config(tmp_path, tiny_sd, sinks=(f"record={tmp_path / 'out.mp4'}",), params=looks),
        wait_for,
    )
    killed: list[int] = []
    for _ in range(kills):
        rig.await_results(1)
        if kills == 100 and len(killed) % 4 == 3 and LAUNCHER.server_pid:
            psutil.Process(LAUNCHER.server_pid).kill()
        # A hang is only detected after 10 s. Never with the server: its death would wake the child
        # up (SIGCONT).
        is_stopped = kills == 100 and len(killed) % 24 == 10
        killed.append(rig.child.pid)
        victim = psutil.Process(killed[-1])
        (victim.suspend if is_stopped else victim.kill)()
        wait_for(
            lambda: rig.child.pid not in (0, *killed), f"a new child ({rig.child})", ceiling_s=180.0
        )
    rig.await_results(1)
    assert rig.child.restarts == kills
    status = rig.engine.status()
    rig.shows(SEA_RGB, "the camera, painted")
    rig.close()
    assert rig.indices == list(range(len(rig.indices))), "a frame was not drawn"
    assert len(pictures_of(tmp_path / "out.mp4")) == len(rig.indices)
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
        (
            {"sd": {"model": "no/such/model/here"}},
            ModelError,
            "neither a path here|no such file|not in",
        ),
        (
            {"sd": {"model": str(tiny_sd), "controlnets": ["nothing-there"]}},
            ModelError,
            "nothing-there",
        ),
        ({"sd": {"model": str(cut)}}, ModelError, "truncated"),
    ]
    for config, kind, reason in cases:
        with (
            pytest.raises(kind, match=reason),
            open_engine(build_config({"audio": "demo"} | config)),
        ):
            pass
