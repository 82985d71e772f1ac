"""Finds what packages add to the engine by entry points: live models, their parameters, sinks and sources.

    [project.entry-points."multiverse.models"]
    plasma = "multiverse_plasma:ENTRY"          # a LiveEntry, engine/live/kit/live_model.py
    [project.entry-points."multiverse.parameters"]
    plasma = "multiverse_plasma:AREA"           # an Area: its parameters, osc_schema/types.py
    [project.entry-points."multiverse.sinks"]
    laser = "multiverse_plasma:LASER"           # a SinkKind, osc_schema/types.py
    [project.entry-points."multiverse.sources"]
    noise = "multiverse_plasma:NoiseSource"     # a class, made as Class(name, clock=..., report=...)

The engine's own models come in by the same door. A plug-in is trusted like any installed package; one that cannot be
loaded is left out, with a line in `faults`.
"""

import os
import tomllib
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from pathlib import Path
from typing import Any

PACKAGE = "multiverse-engine"
CHECKOUT = Path(__file__).parents[1] / "pyproject.toml"
SWITCH = "MULTIVERSE_PLUGINS"
"""Environment variable; `off` leaves the plug-ins of other packages out."""
CLASSES = {"multiverse.models": "LiveEntry", "multiverse.parameters": "Area", "multiverse.sinks": "SinkKind"}
"""Name of the class that each group's entry points must give; not the class, because it may need libraries."""

_faults: dict[str, str] = {}


def faults() -> tuple[str, ...]:
    """One line for each plug-in that was left out until now."""
    return tuple(_faults.values())


def leave_out(point: EntryPoint, reason: str) -> None:
    """Say in `faults` why this plug-in is not used; once for each of its modules."""
    package = point.dist.name if point.dist is not None else PACKAGE
    line = f"plug-in {point.name} of {package} is left out: {point.value}: {' '.join(reason.split())}"
    _faults.setdefault(point.module, line)


@cache
def declared(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group by name, without loading them: our own, then those of other packages. The first of
    two with one name is used.

    Our own are read from the pyproject.toml of the checkout if there is one: the code may run without an installation,
    or beside the metadata of an older one.
    """
    found: dict[str, EntryPoint] = {}
    for point in (*_own(group), *_foreign(group)):
        if found.setdefault(point.name, point) is not point:
            leave_out(point, f"there is another {point.name} in {group}")
    return found


@cache
def loaded(group: str) -> dict[str, Any]:
    """The objects of a group in CLASSES, by the name of their entry point."""
    found = {}
    for name, point in declared(group).items():
        try:
            made = point.load()
        except (Exception, SystemExit) as error:  # foreign code
            leave_out(point, f"{type(error).__name__}: {error}")
            continue
        if type(made).__name__ == CLASSES[group]:
            found[name] = made
        else:
            leave_out(point, f"is a {type(made).__name__}, not a {CLASSES[group]}")
    return found


def are_installed() -> bool:
    """True if another package than the engine's adds something."""
    return any(_foreign(group) for group in (*CLASSES, "multiverse.sources"))


def _foreign(group: str) -> list[EntryPoint]:
    if os.environ.get(SWITCH) == "off":
        return []
    points = (point for point in entry_points(group=group) if point.dist is not None and point.dist.name != PACKAGE)
    return sorted(points, key=lambda point: (point.name, point.value))


def _own(group: str) -> list[EntryPoint]:
    try:
        project = tomllib.loads(CHECKOUT.read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):  # beside an installed package it may be anybody's
        project = {}
    if project.get("name") == PACKAGE:
        return [EntryPoint(name, value, group) for name, value in project["entry-points"].get(group, {}).items()]
    try:
        return list(distribution(PACKAGE).entry_points.select(group=group))
    except PackageNotFoundError:
        return []
