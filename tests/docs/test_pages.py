"""README and every page of docs/: commands exist, links are valid, tables match the declarations."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from engine.cli import doc_tables
from engine.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MAX_README_LINES = 150


def typed_in(page: Path) -> list[str]:
    """The `multiverse ...` lines in the page's code blocks, without prompt, folder and comment."""
    blocks = re.findall(r"```(?:sh|bat|powershell)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    found = [
        re.match(r"(?:\.venv[\\/](?:bin|Scripts)[\\/])?(multiverse(?:\.exe)? .*)$", line.strip()) for line in lines
    ]
    return [match[1] for match in found if match]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_command_of_a_page_and_its_options_exist(page: Path) -> None:
    for line in typed_in(page):
        command: Any = typer.main.get_command(app)
        words = shlex.split(line, comments=True)[1:]
        while hasattr(command, "commands"):
            assert words and words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        context = command.make_context("multiverse", [], resilient_parsing=True)
        command.make_parser(context).parse_args(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_pictures_of_a_page_lead_to_files_and_headings(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:\s]*(?:#[^)\s]*)?)\)", text):
        file, _, anchor = target.partition("#")
        linked = (page.parent / file.replace("%20", " ")).resolve() if file else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, target


@pytest.mark.parametrize("page", doc_tables.pages(), ids=lambda page: page.stem)
def test_tables_of_a_page_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert doc_tables.filled(text, typer.main.get_command(app)) == text, "run `multiverse schema write`"


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


def test_the_readme_fits_on_a_few_screens() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= MAX_README_LINES
