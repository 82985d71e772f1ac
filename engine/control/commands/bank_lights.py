"""Lights the pads of grid controllers like the shown bank: only what has changed, all of it when one is plugged in."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from engine.control.midi.grids import OFF, Grid, grid_of
from engine.control.outgoing.sender import Sender
from engine.params.banks import ShownPads
from engine.params.mapping.controls import Control

INTERVAL_S: Final = 1 / 30  # at most 32 lights each: fewer than the 1040 messages a second that a MIDI cable carries


@dataclass(slots=True, eq=False)
class _Lit:
    target: Sender
    device: str
    grid: Grid
    sent: dict[int, int] = field(default_factory=dict)
    """Velocity by note."""


class BankLights:
    """`poll` on the sending thread, the rest on the MIDI thread."""

    def __init__(
        self,
        shown: Callable[[], ShownPads],
        *,
        beat: Callable[[float], float],
        mapped: Callable[[], Mapping[Control, bool]],
    ) -> None:
        """`beat(now_s)`: the beat then, whose first half queued pads are lit in. `mapped()`: as
        `ControlMap.controls`; their lights are left to the map."""
        self._shown, self._beat, self._mapped = shown, beat, mapped
        self._lit: dict[str, _Lit] = {}
        """By the target's name; replaced as a whole."""
        self._lock = threading.Lock()
        self._next_s = float("-inf")

    def begin(self, target: Sender, device: str) -> None:
        """Take over the pads of a device that was plugged in, if it is a grid."""
        grid = grid_of(device)
        if grid is None:
            return
        with self._lock:
            for midi in grid.begin:
                target.post(midi)
            self._lit = {**self._lit, target.name: _Lit(target, device, grid)}

    def end(self, name: str) -> None:
        with self._lock:
            self._lit = {other: lit for other, lit in self._lit.items() if other != name}

    def poll(self, now_s: float) -> bool:
        """Send what has changed; False while there is no grid."""
        if self._lit and now_s >= self._next_s:
            self._next_s = now_s + INTERVAL_S
            shown, mapped = self._shown(), self._mapped()
            is_first_half = self._beat(now_s) % 1.0 < 0.5
            with self._lock:
                for lit in self._lit.values():
                    self._light(lit, lit.grid.lights(shown, is_first_half=is_first_half), mapped)
        return bool(self._lit)

    def _light(self, lit: _Lit, wanted: dict[int, int], mapped: Mapping[Control, bool]) -> None:
        for note, velocity in wanted.items():
            control = Control("note", channel=1, number=note)
            has_feedback = mapped.get(control._replace(place=lit.device), mapped.get(control))
            if has_feedback:
                lit.sent.pop(note, None)
                continue
            if has_feedback is False:  # it was ours until now, and the map will not switch it off
                velocity = OFF
            if lit.sent.get(note) != velocity:
                lit.sent[note] = velocity
                lit.target.post(lit.grid.light(note, velocity))
