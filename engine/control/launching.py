"""Launching on the beat: changes and commands wait here for the beat, the bar or the four bars they were sent for.

They start in the frame that is nearest to that beat; if the beats are counted anew meanwhile, each waits for the next
such beat of the new count. What comes within `/launch/late_ms` after a beat starts at once, unless something started
there already: a hand is often a little late, and what a program sends on `/launch/started` waits for the next one. The
frame loop runs what is due: only values, and commands that neither wait nor use the disk (`launched_as` of
`CommandTable.add`).
"""

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import osc_schema
from engine.control.look_order import LookOrder, Sent
from engine.control.outgoing.announcements import Tell
from engine.control.outgoing.sender import Reply
from engine.errors import MultiverseError
from engine.osc.decode import Message
from engine.params import ParamStore
from engine.params.fade_time import Pulse, ReadPulse
from engine.params.shader_inputs import ShaderInput
from engine.params.store import PANIC
from engine.values import ComingValues
from osc_schema import Param, ParamType, Rejected, Value
from osc_schema.launch import QUANTA

MAX_WAITING: Final = 256
LOOK: Final = "look"
"""The place of presets and cues: only one of them waits."""
_BARS: Final = {"bar": 1, "4_bars": 4}
_QUANTISE: Final = osc_schema.lookup("/launch/quantise")
assert _QUANTISE is not None
_QUANTA: Final = {word: word for word in QUANTA} | dict(_QUANTISE.former_items)
ROUNDING_BEATS: Final = 1e-6
NEW_COUNT_S: Final = 0.05  # a count that began this long before a frame (reset, MIDI start) is at its first beat
LATE_BEATS: Final = 4  # more than /launch/late_ms of any tempo
MAX_EARLY_BEATS: Final = 0.1  # after a frame that took long, the next one may come sooner


def quantum_of(value: object) -> str | None:
    """The word at the end of a message that names a beat to wait for, as the schema writes it; None for others."""
    return _QUANTA.get(value) if isinstance(value, str) else None


@dataclass(slots=True, kw_only=True, eq=False)
class _Launch:
    name: str
    preset: str
    """The preset that it loads; "" if it loads none."""
    place: str
    quantum: str
    run: Callable[[str], None]
    """Gets the name."""
    drop: Callable[[str], None]
    panics: object
    values: Mapping[str, Value] | None
    """Those that it sets, by address; of a preset None until it is near."""
    is_cut: bool
    """Its preset fades in no time."""
    at_beat: float
    count: tuple[float, int]
    """How the beats were counted when that beat was chosen."""
    told_beats: int | None = None
    """Those left, as told last; None before the first time: until then no frame sees it."""


