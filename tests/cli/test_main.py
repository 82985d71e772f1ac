"""How every command ends: at a signal, and when its output cannot be written."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from engine.cli.signals import Signals
from engine.errors import MultiverseError
from tests.cli.conftest import Cli


@pytest.mark.only_on("linux", "darwin", reason="SIGTERM ends a process there without a word to it")
@pytest.mark.parametrize(
    ("command", "module", "code"),
    [
        ("isf check .", "engine.cli.isf", 130),
        ("devices", "engine.cli.device_list", 130),
        ("devices", "engine.cli.devices", 130),  # before the command is known
    ],
)
def test_every_command_ends_on_sigterm_with_a_line(
    command: str, module: str, code: int, cli: Cli, ctrl_c_at: Callable[..., None]
) -> None:
    ctrl_c_at(module, signal.SIGTERM)
    ended = cli(*command.split())
    assert (ended.code, ended.err.splitlines()[-1]) == (code, "multiverse: interrupted")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("vidoe in.mp4", "No such command 'vidoe'. Did you mean 'video', 'view'? (multiverse -h)"),
        (
            "video a b --deinterlace both",
            "--deinterlace': 'both' is not one of 'field', 'frame' (multiverse video -h)",
        ),
        (
            "video 1.png 2.png 3.png out.mp4",
            "unexpected extra argument(s) (3.png out.mp4); of many pictures name their",
        ),
        ("dataset check file:///no/m%20n", f"multiverse: {Path('/no/m n')}: is missing"),
        ("run --seconds soon", "Invalid value for '--seconds': "),
        ("sd a.png b.png", "Missing option '--prompt' (multiverse sd -h)"),
    ],
)
def test_wrong_usage_is_one_line(arguments: str, line: str, cli: Cli) -> None:
    done = cli(*arguments.split())
    assert (
        done.code == 2
        and line in done.err
        and done.err.startswith("multiverse: ")
        and done.err.count("\n") == 1
    )


def test_a_signal_that_comes_before_a_run_can_be_stopped_stops_it_at_once(cli: Cli) -> None:
    commands, stopped = typer.Typer(), []

    @commands.command()
    def runs() -> None:
        signals = Signals()
        signals._end_run()
        signals.connect(lambda: stopped.append("at once"))

    assert cli(commands=commands).code == 0 and stopped == ["at once"]


def test_what_an_error_leaves_behind_is_printed_below_it(cli: Cli) -> None:
    commands = typer.Typer()

    @commands.command()
    def fails() -> None:
        error = MultiverseError("the disk is full")
        error.add_note("out.mp4: finished work is kept")
        raise error

    assert cli(commands=commands) == (
        1, "", "multiverse: the disk is full\nmultiverse: out.mp4: finished work is kept\n",
    )  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is full, as Linux has it")
@pytest.mark.parametrize("command", ["--version", "devices"])
def test_output_on_a_full_disk_is_one_line(command: str) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "engine.cli.main", command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    line = "multiverse: standard output: cannot be written (No space left on device)\n"
    assert (ended.returncode, ended.stderr) == (1, line)
