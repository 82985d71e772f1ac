"""Values that are set together, gathered from one bundle: of each address only the last one counts.

A bundle of 64 KB can name every parameter four thousand times (`//*`). The store's lock, and the frame loop when
the bundle was scheduled, meet one value a parameter all the same.
"""

from osc_schema import Param, ParamType, Value

MAX_PULLS = 16  # of one trigger in one step: whoever acts on it looks once a frame


class Changes:
    """Accepted values in the order in which their addresses were last named."""

    __slots__ = ("_pulls", "_values", "differing")

    def __init__(self) -> None:
        self._values: dict[str, tuple[Param, Value]] = {}
        self._pulls: dict[str, int] = {}
        self.differing: set[str] = set()
        """Addresses whose accepted value is not the one that was sent: the sender must be told."""

    def add(self, param: Param, value: Value, *, differs: bool) -> None:
        address = param.address
        if param.type is ParamType.TRIGGER:
            if not value:  # the button was let go: what was pulled before it stays pulled
                return
            self._pulls[address] = min(self._pulls.get(address, 0) + 1, MAX_PULLS)
        self._values.pop(address, None)  # to the end: panic resets what stands before it, not what comes after
        self._values[address] = (param, value)
        if differs:
            self.differing.add(address)
        else:
            self.differing.discard(address)

    def __len__(self) -> int:
        return len(self._values)

    def for_store(self) -> list[tuple[Param, Value]]:
        """What `ParamStore.apply` takes; a trigger stands there once for each pull."""
        pulls = self._pulls
        return [item for address, item in self._values.items() for _ in range(pulls.get(address, 1))]
