"""The system's MIDI ports, through libremidi (`pylibremidi`): ALSA, CoreMIDI, Windows.

libremidi reads on threads of its own, which do not run Python, into a queue that `poll` empties on
ours: no C thread waits for the interpreter, and the frame loop for no driver. Each piece of data
has the driver's time, so that a clock's ticks keep their distance however late they are read. It
reports new and removed ports; only then they are listed.

Traps of the library: a callback that raises ends the process, so ours only append. `send_message`
with two numbers takes the second for a length: messages are sent as a list.
"""

import ctypes
import importlib
import re
import sys
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from engine.errors import MultiverseError
from engine.system.installing import install_line

OWN: Final = (
    "libremidi"  # begins the name of the ports of our own connections, which others may list
)
_FURTHER_PORT: Final = re.compile(r"(?:\d+- )?MIDI(?:IN|OUT)\d+ \((.+?)\)?")
NONE_HERE: Final = "this system has no MIDI: ALSA's sequencer is missing (sudo modprobe snd-seq)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    name: str
    """The name as the system displays it."""
    device: str
    """The device, or the program, that the port belongs to; equal for its inputs and outputs."""
    is_input: bool
    """True if we read it."""
    number: tuple[int, int] = (0, 0)
    """The system's own number, which distinguishes two devices of one name. JACK has none."""
    plugged: int = 0
    """How often a port of this name was unplugged: one that was replugged at once has to be opened
    again."""
    handle: Any = field(compare=False)


TakeBytes = Callable[[bytes, float], None]
"""`take(data, stamp_s)`; `stamp_s`: the driver's time in seconds, with any origin. Must not
raise."""


class Input:
    """A port that is read. OSError if another program has it."""

    def __init__(self, lib: Any, api: Any, port: Port, take: TakeBytes) -> None:
        settings = {
            "ignore_sysex": False,
            "ignore_timing": False,
            "on_raw_data": lambda data, stamp_ns: take(bytes(data), stamp_ns * 1e-9),
        }
        reading = lib.InputConfiguration()
        for name, value in settings.items():
            setattr(reading, name, value)
        self._port: Any = lib.MidiIn(reading, api)
        _check(self._port.open_port(port.handle, "multiverse"), port)

    def poll(self) -> None:
        """Pass on what arrived to `take`."""
        self._port.poll()

    def close(self) -> None:
        self._port.close_port()
        self._port = None


class Output:
    """A port that is sent to. OSError if another program has it, or if the device does not take a
    message."""

    def __init__(self, lib: Any, api: Any, port: Port) -> None:
        self._port: Any = lib.MidiOut(lib.OutputConfiguration(), api)
        _check(self._port.open_port(port.handle, "multiverse"), port)

    def send(self, midi: bytes) -> None:
        if error := self._port.send_message(list(midi)):
            raise OSError(str(error))

    def close(self) -> None:
        self._port.close_port()
        self._port = None


def _check(error: Any, port: Port) -> None:
    if error:
        raise OSError(f"{port.name}: {error}")


class LibremidiSystem:
    """The system's MIDI, for the MIDI thread. Raises MultiverseError if the library or the system's
    MIDI is missing."""

    def __init__(self, api: str = "") -> None:
        """`api`: libremidi's name of one, `JACK_MIDI` for example; "": the system's own."""
        self._is_jack = is_jack = api.startswith("JACK")
        if is_jack and sys.platform == "linux":
            # the system's, which knows its server; the package has an old one with it
            with suppress(OSError):
                ctypes.CDLL("libjack.so.0", ctypes.RTLD_GLOBAL)
        try:
            self._lib: Any = importlib.import_module("pylibremidi")
        except ImportError:
            raise MultiverseError(
                f"needs the package pylibremidi: {install_line('[midi]')}"
            ) from None
        lib = self._lib
        self._ports: list[Port] | None = None
        self._pulled: Counter[tuple[bool, str]] = Counter()
        self._api = getattr(lib.API, api) if api else lib.midi1_default_api()
        watching = lib.ObserverConfiguration()
        watching.track_virtual = True
        # None: a new port; else (is_input, name) of a removed one
        news: deque[tuple[bool, str] | None] = deque()
        self._news = news
        # They hold the deque, not us: the garbage collector does not see what a C++ callback holds.
        watching.input_added = lambda port: news.append(None)
        watching.output_added = watching.input_added
        watching.input_removed = lambda port: news.append((True, _name(port, is_jack)))
        watching.output_removed = lambda port: news.append((False, _name(port, is_jack)))
        self._observer: Any = lib.Observer(watching, self._api)
        if self._observer.get_current_api() == lib.API.DUMMY:
            raise MultiverseError(NONE_HERE)

    def ports(self) -> list[Port]:
        """The ports that exist now."""
        self._observer.poll()
        is_new = bool(self._news) or self._ports is None
        while self._news:
            pulled = self._news.popleft()
            if pulled is not None:
                self._pulled[pulled] += 1
        if is_new:
            found = [self._port(port, True) for port in self._observer.get_input_ports()]
            found += [self._port(port, False) for port in self._observer.get_output_ports()]
            self._ports = [port for port in found if not port.device.startswith(OWN)]
        return self._ports or []

    def open_input(self, port: Port, take: TakeBytes) -> Input:
        return Input(self._lib, self._api, port, take)

    def open_output(self, port: Port) -> Output:
        return Output(self._lib, self._api, port)

    def close(self) -> None:
        self._observer = None

    def _port(self, port: Any, is_input: bool) -> Port:
        name = _name(port, self._is_jack)
        device = port.device_name or windows_device(port.port_name) or name
        number = (port.client, port.port)
        if self._is_jack:  # JACK reports those of our own client
            device = name.partition(":")[0]
            number = (0, 0)
        return Port(
            name=name or port.port_name,
            device=device,
            is_input=is_input,
            number=number,
            plugged=self._pulled[is_input, name],
            handle=port,
        )


def windows_device(name: str) -> str:
    """The device of a port that Windows names by itself (WinMM): `Launchpad X` also for its second
    port, `MIDIIN2 (Launchpad X)`, cut after 31 characters, and for `2- Launchpad X`, its name in
    another socket."""
    within = _FURTHER_PORT.fullmatch(name)
    return re.sub(r"^\d+- ", "", within[1] if within else name)


def _name(port: Any, is_jack: bool) -> str:
    """The port's name, in JACK with its client, `Keys:out`; "" if the system displays none."""
    return str(port.port_name if is_jack else port.display_name)
