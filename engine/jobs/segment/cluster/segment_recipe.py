"""The worker in each actor of the cluster: loads the same model as a local run and segments pieces with it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.jobs.segment.job import Mode, SegmentJob
from engine.jobs.segment.loading import load_segmenter
from engine.jobs.segment.stage import FoundBatch, LocalSegments


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSegmenter:
    device: str
    dtype: str
    card: str
    """Name of the card; "" if there is none."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SentBatch:
    pixels: np.ndarray
    """(batch, height, width, 3) uint8 RGB."""
    index: int
    """Number of the first picture."""
    time_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SentPiece:
    batches: tuple[SentBatch, ...]
    number: int
    """Number of the piece, from 0. In track mode each piece continues the one before."""
    tracker: bytes | None = None
    """State of the tracker to continue from; None if the actor has it, or for the first piece of a source."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundPiece:
    batches: tuple[FoundBatch, ...]
    """Empty if the actor lacks the tracker's state: the piece has to be sent again with it."""
    tracker: bytes | None
    """State of the tracker after the piece; None in image mode."""
    memory_mb: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRecipe:
    """Recipe (jobs/kit/ray_actor.py) for the model of a local run."""

    job: SegmentJob
    mode: Mode

    def open(self) -> "SegmentWorker":
        segmenter = load_segmenter(self.job)
        device = segmenter.model.device
        card = ""
        if device.type == "cuda":
            import torch

            card = torch.cuda.get_device_name(device)
        return SegmentWorker(LocalSegments(self.job, segmenter, self.mode), is_tracked=self.mode == "track", card=card)


class SegmentWorker:
    """A PieceWorker of jobs/kit/ray_actor.py."""

    def __init__(self, stage: LocalSegments, *, is_tracked: bool, card: str = "") -> None:
        self._stage, self._is_tracked, self._card = stage, is_tracked, card
        self._next = 0
        """Number of the piece that the tracker is ready for."""

    def describe(self) -> LoadedSegmenter:
        stage = self._stage
        return LoadedSegmenter(device=stage.device, dtype=stage.dtype, card=self._card, notes=tuple(stage.notes))

    def process(self, payloads: Iterator[SentPiece]) -> Iterator[FoundPiece]:
        for piece in payloads:
            if self._is_tracked and not self._is_ready_for(piece):
                yield FoundPiece(batches=(), tracker=None, memory_mb=None)
                continue
            found = tuple(
                self._stage.find(batch.pixels, index=batch.index, time_s=batch.time_s) for batch in piece.batches
            )
            self._next = piece.number + 1
            yield FoundPiece(
                batches=found,
                tracker=self._stage.tracker_state() if self._is_tracked else None,
                memory_mb=self._stage.memory_mb(),
            )

    def _is_ready_for(self, piece: SentPiece) -> bool:
        """Restore the tracker's state before the piece; False if this actor does not have it."""
        if piece.tracker is not None:
            self._stage.restore_tracker(piece.tracker)
        elif piece.number == 0:
            self._stage.forget()
        return piece.tracker is not None or piece.number in (0, self._next)
