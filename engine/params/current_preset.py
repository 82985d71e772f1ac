"""Which preset is on, and whether it is still what was loaded: the name a performer reads beside the picture.

A preset is on from the moment it is loaded, by whoever it is (OSC, the page, a cue, `--preset`), or saved: then it is
what is on screen. It stays on, marked as edited, while any value that it holds is another now; moved back, the mark
goes. While a fade to it is under way, what has not arrived yet is no edit. Nothing is on at the start and after the
preset was deleted.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import osc_schema
from engine.params.preset_file import LoadedPreset
from engine.params.store import ParamStore, Snapshot
from osc_schema import Rejected, Value

ADDRESS = "/preset/current"


@dataclass(slots=True, kw_only=True, eq=False)
class _On:
    name: str
    values: dict[str, Value]
    is_on_its_way: bool


class CurrentPreset:
    """`step` on the frame loop's thread, everything else on any."""

    def __init__(self, store: ParamStore, tell: Callable[..., None]) -> None:
        """`tell(address, *args)` hears `/preset/current <name> <edited>` at each change; it must not wait."""
        self._store = store
        self._tell = tell
        self._lock = threading.Lock()
        self._on: _On | None = None
        self._is_edited = False
        self._different = ""
        """An address whose value is another than the preset's: as long as it is, nothing else is looked at."""
        self._seen_version = -1

    @property
    def told(self) -> tuple[str, int]:
        """The name, "" where no preset is on, and 1 where it is edited, else 0."""
        on = self._on
        return (on.name if on else "", int(self._is_edited))

    @property
    def name(self) -> str:
        return self.told[0]

    def begin(self, loaded: LoadedPreset, *, is_on_its_way: bool = False) -> Callable[[], None]:
        """It is on from now on. Call what is returned when a fade to it is over, whichever way."""
        values = {address: value for address, value in loaded.values if self._is_usable(address, value)}
        on = _On(name=loaded.name, values=values, is_on_its_way=is_on_its_way)
        self._put_on(on)

        def arrive() -> None:
            with self._lock:
                on.is_on_its_way = False
                self._seen_version = -1

        return arrive

    def follow(self, loaded: LoadedPreset) -> None:
        """The preset of that name holds other values now: where it is on, they are what an edit is measured by."""
        with self._lock:
            if self._on is not None and self._on.name == loaded.name:
                self._on.values = {a: value for a, value in loaded.values if self._is_usable(a, value)}
                self._different, self._seen_version = "", -1

    def forget(self, name: str) -> None:
        """The preset of that name is gone."""
        if self.name == name:
            self._put_on(None)

    def step(self, snapshot: Snapshot) -> None:
        """Tell when what is on begins or ceases to be what was loaded. Costs nothing while no value changes."""
        if snapshot.version == self._seen_version:
            return
        with self._lock:
            self._seen_version = snapshot.version
            on, known = self._on, self._different
            if on is None or on.is_on_its_way or (known and snapshot[known] != on.values[known]):
                return
            self._different = next((address for address, value in on.values.items() if snapshot[address] != value), "")
            if bool(self._different) != self._is_edited:
                self._is_edited = bool(self._different)
                self._tell(ADDRESS, *self.told)

    def _put_on(self, on: _On | None) -> None:
        with self._lock:
            self._on, self._is_edited, self._different, self._seen_version = on, False, "", -1
            self._tell(ADDRESS, *self.told)

    def _is_usable(self, address: str, value: Value) -> bool:
        """Whether this run can have that value; one that it refuses is no edit."""
        param = osc_schema.lookup(address)
        try:
            if param is not None:
                self._store.require(param, value)
        except Rejected:
            return False
        return param is not None
