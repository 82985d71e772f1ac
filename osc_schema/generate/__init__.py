"""Texts made from the declarations. Each generator is a pure function; `FILES` tells what `generated/` holds.

After a change to a declaration: `multiverse schema write`.
"""

from collections.abc import Callable
from pathlib import Path

from osc_schema.generate.json_schema import json_schema
from osc_schema.generate.markdown import address_list
from osc_schema.table import AREAS

FOLDER = Path(__file__).parent.parent / "generated"
FILES: dict[str, Callable[[], str]] = {
    "ADDRESSES.md": lambda: address_list(AREAS),
    "addresses.schema.json": lambda: json_schema(AREAS),
}

__all__ = ["FILES", "FOLDER", "address_list", "json_schema"]
