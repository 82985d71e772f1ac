"""The thread of the MIDI ports: finds them by name, reads them, lights their controls, sends the
clock.

    system (C threads) ─► bytes ─► parser ─┬─► clock, timecode: with the time of their arrival
                                           └─► controls ─► deliver (the dispatcher, the map)
    map feedback, beat, timecode ─► queues ─► ports

A device is all ports with its name. If it is plugged in again, it is opened and lit again. A broken
device may send as fast as USB carries: its bytes wait in a bounded queue, the newest values of a
turn are executed (`messages.coalesce`), and the next turn is later.
"""

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Final

from engine.control.midi.clock_out import START, ClockOut, TimecodeOut
from engine.control.midi.messages import Timed, coalesce, control_message, device_slug, time_event
from engine.control.midi.parser import MidiParser
from engine.control.midi.system import Input, LibremidiSystem, Output, Port
from engine.control.outgoing.sender import Sender
from engine.errors import MultiverseError
from engine.osc.decode import Message
from engine.params import ParamStore, Tempo
from engine.params.mapping.controls import MidiEvent
from engine.params.mapping.routes import PORT
from engine.params.timecode import RATES
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard
from engine.system.plain_text import some_of
from engine.system.reporting import Report

log = logging.getLogger(__name__)

ALL: Final = "all"
NO_HARDWARE: Final = re.compile(
    r"midi through|\biac\b|loopmidi|loopbe|app loopback|gs wavetable|fluidsynth|fluid "
    r"synth|timidity",
    re.I,
)
"""Loops of ALSA, macOS and Windows, where all that is sent comes back, and synthesisers that are
programs."""
READ_INTERVAL_S: Final = 0.002
OVERLOAD_INTERVAL_S: Final = 0.01  # of the more messages that wait then, fewer are executed
SEARCH_INTERVAL_S: Final = 0.25
RETRY_S: Final = 5.0  # a port that another program has
MAX_WAITING: Final = 4096  # pieces of data of one port, and messages to one device
SENT_A_TURN: Final = 16  # to one device: MapFeedback sends no more in 1/60 s
CLOSED_WITHIN_S: Final = 3.0
MAX_DELAY_S: Final = 0.05
DRIFT_S: Final = 1e-5  # per message: clocks of two devices differ by less


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiDeviceStatus:
    name: str
    """The name as in the names of its controls."""
    is_read: bool
    is_sent_to: bool
    messages: int
    """Number of messages received from it."""
    left_out: int
    """Number of these messages that newer ones replaced under overload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiStatus:
    wanted: tuple[str, ...]
    """The names of `--midi`."""
    waiting: tuple[str, ...]
    """The names of `--midi` that no port has now."""
    devices: tuple[MidiDeviceStatus, ...]
    detail: str = ""
    """Why there is no MIDI at all, and what to do; "" if there is."""


class ArrivalTimes:
    """Converts a driver's timestamps to the engine's clock. Pure. A message is read up to some
    milliseconds after it arrived, so the smallest delay so far is the distance of the two clocks.
    It follows their drift; a delay far above it means a driver without timestamps, or a restarted
    one: then the distance is measured again."""

    def __init__(self) -> None:
        self._distance_s: float | None = None

    def at_s(self, stamp_s: float, now_s: float) -> float:
        """Arrival time of a message that has the driver's timestamp `stamp_s` and is read at
        `now_s`."""
        late_s = now_s - stamp_s
        if (
            self._distance_s is None
            or not self._distance_s <= late_s <= self._distance_s + MAX_DELAY_S
        ):
            self._distance_s = late_s
        else:
            self._distance_s = min(late_s, self._distance_s + DRIFT_S)
        return stamp_s + self._distance_s


class _Reader:
    """Reads one input port."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[bytes, float]] = deque(maxlen=MAX_WAITING)
        self.times = ArrivalTimes()
        self.parser = MidiParser()
        self.input: Input | None = None

    def take(self, data: bytes, stamp_s: float) -> None:
        self.waiting.append((data, stamp_s))

    def read(self, now_s: float) -> list[Timed]:
        """The messages since the last call."""
        assert self.input is not None
        self.input.poll()
        found: list[Timed] = []
        for _ in range(len(self.waiting)):
            data, stamp_s = self.waiting.popleft()
            at_s = self.times.at_s(stamp_s, now_s)
            found += [(midi, at_s) for midi in self.parser.feed(data)]
        return found


@dataclass(slots=True)
class _Device:
    name: str
    readers: dict[Port, _Reader] = field(default_factory=dict)
    outputs: dict[Port, Output] = field(default_factory=dict)
    to_send: deque[bytes] = field(default_factory=lambda: deque(maxlen=MAX_WAITING))
    down: set[bytes] = field(default_factory=set)
    """Keys that are down, as in `messages.coalesce`."""
    messages: int = 0
    left_out: int = 0
    is_started: bool = False
    """True if it was sent a start of the clock."""


