"""Sends mapped controls what they should show, where somebody asks for it: lights, rings of encoders, motor faders.

    store changed, map changed ─► owed ─► not under a hand ─► sent, at most 60 times a second

The problem: a parameter is also moved by the page, a preset, a cue, another controller, and then the fader that is
mapped to it stands elsewhere and its lamp lies. Sending every value back at once is no answer: a motor fader fights
with the hand that moves it.

- Only who asks is sent anything (`/map/feedback`, `[[osc.feedback]]` with `send`), never an address that only
  sends.
- A fader is left alone until `HAND_S` after it was last heard; then it gets the value of now, also the one that it has
  sent itself: a motor fader that hears nothing goes back to where it was sent last. A button's light and an encoder's
  ring answer at once, and again when the button is let go, since many devices put its light out by themselves.
- A new subscriber gets everything; after that only what differs from what it was sent last. All is owed again when the
  map changes.
- A program may tell what it was just sent. That is nobody's hand, and is not answered: it would be told again, for
  ever.
- One control that moves several parameters shows the first of them that has something to show.
"""

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from engine.control import Reply
from engine.control.midi_feedback import midi_packets
from engine.control.sender import NO_PORT, Sender
from engine.osc import Message, encode_reply
from engine.params import ParamStore
from engine.params.mapping.controls import Control, Movement
from engine.params.mapping.entry import Entry
from engine.params.mapping.pattern import is_pattern
from engine.params.mapping.policy import shown
from engine.system.guarded_thread import Report
from osc_schema.mapping import FORMS

HAND_S = 0.5
INTERVAL_S = 1 / 60
MAX_PACKETS_A_TURN = 16  # to one subscriber: 960 a second, and a MIDI cable carries 1040 controllers
MAX_SUBSCRIBERS = 16
TAKES: Final = f"takes 1 or 0, a port 1..65535 if it is another one, and a form ({', '.join(FORMS)})"


@dataclass(slots=True, eq=False)
class _Face:
    """A MIDI control, or an OSC address with all its arguments."""

    control: Control
    entries: dict[int, Entry] = field(default_factory=dict)
    """By number of the argument, 0 of MIDI."""
    heard_s: float = float("-inf")

    def is_under_hand(self, now_s: float) -> bool:
        """It was just moved, and has a position that would fight."""
        return now_s - self.heard_s < HAND_S and any(entry.is_fader for entry in self.entries.values())

    def values(self, store: ParamStore) -> tuple[float, ...] | None:
        """What it should show; None: an OSC address one of whose arguments nobody knows."""
        values = [self.entries[number] for number in range(len(self.entries)) if number in self.entries]
        if len(values) < len(self.entries):
            return None
        return tuple(shown(entry, store.get(entry.target)) for entry in values)


@dataclass(slots=True, eq=False)
class _Subscriber:
    target: Sender
    form: str
    is_kept: bool
    """It never asks again, so it makes no room for others."""
    sent: dict[Control, tuple[float, ...]] = field(default_factory=dict)
    owed: dict[Control, None] = field(default_factory=dict)

    def sent_to(self, face: Control, argument: int) -> float | None:
        """What that control was sent last; None: it has been heard since, or nothing was sent."""
        values = self.sent.get(face, ())
        return values[argument] if argument < len(values) else None


