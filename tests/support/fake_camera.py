"""A fake process of a virtual camera, without a driver. It allows only pyvirtualcam's recorded
interface, and stores its arguments and its newest picture in a folder."""

import json
import os
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

from engine.sinks import virtualcam_program
from engine.system.atomic_file import move_into_place
from tests.support.stubs import LibraryStub, load_api, python_signature


def main() -> None:
    folder = Path(os.environ["TEST_CAMERA"])
    library, size = LibraryStub(), [0, 0]

    def open_camera(width: int, height: int, fps: float, device: str | None, **_: Any) -> None:
        if refusal := os.environ.get("TEST_CAMERA_REFUSES"):
            raise RuntimeError(refusal)
        size[:] = height, width
        (folder / "opened.json").write_text(json.dumps([width, height, fps, device]))

    def send(frame: np.ndarray) -> None:
        assert frame.shape == (*size, 3) and frame.dtype == np.uint8
        np.save(folder / "new.npy", frame)
        move_into_place(folder / "new.npy", folder / "sent.npy")  # the test may be reading it

    def close() -> None:
        (folder / "closed").touch()

    api = load_api("virtualcam")["classes"]["Camera"]
    methods = {name: python_signature(parameters) for name, parameters in api["methods"].items()}
    properties = {
        "device": "/dev/video7",
        "width": property(lambda _: size[1]),
        "height": property(lambda _: size[0]),
    }
    assert set(properties) <= set(api["properties"])
    library.answers |= {"Camera.__init__": open_camera, "Camera.send": send, "Camera.close": close}
    module = types.ModuleType("pyvirtualcam")
    module.Camera = library.klass("Camera", methods, properties)  # type: ignore[attr-defined]
    sys.modules["pyvirtualcam"] = module
    virtualcam_program.main()
