"""Echo suppression between parameters and engine, so that a value never loops. Pure: time is an
argument.

TouchDesigner reports a change once per frame, without its cause. A flag set while a value from the
engine is applied would be cleared long before the callback runs. So changes are compared by value:
the value shown last is stored, and a change to exactly that value is ignored.

The engine does not send a client its own changes, but another client's change may arrive while
someone moves the same control here. So for a moment after each sent value, incoming values for that
address are not shown. When the control has stopped moving, the engine is asked for the current
value.
"""

import math
from collections.abc import Iterable

HOLD_S = 0.25  # longer than the round trip to the engine, shorter than people notice
ARRIVAL_S = 2.0  # the engine sends all values within half a second
MAX_ARRIVAL_S = 60.0  # an older engine may not have the value at all
RELATIVE = 1e-6  # numbers are sent as 32-bit floats, with a relative spacing of 1.2e-7
ABSOLUTE = 1e-9

Value = float | int | str | tuple[float, ...]


class Echo:
    """Decides which values are sent to the engine and which incoming ones are displayed."""

    def __init__(self) -> None:
        self._displayed: dict[str, Value] = {}
        self._held_until_s: dict[str, float] = {}
        # By address: when the engine may be asked, and for how long not again.
        self._outdated: dict[str, tuple[float, float]] = {}

    def show(self, address: str, value: Value) -> None:
        """Store the value displayed after an update from the engine, so that it is not sent
        back."""
        self._displayed[address] = value

    def wants_sending(self, address: str, value: Value, now_s: float) -> bool:
        """True if this change was made here; then incoming values of the address are held back."""
        if address in self._displayed and is_same(value, self._displayed[address]):
            return False
        self.move(address, value, now_s)
        return True

    def move(self, address: str, value: Value, now_s: float) -> None:
        """Store a value that is sent from here in any case, and hold back incoming ones."""
        self._displayed[address] = value
        self._held_until_s[address] = now_s + HOLD_S

    def may_show(self, address: str, now_s: float) -> bool:
        """True if a value from the engine should be shown; if not, `take_outdated` will return the
        address."""
        if now_s < self._held_until_s.get(address, -math.inf):
            self._outdated[address] = now_s, ARRIVAL_S
            return False
        self._outdated.pop(address, None)
        return True

    def expect(self, addresses: Iterable[str], now_s: float) -> None:
        """Have `take_outdated` return those of these addresses whose value does not arrive within 2
        s."""
        self._outdated |= dict.fromkeys(addresses, (now_s + ARRIVAL_S, ARRIVAL_S))

    def take_outdated(self, now_s: float) -> list[str]:
        """Addresses that are no longer held back and whose current value the engine must be asked
        for; again after 2 s, 4 s and so on, up to 32 s, if the answer is lost, too."""
        held_s = self._held_until_s
        due = [
            name
            for name, (ask_s, _) in self._outdated.items()
            if now_s >= max(ask_s, held_s.get(name, -math.inf))
        ]
        for address in due:
            _, wait_s = self._outdated[address]
            if wait_s > MAX_ARRIVAL_S:
                del self._outdated[address]
            else:
                self._outdated[address] = now_s + wait_s, 2.0 * wait_s
        return sorted(due)


def is_same(one: Value, other: Value) -> bool:
    """True if equal, numbers up to 32-bit float rounding."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
