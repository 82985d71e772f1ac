"""README's two commands and the pages for beginners: every command in them works as printed."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from engine.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "docs" / "mac.md", ROOT / "docs" / "windows.md")
README = ROOT / "README.md"


def commands(page: Path) -> Iterator[list[str]]:
    """The words after each `multiverse` that is to be typed: in code, at its beginning or after a folder."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```\w+\n(.*?)```", text, re.DOTALL)
    typed = [line for block in blocks for line in block.splitlines()]
    typed += re.findall(r"`([^`\n]+)`", re.sub(r"```\w+\n.*?```", "", text, flags=re.DOTALL))
    for line in typed:
        said = re.match(r"(?:\.venv[\\/](?:bin|Scripts)[\\/])?multiverse(?:\.exe)?(?: (.*))?$", line)
        if said and said[1]:
            yield said[1].partition("#")[0].split()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_command_and_option_in_a_page_exists(page: Path) -> None:
    group: Any = typer.main.get_command(app)
    found = list(commands(page))
    assert len(found) >= 8
    for words in found:
        verb, *rest = words
        assert verb in group.commands, words
        known = {option for parameter in group.commands[verb].params for option in parameter.opts}
        named = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert named <= known, words


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.stem)
def test_no_page_activates_the_environment(page: Path) -> None:
    """PowerShell's policy refuses the script (Restricted is the default of Windows clients)."""
    assert re.search(r"bin/activate|Scripts\\activate", page.read_text(encoding="utf-8")) is None


@pytest.mark.parametrize("page", [*PAGES, ROOT / "docs" / "first-contact.md"], ids=lambda page: page.stem)
def test_blocks_of_a_page_can_be_pasted(page: Path) -> None:
    """zsh (without INTERACTIVE_COMMENTS, as on Macs) and cmd take a comment for words, PowerShell 5.1 knows no `&&`,
    and in cmd a single quote is a letter."""
    for shell, block in re.findall(r"```(\w+)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        assert "#" not in block, block
        if shell == "powershell":
            assert "&&" not in block and "'" not in block, block


def test_the_command_of_ci_is_that_of_the_readme() -> None:
    last = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1]
    assert f"```sh\n{last}\n```" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.stem)
def test_links_of_a_page_lead_to_files_and_headings(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:\s]*(?:#[^)\s]*)?)\)", text):
        file, _, anchor = target.partition("#")
        linked = (page.parent / file.replace("%20", " ")).resolve() if file else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, target


@pytest.mark.skipif(sys.platform == "win32", reason="environments hold no links there")
def test_only_with_clear_does_venv_give_an_environment_another_python(tmp_path: Path) -> None:
    """CPython's Lib/venv/__init__.py, `setup_python`, leaves a python that is there. README and docs/mac.md say it."""
    environment = tmp_path / ".venv"
    (environment / "bin").mkdir(parents=True)
    other = tmp_path / "python3.9"
    other.touch()
    python = environment / "bin" / "python"
    python.symlink_to(other)
    make = [sys.executable, "-m", "venv", "--without-pip"]
    subprocess.run([*make, environment], check=True)
    assert python.resolve() == other
    subprocess.run([*make, "--clear", environment], check=True)
    assert python.resolve() == Path(sys.executable).resolve()
