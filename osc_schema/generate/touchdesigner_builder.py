"""Generator of `touchdesigner/build_component.py`, a single file that builds the component.

A text that is pasted into TouchDesigner or run by `exec` does not know its own path and cannot find
other files. So they are all embedded in it.

It is all ASCII: a textport line may call `open()` without an encoding, which then decodes with the
locale, and that is not UTF-8 on Korean, Chinese and Japanese Windows (cp949, cp936, cp932).
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from osc_schema.generate import touchdesigner
from osc_schema.table import AREAS

TOUCHDESIGNER_FOLDER = Path(__file__).parents[2] / "touchdesigner"
PAGES_FILE = TOUCHDESIGNER_FOLDER / "generated" / "pages.json"

TEXTPORT_LINE = 'exec(open(r"/path/to/touchdesigner/build_component.py", encoding="utf-8").read())'
"""With r, so that a Windows path can be pasted as it is: in a plain string C:\\Users is a broken
escape."""

_HEAD = f'''\
"""Builds the `multiverse` component. Run it once inside TouchDesigner: paste it into a Text DAT and
choose Run Script, or, in the textport: {TEXTPORT_LINE}

Generated from `touchdesigner/builder.py`, `touchdesigner/component/` and the declarations by
`multiverse schema write`; do not edit.
"""

# fmt: off
# ruff: noqa
'''

MAX_NAME_CHARACTERS = 11


def pages_text() -> str:
    """The text of `touchdesigner/generated/pages.json`."""
    leaves = (
        {**asdict(param), "area_title": area.title} for area in AREAS for param in area.params
    )
    pages = touchdesigner.control_pages(leaves)
    require_short_names(pages)
    if PAGES_FILE.exists():
        require_same_names(touchdesigner.read_pages(PAGES_FILE.read_text(encoding="utf-8")), pages)
    return touchdesigner.pages_json(pages)


def require_short_names(pages: Iterable[touchdesigner.ControlPage]) -> None:
    """Raise ValueError for a name of more than MAX_NAME_CHARACTERS."""
    for page in pages:
        for control in page.controls:
            name = max(touchdesigner.names_of(control), key=len)
            if len(name) > MAX_NAME_CHARACTERS:
                raise ValueError(
                    f"{control.address}: {name} has {len(name)} characters, but a TouchDesigner "
                    "page has room for "
                    f"{MAX_NAME_CHARACTERS}: add a short form of one of its words, or of a whole "
                    "part of the address, "
                    "to SHORT_WORDS in osc_schema/generate/touchdesigner.py, or of "
                    f"`/{control.address.split('/')[1]}/` to SHORT_PREFIXES there"
                )


def require_same_names(
    released: Iterable[touchdesigner.ControlPage], pages: Iterable[touchdesigner.ControlPage]
) -> None:
    """Raise ValueError for an address whose name differs between `released` and `pages`."""
    names = {control.address: control.name for page in released for control in page.controls}
    for page in pages:
        for control in page.controls:
            name = names.get(control.address, control.name)
            if name != control.name:
                raise ValueError(
                    f"{control.address}: would be named {control.name}, but is {name} in saved "
                    "patches "
                    "(touchdesigner/generated/pages.json): keep the lines of SHORT_WORDS in "
                    "osc_schema/generate/touchdesigner.py that make this name"
                )


def builder_text() -> str:
    """The text of `touchdesigner/build_component.py`."""
    sources = sorted((TOUCHDESIGNER_FOLDER / "component").glob("*.py"))
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sources}
    texts["layout"] = Path(touchdesigner.__file__).read_text(encoding="utf-8")
    texts["readme"] = (TOUCHDESIGNER_FOLDER / "README.md").read_text(encoding="utf-8")
    # a line each; the file to read is pages.json
    pages = ",\n".join(map(json.dumps, json.loads(pages_text())))
    texts["pages"] = f"[{pages}]\n"
    return one_file((TOUCHDESIGNER_FOLDER / "builder.py").read_text(encoding="utf-8"), texts)


TOUCHDESIGNER_FILES: dict[str, Callable[[], str]] = {
    "generated/pages.json": pages_text,
    "build_component.py": builder_text,
}
"""Generators by path in TOUCHDESIGNER_FOLDER."""


def one_file(builder: str, texts: Mapping[str, str]) -> str:
    """The embedded texts followed by the builder's source. Raises ValueError for a text that cannot
    be embedded."""
    embedded = []
    for name, text in texts.items():
        if "'''" in text or not text.endswith("\n"):
            raise ValueError(f"{name}: contains ''' or does not end with a line break")
        embedded.append(f"    {name!r}: r'''{text}''',\n")
    lines = "".join(embedded)
    whole = (
        f"{_HEAD}TEXTS = "
        f"{{\n{lines}}}\n\n{_without_docstring(builder)}\n\nbuild_if_supported(TEXTS)\n"
    )
    for name, text in {**texts, "builder": builder}.items():
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.isascii():
                raise ValueError(
                    f"{name}, line {number}: is not ASCII, which some Windows locales misread: "
                    f"{line!a}"
                )
    return whole


def _without_docstring(source: str) -> str:
    return source.partition('"""\n')[2].strip("\n")
