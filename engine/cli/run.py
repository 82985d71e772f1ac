"""`multiverse run`: the engine, played live or rendered offline."""

import contextlib
import gc
import json
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.gpu_option import Gpu
from engine.cli.job_options import job_options
from engine.cli.live_options import options_of, require_model, settings_from
from engine.cli.signals import Signals
from engine.cli.standard_streams import STDERR
from engine.errors import SinkError, UsageError
from engine.live.kit.opening import live_models, with_implied
from engine.system.picture_size import parse_size
from engine.system.schedule import parse_rate
from osc_schema.live_models import PICTURES

if TYPE_CHECKING:
    from engine.app import Engine
    from engine.cli.log_thread import LogThread
    from engine.config import Config
    from osc_schema import Param

INTERRUPTED = 1
PICTURE_PREFIXES = " or ".join(", ".join(f"{each.name}:" for each in PICTURES).rsplit(", ", 1))


@job_options(options_of(live_models()))
def run(
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Configuration file; options override it.")
    ] = None,
    audio: Annotated[
        str | None,
        typer.Option(
            metavar="demo|device:NAME|rtp:PORT|FILE|FOLDER",
            help="Sound input; FILE: any sound, video or .m3u playlist; rtp:PORT: of another program, such as"
            " TouchDesigner. The beat is heard in it, unless /tempo/source names another clock. (default: the default"
            " input device, else the demo loop)",
        ),
    ] = None,
    music: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of sound files and playlists that can be chosen during the run, repeatable."
            " (default: the user's music folder)",
        ),
    ] = None,
    monitor: Annotated[
        str | None,
        typer.Option(
            metavar="none|default|device:NAME",
            help="Sound output on which files and the demo loop are heard, in step with the picture. (default: none)",
        ),
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            metavar="none|test|INDEX|NAME|FILE|URL|KIND:NAME",
            help="Layer 5: a camera, a video, a picture, the test card, a stream (rtsp://, http://, udp://), or another"
            " program's picture: ndi:NAME, shared:NAME, syphon:NAME, spout:NAME. Part of the name is enough:"
            " spout:Arena is Resolume Arena's composition. `multiverse devices` lists what is available.",
        ),
    ] = None,
    films: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of films and pictures that can be chosen for layer 5 during the run, repeatable."
            " (default: the user's folder of videos)",
        ),
    ] = None,
    *,
    size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Picture size in pixels. (default: 1280x720; live in software 960x540)"),
    ] = None,
    fps: Annotated[
        str | None,
        typer.Option(
            metavar="RATE", help="Frames a second: 30, 29.97 or 30000/1001. (default: 60 on a GPU, 30 in software)"
        ),
    ] = None,
    renderer: Annotated[
        str | None,
        typer.Option(metavar="auto|gl|numba", help="Renderer; auto: OpenGL on a GPU, else Numba. (default: auto)"),
    ] = None,
    gpu: Gpu = None,
    sink: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[PICTURE:]KIND[=ARG]",
            help="Where pictures go, repeatable: syphon, spout, shared, ndi, window=DISPLAY, virtualcam,"
            " record=FILE.mp4 (H.264; .mov: ProRes and .mkv: HEVC, both 10 bits; .avi: Motion JPEG), snapshot=FILE.png"
            " (.16.png: 16 bits), dmx (light, see /sink/dmx/...), null."
            f" The prefix {PICTURE_PREFIXES} sends that picture instead;"
            " syphon, spout, shared and ndi include them."
            " (default: the system's texture sharing)",
        ),
    ] = None,
    window: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[PICTURE:][DISPLAY]",
            help="Show the picture in a window on this display, repeatable: a number or a part of a name, see"
            " `multiverse view --list`; alone, the second display if there is one. The same as --sink window=DISPLAY.",
        ),
    ] = None,
    fullscreen: Annotated[
        bool, typer.Option("--fullscreen", help="With --window: fill the display. Escape or F leaves that.")
    ] = False,
    osc: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT|off", help="OSC over UDP and TCP. (default: 127.0.0.1:9000)"),
    ] = None,
    osc_allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CIDR", help="Accept OSC only from this network, repeatable; OSCQuery too, without a token."
        ),
    ] = None,
    dmx: Annotated[
        str | None,
        typer.Option(metavar="artnet|sacn|both|off", help="Take levels from lighting desks. (default: off)"),
    ] = None,
    dmx_universes: Annotated[
        str | None, typer.Option(metavar="LIST", help="Universes, such as 1-4,7. (default: 0-3)")
    ] = None,
    midi: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|all",
            help="Use MIDI controllers with this in their name, in and out, repeatable; also those plugged in later.",
        ),
    ] = None,
    fixture: Annotated[
        str | None,
        typer.Option(metavar="UNIVERSE.ADDRESS", help="Be a lighting desk's fixture: 24 channels from there on."),
    ] = None,
    web: Annotated[
        str | None, typer.Option(metavar="HOST:PORT|off", help="The page. (default: 127.0.0.1:9001)")
    ] = None,
    lan: Annotated[
        bool,
        typer.Option(
            "--lan",
            help="Open OSC, OSCQuery and the page to the local network, announced by mDNS;"
            " prints where, with a token and a QR code for a phone.",
        ),
    ] = False,
    web_token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN", help="Required from browsers on other machines. (default: a new one at each start)"
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of this engine in OSCQuery and mDNS; give a spare machine the same."
            ' (default: "Multiverse" and the machine\'s name)',
        ),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="NAME[:FIRST]",
            help="Add a built-in map of a program's controls, repeatable: resolume; resolume:5 starts at its layer 5, "
            "resolume:group1 takes its groups, resolume:selected its selected layer.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="ADDRESS=VALUE", help="Start with this value, repeatable; patterns work."),
    ] = None,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="Start with this preset.")] = None,
    presets: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Folder of the presets. (default: the user's data folder)"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Live: start with the values of the last run.")] = False,
    seconds: Annotated[
        float | None, typer.Option(min=0.0, metavar="SECONDS", help="Stop after this many seconds.")
    ] = None,
    frames: Annotated[int | None, typer.Option(min=0, metavar="COUNT", help="Stop after this many frames.")] = None,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help="Render a film as fast as possible into --sink record=FILE, to the end of the sound file or of"
            " --frames or --seconds; the same input gives the same bytes.",
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="With --offline: replace existing films and pictures, at the end; also by an interrupted film.",
        ),
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one summary object at the end.")] = False,
    **live_options: Any,
) -> None:
    """Turn sound into the Multiverse picture and publish it.

    Without options: the default sound input (else the built-in demo loop), OpenGL on a GPU (else Numba), the system's
    texture sharing (Syphon, Spout or shared memory), OSC on 127.0.0.1:9000 and a page on http://127.0.0.1:9001/.

    With --offline it renders a film from a sound file, as fast as possible:
    multiverse run --offline --audio song.wav --preset Aurora --sink record=film.mp4
    """
    options: dict[str, Any] = {
        "audio": audio,
        "music": music,
        "monitor": monitor,
        "camera": camera,
        "films": films,
        "fps": None if fps is None else parse_rate(fps),
        "renderer": renderer,
        "gpu": gpu,
        "sinks": [*(sink or ()), *map(window_sink, window)] if window else sink,
        "web": web,
        "web_token": web_token,
        "name": name,
        "maps": map_,
        "preset": preset,
        "presets": presets,
        "resume": resume or None,
        "offline": offline or None,
        "overwrite": overwrite or None,
        "osc.listen": osc,
        "osc.allow": osc_allow,
        "midi": midi,
        "dmx.listen": dmx,
        "dmx.fixture": fixture,
        "dmx.universes": None if dmx_universes is None else parse_universes(dmx_universes),
    }
    if size is not None:
        options["width"], options["height"] = parse_size(size)
    options |= settings_from(live_models(), live_options)
    if fullscreen and not window:
        raise UsageError("--fullscreen has no effect without a window: add --window")
    assignments = [*(set_ or ()), *(("/window/fullscreen=1",) if fullscreen else ())]
    settings = build_settings(config, options, assignments, is_open_to_lan=lan)
    for entry in live_models():
        require_model(entry, live_options, settings.models[entry.name].model)
    if settings.offline and frames is None and seconds is None and settings.audio in (None, "demo"):
        raise UsageError("--offline needs --frames N or --seconds S, or a sound file, which sets the end")
    if settings.offline and settings.resume:
        raise UsageError(
            "--resume: a film begins anew, without the values of the last run; --overwrite replaces the one before,"
            " --preset and --set give its values"
        )
    if settings.overwrite and not settings.offline:
        raise UsageError("--overwrite has no effect live, where nothing is replaced: a new recording gets a number")
    if settings.offline and settings.monitor != "none":
        raise UsageError("--monitor: has no effect with --offline, which is faster or slower than the sound")
    if dmx_universes is not None and settings.dmx.listen == "off":
        raise UsageError("--dmx-universes has no effect: nothing listens; add --dmx artnet, sacn or both")
    given = () if settings.dmx.universes == type(settings.dmx)().universes else settings.dmx.universes
    if settings.dmx.listen == "sacn" and (0 in given or (settings.dmx.fixture or "").startswith("0.")):
        raise UsageError("--dmx sacn: there is no universe 0 in sACN, only 1..63999; Art-Net's begin at 0")
    if settings.dmx.fixture is not None and settings.dmx.listen == "off":
        raise UsageError("--fixture has no effect: nothing listens; add --dmx artnet, sacn or both")
    if settings.offline and not settings.sinks:
        raise UsageError(
            "--offline makes a film and has nowhere to put it: add --sink record=FILE.mp4 (or --sink null)"
        )

    for option, folders in (("--films", settings.films), ("--music", settings.music)):
        for folder in folders:
            if not Path(folder).expanduser().is_dir():
                print(f"multiverse: {option} {folder}: no such folder; nothing of it is offered", file=sys.stderr)

    from engine.cli.log_thread import LogThread

    signals = Signals()
    with LogThread() as log:
        if not json_:
            log.say("starting  opening the renderer, the sound and the outputs")
        # after that line: loading the engine takes half a second, from a cold disk several
        from engine.app import open_engine
        from engine.cli.run_end import end_lines, expected_frames, interrupted_line

        with open_engine(settings, on_stuck=_leave) as engine:
            signals.connect(engine.stop)
            gc.collect()
            gc.freeze()  # long-lived objects are not scanned again, to avoid pauses during the show
            expected = expected_frames(engine, frames, seconds)
            is_whole = _show_while_running(engine, frames, seconds, expected, log, is_quiet=json_)
        if not json_:  # every file is closed by now
            for line in end_lines(engine):
                log.say(line)
    is_interrupted = settings.offline and not is_whole  # live, an interrupt is the normal end
    if json_:
        print(json.dumps(summary(engine) | {"is_interrupted": is_interrupted}))
    if settings.offline:
        for written in engine.status().sinks:
            if written.state == "failed":
                raise SinkError(f"{written.label} {written.name} is not complete: {written.detail}")
    if is_interrupted:
        print(f"multiverse: {interrupted_line(engine, expected)}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED)


def build_settings(
    path: Path | None, options: dict[str, Any], assignments: list[str], *, is_open_to_lan: bool = False
) -> "Config":
    """The Config of this run: defaults of a live run, overridden by the file, overridden by the options.

    `--lan` overrides the file's addresses, because it is given for this run.

    Offline, no default device is opened: the picture depends on its input only.
    """
    from engine.config import RUN_DEFAULTS, build_config, lan_defaults, read_config_file

    values: dict[str, Any] = {name: {} for name in ("osc", "dmx", *(entry.name for entry in live_models()), "params")}
    given = {key: value for key, value in options.items() if value is not None}
    file = read_config_file(path) if path else {}
    given = with_implied(given, file)
    is_offline = given.get("offline", file.get("offline", False))
    if is_offline and is_open_to_lan:
        raise UsageError("--lan: has no effect with --offline")
    if is_open_to_lan:
        _refuse_loopback("--osc", given.get("osc.listen", "off"))
        _refuse_loopback("--web", given.get("web", "off"))
    for layer in ({} if is_offline else RUN_DEFAULTS, file, lan_defaults() if is_open_to_lan else {}, given):
        for key, value in layer.items():
            table, _, name = key.rpartition(".")
            if table or isinstance(values.get(key), dict):
                values.setdefault(table or key, {}).update({name: value} if table else value)
            else:
                values[key] = value
    for assignment in assignments:
        values["params"].update(parse_assignment(assignment))
    has_size = {"width", "height"} & values.keys() or {"/engine/width", "/engine/height"} & values["params"].keys()
    values.setdefault("is_size_free", not has_size)
    return build_config(values, origin="options" if path is None else f"{path} with options")


def with_window_argument(words: list[str]) -> list[str]:
    """The command line with an empty display after each `--window` that stands alone: Typer has no such option."""
    whole: list[str] = []
    for word, after in pairwise([*words, "-"]):
        whole += [word, ""] if word == "--window" and after.startswith("-") else [word]
    return whole


def window_sink(text: str) -> str:
    """The `--sink` that a `--window` stands for: `PICTURE:2` is `PICTURE:window=2`."""
    mark, colon, display = text.partition(":")
    if not colon or mark not in [picture.name for picture in PICTURES]:
        mark, colon, display = "", "", text
    return f"{mark}{colon}window={display}"


def _refuse_loopback(option: str, listen: str) -> None:
    """Raise UsageError if --lan and a loopback address were both given."""
    import ipaddress

    from engine.config import split_host_port

    if listen == "off":
        return
    host, port = split_host_port(listen, option)
    with contextlib.suppress(ValueError):  # a host name: resolved when it is bound
        if host.casefold() == "localhost" or ipaddress.ip_address(host).is_loopback:
            raise UsageError(
                f"--lan opens the engine to the network, but {option} {listen} is local only; for the network, use "
                f"{option} 0.0.0.0:{port}"
            )


def parse_universes(text: str) -> list[int]:
    """Parse numbers and ranges of universes: `1-4,7`."""
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) < int(first) + 64):
            raise UsageError(
                f"--dmx-universes: {part.strip()!r} is not a universe or a range of at most 64, such as 1-4,7"
            )
        numbers += range(int(first), int(last) + 1)
    return numbers


