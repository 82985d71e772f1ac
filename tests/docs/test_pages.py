"""README and every page of docs/: commands exist, links are valid, tables match the declarations.
The commands of the pages for beginners work as printed."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from engine.cli import doc_tables
from engine.cli.main import commands_of
from engine.config import build_config
from osc_schema import COMMANDS, MESSAGES, PARAMS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [
    README,
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name != "addresses.md"),
]
FIRST_HOUR = tuple(
    ROOT / "docs" / f"tutorials/{name}.md"
    for name in ("mac", "mac-doctor", "windows", "windows-doctor")
)


def typed_in(page: Path) -> list[str]:
    """The `multiverse ...` lines in the page's code blocks, without prompt, folder and comment; in
    pages for beginners those in the text, too."""
    text, block = page.read_text(encoding="utf-8"), r"```(?:sh|bat|powershell)\n(.*?)```"
    lines = [
        line.strip() for block in re.findall(block, text, re.DOTALL) for line in block.splitlines()
    ]
    if page in FIRST_HOUR:
        lines += re.findall(r"`([^`\n]+)`", re.sub(r"```\w+\n.*?```", "", text, flags=re.DOTALL))
    start = r"(?:uv run (?:--(?:(?:extra|group|python) )?\S+ )*|\.venv[\\/](?:bin|Scripts)[\\/])?"
    found = [re.match(start + r"(multiverse(?:\.exe)? .*)$", line) for line in lines]
    return [match[1] for match in found if match]


@pytest.fixture(scope="module")
def multiverse() -> Any:
    return typer.main.get_command(commands_of())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_command_of_a_page_and_its_options_exist(page: Path, multiverse: Any) -> None:
    for line in typed_in(page):
        command = multiverse
        arguments = shlex.split(line, comments=True)[1:]
        while hasattr(command, "commands"):
            assert arguments and arguments[0] in command.commands, line
            command = command.commands[arguments.pop(0)]
        context = command.make_context("multiverse", [], resilient_parsing=True)
        command.make_parser(context).parse_args(arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_pictures_of_a_page_lead_to_files_and_headings(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:\s]*(?:#[^)\s]*)?)\)", text):
        file, _, anchor = target.partition("#")
        linked = (page.parent / file.replace("%20", " ")).resolve() if file else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {
                re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings
            }
            assert anchor in anchors, target


@pytest.mark.parametrize("page", doc_tables.pages(), ids=lambda page: page.stem)
def test_tables_of_a_page_are_up_to_date(page: Path, multiverse: Any) -> None:
    text = page.read_text(encoding="utf-8")
    assert doc_tables.fill_tables(text, multiverse) == text, "run `multiverse schema write`"


def undeclared(text: str) -> list[str]:
    """Addresses in a page that no parameter, command or message has, nor a part of one. A `<slot>`,
    NAME, `*` and a number stand for a level. Not checked: inputs of shaders (`/fx/1/glow`), status,
    answers, foreign addresses."""
    declared = [entry.address for entry in (*PARAMS, *COMMANDS, *MESSAGES)]
    parts = {
        "/".join(address.split("/")[:depth])
        for address in declared
        for depth in range(2, address.count("/") + 2)
    }
    found = re.findall(
        r"[`\s\"=](/[a-z_]\w*(?:/[^\s`\"=,;:()|]+)*)", re.sub(r"\]\([^)]*\)", "", text)
    )
    typed = {address.rstrip("./") for address in found}
    own = {address for address in typed - parts if "/" + address.split("/")[1] in parts}
    own = {
        address
        for address in own
        if not re.match(r"/(engine/status|fx|contour/\d|sam3/object)\b|.*/(entry|in|out)$", address)
    }
    unknown = []
    for address in own:
        level = re.sub(r"<[^>]+>|\\\*|\b[A-Z]+\b|\b\d+\b", "[^/]+", re.escape(address))
        if not any(re.fullmatch(level, part) for part in parts):
            unknown.append(address)
    return unknown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_osc_address_of_a_page_is_declared(page: Path) -> None:
    assert undeclared(page.read_text(encoding="utf-8")) == []


def test_a_mistyped_address_in_a_page_is_found() -> None:
    assert undeclared(
        "`/layer/1/angel 45`, `/layer/1/angle 45`, `/layer/<n>/angle`, `/usr/bin`"
    ) == ["/layer/1/angel"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_toml_block_of_a_page_is_a_configuration(page: Path) -> None:
    for block in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        values = tomllib.loads(block)
        # files of their own, which the engine writes
        if not set(values) <= {"cue", "entry", "bank"}:
            build_config(values)


def test_each_page_is_reachable_from_the_readme() -> None:
    waiting, reached = [ROOT / "README.md"], set()
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        targets = re.findall(r"\]\(([^)#:\s]+\.md)", page.read_text(encoding="utf-8"))
        waiting += [(page.parent / target).resolve() for target in targets]
    assert set(PAGES) - reached == set()


# -- the pages for beginners


@pytest.mark.parametrize(
    "page", [*FIRST_HOUR, ROOT / "docs" / "how-to/first-contact.md"], ids=lambda page: page.stem
)
def test_blocks_of_a_page_can_be_pasted(page: Path) -> None:
    """zsh (without INTERACTIVE_COMMENTS, as on Macs) and cmd take a comment for words, PowerShell
    5.1 knows no `&&`, and in cmd a single quote is a letter."""
    for shell, block in re.findall(
        r"```(\w+)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
    ):
        assert "#" not in block, block
        if shell == "powershell":
            assert "&&" not in block and "'" not in block, block


def test_the_command_of_ci_is_that_of_the_readme() -> None:
    lines, readme = (
        (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines(),
        README.read_text(encoding="utf-8"),
    )
    assert [line for line in lines if "-m pytest -n 4" in line and f"```sh\n{line}\n```" in readme]


def test_the_page_of_shaders_names_each_built_in_one() -> None:
    page = (ROOT / "docs/how-to/shaders.md").read_text(encoding="utf-8")
    files = sorted((ROOT / "engine/render/isf/shaders").glob("*.fs"))
    assert files and [file.stem for file in files if not re.search(rf"\b{file.stem}\b", page)] == []
