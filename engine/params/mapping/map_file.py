"""A map as a file: TOML that a person can read and edit. What is not said is what `make_entry` fills in.

[map]
schema = 1

[[entry]]
control = "midi 1 cc 7"
target = "/layer/1/intensity"
high = 1.0
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

import osc_schema
from engine.errors import MappingError
from engine.params.mapping.entry import MapEntry, make_entry
from engine.params.toml_file import read_toml
from osc_schema import Rejected

MAX_ENTRIES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedMap:
    entries: tuple[MapEntry, ...]
    unread: tuple[dict[str, Any], ...] = ()
    """Entries that cannot be used, as they stand in the file: they stay in it."""
    problems: tuple[str, ...] = ()
    """One line for each of these."""


def map_text(entries: Iterable[MapEntry], unread: Iterable[dict[str, Any]] = ()) -> str:
    tables = [*(entry.chosen() for entry in entries), *unread]
    return tomli_w.dumps({"map": {"schema": osc_schema.SCHEMA_VERSION}, "entry": tables})


def read_map(path: Path) -> LoadedMap:
    """What `path` holds, entry by entry; nothing where there is no such file.

    Raises MappingError when the file as a whole cannot be used: it must not be replaced by an empty one.
    """
    try:
        content = read_toml(path, "map", MappingError)
    except FileNotFoundError:
        return LoadedMap(entries=())
    tables = content.get("entry", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise MappingError(f"{path}: `entry` is no list of tables, so it is no map ([[entry]])")
    loaded = read_tables(tables)
    if len(loaded.entries) > MAX_ENTRIES:  # those that cannot be used stay in the file beside a full map
        raise MappingError(f"{path}: {len(loaded.entries)} entries; {MAX_ENTRIES} are allowed")
    return loaded


def read_tables(tables: Iterable[dict[str, Any]]) -> LoadedMap:
    """Entries from plain tables, each by itself."""
    entries, unread, problems = [], [], []
    for number, table in enumerate(tables, start=1):
        try:
            entries.append(make_entry(_of_now(table)))
        except Rejected as rejection:
            unread.append(table)
            problems.append(f"entry {number} ({table.get('control', '?')}): {rejection}")
    return LoadedMap(entries=tuple(entries), unread=tuple(unread), problems=tuple(problems))


def _of_now(table: dict[str, Any]) -> dict[str, Any]:
    """The table with the address that its target has now."""
    target = table.get("target")
    return {**table, "target": osc_schema.RENAMED[target]} if target in osc_schema.RENAMED else table
