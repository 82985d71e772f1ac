"""Remembers what hands have changed, for `/undo` and `/redo`. Any thread; `step` on the render
thread.

One step is one gesture of one sender: all that it changes while it holds a control (`/gesture`),
the values of one group, a control that does not rest for a second, several that begin to move
within a tenth of a second; a preset that was loaded or faded to by hand; an edit of pads.
The store says who has set a value, so what fades, cues, models and the beat set is no
step, nor is a program's stream (`motions.py`).

A step belongs to the look it was made in. Once a cue or the autopilot has brought another one, its
values of the look are passed over. The step of a hand that has brought a look has all values of
both: undone, the look before is as it was, and the steps made in it count again.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import osc_schema
from engine.params.macros import ADDRESSES
from engine.params.macros import BY as MACRO
from engine.params.motions import REST_S, STREAM_S, Motions
from engine.params.store import PANIC, Change, Entries, ParamStore, entries_of
from osc_schema import ParamType, Value
from osc_schema.fx import ALIASES, SLOTS, alias_address, file_address

MAX_STEPS: Final = 100
MACROS: Final = frozenset(ADDRESSES)
TOGETHER_S: Final = 0.1  # two controls that begin to move within this time are moved together
HANDS: Final = (
    "udp ",
    "tcp ",
    "ws ",
    "map ",
    "midi ",
    "/layer/copy",
    "/mod/copy",
    "/macro",
    "panic",
)
"""Beginnings of the names of sources that hands use; no other source makes steps."""
_DRAGGED: Final = (
    ParamType.FLOAT,
    ParamType.STOPS,
    ParamType.INT,
    ParamType.COLOUR,
    ParamType.TEXT,
)
_CROSSFADER: Final = "/preset/crossfader"
_OF_THE_SHOW: Final = (
    *(_CROSSFADER, "/preset/transition", "/preset/blend", "/preset/key", "/preset/take_fade"),
    *("/launch/quantise", "/launch/late_ms", "/tempo/source", "/tempo/bpm", "/tempo/beats_a_bar"),
)
_SWITCHED_ON_AIR: Final = ("/master/strobe/enable", "/master/blackout", "/master/freeze")
"""To undo that one was switched off would flash, darken or stop the picture."""
_PLAYED: Final = frozenset(
    param.address
    for param in osc_schema.PARAMS
    if param.type is not ParamType.TRIGGER
    and (param.stored or param.area == "master" or param.address in _OF_THE_SHOW)
    and param.address not in _SWITCHED_ON_AIR
)
"""Addresses that steps contain: no sinks, no size, no safety."""
_LOOK: Final = _PLAYED.intersection(param.address for param in osc_schema.PARAMS if param.is_look)
_SHADER_OF: Final = {alias_address(slot, n): file_address(slot) for slot in SLOTS for n in ALIASES}
_INPUTS_OF: Final = {
    file_address(slot): [alias_address(slot, n) for n in ALIASES] for slot in SLOTS
}


@dataclass(slots=True, kw_only=True, eq=False)
class Gesture:
    """The changes of one step, by address."""

    by: str = ""
    before: dict[str, Value] = field(default_factory=dict)
    after: dict[str, Value] = field(default_factory=dict)
    preset: str = ""
    """The preset that it brought, or ""."""
    previous: str = ""
    """The preset that was current before."""
    edit: tuple[str, Callable[..., None]] | None = None
    """The name of an edit, and `edit(is_undo, reply)`; None if values were changed."""
    shaders: dict[str, Value] = field(default_factory=dict)
    """The shaders to which changed inputs belong, by the addresses of their files."""
    look: int = 0
    """Number of the look that is on air after it."""
    look_before: int = 0
    number: int = 0
    version: int = 0
    began_s: float = 0.0
    """When the newest of its controls began to move."""
    changed_s: float = 0.0

    def __str__(self) -> str:
        if self.edit is not None:
            return self.edit[0]
        more = f" and {len(self.after) - 1} more" if len(self.after) > 1 else ""
        return f"preset {self.preset}" if self.preset else next(iter(self.after)) + more


class GestureHistory:
    """The gestures that can be undone, and those that can be redone."""

    def __init__(self, store: ParamStore, now_s: Callable[[], float]) -> None:
        self._store = store
        self._now_s = now_s
        self._lock = threading.Lock()
        self._version = store.version
        self._values = store.snapshot().to_dict()
        self._done: deque[Gesture] = deque(maxlen=MAX_STEPS)
        self._undone: deque[Gesture] = deque(maxlen=MAX_STEPS)
        self._count = 0
        self._redo_limit = 0
        """Number of the newest gesture, now and at the last undo or redo: a later one ends redo."""
        self._motions = Motions()
        self._open: dict[tuple[str, str], Gesture] = {}
        """By sender and address; "" in place of an address: the newest of this sender."""
        self._holding: set[str] = set()
        self._look = 0
        self._looks = 0
        """Number of the look on air, and of the newest."""
        self._outgoing: tuple[int, dict[str, Value]] | None = None
        """The look that was left for a flash or a fade by hand, and its values."""

    def step(self, now_s: float) -> None:
        """Read what has changed since the last frame."""
        if self._store.version != self._version:
            with self._lock:
                self._read(now_s)

    def hold(self, sender: str, *, is_pressed: bool) -> None:
        """Begin or end a gesture of this sender."""
        with self._lock:
            self._read(self._now_s())
            self._open = {key: gesture for key, gesture in self._open.items() if key[0] != sender}
            (self._holding.add if is_pressed else self._holding.discard)(sender)

    def add_edit(self, title: str, edit: Callable[..., None]) -> None:
        """Add an edit that is no value. `edit(is_undo, reply)` undoes or redoes it and answers; it
        must not wait."""
        with self._lock:
            self._add(Gesture(edit=(title, edit)))

    def leave(self) -> None:
        """Another look is about to come: loaded, flashed, or faded to by hand."""
        with self._lock:
            self._read(self._now_s())
            self._open.clear()
            self._outgoing = self._outgoing or (self._look, self._values.copy())
            self._looks += 1
            self._look = self._looks

    def come_back(self) -> None:
        """The look that was left is on air again."""
        with self._lock:
            self._read(self._now_s())
            if self._outgoing is not None:
                self._look, _ = self._outgoing
            self._settle()

    def arrive(self, name: str, values: Entries, previous: str, *, is_step: bool = True) -> None:
        """The other look is a preset that is here to stay: add its step, if a hand has brought it.
        `values`: what the preset sets, some of it later."""
        with self._lock:
            self._read(self._now_s())
            if is_step and self._outgoing is not None:
                gesture = self._add(Gesture(preset=name, previous=previous))
                gesture.look_before, before = self._outgoing
                gesture.after = {address: self._values[address] for address in _LOOK}
                gesture.after |= {param.address: value for param, value in values}
                gesture.before = {address: before[address] for address in gesture.after}
            elif not is_step:
                self._forget([param.address for param, _ in values if not param.is_look])
            self._settle()

    def take(self, *, is_undo: bool) -> tuple[Gesture, Entries, dict[str, str]] | None:
        """The newest gesture, or the one undone last; its values before or after it; and the inputs
        that are left out, with their shaders, which no longer play. Passes over gestures of other
        looks, and those whose values are those of now."""
        steps, others = (self._done, self._undone) if is_undo else (self._undone, self._done)
        with self._lock:
            self._read(self._now_s())
            self._open.clear()
            if any(gesture.number > self._redo_limit for gesture in self._done):
                self._undone.clear()
            self._redo_limit = self._count
            for gesture in reversed(tuple(steps)):
                is_of_look = self._look == (gesture.look if is_undo else gesture.look_before)
                values = gesture.before if is_undo else gesture.after
                if not is_of_look:
                    values = (
                        {}
                        if gesture.preset
                        else {each: values[each] for each in values.keys() - _LOOK}
                    )
                absent = self._absent(gesture, values)
                entries = entries_of(item for item in values.items() if item[0] not in absent)
                if not (values or gesture.edit):
                    continue  # it stays: its look may come back
                steps.remove(gesture)
                others.append(gesture)
                if is_of_look:
                    self._look = gesture.look_before if is_undo else gesture.look
                is_new = any(self._values[param.address] != value for param, value in entries)
                if is_new or absent or gesture.edit:
                    return gesture, entries, absent
        return None

    # -- the caller holds the lock ---------------------------------------------------------------

    def _absent(self, gesture: Gesture, values: dict[str, Value]) -> dict[str, str]:
        """The inputs among these values whose shaders no longer play, with the shaders."""
        absent: dict[str, str] = {}
        for address in values:
            file = _SHADER_OF.get(address, "")
            shader = gesture.shaders.get(file)
            if shader not in (None, self._values.get(file)) and file not in values:
                absent[address] = str(shader)
        return absent

    def _settle(self) -> None:
        self._outgoing = None
        self._forget([_CROSSFADER])  # to move it back would begin another fade

    def _read(self, now_s: float) -> None:
        changes, self._version = self._store.changes_since(self._version)
        for change in changes:
            before = self._values[change.address]
            if change.address == PANIC:
                self._outgoing = None
            if before != change.value and change.address in _PLAYED:
                self._record(change, before, now_s)
            self._values[change.address] = change.value

    def _record(self, change: Change, before: Value, now_s: float) -> None:
        address = change.address
        gesture = None
        if change.by == MACRO:  # belongs to the hand that has moved the macro
            moving = (
                each for each in self._open.values() if not each.after.keys().isdisjoint(MACROS)
            )
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

    def _gesture_of(self, change: Change, now_s: float) -> Gesture | None:
        """The gesture of the sender that goes on, or a new one; None for a stream."""
        by = change.by
        address = change.address
        param = osc_schema.lookup(address)
        moved_s, rested_s = self._motions.move(by, address, now_s)
        newest = self._open.get((by, ""))
        own = self._open.get((by, address))
        is_in_gesture = by in self._holding
        if moved_s >= STREAM_S and not is_in_gesture:
            if own is not None:
                self._forget([address], now_s - moved_s, by)
                del self._open[by, address]
            return None
        gesture: Gesture | None = None
        if newest is not None and (is_in_gesture or newest.version == change.version):
            gesture = newest
        elif moved_s > 0.0 and (rested_s <= TOGETHER_S or (param and param.type in _DRAGGED)):
            gesture = own
        elif newest is not None and now_s - newest.began_s <= TOGETHER_S:
            gesture = newest
        if gesture is None:
            for key, each in tuple(self._open.items()):
                if now_s - each.changed_s > REST_S and each.by not in self._holding:
                    del self._open[key]
            gesture = self._add(Gesture(by=by))
        if gesture is not own:
            gesture.began_s = now_s
        self._open[by, address] = self._open[by, ""] = gesture
        gesture.version = change.version
        gesture.changed_s = now_s
        return gesture

    def _forget(self, addresses: Iterable[str], since_s: float = 0.0, by: str = "") -> None:
        """Take addresses, and what a macro among them has moved, out of gestures of a sender or
        all."""
        for steps in (self._done, self._undone):
            for gesture in tuple(steps):
                if gesture.changed_s < since_s or by not in ("", gesture.by):
                    continue
                removed = [address for address in addresses if address in gesture.after]
                for address in list(gesture.before) if MACROS.intersection(removed) else removed:
                    gesture.before.pop(address, None)
                    gesture.after.pop(address, None)
                if not gesture.after and gesture.edit is None:
                    steps.remove(gesture)

    def _add(self, gesture: Gesture) -> Gesture:
        self._count += 1
        gesture.number = self._count
        gesture.look = self._look
        gesture.look_before = self._look
        self._done.append(gesture)
        return gesture
