"""The status line and the progress that a terminal shows."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine import Config, open_engine
from engine.cli.status_line import BARS, level_bar, live_line, started_lines
from engine.render.master import FlashGuardState
from engine.sinks.sink import SinkSpec
from tests.support.long_form import in_long_form
from tests.support.needed import quick_renderer

RENDERER = f"--renderer {quick_renderer()}"
ON_A_TERMINAL = pytest.mark.only_on("linux", "darwin", reason="pseudo-terminals")


def run_on_a_terminal(home: Path, *arguments: str) -> tuple[str, int]:
    """Everything that the command writes to its own terminal, and its exit code."""
    import pty

    common = f"-m engine.cli.main run --size 64x64 {RENDERER} --audio demo".split()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120", "MULTIVERSE_HOME": str(home)}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, *common, *arguments],
        cwd=home,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = b""
        try:
            while block := os.read(ours, 65_536):
                seen += block
        except OSError:  # on Linux: the other end was closed
            pass
    os.close(ours)
    return seen.decode(), process.returncode


@ON_A_TERMINAL
def test_a_live_line_shows_rate_times_levels_and_sinks(tmp_path: Path) -> None:
    # on a busy machine the first lines may come before the first sound
    for seconds in ("0.8", "4", "20"):
        seen, code = run_on_a_terminal(
            tmp_path,
            "--osc",
            "127.0.0.1:0",
            "--web",
            "off",
            "--sink",
            "null",
            "--seconds",
            seconds,
            "--fps",
            "30",
        )
        assert code == 0
        if any(bar in seen for bar in BARS[1:]):
            break
    else:
        pytest.fail("no level is shown")
    line = next(line for line in seen.split("\r") if "fps  p99" in line)
    assert "/30 fps  p99 " in line
    assert "null:running" in line
    assert "osc 0/s" in line


# Linux: a namespace without an interface that is up
WITHOUT_A_NETWORK = ("unshare", "--map-root-user", "--net")


@pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run([*WITHOUT_A_NETWORK, "true"], capture_output=True).returncode != 0,
    reason="no network can be taken away here",
)
@pytest.mark.parametrize(
    "network", [*in_long_form("--osc off --web 0.0.0.0:0"), "--lan --osc 0.0.0.0:0 --web 0.0.0.0:0"]
)
def test_a_page_for_the_network_starts_before_there_is_one(tmp_path: Path, network: str) -> None:
    arguments = (
        f"run --size 64x64 {RENDERER} --audio demo {network} --sink null --seconds 0.2".split()
    )
    done = subprocess.run(
        [*WITHOUT_A_NETWORK, sys.executable, "-m", "engine.cli.main", *arguments],
        env=os.environ | {"MULTIVERSE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "network   no network is connected" in done.stderr
    assert ("mDNS: no network is connected" in done.stderr) is ("--lan" in network)


@ON_A_TERMINAL
def test_offline_a_bar_counts_every_frame_of_a_whole_song_and_a_summary_follows(
    tmp_path: Path,
) -> None:
    soundfile.write(tmp_path / "song.wav", np.zeros(20_000), 20_000)
    seen, code = run_on_a_terminal(
        tmp_path, "--offline", "--audio", "song.wav", "--fps", "40", "--sink", "record=video.mp4"
    )
    assert code == 0
    assert "40/40" in seen
    assert (
        "frames    40 of 64x64, 1.0 s at 40 fps; drawn in " in seen
        and "wrote     video.mp4, 1.0 s, " in seen
    )


def test_a_level_bar_is_empty_under_the_floor_and_full_at_full_scale() -> None:
    assert [level_bar(level) for level in (0.0, 0.0039, 0.0631, 1.0, 4.0)] == [
        BARS[n] for n in (0, 0, 4, -1, -1)
    ]


def test_sinks_of_every_picture_are_listed_by_their_labels() -> None:
    with open_engine(
        Config(width=64, height=64, audio="demo", renderer="numba", sinks=("null",))
    ) as engine:
        sinks = engine._parts.outputs.sinks
        for picture in ("sd", "sam3_mask"):
            sinks.add_picture(picture, 64, 64)
            sinks.start(SinkSpec(kind="null", argument=picture, picture=picture))
        assert {
            "sink      null Multiverse",
            "sink      sd:null sd",
            "sink      sam3_mask:null sam3_mask",
        } <= set(started_lines(engine))
        assert "  null:running sd:null:running sam3_mask:null:running  " in live_line(
            engine.status(), 0.0
        )
        limiting = FlashGuardState(is_on=True, is_limiting=True, held_share=0.34, lately_share=0.1)
        assert "flash guard" not in live_line(engine.status(), 0.0)
        assert (
            "  flash guard -34 %  "
            in live_line(replace(engine.status(), flash_guard=limiting), 0.0) + "  "
        )
        lines = [
            line
            for line, _ in engine.status().osc_lines()
            if line.startswith("/engine/status/sink/")
        ]
        assert lines == [
            f"/engine/status/sink/{label}" for label in ("null", "sd:null", "sam3_mask:null")
        ]
