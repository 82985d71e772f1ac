"""`multiverse schema`: prints the parameters and commands for people, programs and control
surfaces."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.errors import MultiverseError, UsageError
from engine.system.installing import CHECKOUT, is_checkout
from engine.system.python_process import command
from engine.system.translate_errors import refused

if TYPE_CHECKING:
    from osc_schema import Command, Param

app = typer.Typer(
    help="Every parameter and command, for people, for programs and as control surfaces.",
    no_args_is_help=True,
)

Out = Annotated[
    Path | None, typer.Argument(metavar="[OUT]", help="File to write. (default: print)")
]
Host = Annotated[str, typer.Option(metavar="HOST", help="Machine that the engine runs on.")]
Port = Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="The engine's OSC port.")]
ListenPort = Annotated[
    int,
    typer.Option(
        metavar="PORT",
        min=1,
        max=65535,
        help="UDP port on which the patch receives the engine's answers.",
    ),
]


@app.command("list")
def list_params(
    pattern: Annotated[
        str,
        typer.Argument(metavar="PATTERN", help="List only these: an address or an OSC pattern."),
    ] = "//*",
    commands: Annotated[
        bool,
        typer.Option(
            "--commands",
            help="List the commands instead of the parameters: arguments, description.",
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print everything, including types, ranges and defaults, as JSON."
        ),
    ] = False,
) -> None:
    """Print the parameters, one per line: address, values, default, description."""
    chosen: tuple[Any, ...] = _commands_at(pattern) if commands else _params_at(pattern)
    if as_json:
        print(json.dumps([dataclasses.asdict(entry) for entry in chosen], indent=2))
        return
    width = max(len(entry.address) for entry in chosen)
    for entry in chosen:
        if commands:
            names = ((f"{each.name}:{each.type}", each.is_optional) for each in entry.arguments)
            values = " ".join(f"[{name}]" if is_optional else name for name, is_optional in names)
        else:
            default = f"{entry.default:g}" if isinstance(entry.default, float) else entry.default
            unit = f" {entry.unit}" if entry.unit else ""
            accepted = "|".join(entry.menu) or f"{entry.type} {entry.low:g}..{entry.high:g}{unit}"
            values = f"{accepted}  [{default}]"
        print(
            "  ".join(
                part for part in (f"{entry.address:{width}}", values, entry.description) if part
            )
        )


@app.command()
def markdown() -> None:
    """Print the address list as Markdown."""
    _give(_generated("address_list"), None)


@app.command("json")
def json_schema() -> None:
    """Print the JSON Schema of the parameters, with the commands."""
    _give(_generated("json_schema"), None)


@app.command("max")
def max_patch(
    out: Out = None, host: Host = "127.0.0.1", port: Port = 9000, listen_port: ListenPort = 9001
) -> None:
    """Make a patch for Max 8 or newer (.maxpat), with the picture over Syphon or Spout."""
    _give(_generated("max_patch", host=_host(host), port=port, listen_port=listen_port), out)


@app.command("pd")
def pd_patch(
    out: Out = None, host: Host = "127.0.0.1", port: Port = 9000, listen_port: ListenPort = 9002
) -> None:
    """Make a patch for Pd (.pd, vanilla 0.52 or newer)."""
    _give(_generated("pd_patch", host=_host(host), port=port, listen_port=listen_port), out)


@app.command("osc-layout")
def osc_layout(
    out: Out = None,
    host: Host = "127.0.0.1",
    port: Port = 9000,
    listen_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            min=1,
            max=65535,
            help="Open Stage Control's --osc-port. (default: the port it sends from)",
        ),
    ] = None,
) -> None:
    """Make a session for Open Stage Control (.json, 1.25 or newer)."""
    _give(_generated("osc_layout", host=_host(host), port=port, listen_port=listen_port), out)


@app.command("touchosc")
def touchosc(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write.")],
    listen_port: Annotated[
        int,
        typer.Option(
            metavar="PORT", min=1, max=65535, help="Receive port, as set in the app's connection."
        ),
    ] = 9003,
) -> None:
    """Make a layout for TouchOSC (.tosc). Host and ports are set in the app."""
    _give(_generated("touchosc", listen_port=listen_port), out)


@app.command()
def write(
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder to write to, with the same paths. (default: this installation)",
        ),
    ] = None,
) -> None:
    """Regenerate the generated files, after a declaration was changed. They leave plug-ins out."""
    from osc_schema import plugins

    if folder is None and not is_checkout():
        raise UsageError(
            f"{CHECKOUT} holds installed packages, which stay as they are: multiverse schema "
            "write --folder FOLDER"
        )
    if plugins.are_installed():  # what this process has loaded contains them
        program = [*command("engine.cli.main", "main()"), *sys.argv[1:]]
        raise typer.Exit(
            subprocess.run(program, env=os.environ | {plugins.SWITCH: "off"}).returncode
        )
    from osc_schema.generate import FILES, ROOT

    for name, generate in FILES.items():
        path = (folder or ROOT) / name
        try:
            content = generate()
        except ValueError as error:  # a declaration that one of the programs cannot represent
            raise MultiverseError(f"{name}: {error}") from None
        _write(content, path)
        print(path)
    if folder is None:
        from engine.cli import doc_tables
        from engine.cli.main import commands_of

        every = typer.main.get_command(commands_of())
        _write(doc_tables.looks_json(), doc_tables.LOOKS)
        print(doc_tables.LOOKS)
        for page in doc_tables.pages():
            _write(doc_tables.fill_tables(page.read_text(encoding="utf-8"), every), page)
            print(page)


def _generated(kind: str, **options: Any) -> str | bytes:
    """The file that a function of `osc_schema.generate` makes of the schema."""
    import osc_schema
    from osc_schema import generate

    content: str | bytes = getattr(generate, kind)(osc_schema.AREAS, **options)
    return content


def _give(content: str | bytes, out: Path | None) -> None:
    if out is None:
        print(content, end="")
    else:
        _write(content, out)


def _write(content: str | bytes, path: Path) -> None:
    with refused(f"{path}: cannot be written", MultiverseError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def _host(host: str) -> str:
    """Return a host name or address; UsageError for anything else, which could break out of a
    message in a patch."""
    if re.fullmatch(r"[\w.-]+|[0-9a-fA-F:]+", host) is None:
        raise UsageError(f"--host {host}: not a name or an address of a machine")
    return host


def _params_at(pattern: str) -> "tuple[Param, ...]":
    import osc_schema

    try:
        params = osc_schema.match(pattern)
    except osc_schema.Rejected as rejection:
        raise UsageError(str(rejection)) from None
    if not params:
        raise UsageError(str(osc_schema.unknown_address(pattern)))
    return params


def _commands_at(pattern: str) -> "tuple[Command, ...]":
    import osc_schema
    from osc_schema.patterns import PatternIndex

    try:
        addresses = PatternIndex(command.address for command in osc_schema.COMMANDS).match(pattern)
    except osc_schema.Rejected as rejection:
        raise UsageError(str(rejection)) from None
    if not addresses:
        raise UsageError(f"{pattern}: no such command")
    return tuple(command for command in osc_schema.COMMANDS if command.address in addresses)