class MapFeedback:
    """`poll` on the sending thread, everything else on any."""

    def __init__(
        self,
        store: ParamStore,
        *,
        listener_of: Callable[[Sender], Sender],
        is_behind: Callable[[str], bool],
        report: Report,
    ) -> None:
        """`listener_of(sender)`: where it hears answers. `is_behind(name)`: much that was posted there waits."""
        self._store = store
        self._listener_of = listener_of
        self._is_behind = is_behind
        self._report = report
        self._lock = threading.Lock()
        self._faces: dict[Control, _Face] = {}
        self._faces_of: dict[str, list[_Face]] = {}
        """By target."""
        self._subscribers: dict[str, _Subscriber] = {}
        self._version = store.version
        self._next_s = float("-inf")

    def subscribe(self, target: Sender, form: str, *, is_kept: bool = False) -> None:
        """Send `target` everything in one of `osc_schema.mapping.FORMS`, then what changes; again: all over again.

        `is_kept`: it stands in the configuration.
        """
        with self._lock:
            before = self._subscribers.pop(target.name, None)
            is_kept = is_kept or (before is not None and before.is_kept)
            if len(self._subscribers) >= MAX_SUBSCRIBERS:
                # `min` takes the first of equals: of those that asked, the one that did so longest ago.
                oldest = min(self._subscribers, key=lambda name: self._subscribers[name].is_kept)
                del self._subscribers[oldest]
                self._report("map.feedback", f"{MAX_SUBSCRIBERS} ask for /map/feedback: {oldest} makes room")
            self._subscribers[target.name] = _Subscriber(target, form, is_kept, owed=dict.fromkeys(self._faces))

    def unsubscribe(self, name: str) -> None:
        """The target of that name asks for no more, or is gone."""
        with self._lock:
            self._subscribers.pop(name, None)

    def on_feedback(self, message: Message, sender: Sender) -> None:
        """`/map/feedback`, answered."""

        def log(line: str) -> None:
            self._report("osc.command", f"{line} (from {sender.name})")

        reply = Reply(message.address, self._listener_of(sender).post, log)
        is_on, *rest = message.args or (None,)
        port = rest[0] if rest and isinstance(rest[0], int | float) else None
        rest = rest if port is None else rest[1:]
        form = rest.pop(0) if rest else FORMS[0]
        if not isinstance(is_on, int | float) or rest or form not in FORMS or not (port is None or 1 <= port < 65_536):
            reply.fail(TAKES)
            return
        target = self._listener_of(sender) if port is None else sender.at(port)
        if target is None:
            reply.fail(NO_PORT)
            return
        if is_on:
            self.subscribe(target, str(form))
        else:
            self.unsubscribe(target.name)
        reply.done(int(bool(is_on)), str(form))

    def set_entries(self, entries: Iterable[Entry]) -> None:
        """The map has changed: all is owed again."""
        with self._lock:
            before, self._faces, self._faces_of = self._faces, {}, {}
            for entry in entries:
                if not entry.feedback or is_pattern(entry.control):  # nobody lives at an address with a *
                    continue
                control = entry.control._replace(number=0) if entry.control.kind == "osc" else entry.control
                face = self._faces.setdefault(control, _Face(control))
                if face.entries.setdefault(_argument(entry), entry) is entry:
                    self._faces_of.setdefault(entry.target, []).append(face)
            for control, face in self._faces.items():
                if control in before:
                    face.heard_s = before[control].heard_s
            for subscriber in self._subscribers.values():
                subscriber.owed = dict.fromkeys(self._faces)
                # What is not mapped is not listened to: where it stands when it is mapped again nobody knows.
                subscriber.sent = {control: sent for control, sent in subscriber.sent.items() if control in self._faces}

    def heard(self, movements: Iterable[Movement], now_s: float) -> dict[Control, float]:
        """Somebody has a hand on these: what they show is what the hand does, until it rests.

        What those of them were sent last that were sent something since they were heard, by the control of their entry.
        """
        sent_to: dict[Control, float] = {}
        if not self._subscribers:
            return sent_to
        with self._lock:
            for movement in movements:
                control = movement.control
                is_osc = control.kind == "osc"
                for known in (control._replace(number=0),) if is_osc else {control, control._replace(place="")}:
                    face = self._faces.get(known)
                    if face is None:
                        continue
                    argument = control.number if is_osc else 0
                    for subscriber in self._subscribers.values():
                        sent = subscriber.sent_to(known, argument)
                        if sent is not None:
                            sent_to[known._replace(number=control.number)] = sent
                            if _is_same(movement, sent):
                                continue
                        face.heard_s = now_s
                        subscriber.sent.pop(known, None)
                        subscriber.owed[known] = None
        return sent_to

    def poll(self, now_s: float) -> bool:
        """Send what is due; False while nobody asks for anything."""
        with self._lock:
            changes, self._version = self._store.changes_since(self._version)
            if not self._subscribers:
                return False
            for change in changes:
                for face in self._faces_of.get(change.address, ()):
                    for subscriber in self._subscribers.values():
                        subscriber.owed[face.control] = None
            if now_s >= self._next_s:
                self._next_s = now_s + INTERVAL_S
                for subscriber in self._subscribers.values():
                    self._send(subscriber, now_s)
            return True

    def _send(self, subscriber: _Subscriber, now_s: float) -> None:
        if self._is_behind(subscriber.target.name):
            return
        room = MAX_PACKETS_A_TURN
        for control in list(subscriber.owed):
            face = self._faces[control]
            if face.is_under_hand(now_s):
                continue
            values = face.values(self._store)
            packets = [] if values is None else _packets(control, values, subscriber.form)
            if len(packets) > room:
                return
            del subscriber.owed[control]
            if values is None or not packets or subscriber.sent.get(control) == values:
                continue
            subscriber.sent[control] = values
            for packet in packets:
                subscriber.target.post(packet)
            room -= len(packets)


def _argument(entry: Entry) -> int:
    return entry.control.number if entry.control.kind == "osc" else 0


def _is_same(movement: Movement, sent: float) -> bool:
    """Whether a control tells what it was sent: rounded to a whole number, to 32 bits, or only its coarse half yet."""
    kind, heard = movement.control.kind, movement.value
    if kind in ("cc14", "nrpn") and movement.bits < 14:
        return round(heard) >> 7 == round(sent) >> 7
    return math.isclose(heard, sent, rel_tol=1e-6, abs_tol=1e-6 if kind == "osc" else 0.5)


def _packets(control: Control, values: tuple[float, ...], form: str) -> list[bytes]:
    """Of MIDI in the form of its bridge; of OSC the values at the control's own address."""
    if control.kind != "osc":
        # FORMS are `osc` and the forms of MIDI.
        return [] if form == "osc" else midi_packets(control, values[0], form)  # type: ignore[arg-type]  # see above
    return [encode_reply(control.place, *values)] if form in ("stage", "osc") else []
