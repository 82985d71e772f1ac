"""Input and output streams of sound devices, with the time at which each block sounds.

The latency of a stream must be known. Measured on Linux (PortAudio 19.6, ALSA, PulseAudio 16):

- `stream.latency` is the requested buffer size, 40 of 60 ms. It does not include what the sound
  server buffers.
- `read_available` and `write_available` give the fill of ALSA's buffer, in whole periods (20 ms),
  also without the server's buffer. That is 20 ms to 2 s, and changes when other programs start and
  stop.
- The times given to a callback come from ALSA's `snd_pcm_delay`, which asks the server: a block
  written now is heard in 60 ms, of which 20 ms are the server's; a block read now was captured 0.1
  ms ago, or, for a sink's monitor, will be heard later. For an idle sink the times are wrong until
  it has woken up (2 s). A monitor's drift by some 4 ms in the first half minute, which `ClockLine`
  smooths: a click is then on time within 1.5 ms.

So on ALSA we use a callback: nothing else is correct, and it is equally safe, because ALSA's buffer
is the reserve in both cases. It runs in PortAudio's thread, needs the GIL once per block, and only
copies sound to and from rings.

Elsewhere we use PortAudio's blocking calls. There a callback runs in the hardware's deadline and
must not wait for the GIL, while blocking calls go through PortAudio's buffer in C. The latency is
the fill of that buffer plus `stream.latency`, which includes CoreAudio's figures, and WASAPI's for
an output (for an input see `_input_delay_s`). The owner's thread polls, because on macOS a blocking
read of an unplugged device never returns.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, Protocol

import numpy as np

from engine.audio import devices
from engine.errors import AudioError
from engine.system.backoff import next_delay_s
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report
from engine.system.undoing import undo_on_error

BLOCK_S = 0.01
POLL_S = 0.004  # polling interval of a stream without callback
WATCH_S = 0.05  # polling interval of a stream with callback
INPUT_BUFFER_S = (
    0.06  # drivers deliver a third or a quarter of it at once, which shows in the picture
)
OUTPUT_BUFFER_S = 0.04
FIRST_SAMPLES_S = (
    5.0  # an idle PulseAudio sink needs 2 s to wake up; until then it and its monitor are silent
)
STALL_S = 1.0
# Windows' switch for desktop apps: IAudioClient::Initialize answers E_ACCESSDENIED, PortAudio
# "Invalid device" (its issue 360, FlexASIO's issue 61).
FORBIDDEN_HINT = (
    "; is another program using it exclusively, or is the microphone blocked for desktop apps"
    " (Settings, Privacy & security, Microphone)?"
)

OnBlock = Callable[[np.ndarray, float, bool], None]
"""(block (frames, channels) float32, time in seconds its first sample sounded, True if sound before
it was lost)."""
Fill = Callable[[int, float, bool], np.ndarray]
"""(frames, time the first of them will be heard, True after an underrun) -> (frames, channels)."""

MAX_RETRY_S = 5.0  # shorter than the engine's usual 30 s: silence on stage is worse
CLOSE_S = 3.0  # a hanging driver must not block the engine's shutdown
_LOST_BLOCKS: dict[devices.Kind, tuple[str, str]] = {
    "input": ("audio.overflow", "was read too late, sound is missing"),
    "output": ("audio.underflow", "ran out of sound"),
}
logger = logging.getLogger(__name__)


class StreamLost(Exception):
    """The device disappeared, or is open but delivers nothing."""


class SoundStream(Protocol):
    """An open input or output stream of a sound device. One thread opens, watches and closes it."""

    poll_s: float
    """Interval at which to call `watch`."""

    def watch(self) -> None:
        """Read or write the sound that is due, if the stream is polled, and check the device. May
        raise StreamLost."""

    def close(self) -> None: ...


def open_input(
    device: devices.AudioDevice, channels: int, rate_hz: int, on_block: OnBlock, clock: Clock
) -> SoundStream:
    """Open a stream that captures from this input device. `on_block` gets each block, on a thread
    chosen by the stream. AudioError if that fails."""
    if device.hostapi != "ALSA":
        return _PolledInput(device, channels, rate_hz, on_block, clock)

    def on_data(now_s: float, data: Any, frames: int, times: Any, status: Any) -> None:
        block = np.frombuffer(data, np.float32).reshape(frames, channels).copy()
        on_block(
            block, now_s - (times.currentTime - times.inputBufferAdcTime), status.input_overflow
        )

    return _Callback(
        partial(_start, device, "RawInputStream", channels, rate_hz, INPUT_BUFFER_S), on_data, clock
    )


def open_output(
    device: devices.AudioDevice, channels: int, rate_hz: int, fill: Fill, clock: Clock
) -> SoundStream:
    """Open a stream that plays on this output device. `fill` provides each block, on a thread
    chosen by the stream. AudioError if that fails."""
    if device.hostapi != "ALSA":
        return _PolledOutput(device, channels, rate_hz, fill, clock)

    def on_data(now_s: float, data: Any, frames: int, times: Any, status: Any) -> None:
        block = np.frombuffer(data, np.float32).reshape(frames, channels)
        block[:] = fill(
            frames, now_s + (times.outputBufferDacTime - times.currentTime), status.output_underflow
        )

    return _Callback(
        partial(_start, device, "RawOutputStream", channels, rate_hz, OUTPUT_BUFFER_S),
        on_data,
        clock,
    )


class _Callback:
    """A stream that calls `work(now_s, data, frames, times, status)` for each block, on PortAudio's
    thread."""

    poll_s = WATCH_S

    def __init__(self, start: Callable[..., Any], work: Callable[..., None], clock: Clock) -> None:
        self._clock = clock
        self._work = work
        self._called_s = clock.now_s()
        self._opened_s = self._called_s
        self._error: Exception | None = None
        self._stream = start(self._on_callback)

    def watch(self) -> None:
        if self._error is not None:
            raise self._error
        if not self._stream.active:
            raise StreamLost("disconnected")
        is_new = self._called_s - self._opened_s < FIRST_SAMPLES_S
        stalled_after_s = FIRST_SAMPLES_S if is_new else STALL_S
        if self._clock.now_s() - self._called_s > stalled_after_s:
            raise StreamLost(f"no sound for {stalled_after_s:.0f} s")

    def close(self) -> None:
        self._stream.close()

    def _on_callback(self, data: Any, frames: int, times: Any, status: Any) -> None:
        # audio thread: no lock, no logging
        self._called_s = self._clock.now_s()
        try:
            self._work(self._called_s, data, frames, times, status)
        except Exception as error:
            # the top of PortAudio's thread: `watch` raises it on the owner's, which logs it
            self._error = error
            raise devices.load_portaudio().CallbackAbort from None


class _PolledInput:
    poll_s = POLL_S

    def __init__(
        self,
        device: devices.AudioDevice,
        channels: int,
        rate_hz: int,
        on_block: OnBlock,
        clock: Clock,
    ) -> None:
        self._channels = channels
        self._rate_hz = rate_hz
        self._on_block = on_block
        self._clock = clock
        self._stream = _start(device, "RawInputStream", channels, rate_hz, INPUT_BUFFER_S)
        self._delay_s = _input_delay_s(self._stream, device)
        self._received_s = clock.now_s()
        self._stalled_after_s = FIRST_SAMPLES_S

    def watch(self) -> None:
        # audio thread: no lock
        frames = _call_portaudio(lambda: self._stream.read_available)
        if frames == 0:
            if self._clock.now_s() - self._received_s > self._stalled_after_s:
                raise StreamLost(f"no sound for {self._stalled_after_s:.0f} s")
            return
        # Never wait for more: when the PulseAudio server dies, its library waits for the reader to
        # finish its block while the reader waits for the library, a deadlock.
        data, is_overflown = _call_portaudio(lambda: self._stream.read(frames))
        self._received_s = self._clock.now_s()
        self._stalled_after_s = STALL_S
        began_s = self._received_s - self._delay_s - frames / self._rate_hz
        self._on_block(
            np.frombuffer(data, np.float32).reshape(frames, self._channels), began_s, is_overflown
        )

    def close(self) -> None:
        self._stream.close()


class _PolledOutput:
    poll_s = POLL_S

    def __init__(
        self, device: devices.AudioDevice, channels: int, rate_hz: int, fill: Fill, clock: Clock
    ) -> None:
        self._rate_hz = rate_hz
        self._block_frames = round(rate_hz * BLOCK_S)
        self._fill = fill
        self._clock = clock
        self._stream = _start(device, "RawOutputStream", channels, rate_hz, OUTPUT_BUFFER_S)
        self._buffer_frames = self._stream.write_available  # the whole buffer, as it is still empty
        self._latency_s = max(self._stream.latency - self._buffer_frames / rate_hz, 0.0)
        self._written_s = clock.now_s()
        self._is_underflown = False

    def watch(self) -> None:
        # audio thread: no lock
        while (free := _call_portaudio(lambda: self._stream.write_available)) >= self._block_frames:
            self._written_s = self._clock.now_s()
            queued_s = (self._buffer_frames - free) / self._rate_hz
            block = self._fill(
                self._block_frames,
                self._written_s + queued_s + self._latency_s,
                self._is_underflown,
            )
            data = np.ascontiguousarray(block, np.float32)
            self._is_underflown = _call_portaudio(partial(self._stream.write, data))
        if self._clock.now_s() - self._written_s > FIRST_SAMPLES_S:
            raise StreamLost(f"it accepted no sound for {FIRST_SAMPLES_S:.0f} s")

    def close(self) -> None:
        self._stream.close()


def _input_delay_s(stream: Any, device: devices.AudioDevice) -> float:
    """Age of a sample when it can be read. WASAPI's `latency` is the size of its buffer, which is
    never full here (`ActivateAudioClientInput` in pa_win_wasapi.c); the actual delay is its mixer's
    period, 10 ms on most machines."""
    if device.hostapi == devices.WASAPI:
        return float(
            devices.load_portaudio().query_devices(device.index)["default_high_input_latency"]
        )
    return float(stream.latency)


def _start(
    device: devices.AudioDevice,
    stream: str,
    channels: int,
    rate_hz: int,
    latency_s: float,
    callback: Any = None,
) -> Any:
    sounddevice = devices.load_portaudio()
    try:
        opened = getattr(sounddevice, stream)(
            device=device.index,
            channels=channels,
            samplerate=rate_hz,
            dtype="float32",
            latency=latency_s,
            blocksize=round(rate_hz * BLOCK_S),
            callback=callback,
            # WASAPI rejects any rate and number of channels but those of its mixer
            # (AUDCLNT_E_UNSUPPORTED_FORMAT), which are set in Windows' sound settings and may
            # change during a show, so we let it convert.
            extra_settings=sounddevice.WasapiSettings(auto_convert=True)
            if device.hostapi == devices.WASAPI
            else None,
        )
    except sounddevice.PortAudioError as error:
        hint = FORBIDDEN_HINT if device.hostapi == devices.WASAPI and device.inputs else ""
        raise AudioError(
            f"audio device {device.name!r} cannot be opened: {_one_line(error)}{hint}"
        ) from None
    try:
        opened.start()
    except sounddevice.PortAudioError as error:
        opened.close()
        raise AudioError(
            f"audio device {device.name!r} cannot be started: {_one_line(error)}"
        ) from None
    return opened


def _call_portaudio(call: Callable[[], Any]) -> Any:
    """Call PortAudio; its errors become StreamLost."""
    try:
        return call()
    except devices.load_portaudio().PortAudioError as error:
        raise StreamLost(_one_line(error)) from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


class _Closing(Exception):
    """`close` was called during a wait."""


class Owner(Protocol):
    """The owner of a ReconnectingStream: opens the device, and is called while it is lost, on the
    stream's thread."""

    lost_blocks: int
    """Counted by the stream's callbacks, which must not log."""

    def open_stream(self, device: devices.AudioDevice) -> SoundStream:
        """Open the device, whose properties except the name may have changed. AudioError if that
        fails."""
        ...

    def wants_reopening(self) -> bool:
        """True to close the stream and open it again. Called 20 times per second."""
        return False

    def while_lost(self) -> None:
        """Called about every 10 ms while the device is lost; less often while it is being
        opened."""
        return None


