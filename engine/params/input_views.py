"""The inputs of the playing shaders by address: the parameters that come and go. Any thread."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import osc_schema
from engine.params.shader_inputs import ShaderInput, rearrange
from engine.params.store import Entries, ParamStore
from osc_schema import Param, ParamType, Rejected, Value
from osc_schema.fx import SLOTS, file_address
from osc_schema.patterns import PatternIndex

MAX_PLAYED: Final = 64

Watcher = Callable[[tuple[ShaderInput, ...]], None]
"""Receives all inputs after each change. Any thread; must not block."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Replaced as a whole, so that any thread may read it."""

    slots: Mapping[str, tuple[ShaderInput, ...]] = field(default_factory=dict)
    at: Mapping[str, ShaderInput] = field(default_factory=dict)
    of_alias: Mapping[str, ShaderInput] = field(default_factory=dict)
    index: PatternIndex = field(default_factory=lambda: PatternIndex(()))


class InputViews:
    """Reads and writes inputs by name. The values are those of their aliases in the store."""

    def __init__(self, store: ParamStore) -> None:
        self._store = store
        self._table = _Table()
        self._lock = threading.Lock()
        self._watchers: list[Watcher] = []
        self._files: dict[str, str] = {}
        self._played: dict[tuple[str, str], tuple[ShaderInput, ...]] = {}
        """The inputs of the shaders that have played, by slot and name in lower case."""
        self._expected: dict[str, tuple[str, Mapping[str, str]]] = {}
        """By slot, the shader that a preset has chosen, and the names of its inputs when that was
        saved."""

    def watch(self, changed: Watcher) -> None:
        """Call `changed` after each change. Before the engine starts."""
        self._watchers.append(changed)

    def show(self, slot: str, inputs: Sequence[ShaderInput], file: str = "") -> None:
        """Replace the inputs of a slot. `file`: name of the shader that plays."""
        with self._lock:
            self._files[slot] = file.casefold()
            if file:
                self._played[slot, file.casefold()] = tuple(inputs)
            while len(self._played) > MAX_PLAYED:
                del self._played[next(iter(self._played))]
            slots = {**self._table.slots, slot: tuple(inputs)}
            slots = {name: slots[name] for name in SLOTS if slots.get(name)}
            every = [each for one in slots.values() for each in one]
            self._table = _Table(
                slots,
                {each.address: each for each in every},
                {alias: each for each in every for alias in each.aliases},
                PatternIndex(each.address for each in every),
            )
            for changed in self._watchers:
                changed(tuple(every))

    def names_in(self, values: Mapping[str, Value]) -> dict[str, str]:
        """Names of the shader inputs by alias, for the playing shaders that these values choose."""
        return {
            alias: label
            for slot, inputs in self._table.slots.items()
            if self._files.get(slot) == str(values[file_address(slot)]).casefold()
            for each in inputs
            for alias, label in zip(each.aliases, each.labels, strict=True)
        }

    def arrange(self, values: Entries, names: Mapping[str, str]) -> Entries:
        """Reorder the values of a preset as the shaders have their inputs now. `names`: of the
        inputs when it was saved. For a shader that has not played yet, the names are stored for
        `expected`."""
        preset = {param.address: value for param, value in values}
        for slot in SLOTS:
            file = str(preset.get(file_address(slot), "")).casefold()
            saved = {
                alias: name
                for alias, name in names.items()
                if alias.startswith(f"/fx/{slot}/") and alias in preset
            }
            with self._lock:
                self._expected.pop(slot, None)
                inputs = self._played.get((slot, file))
                if inputs is None and saved and file:
                    self._expected[slot] = file, saved
            if inputs is not None and saved:
                before = {alias: at for alias, at in preset.items() if isinstance(at, float)}
                preset |= {
                    alias: at
                    for alias, at in rearrange(inputs, saved, before).items()
                    if alias in preset
                }
        return [(param, preset[param.address]) for param, _ in values]

    def expected(self, slot: str, file: str) -> Mapping[str, str]:
        """Input names that the preset which chose this shader was saved with, returned once; empty
        without a preset."""
        with self._lock:
            chosen, names = self._expected.pop(slot, ("", {}))
        return names if chosen == file.casefold() else {}

    @property
    def every(self) -> tuple[ShaderInput, ...]:
        """The inputs of all slots, in the order of the slots."""
        return tuple(self._table.at.values())

    def find(self, address: str) -> ShaderInput | None:
        return self._table.at.get(address)

    def of_alias(self, address: str) -> ShaderInput | None:
        """The input that this parameter moves, or None."""
        return self._table.of_alias.get(address)

    def match(self, pattern: str) -> tuple[ShaderInput, ...]:
        """The inputs at an address, or that an OSC pattern matches; Rejected for a malformed
        one."""
        table = self._table
        view = table.at.get(pattern)
        if view is not None:
            return (view,)
        if not table.at or not osc_schema.is_pattern(pattern):
            return ()
        return tuple(map(table.at.__getitem__, table.index.match(pattern)))

    def missing(self, address: str) -> str:
        """Why there is no input at `/fx/<slot>/<name>`, with those that there are."""
        slot = address.split("/")[2]
        there = ", ".join(
            each.address.rpartition("/")[2] for each in self._table.slots.get(slot, ())
        )
        why = (
            f"its inputs are {there}"
            if there
            else f"no shader with inputs plays; {file_address(slot)} chooses one"
        )
        return f"{address[:80]}: the shader in slot {slot} has no such input ({why})"

    def values_now(self, view: ShaderInput) -> tuple[float | int | bool | str, ...]:
        """The current value of an input, as OSC arguments; 0 for an event."""
        if view.type == "event":
            return (0,)
        positions = [self._store.get(alias) for alias in view.aliases]
        value = view.display_value(
            [position for position in positions if isinstance(position, float)]
        )
        return value if isinstance(value, tuple) else (value,)

    def mappable(self, target: str) -> tuple[str, str]:
        """The parameter that a mapped control must move for this target, and the mode to map it
        with ("": any). A target that is no input's name is returned as it is. Rejected for an input
        of several numbers."""
        view = self.find(target)
        if view is None:
            return target, ""
        if len(view.aliases) > 1:
            each = ", ".join(view.aliases)
            raise Rejected(
                f"target {target}: has {len(view.aliases)} numbers; map them one by one: {each}"
            )
        return next(iter(view.aliases)), {"event": "trigger", "bool": "toggle"}.get(view.type, "")


def changes_of(view: ShaderInput, positions: Iterable[float]) -> list[tuple[Param, Value]]:
    """The changes of the store that move the view to these positions; none for an event that is
    released."""
    changes: list[tuple[Param, Value]] = []
    for alias, position in zip(view.aliases, positions, strict=True):
        param = osc_schema.lookup(alias)
        assert param is not None and param.type is ParamType.FLOAT
        if view.type != "event" or position:
            changes.append((param, position))
    return changes
