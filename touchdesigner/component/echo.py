"""What goes out and what comes in, so that a value never runs in circles. Pure; time comes in.

TouchDesigner tells of a change once a frame and does not say who made it: a flag held while a value from the engine is
set is long down again when the callback comes. So changes are told apart by value: what a parameter showed last is
known, and a change to just that is nobody's.

The engine never sends a client its own change, but somebody else's may be on its way while a hand moves the same
control here. For a moment after each value sent, what comes for that address is not shown; when the hand rests the
engine is asked what the value is now, which settles it either way.
"""

import math

HOLD_S = 0.25  # longer than a change is on its way to the engine and back, shorter than a hand notices
RELATIVE = 1e-6  # numbers travel as 32-bit floats, whose spacing is 1.2e-7 of their size
ABSOLUTE = 1e-9

Value = float | int | str | tuple[float, ...]


class Echo:
    def __init__(self) -> None:
        self._shown: dict[str, Value] = {}
        self._held_until_s: dict[str, float] = {}
        self._doubtful: set[str] = set()

    def show(self, address: str, value: Value) -> None:
        """`value` is what TouchDesigner has made of what the engine sent: its change is not to be sent."""
        self._shown[address] = value

    def wants_sending(self, address: str, value: Value, now_s: float) -> bool:
        """Whether this change came from here; holds the address when it did."""
        if address in self._shown and is_same(value, self._shown[address]):
            return False
        self._shown[address] = value
        self._held_until_s[address] = now_s + HOLD_S
        return True

    def may_show(self, address: str, now_s: float) -> bool:
        """Whether a value that the engine sent is to be shown; if not, `take_doubts` will name the address."""
        if now_s < self._held_until_s.get(address, -math.inf):
            self._doubtful.add(address)
            return False
        self._doubtful.discard(address)
        return True

    def take_doubts(self, now_s: float) -> list[str]:
        """Addresses whose hand rests and whose value of now the engine must be asked for."""
        rested = [address for address in self._doubtful if now_s >= self._held_until_s[address]]
        self._doubtful.difference_update(rested)
        return sorted(rested)


def is_same(one: Value, other: Value) -> bool:
    """Equal, numbers up to the rounding of a 32-bit float."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
