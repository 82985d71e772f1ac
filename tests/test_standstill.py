"""Tests a frame that hangs: the performer gets reports meanwhile, and the run can still be
ended."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.osc.encode import encode_message
from tests.jobs.segment.disc_movie import pictures_of
from tests.support.engine_client import open_client
from tests.support.needed import quick_renderer
from tests.support.programs import program

STANDING = "/engine/status/standing"


def test_while_a_frame_hangs_questions_are_answered_and_the_status_shows_it(
    tmp_path: Path, wait_for: Any
) -> None:
    may_continue, is_blocked = threading.Event(), threading.Event()
    with open_client(tmp_path, fps=60.0) as session:
        session.client.send(encode_message("/engine/notify", 1))
        session.answers_up_to("/engine/heartbeat")

        def stand() -> None:
            is_blocked.set()
            may_continue.wait(60.0)

        before = session.engine.status()
        assert (before.standing_s, before.standing_in) == (0.0, "")
        session.engine.post(stand)
        assert is_blocked.wait(120.0)
        warning = session.hear("/engine/warning")[0]
        assert warning.startswith("no picture for ") and "reading values; stack: " in warning
        assert "stand" in warning.partition("stack: ")[2]
        session.client.send(encode_message("/get", "/layer/1/angle"))
        session.hear("/layer/1/angle")
        lines = {message.address: message.args for message in session.ask("/engine/status")}
        seconds, step = lines[STANDING]
        assert seconds >= 0.5 and step == "reading values"
        # 0.5 s at 60 frames per second
        assert lines["/engine/status/dropped"][0] >= before.dropped + 30
        wait_for(lambda: session.engine.status().standing_s >= 2.0, "two seconds")
        assert session.engine.status().fps == 0.0
        may_continue.set()
        assert session.hear("/engine/warning")[0].startswith("pictures come again, after ")
        wait_for(
            lambda: session.engine.status().dropped >= before.dropped + 30,
            "the count of the frames left out",
        )
        assert session.engine.status().standing_s == 0.0


OPTIONS = f"--size 96x64 --renderer {quick_renderer()} --audio demo --sink record=show.mp4"
STANDING_RUN = program("standing_run")


@pytest.mark.only_on("linux", "darwin", reason="sends a signal of POSIX systems")
@pytest.mark.parametrize("more", ["--osc off --web off", "--offline --frames 99"])
def test_ctrl_c_ends_a_run_whose_last_frame_hangs_and_its_recording_is_whole(
    tmp_path: Path, more: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STANDING_RUN, *OPTIONS.split(), *more.split()],
        cwd=tmp_path, env=os.environ | {"MULTIVERSE_HOME": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None and process.stdout.readline() == "standing\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120.0)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 1
    assert ("no picture for" in errors) is (
        "offline" not in more
    ) and "ended without the last picture" in errors
    (video,) = tmp_path.rglob("show.mp4")
    assert len(pictures_of(video)) >= 10
