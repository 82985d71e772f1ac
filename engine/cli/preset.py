"""`multiverse preset`: manages the folder of presets; saves and loads them in a running engine over
OSC."""

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli import osc
from engine.cli.osc import ENGINE, Target
from engine.cli.standard_streams import complain, print_lines
from engine.errors import PresetError, UsageError
from engine.system.translate_errors import refused

if TYPE_CHECKING:
    from engine.params import PresetFolder

app = typer.Typer(help="Saved looks.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The preset's name.")]
NameOrNone = Annotated[
    str, typer.Argument(metavar="[NAME]", help="The preset's name. (default: prepare none)")
]
NewName = Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--presets",
        metavar="FOLDER",
        help="Folder of the presets. (default: the user's data folder)",
    ),
]
TIME_HELP = "Time that the change takes: seconds (4, 0.5), beats (4b) or bars (2bars)."
LONGEST = "16bars"  # that the engine's own time is likely to be
SLOWEST = (20.0, 7)  # beats per minute and beats a bar: the tempo of the engine is not known here
Time = Annotated[str, typer.Argument(metavar="[TIME]", help=TIME_HELP)]
Fade = Annotated[str, typer.Argument(metavar="[FADE]", help=TIME_HELP)]
TakeFade = Annotated[
    str, typer.Argument(metavar="[FADE]", help=f"{TIME_HELP} (default: /preset/take_fade)")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]


@app.command("list")
def list_presets(folder: Folder = None, as_json: AsJson = False) -> None:
    """Print the names of all presets: the built-in looks by worlds, then those in the folder."""
    presets = _open(folder)
    from engine.params.looks import world_of
    from engine.params.presets import is_factory

    names = presets.list()
    found = [
        {"name": name, "built_in": is_factory(name), "world": world_of(name)} for name in names
    ]
    facts = {
        name: ", ".join(filter(None, ("built in", world_of(name))))
        for name in names
        if is_factory(name)
    }
    _print(
        found,
        as_json,
        "".join(f"{name}  ({facts[name]})\n" if name in facts else f"{name}\n" for name in names),
    )


@app.command()
def show(name: Name, folder: Folder = None, as_json: AsJson = False) -> None:
    """Print the values of a preset; invalid entries are listed on stderr."""
    loaded = _open(folder).load(name)
    if as_json:
        _print(
            {"name": loaded.name, "values": loaded.by_address(), "problems": loaded.problems},
            as_json,
        )
        return
    _warn(loaded.problems)
    width = max((len(param.address) for param, _ in loaded.values), default=0)
    for param, value in loaded.values:
        if isinstance(value, bool):
            plain = "on" if value else "off"
        else:
            plain = f"{value:g}" if isinstance(value, float) else str(value)
        print_lines(f"{param.address:{width}}  {plain}")


@app.command()
def save(name: Name, to: Target = ENGINE, as_json: AsJson = False) -> None:
    """Save the running engine's look as a preset (/preset/save)."""
    _carry_out("save", [name], to, as_json)


@app.command()
def load(name: Name, fade: Fade = "0", to: Target = ENGINE, as_json: AsJson = False) -> None:
    """Crossfade the running engine to a preset (/preset/load); returns when the fade is
    complete."""
    _carry_out("load", [name], to, as_json, fade)


@app.command()
def glide(name: Name, time: Time = "0", to: Target = ENGINE, as_json: AsJson = False) -> None:
    """Glide the running engine's values to a preset's (/preset/glide); returns when they have
    arrived."""
    _carry_out("glide", [name], to, as_json, time)


@app.command()
def prepare(name: NameOrNone = "", to: Target = ENGINE, as_json: AsJson = False) -> None:
    """Let a preset wait in the running engine for `take`, its shaders ready (/preset/prepare)."""
    _carry_out("prepare", [name] if name else [], to, as_json)


@app.command()
def take(fade: TakeFade = "", to: Target = ENGINE, as_json: AsJson = False) -> None:
    """Crossfade the running engine to what is prepared (/preset/take); what was on screen is
    prepared then."""
    _carry_out("take", [], to, as_json, fade or None)


@app.command()
def rename(name: Name, new: NewName, to: Target = ENGINE, as_json: AsJson = False) -> None:
    """Rename a preset of the running engine, so that cues and pads follow (/preset/rename)."""
    _carry_out("rename", [name, new], to, as_json)


