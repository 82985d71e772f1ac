"""Merges the changes of one bundle, so that only the last value of each address counts.

A bundle of 64 KB can set every parameter four thousand times (`//*`). The store, and for a scheduled bundle the frame
loop, still get only one value per parameter.
"""

from osc_schema import Param, ParamType, Value

MAX_PULLS = 16  # pulls of one trigger in one step: triggers are read once a frame


class Changes:
    """Accepted values, in the order in which their addresses were last set."""

    __slots__ = ("_pulls", "_values", "differing")

    def __init__(self) -> None:
        self._values: dict[str, tuple[Param, Value]] = {}
        self._pulls: dict[str, int] = {}
        self.differing: set[str] = set()
        """Addresses whose accepted value differs from the sent one: the sender must be sent the accepted value."""

    def add(self, param: Param, value: Value, *, differs: bool) -> None:
        address = param.address
        if param.type is ParamType.TRIGGER:
            if not value:  # the button was released; earlier pulls still count
                return
            self._pulls[address] = min(self._pulls.get(address, 0) + 1, MAX_PULLS)
        self._values.pop(address, None)  # move to the end: a panic resets only the changes that came before it
        self._values[address] = (param, value)
        if differs:
            self.differing.add(address)
        else:
            self.differing.discard(address)

    def __len__(self) -> int:
        return len(self._values)

    def for_store(self) -> list[tuple[Param, Value]]:
        """The argument for `ParamStore.apply`; a trigger is listed once for each pull."""
        pulls = self._pulls
        return [item for address, item in self._values.items() for _ in range(pulls.get(address, 1))]
