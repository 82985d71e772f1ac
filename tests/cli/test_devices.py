"""`multiverse devices`: other programs' pictures, besides inputs and cameras."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from engine.ipc import FrameRing
from tests.support.ndi_network import NdiSender, use_loopback

REPOSITORY = Path(__file__).parents[2]


def test_pictures_of_other_programs_are_listed_as_the_camera_takes_them(
    require, tmp_path: Path
) -> None:
    require(find_spec("cyndilib"), "cyndilib")
    use_loopback(tmp_path)
    name = f"listed {os.getpid()}"
    ring = FrameRing.create(name, 64, 48, fps=25)
    sender = NdiSender(name, np.zeros((16, 16, 4), np.uint8), tmp_path)
    try:
        lines = list_devices("--ndi").splitlines()
    finally:
        sender.end()
        ring.close()
    seen = lines[lines.index("Pictures of other programs") :]
    assert f'  --camera "shared:{name}"  64x48 at 25 fps (process {os.getpid()})' in seen
    assert f'  --camera "ndi:{sender.full_name}"' in seen


def list_devices(*options: str) -> str:
    command = [sys.executable, "-m", "engine.cli.main", "devices", *options]
    return subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
