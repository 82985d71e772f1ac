"""Captures a sound device into a ring, and plays a reader on one; both reconnect after a loss."""

import sys

import numpy as np

from engine.audio.devices import AudioDevice
from engine.audio.feed import bring_into_range, mix_channels
from engine.audio.ring import SampleRing
from engine.audio.steady_reader import SteadyReader
from engine.audio.streams import (
    BLOCK_S,
    Owner,
    ReconnectingStream,
    SoundStream,
    open_input,
    open_output,
)
from engine.system.backoff import next_delay_s
from engine.system.clock import Clock
from engine.system.reporting import Report

ZEROS_S = 2.0
REOPEN_S = 5.0  # longer than AirPods need to switch to microphone mode (3 s)
MAX_REOPEN_S = 60.0
MAX_OUTPUT_CHANNELS = 2  # sound goes to one stereo pair; a third channel may be a subwoofer
NO_PERMISSION = (
    "audio: {name!r} delivers only zeros: unmute it, or allow the microphone to the program that "
    "multiverse was"
    " started from (System Settings, Privacy & Security, Microphone); reopened until it has sound"
)


def capture_state(
    zeros_s: float, is_loopback: bool, platform: str = sys.platform, *, has_sounded: bool = False
) -> str:
    """State of a capture (`playing`, `silence` or `permission?`) after exact zeros for `zeros_s`.
    Pure.

    macOS delivers exact zeros, and no error, to a program without microphone permission. An
    analogue input is never exactly zero for 2 s, but an idle loopback is, and so is a muted channel
    of a digital mixer. A device that has delivered sound before has permission and is merely
    silent."""
    if zeros_s < ZEROS_S:
        return "playing"
    return (
        "permission?" if platform == "darwin" and not is_loopback and not has_sounded else "silence"
    )


class DeviceCapture:
    """Captures an input device, which the constructor opens; AudioError if it is missing or cannot
    be opened. Sample 0 is captured after `start`. `query` is an index, a name or part of one; None
    is the default input. While the device is lost the ring fills with silence at the same rate. The
    ring's marks are times at the microphone."""

    ring: SampleRing

    def __init__(
        self,
        query: str | None,
        clock: Clock,
        report: Report,
        ring: SampleRing | None = None,
        *,
        min_channels: int = 1,
    ) -> None:
        """ring: Buffer of the previous capture, to which this one appends; else a new one of
        `min_channels` or more."""
        self.channels = 1
        """Channels that are captured."""
        self.lost_blocks = 0
        self._clock = clock
        self._report = report
        self._min_channels = min_channels
        if ring is not None:
            self.ring = ring
        self._is_started = False
        self._zeros_s = 0.0
        self._has_sounded = False
        self._has_reported_zeros = False
        self._reopenings = 0
        self._reopen_at_s: float | None = None
        self._filled_s = clock.now_s()  # the ring is filled up to here, with sound or silence
        self._stream = ReconnectingStream(query, "input", self, clock=clock, report=report)
        device = self._stream.device
        self.description = (
            f"device {device.name!r} ({self.channels} channels, {self.ring.sample_rate_hz} Hz)"
        )

    @property
    def state(self) -> str:
        if self._stream.is_lost:
            return "lost"
        is_loopback = self._stream.device.is_loopback
        return capture_state(
            self._zeros_s, is_loopback, sys.platform, has_sounded=self._has_sounded
        )

    @property
    def name(self) -> str:
        return self._stream.device.name

    def start(self) -> None:
        self._filled_s = self._clock.now_s()
        self._is_started = True

    def close(self) -> None:
        self._is_started = False  # a driver that hangs must not write beside the next capture
        self._stream.close()

    def open_stream(self, device: AudioDevice) -> SoundStream:
        """Open the input device at the ring's rate, with at most the channels that it has now."""
        if not hasattr(self, "ring"):
            self.ring = SampleRing(device.rate_hz, max(device.channels, self._min_channels))
            self.ring.used_channels = device.channels
        self.channels = min(self.ring.channels, device.channels)
        return open_input(
            device, self.channels, self.ring.sample_rate_hz, self._receive, self._clock
        )

    def wants_reopening(self) -> bool:
        """True at intervals while a macOS microphone may be silent because the permission is
        missing.

        A stream opened before the permission was given keeps delivering zeros; one opened
        afterwards has sound (reported for CoreAudio in pull requests 11477 of BasedHardware/omi and
        3664 of screenpipe). Once it has delivered sound it stays open: reopening would lose the
        first note after a pause."""
        now_s = self._clock.now_s()
        if not self._is_started or self.state != "permission?":
            self._reopenings = 0
            self._reopen_at_s = None
        elif self._reopen_at_s is None:
            self._reopen_at_s = now_s + REOPEN_S
            if not self._has_reported_zeros:
                self._report(
                    "audio.permission", NO_PERMISSION.format(name=self._stream.device.name)
                )
            self._has_reported_zeros = True
        elif now_s >= self._reopen_at_s:
            self._reopenings += 1
            self._reopen_at_s = now_s + next_delay_s(
                self._reopenings + 1, first_s=REOPEN_S, max_s=MAX_REOPEN_S
            )
            return True
        return False

    def while_lost(self) -> None:
        """Write silence for the time in which nothing was captured."""
        block = np.zeros((round(self.ring.sample_rate_hz * BLOCK_S), self.channels), np.float32)
        while self._filled_s + BLOCK_S <= self._clock.now_s():
            self._write(block, self._filled_s)
            self._filled_s += BLOCK_S

    def _receive(self, block: np.ndarray, began_s: float, has_lost: bool) -> None:
        # audio thread: no lock, no logging
        self.lost_blocks += has_lost and self._is_started
        bring_into_range(block)
        self._write(block, began_s)
        is_sound = bool(block.any())
        self._has_sounded = self._has_sounded or is_sound
        self._zeros_s = 0.0 if is_sound else self._zeros_s + len(block) / self.ring.sample_rate_hz
        self._filled_s = self._clock.now_s()

    def _write(self, block: np.ndarray, began_s: float) -> None:
        if self._is_started:
            self.ring.set_mark(self.ring.newest, began_s)
            self.ring.write(block)


