"""The current preset and whether it is edited, for the performer.

A preset becomes current when it is loaded (by OSC, the page, a cue or `--preset`) or saved. It is edited while any of
its values differs from the present ones; setting the value back clears the mark. During a fade to it, values that are
still on their way do not count as edited. There is no current preset at the start, or after it was deleted.
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
        """`tell(address, *args)` gets `/preset/current <name> <edited>` at each change; it must not wait."""
        self._store = store
        self._tell = tell
        self._lock = threading.Lock()
        self._on: _On | None = None
        self._is_edited = False
        self._different = ""
        """An address whose value differs from the preset's. While it does, no other address is compared."""
        self._seen_version = -1

    @property
    def told(self) -> tuple[str, int]:
        """The name of the current preset, or "", and 1 if it is edited, else 0."""
        on = self._on
        return (on.name if on else "", int(self._is_edited))

    @property
    def name(self) -> str:
        return self.told[0]

    def begin(self, loaded: LoadedPreset, *, is_on_its_way: bool = False) -> Callable[[], None]:
        """Make it the current preset. Call the returned function when a fade to it is over or superseded."""
        values = {address: value for address, value in loaded.values if self._is_usable(address, value)}
        on = _On(name=loaded.name, values=values, is_on_its_way=is_on_its_way)
        self._put_on(on)

        def arrive() -> None:
            with self._lock:
                on.is_on_its_way = False
                self._seen_version = -1

        return arrive

    def follow(self, loaded: LoadedPreset) -> None:
        """Compare with the new values of a preset from now on, if it is the current one."""
        with self._lock:
            if self._on is not None and self._on.name == loaded.name:
                self._on.values = {a: value for a, value in loaded.values if self._is_usable(a, value)}
                self._different, self._seen_version = "", -1

    def forget(self, name: str) -> None:
        """End the current preset if it has this name: it was deleted."""
        if self.name == name:
            self._put_on(None)

    def step(self, snapshot: Snapshot) -> None:
        """Tell when the current preset becomes edited or unedited. Costs nothing while no value changes."""
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
        """True if this run accepts the value. A refused one does not count as edited."""
        param = osc_schema.lookup(address)
        try:
            if param is not None:
                self._store.require(param, value)
        except Rejected:
            return False
        return param is not None
