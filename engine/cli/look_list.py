"""Lists of the built-in looks by worlds: the page's `looks.json` and the table in docs/.

`multiverse schema write` writes both, and tests check that they are up to date.
"""

import json
from itertools import zip_longest
from pathlib import Path
from typing import Final
from urllib.parse import quote

PICTURES: Final = Path(__file__).parents[1] / "web" / "page" / "looks"
"""NAME.jpg and the loop NAME.webp of each built-in preset, and the list of them."""
LIST: Final = PICTURES / "looks.json"


def looks_json() -> str:
    """Name and world ("" if it has none) of each built-in preset, in the order of `/preset/list`."""
    from engine.params.looks import world_of
    from engine.params.presets import FACTORY_NAMES

    rows = (json.dumps({"name": name, "world": world_of(name)}) for name in FACTORY_NAMES)
    return "[\n  " + ",\n  ".join(rows) + "\n]\n"


def looks_table() -> str:
    """A Markdown table for a page in docs/: a column for each world, with the loops of its looks."""
    from engine.params.looks import WORLDS

    rows = zip_longest(*([_cell(name) for name in looks] for looks in WORLDS.values()), fillvalue="")
    lines = [list(WORLDS), ["---"] * len(WORLDS), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(name: str) -> str:
    return f"![{name}](../engine/web/page/looks/{quote(name)}.webp)<br>{name}"
