"""The command `multiverse`: adds the subcommands, and turns errors into one line and an exit
code."""

import importlib.util
import logging
import os
import re
import signal
import sys
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Annotated, Any, Final

import typer
import typer.core

from engine.cli import git_bash, standard_streams
from engine.cli.console_events import console
from engine.cli.help_texts import unify
from engine.cli.standard_streams import complain
from engine.errors import MultiverseError, UsageError, in_one_line, with_remedy
from engine.system.file_names import without_scheme
from engine.system.package_version import package_version
from engine.system.plain_text import write_plain_lines
from osc_schema import plugins

DONE = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130  # what typer exits with at Ctrl-C

NAMES: Final = tuple(
    "run sd segment convert video model view devices doctor preset osc schema isf".split()
)
"""Each is a module here, with a function of this name or, if it has subcommands, an `app`."""
ADDED: Final = "multiverse.commands"
"""Group of the entry points that add such modules; their commands are listed behind NAMES."""
_TEXT: Final = r'^def {}\(.*?"""(?P<command>.*?)"""|^app = [\w.]+\(.*?help="(?P<group>.*?)"'
"""Pattern of the help in the source of a command's module; {}: its name."""
# Typer brings its own copy of click, or uses the one beside it
_WRONG_USAGE: Any = typer.BadParameter.__base__


class _Commands(typer.core.TyperGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        unify(self)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # as Typer calls it
        """Run the command. UsageError in one line for what it does not take."""
        try:
            return super().invoke(ctx)
        except _WRONG_USAGE as error:
            if type(error).__name__ == "NoArgsIsHelpError":  # its text is the help
                raise
            command = (error.ctx or ctx).command_path.removeprefix(ctx.command_path).strip()
            help_command = f"multiverse {command}".rstrip() + " -h"
            name = getattr(error, "option_name", "")
            if not name or not hasattr(error, "possibilities"):  # another mistake
                reason = " ".join(error.format_message().split()).replace("Value error, ", "")
                if reason.startswith("Got unexpected extra argument") and command == "video":
                    reason += "; of many pictures name their folder"
                raise UsageError(f"{reason.rstrip('.')} ({help_command})") from None
            known = [
                option
                for param in error.ctx.command.params
                for option in (*param.opts, *param.secondary_opts)
            ]
            nearest = "".join(f"; nearest: {each}" for each in get_close_matches(name, known, 1))
            raise UsageError(
                f"{command} has no option {name}{nearest} ({help_command} lists all)"
            ) from None


def commands_of(names: Collection[str] | None = None, *, is_listing: bool = False) -> typer.Typer:
    """The command line with only these commands, or all for None; loading all takes longer than
    many of them run.

    An added command that cannot be loaded is left out, see `plugins.faults`. is_listing: Of our own
    commands have names and texts only, which is enough to list them."""
    app = _group()
    for name in NAMES if names is None else names:
        if name in NAMES:
            module = f"engine.cli.{name}"
            _add(
                app, name, _outline(module, name) if is_listing else importlib.import_module(module)
            )
    for name, point in (
        plugins.declared(ADDED).items() if names is None or set(names) - set(NAMES) else ()
    ):
        if names is not None and name not in names:
            continue
        try:
            if name in NAMES:
                raise TypeError("there is a command of this name")
            is_outline = is_listing and (point.dist is None or point.dist.name == plugins.PACKAGE)
            module = _outline(point.module, name) if is_outline else point.load()
            if not (is_outline or isinstance(module, ModuleType)):
                raise TypeError("must name a module, without a colon")
            typer.main.get_command(_add(_group(), name, module))  # finds faults in what it declares
            _add(app, name, module)
        except (Exception, SystemExit) as error:  # foreign code
            plugins.leave_out(point, in_one_line(error))
    return app


def _outline(module: str, name: str) -> Any:
    """Stands for a command's module, which is not imported: with its help alone, read from the
    source."""
    file = getattr(importlib.util.find_spec(module), "origin", None) or ""
    source = Path(file).read_text(encoding="utf-8") if file.endswith(".py") else ""
    text = re.search(_TEXT.format(name), source, re.DOTALL | re.MULTILINE)
    if text is None:
        return importlib.import_module(module)
    if text["group"]:
        return SimpleNamespace(app=typer.Typer(help=text["group"]))

    def command() -> None: ...

    command.__doc__ = text["command"]
    return SimpleNamespace(**{name: command})


def _group() -> typer.Typer:
    return typer.Typer(
        name="multiverse",
        cls=_Commands,
        help="Turns four audio channels into the Multiverse picture, live, controlled over OSC.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        callback=options,
    )


def _add(app: typer.Typer, name: str, module: Any) -> typer.Typer:
    if hasattr(module, "app"):
        app.add_typer(module.app, name=name)
    else:
        app.command(name, **getattr(module, "COMMAND_SETTINGS", {}))(getattr(module, name))
    return app


def _print_version(is_requested: bool) -> None:
    if is_requested:
        print(f"multiverse {package_version()}")
        raise typer.Exit


def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Log more, and show tracebacks of errors.")
    ] = False,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
    )
    write_plain_lines(logging.getLogger())
    if debug:
        for chatty in ("asyncio", "numba", "PIL"):
            logging.getLogger(chatty).setLevel(logging.INFO)


