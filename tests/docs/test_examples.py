"""The programs in docs/examples are short, and do what their first lines say."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pythonosc.osc_message import OscMessage

from engine.errors import SharedMemoryError
from engine.ipc import FrameRing
from tests.jobs.segment.disc_movie import pictures_of
from tests.live.test_plugins import with_packages
from tests.support.free_port import free_port

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
PROGRAMS = sorted(EXAMPLES.glob("*.py"))


def run(name: str, *arguments: str, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_six_programs_of_less_than_sixty_lines_on_the_page() -> None:
    page = (ROOT / "docs" / "how-to/embedding.md").read_text(encoding="utf-8")
    assert set(re.findall(r"/examples/(\w+\.py)\)", page)) == {path.name for path in PROGRAMS}
    assert len(PROGRAMS) == 6
    assert all(len(path.read_text(encoding="utf-8").splitlines()) < 60 for path in PROGRAMS)


def test_a_video_is_drawn_by_the_engine_as_a_library(tmp_path: Path) -> None:
    lines = run("render_video.py", "video.mp4", "1.2", folder=tmp_path).splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1"]
    pictures = pictures_of(tmp_path / "video.mp4")
    assert len(pictures) == 36 and pictures[0].shape == (360, 640, 3)
    assert np.abs(pictures[35].astype(int) - pictures[0]).mean() > 1, "it moves"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on Python's path into which the four plug-ins are installed as the page says."""
    folder = tmp_path_factory.mktemp("packages")
    options = "-q --no-deps --no-build-isolation --no-index --target"
    pip = f"{sys.executable} -m pip install {options}".split()
    subprocess.run([*pip, str(folder), str(EXAMPLES)], check=True)
    return folder


@pytest.fixture
def show(packages: Path, tmp_path: Path) -> Iterator[tuple[int, socket.socket, str]]:
    """A run with the plug-ins: its OSC port, the socket of its lamp, the name of its shared
    picture."""
    port, name = free_port(), f"examples-{os.getpid()}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lamp:
        lamp.bind(("127.0.0.1", 0))
        lamp.settimeout(120.0)
        options = (
            f"--audio demo --renderer numba --size 128x72 --fps 30 --osc 127.0.0.1:{port} --web "
            "off "
            f"--camera rainbow:slow --neg on --sink lamp=127.0.0.1:{lamp.getsockname()[1]} --sink "
            f"shared={name} "
            "--set /audio/layout=middle --set /mode=simple --set /layer/5/source=neg --set "
            "/safety/flash_guard=off"
        )
        command = [sys.executable, "-m", "engine.cli.main", "run", *options.split()]
        process = subprocess.Popen(
            command, env=with_packages(packages), cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        try:
            yield port, lamp, name
        finally:
            process.terminate()
            errors = process.communicate(timeout=120)[1]
    assert "Traceback" not in errors and "disconnected" not in errors and "middle" not in errors, (
        errors
    )


def test_a_show_with_the_sink_the_source_and_the_live_model_is_played_over_osc(
    show: tuple[int, socket.socket, str], tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    port, lamp, name = show
    colour = OscMessage(lamp.recv(999))
    assert (
        colour.address == "/lamp/colour"
        and len(colour.params) == 3
        and all(0 <= part <= 1 for part in colour.params)
    )

    def is_rainbow() -> bool:
        """Each of the three colours is the strongest somewhere, also while one picture fades into
        the next."""
        try:
            reader = FrameRing.open(name)
        except SharedMemoryError:
            return False
        frame = reader.latest()
        reader.close()
        if frame is None:
            return False
        row = frame.pixels[36, :, :3].astype(int)
        return {0, 1, 2} == set(row.argmax(axis=1)[np.ptp(row, axis=1) > 40])

    wait_for(is_rainbow, "the negative of the rainbow", ceiling_s=120.0)
    answers = run("osc_client.py", "127.0.0.1", str(port), "1", folder=tmp_path).splitlines()
    assert answers[0] == "/done /preset/load Mandala"
    assert answers[1].startswith("/layer/1/angle ")