@app.command()
def delete(name: Name, folder: Folder = None, as_json: AsJson = False) -> None:
    """Delete a preset; `restore` brings it back."""
    _open(folder).delete(name)
    _print({"deleted": name}, as_json)


@app.command()
def restore(name: Name, folder: Folder = None, as_json: AsJson = False) -> None:
    """Restore the preset that was last overwritten or deleted under this name. A second call undoes
    the first."""
    _print({"restored": _open(folder).restore(name).name}, as_json)


@app.command("import")
def import_preset(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Preset file to import.")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Save it under this name. (default: its own)")
    ] = None,
    overwrite: Overwrite = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Copy a preset file into the folder; invalid entries are listed on stderr and skipped."""
    loaded = _open(folder).import_file(file, name, overwrite=overwrite)
    if not as_json:
        _warn(loaded.problems)
    _print(
        {"name": name or loaded.name, "problems": loaded.problems},
        as_json,
        f"{name or loaded.name}\n",
    )


@app.command()
def export(
    name: Name,
    file: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="File to write instead of the terminal."),
    ] = None,
    overwrite: Overwrite = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Print a preset, or a built-in look, as a file for another machine."""
    if file is not None:
        _check_free(file, overwrite)
    text = _open(folder).export_text(name)
    if file is None:
        _print({"name": name, "toml": text}, as_json, text)
    else:
        _write(file, text.encode())
        _print({"name": name, "file": str(file)}, as_json)


@app.command()
def picture(
    name: Name,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Picture to write: .jpg or .png; .webp: a loop of one bar, 1.92 s."
        ),
    ],
    size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Size in pixels. (default: 320x180; .webp: 240x135)"),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=60.0,
            metavar="SECONDS",
            help="Time in the demo loop at which it is taken, or a .webp begins.",
        ),
    ] = 4.7,
    overwrite: Overwrite = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Draw a preset with the built-in demo loop and write the picture; the same preset gives the
    same picture."""
    from engine.cli import preset_picture
    from engine.system.picture_size import parse_size

    suffix = file.suffix.lower()
    if suffix not in (".jpg", ".jpeg", ".png", ".webp"):
        raise UsageError(f"{file}: must end in .jpg, .png or .webp")
    _check_free(file, overwrite)
    width, height = parse_size(size or ("240x135" if suffix == ".webp" else "320x180"))
    draw = preset_picture.draw_loop if suffix == ".webp" else preset_picture.draw_still
    _write(file, draw(name, _open(folder).path, suffix, (width, height), seconds))
    _print({"name": name, "file": str(file)}, as_json)


@app.command("path")
def print_path(folder: Folder = None, as_json: AsJson = False) -> None:
    """Print the folder of the presets."""
    path = _open(folder).path
    _print({"path": str(path)}, as_json, f"{path}\n")


def _carry_out(
    verb: str, names: list[str], to: str, as_json: bool, written: str | None = "0"
) -> None:
    """Send the command over OSC; exit code 1 after /fail. `written`: the time it takes, None for
    the engine's own."""
    from engine.params.fade_time import FadeTime

    try:
        time = FadeTime.of(written or LONGEST)
    except ValueError as reason:
        raise UsageError(f"preset {verb}: {written!r} {reason}") from None
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        has_time = written is not None and (verb == "take" or not time.is_at_once)
        times = [f"{'f' if time.unit == 's' else 's'}:{time.written}"] if has_time else []
        longest_s = time.seconds(*SLOWEST)
        arguments = [*(f"s:{name}" for name in names), *times]
        osc.carry_out(f"/preset/{verb}", arguments, to, within_s=osc.ANSWER_WITHIN_S + longest_s)
    _print({verb: names[-1] if names else ""}, as_json)


def _check_free(file: Path, overwrite: bool) -> None:
    if file.exists() and not overwrite:
        raise UsageError(f"{file}: exists already; --overwrite replaces it")


def _write(file: Path, content: bytes) -> None:
    from engine.system.atomic_file import write_atomic

    with refused(f"{file}: cannot be written", PresetError):
        write_atomic(file, content)


def _open(folder: Path | None) -> "PresetFolder":
    from engine.params import PresetFolder
    from engine.system.folders import presets_folder

    return PresetFolder(folder or presets_folder())


def _warn(problems: list[str]) -> None:
    for problem in problems:
        complain(problem)


def _print(value: object, as_json: bool, plain: str = "") -> None:
    print(f"{json.dumps(value, indent=2)}\n" if as_json else plain, end="")