class ReconnectingStream:
    """A stream that is opened again after a loss. AudioError from the constructor if the device is
    missing or cannot be opened. One thread opens, watches and closes it: all PortAudio calls but
    its callbacks run there, as on Windows COM objects must stay in their apartment."""

    def __init__(
        self, query: str | None, kind: devices.Kind, owner: Owner, *, clock: Clock, report: Report
    ) -> None:
        """`query` is an index, a name or part of one; None is the default."""
        self.is_lost = False
        self.device: devices.AudioDevice
        self._kind: devices.Kind = kind
        self._owner = owner
        self._clock = clock
        self._report = report
        self._reported_lost = 0
        self._closing = threading.Event()
        opened: Future[None] = Future()

        def on_failure(error: Exception) -> None:
            self.is_lost = True
            if not opened.done():
                opened.set_exception(error)

        name = "(default)" if query is None else repr(query)
        guard = Guard(logger, report, "audio.lost", f"audio {kind} {name} stopped")
        self._thread = GuardedThread(
            f"audio {kind}", lambda: self._run(query, opened), guard, on_failure=on_failure
        )
        self._thread.start()
        opened.result()

    def close(self) -> None:
        self._closing.set()
        self._thread.join(timeout_s=CLOSE_S)

    def _run(self, query: str | None, opened: "Future[None]") -> None:
        with ExitStack() as until_end:
            try:
                until_end.enter_context(devices.com_apartment())
                self.device = devices.find_device(
                    devices.list_devices(self._kind), query, self._kind
                )
                stream = self._open(self.device)
            except AudioError as error:  # raised again in the constructor
                opened.set_exception(error)
                return
            opened.set_result(None)
            with suppress(_Closing):
                while True:
                    self._watch(stream)
                    stream = self._wait_until_back()
                    if self.is_lost:
                        logger.info("audio: %r is back", self.device.name)
                    self.is_lost = False

    def _open(self, device: devices.AudioDevice) -> SoundStream:
        devices.session.take()
        with undo_on_error(devices.session.release):
            return self._owner.open_stream(device)

    def _watch(self, stream: SoundStream) -> None:
        """Watch the stream until it is lost, its owner requests a reopening, or PortAudio has to
        restart."""
        try:
            while not devices.session.is_renewing and not self._owner.wants_reopening():
                stream.watch()
                self._report_lost_blocks()
                self._pause(stream.poll_s)
        except StreamLost as error:
            self._mark_lost(str(error))
        finally:
            stream.close()
            devices.session.release()

    def _report_lost_blocks(self) -> None:
        if self._owner.lost_blocks > self._reported_lost:
            self._reported_lost = self._owner.lost_blocks
            key, what = _LOST_BLOCKS[self._kind]
            self._report(key, f"audio: {self.device.name!r} {what}")

    def _wait_until_back(self) -> SoundStream:
        """Try the old device index; once a fresh process lists the device again, restart
        PortAudio."""
        failures = 0
        try_at_s = self._clock.now_s() + (next_delay_s(1) if self.is_lost else 0.0)
        look: devices.DeviceListing | None = None
        try:
            while True:
                self._owner.while_lost()
                names = look.names() if look is not None else None
                is_due = look is None and self._clock.now_s() >= try_at_s
                try:
                    if is_due:
                        return self._open(self._same_device())
                    if names is not None:
                        look = None
                        return self._reopen_listed(names)
                except AudioError as error:
                    logger.debug("audio: %s", error)
                    self._mark_lost(str(error))
                    if is_due:
                        look = devices.DeviceListing()
                    else:
                        failures += 1
                        try_at_s = self._clock.now_s() + next_delay_s(failures, max_s=MAX_RETRY_S)
                self._pause(BLOCK_S)
        finally:
            if look is not None:
                look.close()

    def _reopen_listed(self, names: set[tuple[str, str]]) -> SoundStream:
        if (self.device.name, self.device.hostapi) not in names:
            raise AudioError(f"audio device {self.device.name!r} not found")
        try:
            return self._open(self._same_device())  # it may have returned meanwhile
        except AudioError:
            devices.session.renew()
        return self._open(self._same_device())

    def _mark_lost(self, reason: str) -> None:
        if not self.is_lost:
            self.is_lost = True
            self._report(
                "audio.lost",
                f"audio: {self.device.name!r} is lost ({reason}); silence until it returns",
            )

    def _same_device(self) -> devices.AudioDevice:
        for found in devices.list_devices(self._kind):
            if (found.name, found.hostapi) == (self.device.name, self.device.hostapi):
                return found
        raise AudioError(f"audio device {self.device.name!r} not found")

    def _pause(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise _Closing
