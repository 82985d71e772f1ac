"""A ring of sound from one process to others, addressed by sample number. The writer never waits.

It keeps the newest seconds. Samples are numbered from 0 for the life of the ring, across changes of
the writer, so a reader asks for samples by number. The writer stores how far it is about to write
(`announced`), copies, then stores how far it has written (`end`). A reader copies, then reads
`announced`: if the writer has overtaken the start of the copy, the copy is discarded: the frame
ring's seqlock with a moving boundary instead of slots. `layout` documents the bytes.
"""

import math
from contextlib import suppress

import numpy as np

from engine.errors import SharedMemoryError
from engine.ipc import layout
from engine.ipc.owned_segment import Fence, MappedSegment, OwnedSegment, open_segment
from engine.ipc.ring_folder import system_folder

ANNOUNCED = layout.AUDIO_RING.field_index("announced")
END = layout.AUDIO_RING.field_index("end")
SAMPLE_BYTES = 4  # float32
SILENCE = np.float32(0.0)


class AudioRing:
    """Ways to open a ring: `create` a new one, `write_to` one that another process made, `open` it
    for reading."""

    @staticmethod
    def create(name: str, *, channels: int, rate_hz: int, seconds: float) -> "AudioRingWriter":
        """A new ring of this process that keeps the newest `seconds`. SharedMemoryError when there
        is no room."""
        capacity = math.ceil(seconds * rate_hz)
        fields = {"channels": channels, "rate_hz": rate_hz, "capacity": capacity}
        size = layout.HEADER_BYTES + capacity * channels * SAMPLE_BYTES
        return AudioRingWriter(OwnedSegment(layout.AUDIO_RING, name, size, system_folder(), fields))

    @staticmethod
    def write_to(segment: str) -> "AudioRingWriter":
        """Continue where the last writer of this ring stopped. Only one process may write at a
        time. Closing the writer does not remove the ring. SharedMemoryError when it is missing."""
        return AudioRingWriter(open_segment(layout.AUDIO_RING, segment, is_writable=True))

    @staticmethod
    def open(segment: str) -> "AudioRingReader":
        """Read the ring in this segment, named by its owner. SharedMemoryError when it is
        missing."""
        return AudioRingReader(open_segment(layout.AUDIO_RING, segment))


class _AudioRingEnd:
    """Base of reader and writer. Use it on one thread at a time."""

    _fields: np.ndarray
    _samples: np.ndarray

    def __init__(self, memory: MappedSegment) -> None:
        header = np.frombuffer(bytes(memory.buf[: layout.HEADER_BYTES]), layout.AUDIO_RING.header)[
            0
        ]
        self.channels = int(header["channels"])
        self.rate_hz = int(header["rate_hz"])
        self.capacity = int(header["capacity"])
        """Frames the ring holds."""
        self._memory = memory
        self._fence = Fence()
        self._fields = np.frombuffer(memory.buf, np.uint64, layout.HEADER_BYTES // 8)
        samples = np.frombuffer(
            memory.buf, np.float32, self.capacity * self.channels, layout.HEADER_BYTES
        )
        self._samples = samples.reshape(self.capacity, self.channels)

    @property
    def segment(self) -> str:
        """Name of the segment, for other processes to open or write to."""
        return self._memory.name

    @property
    def end_sample(self) -> int:
        """One past the newest complete sample: the number of samples written so far."""
        return int(self._fields[END])

    def close(self) -> None:
        """Unmap the memory; the process that made the ring also removes its name."""
        if self._fields is not None:
            # Closed and no longer used.
            self._fields = None  # type: ignore[assignment]
            self._samples = None  # type: ignore[assignment]
            self._memory.close()

    def __del__(self) -> None:
        with suppress(AttributeError):  # __init__ failed
            self.close()


class AudioRingWriter(_AudioRingEnd):
    """The only writer of a ring. It never waits for readers."""

    def write(self, samples: np.ndarray) -> None:
        """Append (frames, channels) float32. If a block is longer than the ring, only its end can
        be read."""
        # hot path: at most two copies, no allocation, no lock that another thread takes
        if samples.ndim != 2 or samples.shape[1] != self.channels or samples.dtype != np.float32:
            raise SharedMemoryError(
                f"audio ring {self.segment}: {samples.dtype} {samples.shape} is not float32 "
                f"(frames, {self.channels})"
            )
        self._put(samples[-self.capacity :], self.end_sample + len(samples))

    def skip_to(self, sample: int) -> None:
        """Write silence up to `sample`, the next sample to be written. Does nothing if it is
        written already."""
        missing = sample - self.end_sample
        if missing > 0:
            self._put(
                np.broadcast_to(SILENCE, (min(missing, self.capacity), self.channels)), sample
            )

    def _put(self, samples: np.ndarray, end: int) -> None:
        """Write the newest samples, at most the ring's capacity, up to `end`."""
        start = (end - len(samples)) % self.capacity
        head = min(len(samples), self.capacity - start)
        # A writer that was killed may have announced, and overwritten, samples beyond this.
        self._fields[ANNOUNCED] = max(end, int(self._fields[ANNOUNCED]))
        self._fence()
        self._samples[start : start + head] = samples[:head]
        self._samples[: len(samples) - head] = samples[head:]
        self._fence()
        self._fields[END] = end


class AudioRingReader(_AudioRingEnd):
    """A reader of a ring; there may be any number. It never waits and does not affect the
    writer."""

    def read(self, first_sample: int, frames: int) -> np.ndarray | None:
        """A copy of the samples from `first_sample` on, shape (frames, channels) float32. None if
        any is missing: not yet written, already overwritten, or during the copy. SharedMemoryError
        for more than the ring can hold."""
        if not 0 < frames <= self.capacity:
            raise SharedMemoryError(
                f"audio ring {self.segment}: holds {self.capacity} frames, {frames} are requested"
            )
        if first_sample < 0 or first_sample + frames > self.end_sample:
            return None
        self._fence()
        start = first_sample % self.capacity
        head = min(frames, self.capacity - start)
        copy = np.empty((frames, self.channels), np.float32)
        copy[:head] = self._samples[start : start + head]
        copy[head:] = self._samples[: frames - head]
        self._fence()
        return copy if int(self._fields[ANNOUNCED]) - self.capacity <= first_sample else None
