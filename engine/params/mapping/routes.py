"""Drops the second copy of MIDI messages that arrive twice: through the engine's port, and through
a bridge. Pure.

An encoder would turn twice as far, a toggle toggle back, and a clock run at twice its tempo. So of
clocks, and of timecodes, one counts at a time: the one that came first, until it has been silent. A
control's message is left out if the same one came by the other way within `WINDOW_S`, once for
each; not among bridges, nor among ports, as two devices may send the same.
"""

from collections import deque
from typing import Final

from engine.params.mapping.controls import MidiEvent
from engine.system.reporting import Report

PORT: Final = "midi "
"""Begins the name of a sender that is a port of ours; its device follows."""
BRIDGE: Final = "bridge"
SILENT_S: Final = 0.5  # a clock at 20 beats/min ticks every 0.125 s
WINDOW_S: Final = 0.05
MAX_UNMATCHED: Final = 1024
MAX_NAMED: Final = 8  # in lines, of the clocks that do not lead


def device_of(sender_name: str) -> str:
    """The device of a port of ours, or `BRIDGE`."""
    return sender_name.removeprefix(PORT) if sender_name.startswith(PORT) else BRIDGE


class OneClock:
    """Selects one of several clocks that may arrive at the same time: the first, until it is
    silent."""

    def __init__(self, kind: str, report: Report) -> None:
        """`kind`: what it is in a line. `report` gets a line for each other clock, and for each new
        leader."""
        self._kind = kind
        self._report = report
        self._owner = ""
        self._received_s = float("-inf")
        self._left_out: set[str] = set()
        """Clocks that a line has named since the leader began."""

    def counts(self, device: str, now_s: float) -> bool:
        """True if this device leads at `now_s`; it does if no other one does."""
        if device != self._owner and now_s - self._received_s < SILENT_S:
            if device not in self._left_out and len(self._left_out) < MAX_NAMED:
                self._left_out.add(device)
                self._report(
                    "clocks",
                    f"{self._kind} of {device} is left out: {self._owner} leads until it is silent",
                )
            return False
        if device != self._owner:
            if self._owner:
                self._report(
                    "clocks", f"{self._kind} of {self._owner} is silent: {device} leads now"
                )
            self._owner = device
            self._left_out.clear()
        self._received_s = now_s
        return True

    def owner(self, now_s: float) -> str:
        """The device that leads, or ""."""
        return self._owner if now_s - self._received_s < SILENT_S else ""


class TwoWays:
    """Recognises messages that arrive a second time, by the other of the two ways. One thread at a
    time."""

    def __init__(self) -> None:
        self._unmatched: dict[tuple[bool, str, int, int, int], deque[tuple[float, str]]] = {}
        self._has_port = False

    def is_repeat(self, event: MidiEvent, device: str, now_s: float) -> bool:
        """True if this event, of a port's `device` or of `BRIDGE`, came by the other way
        already."""
        is_port = device != BRIDGE
        self._has_port = self._has_port or is_port
        if not self._has_port:
            return False
        what = (event.kind, event.channel, event.number, event.value)
        others = self._unmatched.get((not is_port, *what))
        while others and now_s - others[0][0] > WINDOW_S:
            others.popleft()
        if others and _may_be_one(others[0][1], event.device):
            others.popleft()
            return True
        if len(self._unmatched) >= MAX_UNMATCHED:
            self._unmatched.clear()
        self._unmatched.setdefault((is_port, *what), deque(maxlen=16)).append((now_s, event.device))
        return False


def _may_be_one(a: str, b: str) -> bool:
    """True if two names may be of one device: bridges append a port (`nanokontrol2:0`), or send no
    name."""
    a, b = a.casefold().partition(":")[0], b.casefold().partition(":")[0]
    return not a or not b or a in b or b in a
