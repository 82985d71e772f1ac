"""`multiverse isf ...`: tries shaders of the Interactive Shader Format without the engine."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.standard_streams import print_lines
from engine.config import Config
from engine.errors import UsageError
from engine.system.run_option import option_help

if TYPE_CHECKING:
    from engine.render.isf.isf_file import IsfInput
    from engine.render.isf.vetter import VetResult

TRANSITION_NOTE = "a transition: /preset/transition plays it"

app = typer.Typer(help="Try shaders of the Interactive Shader Format (ISF).", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep `check` a subcommand: typer would merge an only command into the group."""


@app.command()
def check(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Shaders (.fs), or folders of them.")
    ],
    size: Annotated[
        str, typer.Option(metavar="WxH", help="Picture size for the time of a picture.")
    ] = "1280x720",
    deadline: Annotated[
        float, typer.Option(min=1.0, metavar="SECONDS", help="Time for each shader.")
    ] = 20.0,
    thumbnails: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write a picture of each shader there, as PNG."),
    ] = None,
    gpu: Annotated[str | None, typer.Option(**option_help(Config, "gpu"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compile and draw each shader in a process of its own, as the engine does before it plays one.

    Exit code 1 if one of them cannot be played."""
    from engine.render.egl_devices import chosen_gpu
    from engine.render.isf.vetter import VetProcess
    from engine.system.picture_size import parse_size

    size_px = parse_size(size)
    paths = _shaders(files)
    if thumbnails is not None:
        thumbnails.mkdir(parents=True, exist_ok=True)
    written: set[Path] = set()
    process = VetProcess(deadline_s=deadline)
    rows: list[dict[str, Any]] = []
    try:
        for path in paths:
            # the process is started with the first shader, and after each that kills it
            with chosen_gpu(gpu):
                result = _vet(process.vet, path, size_px)
            rows.append(_row(result, path))
            if thumbnails is not None and result.thumbnail is not None:
                _write_thumbnail(result, thumbnails, path, written)
            if not as_json:
                print_lines(_line(rows[-1]))
    finally:
        process.kill()
    failed = sum(not row["ok"] for row in rows)
    if as_json:
        print(json.dumps({"size": size, "files": rows}))
    else:
        print(f"{len(rows) - failed} of {len(rows)} can be played", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


def _shaders(files: list[Path]) -> list[Path]:
    """The files, and all shaders in the folders among them. UsageError if there is none."""
    paths: list[Path] = []
    for file in files:
        paths += (
            sorted(each for each in file.rglob("*") if each.suffix in (".fs", ".isf"))
            if file.is_dir()
            else [file]
        )
    if not paths:
        raise UsageError(f"{', '.join(map(str, files))}: no shader (.fs or .isf) is in there")
    return paths


def _vet(vet: "Callable[..., VetResult]", path: Path, size_px: tuple[int, int]) -> "VetResult":
    from engine.params.shader_catalog import read_source
    from engine.render.isf.vetter import VetResult

    try:
        source = read_source(path)
    except OSError as error:
        reason = f"{path.name} cannot be read: {error.strerror or error}"
        return VetResult(ticket=0, path=path, ok=False, reason=reason)
    return vet(source.text, vertex=source.vertex, path=path, size_px=size_px)


def _row(result: "VetResult", path: Path) -> dict[str, Any]:
    from engine.control.commands.shader_slots import wrong_kind
    from osc_schema.fx import TRANSITION

    no_transition, no_effect = (
        "" if result.file is None else wrong_kind(slot, result.file) for slot in (TRANSITION, "1")
    )
    notes = ("" if result.file is None or no_transition else TRANSITION_NOTE, result.note)
    return {
        "file": str(path),
        "ok": result.ok and not (no_transition and no_effect),
        "reason": result.reason or (no_transition if no_effect else ""),
        "line": result.line,
        "note": "; ".join(filter(None, notes)),
        "draw_ms": result.draw_ms,
        "inputs": [_input(each) for each in result.inputs],
    }


def _input(each: "IsfInput") -> dict[str, Any]:
    values: dict[str, Any] = {"name": each.name, "type": each.type, "label": each.label}
    if not each.is_image:
        values |= {"default": each.default, "min": each.minimum, "max": each.maximum}
    if each.values:
        values |= {"values": each.values, "labels": each.labels}
    return values


def _line(row: dict[str, Any]) -> str:
    name = Path(row["file"]).name
    if not row["ok"]:
        prefix = f"line {row['line']}: " if row["line"] is not None else ""
        return f"FAILED {name:<40} {prefix}{row['reason']}"
    inputs = " ".join(each["name"] for each in row["inputs"])
    note = f" ({row['note']})" if row["note"] else ""
    return f"ok     {name:<40} {row['draw_ms']:7.1f} ms  {inputs}{note}"


def _write_thumbnail(result: "VetResult", folder: Path, path: Path, written: set[Path]) -> None:
    """Write its picture; of shaders of one name in several folders the later ones get their
    folder's name in front."""
    from PIL import Image

    assert result.thumbnail is not None
    to = folder / f"{path.stem}.png"
    if to in written:
        to = folder / f"{path.absolute().parent.name} {path.stem}.png"
    written.add(to)
    Image.fromarray(result.thumbnail).save(to)
