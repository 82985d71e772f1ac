"""Capture from a sound device into the ring, through losing it and getting it back.

Everything of PortAudio happens on one thread, opening included (Windows: COM objects stay in their
apartment). No callback: that would need the interpreter's lock every block. PortAudio collects in C, and this
thread fetches all that is there. It waits outside PortAudio: on macOS a blocking read of a device that was
pulled out never returns. And it never leaves part of a block behind: PulseAudio's library, when its server
dies, waits for the reader to finish the block in hand, while the reader waits for the library.

PortAudio lists devices once, when it starts: to see a device that came back it must be terminated and started
again, which would take down every other stream of this process. This stream is the only one, and closed then.
"""

import logging
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np

from engine.audio.devices import AudioDevice, find_device, list_devices, load_portaudio, portaudio_lock
from engine.audio.feed import bring_into_range
from engine.audio.ring import SampleRing
from engine.backoff import next_delay_s
from engine.clock import Clock
from engine.errors import AudioError

BLOCK_S = 0.01
POLL_S = 0.004
BUFFER_S = 0.06  # PortAudio's; drivers deliver a third or a quarter of it at a time, and the picture shows that
FIRST_SAMPLES_S = 5.0  # PulseAudio's monitor of an idle sink takes 2 s to its first sample
STALL_S = 1.0
LONGEST_RETRY_S = 5.0  # on stage: shorter than the engine's usual 30 s
ZEROS_S = 2.0
CLOSE_S = 3.0  # a driver that never returns must not hold up the engine's end

logger = logging.getLogger(__name__)


class _Stalled(Exception):
    """The device stays open but delivers nothing."""


class _Closing(Exception):
    """Asked to close while waiting."""


def heard_state(zeros_s: float, is_loopback: bool, platform: str = sys.platform) -> str:
    """State of a device that has given exact zeros for so long. Pure.

    macOS gives exact zeros, and no error, to a program without permission for the microphone; a real input is
    never exactly zero for 2 s, but a loopback with nothing playing is.
    """
    if zeros_s < ZEROS_S:
        return "playing"
    return "permission?" if platform == "darwin" and not is_loopback else "silence"


