"""Generates the tables of options, keys, parameters and looks in docs/, and the page's list of
looks.

A page contains `<!-- options: video -->`, `<!-- keys: all -->`, `<!-- parameters: /sd -->` or `<!--
looks: all -->`, then the table, then `<!-- end -->`. `multiverse schema write` fills the tables in;
a test checks that they are fresh.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import osc_schema
from engine.cli.run_options import keys_of
from engine.config import Config
from osc_schema import ParamType

DOCS = Path(__file__).parents[2] / "docs"
PICTURES: Final = Path(__file__).parents[1] / "web" / "page" / "looks"
"""NAME.jpg and the loop NAME.webp of each built-in preset, and the list of them."""
LOOKS: Final = PICTURES / "looks.json"
MARKER = re.compile(
    r"<!-- (options|keys|parameters|looks): ([^>]+) -->\n.*?<!-- end -->", re.DOTALL
)


def fill_tables(text: str, command: Any) -> str:
    """The page with new tables. `command`: the click group of `multiverse`."""
    return MARKER.sub(partial(_table, command), text)


def pages() -> list[Path]:
    """The pages in docs/ that hold a table; none if the package is installed without docs."""
    return [
        path
        for path in sorted(DOCS.rglob("*.md"))
        if MARKER.search(path.read_text(encoding="utf-8"))
    ]


def _table(command: Any, match: re.Match[str]) -> str:
    kind = match[1]
    what = match[2].strip()
    if kind == "looks":
        table = looks_table()
    else:
        rows: Iterable[tuple[str, str]]
        if kind == "options":
            rows = _option_rows(command, what.split())
        else:
            rows = _key_rows() if kind == "keys" else _parameter_rows(what)
        # GitHub splits cells at a bar even inside of backticks.
        cells = (
            (name.replace("|", "\\|"), " ".join(text.split()).replace("|", "\\|"))
            for name, text in rows
        )
        table = "\n".join(["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in cells)])
    return f"<!-- {kind}: {what} -->\n{table}\n<!-- end -->"


def _option_rows(command: Any, names: list[str]) -> list[tuple[str, str]]:
    """(name, help) of each option of a command, as `multiverse COMMAND --help` prints them; `<n>`
    is no tag of HTML."""
    for name in names:
        command = command.commands[name]
    context = command.context_class(command)
    options = [
        each for each in command.params if each.param_type_name == "option" and each.name != "help"
    ]
    records = filter(None, (each.get_help_record(context) for each in options))
    return [
        (f"`{flags}`", re.sub(r"(?<![^\s`])[^\s`<]*<[\w:.]+>[\w/]*", r"`\g<0>`", text))
        for flags, text in records
    ]


def _key_rows() -> Iterator[tuple[str, str]]:
    """(key with what it may be, description) of each key of the configuration, without the live
    models' tables."""
    for key in keys_of(Config):
        kind = f" {key.info.metavar}" if key.info and key.info.metavar else ""
        yield f"`{key.path}{kind}`", key.help


def _parameter_rows(area: str) -> Iterator[tuple[str, str]]:
    """(address with its values, description) of each parameter below `area`."""
    for param in osc_schema.PARAMS:
        if param.address.startswith(f"{area}/"):
            values = ", ".join(param.menu)
            if not values and param.type in (ParamType.FLOAT, ParamType.INT, ParamType.STOPS):
                values = f"{param.low:g}..{param.high:g}{' ' if param.unit else ''}{param.unit}"
            yield f"`{param.address}` {values}", param.description


def looks_json() -> str:
    """Name and world ("" if it has none) of each built-in preset, in the order of
    `/preset/list`."""
    from engine.params.looks import world_of
    from engine.params.presets import FACTORY_NAMES

    rows = (json.dumps({"name": name, "world": world_of(name)}) for name in FACTORY_NAMES)
    return "[\n  " + ",\n  ".join(rows) + "\n]\n"


def looks_table() -> str:
    """A Markdown table for a page in docs/: a column for each world, with the loops of its
    looks."""
    from osc_schema.look_names import WORLDS

    columns = (
        [f"![{name}](../../engine/web/page/looks/{quote(name)}.webp)<br>{name}" for name in looks]
        for looks in WORLDS.values()
    )
    rows = zip_longest(*columns, fillvalue="")
    lines = [list(WORLDS), ["---"] * len(WORLDS), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
