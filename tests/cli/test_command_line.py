"""What a user can type: every command, argument and option with its help, held to
tests/golden/command_line.txt.

After an intended change: MULTIVERSE_WRITE_GOLDEN=1 pytest tests/cli/test_command_line.py, and read
the difference.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from engine.cli.main import DONE, FAILED, INTERRUPTED, NAMES, USAGE, commands_of

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "command_line.txt"


def described(command: Any, name: str) -> Iterator[str]:
    yield f"{name}: {' '.join((command.help or '').split())}"
    for param in command.params:
        kind = "option" if param.param_type_name == "option" else "argument"
        spelled = " ".join((*param.opts, *param.secondary_opts)) if kind == "option" else param.name
        facts = [
            param.metavar or "",
            *(key for key in ("required", "multiple", "hidden") if getattr(param, key)),
        ]
        facts += [
            f"{key}={value}"
            for key in ("min", "max")
            if (value := getattr(param, key, None)) is not None
        ]
        facts += (
            [f"default={param.default}"]
            if isinstance(param.default, (str, int, float, Path))
            else []
        )
        text = " ".join((getattr(param, "help", None) or "").split())
        yield f"  {kind} {spelled} [{' '.join(fact for fact in facts if fact)}]: {text}"
    for each, inner in sorted(getattr(command, "commands", {}).items()):
        yield from described(inner, f"{name} {each}")


def test_every_command_and_option_is_spelled_and_explained_as_before() -> None:
    lines = [f"exit codes: done {DONE}, failed {FAILED}, usage {USAGE}, interrupted {INTERRUPTED}"]
    text = (
        "\n".join([*lines, *described(typer.main.get_command(commands_of()), "multiverse")]) + "\n"
    )
    if os.environ.get("MULTIVERSE_WRITE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8", newline="\n")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_the_list_of_commands_has_their_own_texts_and_is_printed_without_loading_one() -> None:
    listed, whole = (
        typer.main.get_command(commands_of(is_listing=is_listing)) for is_listing in (True, False)
    )
    texts = [
        [(name, each.get_short_help_str(999)) for name, each in group.commands.items()]
        for group in (listed, whole)
    ]
    assert texts[0] == texts[1]
    program = (
        "import sys; sys.argv[1:] = ['-h']\nfrom engine.cli.main import main\ntry: "
        "main()\nfinally: print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    *text, modules = done.stdout.splitlines()
    name, help_line = texts[1][-1]
    assert f"  {name:<8} {help_line}" in text
    loaded = {
        name for name in modules.split() if name.startswith(("engine.cli.", "engine.dataset."))
    }
    assert {f"engine.cli.{name}" for name in NAMES}.isdisjoint(
        loaded
    ) and "numpy" not in modules.split(), loaded


def every_help(command: Any, context: Any) -> Iterator[str]:
    yield command.get_help(context)
    for name, inner in getattr(command, "commands", {}).items():
        yield from every_help(inner, inner.context_class(inner, info_name=name, parent=context))


def test_helps_have_whole_sentences_and_one_way_to_write_ranges_and_defaults() -> None:
    command = typer.main.get_command(commands_of())
    for text in every_help(command, command.context_class(command, info_name="multiverse")):
        listed = text.partition("Commands:")[2]
        assert "..." not in listed, text
        assert re.findall(r"\[default|<=x|<x|<int range>|<float range>", text) == [], text


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("multiverse pre", "preset"),
        ("multiverse segment --detect", "--detect-every"),
        ("multiverse osc li", "listen"),
    ],
)
def test_a_shell_completes_commands_and_their_options(line: str, found: str) -> None:
    typed = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
        "_MULTIVERSE_COMPLETE": "complete_bash",
    }
    program = "import sys; from engine.cli.main import main; sys.argv[:] = ['multiverse']; main()"
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env=os.environ | typed, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [found], done.stderr
