"""Protocols of sound sources: a Feed is read on demand (a file, the demo loop), a Capture pushes at
its own rate (a device, or a feed that `Playback` plays)."""

import logging
import threading
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.audio.ring import SampleRing
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report

BLOCK_S = 0.01
LATE_S = 0.5  # if further behind (a suspended machine), the missed time is skipped
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPosition:
    """The position of the transport in a list of tracks."""

    state: str
    """playing, paused, or ended."""
    number: int
    tracks: int
    name: str
    position_s: float = 0.0
    length_s: float = 0.0
    """0 while it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorStatus:
    """The status of the sound output on which files are heard."""

    word: str  # a key of /status.json
    """none, or the name of the output."""
    state: str
    """none, playing or lost."""
    description: str
    device_ms: float
    """From writing a sample to hearing it, as the device reports."""
    delay_ms: float
    """From reading a sample of the file to hearing it: how late play, pause and seek are heard and
    seen."""
    picture_ms: float
    """From the time of a sound to its picture; the sound is delayed by as much."""


class Feed(Protocol):
    """A sound source that is read on demand."""

    sample_rate_hz: int
    channels: int

    @property
    def description(self) -> str: ...

    @property
    def length_s(self) -> float | None:
        """Duration in seconds; None for an endless loop, or if it is unknown until the end is
        reached."""

    @property
    def is_finished(self) -> bool:
        """True once the end was reached and only silence follows; never for a loop."""
        ...

    @property
    def track_position(self) -> TrackPosition | None:
        """The position in a list of tracks; None for other feeds."""

    def read(self, frames: int) -> np.ndarray:
        """The next (frames, channels) float32 in [-1, 1]; silence after the end. May wait for the
        disk."""
        ...

    def close(self) -> None: ...


class Capture(Protocol):
    """A writer of a ring with its own thread: a device, or a feed being played."""

    ring: SampleRing

    @property
    def lost_blocks(self) -> int: ...

    @property
    def description(self) -> str: ...

    @property
    def state(self) -> str: ...

    def start(self) -> None: ...

    def close(self) -> None: ...


class LookaheadOutput(Protocol):
    """A sound output to which each block is written ahead of the time at which it plays."""

    @property
    def lead_s(self) -> float:
        """How far ahead the sound must be written; may change at any time."""
        ...

    def write(self, block: np.ndarray, ends_s: float) -> None:
        """Write (frames, channels) of sound that ends at this time. Never waits."""


class LoopFeed:
    """Samples in memory, played in a loop."""

    track_position = None

    def __init__(self, samples: np.ndarray, sample_rate_hz: int, description: str) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.channels = samples.shape[1]
        self.description = description
        self.length_s: float | None = None
        self.is_finished = False
        self._samples = samples
        self._next = 0

    def read(self, frames: int) -> np.ndarray:
        rows = np.arange(self._next, self._next + frames) % len(self._samples)
        self._next = (self._next + frames) % len(self._samples)
        return self._samples[rows]

    def close(self) -> None:
        pass


def bring_into_range(block: np.ndarray) -> np.ndarray:
    """Make float32 `block` finite and clip it to [-1, 1], in place: NaN becomes 0, infinity full
    scale. Returns it. Float files and some drivers deliver such values; a NaN would persist in
    every recursive part of the analysis."""
    if not np.isfinite(block).all():
        np.nan_to_num(block, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    return np.clip(block, -1.0, 1.0, out=block)


def mix_channels(samples: np.ndarray, channels: int) -> np.ndarray:
    """Convert (frames, any) samples to `channels` channels. Mono is copied to all of them; to mono,
    all are averaged. Otherwise surplus channels are mixed into the first ones, and missing ones are
    silent."""
    frames, source_channels = samples.shape
    if source_channels == channels:
        return samples
    if channels == 1:
        mean: np.ndarray = samples.mean(axis=1, keepdims=True)
        return mean
    if source_channels == 1:
        return np.repeat(samples, channels, axis=1)
    rounds = -(-source_channels // channels)
    wide = np.zeros((frames, rounds * channels), np.float32)
    wide[:, :source_channels] = samples
    mixed: np.ndarray = wide.reshape(frames, rounds, channels).sum(axis=1)
    return mixed if rounds == 1 else mixed / rounds


class Playback:
    """Plays a feed into a ring, on a thread of its own from `start` to `close`."""

    def __init__(
        self,
        feed: Feed,
        clock: Clock,
        report: Report,
        ring: SampleRing | None = None,
        monitor: LookaheadOutput | None = None,
    ) -> None:
        """ring: Buffer of the previous capture, to which this one appends; else a new one. monitor:
        Sound output."""
        self.ring = ring or SampleRing(feed.sample_rate_hz, feed.channels)
        self.state = "playing"
        self.lost_blocks = 0
        self.feed = feed
        self.track_position: TrackPosition | None = None
        """The position in a list of tracks at the sound that is heard and drawn now; None for other
        feeds."""
        self._monitor = monitor
        self._clock = clock
        self._closing = threading.Event()
        guard = Guard(logger, report, "audio.lost", f"audio: {feed.description} stopped")
        self._thread = GuardedThread(
            "audio playback", self._play, guard, on_failure=self._mark_lost
        )

    @property
    def description(self) -> str:
        return self.feed.description

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self.feed.close()

    def _mark_lost(self, error: Exception) -> None:
        self.state = "lost"

    def _play(self) -> None:
        frames = round(self.ring.sample_rate_hz * BLOCK_S)
        block_s = frames / self.ring.sample_rate_hz
        due_s = self._clock.now_s()
        ahead: deque[tuple[np.ndarray, TrackPosition | None]] = deque()  # read, but not yet due
        while not self._closing.is_set():
            due_s += block_s
            if self._clock.now_s() > due_s + LATE_S:
                due_s = self._clock.now_s()
            # A shorter lead reads nothing for a while, a longer one several blocks: the time of
            # each block stays.
            lead_s = 0.0 if self._monitor is None else self._monitor.lead_s
            while len(ahead) <= lead_s / block_s:
                block = self.feed.read(frames)
                if self._monitor is not None:
                    self._monitor.write(block, due_s + len(ahead) * block_s)
                ahead.append((block, self.feed.track_position))
            self._clock.sleep_until(due_s)
            block, self.track_position = ahead.popleft()
            self.ring.set_mark(self.ring.newest + frames, due_s)
            self.ring.write(
                block if block.shape[1] <= self.ring.channels else block[:, : self.ring.channels]
            )
            self.state = "finished" if self.feed.is_finished else "playing"
