"""Declarations of all parameters, commands and messages: the single source for validation,
documents and presets.

Standard library only, so that TouchDesigner's Python and a small script can import it.
Start with `types` (what a declaration holds), then an area's file such as `layers`; `table`
collects them. To add a parameter, write one line in its area's file, then run `multiverse schema
write`.

    osc_schema.accept("/layer/1/angle", 190)      -> Accepted(value=-170.0, note="")
    osc_schema.match("/layer/*/angle")            -> four Params

Nothing is loaded before it is used: the table loads plug-ins (`plugins`), and their files import
this package.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from osc_schema.types import (
    Accepted,
    Area,
    Argument,
    Command,
    ExtraPicture,
    Param,
    ParamType,
    PublishedMessage,
    Rejected,
    Value,
    as_number,
)

if TYPE_CHECKING:
    from osc_schema.accepting import accept, unknown_address
    from osc_schema.patterns import is_pattern
    from osc_schema.table import (
        ADDED,
        AREAS,
        COMMANDS,
        DECLARED,
        EXTRA_PICTURES,
        FULLY_NAMED,
        MESSAGES,
        PARAMS,
        RENAMED,
        SCHEMA_VERSION,
        lookup,
        lookup_command,
        lookup_message,
        match,
        nearest,
        split_number,
    )
else:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'osc_schema' has no attribute {name!r}")
        home = {
            "accept": "accepting",
            "unknown_address": "accepting",
            "is_pattern": "patterns",
        }.get(name, "table")
        found = globals()[name] = getattr(import_module(f"osc_schema.{home}"), name)
        return found


__all__ = [
    "ADDED",
    "AREAS",
    "COMMANDS",
    "DECLARED",
    "EXTRA_PICTURES",
    "FULLY_NAMED",
    "MESSAGES",
    "PARAMS",
    "RENAMED",
    "SCHEMA_VERSION",
    "Accepted",
    "Area",
    "Argument",
    "Command",
    "ExtraPicture",
    "Param",
    "ParamType",
    "PublishedMessage",
    "Rejected",
    "Value",
    "accept",
    "as_number",
    "is_pattern",
    "lookup",
    "lookup_command",
    "lookup_message",
    "match",
    "nearest",
    "split_number",
    "unknown_address",
]