class DeviceOutput(Owner):
    """Plays on an output device, which the constructor opens; AudioError if it is missing or cannot
    be opened. Silent until `play`. `query` is an index, a name or part of one; None is the default
    output. Mono sound is played on the first two channels. While the device is lost nothing is
    read: the reader detects the gap from its next block."""

    def __init__(self, query: str | None, clock: Clock, report: Report) -> None:
        self.lost_blocks = 0
        """Number of underruns."""
        self.delay_s = 0.0
        """Latency from writing a block's last sample to hearing it, as last reported by the
        device."""
        self.rate_hz = 0
        self._channels = 0
        self._clock = clock
        self._reader: SteadyReader | None = None
        self._stream = ReconnectingStream(query, "output", self, clock=clock, report=report)
        self.description = (
            f"device {self._stream.device.name!r} ({self._channels} channels, {self.rate_hz} Hz)"
        )

    def play(self, reader: SteadyReader) -> None:
        """Play this reader from now on. It is read at `rate_hz`, on a thread of the device."""
        self._reader = reader

    @property
    def name(self) -> str:
        return self._stream.device.name

    @property
    def state(self) -> str:
        """`playing` or `lost`."""
        return "lost" if self._stream.is_lost else "playing"

    def close(self) -> None:
        self._stream.close()

    def open_stream(self, device: AudioDevice) -> SoundStream:
        """Open the output device at the rate that it had when first opened."""
        self.rate_hz = self.rate_hz or device.rate_hz
        self._channels = min(MAX_OUTPUT_CHANNELS, device.outputs)
        return open_output(device, self._channels, self.rate_hz, self._fill, self._clock)

    def _fill(self, frames: int, audible_s: float, has_run_out: bool) -> np.ndarray:
        # audio thread: no lock, no logging
        self.delay_s = audible_s - self._clock.now_s() + BLOCK_S
        if self._reader is None:
            return np.zeros((frames, self._channels), np.float32)
        self.lost_blocks += has_run_out
        sound = self._reader.read(frames, audible_s)
        np.clip(sound, -1.0, 1.0, out=sound)
        return mix_channels(sound, self._channels)
