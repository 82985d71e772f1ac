"""`multiverse devices`: the pictures of other programs beside inputs and cameras."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from engine.ipc import FrameRing
from tests.ndi_network import NdiSender, use_loopback

REPOSITORY = Path(__file__).parents[2]


def list_devices(*options: str) -> str:
    command = [sys.executable, "-m", "engine.cli.main", "devices", *options]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def published() -> Iterator[str]:
    """The name of a picture in shared memory."""
    name = f"on stage {os.getpid()}"
    ring = FrameRing.create(name, 64, 48, fps=25)
    yield name
    ring.close()


def test_pictures_in_shared_memory_are_listed_as_the_camera_takes_them(published: str) -> None:
    lines = list_devices().splitlines()
    heading = lines.index("Pictures in shared memory (--camera shared:NAME)")
    assert f"  {published}  64x48 at 25 fps (process {os.getpid()})" in lines[heading + 1 :]
    assert "NDI" not in "".join(lines)


def test_ndi_sources_are_listed_when_asked_for(require, tmp_path: Path) -> None:
    require(find_spec("cyndilib"), "pip install 'multiverse-engine[ndi]'")
    use_loopback(tmp_path)
    sender = NdiSender(f"listed {os.getpid()}", np.zeros((16, 16, 4), np.uint8), tmp_path)
    try:
        assert sender.full_name in json.loads(list_devices("--json", "--ndi"))["ndi"]
    finally:
        sender.end()
