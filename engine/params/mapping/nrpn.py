"""NRPNs: numbered parameters 0..16383 that a device selects and then sets; each is one control
here. Pure.

| controller | |
|---|---|
| 99, 98 | select an NRPN: the upper and the lower seven bits of its number |
| 101, 100 | select an RPN (pitch bend range, tuning): the values that follow belong to it |
| 6, 38 | the value, coarse and fine |
| 96, 97 | one up, one down |

MIDI 1.0 specifies the order 99, 98, 6, 38. Some devices send 98 first, or 38 before 6, or no 38, or
select only once; see Yoshimi's `Using_NRPNs.txt`, Open Stage Control's `rpn.py` and JUCE's
`juce_MidiRPN.cpp`. So:

- A half of a number stays until it is sent again; one that was never sent is 0. 127 and 127
  deselect and forget both.
- While an NRPN is selected, 6, 38, 96 and 97 are its value; while an RPN is, they are ignored;
  otherwise they are plain controllers. Keyboards leave an RPN selected, so a controller that keeps
  moving without another selection is a knob.
- A device that sends no 38 still reaches the upper end: its 127 is 16383.
- 98 to 101 may be knobs: one that is sent three times in a row, with none of the other seven in
  between, selects nothing.
"""

from typing import Final, Literal, NamedTuple

PAUSE_S = 0.05  # halves of one position are a few ms apart, strokes of a hand much more
HALF = 128
DATA_COARSE = 6
DATA_FINE = 38
DATA_UP = 96
DATA_DOWN = 97
NRPN_FINE = 98
NRPN_COARSE = 99
RPN_FINE = 100
RPN_COARSE = 101
SELECTING: Final = (NRPN_FINE, NRPN_COARSE, RPN_FINE, RPN_COARSE)
SETTING: Final = (DATA_COARSE, DATA_FINE, DATA_UP, DATA_DOWN)
NOTHING: Final = (HALF - 1, HALF - 1)
MIN_KNOB = 3
MAX_RPN_SETTINGS = 4  # after one selection: 6 and 38, twice
WHOLE_OF_COARSE = 129  # 127 * 129 is 16383


class ControllerPair:
    """Two controllers as one 14-bit fader: n is the coarse half (MSB), n + 32 the fine half (LSB).
    Pure.

    The halves arrive one after the other, and the value in between may be off by 128. MIDI 1.0
    requires the coarse half first and allows omitting it while it does not change; some devices
    send the fine half first.

    - Coarse first: a new coarse half alone gives the nearest position that it allows, between the
      old one and the new one.
    - Fine first: the fine half waits for the coarse half.
    - The order is detected by the first half after a pause, because hands move in strokes. A coarse
      half first is final, and so are two fine halves in a row, where the coarse half was omitted.

    `coarse` and `fine` take a half and return the position 0..16383, or None if not known yet."""

    __slots__ = ("_coarse", "_fine", "_is_settled", "_order", "_received_s", "_waiting", "is_whole")

    def __init__(self) -> None:
        self._coarse: int | None = None
        self._fine = 0
        self._waiting: int | None = None
        """A fine half that waits for its coarse half."""
        self._order: Literal["", "coarse", "fine"] = ""
        self._is_settled = False
        self._received_s = float("-inf")
        self.is_whole = False
        """True if the last position is final, because both halves arrived or the other is left
        out."""

    def coarse(self, value: int, now_s: float) -> int:
        """Take a coarse half, 0..127."""
        if self._paused(now_s):
            self._is_settled = self._coarse is not None
            self._order = "coarse"
            self._waiting = None
        self.is_whole = self._waiting is not None and self._order != "coarse"
        if self._waiting is not None and self._order != "coarse":
            self._order = "fine"
            self._fine = self._waiting
            self._waiting = None
        elif self._coarse is None or value > self._coarse:
            self._fine = 0
        elif value < self._coarse:
            self._fine = HALF - 1
        self._coarse = value
        return value * HALF + self._fine

    def fine(self, value: int, now_s: float) -> int | None:
        """Take a fine half, 0..127."""
        if self._paused(now_s):
            if not self._is_settled:
                self._order = "fine"
            self._waiting = None
        elif self._waiting is not None:
            self._order = "coarse"
            self._is_settled = True
        self.is_whole = self._order == "coarse" and self._coarse is not None
        if self._order == "coarse" and self._coarse is not None:
            self._fine = value
            self._waiting = None
            return self._coarse * HALF + value
        self._waiting = value
        return None

    def _paused(self, now_s: float) -> bool:
        """Note the time of a half. True if it starts a new stroke."""
        pause_s = now_s - self._received_s
        self._received_s = now_s
        return pause_s > PAUSE_S