def parse_assignment(text: str) -> dict[str, Any]:
    """Parse `ADDRESS=VALUE` to {address: value}; a pattern gives every parameter that it matches."""
    import osc_schema

    address, is_assigned, raw = text.partition("=")
    if not is_assigned:
        raise UsageError(f"--set: {text!r} is not ADDRESS=VALUE (for example /layer/1/angle=45)")
    try:
        found = osc_schema.match(address) if osc_schema.is_pattern(address) else (osc_schema.lookup(address),)
    except osc_schema.Rejected as error:
        raise UsageError(f"--set: {error}") from None
    matched = [param for param in found if param is not None]
    if not matched:
        raise UsageError(f"--set: {osc_schema.unknown_address(address)}")
    return {param.address: _value_for(param, raw) for param in matched}


def _value_for(param: "Param", raw: str) -> int | float | str:
    """Convert command-line text to the parameter's type; text that cannot be converted is left to the schema to
    reject."""
    kind = param.type.name
    if kind in ("BOOL", "TRIGGER"):
        return {"true": 1, "on": 1, "false": 0, "off": 0}.get(raw.lower(), raw)
    if kind in ("INT", "FLOAT", "STOPS"):
        for convert in (int, float):
            try:
                return convert(raw)
            except ValueError:
                continue
    return raw


