"""The queue of changes and commands that wait for a beat, a bar or four bars before they run
(quantised launch).

Each starts in the frame that is nearest to its beat; if the beat count restarts meanwhile, it waits
for the next such beat of the new count. A message that comes within `/launch/late_ms` after a beat
starts at once, because a hand is often a little late. If something has started on that beat
already, it waits for the next one, so that a program can react to `/launch/started`. The frame loop
runs what is due: only values, and commands that neither wait nor use the disk (`plan_launch` of
`CommandTable.add`).
"""

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import osc_schema
from engine.control.look_order import LookOrder, Ticket
from engine.control.outgoing.announcements import Notify
from engine.control.outgoing.sender import Reply
from engine.osc.decode import Message
from engine.params import ParamStore
from engine.params.fade_time import Pulse, ReadPulse
from engine.params.shader_inputs import ShaderInput
from engine.params.store import PANIC
from engine.values import UpcomingValues
from osc_schema import Param, ParamType, Rejected, Value
from osc_schema.launch import QUANTA

MAX_WAITING: Final = 256
LOOK: Final = "look"
"""Key of presets and cues, of which only one waits."""
NOW: Final = "now"
TAKEN_BACK: Final = "taken back"
_BARS: Final = {"bar": 1, "4_bars": 4}
_QUANTISE: Final = osc_schema.lookup("/launch/quantise")
assert _QUANTISE is not None
_QUANTA: Final = {name: name for name in QUANTA} | dict(_QUANTISE.former_items)
ROUNDING_BEATS: Final = 1e-6
NEW_COUNT_S: Final = (
    0.05  # a count that began this long before a frame (reset, MIDI start) is at its first beat
)
LATE_BEATS: Final = 4  # more than /launch/late_ms of any tempo
MAX_EARLY_BEATS: Final = 0.1  # after a frame that took long, the next one may come sooner


def quantum_of(value: object) -> str | None:
    """The beat that the last argument of a message names, as the schema writes it; None for another
    argument."""
    return _QUANTA.get(value) if isinstance(value, str) else None


@dataclass(slots=True, kw_only=True, eq=False)
class _Launch:
    name: str
    preset: str
    """The preset that it loads; "" if it loads none."""
    key: str
    quantum: str
    run: Callable[[str], None]
    """`run(name)` starts it; the name may have changed while it waited."""
    drop: Callable[[str], None]
    panics: object
    values: Mapping[str, Value] | None
    """The values that it sets, by address; of a preset None until it is near."""
    is_cut: bool
    """True if its preset replaces the old look at once."""
    at_beat: float
    count: tuple[float, int]
    """The beat count (`_count_of`) for which that beat was chosen."""
    notified_beats: int | None = None
    """Beats left, as subscribers were last notified; None before the first time: until then no
    frame sees it."""


