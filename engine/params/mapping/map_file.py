"""A map as a TOML file that people can read and edit. Missing keys get the defaults of
`make_entry`.

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
from engine.system.stored_file import StoredFile
from osc_schema import Rejected

MAX_ENTRIES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedMap:
    entries: tuple[MapEntry, ...]
    unread: tuple[dict[str, Any], ...] = ()
    """Unusable entries as they are in the file; saving writes them again."""
    problems: tuple[str, ...] = ()
    """One line for each unusable entry."""


def map_text(entries: Iterable[MapEntry], unread: Iterable[dict[str, Any]] = ()) -> str:
    tables = [*(entry.chosen() for entry in entries), *unread]
    return tomli_w.dumps({"map": {"schema": osc_schema.SCHEMA_VERSION}, "entry": tables})


def read_map(path: Path) -> LoadedMap:
    """Load the map in `path`; an empty map if there is no such file. Raises MappingError if the
    file as a whole cannot be used, so that it is not replaced by an empty one."""
    content = StoredFile(path, "map", MappingError).read() or {}
    tables = content.get("entry", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise MappingError(f"{path}: is not a map: `entry` is not a list of tables ([[entry]])")
    loaded = read_tables(tables)
    if len(loaded.entries) > MAX_ENTRIES:  # unusable entries do not count
        raise MappingError(f"{path}: {len(loaded.entries)} entries; {MAX_ENTRIES} are allowed")
    return loaded


def read_tables(tables: Iterable[dict[str, Any]]) -> LoadedMap:
    """Make entries from plain tables; unusable ones are returned as they are."""
    entries = []
    unread = []
    problems = []
    for number, table in enumerate(tables, start=1):
        try:
            target = table.get("target")
            renamed = {"target": osc_schema.RENAMED[target]} if target in osc_schema.RENAMED else {}
            entries.append(make_entry({**table, **renamed}))
        except Rejected as rejection:
            unread.append(table)
            problems.append(f"entry {number} ({table.get('control', '?')}): {rejection}")
    return LoadedMap(entries=tuple(entries), unread=tuple(unread), problems=tuple(problems))
