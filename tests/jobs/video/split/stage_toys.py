"""Stages with predictable results that fail on request, for tests. Torch is not needed.

Red of a painted picture is that of the source's 8 x 8 blocks, first pixel each, and 1 more; green counts the batches of
the process that painted it; blue is the source's, where the stage that paints has seen it, else 0.
"""

import io
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from engine.errors import ModelError
from engine.jobs.video.split.messages import BeginStage, StageReady
from engine.models.sd.painting import BLACK, GOOD, RERUN


def open_toy(begin: BeginStage) -> "Toy":
    """The painting's prompt may be `STAGE N FAULT`: what this stage does when N batches are done; or `black`. Its
    negative prompt: a file that is there once a stage hangs."""
    toy = Toy(begin)
    if begin.painting.prompt == f"{begin.role} load refuses":
        raise ModelError("toy: there is no such model")
    return toy


class Lingering(io.StringIO):
    """A stream that takes forever to flush, so its process does not exit by itself."""

    def flush(self) -> None:
        time.sleep(3600.0)


class Toy:
    def __init__(self, begin: BeginStage) -> None:
        self.ready = StageReady(
            device="cpu", dtype="float32", real_steps=3, notes=(f"{begin.role} is a toy",), memory_mb=None
        )
        self._role, self._asked, self._done = begin.role, begin.painting.prompt, 0
        self._told_by = begin.painting.negative
        self._works = {"encode": self._encode, "process": self._process, "decode": self._decode, "whole": self._whole}

    def __call__(self, given: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        for fault in ("raises", "raises and lingers", "refuses", "exits", "hangs"):
            if self._asked == f"{self._role} {self._done} {fault}":
                getattr(self, f"_{fault.replace(' ', '_')}")()
        self._done += 1
        return self._works[self._role](given)

    def seconds(self, worked_s: float) -> Mapping[str, float]:
        return {"encode" if self._role == "whole" else self._role: worked_s}

    def memory_mb(self) -> float | None:
        return None

    def _encode(self, given: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        rgb = given["rgb"]
        z = np.zeros((len(rgb), 4, rgb.shape[1] // 8, rgb.shape[2] // 8), np.float32)
        z[:, 0] = rgb[:, ::8, ::8, 0]
        return {"z": z, "rgb": rgb}

    def _process(self, given: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        z = given["z"].copy()
        z[:, 0] += 1
        z[:, 1] = self._done - 1
        if "rgb" in given:
            z[:, 2] = given["rgb"][:, ::8, ::8, 2]
        return {"z": z, "fates": np.full(len(z), RERUN, np.uint8)}

    def _decode(self, given: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        blocks = given["z"][:, :3].transpose(0, 2, 3, 1).astype(np.uint8)
        return {"rgb": blocks.repeat(8, axis=1).repeat(8, axis=2), "fates": given["fates"]}

    def _whole(self, given: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        done = self._decode(self._process(self._encode(given)))
        is_black = self._asked == "black"
        fates = np.full(len(done["rgb"]), BLACK if is_black else GOOD, np.uint8)
        return {"rgb": np.zeros_like(done["rgb"]) if is_black else done["rgb"], "fates": fates}

    def _raises(self) -> None:
        raise ValueError("two lines\nof trouble")

    def _raises_and_lingers(self) -> None:
        sys.stdout = Lingering()
        self._raises()

    def _refuses(self) -> None:
        raise ModelError("toy: pictures of 16 x 16 do not fit; give a smaller --batch or --scale")

    def _exits(self) -> None:
        sys.stderr.write("the driver is\nout of luck\n")
        os._exit(5)

    def _hangs(self) -> None:
        if self._told_by:
            Path(self._told_by).touch()
        while True:
            time.sleep(1.0)