class Launching:
    """`add`, `drop`, commands: OSC's threads; `step`: the render thread."""

    def __init__(
        self,
        store: ParamStore,
        pulse: ReadPulse,
        tell: Tell,
        values_of: Callable[[str], Mapping[str, Value] | None] = lambda preset: None,
    ) -> None:
        """`pulse()`: the beat of the newest frame. `values_of(preset)`: the values of one that waits, on the render
        thread."""
        self._store, self._pulse, self._tell, self._values_of = store, pulse, tell, values_of
        self._lock = threading.Lock()  # held for moments only; nothing is run or told under it
        self._waiting: dict[str, _Launch] = {}
        self._started: list[_Launch] = []
        """In this frame."""
        self._used: dict[str, tuple[float, tuple[float, int]]] = {}
        """Beat and count of the latest start at each place, of the last LATE_BEATS."""
        self.order = LookOrder(store)
        """Order of the looks that wait, and of `/launch/drop`."""

    def quantum(self, wanted: str | None = None) -> str:
        """The beat to wait for: `wanted`, else that of `/launch/quantise`."""
        return wanted or str(self._store.get("/launch/quantise"))

    def names_a_beat(self, message: Message, param: Param | None) -> bool:
        """True if the word at the end of a message is no value. A word alone is one, except for a trigger."""
        is_alone = len(message.args) == 1 and (param is None or param.type is not ParamType.TRIGGER)
        return bool(message.args) and not is_alone and quantum_of(message.args[-1]) is not None

    def read(self, message: Message, target: Param | ShaderInput | None) -> tuple[Message, str]:
        """The message for a parameter without the beat at its end, and the beat that it waits for: `now` or another."""
        is_event = isinstance(target, ShaderInput) and target.type == "event"
        param = target.param if isinstance(target, ShaderInput) else target
        if self.names_a_beat(message, param):
            return message._replace(args=message.args[:-1]), self.quantum(quantum_of(message.args[-1]))
        return message, self.quantum() if is_event else "now"

    def add(
        self,
        name: str,
        place: str,
        quantum: str,
        run: Callable[[], None],
        drop: Callable[[str], None] = lambda reason: None,
        *,
        sets: Iterable[tuple[Param, Value]] = (),
    ) -> None:
        """Call `run()` on the render thread when the beat comes, or `drop(reason)` on any thread if it never will. It
        replaces what waits at the same `place`. `sets`: the values it sets. Raises Rejected if too much waits."""
        values = {param.address: value for param, value in sets}
        self.add_look(name, quantum, lambda name: run(), drop, preset="", place=place, values=values)

    def add_look(
        self,
        name: str,
        quantum: str,
        run: Callable[[str], None],
        drop: Callable[[str], None],
        *,
        preset: str,
        place: str = LOOK,
        sent: Sent | None = None,
        values: Mapping[str, Value] | None = None,
        is_cut: bool = False,
    ) -> None:
        """Like `add`, for a preset, or a cue that loads it. It may be renamed while it waits: `run(name)` gets the name
        that it has then. `sent`: by `order.sent()`, for a look that had to be read first. `is_cut`: it fades in no
        time."""
        sent = sent or self.order.sent()
        if place == LOOK and (by := self.order.arrive(sent, name)):
            drop(f"superseded by {by}")
            return
        pulse = self._pulse()
        launch = _Launch(
            name=name,
            preset=preset,
            place=place,
            quantum=quantum,
            run=run,
            drop=drop,
            panics=sent.panics,
            values=values,
            is_cut=is_cut,
            at_beat=self._beat_for(quantum, place, pulse),
            count=_count_of(pulse),
        )
        with self._lock:
            if len(self._waiting) >= MAX_WAITING and place not in self._waiting:
                raise Rejected(f"{name}: {MAX_WAITING} changes wait already (/launch/drop takes them back)")
            replaced = self._waiting.pop(place, None)
            self._waiting[place] = launch
        if replaced is not None:
            self._dropped(replaced, f"superseded by {name}")
        self._tell_left(launch, pulse)

    def _beat_for(self, quantum: str, place: str, pulse: Pulse) -> float:
        """The next such beat, or the last one if what is sent now is only a little late."""
        beats = _beats_of(quantum, pulse)
        last = math.floor(_reached(pulse) / beats) * beats
        late_s = float(str(self._store.get("/launch/late_ms"))) / 1000.0
        is_late = 0.0 < late_s >= (pulse.beat - last) * 60.0 / pulse.bpm
        is_used = self._used.get(place) == (last, _count_of(pulse))
        return last if is_late and last and not is_used else last + beats  # 0: the message before began the count

    def rename(self, name: str, new: str) -> None:
        """Follow a preset, or a cue, that was renamed. One without a name has none before, or none any more."""
        launch = self._waiting.get(LOOK)
        if launch is None or not name or not new:
            return
        if launch.preset == name:
            launch.preset = new
        if launch.name == name:
            launch.name, launch.told_beats = new, -1
            self._tell("/launch/dropped", name)

    @property
    def waiting_preset(self) -> str:
        """The preset that waits, by itself or in a cue; "" for none. Any thread."""
        launch = self._waiting.get(LOOK)
        return launch.preset if launch is not None else ""

    def preset_within(self, frames: int) -> str:
        """The preset that starts within so many frames, by itself or in a cue; "" for none. Any thread."""
        launch, pulse = self._waiting.get(LOOK), self._pulse()
        return launch.preset if launch is not None and launch.at_beat - pulse.beat <= frames * pulse.step else ""

    def coming(self, within_s: float) -> list[ComingValues]:
        """The values that are set within that time, each up to the frame in which they are. Of a preset that fades:
        those that change at the beginning of the fade. Render thread."""
        started = [ComingValues(key=launch, values={}, is_due=True) for launch in self._started]
        if not self._waiting:
            return started
        pulse = self._pulse()
        until = pulse.beat + within_s * pulse.bpm / 60.0
        with self._lock:
            near = [launch for launch in self._waiting.values() if launch.at_beat <= until]
        near.sort(key=lambda launch: launch.at_beat)
        return started + [ComingValues(key=launch, values=self._values(launch)) for launch in near]

    def _values(self, launch: _Launch) -> Mapping[str, Value]:
        """Looked up once: a preset has hundreds, and this is asked in each frame."""
        if launch.values is None:
            all_values = (self._values_of(launch.preset) if launch.preset else None) or {}
            at_once = {address: value for address, value in all_values.items() if not _can_glide(address)}
            launch.values = all_values if launch.is_cut else at_once
        return launch.values

    def step(self) -> list[Callable[[], None]]:
        """Take out what is due in this frame, in the order in which it was sent, for the caller to run. Tells what
        still waits."""
        self._started = []
        if not self._waiting:
            return []
        pulse, panics = self._pulse(), self._store.get(PANIC)
        with self._lock:
            waiting = [launch for launch in self._waiting.values() if launch.told_beats is not None]
            for launch in waiting:
                if launch.count != _count_of(pulse):
                    launch.at_beat, launch.count = _next_beat(launch.quantum, pulse), _count_of(pulse)
            lost = [launch for launch in waiting if launch.panics != panics]
            due = [launch for launch in waiting if launch not in lost and _reached(pulse) >= launch.at_beat]
            for launch in (*lost, *due):
                del self._waiting[launch.place]
            if due:
                since, count = pulse.beat - LATE_BEATS, _count_of(pulse)
                recent = {place: used for place, used in self._used.items() if used[0] > since and used[1] == count}
                self._used = recent | {launch.place: (launch.at_beat, launch.count) for launch in due}
        self._started = due
        for launch in lost:
            self._dropped(launch, f"superseded by {PANIC}")
        for launch in waiting:
            if launch in due:
                self._tell("/launch/started", launch.name)
            elif launch not in lost:
                self._tell_left(launch, pulse)
        return [partial(launch.run, launch.name) for launch in due]

    def _tell_left(self, launch: _Launch, pulse: Pulse) -> None:
        """Tell how many beats are left, once a beat."""
        beats_left = math.ceil(launch.at_beat - pulse.beat - ROUNDING_BEATS)
        if beats_left != launch.told_beats:
            self._tell("/launch/queued", launch.name, beats_left, launch.preset)
            launch.told_beats = beats_left

    def _dropped(self, launch: _Launch, reason: str) -> None:
        self._tell("/launch/dropped", launch.name)
        launch.drop(reason)

    # -- commands --------------------------------------------------------------------------------

    def on_drop(self, args: tuple[object, ...], reply: Reply) -> None:
        if len(args) > 1:
            raise MultiverseError("takes the name of what waits, or nothing")
        if not args:
            self.order.arrive(self.order.sent(), "/launch/drop")
        with self._lock:
            found = [launch for launch in self._waiting.values() if not args or launch.name == str(args[0])]
            for launch in found:
                del self._waiting[launch.place]
        for launch in found:
            self._dropped(launch, "taken back")
        reply.done(len(found))

    def on_list(self, args: tuple[object, ...], reply: Reply) -> None:
        with self._lock:
            waiting = sorted(self._waiting.values(), key=lambda launch: launch.at_beat)
        for launch in waiting:
            reply.send("/launch/queued", launch.name, max(launch.told_beats or 0, 0), launch.preset)
        reply.done()


def _beats_of(quantum: str, pulse: Pulse) -> int:
    return _BARS[quantum] * pulse.beats_a_bar if quantum in _BARS else 1


def _next_beat(quantum: str, pulse: Pulse) -> float:
    """The first beat of that kind from this frame on."""
    beats = _beats_of(quantum, pulse)
    return math.ceil((pulse.beat - NEW_COUNT_S * pulse.bpm / 60.0) / beats) * beats


def _can_glide(address: str) -> bool:
    param = osc_schema.lookup(address)
    return param is not None and param.can_glide


def _count_of(pulse: Pulse) -> tuple[float, int]:
    return pulse.jumped, pulse.beats_a_bar


def _reached(pulse: Pulse) -> float:
    """Beats to which this frame is the nearest, and those before."""
    return pulse.beat + min(pulse.step / 2, MAX_EARLY_BEATS) + ROUNDING_BEATS
