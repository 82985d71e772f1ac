"""What SAM3 finds, between its messages and the next frame. Pure.

With every result comes how many objects there are, then each of them, best first. A message may be missing, and one of
an older result may come behind the count of a newer one: an object that is not counted is not there.
"""

from typing import Any

COLUMNS = ("k", "id", "prompt", "score", "cx", "cy", "w", "h")
CHANNEL_OBJECTS = 4
CHANNEL_COLUMNS = ("id", "cx", "cy", "w", "h", "score")
NAMES = ("objects", *(f"o{k}_{column}" for k in range(1, CHANNEL_OBJECTS + 1) for column in CHANNEL_COLUMNS))

_COUNT, _OBJECT = "/sam3/objects", "/sam3/object/"


class FoundObjects:
    def __init__(self) -> None:
        self._count = 0
        self._rows: dict[int, dict[str, Any]] = {}
        self._is_changed = True  # a saved project shows what was there when it was saved

    def take(self, address: str, args: list[Any]) -> bool:
        """`/sam3/objects 2`, or `/sam3/object/1` with what stands in COLUMNS behind k; whether it is one of them."""
        place = address.removeprefix(_OBJECT)
        if address == _COUNT:
            self._count = int(args[0])
            self._rows = {k: row for k, row in self._rows.items() if k <= self._count}
        elif place == address or not place.isdecimal():
            return False
        elif int(place) <= self._count:
            self._rows[int(place)] = dict(zip(COLUMNS, (int(place), *args), strict=True))
        self._is_changed = True
        return True

    def forget(self) -> None:
        """Whoever told of them is gone."""
        self.take(_COUNT, [0])

    def take_changes(self) -> tuple[list[list[Any]], dict[str, float]] | None:
        """Rows of the table, best first, and values by channel name; None where nothing has come since the last."""
        if not self._is_changed:
            return None
        self._is_changed = False
        rows = [list(self._rows[k].values()) for k in sorted(self._rows)]
        values = dict.fromkeys(NAMES, 0.0) | {"objects": float(self._count)}
        for k in range(1, CHANNEL_OBJECTS + 1):
            if k in self._rows:
                values |= {f"o{k}_{column}": float(self._rows[k][column]) for column in CHANNEL_COLUMNS}
        return rows, values
