"""Plays a reader on a sound device; reconnects after a loss."""

from dataclasses import dataclass

import numpy as np

from engine.audio.devices import AudioDevice
from engine.audio.feed import fitted
from engine.audio.steady_reader import SteadyReader
from engine.audio.streams import BLOCK_S, ReconnectingStream, SoundStream, open_output
from engine.system.clock import Clock
from engine.system.reporting import Report

MAX_CHANNELS = 2  # sound goes to one stereo pair; a third channel may be a subwoofer


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputStatus:
    state: str
    """playing or lost."""
    description: str
    delay_ms: float
    """Latency from writing a sample to hearing it, as reported by the device; see `streams`."""
    lost_blocks: int
    """Number of underruns."""


class DeviceOutput:
    """Opens the device in the constructor; AudioError if it is missing or cannot be opened. Silent until `play`.

    `wanted` is an index, a name or part of one; None is the default output. Mono sound is played on the first two
    channels. While the device is lost nothing is read.
    """

    def __init__(self, wanted: str | None, clock: Clock, report: Report) -> None:
        self.lost_blocks = 0
        self.delay_s = 0.0
        """Latency from writing a block's last sample to hearing it, as last reported by the device."""
        self.rate_hz = 0
        self._channels = 0
        self._clock = clock
        self._report = report
        self._told_lost = 0
        self._reader: SteadyReader | None = None
        self._stream = ReconnectingStream(wanted, "output", self, clock=clock, report=report)
        self.description = f"device {self._stream.device.name!r} ({self._channels} channels, {self.rate_hz} Hz)"

    def play(self, reader: SteadyReader) -> None:
        """Play this reader from now on. It is read at `rate_hz`, on a thread of the device."""
        self._reader = reader

    @property
    def name(self) -> str:
        return self._stream.device.name

    @property
    def state(self) -> str:
        return "lost" if self._stream.is_lost else "playing"

    def status(self) -> OutputStatus:
        return OutputStatus(
            state=self.state, description=self.description, delay_ms=self.delay_s * 1000.0, lost_blocks=self.lost_blocks
        )

    def close(self) -> None:
        self._stream.close()

    def open_stream(self, device: AudioDevice) -> SoundStream:
        """Open it at its original rate."""
        self.rate_hz = self.rate_hz or device.rate_hz
        self._channels = min(MAX_CHANNELS, device.outputs)
        return open_output(device, self._channels, self.rate_hz, self._fill, self._clock)

    def report_events(self) -> None:
        if self.lost_blocks > self._told_lost:
            self._report("audio.underflow", f"audio: {self._stream.device.name!r} ran out of sound")
        self._told_lost = self.lost_blocks

    def wants_reopening(self) -> bool:
        return False

    def while_lost(self) -> None:
        """Do nothing: the reader detects the gap from the time of its next block."""

    def _fill(self, frames: int, heard_s: float, has_run_out: bool) -> np.ndarray:
        # audio thread: no lock, no logging
        self.delay_s = heard_s - self._clock.now_s() + BLOCK_S
        if self._reader is None:
            return np.zeros((frames, self._channels), np.float32)
        self.lost_blocks += has_run_out
        sound = self._reader.read(frames, heard_s)
        np.clip(sound, -1.0, 1.0, out=sound)
        return fitted(sound, self._channels)