class DeviceCapture:
    """Opens the device when constructed, with AudioError when it is not there or cannot be opened; sample 0
    is heard after `start`.

    `wanted` is an index, a name or part of one; None is the default input. While the device is lost the ring
    goes on filling with silence, at the same rate.
    """

    def __init__(self, wanted: str | None, clock: Clock, report: Callable[[str, str], None]) -> None:
        self.state = "playing"
        self.lost_blocks = 0
        self._wanted = wanted
        self._clock = clock
        self._report = report
        self._is_started = False
        self._closing = threading.Event()
        self._last_sample_s = 0.0
        opened: Future[tuple[AudioDevice, SampleRing]] = Future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="audio capture", daemon=True)
        self._thread.start()
        self._device, self.ring = opened.result()
        self.description = f"device {self._device.name!r} ({self._device.channels} channels, {self._device.rate_hz} Hz)"

    def start(self) -> None:
        self._is_started = True

    def close(self) -> None:
        self._closing.set()
        self._thread.join(timeout=CLOSE_S)

    def _run(self, opened: "Future[tuple[AudioDevice, SampleRing]]") -> None:
        try:
            device = find_device(list_devices(), self._wanted)
            stream = _open_stream(device, device.channels, device.rate_hz)
        except Exception as error:  # raised again in the constructor
            opened.set_exception(error)
            return
        ring = SampleRing(device.rate_hz, device.channels)
        opened.set_result((device, ring))
        try:
            while True:
                stream = self._listen(stream, device, ring)
        except _Closing:
            pass
        except Exception as error:  # top of the thread: the picture goes on without sound
            self.state = "lost"
            logger.exception("audio capture stopped")
            self._report("audio.lost", f"audio: {device.name!r} stopped for good: {error}")

    def _listen(self, stream: Any, device: AudioDevice, ring: SampleRing) -> Any:
        """Captures until the device is lost, then waits until it is back: its new stream."""
        portaudio_error = load_portaudio().PortAudioError
        try:
            self._capture(stream, device, ring)
        except (portaudio_error, _Stalled) as error:
            reason = _one_line(error)
        finally:
            stream.close()
        self.state = "lost"
        self._report("audio.lost", f"audio: {device.name!r} is lost ({reason}); silence until it is back")
        stream = self._wait_until_back(device, ring)
        self.state = "playing"
        logger.info("audio: %r is back", device.name)
        return stream

    def _capture(self, stream: Any, device: AudioDevice, ring: SampleRing) -> None:
        # audio thread: no lock
        stalled_after_s = FIRST_SAMPLES_S
        zeros_s = 0.0
        self._last_sample_s = self._clock.now_s()
        while True:
            frames = self._wait_for_frames(stream, stalled_after_s)
            data, is_overflown = stream.read(frames)
            if is_overflown and self._is_started:
                self.lost_blocks += 1
                self._report("audio.overflow", f"audio: {device.name!r} was read too late, sound is missing")
            block = bring_into_range(np.frombuffer(data, np.float32).reshape(frames, -1))
            if self._is_started:
                ring.write(_widened(block, ring.channels))
            self._last_sample_s = self._clock.now_s()
            stalled_after_s = STALL_S
            zeros_s = 0.0 if block.any() else zeros_s + frames / ring.sample_rate_hz
            self.state = heard_state(zeros_s, device.is_loopback)

    def _wait_for_frames(self, stream: Any, stalled_after_s: float) -> int:
        """How many frames can be read at once: one or more."""
        while (frames := stream.read_available) == 0:
            if self._clock.now_s() - self._last_sample_s > stalled_after_s:
                raise _Stalled(f"no sound for {stalled_after_s:.0f} s")
            self._pause(POLL_S)
        self._pause(0.0)
        return frames

    def _wait_until_back(self, device: AudioDevice, ring: SampleRing) -> Any:
        portaudio_error = load_portaudio().PortAudioError
        failures = 1
        try_at_s = self._clock.now_s() + next_delay_s(failures, longest_s=LONGEST_RETRY_S)
        silent_block = np.zeros((round(ring.sample_rate_hz * BLOCK_S), ring.channels), np.float32)
        while True:
            while self._last_sample_s + BLOCK_S <= self._clock.now_s():
                if self._is_started:
                    ring.write(silent_block)
                self._last_sample_s += BLOCK_S
            if self._clock.now_s() >= try_at_s:
                try:
                    return _reopen_stream(device, ring)
                except (AudioError, portaudio_error):
                    failures += 1
                    try_at_s = self._clock.now_s() + next_delay_s(failures, longest_s=LONGEST_RETRY_S)
            self._pause(BLOCK_S)

    def _pause(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise _Closing


def _open_stream(device: AudioDevice, channels: int, rate_hz: int) -> Any:
    sounddevice = load_portaudio()
    try:
        stream = sounddevice.RawInputStream(
            device=device.index,
            channels=channels,
            samplerate=rate_hz,
            dtype="float32",
            latency=BUFFER_S,
            blocksize=round(rate_hz * BLOCK_S),
        )
        stream.start()
    except sounddevice.PortAudioError as error:
        raise AudioError(f"audio device {device.name!r} cannot be opened: {_one_line(error)}") from None
    return stream


def _reopen_stream(device: AudioDevice, ring: SampleRing) -> Any:
    """The same device under whatever index it has now, at the ring's rate, with no more channels than it has
    now.
    """
    sounddevice = load_portaudio()
    with portaudio_lock:
        if sounddevice._initialized:  # the last attempt may have ended half way
            sounddevice._terminate()
        sounddevice._initialize()
    same = [found for found in list_devices() if (found.name, found.hostapi) == (device.name, device.hostapi)]
    if not same:
        raise AudioError(f"audio device {device.name!r} is not there")
    return _open_stream(same[0], min(ring.channels, same[0].channels), ring.sample_rate_hz)


def _widened(block: np.ndarray, channels: int) -> np.ndarray:
    if block.shape[1] == channels:
        return block
    wide = np.zeros((len(block), channels), np.float32)
    wide[:, : block.shape[1]] = block
    return wide


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
