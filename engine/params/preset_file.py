"""Reads and writes preset files: TOML that a person can read, edit and mail.

    [preset]
    name = "Night"
    schema = 1
    energy = 0.3

    [values]
    "/multiverse/brightness" = 2.5
    "/layer/1/wrap" = "repeat"
    "/fx/1/1" = 0.25

    [inputs]
    "/fx/1/1" = "speed"

`energy`, 0..1, is optional: the autopilot shows a preset with little of it in quiet sections, one
with much in drops. `[inputs]` names the inputs of shaders: if the shader's file has them in another
order by now, the names count.

Loading a preset does not change parameters without an entry. But if a parameter was added after the
file was written and would change its look, it gets the value that keeps the old look
(`osc_schema.ADDED`).
"""

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli_w

import osc_schema
from engine.errors import PresetError
from engine.params.checks import short_repr
from engine.params.store import Entries
from engine.system.stored_file import StoredFile
from osc_schema import Param, Rejected, Value
from osc_schema.fx import LOOK_SLOTS, enable_address, file_address, is_alias


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPreset:
    name: str
    values: Entries
    """In page order."""
    problems: list[str] = field(default_factory=list)
    """One line for each entry that was adjusted or left out."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Name of the shader's input by the address of its alias (`ShaderInput.labels`)."""
    current: str = ""
    """The current preset at the time of an autosave."""
    energy: float | None = None
    """0..1: the sections of a song that it fits; None: all."""

    shaders: tuple[str, ...] = field(init=False)
    """The shaders that its slots play."""

    def __post_init__(self) -> None:
        values = self.by_address()
        files = [
            values.get(file_address(slot))
            for slot in LOOK_SLOTS
            if values.get(enable_address(slot))
        ]
        object.__setattr__(self, "shaders", tuple(str(file) for file in files if file))

    def by_address(self) -> dict[str, Value]:
        return {param.address: value for param, value in self.values}


def preset_text(
    name: str,
    values: Mapping[str, Value],
    *,
    holds: Callable[[Param], bool],
    inputs: Mapping[str, str] = MappingProxyType({}),
    current: str = "",
    energy: float | None = None,
) -> str:
    """The text of a preset with the parameters that `holds` selects, in page order. The rest: as in
    LoadedPreset."""
    entries = {
        param.address: list(value) if isinstance(value := values[param.address], tuple) else value
        for param in osc_schema.PARAMS
        if holds(param) and param.address in values
    }
    header: dict[str, object] = {"name": name, "schema": osc_schema.SCHEMA_VERSION}
    header |= ({"current": current} if current else {}) | (
        {} if energy is None else {"energy": energy}
    )
    named = {address: inputs[address] for address in entries if address in inputs}
    return tomli_w.dumps(
        {"preset": header, "values": entries, **({"inputs": named} if named else {})}
    )


def read_preset(path: Path, *, holds: Callable[[Param], bool]) -> LoadedPreset:
    """Read a file entry by entry. Raises PresetError if it cannot be used at all."""
    content = StoredFile(path, "preset", PresetError).read()
    if content is None:
        raise PresetError(f"{path}: cannot be read ({os.strerror(errno.ENOENT)})")
    entries = content.get("values")
    if not isinstance(entries, dict):
        raise PresetError(f"{path}: is not a preset, it has no [values] table")
    header = content.get("preset")
    inputs = found if isinstance(found := content.get("inputs"), dict) else {}
    names = {
        address: name
        for address, name in inputs.items()
        if is_alias(address) and isinstance(name, str)
    }
    loaded = _accept_entries(path.stem, header if isinstance(header, dict) else {}, entries, holds)
    return replace(loaded, inputs=names)


def _accept_entries(
    stem: str, header: dict[str, Any], entries: dict[str, Any], holds: Callable[[Param], bool]
) -> LoadedPreset:
    problems = []
    schema = header.get("schema")
    if isinstance(schema, int) and schema > osc_schema.SCHEMA_VERSION:
        problems.append(
            f"written by a newer version (schema {schema}, here {osc_schema.SCHEMA_VERSION})"
        )
    found: dict[str, Value] = {}
    for written, value in entries.items():
        address = osc_schema.RENAMED.get(written, written)
        try:
            param = osc_schema.lookup(address)
            if param is None:
                raise osc_schema.unknown_address(address)
            if not holds(param):
                raise Rejected(f"{address}: is never stored in such a file")
            accepted = osc_schema.accept(param, value)
        except Rejected as rejection:
            problems.append(f"{rejection} (left out)")
            continue
        found[address] = accepted.value
        if accepted.note:
            problems.append(f"{address}: {accepted.note}")
    for address, (version, beside, as_before) in osc_schema.ADDED.items():
        if beside in found and isinstance(schema, int) and schema < version:
            found.setdefault(address, as_before)
    name = header.get("name")
    current = header.get("current")
    energy = header.get("energy")
    if energy is not None and (
        isinstance(energy, bool) or not isinstance(energy, int | float) or not 0 <= energy <= 1
    ):
        problems.append(f"energy: {short_repr(energy)} is not a number 0..1 (left out)")
        energy = None
    return LoadedPreset(
        name=name if isinstance(name, str) else stem,
        values=[
            (param, found[param.address]) for param in osc_schema.PARAMS if param.address in found
        ],
        problems=problems,
        current=current if isinstance(current, str) else "",
        energy=energy,
    )
