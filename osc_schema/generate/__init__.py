"""Files generated from the declarations. Each generator is a pure function; `FILES` lists the
committed files.

After a change to a declaration: `multiverse schema write`.
"""

from collections.abc import Callable
from pathlib import Path

from osc_schema.fixture import CHANNELS
from osc_schema.generate.fixture import gdtf, qxf
from osc_schema.generate.json_schema import json_schema
from osc_schema.generate.markdown import address_list
from osc_schema.generate.max_patch import max_patch
from osc_schema.generate.osc_layout import osc_layout
from osc_schema.generate.palette_card import palette_card
from osc_schema.generate.pd_patch import pd_patch
from osc_schema.generate.touchdesigner_builder import TOUCHDESIGNER_FILES, TOUCHDESIGNER_FOLDER
from osc_schema.generate.touchosc import touchosc
from osc_schema.palettes import PALETTES
from osc_schema.table import AREAS

ROOT = Path(__file__).parents[2]
"""The repository; in an installation, the folder with the packages."""

_GENERATED = "osc_schema/generated"
FILES: dict[str, Callable[[], str | bytes]] = {
    f"{_GENERATED}/ADDRESSES.md": lambda: address_list(AREAS),
    f"{_GENERATED}/addresses.schema.json": lambda: json_schema(AREAS),
    f"{_GENERATED}/multiverse.maxpat": lambda: max_patch(AREAS),
    f"{_GENERATED}/multiverse.pd": lambda: pd_patch(AREAS),
    f"{_GENERATED}/multiverse-open-stage-control.json": lambda: osc_layout(AREAS),
    f"{_GENERATED}/palettes.svg": lambda: palette_card(PALETTES),
    f"{_GENERATED}/multiverse.tosc": lambda: touchosc(AREAS),
    f"{_GENERATED}/Multiverse@Engine.gdtf": lambda: gdtf(CHANNELS),
    f"{_GENERATED}/Multiverse-Engine.qxf": lambda: qxf(CHANNELS),
    **{f"touchdesigner/{name}": generate for name, generate in TOUCHDESIGNER_FILES.items()},
}
"""Text (UTF-8, ends with \\n) or bytes, by path in `ROOT`."""

__all__ = [
    "FILES",
    "ROOT",
    "TOUCHDESIGNER_FILES",
    "TOUCHDESIGNER_FOLDER",
    "address_list",
    "gdtf",
    "json_schema",
    "max_patch",
    "osc_layout",
    "pd_patch",
    "qxf",
    "touchosc",
]
