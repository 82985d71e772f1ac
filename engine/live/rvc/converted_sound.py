"""Reads the output of a sound child by sample number, across restarts and swaps of its process.

Each process writes its own ring. When a new process takes over, the previous ring stays open until
the read position has passed the start of the new one. There the two are crossfaded, because the new
process may have another voice.
"""

import math
from collections import deque
from typing import Final

import numpy as np

from engine.children.supervisor import Supervisor
from engine.errors import SharedMemoryError
from engine.ipc import AudioRing, AudioRingReader

CROSSFADE_S: Final = 0.01
MAX_RINGS: Final = (
    4  # open rings: processes within one delay; samples of older ones have been played
)


class ConvertedSound:
    """Reads a sound child's output by sample number, whichever of its processes wrote it. Channel 0
    of the rings is the sound, channel 1 its presence, 0.0 or 1.0. One thread."""

    def __init__(self, supervisor: Supervisor, name: str) -> None:
        self._supervisor = supervisor
        self._name = name
        self._segment = ""
        self._rings: deque[_Ring] = deque()
        """The newest last."""

    def read(self, first: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
        """The sound from sample `first` on and its presence, each (frames,) float32; both 0.0 if
        missing. `first` must increase from call to call, so that the start of each new process is
        noticed."""
        self._follow()
        sound = np.zeros(frames, np.float32)
        presence = np.zeros(frames, np.float32)
        for ring in self._rings:
            ring.overlay(first, sound, presence)
        for _ in range(len(self._rings) - 1):
            if not self._rings[1].is_alone(first + frames):
                break
            self._rings.popleft().close()
        return sound, presence

    def has(self, sample: int) -> bool:
        """True if this sample is present in one of the open rings. It may be older than the current
        read position."""
        return any(ring.has(sample) for ring in self._rings)

    @property
    def end(self) -> int:
        """Number of the newest sample of the newest process plus 1; 0 before the first `read` that
        found a process."""
        return self._rings[-1].end if self._rings else 0

    def close(self) -> None:
        while self._rings:
            self._rings.pop().close()

    def _follow(self) -> None:
        """Open the ring of the current process."""
        segment = self._supervisor.outputs.get(self._name, "")
        if segment in ("", self._segment):
            return
        try:
            ring = _Ring(AudioRing.open(segment))
        except (
            SharedMemoryError
        ):  # the process was replaced in the meantime; the next call finds the new one
            return
        self._segment = segment
        self._rings.append(ring)
        if len(self._rings) > MAX_RINGS:
            self._rings.popleft().close()


class _Ring:
    def __init__(self, reader: AudioRingReader) -> None:
        self._reader = reader
        self._fade_frames = math.ceil(CROSSFADE_S * reader.rate_hz)
        self._begin: int | None = None
        """The first of its samples that was both requested and present."""

    def overlay(self, first: int, sound: np.ndarray, presence: np.ndarray) -> None:
        """Overwrite the samples of earlier processes with its own, with a fade-in at the start."""
        end = self._reader.end_sample
        low = max(first, end - self._reader.capacity, 0)
        high = min(first + len(sound), end)
        samples = self._reader.read(low, high - low) if low < high else None
        if samples is None or not samples[:, 1].any():
            return
        if self._begin is None:
            self._begin = low + int(samples[:, 1].argmax())
        span = slice(low - first, high - first)
        since = np.arange(low, high, dtype=np.int64) - self._begin + 1
        risen = np.clip(since / self._fade_frames, 0.0, 1.0).astype(np.float32)
        weight = np.where(presence[span] > 0.0, risen, np.float32(1.0)) * samples[:, 1]
        sound[span] += weight * (samples[:, 0] - sound[span])
        np.maximum(presence[span], samples[:, 1], out=presence[span])

    def has(self, sample: int) -> bool:
        end = self._reader.end_sample
        samples = (
            self._reader.read(sample, 1)
            if max(end - self._reader.capacity, 0) <= sample < end
            else None
        )
        return samples is not None and bool(samples[0, 1])

    @property
    def end(self) -> int:
        return self._reader.end_sample

    def is_alone(self, sample: int) -> bool:
        """True if no sample of an earlier process is audible from `sample` on."""
        return self._begin is not None and sample >= self._begin + self._fade_frames

    def close(self) -> None:
        self._reader.close()
