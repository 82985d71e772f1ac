"""Tables of options, parameters and looks in docs/, generated from the command line, the schema and the looks.

A page contains `<!-- options: video -->`, `<!-- parameters: /sd -->` or `<!-- looks: all -->`, then the table, then
`<!-- end -->`.
`multiverse schema write` fills the tables in, and a test checks that they are up to date.
"""

import re
from functools import partial
from pathlib import Path
from typing import Any

import osc_schema
from engine.cli.look_list import looks_table
from osc_schema import Param, ParamType

DOCS = Path(__file__).parents[2] / "docs"
MARKER = re.compile(r"<!-- (options|parameters|looks): ([^>]+) -->\n.*?<!-- end -->", re.DOTALL)


def filled(text: str, command: Any) -> str:
    """The page with new tables. `command`: the click group of `multiverse`."""
    return MARKER.sub(partial(_table, command), text)


def pages() -> list[Path]:
    """The pages in docs/ that hold a table; none if the package is installed without docs."""
    return [path for path in sorted(DOCS.glob("*.md")) if MARKER.search(path.read_text(encoding="utf-8"))]


def _table(command: Any, found: re.Match[str]) -> str:
    kind, what = found[1], found[2].strip()
    if kind == "looks":
        return f"<!-- looks: {what} -->\n{looks_table()}\n<!-- end -->"
    rows = option_rows(command, what.split()) if kind == "options" else parameter_rows(what)
    lines = ["| | |", "|---|---|", *(f"| {_cell(name)} | {_cell(told)} |" for name, told in rows)]
    return f"<!-- {kind}: {what} -->\n" + "\n".join(lines) + "\n<!-- end -->"


def option_rows(command: Any, words: list[str]) -> list[tuple[str, str]]:
    """(name, help) of each option of a command, as `multiverse COMMAND --help` prints them."""
    for word in words:
        command = command.commands[word]
    context = command.context_class(command)
    options = [each for each in command.params if each.param_type_name == "option" and each.name != "help"]
    records = [each.get_help_record(context) for each in options]
    return [(f"`{names}`", _one_line(told)) for names, told in filter(None, records)]


def parameter_rows(area: str) -> list[tuple[str, str]]:
    """(address with its values, description) of each parameter below `area`."""
    chosen = [param for param in osc_schema.PARAMS if param.address.startswith(f"{area}/")]
    return [(f"`{param.address}` {_values(param)}", _one_line(param.description)) for param in chosen]


def _values(param: Param) -> str:
    if param.menu:
        return ", ".join(param.menu)
    if param.type not in (ParamType.FLOAT, ParamType.INT, ParamType.STOPS):
        return ""
    return f"{param.low:g}..{param.high:g}{' ' if param.unit else ''}{param.unit}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    """GitHub splits cells at a bar even inside of backticks."""
    return text.replace("|", "\\|")
