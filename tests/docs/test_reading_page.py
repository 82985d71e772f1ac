"""The reading list is short enough for an afternoon, each word of the glossary has one meaning in
one file, and the line of Python in the README works."""

import re
import socket
from pathlib import Path

from pythonosc.udp_client import SimpleUDPClient

from engine.osc.decode import Message, decode_packet

ROOT = Path(__file__).parents[2]


def test_the_reading_list_has_twenty_files_for_one_afternoon() -> None:
    page = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
    files = re.findall(r"^\| \d+ \| \[`(.+?)`\]\(\.\./(.+?)\)", page, re.MULTILINE)
    assert all(label == linked for label, linked in files)
    assert len(files) == 20
    assert all((ROOT / label).is_file() for label, _ in files)


def glossary() -> list[tuple[str, str]]:
    """The glossary's rows as (term, file)."""
    page = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
    table = page.partition("\n## Glossary\n")[2]
    rows = re.findall(r"^\| (.+?) \| .+? \| \[`(.+?)`\]\(\.\./(.+?)\) \|$", table, re.MULTILINE)
    assert len(rows) == table.count("\n| ") - 1 and all(
        label == linked for _, label, linked in rows
    )
    return [(term, file) for term, file, _ in rows]


def class_name(term: str) -> str:
    """`control hub` -> `ControlHub`."""
    return "".join(part[0].upper() + part[1:] for part in re.split(r"[ -]", term))


def test_each_word_of_the_glossary_has_one_meaning_in_one_file() -> None:
    rows, homes = glossary(), dict[str, str]()
    folders = (ROOT / folder for folder in ("engine", "osc_schema", "touchdesigner"))
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        for name in re.findall(
            r"^class ([A-Z]\w*)", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            homes[name] = path.relative_to(ROOT).as_posix()
    terms = [term.casefold() for term, _ in rows]
    assert len(terms) >= 40 and terms == sorted(set(terms)), "sorted, each once"
    for term, file in rows:
        text = (ROOT / file).read_text(encoding="utf-8")
        used = re.compile(
            rf"(?<![A-Za-z]){term.replace(' ', '[ _]')}(?:s|es)?(?![A-Za-z])", re.IGNORECASE
        )
        assert used.search(text) or f"class {class_name(term)}" in text, (
            f"{file} does not use {term!r}"
        )
        assert homes.get(class_name(term), file) == file, (
            f"{term!r} is a class of {homes[class_name(term)]}"
        )


def test_the_line_of_the_readme_moves_a_layer() -> None:
    (line,) = re.findall(
        r"`(SimpleUDPClient\(.+?)`", (ROOT / "README.md").read_text(encoding="utf-8")
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as engine:
        engine.bind(("127.0.0.1", 0))
        engine.settimeout(10.0)
        eval(
            line.replace("9000", str(engine.getsockname()[1])), {"SimpleUDPClient": SimpleUDPClient}
        )
        message = decode_packet(engine.recv(999))
    assert isinstance(message, Message) and (message.address, message.args) == (
        "/layer/1/angle",
        (45.0,),
    )
