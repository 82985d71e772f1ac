"""The work of a stage process on a batch: its part of a BatchPainter. Only stage processes load torch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from engine.jobs.video.split.messages import BeginStage, StageReady
from engine.jobs.video.stages import STAGES

if TYPE_CHECKING:
    from engine.models.sd.batch_painter import BatchPainter


def open_work(begin: BeginStage) -> "PainterWork":
    """Load and warm up the stage's part of the model: seconds. ModelError in one line."""
    from engine.models.device_work import chosen_device, chosen_dtype, use_threads
    from engine.models.sd.batch_painter import load_stage
    from engine.sources.still import read_still

    use_threads(begin.threads)
    device = chosen_device(begin.device)
    dtype = chosen_dtype(begin.dtype, device)
    size = begin.width, begin.height
    painter = load_stage(begin.painting, begin.role, device, dtype, *size, read_picture=read_still)
    painter.warm_up(begin.batch)
    return PainterWork(begin, painter)


class PainterWork:
    """Implements Work of stage_process.py."""

    def __init__(self, begin: BeginStage, painter: "BatchPainter") -> None:
        self._role, self._painter = begin.role, painter
        works = {"encode": self._encode, "process": self._process, "decode": self._decode, "whole": self._whole}
        self._work = works[begin.role]
        self._whole_s = dict.fromkeys(STAGES, 0.0)

    @property
    def ready(self) -> StageReady:
        painter, model = self._painter, self._painter.model
        return StageReady(
            device=str(model.device),
            dtype=str(model.dtype).removeprefix("torch."),
            real_steps=painter.real_steps if self._role in ("process", "whole") else 0,
            notes=(*model.notes, *painter.notes),
            memory_mb=painter.memory_mb,
        )

    def __call__(self, given: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        return self._work(given)

    def seconds(self, worked_s: float) -> Mapping[str, float]:
        if self._role != "whole":
            return {self._role: worked_s}
        before, self._whole_s = self._whole_s, self._painter.stage_s
        return {stage: self._whole_s[stage] - before[stage] for stage in STAGES}

    def memory_mb(self) -> float | None:
        return self._painter.memory_mb

    def _encode(self, given: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        return {"z": self._painter.encode(given["rgb"]).cpu().numpy(), "rgb": given["rgb"]}

    def _process(self, given: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        import torch

        z = torch.from_numpy(given["z"]).to(self._painter.model.device)
        painted, fates = self._painter.process(z, given.get("rgb"))
        return {"z": painted.cpu().numpy(), "fates": fates}

    def _decode(self, given: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        import torch

        z = torch.from_numpy(given["z"]).to(self._painter.model.device)
        painted, fates = self._painter.decode_judged(z, given["fates"])
        return {"rgb": painted, "fates": fates}

    def _whole(self, given: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        painted, fates = self._painter.paint(given["rgb"])
        return {"rgb": painted, "fates": fates}
