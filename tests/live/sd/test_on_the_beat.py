"""A prompt that is launched on a beat changes the picture in the frame of that beat: a running engine, a real child."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine, open_engine
from engine.bench.on_beat import measure_launches, still_picture
from engine.config import build_config
from tests.support.held_sound import held_sound
from tests.support.long_form import IS_SOAK
from tests.support.stage import stage_config

FPS = 30.0
SMALL = {"/sd/enable": True, "/sd/width": 64, "/sd/height": 64, "/sd/duty_auto": False}


@pytest.fixture
def engine(tmp_path: Path, fork_server: None, tiny_sd: Path) -> Iterator[Engine]:
    sd = {"model": str(tiny_sd), "video": still_picture(tmp_path / "still.png")}
    config = stage_config(tmp_path, width=64, height=64, fps=FPS, web="off", sd=sd, params=SMALL)
    with open_engine(build_config(config), sound=held_sound()) as engine:
        yield engine


def test_the_picture_changes_in_the_frame_of_the_beat_and_never_before(engine: Engine) -> None:
    found = measure_launches(engine, 20 if IS_SOAK else 3)
    after = sorted(found["frames_after_the_beat"])
    assert after[0] >= 0, f"before its beat: {found}"
    assert after[len(after) // 2] <= 1, found  # a busy machine may be late once
    assert found["sent_ahead_ms"] > 0
