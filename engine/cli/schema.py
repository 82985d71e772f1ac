"""`multiverse schema`: the parameters and commands, for people and for programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from osc_schema import Param

app = typer.Typer(help="Every parameter and command, for people and for programs.", no_args_is_help=True)


@app.command("list")
def list_params(
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", help="Only these: an address or an OSC pattern.")
    ] = "//*",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print addresses, types, ranges and defaults as JSON.")
    ] = False,
) -> None:
    """Print the parameters, one a line: address, values, default, what it does."""
    import json

    import osc_schema
    from engine.errors import UsageError

    try:
        params = osc_schema.match(pattern)
    except osc_schema.Rejected as rejection:
        raise UsageError(str(rejection)) from None
    if not params:
        raise UsageError(str(osc_schema.unknown_address(pattern)))
    if as_json:
        print(json.dumps([_as_dict(param) for param in params], indent=2, ensure_ascii=False))
        return
    width = max(len(param.address) for param in params)
    for param in params:
        print(f"{param.address:{width}}  {_values(param)}  [{_plain(param.default)}]  {param.description}")


@app.command()
def markdown() -> None:
    """Print the address list as Markdown."""
    from osc_schema.generate import FILES

    print(FILES["ADDRESSES.md"](), end="")


@app.command("json")
def json_schema() -> None:
    """Print the JSON Schema of the parameters, with the commands."""
    from osc_schema.generate import FILES

    print(FILES["addresses.schema.json"](), end="")


@app.command()
def write(
    folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where to. [default: osc_schema/generated of this installation]"),
    ] = None,
) -> None:
    """Write the generated files again, after a declaration has changed."""
    from engine.errors import MultiverseError
    from osc_schema.generate import FILES, FOLDER

    target = folder or FOLDER
    for name, generate in FILES.items():
        try:
            target.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(generate(), encoding="utf-8", newline="\n")
        except OSError as error:
            raise MultiverseError(f"{target / name}: cannot be written ({error.strerror or error})") from None
        print(target / name)


def _as_dict(param: "Param") -> dict[str, Any]:
    import dataclasses

    return dataclasses.asdict(param)


def _values(param: "Param") -> str:
    if param.menu:
        return "|".join(param.menu)
    return f"{param.type} {param.low:g}..{param.high:g}{' ' if param.unit else ''}{param.unit}"


def _plain(default: object) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default)
