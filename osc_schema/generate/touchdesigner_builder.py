"""`touchdesigner/build_component.py`: one file that builds the component, wherever its text is run.

TouchDesigner runs a text that was pasted, or read by `exec`, without telling it where it came from: it cannot find
other files. So all of them are inside it.

All of it is ASCII: read by `open()` without an encoding, as a textport line may, it is decoded by the locale, which on
Korean, Chinese and Japanese Windows is none of UTF-8 (cp949, cp936, cp932).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from osc_schema.generate import touchdesigner
from osc_schema.table import AREAS

TOUCHDESIGNER_FOLDER = Path(__file__).parents[2] / "touchdesigner"
PAGES_FILE = TOUCHDESIGNER_FOLDER / "generated" / "pages.json"

TEXTPORT_LINE = 'exec(open(r"/path/to/touchdesigner/build_component.py", encoding="utf-8").read())'
"""With r, so that a Windows path may be pasted as it is: in a plain string C:\\Users is a broken escape."""

_HEAD = f'''\
"""Builds the `multiverse` component. Run it once inside TouchDesigner: paste it into a Text DAT and choose Run Script,
or, in the textport: {TEXTPORT_LINE}

Made from `touchdesigner/builder.py`, `touchdesigner/component/` and the declarations by `multiverse schema write`; do
not edit.
"""

# fmt: off
# ruff: noqa
'''


def pages_text() -> str:
    """`touchdesigner/generated/pages.json`."""
    leaves = ({**asdict(param), "area_title": area.title} for area in AREAS for param in area.params)
    pages = touchdesigner.control_pages(leaves)
    touchdesigner.require_short_names(pages)
    if PAGES_FILE.exists():
        touchdesigner.require_same_names(touchdesigner.read_pages(PAGES_FILE.read_text(encoding="utf-8")), pages)
    return touchdesigner.pages_json(pages)


def builder_text() -> str:
    """`touchdesigner/build_component.py`."""
    sources = sorted((TOUCHDESIGNER_FOLDER / "component").glob("*.py"))
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sources}
    texts["layout"] = Path(touchdesigner.__file__).read_text(encoding="utf-8")
    texts["readme"] = (TOUCHDESIGNER_FOLDER / "README.md").read_text(encoding="utf-8")
    texts["pages"] = pages_text()
    return one_file((TOUCHDESIGNER_FOLDER / "builder.py").read_text(encoding="utf-8"), texts)


TOUCHDESIGNER_FILES: dict[str, Callable[[], str]] = {
    "generated/pages.json": pages_text,
    "build_component.py": builder_text,
}
"""By path in TOUCHDESIGNER_FOLDER."""


def one_file(builder: str, texts: Mapping[str, str]) -> str:
    """The builder's source behind the texts it embeds. Raises ValueError for a text that cannot be embedded."""
    embedded = []
    for name, text in texts.items():
        if "'''" in text or not text.endswith("\n"):
            raise ValueError(f"{name}: holds ''' or has no line end at its end")
        embedded.append(f"    {name!r}: r'''{text}''',\n")
    lines = "".join(embedded)
    whole = f"{_HEAD}TEXTS = {{\n{lines}}}\n\n{_without_docstring(builder)}\n\nbuild_where_it_can(TEXTS)\n"
    for name, text in {**texts, "builder": builder}.items():
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.isascii():
                raise ValueError(f"{name}, line {number}: is not ASCII, which no Windows locale misreads: {line!a}")
    return whole


def _without_docstring(source: str) -> str:
    return source.partition('"""\n')[2].strip("\n")
