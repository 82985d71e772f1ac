"""A stream of a sound device, in or out, with the time at which each block sounds.

What the delay of a stream is, found by trying on Linux (PortAudio 19.6, ALSA, PulseAudio 16):

- `stream.latency` is what the buffer was made for, 40 ms of 60. It knows nothing of what the server holds besides.
- `read_available` and `write_available` tell the fill of ALSA's buffer, in whole deliveries (20 ms), and nothing of the
  server either: it keeps 20 ms to 2 s of its own, which change when other programs come and go.
- The times handed to a callback are ALSA's `snd_pcm_delay`, which asks the server: the block that is written now is
  heard in 60 ms, of which 20 ms are the server's; what is read now was spoken 0.1 ms ago, or for a sink's monitor is
  yet to be heard there. For an idle sink they are nonsense until it has woken up (2 s), and a monitor's wander by some
  4 ms in its first half minute, which `clock_line` evens out: a click then comes when it should within 1.5 ms.

So on ALSA a callback carries the sound: nothing else tells the truth, and it costs no safety, because whoever comes
late has ALSA's buffer as its slack either way. It runs in PortAudio's thread, needs the interpreter once a block, and
does nothing but move sound from and to rings.

Elsewhere PortAudio's blocking calls do: there a callback is the hardware's own, which must not wait for an interpreter,
while blocking calls have PortAudio's buffer in C between. The delay is that buffer's fill and `stream.latency`, into
which CoreAudio's own figures go, and for an output WASAPI's (an input there: `_input_delay_s`). The owner's thread
polls: on macOS a blocking read of a device that was pulled out never returns.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from engine.audio.devices import WASAPI, AudioDevice
from engine.audio.portaudio import load_portaudio
from engine.errors import AudioError
from engine.system.clock import Clock

BLOCK_S = 0.01
POLL_S = 0.004  # of a stream without callback
WATCH_S = 0.05  # of one with
INPUT_BUFFER_S = 0.06  # PortAudio's; drivers deliver a third or a quarter of it at a time, and the picture shows that
OUTPUT_BUFFER_S = 0.04
FIRST_SAMPLES_S = 5.0  # PulseAudio's idle sink wakes up in 2 s: until then its monitor has no sound, and nothing plays
STALL_S = 1.0
# Windows' switch for desktop apps: IAudioClient::Initialize answers E_ACCESSDENIED, PortAudio "Invalid device" (its
# issue 360, FlexASIO's issue 61).
FORBIDDEN_HINT = (
    "; does another program use it alone, or is the microphone forbidden to desktop apps"
    " (Settings, Privacy & security, Microphone)?"
)

Hear = Callable[[np.ndarray, float, bool], None]
"""(block (frames, channels) float32, when its first sample sounded in seconds, whether sound before it was lost)."""
Fill = Callable[[int, float, bool], np.ndarray]
"""(frames, when the first of them will be heard, whether there was nothing to play before) -> (frames, channels)."""


class StreamLost(Exception):
    """The device is gone, or stays open but delivers nothing."""


class SoundStream(Protocol):
    """One thread opens, watches and closes."""

    poll_s: float
    """How often `watch` is to be called."""

    def watch(self) -> None:
        """Do what is due. StreamLost when it is over."""

    def close(self) -> None: ...


def open_input(device: AudioDevice, channels: int, rate_hz: int, hear: Hear, clock: Clock) -> SoundStream:
    """`hear` is called with each block, on a thread of the stream's choice. AudioError when it cannot be opened."""
    if device.hostapi == "ALSA":
        return _CalledInput(device, channels, rate_hz, hear, clock)
    return _PolledInput(device, channels, rate_hz, hear, clock)


def open_output(device: AudioDevice, channels: int, rate_hz: int, fill: Fill, clock: Clock) -> SoundStream:
    """`fill` is asked for each block, on a thread of the stream's choice. AudioError when it cannot be opened."""
    if device.hostapi == "ALSA":
        return _CalledOutput(device, channels, rate_hz, fill, clock)
    return _PolledOutput(device, channels, rate_hz, fill, clock)


class _Called:
    """What both callback streams share."""

    poll_s = WATCH_S

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._called_s = clock.now_s()
        self._opened_s = self._called_s
        self._error: Exception | None = None
        self._stream: Any = None

    def watch(self) -> None:
        if self._error is not None:
            raise self._error
        if not self._stream.active:
            raise StreamLost("it is gone")
        is_new = self._called_s - self._opened_s < FIRST_SAMPLES_S
        stalled_after_s = FIRST_SAMPLES_S if is_new else STALL_S
        if self._clock.now_s() - self._called_s > stalled_after_s:
            raise StreamLost(f"no sound for {stalled_after_s:.0f} s")

    def close(self) -> None:
        self._stream.close()

    def _guarded(self, work: Callable[[float], None]) -> None:
        self._called_s = self._clock.now_s()
        try:
            work(self._called_s)
        except Exception as error:  # top of PortAudio's thread: raised again in `watch`
            self._error = error
            raise load_portaudio().CallbackAbort from None


class _CalledInput(_Called):
    def __init__(self, device: AudioDevice, channels: int, rate_hz: int, hear: Hear, clock: Clock) -> None:
        super().__init__(clock)

        def called(data: Any, frames: int, times: Any, status: Any) -> None:
            # audio thread: no lock, no logging
            def work(now_s: float) -> None:
                block = np.frombuffer(data, np.float32).reshape(frames, channels).copy()
                hear(block, now_s - (times.currentTime - times.inputBufferAdcTime), status.input_overflow)

            self._guarded(work)

        self._stream = _started(device, "RawInputStream", channels, rate_hz, INPUT_BUFFER_S, called)


