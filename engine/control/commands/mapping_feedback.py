"""Sends mapped controls their current value on request: lights, rings of encoders, motor faders.

    store changed, map changed ─► pending ─► not being moved ─► sent, at most 60 times per second

Problem: the page, a preset, a cue or another controller may change a parameter, and then its mapped
fader and light show the wrong value. Sending every value back at once fails: a motor fader fights
with the hand on it.

- Only subscribers get feedback (`/map/feedback`, `[[osc.feedback]]` with `send`), never an address
  that only sends.
- A fader gets nothing until `REST_S` after its last movement, then the current value, even if it
  sent that itself: a motor fader without feedback returns to its last received position. A button's
  light and an encoder's ring get their value at once, and again when the button is released,
  because many devices then switch the light off themselves.
- A new subscriber gets everything, then only values that differ from those sent last. When the map
  changes, everything is sent again.
- A program may echo a value that it was just sent. That is not a movement and is not answered, to
  prevent a loop.
- A control that moves several parameters shows the first one that has a value to show.
"""

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from engine.control import Reply
from engine.control.foreign.midi_bridges import midi_packets
from engine.control.outgoing.sender import NO_PORT, Sender
from engine.errors import MappingError
from engine.osc.encode import encode_reply
from engine.params import ParamStore
from engine.params.mapping.control_map import is_pattern
from engine.params.mapping.controls import Control, Movement
from engine.params.mapping.entry import MapEntry
from engine.params.mapping.policy import control_value
from engine.system.reporting import Report

REST_S = 0.5
INTERVAL_S = 1 / 60
# to one subscriber: 960 per second; a MIDI cable carries 1040 controller messages per second
MAX_PACKETS_A_TURN = 16
MAX_SUBSCRIBERS = 16


@dataclass(slots=True, eq=False)
class _Output:
    """A MIDI control, or an OSC address with all its arguments."""

    control: Control
    entries: dict[int, MapEntry] = field(default_factory=dict)
    """Entries of the map by argument number; 0 for MIDI."""
    moved_s: float = float("-inf")

    def is_being_moved(self, now_s: float) -> bool:
        """True if this is a fader that was just moved, so that feedback would fight the hand."""
        return now_s - self.moved_s < REST_S and any(
            entry.is_fader for entry in self.entries.values()
        )

    def values(self, store: ParamStore) -> tuple[float, ...] | None:
        """The values to show, or None for an OSC address with an argument that is not mapped."""
        values = [
            self.entries[number] for number in range(len(self.entries)) if number in self.entries
        ]
        if len(values) < len(self.entries):
            return None
        return tuple(control_value(entry, store.get(entry.target)) for entry in values)


@dataclass(slots=True, eq=False)
class _Subscriber:
    target: Sender
    form: str
    is_configured: bool
    """True for a subscriber from the configuration: it never subscribes again, so it is removed
    last."""
    device: str = ""
    """The device of one of the engine's MIDI ports, "" for others: it gets bytes, for itself or for
    every device."""
    sent: dict[Control, tuple[float, ...]] = field(default_factory=dict)
    pending: dict[Control, None] = field(default_factory=dict)

    def sent_to(self, output: Control, argument: int) -> float | None:
        """The last value sent to a control, or None if none was sent or it has moved since."""
        values = self.sent.get(output, ())
        return values[argument] if argument < len(values) else None


