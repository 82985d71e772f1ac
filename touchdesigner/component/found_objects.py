"""SAM3 objects, collected from messages until the next frame. Pure.

Each result is a count followed by one message per object, best first. A message may be lost, and
one from an older result may arrive after the count of a newer one: an object beyond the count is
dropped.
"""

from typing import Any

COLUMNS = ("k", "id", "prompt", "score", "cx", "cy", "w", "h")
CHANNEL_OBJECTS = 4
CHANNEL_COLUMNS = ("id", "cx", "cy", "w", "h", "score")
NAMES = (
    "objects",
    *(f"o{k}_{column}" for k in range(1, CHANNEL_OBJECTS + 1) for column in CHANNEL_COLUMNS),
)

_COUNT = "/sam3/objects"
_OBJECT = "/sam3/object/"


class ObjectTable:
    def __init__(self) -> None:
        self._count = 0
        self._rows: dict[int, dict[str, Any]] = {}
        self._is_changed = True  # a saved project still shows old objects

    def take(self, address: str, args: list[Any]) -> bool:
        """Take `/sam3/objects 2`, or `/sam3/object/1` with the values of COLUMNS after k. False for
        other messages."""
        rest = address.removeprefix(_OBJECT)
        if address == _COUNT:
            self._count = int(args[0])
            self._rows = {k: row for k, row in self._rows.items() if k <= self._count}
        elif rest == address or not rest.isdecimal():
            return False
        elif int(rest) <= self._count:
            self._rows[int(rest)] = dict(zip(COLUMNS, (int(rest), *args), strict=True))
        self._is_changed = True
        return True

    def forget(self) -> None:
        """Remove all objects, because the engine has disconnected."""
        self.take(_COUNT, [0])

    def take_changes(self) -> tuple[list[list[Any]], dict[str, float]] | None:
        """Rows of the table, best first, and values by channel name; None if unchanged since the
        last call."""
        if not self._is_changed:
            return None
        self._is_changed = False
        rows = [list(self._rows[k].values()) for k in sorted(self._rows)]
        values = dict.fromkeys(NAMES, 0.0) | {"objects": float(self._count)}
        for k in range(1, CHANNEL_OBJECTS + 1):
            if k in self._rows:
                values |= {
                    f"o{k}_{column}": float(self._rows[k][column]) for column in CHANNEL_COLUMNS
                }
        return rows, values
