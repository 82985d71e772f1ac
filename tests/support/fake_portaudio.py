"""Replacement for the PortAudio of another system, below the real sounddevice: device tables, and
streams with a tone.

The C structures are those declared by sounddevice, so names are bytes and settings are flags.
"""

import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import sounddevice

# paInvalidSampleRate: pa_win_wasapi.c returns it for a format that the mixer does not support
UNSUPPORTED_RATE = -9997
INVALID_DEVICE = -9996  # paInvalidDevice: returned if CreateAudioClient failed
# PaHostApiTypeId (portaudio.h)
MME, DIRECTSOUND, WDMKS, WASAPI, ASIO, CORE_AUDIO = (2, 1, 11, 13, 3, 5)
OUTPUT_BUFFER_S = 0.05
AUTO_CONVERT = 1 << 6  # paWinWasapiAutoConvert (pa_win_wasapi.h)


@dataclass(frozen=True, kw_only=True)
class Device:
    name: str
    inputs: int = 0
    outputs: int = 0
    rate_hz: float = 44_100.0
    period_s: float = 0.01
    is_default: bool = False


@dataclass(frozen=True, kw_only=True)
class HostApi:
    kind: int
    name: str
    devices: Sequence[Device]


@dataclass
class Opened:
    """One call of Pa_OpenStream."""

    device: int
    channels: int
    rate_hz: float
    flags: int
    thread: int
    is_closed: bool = False
    written: int = 0
    samples: Callable[[], float] = lambda: 0.25


@dataclass
class FakePortAudio:
    """Use it as `portaudio = FakePortAudio.installed(monkeypatch, hostapis)`."""

    hostapis: Sequence[HostApi]
    opened: list[Opened] = field(default_factory=list)
    opens: Callable[[Opened], int] = lambda stream: 0
    """PortAudio's return value for opening a stream: 0, or one of its errors."""
    samples: Callable[[], float] = lambda: 0.25
    """Value of each sample of an input that is opened from now on."""
    reads: int = 0
    _by_handle: dict[int, Opened] = field(default_factory=dict)
    _allocated: list[Any] = field(default_factory=list)

    @classmethod
    def installed(
        cls, monkeypatch: pytest.MonkeyPatch, hostapis: Sequence[HostApi]
    ) -> "FakePortAudio":
        fake = cls(hostapis)
        monkeypatch.setattr(sounddevice, "_lib", fake)
        return fake

    def __getattr__(self, name: str) -> Any:
        return getattr(_REAL, name)  # constants and texts

    def _devices(self) -> list[tuple[int, Device]]:
        return [
            (index, device) for index, api in enumerate(self.hostapis) for device in api.devices
        ]

    def _first(self, hostapi: int) -> int:
        return sum(len(api.devices) for api in self.hostapis[:hostapi])

    def _default(self, hostapi: int, kind: str) -> int:
        for index, device in enumerate(self.hostapis[hostapi].devices):
            if device.is_default and getattr(device, kind):
                return self._first(hostapi) + index
        return -1

    def _new(self, *what: Any) -> Any:
        self._allocated.append(_FFI.new(*what))
        return self._allocated[-1]

    def Pa_GetHostApiCount(self) -> int:
        return len(self.hostapis)

    def Pa_GetHostApiInfo(self, index: int) -> Any:
        api = self.hostapis[index]
        name = self._new("char[]", api.name.encode())
        defaults = self._default(index, "inputs"), self._default(index, "outputs")
        return self._new("PaHostApiInfo*", (1, api.kind, name, len(api.devices), *defaults))

    def Pa_HostApiDeviceIndexToDeviceIndex(self, hostapi: int, device: int) -> int:
        return self._first(hostapi) + device

    def Pa_HostApiTypeIdToHostApiIndex(self, kind: int) -> int:
        return next((index for index, api in enumerate(self.hostapis) if api.kind == kind), -1)

    def Pa_GetDeviceCount(self) -> int:
        return len(self._devices())

    def Pa_GetDeviceInfo(self, index: int) -> Any:
        hostapi, device = self._devices()[index]
        name = self._new("char[]", device.name.encode(errors="surrogateescape"))
        period = device.period_s
        latencies = (period, period, period, period)
        return self._new(
            "PaDeviceInfo*",
            (2, name, hostapi, device.inputs, device.outputs, *latencies, device.rate_hz),
        )

    def Pa_GetDefaultInputDevice(self) -> int:
        return self._default(0, "inputs")

    def Pa_GetDefaultOutputDevice(self) -> int:
        return self._default(0, "outputs")

    def Pa_OpenStream(
        self,
        stream: Any,
        inputs: Any,
        outputs: Any,
        rate_hz: float,
        block: int,
        flags: int,
        called: Any,
        user: Any,
    ) -> int:
        parameters = inputs or outputs
        extra = parameters.hostApiSpecificStreamInfo
        opened = Opened(
            device=parameters.device,
            channels=parameters.channelCount,
            rate_hz=rate_hz,
            flags=_FFI.cast("PaWasapiStreamInfo*", extra).flags if extra else 0,
            thread=threading.get_ident(),
            samples=self.samples,
        )
        answer = self.opens(opened)
        if answer == 0:
            self.opened.append(opened)
            _HANDLES.append(_FFI.new("char[]", 256))
            self._by_handle[int(_FFI.cast("intptr_t", _HANDLES[-1]))] = opened
            stream[0] = _HANDLES[-1]
        return answer

    def _stream(self, stream: Any) -> Opened:
        return self._by_handle[int(_FFI.cast("intptr_t", stream))]

    def Pa_GetStreamInfo(self, stream: Any) -> Any:
        buffer_s = 0.07  # as from ActivateAudioClientInput: the whole buffer
        return self._new("PaStreamInfo*", (1, buffer_s, buffer_s, self._stream(stream).rate_hz))

    def Pa_StartStream(self, stream: Any) -> int:
        return 0

    def Pa_StopStream(self, stream: Any) -> int:
        return 0

    def Pa_CloseStream(self, stream: Any) -> int:
        self._stream(stream).is_closed = True
        return 0

    def Pa_GetStreamReadAvailable(self, stream: Any) -> int:
        return round(self._stream(stream).rate_hz / 100)

    def Pa_ReadStream(self, stream: Any, data: Any, frames: int) -> int:
        self.reads += 1
        opened = self._stream(stream)
        count = frames * opened.channels
        _FFI.buffer(data, 4 * count)[:] = struct.pack("f", opened.samples()) * count
        return 0

    def Pa_GetStreamWriteAvailable(self, stream: Any) -> int:
        opened = self._stream(stream)
        return max(round(opened.rate_hz * OUTPUT_BUFFER_S) - opened.written, 0)

    def Pa_WriteStream(self, stream: Any, data: Any, frames: int) -> int:
        self._stream(stream).written += frames  # nothing is played
        return 0


_REAL = sounddevice._lib
# Never freed: a stream that a failed test left open passes its handle to the real library, which
# reads that memory to refuse it (PaUtil_ValidateStreamPointer).
_HANDLES: list[Any] = []
_FFI = sounddevice._ffi
