"""The process of a virtual camera: passes a ring of pictures on to its driver.

pyvirtualcam's library is under the GNU General Public License 2. It is loaded in this process only,
which talks to the engine in lines of text and through shared memory.
"""

import importlib
import os
import sys
import threading
from typing import Any, BinaryIO, Final

import cv2
import msgspec
import numpy as np

from engine.errors import MultiverseError, SinkError
from engine.ipc import FrameRing
from engine.sinks.virtualcam import SETUP, CameraOpening, CameraState
from engine.sources.pictures import fit
from engine.system.translate_errors import reason_of, translate_errors
from engine.system.worker_process import claim_output

POLL_S: Final = 0.002  # maximum delay of a new picture


def main() -> None:
    answers = claim_output()
    opening = msgspec.json.decode(sys.stdin.buffer.readline(), type=CameraOpening)
    has_ended = threading.Event()

    def wait_for_the_end() -> None:
        # not its own `read`: its lock would end Python with an error
        while os.read(sys.stdin.fileno(), 65536):
            pass
        has_ended.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    try:
        reader = FrameRing.attach(opening.segment)
        camera = open_camera(opening)
    except MultiverseError as error:
        _send(answers, CameraState(error=str(error)))
        return
    where = f"{camera.device}, {camera.width}x{camera.height}"
    sent_detail = ""
    sent_frame = None
    try:
        while not has_ended.wait(POLL_S):
            frame = reader.latest(None if sent_frame is None else sent_frame.pixels)
            if frame is not None and frame is not sent_frame:
                camera.send(fit_rgb(frame.pixels, camera.width, camera.height))
                sent_frame = frame
            height, width = (
                (camera.height, camera.width) if sent_frame is None else sent_frame.pixels.shape[:2]
            )
            is_scaled = (width - width % 2, height - height % 2) != (camera.width, camera.height)
            detail = where + (f", scaled from {width}x{height}" if is_scaled else "")
            if detail != sent_detail:
                sent_detail = detail
                _send(answers, CameraState(detail=detail))
    finally:
        camera.close()


def open_camera(opening: CameraOpening) -> Any:
    """A `pyvirtualcam.Camera` for RGB, of even size because its drivers halve the colours.
    SinkError says in one line what the library said, and how this system gets a virtual camera."""

    def explain(error: Exception) -> str:
        return f"no virtual camera ({reason_of(error)}); {SETUP.get(sys.platform, SETUP['linux'])}"

    with translate_errors(
        dict.fromkeys((ImportError, OSError, RuntimeError, ValueError), explain), as_=SinkError
    ):
        library = importlib.import_module("pyvirtualcam")
        return library.Camera(
            width=max(opening.width - opening.width % 2, 2),
            height=max(opening.height - opening.height % 2, 2),
            fps=opening.fps,
            device=opening.device or None,
        )


def fit_rgb(rgba: np.ndarray, width: int, height: int) -> np.ndarray:
    """Fit premultiplied (.., .., 4) into (height, width, 3) uint8: cut to even sides, whole,
    centred on black."""
    rgba = rgba[: max(rgba.shape[0] & ~1, 1), : max(rgba.shape[1] & ~1, 1)]
    rgb = cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB)
    return np.asarray(rgb) if rgb.shape[:2] == (height, width) else fit(rgb, (width, height))


def _send(answers: BinaryIO, state: CameraState) -> None:
    answers.write(msgspec.json.encode(state) + b"\n")
    answers.flush()
