"""What runs on a machine of the cluster: one picture, its files brought home."""

import io
import logging
import tempfile
from pathlib import Path
from typing import Any

from engine.dataset.made import COCO_PART, HDF5, LABELS, PICTURE
from engine.dataset.running.worker import attempt
from engine.dataset.task import task_of


class NotMadeError(Exception):
    """Its text is the reason, in one line. Ray tries again what raises it."""


def make_files(task: str) -> dict[str, Any]:
    """`files` by name, `log`, and `made` or the `failure` that no other attempt would mend."""
    with tempfile.TemporaryDirectory(prefix="multiverse-picture-") as folder, io.StringIO() as heard:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=heard, force=True)
        result = attempt(task_of(task), Path(folder))
        failure = result.get("failure")
        if failure and not failure["is_final"] and not failure["ends_run"]:
            raise NotMadeError(failure["reason"])
        paths = (Path(folder, name) for name in (PICTURE, LABELS, COCO_PART, HDF5))
        files = {path.name: path.read_bytes() for path in paths if path.exists()}
        return result | {"files": files, "log": heard.getvalue()}
