"""A key of the configuration that is an option of `multiverse run`, too: declared once, in the
key's annotation.

    camera: Annotated[str, option("Layer 5: a camera ...", "none|test|INDEX|NAME")] = "none"

`engine/cli/run_options.py` makes the options from this, and `engine/cli/doc_tables.py` the tables
of docs/.
"""

from collections.abc import Callable
from typing import Any, get_type_hints

from msgspec import Meta, Struct


def option(
    help: str,
    metavar: str | None = None,
    *,
    flags: str = "",
    parse: Callable[[str], Any] | None = None,
    **limits: Any,
) -> Meta:
    """Make a key an option of `multiverse run`, too: a key NAME is `--NAME`, one of a table
    `--TABLE-NAME`, and the keys `model` and `listen` of a table are `--TABLE`. An option of a tuple
    or dict is repeatable.

    flags: another spelling, such as `--sink` for `sinks`.
    parse: Converts the text from the command line to the key's whole value.
    limits: What msgspec checks, such as `max_length`."""
    return Meta(
        description=help, extra={"metavar": metavar, "flags": flags, "parse": parse}, **limits
    )


def option_help(table: type[Struct], key: str) -> dict[str, Any]:
    """Help and metavar of the option that a key declares, for another command with the same
    option."""
    (meta,) = get_type_hints(table, include_extras=True)[key].__metadata__
    return {"help": meta.description, "metavar": meta.extra["metavar"]}