class MidiPorts:
    """The MIDI ports, from `start` to `close`. `status` and `post` on any thread, the rest on its
    own, `midi`."""

    def __init__(
        self,
        port_names: Iterable[str],
        open_system: Callable[[], LibremidiSystem],
        *,
        deliver: Callable[[list[Message], str, float], None],
        take_time: Callable[[MidiEvent, str, float], bool],
        subscribe: Callable[[Sender, str], None],
        unsubscribe: Callable[[str], None],
        farewell: Callable[[str], Iterable[bytes]] = lambda device: (),
        clock_owner: Callable[[], str],
        store: ParamStore,
        tempo: Tempo,
        timecode: Callable[[float], tuple[float, float, str] | None],
        clock: Clock,
        report: Report,
        notice: Callable[[str], None],
    ) -> None:
        """`deliver(messages, sender_name, at_s)` executes controls, `take_time(event, sender_name,
        at_s)` clocks. `subscribe(sender, device)` sends the device its lights as MIDI bytes,
        `farewell(device)` gives what is sent to it at the end. `clock_owner()`: the device that
        leads the beat, which gets no clock back. `timecode(now_s)`: seconds, speed and the rate's
        name, or None."""
        self._port_names = tuple(port_names)
        self._open_system = open_system
        self._deliver = deliver
        self._take_time = take_time
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._farewell = farewell
        self._clock_owner = clock_owner
        self._store = store
        self._tempo = tempo
        self._timecode = timecode
        self._clock = clock
        self._report = report
        self._notice = notice
        self._system: LibremidiSystem | None = None
        self._devices: dict[str, _Device] = {}
        """Replaced as a whole, so read on any thread."""
        self._refused: dict[Port, float] = {}
        """When a port that could not be opened is tried again, by port; includes one that is being
        opened."""
        self._waiting: tuple[str, ...] | None = None
        self._detail = ""
        self._search_s = float("-inf")
        self._read_s = float("-inf")
        self._clock_out = ClockOut()
        self._timecode_out = TimecodeOut()
        self._is_closing = threading.Event()
        self._guard = Guard(log, report, "midi.error", "midi")
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. Never fails: what is missing is reported in one line, and the engine
        runs without MIDI."""
        self._thread = threading.Thread(target=self._run, name="midi", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the clock, close the ports, end the thread. Safe without `start`."""
        self._is_closing.set()
        if self._thread is not None:
            self._thread.join(CLOSED_WITHIN_S)

    def status(self) -> MidiStatus:
        devices = tuple(
            MidiDeviceStatus(
                name=each.name,
                is_read=bool(each.readers),
                is_sent_to=bool(each.outputs),
                messages=each.messages,
                left_out=each.left_out,
            )
            for each in self._devices.values()
        )
        return MidiStatus(
            wanted=self._port_names,
            waiting=self._waiting or (),
            devices=devices,
            detail=self._detail,
        )

    def post(self, device: str, midi: bytes) -> None:
        """Queue one message for a device: a light, a colour. Nothing happens if it is not
        connected."""
        found = self._devices.get(device)
        if found is not None:
            found.to_send.append(midi)

    # -- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        self._guard.attempt(self._start_system, self._keep_reason)
        if self._system is None:
            return
        while not self._is_closing.is_set():
            wait_s = self._guard.attempt(lambda: self.step(self._clock.now_s()))
            # Not a condition's wait, which takes 15 ms on Windows.
            time.sleep(SEARCH_INTERVAL_S if wait_s is None else wait_s)
        self._guard.attempt(self._close_ports)

    def _start_system(self) -> None:
        try:
            self._system = self._open_system()
        except MultiverseError as error:
            self._keep_reason(error)
            self._report("midi.missing", f"--midi: {error}")

    def _keep_reason(self, error: Exception) -> None:
        self._detail = str(error)

    def step(self, now_s: float) -> float:
        """Search, read and send what is due; returns the seconds until the next call."""
        if now_s >= self._search_s:
            self._search_s = now_s + SEARCH_INTERVAL_S
            self._search(now_s)
        if not self._devices:
            return SEARCH_INTERVAL_S
        if now_s >= self._read_s:
            is_behind = any(
                [
                    self._guard.attempt(partial(self._read, each, now_s))
                    for each in self._devices.values()
                ]
            )
            self._read_s = now_s + OVERLOAD_INTERVAL_S if is_behind else now_s
        wait_s = min(READ_INTERVAL_S, self._send_times())
        for device in list(self._devices.values()):
            self._send(
                device,
                [device.to_send.popleft() for _ in range(min(SENT_A_TURN, len(device.to_send)))],
            )
        return wait_s

    def _read(self, device: _Device, now_s: float) -> bool:
        """Execute what a device sent. True if messages were left out."""
        controls: list[Timed] = []
        for reader in device.readers.values():
            for midi, at_s in reader.read(now_s):
                device.messages += 1
                event = time_event(midi, device.name)
                if event is None:
                    controls.append((midi, at_s))
                else:
                    self._take_time(event, PORT + device.name, at_s)
        executed = coalesce(controls, device.down)
        device.left_out += len(controls) - len(executed)
        for _, together in groupby(executed, lambda each: each[1] // READ_INTERVAL_S):
            timed = list(together)
            messages = [control_message(midi, device.name) for midi, _ in timed]
            if found := [message for message in messages if message is not None]:
                self._deliver(found, PORT + device.name, timed[0][1])
        return len(executed) < len(controls)

    # -- sending -----------------------------------------------------------------------------------

    def _send_times(self) -> float:
        """Send the clock and the timecode that are due; returns the seconds until the next of
        them."""
        now_s = self._clock.now_s()
        wait_s = float("inf")
        due: list[bytes] = []
        if self._store.get("/tempo/midi_out"):
            beat = self._tempo.beat_at(now_s)
            due += self._clock_out.due(beat, self._tempo.read_pulse().beats_a_bar)
            wait_s = self._clock_out.wait_s(beat, self._tempo.bpm)
        else:
            due += self._clock_out.stop()
        if due:
            leader = self._clock_owner()
            for device in list(self._devices.values()):
                if device.name != leader:
                    sent = due if device.is_started else self._clock_out.for_late(due)
                    device.is_started = device.is_started or START in sent
                    self._send(device, sent)
        at = self._timecode(now_s) if self._store.get("/timecode/midi_out") else None
        if at is None:
            self._timecode_out.stop()
            return wait_s
        seconds, speed, rate = at
        frames = self._timecode_out.due(seconds, speed, RATES[rate], now_s)
        for device in list(self._devices.values()):
            self._send(device, frames)
        return min(wait_s, self._timecode_out.wait_s(seconds, speed, RATES[rate]))

    def _send(self, device: _Device, messages: Iterable[bytes]) -> None:
        def send() -> None:
            try:
                for midi in messages:
                    for output in device.outputs.values():
                        output.send(midi)
            except OSError as error:
                self._report(
                    f"midi.send.{device.name}", f"midi: {device.name} takes nothing ({error})"
                )

        self._guard.attempt(send)

    # -- opening and closing ports -----------------------------------------------------------------

    def _search(self, now_s: float) -> None:
        assert self._system is not None
        present = self._system.ports()
        matching = [
            port for port in present if any(_matches(name, port) for name in self._port_names)
        ]
        for device in list(self._devices.values()):
            self._close_missing(device, frozenset(matching))
        for port in matching:
            known = self._devices.get(device_slug(port.device))
            if known is not None and (port in known.readers or port in known.outputs):
                continue
            if self._refused.get(port, float("-inf")) <= now_s:
                self._refused[port] = now_s + RETRY_S
                # a broken driver must not stop the others
                self._guard.attempt(partial(self._open, port))
        self._log_waiting(present)

    def _close_missing(self, device: _Device, present: frozenset[Port]) -> None:
        removed = [port for port in (*device.readers, *device.outputs) if port not in present]
        for port in removed:
            closing = device.outputs.pop(port, None) or device.readers.pop(port).input
            if closing is not None:
                self._guard.attempt(closing.close)
        if removed and not device.outputs:
            self._unsubscribe(PORT + device.name)
        if removed and not device.readers and not device.outputs:
            self._devices = {
                name: each for name, each in self._devices.items() if each is not device
            }
            self._report(
                f"midi.gone.{device.name}",
                f"midi: {device.name} is gone; it works again once it is back",
            )

    def _open(self, port: Port) -> None:
        assert self._system is not None
        name = device_slug(port.device)
        device = self._devices.get(name) or _Device(name)
        try:
            if port.is_input:
                reader = _Reader()
                reader.input = self._system.open_input(port, reader.take)
                device.readers[port] = reader
            else:
                device.outputs[port] = self._system.open_output(port)
        except OSError as error:
            self._report(
                f"midi.open.{name}", f"midi: {error}; has another program taken it? Tried again"
            )
            return
        self._refused.pop(port, None)
        if name not in self._devices:
            self._devices = {**self._devices, name: device}
            self._notice(f"midi: {name} is connected")
        if not port.is_input:
            self._subscribe(
                Sender(name=PORT + name, post=partial(self.post, name), at_port=None), name
            )

    def _log_waiting(self, present: list[Port]) -> None:
        """Log which names no port has, when that changes."""
        waiting = tuple(
            name for name in self._port_names if not any(_matches(name, port) for port in present)
        )
        if waiting == self._waiting:
            return
        before = self._waiting or ()
        self._waiting = waiting
        if new := [name for name in waiting if name not in before]:
            known = some_of(dict.fromkeys(port.name for port in present)) if present else "none"
            self._notice(
                f"midi: no port is named {', '.join(new)} (there: {known}); waiting for it"
            )

    def _close_ports(self) -> None:
        for device in self._devices.values():
            if device.outputs:
                self._send(device, (*self._clock_out.stop(), *self._farewell(device.name)))
            for closing in (
                *device.outputs.values(),
                *(reader.input for reader in device.readers.values()),
            ):
                if closing is not None:
                    self._guard.attempt(closing.close)
        self._devices = {}
        if self._system is not None:
            self._system.close()
            self._system = None


def _matches(name: str, port: Port) -> bool:
    if name.casefold() == ALL:
        return not any(NO_HARDWARE.search(each) for each in (port.name, port.device))
    return any(
        name.casefold() in each.casefold()
        for each in (port.name, port.device, device_slug(port.device))
    )
