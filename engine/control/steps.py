"""The steps that a packet becomes (values to set, commands, queries), and the queue of bundles that
are due later.

MIDI arguments from bridges (`m`: port, status, data 1, data 2) are fader positions across the
parameter's range, snapped to its steps: controllers, note velocities (off: the lower end), pressure
and bend. A program change is a menu index or a whole number.

Patterns have two limits, because `//*` matches every parameter: it cannot set protected areas
(picture size, sinks, models, triggers), and patterns set so few values per second that a buffer
full of them delays no `/engine/quit`.
"""

import heapq
import threading
from functools import lru_cache
from typing import Final, NamedTuple

import osc_schema
from engine.control.outgoing.sender import Sender
from engine.osc.decode import Bundle, Impulse, Message, Midi, Rgba, TimeTag, printable
from engine.osc.time_tag import wait_s
from osc_schema import Accepted, Param, ParamType, Rejected, Value
from osc_schema.launch import QUANTA
from osc_schema.scale import nearest_step, scale_of

PLAIN_TAGS: Final = frozenset("fisTFdhScN")  # a single argument of these types needs no conversion
VALUES_PER_SECOND: Final = (
    50_000  # of all patterns: 0.15 s of the OSC thread; `/layer/*/angle` at 1 kHz has 4000
)
MAX_PULLS: Final = 16  # of one trigger in one step: triggers are read once per frame
BYTES_A_VALUE: Final = 16  # bytes of a queued packet that count as one value
MAX_WAIT_S: Final = 10.0
# osc.js sends the present time as the tag, some ms old: a bundle is late only beyond a frame
LATE_S: Final = 1 / 60
MAX_BUNDLES: Final = 1024
MAX_VALUES: Final = (
    16_384  # in all queued bundles: if all are due at once, the frame takes 5 ms longer
)

_NOTE_OFF = 0x80
_NOTE_ON = 0x90
_CONTROLLER = 0xB0
_PROGRAM = 0xC0
_PRESSURE = 0xD0
_BEND = 0xE0
_SEVEN_BITS = 127
_FOURTEEN_BITS = 16_383
_KINDS: Final = {Rgba: "a colour", Impulse: "an impulse", TimeTag: "a time tag", bytes: "a blob"}


def value_of(param: Param, args: tuple[object, ...]) -> object:
    """Convert `args` to one value for `accept`. Raises Rejected."""
    if len(args) == 1:
        return _single(param, args[0])
    if not args:
        if param.type is ParamType.TRIGGER:
            return None
        raise Rejected(f"{param.address}: needs a value")
    if param.type is ParamType.COLOUR:
        return args
    more = f"not {len(args)}"
    last = args[-1]
    if isinstance(last, str):
        more = f"and perhaps when: {', '.join(QUANTA)}; not {last[:40]!r}"
    raise Rejected(f"{param.address}: takes one value, {more}")


def differs(param: Param, value: object, accepted: Accepted) -> bool:
    """True if the sender must be sent the value, because its display now differs from it. Sending 1
    for on, or an index for a menu item, is not wrong."""
    is_wrapped = param.out_of_range == "wrap" and accepted.value != value
    return bool(accepted.note) or is_wrapped


def _single(param: Param, value: object) -> object:
    if isinstance(value, Midi):
        return _of_midi(param, value)
    if isinstance(value, Rgba) and param.type is ParamType.COLOUR:
        return tuple(part / 255 for part in value)
    if isinstance(value, Impulse) and param.type is ParamType.TRIGGER:
        return None
    if isinstance(value, Rgba | Impulse | TimeTag | bytes):
        raise Rejected(f"{param.address}: {_KINDS[type(value)]} cannot set this parameter")
    if isinstance(value, tuple):
        return value_of(param, value)  # an array; the decoder bounds its depth
    return value


def _of_midi(param: Param, midi: Midi) -> object:
    event = midi.status & 0xF0
    if event == _PROGRAM and param.type in (ParamType.MENU, ParamType.INT):
        return midi.data1
    position = _position(event, midi)
    if position is None or param.type in (ParamType.TEXT, ParamType.FILE, ParamType.COLOUR):
        raise Rejected(f"{param.address}: MIDI {bytes(midi).hex(' ')} cannot set this parameter")
    if param.type is ParamType.BOOL:
        return position >= 0.5 if event == _CONTROLLER else position > 0.0
    if param.type is ParamType.TRIGGER:
        return position > 0.0
    value = scale_of(param).value_at(position)
    if param.type in (ParamType.INT, ParamType.MENU):
        return nearest_step(value, param.step)
    return value


def _position(event: int, midi: Midi) -> float | None:
    """The fader position of a MIDI event, 0..1, or None for other kinds of events."""
    if event == _NOTE_OFF:
        return 0.0
    if event in (_NOTE_ON, _CONTROLLER):
        return (midi.data2 & 0x7F) / _SEVEN_BITS
    if event == _PRESSURE:
        return (midi.data1 & 0x7F) / _SEVEN_BITS
    if event == _BEND:
        high = midi.data2 & 0x7F
        low = midi.data1 & 0x7F
        return (high << 7 | low) / _FOURTEEN_BITS
    return None