class Selection:
    """The selected NRPN or RPN of one channel of one device."""

    __slots__ = ("_halves", "_is_nrpn", "_knob", "_settings", "_times")

    def __init__(self) -> None:
        self._halves: dict[bool, tuple[int | None, int | None]] = {}
        """Coarse and fine half, by True for NRPN and False for RPN."""
        self._is_nrpn: bool | None = None
        self._knob = 0
        self._times = 0
        self._settings = 0

    @property
    def number(self) -> int | None:
        """The selected NRPN, 0..16383, or None if none or an RPN is selected."""
        if not self._is_nrpn:
            return None
        coarse, fine = self._halves[True]
        return (coarse or 0) * HALF + (fine or 0)

    @property
    def is_empty(self) -> bool:
        """True if neither an NRPN nor an RPN is selected."""
        return self._is_nrpn is None

    def select(self, controller: int, value: int) -> bool:
        """Process one of 98 to 101. False: it is a knob and selects nothing."""
        self._times = self._times + 1 if controller == self._knob else 1
        self._knob = controller
        self._settings = 0
        if self._times >= MIN_KNOB:
            self._forget(controller in (NRPN_FINE, NRPN_COARSE))
            return False
        is_nrpn = controller in (NRPN_FINE, NRPN_COARSE)
        coarse, fine = self._halves.get(is_nrpn, (None, None))
        halves = (value, fine) if controller in (NRPN_COARSE, RPN_COARSE) else (coarse, value)
        if halves == NOTHING:
            self._forget(is_nrpn)
        else:
            self._halves[is_nrpn] = halves
            self._is_nrpn = is_nrpn
        return True

    def was_set(self) -> None:
        """Record that one of 6, 38, 96 and 97 arrived."""
        self._times = 0
        self._settings += 1
        if self._is_nrpn is False and self._settings > MAX_RPN_SETTINGS:
            self._forget(False)

    def _forget(self, is_nrpn: bool) -> None:
        self._halves.pop(is_nrpn, None)
        self._is_nrpn = None


class Position(NamedTuple):
    value: int
    """0..16383."""
    bits: int
    """Number of known bits: 14; 7 for a device without fine halves; 0 while the fine half is still
    to come."""


class DataEntry:
    """The value of one NRPN."""

    __slots__ = ("_fines", "_has_coarse", "_pair")

    def __init__(self) -> None:
        self._pair = ControllerPair()
        self._fines = 0
        self._has_coarse = False

    @property
    def has_fine(self) -> bool:
        return self._fines > 0

    def coarse(self, value: int, now_s: float) -> Position:
        """Take a value of 6, 0..127."""
        self._has_coarse = True
        at = self._pair.coarse(value, now_s)
        if not self._fines:
            return Position(value * WHOLE_OF_COARSE, 7)
        return Position(at, 14 if self._pair.is_whole else 0)

    def fine(self, value: int, now_s: float) -> Position | None:
        """Take a value of 38, 0..127. None: it waits for its coarse half."""
        self._fines += 1
        at = self._pair.fine(value, now_s)
        # a device whose coarse half is always 0
        if at is None and not self._has_coarse and self._fines > 1:
            at = value
        return None if at is None else Position(at, 14)
