"""Lights the pads of grid controllers like the displayed bank; sends only changes, and everything
after a replug."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from engine.control.midi.grids import OFF, Grid, grid_of
from engine.control.outgoing.sender import Sender
from engine.params.banks import BankState
from engine.params.mapping.controls import Control

# at most 32 lights each: fewer than the 1040 messages per second that a MIDI cable carries
INTERVAL_S: Final = 1 / 30


@dataclass(slots=True, eq=False)
class _LitGrid:
    target: Sender
    device: str
    layout: Grid
    sent: dict[int, int] = field(default_factory=dict)
    """Velocity by note."""


class BankLights:
    """The lights of all connected grid controllers. `poll` on the sending thread, the rest on the
    MIDI thread."""

    def __init__(
        self,
        displayed_bank: Callable[[], BankState],
        *,
        beat: Callable[[float], float],
        mapped: Callable[[], Mapping[Control, bool]],
    ) -> None:
        """`beat(now_s)`: the beat at that time; queued pads are lit in its first half. `mapped()`:
        as `ControlMap.controls`; the map's feedback lights these controls."""
        self._displayed_bank = displayed_bank
        self._beat = beat
        self._mapped = mapped
        self._grids: dict[str, _LitGrid] = {}
        """The lit controllers by the target's name; replaced as a whole."""
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
            self._grids = {**self._grids, target.name: _LitGrid(target, device, grid)}

    def end(self, name: str) -> None:
        with self._lock:
            self._grids = {other: grid for other, grid in self._grids.items() if other != name}

    def poll(self, now_s: float) -> bool:
        """Send what has changed; False while there is no grid."""
        if self._grids and now_s >= self._next_s:
            self._next_s = now_s + INTERVAL_S
            bank = self._displayed_bank()
            mapped = self._mapped()
            is_first_half = self._beat(now_s) % 1.0 < 0.5
            with self._lock:
                for grid in self._grids.values():
                    self._light(grid, grid.layout.lights(bank, is_first_half=is_first_half), mapped)
        return bool(self._grids)

    def _light(
        self, grid: _LitGrid, velocities: dict[int, int], mapped: Mapping[Control, bool]
    ) -> None:
        for note, velocity in velocities.items():
            control = Control("note", channel=1, number=note)
            has_feedback = mapped.get(control._replace(source=grid.device), mapped.get(control))
            if has_feedback:
                grid.sent.pop(note, None)
                continue
            if has_feedback is False:  # it was ours until now, and the map will not switch it off
                velocity = OFF
            if grid.sent.get(note) != velocity:
                grid.sent[note] = velocity
                grid.target.post(grid.layout.light(note, velocity))
