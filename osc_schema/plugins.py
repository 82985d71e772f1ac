"""Finds plug-ins by entry points: live models, their parameters, sinks, sources, separators,
commands and checks.

    [project.entry-points."multiverse.models"]
    plasma = "multiverse_plasma:ENTRY"       # a LiveEntry, engine/live/kit/live_model.py
    [project.entry-points."multiverse.parameters"]
    plasma = "multiverse_plasma:AREA"        # an Area: its parameters, osc_schema/types.py
    [project.entry-points."multiverse.sinks"]
    laser = "multiverse_plasma:LASER"        # a SinkKind, osc_schema/types.py
    [project.entry-points."multiverse.sources"]
    noise = "multiverse_plasma:NoiseSource"  # called as NoiseSource(name, clock=..., report=...)
    [project.entry-points."multiverse.separators"]
    spectral = "multiverse_plasma:Spectral"  # called as Spectral(sample_rate_hz)
    [project.entry-points."multiverse.commands"]
    heat = "multiverse_plasma"               # a module with a function heat, or an `app` of Typer's
    [project.entry-points."multiverse.checks"]
    heat = "multiverse_plasma:HEAT"          # a CheckRow of the doctor, cli/doctor_checks.py

The engine's own models and engine/dataset are added in the same way. A plug-in is trusted like any
installed package; one that cannot be loaded, or is not what its group needs, is left out, with a
line in `faults`.
"""

import os
import re
import tomllib
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

PACKAGE = "multiverse-engine"
CHECKOUT = Path(__file__).parents[1] / "pyproject.toml"
SWITCH = "MULTIVERSE_PLUGINS"
"""Environment variable; `off` leaves the plug-ins of other packages out."""
NAME = r"[a-z][a-z0-9_]*"
"""Pattern of an entry point's name, which is a part of addresses and options."""
CLASSES = {
    "multiverse.models": "engine.live.kit.live_model.LiveEntry",
    "multiverse.parameters": "osc_schema.types.Area",
    "multiverse.sinks": "osc_schema.types.SinkKind",
    "multiverse.checks": "engine.cli.doctor_checks.CheckRow",
}
"""Path of the class that each group's entry points must provide; not the class, because it may need
libraries."""

_faults: dict[tuple[str, str], str] = {}


def faults() -> tuple[str, ...]:
    """One line for each plug-in that was left out until now."""
    return tuple(_faults.values())


def leave_out(point: EntryPoint, reason: str) -> None:
    """Record in `faults` why this plug-in is not used; once for its model and its parameters in one
    module."""
    package = point.dist.name if point.dist is not None else PACKAGE
    line = (
        f"plug-in {point.name} of {package} is left out: {point.value}: {' '.join(reason.split())}"
    )
    _faults.setdefault((point.module, point.name), line)


@cache
def declared(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group by name, without loading them: our own, then other packages'; the
    first of a name.

    Our own are read from the pyproject.toml of the checkout if there is one: the code may run
    without an installation, or beside the metadata of an older one.
    """
    found: dict[str, EntryPoint] = {}
    for point in (*_own(group), *_foreign(group)):
        if not re.fullmatch(NAME, point.name):
            leave_out(point, "its name may have only a-z, 0-9 and _, and begins with a letter")
        elif found.setdefault(point.name, point) is not point:
            leave_out(point, f"there is another {point.name} in {group}")
    return found


@cache
def loaded(group: str) -> dict[str, Any]:
    """The objects of a group in CLASSES, by the name of their entry point."""
    found = {}
    for name, point in declared(group).items():
        plugin = None
        try:
            plugin = point.load()
            fault = fault_of(plugin, CLASSES[group])
        except (Exception, SystemExit) as error:  # foreign code
            fault = f"{type(error).__name__}: {error}"
        if fault:
            leave_out(point, fault)
        else:
            found[name] = plugin
    return found


def are_installed() -> bool:
    """True if another package adds what the generated files would contain, or a check."""
    return any(
        _foreign(group) for group in (*CLASSES, "multiverse.sources", "multiverse.separators")
    )


def fault_of(plugin: Any, class_path: str) -> str:
    """Why `plugin` is no object of the dataclass at `class_path`, `module.Class`, with valid
    fields; "" if it is."""
    kind = type(plugin)
    if f"{kind.__module__}.{kind.__name__}" != class_path:
        return f"is a {kind.__name__}, not a {class_path.rpartition('.')[2]}"
    wrong = _wrong_fields(plugin)
    return f"its {', '.join(wrong)} must be as {kind.__name__} declares" if wrong else ""


def _wrong_fields(plugin: Any) -> list[str]:
    """Names of the fields of a dataclass that are not of their declared type."""
    hints = _hints(type(plugin))
    return [
        each.name
        for each in fields(plugin)
        if not _fits(getattr(plugin, each.name), hints[each.name])
    ]


_hints: Any = cache(get_type_hints)


def _fits(value: Any, hint: Any) -> bool:
    kind = get_origin(hint) or hint
    parts = get_args(hint)
    if kind in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if kind is Literal:
        return value in parts
    if kind is type:
        return isinstance(value, type) and issubclass(value, parts)
    if kind is tuple and isinstance(value, tuple):
        parts = parts[:1] * len(value) if parts[-1] is ... else parts
        return len(value) == len(parts) and all(map(_fits, value, parts))
    if kind is float:
        kind = (float, int)
    return isinstance(value, kind) and not (is_dataclass(value) and _wrong_fields(value))


def _foreign(group: str) -> list[EntryPoint]:
    if os.environ.get(SWITCH) == "off":
        return []
    points = _all_installed().select(group=group)
    foreign = (point for point in points if point.dist is not None and point.dist.name != PACKAGE)
    return sorted(foreign, key=lambda point: (point.name, point.value))


@cache
def _all_installed() -> Any:
    """EntryPoints of all packages (in Python 3.11 by group): finding them reads a file of each
    package."""
    return entry_points()


def _own(group: str) -> list[EntryPoint]:
    try:
        project = tomllib.loads(CHECKOUT.read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):  # beside an installed package it may be anybody's
        project = {}
    if project.get("name") == PACKAGE:
        return [
            EntryPoint(name, value, group)
            for name, value in project["entry-points"].get(group, {}).items()
        ]
    try:
        return list(distribution(PACKAGE).entry_points.select(group=group))
    except PackageNotFoundError:
        return []