class MapFeedback:
    """Sends mapped controls their values. `poll` on the sending thread, everything else on any."""

    def __init__(
        self,
        store: ParamStore,
        *,
        listener_of: Callable[[Sender], Sender],
        is_behind: Callable[[str], bool],
        report: Report,
    ) -> None:
        """`listener_of(sender)`: the target for its answers. `is_behind(name)`: True if many
        packets for it wait."""
        self._store = store
        self._listener_of = listener_of
        self._is_behind = is_behind
        self._report = report
        self._lock = threading.Lock()
        self._outputs: dict[Control, _Output] = {}
        self._outputs_of: dict[str, list[_Output]] = {}
        """The outputs by the address of their parameter."""
        self._subscribers: dict[str, _Subscriber] = {}
        self._version = store.version
        self._next_s = float("-inf")

    def subscribe(
        self, target: Sender, form: str, *, is_configured: bool = False, device: str = ""
    ) -> None:
        """Send `target` everything in one of `osc_schema.mapping.FORMS`, then changes. A repeated
        call starts over.

        `is_configured`: it is in the configuration. `device`: of a port of the engine, with the
        form `PORT_FORM`."""
        with self._lock:
            before = self._subscribers.pop(target.name, None)
            is_configured = is_configured or (before is not None and before.is_configured)
            if len(self._subscribers) >= MAX_SUBSCRIBERS:
                # `min` returns the first of equals: the oldest subscription that is not in the
                # configuration.
                oldest = min(
                    self._subscribers, key=lambda name: self._subscribers[name].is_configured
                )
                del self._subscribers[oldest]
                self._report(
                    "map.feedback",
                    f"more than {MAX_SUBSCRIBERS} subscribers of /map/feedback: {oldest}, the "
                    "oldest, is removed",
                )
            self._subscribers[target.name] = _Subscriber(
                target, form, is_configured, device, pending=dict.fromkeys(self._outputs)
            )

    def unsubscribe(self, name: str) -> None:
        """End the subscription of a target. Idempotent."""
        with self._lock:
            self._subscribers.pop(name, None)

    def on_feedback(
        self, sender: Sender, reply: Reply, is_on: bool, port: int | None, form: str
    ) -> None:
        """Execute and answer `/map/feedback`."""
        target = self._listener_of(sender) if port is None else sender.at(port)
        if target is None:
            raise MappingError(NO_PORT)
        if is_on:
            self.subscribe(target, form)
        else:
            self.unsubscribe(target.name)
        reply.done(int(is_on), form)

    def set_entries(self, entries: Iterable[MapEntry]) -> None:
        """Use a changed map; everything is sent again."""
        with self._lock:
            before = self._outputs
            self._outputs = {}
            self._outputs_of = {}
            for entry in entries:
                # no control listens at an address with a *
                if not entry.feedback or is_pattern(entry.control):
                    continue
                control = (
                    entry.control._replace(number=0)
                    if entry.control.kind == "osc"
                    else entry.control
                )
                output = self._outputs.setdefault(control, _Output(control))
                argument = entry.control.number if entry.control.kind == "osc" else 0
                if output.entries.setdefault(argument, entry) is entry:
                    self._outputs_of.setdefault(entry.target, []).append(output)
            for control, output in self._outputs.items():
                if control in before:
                    output.moved_s = before[control].moved_s
            for subscriber in self._subscribers.values():
                subscriber.pending = dict.fromkeys(self._outputs)
                # Movements of unmapped controls are not tracked: their position is unknown once
                # they are mapped again.
                subscriber.sent = {
                    control: sent
                    for control, sent in subscriber.sent.items()
                    if control in self._outputs
                }

    def note_movements(self, movements: Iterable[Movement], now_s: float) -> dict[Control, float]:
        """Record that these controls are being moved, so that they get no feedback until they rest.

        Returns the last value sent to each of them since its previous movement, by the control of
        its entry."""
        sent_to: dict[Control, float] = {}
        if not self._subscribers:
            return sent_to
        with self._lock:
            for movement in movements:
                control = movement.control
                is_osc = control.kind == "osc"
                for known in (
                    (control._replace(number=0),)
                    if is_osc
                    else {control, control._replace(source="")}
                ):
                    output = self._outputs.get(known)
                    if output is None:
                        continue
                    argument = control.number if is_osc else 0
                    for subscriber in self._subscribers.values():
                        sent = subscriber.sent_to(known, argument)
                        if sent is not None:
                            sent_to[known._replace(number=control.number)] = sent
                            if _is_same(movement, sent):
                                continue
                        output.moved_s = now_s
                        subscriber.sent.pop(known, None)
                        subscriber.pending[known] = None
        return sent_to

    def poll(self, now_s: float) -> bool:
        """Send the feedback that is due; False while there are no subscribers."""
        with self._lock:
            changes, self._version = self._store.changes_since(self._version)
            if not self._subscribers:
                return False
            for change in changes:
                for output in self._outputs_of.get(change.address, ()):
                    for subscriber in self._subscribers.values():
                        subscriber.pending[output.control] = None
            if now_s >= self._next_s:
                self._next_s = now_s + INTERVAL_S
                for subscriber in self._subscribers.values():
                    self._send(subscriber, now_s)
            return True

    def _send(self, subscriber: _Subscriber, now_s: float) -> None:
        if self._is_behind(subscriber.target.name):
            return
        room = MAX_PACKETS_A_TURN
        for control in list(subscriber.pending):
            output = self._outputs[control]
            if output.is_being_moved(now_s):
                continue
            values = output.values(self._store)
            is_for_it = not subscriber.device or control.source in ("", subscriber.device)
            packets = (
                _packets(control, values, subscriber.form)
                if values is not None and is_for_it
                else []
            )
            if len(packets) > room:
                return
            del subscriber.pending[control]
            if values is None or not packets or subscriber.sent.get(control) == values:
                continue
            subscriber.sent[control] = values
            for packet in packets:
                subscriber.target.post(packet)
            room -= len(packets)


def _is_same(movement: Movement, sent: float) -> bool:
    """True if a movement echoes a sent value, perhaps rounded (whole number, 32 bits) or only its
    high 7 bits."""
    kind = movement.control.kind
    value = movement.value
    if kind in ("cc14", "nrpn") and movement.bits < 14:
        return round(value) >> 7 == round(sent) >> 7
    return math.isclose(value, sent, rel_tol=1e-6, abs_tol=1e-6 if kind == "osc" else 0.5)


def _packets(control: Control, values: tuple[float, ...], form: str) -> list[bytes]:
    """The packets for a control: MIDI in the bridge's form, OSC as the values at the control's own
    address."""
    if control.kind != "osc":
        # FORMS are `osc` and the forms of MIDI.
        return [] if form == "osc" else midi_packets(control, values[0], form)  # type: ignore[arg-type]  # see above
    return [encode_reply(control.source, *values)] if form in ("stage", "osc") else []
