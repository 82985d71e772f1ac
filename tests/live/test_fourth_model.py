"""A stub live model is added by one entry in the table, and appears in status, commands, previews and sinks."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest

from engine import open_engine
from engine.config import build_config
from engine.errors import ConfigError
from engine.ipc import FrameRing
from engine.live.opening import LIVE_MODELS
from engine.sinks.sink import EXTRA_PICTURES, TITLES
from tests.live.stub_model import ENTRY, NAME
from tests.support.stage import Stage, picture_file

GREY_RGB = (180, 90, 200)
HALF = np.array(GREY_RGB) / 2  # the child's gain


@pytest.fixture
def stage(tmp_path: Path, wait_for: Callable[..., Any]) -> Iterator[Stage]:
    config = {
        "width": 128,
        "height": 72,
        "fps": 30.0,
        "audio": "demo",
        "renderer": "numba",
        "osc": {"listen": "127.0.0.1:0"},
        "web": "127.0.0.1:0",
        "presets": str(tmp_path / "presets"),
        "recordings": str(tmp_path / "recordings"),
        "camera": picture_file(tmp_path / "grey.png", GREY_RGB),
        "sinks": ["stub:null"],
    }
    stage = Stage(config, wait_for, child=NAME, live_models=(*LIVE_MODELS, ENTRY))
    yield stage
    stage.close()
    for declared in (EXTRA_PICTURES, TITLES):
        declared.pop(NAME)


def colour_of(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., :3].reshape(-1, 3).mean(axis=0)


def test_a_fourth_model_needs_one_entry_in_the_table(stage: Stage, wait_for: Callable[..., Any]) -> None:
    wait_for(lambda: stage.child.results > 2, "results")
    assert list(stage.engine.children) == [NAME]
    status = stage.ask("/engine/status")
    assert any(message.address == f"/engine/status/child/{NAME}/state" for message in status)

    pid = stage.child.pid
    stage.done(f"/child/{NAME}/restart")
    assert stage.child.pid != pid
    failed = stage.ask("/child/sd/start")[-1]
    assert failed.address == "/fail" and "no Stable Diffusion model is configured" in str(failed.args[-1])

    assert [each.label for each in stage.engine.status().sinks] == ["stub:null"]
    stage.done("/sink/start", "shared", "left")
    labels = {each.label: each.name for each in stage.engine.status().sinks}
    assert labels["stub:shared"] == "left Stub", "it comes with the main picture"

    def shared() -> bool:
        reader = FrameRing.open("left Stub")
        frame = reader.latest()
        reader.close()
        return frame is not None and bool(np.abs(colour_of(frame.pixels) - HALF).max() < 3)

    wait_for(shared, "the stub's picture in its sink")

    async def page_picture() -> np.ndarray:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{stage.engine.page_url}preview?picture={NAME}&fps=30") as socket,
        ):
            jpeg = (await socket.receive(timeout=120.0)).data
            return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)

    assert np.abs(colour_of(asyncio.run(page_picture())) - HALF).max() < 8

    stage.set(mode="simple", safety__flash_guard=False)
    stage.shows(tuple(HALF), "layer 5 with the stub's picture")


def test_no_live_model_runs_offline() -> None:
    config = build_config({"camera": "test", "audio": "demo", "offline": True})
    with (
        pytest.raises(ConfigError, match=r"^stub.model: a stub cannot be repeated offline$"),
        open_engine(config, (*LIVE_MODELS, ENTRY)),
    ):
        pass
