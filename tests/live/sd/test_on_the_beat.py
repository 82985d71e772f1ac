"""A prompt that is launched on a beat changes the picture in the frame of that beat: a running
engine, a real child."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine, open_engine
from engine.config import build_config
from tests.benchmarks.isolation import launch_offsets, still_picture
from tests.support.drawing_engine import small_config
from tests.support.long_form import IS_SOAK
from tests.support.slow_sound import slow_sound

FPS = 30.0
SMALL = {"/sd/enable": True, "/sd/width": 64, "/sd/height": 64, "/sd/duty_auto": False}


@pytest.fixture
def engine(tmp_path: Path, fork_server: None, tiny_sd: Path) -> Iterator[Engine]:
    sd = {"model": str(tiny_sd), "video": still_picture(tmp_path / "still.png")}
    config = small_config(tmp_path, width=64, height=64, fps=FPS, web="off", sd=sd, params=SMALL)
    with open_engine(build_config(config), sound=slow_sound()) as engine:
        yield engine


def test_the_picture_changes_in_the_frame_of_the_beat_and_never_before(engine: Engine) -> None:
    seen: list[int] = []
    for after in launch_offsets(engine, bpm=180.0):
        seen.append(after)
        assert after >= 0, f"before its beat: {seen}"
        # Without being sent ahead it is never there in that frame; on a busy machine it may be late
        # now and then.
        if seen.count(0) >= (10 if IS_SOAK else 1):
            return
        assert len(seen) < (30 if IS_SOAK else 8), seen
