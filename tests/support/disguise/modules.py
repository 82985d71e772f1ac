"""Imports each of our modules in this disguised process."""

import importlib
import pkgutil
import traceback

PACKAGES = ("engine", "osc_schema", "touchdesigner")
ELSEWHERE = (  # these run inside Blender and TouchDesigner, and exit elsewhere
    "engine.jobs.dataset.cycles.blender_main",
    "touchdesigner.build_component",
    "touchdesigner.builder",
    "touchdesigner.example",
)


def import_all() -> tuple[int, dict[str, str]]:
    """The number of modules, and the traceback of each that cannot be imported."""
    names, failed = [], {}
    for package in PACKAGES:
        names.append(package)
        names += [
            found.name for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
        ]
    for name in names:
        if name not in ELSEWHERE:
            try:
                importlib.import_module(name)
            except BaseException:
                failed[name] = traceback.format_exc()
    return len(names), failed
