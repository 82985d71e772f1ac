"""The current preset and whether it is edited, for the performer.

A preset becomes current when it is loaded (by OSC, the page, a cue or `--preset`) or saved. It is edited while any of
its values differs from the current value; setting the value back clears the mark. While a fade to it is running, it
does not count as edited. There is no current preset at the start, or after it was deleted.
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
class _Current:
    name: str
    values: dict[str, Value]
    is_fading: bool


class CurrentPreset:
    """Call `step` on the frame loop's thread, everything else on any."""

    def __init__(self, store: ParamStore, send: Callable[..., None]) -> None:
        """`send("/preset/current", name, edited)` is called at each change; it must not wait."""
        self._store = store
        self._send = send
        self._lock = threading.Lock()
        self._current: _Current | None = None
        self._is_edited = False
        self._different = ""
        """An address whose value differs from the preset's. While it does, no other address is compared."""
        self._seen_version = -1

    @property
    def state(self) -> tuple[str, int]:
        """The name of the current preset, or "", and 1 if it is edited, else 0."""
        current = self._current
        return (current.name if current else "", int(self._is_edited))

    @property
    def name(self) -> str:
        return self.state[0]

    def begin(self, loaded: LoadedPreset, *, is_fading: bool = False) -> Callable[[], None]:
        """Make it the current preset. Call the returned function when a fade to it is over or superseded."""
        values = {address: value for address, value in loaded.values if self._is_usable(address, value)}
        current = _Current(name=loaded.name, values=values, is_fading=is_fading)
        self._set(current)

        def arrive() -> None:
            with self._lock:
                current.is_fading = False
                self._seen_version = -1

        return arrive

    def follow(self, loaded: LoadedPreset) -> None:
        """Use the new values of a preset for the comparison, if it is the current one."""
        with self._lock:
            if self._current is not None and self._current.name == loaded.name:
                self._current.values = {a: value for a, value in loaded.values if self._is_usable(a, value)}
                self._different, self._seen_version = "", -1

    def forget(self, name: str) -> None:
        """Leave no preset current if the deleted preset `name` was."""
        if self.name == name:
            self._set(None)

    def step(self, snapshot: Snapshot) -> None:
        """Send a change of the edited mark. Costs nothing while no value changes."""
        if snapshot.version == self._seen_version:
            return
        with self._lock:
            self._seen_version = snapshot.version
            current, known = self._current, self._different
            if current is None or current.is_fading:
                return
            if known and snapshot[known] != current.values[known]:
                return
            self._different = next(
                (address for address, value in current.values.items() if snapshot[address] != value), ""
            )
            if bool(self._different) != self._is_edited:
                self._is_edited = bool(self._different)
                self._send(ADDRESS, *self.state)

    def _set(self, current: _Current | None) -> None:
        with self._lock:
            self._current, self._is_edited, self._different, self._seen_version = current, False, "", -1
            self._send(ADDRESS, *self.state)

    def _is_usable(self, address: str, value: Value) -> bool:
        """True if this run accepts the value. Refused values are not compared."""
        param = osc_schema.lookup(address)
        try:
            if param is not None:
                self._store.require(param, value)
        except Rejected:
            return False
        return param is not None