class LaunchQueue:
    """Changes and commands that wait for their beat. `step`: the render thread; the rest: OSC's
    threads."""

    def __init__(
        self,
        store: ParamStore,
        pulse: ReadPulse,
        notify: Notify,
        values_of: Callable[[str], Mapping[str, Value] | None] = lambda preset: None,
        must_wait: Callable[[str, bool], bool] = lambda preset, was_expected: False,
    ) -> None:
        """`pulse()`: the beat of the newest frame. `values_of(preset)`: of a waiting one, on the
        render thread. `must_wait(preset, was_expected)`: it cannot be shown yet, and waits for the
        next such beat; `was_expected` if it could be prepared before. Render thread."""
        self._store = store
        self._pulse = pulse
        self._notify = notify
        self._values_of = values_of
        self._must_wait = must_wait
        self._lock = threading.Lock()  # held for moments only; nothing is run or notified under it
        self._waiting: dict[str, _Launch] = {}
        self._started: list[_Launch] = []
        """Those that started in this frame."""
        self._used: dict[str, tuple[float, tuple[float, int]]] = {}
        """Beat and count of the latest start by key, within the last LATE_BEATS."""
        self.order = LookOrder(store)
        """Order of the looks that wait, and of `/launch/drop`."""

    def quantum(self, requested: str | None = None) -> str:
        """The beat to wait for: the requested one, else that of `/launch/quantise`."""
        return requested or str(self._store.get("/launch/quantise"))

    def names_a_beat(self, message: Message, param: Param | None) -> bool:
        """True if the last argument of a message names a beat. A single argument is a value, except
        for a trigger."""
        is_alone = len(message.args) == 1 and (param is None or param.type is not ParamType.TRIGGER)
        return bool(message.args) and not is_alone and quantum_of(message.args[-1]) is not None

    def read(self, message: Message, target: Param | ShaderInput | None) -> tuple[Message, str]:
        """The message for a parameter without the beat at its end, and the beat that it waits for:
        `now` or another."""
        is_event = isinstance(target, ShaderInput) and target.type == "event"
        param = target.param if isinstance(target, ShaderInput) else target
        if self.names_a_beat(message, param):
            return message._replace(args=message.args[:-1]), self.quantum(
                quantum_of(message.args[-1])
            )
        return message, self.quantum() if is_event else "now"

    def add(
        self,
        name: str,
        key: str,
        quantum: str,
        run: Callable[[], None],
        drop: Callable[[str], None] = lambda reason: None,
        *,
        sets: Iterable[tuple[Param, Value]] = (),
    ) -> None:
        """Call `run()` on the render thread when the beat comes, or `drop(reason)` on any thread if
        it never will. It replaces what waits under the same `key`. `sets`: the values it sets.
        Raises Rejected if too much waits."""
        values = {param.address: value for param, value in sets}
        self.add_look(name, quantum, lambda name: run(), drop, preset="", key=key, values=values)

    def add_look(
        self,
        name: str,
        quantum: str,
        run: Callable[[str], None],
        drop: Callable[[str], None],
        *,
        preset: str,
        key: str = LOOK,
        ticket: Ticket | None = None,
        values: Mapping[str, Value] | None = None,
        is_cut: bool = False,
    ) -> None:
        """Like `add`, for a preset, or a cue that loads it. It may be renamed while it waits:
        `run(name)` gets the name that it has then. `ticket`: by `order.new_ticket()`, for a look
        that had to be read from the disk first. `is_cut`: it replaces the old look at once."""
        ticket = ticket or self.order.new_ticket()
        if key == LOOK and (by := self.order.arrive(ticket, name)):
            drop(f"superseded by {by}")
            return
        pulse = self._pulse()
        launch = _Launch(
            name=name,
            preset=preset,
            key=key,
            quantum=quantum,
            run=run,
            drop=drop,
            panics=ticket.panics,
            values=values,
            is_cut=is_cut,
            at_beat=self._beat_for(quantum, key, pulse),
            count=_count_of(pulse),
        )
        with self._lock:
            if len(self._waiting) >= MAX_WAITING and key not in self._waiting:
                raise Rejected(
                    f"{name}: {MAX_WAITING} changes wait already (/launch/drop takes them back)"
                )
            replaced = self._waiting.pop(key, None)
            self._waiting[key] = launch
        if replaced is not None:
            self._drop(replaced, f"superseded by {name}")
        self._notify_beats_left(launch, pulse)

    def _beat_for(self, quantum: str, key: str, pulse: Pulse) -> float:
        """The next such beat, or the last one if the message is only a little late."""
        if quantum == NOW:
            return pulse.beat
        beats = _beats_of(quantum, pulse)
        last = math.floor(_reached(pulse) / beats) * beats
        late_s = self._store.number("/launch/late_ms") / 1000.0
        is_late = 0.0 < late_s >= (pulse.beat - last) * 60.0 / pulse.bpm
        is_used = self._used.get(key) == (last, _count_of(pulse))
        # 0: the previous message began the count
        return last if is_late and last and not is_used else last + beats

    def rename(self, name: str, new: str) -> None:
        """Follow a preset or a cue that was renamed. An empty `name` or `new` (created, deleted) is
        ignored."""
        launch = self._waiting.get(LOOK)
        if launch is None or not name or not new:
            return
        if launch.preset == name:
            launch.preset = new
        if launch.name == name:
            launch.name = new
            launch.notified_beats = -1
            self._notify("/launch/dropped", name)

    @property
    def waiting_preset(self) -> str:
        """The preset that waits, by itself or in a cue; "" for none. Any thread."""
        launch = self._waiting.get(LOOK)
        return launch.preset if launch is not None else ""

    def preset_within(self, frames: int) -> str:
        """The preset that starts within so many frames, by itself or in a cue; "" for none. Any
        thread."""
        launch = self._waiting.get(LOOK)
        pulse = self._pulse()
        return (
            launch.preset
            if launch is not None and launch.at_beat - pulse.beat <= frames * pulse.step
            else ""
        )

    def upcoming(self, within_s: float) -> list[UpcomingValues]:
        """The values that will be set within that time, each listed until the frame that sets them.
        Of a preset that fades: those that change at the beginning of the fade. Render thread."""
        started = [UpcomingValues(key=launch, values={}, is_due=True) for launch in self._started]
        if not self._waiting:
            return started
        pulse = self._pulse()
        until = pulse.beat + within_s * pulse.bpm / 60.0
        with self._lock:
            near = [launch for launch in self._waiting.values() if launch.at_beat <= until]
        near.sort(key=lambda launch: launch.at_beat)
        return started + [
            UpcomingValues(key=launch, values=self._values(launch)) for launch in near
        ]

    def _values(self, launch: _Launch) -> Mapping[str, Value]:
        """The values that a launch sets, looked up once: a preset has hundreds, and each frame
        needs them."""
        if launch.values is None:
            all_values = (self._values_of(launch.preset) if launch.preset else None) or {}
            at_once = {
                address: value for address, value in all_values.items() if not _can_glide(address)
            }
            launch.values = all_values if launch.is_cut else at_once
        return launch.values

    def step(self) -> list[Callable[[], None]]:
        """Remove and return what is due in this frame, in the order in which it was sent, for the
        caller to run. Notifies subscribers of what still waits."""
        self._started = []
        if not self._waiting:
            return []
        pulse = self._pulse()
        panics = self._store.get(PANIC)
        look = self._waiting.get(LOOK)
        is_near = look is not None and look.preset and _reached(pulse) >= look.at_beat
        is_unready = (
            is_near and look is not None and self._must_wait(look.preset, look.quantum != NOW)
        )
        with self._lock:
            waiting = [
                launch for launch in self._waiting.values() if launch.notified_beats is not None
            ]
            for launch in waiting:
                if launch.count != _count_of(pulse):
                    launch.at_beat = _next_beat(launch.quantum, pulse)
                    launch.count = _count_of(pulse)
            panicked = [launch for launch in waiting if launch.panics != panics]
            due = [
                launch
                for launch in waiting
                if launch not in panicked and _reached(pulse) >= launch.at_beat
            ]
            if look in due and is_unready:
                due.remove(look)
                look.at_beat = (
                    pulse.beat
                    if look.quantum == NOW
                    else look.at_beat + _beats_of(look.quantum, pulse)
                )
            for launch in (*panicked, *due):
                del self._waiting[launch.key]
            if due:
                since = pulse.beat - LATE_BEATS
                count = _count_of(pulse)
                recent = {
                    key: used
                    for key, used in self._used.items()
                    if used[0] > since and used[1] == count
                }
                self._used = recent | {launch.key: (launch.at_beat, launch.count) for launch in due}
        self._started = due
        for launch in panicked:
            self._drop(launch, f"superseded by {PANIC}")
        for launch in waiting:
            if launch in due:
                self._notify("/launch/started", launch.name)
            elif launch not in panicked:
                self._notify_beats_left(launch, pulse)
        return [partial(launch.run, launch.name) for launch in due]

    def _notify_beats_left(self, launch: _Launch, pulse: Pulse) -> None:
        """Notify subscribers how many beats are left, once per beat."""
        beats_left = math.ceil(launch.at_beat - pulse.beat - ROUNDING_BEATS)
        if beats_left != launch.notified_beats:
            self._notify("/launch/queued", launch.name, beats_left, launch.preset)
            launch.notified_beats = beats_left

    def _drop(self, launch: _Launch, reason: str) -> None:
        self._notify("/launch/dropped", launch.name)
        launch.drop(reason)

    # -- commands --------------------------------------------------------------------------------

    def on_drop(self, reply: Reply, name: str | None) -> None:
        if name is None:
            self.order.arrive(self.order.new_ticket(), "/launch/drop")
        reply.done(self.take_back(name))

    def take_back(self, name: str | None = None, reason: str = TAKEN_BACK) -> int:
        """Drop what waits under that name, None: all. Returns how many. Any thread."""
        with self._lock:
            found = [launch for launch in self._waiting.values() if name in (None, launch.name)]
            for launch in found:
                del self._waiting[launch.key]
        for launch in found:
            self._drop(launch, reason)
        return len(found)

    def on_list(self, reply: Reply) -> None:
        with self._lock:
            waiting = sorted(self._waiting.values(), key=lambda launch: launch.at_beat)
        for launch in waiting:
            reply.send(
                "/launch/queued", launch.name, max(launch.notified_beats or 0, 0), launch.preset
            )
        reply.done()


def _beats_of(quantum: str, pulse: Pulse) -> int:
    return _BARS[quantum] * pulse.beats_a_bar if quantum in _BARS else 1


def _next_beat(quantum: str, pulse: Pulse) -> float:
    """The first beat of that quantum from this frame on."""
    if quantum == NOW:
        return pulse.beat
    beats = _beats_of(quantum, pulse)
    return math.ceil((pulse.beat - NEW_COUNT_S * pulse.bpm / 60.0) / beats) * beats


def _can_glide(address: str) -> bool:
    param = osc_schema.lookup(address)
    return param is not None and param.can_glide


def _count_of(pulse: Pulse) -> tuple[float, int]:
    return pulse.jumped, pulse.beats_a_bar


def _reached(pulse: Pulse) -> float:
    """The latest beat position that is due in this frame: it is nearest to this frame, or
    earlier."""
    return pulse.beat + min(pulse.step / 2, MAX_EARLY_BEATS) + ROUNDING_BEATS