def _commands_for(first: str) -> typer.Typer:
    """The commands needed for this first argument. Prints why an added one, or any if all are
    listed, is left out."""
    is_alone = first in NAMES or first in plugins.declared(ADDED)
    found = commands_of([first] if is_alone else None, is_listing=not is_alone and first != "--")
    if first not in NAMES:
        for line in plugins.faults():
            if not is_alone or line.startswith(f"plug-in {first} of "):
                complain(line)
    return (
        found
        if found.registered_commands or found.registered_groups
        else commands_of(is_listing=True)
    )


def _first_argument() -> str:
    """The command that is called, or whose options a shell completes, as the variables of Typer's
    scripts tell."""
    arguments = sys.argv[1:]
    if "_MULTIVERSE_COMPLETE" in os.environ:
        line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
        arguments = line.split()[1:]
    return next((argument for argument in arguments if argument != "--debug"), "")


def main(commands: typer.Typer | None = None) -> None:
    """Entry point; exits 0 when done, 1 when failed, 2 on wrong usage."""
    standard_streams.open_closed_streams()
    standard_streams.print_any_name()
    standard_streams.write_stderr_without_lock()
    console.listen()
    # commands without Signals end as at Ctrl-C: with a line, and no process left
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) != signal.SIG_IGN:
            signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        try:
            sys.argv[1:] = map(without_scheme, sys.argv[1:])
            if git_bash.is_active(os.environ):
                sys.argv[1:] = git_bash.with_addresses(sys.argv[1:], os.environ)
            if "--window" in sys.argv:
                from engine.cli.run import with_window_argument

                sys.argv[1:] = with_window_argument(sys.argv[1:])
            (commands or _commands_for(_first_argument()))()
        finally:
            sys.stdout.flush()
    except (
        SystemExit,
        KeyboardInterrupt,
    ) as end:  # the latter before Typer runs, while a command is loaded
        code = INTERRUPTED if isinstance(end, KeyboardInterrupt) else end.code
        if code == INTERRUPTED:
            standard_streams.say_at_once("multiverse: interrupted")
        sys.exit(code)
    except OSError as error:
        if "--debug" in sys.argv:
            raise
        if error.filename is not None and error.strerror:
            complain(f"{error.filename}: {with_remedy(error)}")
            sys.exit(FAILED)
        if not standard_streams.discard_if_broken(sys.stdout):
            raise
        complain(f"standard output: cannot be written ({error.strerror or error})")
        sys.exit(FAILED)
    except MultiverseError as error:
        if "--debug" in sys.argv:
            raise
        lines = (error, *getattr(error, "__notes__", ()))
        standard_streams.say_at_once(*(f"multiverse: {line}" for line in lines))
        sys.exit(USAGE if isinstance(error, UsageError) else FAILED)


if __name__ == "__main__":
    main()
