"""Grid controllers that play banks without a map: the note and the light of each pad. Pure.

The upper left 4 x 4 of the grid is the displayed bank, the 4 x 4 to its right chooses a bank; the
rest can be mapped.

        1  2  3  4 | 1  2  3  4
    pad 5  6  7  8 | 5  6  7  8  bank
        9 10 11 12 | 9 10 11 12
       13 14 15 16 |13 14 15 16

A light is a note on; its velocity is a colour. The devices with colours share one palette: 1 and 3
are grey and white, then four brightnesses of each of 14 hues follow, the second full and the third
dim. What is queued is blinked by the engine, on its beat: the devices' own blinking follows a MIDI
clock that they may not get.

Sources. Novation: "Launchpad Mini [MK3]", "Launchpad X", "Launchpad Pro [MK3] Programmer's
reference manual":
Programmer mode has notes 11 (lower left) to 88, 10 per row; `F0 00 20 29 02 <0D | 0C | 0E> 0E <1 |
0> F7` enters and leaves it; channel 1 is a static colour. Akai: "APC mini mk2 Communication
Protocol 1.0": notes 0 (lower left) to 63, 8 per row; the channel is the brightness, 7 the full one.
"APC40 Mk2 Communication Protocol 1.2": notes 0 to 39, channel 1 is a solid colour. APC mini's LED
values: 1 green, 3 red, 5 yellow, 6 yellow blinking.
"""

import colorsys
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.osc.decode import Message
from engine.params.banks import BankState, PadState
from engine.params.mapping.controls import MidiEvent

ROWS = 4
COLUMNS = 8
PADS_A_ROW = 4
OFF = 0
GREY = 1
WHITE = 3
RED = 5
AMBER = 9
GREEN = 21
HUES: Final = (0, 20, 60, 100, 120, 126, 140, 156, 200, 220, 240, 260, 300, 340)
"""Hues of the full colours 5, 9, 13 ..., in degrees (Akai's table)."""
MIN_SATURATION: Final = 0.25  # below it a colour is grey
_PALETTE: Final[dict[PadState, int]] = {
    "empty": OFF, "idle": GREY, "faulty": RED, "prepared": AMBER, "queued": GREEN, "on_air": GREEN,
}  # fmt: skip
_MINI: Final[dict[PadState, int]] = {
    "empty": 0,
    "idle": 5,
    "faulty": 3,
    "prepared": 6,
    "queued": 1,
    "on_air": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A kind of grid controller: how it is recognised, and the notes and lights of its pads."""

    ports: str
    """Regular expression that is searched in the device's name (`device_slug`)."""
    first: int
    """Note of the upper left pad."""
    down: int
    """Difference of the notes of two neighbouring rows; they decrease downwards."""
    status: int = 0x90
    """Status byte of the note on that lights a pad."""
    colours: Mapping[PadState, int]
    """Velocities; a device with a palette shows `idle` in the pad's own colour."""
    has_palette: bool = True
    bank: tuple[int, int] = (WHITE, GREY)
    """Velocities of the displayed bank and of the others."""
    begin: tuple[bytes, ...] = ()
    end: tuple[bytes, ...] = ()
    """Messages that take over the pads, and that release them."""

    @property
    def notes(self) -> tuple[int, ...]:
        """Notes of the upper four rows, row by row."""
        return tuple(
            self.first - self.down * row + column
            for row in range(ROWS)
            for column in range(COLUMNS)
        )

    def lights(self, bank: BankState, *, is_first_half: bool) -> dict[int, int]:
        """Velocity of each light, by note. `is_first_half`: of the beat, in which queued pads are
        lit."""
        lights = {}
        for index, note in enumerate(self.notes):
            number, is_pad = _number_at(index)
            if not is_pad:
                lights[note] = OFF if number > bank.banks else self.bank[number != bank.bank]
                continue
            state, colour = bank.pads[number - 1]
            if state == "queued" and not is_first_half:
                state = "idle"
            is_own = state == "idle" and self.has_palette and bool(colour)
            lights[note] = dim(colour) if is_own else self.colours[state]
        return lights

    def light(self, note: int, velocity: int) -> bytes:
        return bytes((self.status, note, velocity))

    def farewell(self) -> tuple[bytes, ...]:
        """Messages that switch all lights off and release the pads."""
        return (*(self.light(note, OFF) for note in self.notes), *self.end)


def _launchpad(ports: str, model: int) -> Grid:
    def mode(programmer: int) -> tuple[bytes]:
        return (bytes((0xF0, 0x00, 0x20, 0x29, 0x02, model, 0x0E, programmer, 0xF7)),)

    return Grid(ports=ports, first=81, down=10, colours=_PALETTE, begin=mode(1), end=mode(0))


GRIDS: Final = (
    _launchpad("launchpad_mini_mk3|lpminimk3", 0x0D),
    _launchpad("launchpad_x|lpx", 0x0C),
    _launchpad("launchpad_pro_mk3|lppromk3", 0x0E),
    Grid(ports="apc_mini_mk2", first=56, down=8, status=0x96, colours=_PALETTE),
    Grid(ports="apc_mini", first=56, down=8, colours=_MINI, has_palette=False, bank=(1, 5)),
    Grid(ports="apc40_mk(ii|2)", first=32, down=8, colours=_PALETTE),
)


def grid_of(device: str) -> Grid | None:
    """The grid of a device, by its name (`device_slug`), or None."""
    return next((grid for grid in GRIDS if re.search(grid.ports, device)), None)


def pad_messages(event: MidiEvent) -> tuple[Message, ...] | None:
    """The messages for a pressed or released pad of a grid; empty for a bank's release, None for
    other controls."""
    grid = grid_of(event.device) if event.kind == "note" and event.channel == 1 else None
    if grid is None or event.number not in grid.notes:
        return None
    number, is_pad = _number_at(grid.notes.index(event.number))
    is_down = int(event.value > 0)
    if is_pad:
        return (Message(f"/pad/{number}", (is_down,), "i"),)
    return (Message("/bank/shown", (number,), "i"),) if is_down else ()


def _number_at(index: int) -> tuple[int, bool]:
    """The number 1..16 at an index 0..31 of the grid, and True for a pad, False for a bank."""
    row, column = divmod(index, COLUMNS)
    return row * PADS_A_ROW + column % PADS_A_ROW + 1, column < PADS_A_ROW


def dim(colour: str) -> int:
    """The palette's dim colour that is nearest in hue to `#rrggbb`."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
    if saturation < MIN_SATURATION:
        return GREY

    def distance(palette_hue: int) -> float:
        turned = abs(hue * 360 - palette_hue) % 360
        return min(turned, 360 - turned)

    return 6 + 4 * HUES.index(min(HUES, key=distance))