class _CalledOutput(_Called):
    def __init__(self, device: AudioDevice, channels: int, rate_hz: int, fill: Fill, clock: Clock) -> None:
        super().__init__(clock)

        def called(data: Any, frames: int, times: Any, status: Any) -> None:
            # audio thread: no lock, no logging
            def work(now_s: float) -> None:
                heard_s = now_s + (times.outputBufferDacTime - times.currentTime)
                block = np.frombuffer(data, np.float32).reshape(frames, channels)
                block[:] = fill(frames, heard_s, status.output_underflow)

            self._guarded(work)

        self._stream = _started(device, "RawOutputStream", channels, rate_hz, OUTPUT_BUFFER_S, called)


class _PolledInput:
    poll_s = POLL_S

    def __init__(self, device: AudioDevice, channels: int, rate_hz: int, hear: Hear, clock: Clock) -> None:
        self._channels = channels
        self._rate_hz = rate_hz
        self._hear = hear
        self._clock = clock
        self._stream = _started(device, "RawInputStream", channels, rate_hz, INPUT_BUFFER_S)
        self._delay_s = _input_delay_s(self._stream, device)
        self._heard_s = clock.now_s()
        self._stalled_after_s = FIRST_SAMPLES_S

    def watch(self) -> None:
        # audio thread: no lock
        frames = _asked(lambda: self._stream.read_available)
        if frames == 0:
            if self._clock.now_s() - self._heard_s > self._stalled_after_s:
                raise StreamLost(f"no sound for {self._stalled_after_s:.0f} s")
            return
        # All that is there: PulseAudio's library, when its server dies, waits for the reader to finish the block in
        # hand, while the reader waits for the library.
        data, is_overflown = _asked(lambda: self._stream.read(frames))
        self._heard_s = self._clock.now_s()
        self._stalled_after_s = STALL_S
        began_s = self._heard_s - self._delay_s - frames / self._rate_hz
        self._hear(np.frombuffer(data, np.float32).reshape(frames, self._channels), began_s, is_overflown)

    def close(self) -> None:
        self._stream.close()


class _PolledOutput:
    poll_s = POLL_S

    def __init__(self, device: AudioDevice, channels: int, rate_hz: int, fill: Fill, clock: Clock) -> None:
        self._rate_hz = rate_hz
        self._block_frames = round(rate_hz * BLOCK_S)
        self._fill = fill
        self._clock = clock
        self._stream = _started(device, "RawOutputStream", channels, rate_hz, OUTPUT_BUFFER_S)
        self._buffer_frames = self._stream.write_available  # nothing was written yet
        self._beyond_s = max(self._stream.latency - self._buffer_frames / rate_hz, 0.0)
        self._written_s = clock.now_s()
        self._is_underflown = False

    def watch(self) -> None:
        # audio thread: no lock
        while (free := _asked(lambda: self._stream.write_available)) >= self._block_frames:
            self._written_s = self._clock.now_s()
            queued_s = (self._buffer_frames - free) / self._rate_hz
            block = self._fill(self._block_frames, self._written_s + queued_s + self._beyond_s, self._is_underflown)
            data = np.ascontiguousarray(block, np.float32)
            self._is_underflown = _asked(lambda data=data: self._stream.write(data))
        if self._clock.now_s() - self._written_s > FIRST_SAMPLES_S:
            raise StreamLost(f"it has taken no sound for {FIRST_SAMPLES_S:.0f} s")

    def close(self) -> None:
        self._stream.close()


def _input_delay_s(stream: Any, device: AudioDevice) -> float:
    """How old a sample is when it can be read. WASAPI's `latency` is the size of its buffer, which is never full here
    (`ActivateAudioClientInput` in pa_win_wasapi.c); its mixer's period is what passes, 10 ms on most machines."""
    if device.hostapi == WASAPI:
        return float(load_portaudio().query_devices(device.index)["default_high_input_latency"])
    return float(stream.latency)


def _started(
    device: AudioDevice, stream: str, channels: int, rate_hz: int, latency_s: float, callback: Any = None
) -> Any:
    sounddevice = load_portaudio()
    try:
        opened = getattr(sounddevice, stream)(
            device=device.index,
            channels=channels,
            samplerate=rate_hz,
            dtype="float32",
            latency=latency_s,
            blocksize=round(rate_hz * BLOCK_S),
            callback=callback,
            # WASAPI refuses any rate and number of channels but those of its mixer (AUDCLNT_E_UNSUPPORTED_FORMAT),
            # which are set in Windows' sound settings and may change in mid-show: it is to convert.
            extra_settings=sounddevice.WasapiSettings(auto_convert=True) if device.hostapi == WASAPI else None,
        )
    except sounddevice.PortAudioError as error:
        hint = FORBIDDEN_HINT if device.hostapi == WASAPI and device.inputs else ""
        raise AudioError(f"audio device {device.name!r} cannot be opened: {_one_line(error)}{hint}") from None
    try:
        opened.start()
    except sounddevice.PortAudioError as error:
        opened.close()
        raise AudioError(f"audio device {device.name!r} cannot be started: {_one_line(error)}") from None
    return opened


def _asked(call: Callable[[], Any]) -> Any:
    """What PortAudio answers; StreamLost instead of its own error."""
    try:
        return call()
    except load_portaudio().PortAudioError as error:
        raise StreamLost(_one_line(error)) from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
