"""Remembers what hands have changed, for `/undo` and `/redo`. Any thread; `step` on the render thread.

One step is one gesture of one sender: all that it changes while it holds a control (`/gesture`), the values of one
group, a control that does not rest for a second, several that move within a tenth of a second; or a preset that was
loaded by hand. The store says who has set a value, so what fades, cues, models and the beat set is no step.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import osc_schema
from engine.params.macros import ADDRESSES as MACROS
from engine.params.macros import BY as MACRO
from engine.params.store import Change, Entries, ParamStore, entries_of
from osc_schema import ParamType, Value
from osc_schema.fx import ALIASES, SLOTS, alias_address, file_address

MAX_STEPS: Final = 100
REST_S: Final = 1.0  # without a change, then the gesture of a controller has ended
TOGETHER_S: Final = 0.1  # two controls that move within this time are moved together
HANDS: Final = ("udp ", "tcp ", "ws ", "map ", "midi ", "/layer/copy", "/mod/copy", "/macro", "panic")
"""Beginnings of the names of sources that hands use; no other source makes steps."""
_DRAGGED: Final = (ParamType.FLOAT, ParamType.STOPS, ParamType.INT, ParamType.COLOUR, ParamType.TEXT)
_OF_TAKES: Final = ("/preset/crossfader", "/preset/transition", "/preset/blend", "/preset/key")
_SWITCHED_ON_AIR: Final = ("/master/strobe/enable", "/master/blackout", "/master/freeze")
"""To undo that one was switched off would flash, darken or stop the picture."""
_PLAYED: Final = frozenset(
    param.address
    for param in osc_schema.PARAMS
    if param.type is not ParamType.TRIGGER
    and (param.stored or param.area == "master" or param.address in _OF_TAKES)
    and param.address not in _SWITCHED_ON_AIR
)
"""Addresses that steps contain: no sinks, no size, no safety."""
_SHADER_OF: Final = {alias_address(slot, n): file_address(slot) for slot in SLOTS for n in ALIASES}
_INPUTS_OF: Final = {file_address(slot): [alias_address(slot, n) for n in ALIASES] for slot in SLOTS}


@dataclass(slots=True, kw_only=True, eq=False)
class Gesture:
    """The changes of one step, by address."""

    before: dict[str, Value] = field(default_factory=dict)
    after: dict[str, Value] = field(default_factory=dict)
    preset: str = ""
    """The preset that it loaded, or ""."""
    previous: str = ""
    """The preset that was current before."""
    shaders: dict[str, Value] = field(default_factory=dict)
    """The shaders to which changed inputs belong, by the addresses of their files."""
    version: int = 0
    changed_s: float = 0.0

    def __str__(self) -> str:
        more = f" and {len(self.after) - 1} more" if len(self.after) > 1 else ""
        return f"preset {self.preset}" if self.preset else next(iter(self.after)) + more


class GestureHistory:
    """The gestures that can be undone, and those that can be redone."""

    def __init__(self, store: ParamStore, now_s: Callable[[], float]) -> None:
        self._store, self._now_s = store, now_s
        self._lock = threading.Lock()
        self._version, self._values = store.version, store.snapshot().to_dict()
        self._done: deque[Gesture] = deque(maxlen=MAX_STEPS)
        self._undone: deque[Gesture] = deque(maxlen=MAX_STEPS)
        self._open: dict[str, Gesture] = {}  # by sender
        self._holding: set[str] = set()

    def step(self, now_s: float) -> None:
        """Read what has changed since the last frame."""
        if self._store.version != self._version:
            with self._lock:
                self._read(now_s)

    def hold(self, sender: str, *, is_pressed: bool) -> None:
        """Begin or end a gesture of this sender."""
        with self._lock:
            self._read(self._now_s())
            self._open.pop(sender, None)
            (self._holding.add if is_pressed else self._holding.discard)(sender)

    def add_preset(self, name: str, values: Entries, previous: str) -> None:
        """Add the step of a preset that is about to be loaded by hand."""
        with self._lock:
            self._read(self._now_s())
            after = {param.address: value for param, value in values if param.address in _PLAYED}
            before = {address: self._values[address] for address in after}
            self._add(Gesture(preset=name, previous=previous, before=before, after=after))
            self._open.clear()

    def take(self, *, is_undo: bool) -> tuple[Gesture, Entries, dict[str, str]] | None:
        """The newest gesture, or the one undone last; its values before or after it; and the inputs that are left out,
        with their shaders, which no longer play. Gestures whose values are those of now are passed over."""
        steps, others = (self._done, self._undone) if is_undo else (self._undone, self._done)
        with self._lock:
            self._read(self._now_s())
            self._open.clear()
            while steps:
                others.append(gesture := steps.pop())
                absent: dict[str, str] = {}
                values = gesture.before if is_undo else gesture.after
                for address in values:
                    shader = gesture.shaders.get(file := _SHADER_OF.get(address, ""))
                    if shader not in (None, self._values.get(file)) and file not in values:
                        absent[address] = str(shader)
                entries = entries_of(entry for entry in values.items() if entry[0] not in absent)
                if absent or any(self._values[param.address] != value for param, value in entries):
                    return gesture, entries, absent
        return None

    # -- the caller holds the lock ---------------------------------------------------------------

    def _read(self, now_s: float) -> None:
        changes, self._version = self._store.changes_since(self._version)
        for change in changes:
            before = self._values[change.address]
            if before != change.value and change.address in _PLAYED:
                self._record(change, before, now_s)
            self._values[change.address] = change.value

    def _record(self, change: Change, before: Value, now_s: float) -> None:
        address, gesture = change.address, None
        if change.by == MACRO:  # belongs to the hand that has moved the macro
            moving = (each for each in self._open.values() if not each.after.keys().isdisjoint(MACROS))
            gesture = max(moving, key=lambda each: each.changed_s, default=None)
        elif change.by.startswith(HANDS):
            gesture = self._gesture_of(change, now_s)
        if gesture is None:
            return
        gesture.before.setdefault(address, before)
        gesture.after[address] = change.value
        if file := _SHADER_OF.get(address):
            gesture.shaders.setdefault(file, self._values[file])
        for alias in _INPUTS_OF.get(address, ()):  # another shader sets its own
            gesture.before.setdefault(alias, self._values[alias])

    def _gesture_of(self, change: Change, now_s: float) -> Gesture:
        """The gesture of the sender that goes on, or a new one."""
        gesture, param = self._open.get(change.by), osc_schema.lookup(change.address)
        if gesture is not None and param is not None:
            is_dragged = change.address in gesture.after and param.type in _DRAGGED
            is_one = gesture.version == change.version or change.by in self._holding
            if not is_one and now_s - gesture.changed_s > (REST_S if is_dragged else TOGETHER_S):
                gesture = None
        if gesture is None:
            ended = [by for by, each in self._open.items() if now_s - each.changed_s > REST_S]
            for by in set(ended) - self._holding:
                del self._open[by]
            gesture = self._open[change.by] = self._add(Gesture())
        gesture.version, gesture.changed_s = change.version, now_s
        return gesture

    def _add(self, gesture: Gesture) -> Gesture:
        self._done.append(gesture)
        self._undone.clear()
        return gesture
