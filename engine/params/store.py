"""Store of all parameter values: set from any thread, read as one immutable snapshot per frame."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import osc_schema
from osc_schema import Accepted, Param, ParamType, Rejected, Value

PANIC = "/master/panic"
Entries = Sequence[tuple[Param, Value]]
"""Parameters with canonical values, which need no look-up and no check."""
LOOK_DEFAULTS = tuple((param, param.default) for param in osc_schema.PARAMS if param.is_look)
"""The look that every engine starts with; audio, sinks, engine, master and safety are not
included."""
_AFTER_PANIC = (
    *LOOK_DEFAULTS,
    *((each, False) for each in osc_schema.match("/master/strobe/enable")),
)


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
)
class Change:
    """The newest value of one address."""

    address: str
    value: Value
    """For a trigger: the number of times it has fired since the start."""
    by: str
    """Name of the source that set it."""
    version: int
    """Version of the store after this change; changes of one group have the same."""


class Snapshot(Mapping[str, Value]):
    """All values at one version of the store, by address; triggers are counters. Immutable."""

    __slots__ = ("_values", "version")

    def __init__(self, values: dict[str, Value], version: int) -> None:
        self._values = values
        self.version = version

    def __getitem__(self, address: str) -> Value:
        return self._values[address]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def number(self, address: str) -> float:
        """The value of a FLOAT, STOPS or INT parameter."""
        return osc_schema.as_number(self._values[address])

    def integer(self, address: str) -> int:
        """The value of an INT parameter, or the count of a trigger."""
        return int(osc_schema.as_number(self._values[address]))

    def to_dict(self) -> dict[str, Value]:
        """A mutable copy of all values by address."""
        return self._values.copy()

    def changed_from(self, older: "Snapshot") -> tuple[str, ...]:
        """Addresses whose values differ from `older`."""
        if self is older:
            return ()
        before = older._values
        return tuple(address for address, value in self._values.items() if before[address] != value)


class ParamStore:
    """The current values; starts with the schema's defaults. Thread-safe. A group of changes
    appears in one snapshot and makes one version. Setting a parameter to its current value is not a
    change, so two surfaces that echo everything they receive do not answer each other forever.
    `/master/panic` resets the look to its defaults and ends the strobe, in its group."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version = 0
        self._values: dict[str, Value] = {
            param.address: 0 if param.type is ParamType.TRIGGER else param.default
            for param in osc_schema.PARAMS
        }
        self._last_set: dict[str, tuple[int, str]] = {}  # address -> version, by; oldest first
        self._snapshot = Snapshot(dict(self._values), 0)
        self._conditions: dict[str, list[Callable[[Value], None]]] = {}
        self._hooks: dict[str, Callable[[float | None], None]] = {}
        self._groups: dict[str, frozenset[str]] = {}
        self._set_counts: dict[str, int] = {}

    def remember_groups(self, addresses: Iterable[str]) -> None:
        """Remember which parameters are set together with the newest value of these, as inputs with
        a shader. Before the first value."""
        self._groups |= {_lookup(address).address: frozenset() for address in addresses}

    def count_sets(self, addresses: Iterable[str]) -> None:
        """Count from now on how often these are set, also to the same value. Before the first
        value."""
        self._set_counts = {_lookup(address).address: 0 for address in addresses}

    def set_count(self, addresses: Iterable[str]) -> int:
        """Number of times that these parameters of `count_sets` have been set; False and "" do not
        count."""
        return sum(self._set_counts[address] for address in addresses)

    def group_of(self, address: str) -> tuple[int, frozenset[str]]:
        """Version at which a parameter of `remember_groups` last changed, and all addresses set
        with it, also those whose value stayed."""
        with self._lock:
            version, _ = self._last_set.get(address, (0, ""))
            return version, self._groups[address]

    def add_condition(self, address: str, check: Callable[[Value], None]) -> None:
        """Add `check(value)`, which raises Rejected for a value that the schema accepts but this
        run cannot use. Call it before the first value is set. `check` runs on the thread that sets
        the value and must not block."""
        self._conditions.setdefault(_lookup(address).address, []).append(check)

    def on_trigger(self, address: str, fired: Callable[[float | None], None]) -> None:
        """Call `fired(arrived_s)` whenever the trigger fires, immediately and not in the next
        frame. Call it before the first value is set. `fired` runs on the thread that fires the
        trigger, under the store's lock: it must not block and must not call the store. `arrived_s`:
        that of `apply`."""
        self._hooks[_lookup(address).address] = fired

    def require(self, param: Param, value: Value) -> None:
        """Raise Rejected if this run cannot use an accepted value."""
        for check in self._conditions.get(param.address, ()):
            check(value)

    @property
    def version(self) -> int:
        """Incremented by each group that changed something."""
        return self._version

    def set(
        self,
        address: str,
        value: object,
        *,
        by: str = "local",
    ) -> Accepted:
        """Set one parameter to any value that `osc_schema.accept` accepts. Raises Rejected."""
        param = _lookup(address)
        accepted = osc_schema.accept(param, value)
        self.require(param, accepted.value)
        self.apply([(param, accepted.value)], by=by)
        return accepted

    def set_many(
        self, changes: Iterable[tuple[str, object]], *, by: str
    ) -> list[Change | Rejected]:
        """Set a group at once. Returns, in order, each newest change, or the reason why an entry
        was left out."""
        results: list[Change | Rejected | Param] = []
        good: list[tuple[Param, Value]] = []
        for address, value in changes:
            try:
                param = _lookup(address)
                accepted = osc_schema.accept(param, value)
                self.require(param, accepted.value)
                good.append((param, accepted.value))
            except Rejected as rejection:
                results.append(rejection)
            else:
                results.append(param)
        with self._lock:
            self._apply(good, by)
            return [
                self._newest(result) if isinstance(result, Param) else result for result in results
            ]

    def apply(
        self,
        changes: Entries,
        *,
        by: str,
        together: Iterable[str] = (),
        arrived_s: float | None = None,
    ) -> None:
        """Set a group of values at once, which must have passed `osc_schema.accept` and `require`.
        `together`: all its addresses (`group_of`), if some are set earlier or later. `arrived_s`:
        when the packet arrived, by `time.perf_counter`; None: now. Hot path: one call per OSC
        message or bundle, 40 000 per second."""
        with self._lock:
            self._apply(changes, by, together, arrived_s=arrived_s)

    def glide(
        self, values: Iterable[tuple[Param, Value]], *, by: str, since: int
    ) -> tuple[dict[str, str], int]:
        """Apply values, except those set by a source other than `by` after version `since`; after a
        panic, none. Returns the addresses left out, each with the source that set it, and the
        current version. Atomic, so that a fader moved meanwhile is never overwritten."""
        nobody = (0, by)
        with self._lock:
            panic_version, _ = self._last_set.get(PANIC, nobody)
            is_panic = panic_version > since
            free: list[tuple[Param, Value]] = []
            overridden: dict[str, str] = {}
            for param, value in values:
                version, who = (
                    (self._version, PANIC)
                    if is_panic
                    else self._last_set.get(param.address, nobody)
                )
                if version > since and who != by:
                    overridden[param.address] = who
                else:
                    free.append((param, value))
            self._apply(free, by)
            return overridden, self._version

    def get(self, address: str) -> Value:
        """The current value; for a trigger its count. Raises Rejected for an unknown address."""
        return self._values[_lookup(address).address]

    def number(self, address: str) -> float:
        """The current value of a FLOAT, STOPS or INT parameter."""
        return osc_schema.as_number(self.get(address))

    def snapshot(self) -> Snapshot:
        """All current values; the same object until something changes."""
        with self._lock:
            if self._snapshot.version != self._version:
                self._snapshot = Snapshot(dict(self._values), self._version)
            return self._snapshot

    def changes_since(self, version: int) -> tuple[tuple[Change, ...], int]:
        """The newest change of each address set after `version`, oldest first, and the current
        version."""
        if version == self._version:
            return (), version
        with self._lock:
            changes = []
            for address, (own_version, by) in reversed(self._last_set.items()):
                if own_version <= version:
                    break
                value = self._values[address]
                changes.append(
                    Change(
                        address=address,
                        value=value,
                        by=by,
                        version=own_version,
                    )
                )
            return tuple(reversed(changes)), self._version

    def _apply(
        self,
        changes: Entries,
        by: str,
        together: Iterable[str] = (),
        version: int = 0,
        arrived_s: float | None = None,
    ) -> None:
        """Apply changes. The caller holds the lock. `version`: that of the group they belong to; 0
        for a new group."""
        values = self._values
        version = version or self._version + 1
        stamp = (version, by)
        for param, value in changes:
            address = param.address
            if param.type is ParamType.TRIGGER:
                if not value:  # the button was released
                    continue
                if address == PANIC:
                    # Here, so that values after it in the group apply; by "panic", so that the
                    # sender gets these values, too.
                    self._apply(_AFTER_PANIC, "panic", version=version)
                # Counted, so that no frame misses one.
                value = int(osc_schema.as_number(values[address])) + 1
                if address in self._hooks:
                    self._hooks[address](arrived_s)
            else:
                if value and address in self._set_counts:
                    self._set_counts[address] += 1
                if values[address] == value:
                    continue
            values[address] = value
            self._last_set.pop(address, None)  # in the order of changes
            self._last_set[address] = stamp
            self._version = version
            if address in self._groups:
                self._groups[address] = frozenset(together) or frozenset(
                    other.address for other, _ in changes
                )

    def _newest(self, param: Param) -> Change:
        """The newest change of a parameter. The caller holds the lock."""
        address = param.address
        version, by = self._last_set.get(address, (0, "default"))
        return Change(
            address=address,
            value=self._values[address],
            by=by,
            version=version,
        )


def entries_of(values: Iterable[tuple[str, object]]) -> Entries:
    """The parameters at these addresses with their canonical values. Raises Rejected."""
    entries = []
    for address, value in values:
        param = _lookup(address)
        accepted = osc_schema.accept(param, value)
        entries.append((param, accepted.value))
    return entries


def _lookup(address: str) -> Param:
    param = osc_schema.lookup(address)
    if param is None:
        raise osc_schema.unknown_address(address)
    return param