@lru_cache(maxsize=1024)
def settable(address: str) -> tuple[Param, ...]:
    """The parameters that a pattern may set; none if `address` is not a pattern or matches nothing.
    Protected areas (`/engine`, `/sink` ...) and triggers are set only by a pattern whose first part
    has no wildcard (`/sink/*/enable`). Raises Rejected if a pattern matches nothing else, and if it
    is malformed."""
    if not osc_schema.is_pattern(address):
        return ()
    params = osc_schema.match(address)
    area = address.split("/", 2)[1]
    if area and not osc_schema.is_pattern(area):
        return params
    harmless = tuple(
        param
        for param in params
        if param.area not in osc_schema.FULLY_NAMED and param.type is not ParamType.TRIGGER
    )
    if params and not harmless:
        example = f"/{params[0].area}/*"
        raise Rejected(
            f"{printable(address)}: patterns set this only with the first part in full, as in "
            f"{example}"
        )
    return harmless


def by_due_time(bundle: Bundle, wall_s: float) -> tuple[dict[float, list[Message]], int]:
    """The messages of a bundle by the seconds until they are due, and the number of late bundles in
    it. An inner bundle is never due before its outer one."""
    groups: dict[float, list[Message]] = {}
    return groups, _group(bundle, 0.0, wall_s, groups)


def _group(
    bundle: Bundle, outer_s: float, wall_s: float, groups: dict[float, list[Message]]
) -> int:
    own_s = wait_s(bundle.time_tag, wall_s)
    due_s = max(own_s, outer_s)
    messages = groups.setdefault(due_s, [])
    late = int(own_s < -LATE_S)
    for element in bundle.elements:
        if isinstance(element, Message):
            messages.append(element)
        else:
            late += _group(element, due_s, wall_s, groups)
    return late


class Changes:
    """Accepted values of one step, one per address, ordered by when each was last set. A bundle of
    64 KB can set every parameter four thousand times (`//*`); the store and the frame loop get one
    value for each."""

    __slots__ = ("_pulls", "_values", "differing", "launches", "together")

    def __init__(self, together: set[str]) -> None:
        """`together`: addresses that the packet sets in all its steps; the steps share this set."""
        self.together = together
        self._values: dict[str, tuple[Param, Value]] = {}
        self._pulls: dict[str, int] = {}
        self.differing: set[str] = set()
        """Addresses whose accepted value differs from the sent one: the sender must be sent the
        accepted value."""
        self.launches: list[tuple[Message, str, Changes]] = []
        """(message, beat, changes) of each message whose changes wait for that beat once these are
        applied."""

    def add(
        self,
        param: Param,
        value: Value,
        *,
        differs: bool,
    ) -> None:
        address = param.address
        if param.type is ParamType.TRIGGER:
            if not value:  # the button was released; earlier pulls still count
                return
            pulls = self._pulls.get(address, 0) + 1
            self._pulls[address] = min(pulls, MAX_PULLS)
        self.together.add(address)
        # move to the end: a panic resets only the changes that came before it
        self._values.pop(address, None)
        self._values[address] = (param, value)
        if differs:
            self.differing.add(address)
        else:
            self.differing.discard(address)

    def __len__(self) -> int:
        """Number of values, including those that wait for a beat."""
        waiting = sum(len(changes) for _, _, changes in self.launches)
        return len(self._values) + waiting

    def for_store(self) -> list[tuple[Param, Value]]:
        """The argument for `ParamStore.apply`; a trigger is listed once for each pull."""
        return [
            item
            for address, item in self._values.items()
            for _ in range(self._pulls.get(address, 1))
        ]


class Step(NamedTuple):
    what: Changes | Message
    """Values to set, or a command or question to run."""
    sender: Sender
    """The packet's sender; named `map` if the step comes from a mapped control."""


def cost_of(steps: list[Step], packet_bytes: int) -> int:
    """Values that these steps use of the queue's capacity. `packet_bytes`: of the packet that
    commands retain."""
    commands = sum(isinstance(step.what, Message) for step in steps)
    values = sum(len(step.what) for step in steps if isinstance(step.what, Changes))
    if commands:
        commands += packet_bytes // BYTES_A_VALUE
    return values + commands


class BundleQueue:
    """The bounded queue of steps that wait for their bundle's time tag, by due time (engine's
    clock), then by arrival. The receiving thread fills it, the frame loop empties it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heap: list[
            tuple[float, int, int, list[Step]]
        ] = []  # due time, number of arrival, values, steps
        self._arrivals = 0
        self._values = 0

    def add(
        self,
        due_s: float,
        values: int,
        steps: list[Step],
    ) -> bool:
        """Queue steps, which count as `values` values, until `due_s`; False if the queue is
        full."""
        with self._lock:
            if len(self._heap) >= MAX_BUNDLES or self._values + values > MAX_VALUES:
                return False
            self._arrivals += 1
            self._values += values
            heapq.heappush(self._heap, (due_s, self._arrivals, values, steps))
            return True

    def take_due(self, now_s: float) -> list[list[Step]]:
        """Remove and return the steps of each bundle that is due, in time order."""
        if not self._heap:  # called every frame: takes no lock if nothing is queued
            return []
        due: list[list[Step]] = []
        with self._lock:
            while self._heap and self._heap[0][0] <= now_s:
                _, _, values, steps = heapq.heappop(self._heap)
                self._values -= values
                due.append(steps)
        return due