def _leave() -> None:
    """End the process although its main thread stands in a driver or a disk."""
    line = "multiverse: ended without the last picture, which did not come; files are complete up to the one before\n"
    os.write(STDERR, line.encode())
    os._exit(1)


def _show_while_running(
    engine: "Engine",
    frames: int | None,
    seconds: float | None,
    expected: int | None,
    log: "LogThread",
    *,
    is_quiet: bool,
) -> bool:
    """Run to the end; False if interrupted. `expected`: total number of frames, if known."""
    from engine.cli.status_line import run_display

    ends_with_sound = engine.config.offline and frames is None and seconds is None
    with contextlib.nullcontext() if is_quiet else run_display(engine, expected, log):
        for _ in engine.frames(count=frames, seconds=seconds):
            if ends_with_sound and engine.has_sound_ended:
                return True
    return not engine.is_stopping or engine.times.frames == expected


def summary(engine: "Engine") -> dict[str, Any]:
    """The summary that `--json` prints."""
    from dataclasses import asdict

    status, times = engine.status(), engine.times
    return {
        "frames": times.frames,
        "fps": round(times.fps_overall(), 3),
        "frame_ms": {name: round(value, 3) for name, value in asdict(times.work_ms()).items()},
        "late": times.late,
        "dropped": times.dropped,
        "seconds": round(status.seconds, 3),
        "size": [status.width, status.height],
        "renderer": status.renderer,
        "audio": asdict(status.audio),
        "beat": asdict(status.beat),
        "camera": asdict(status.camera) if status.camera else None,
        "children": [asdict(child) for child in status.children],
        "sinks": [asdict(sink) for sink in status.sinks],
        "latency_ms": asdict(status.latency_ms),
        "osc": asdict(status.osc) if status.osc else None,
        "dmx": asdict(status.dmx) if status.dmx else None,
        "midi": asdict(status.midi) if status.midi else None,
        "warnings": status.warning_counts,
    }
