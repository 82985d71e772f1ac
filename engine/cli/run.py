"""`multiverse run`: the engine, played live or rendered offline."""

import contextlib
import gc
import ipaddress
import json
import os
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.job_options import job_options
from engine.cli.run_options import keys_of, options_of, require_model, settings_from
from engine.cli.signals import Signals
from engine.cli.standard_streams import complain
from engine.config import (
    RUN_DEFAULTS,
    Config,
    DmxConfig,
    build_config,
    lan_defaults,
    read_config_file,
    split_host_port,
)
from engine.errors import ConfigError, SinkError, UsageError
from engine.live.kit.opening import live_models, with_implied
from engine.system.picture_size import parse_size
from osc_schema import EXTRA_PICTURES

if TYPE_CHECKING:
    from engine.app import Engine
    from engine.cli.log_thread import LogThread
    from osc_schema import Param

INTERRUPTED = 1
_KEYS = tuple(keys_of(Config, entries=live_models()))


@job_options(options_of(_KEYS))
def run(
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Configuration file; options override it."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WxH",
            help="Picture size in pixels. (default: 1280x720; live in software 960x540)",
        ),
    ] = None,
    *,
    window: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[PICTURE:][DISPLAY]",
            help="Show the picture in a window on this display, repeatable: a number or a part of "
            "a name, see"
            " `multiverse view --list`; alone, the second display if there is one. The same as "
            "--sink window=DISPLAY.",
        ),
    ] = None,
    fullscreen: Annotated[
        bool,
        typer.Option(
            "--fullscreen", help="With --window: fill the display. Escape or F leaves that."
        ),
    ] = False,
    lan: Annotated[
        bool,
        typer.Option(
            "--lan",
            help="Open OSC, OSCQuery and the page to the local network, announced by mDNS;"
            " prints where, with a token and a QR code for a phone.",
        ),
    ] = False,
    seconds: Annotated[
        float | None, typer.Option(min=0.0, metavar="SECONDS", help="Stop after this many seconds.")
    ] = None,
    frames: Annotated[
        int | None, typer.Option(min=1, metavar="COUNT", help="Stop after this many frames.")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print one summary object at the end.")
    ] = False,
    **options: Any,
) -> None:
    """Turn sound into the Multiverse picture and publish it.

    Without options: the default sound input (else the built-in demo loop), OpenGL on a GPU (else
    Numba), the system's texture sharing (Syphon, Spout or shared memory), OSC on 127.0.0.1:9000 and
    a page on http://127.0.0.1:9001/.

    With --offline it renders a video from a sound file, as fast as possible:
    multiverse run --offline --audio song.wav --preset Aurora --sink record=video.mp4"""
    option_values = settings_from(_KEYS, options)
    assignments = [
        *option_values.pop("params", ()),
        *(("/window/fullscreen=1",) if fullscreen else ()),
    ]
    if size is not None:
        option_values["width"], option_values["height"] = parse_size(size)
    if window:
        option_values["sinks"] = [*option_values.get("sinks", ()), *map(window_sink, window)]
    if fullscreen and not window:
        raise UsageError("--fullscreen has no effect without a window: add --window")
    settings = build_settings(config, option_values, assignments, is_open_to_lan=lan)
    for entry in live_models():
        require_model(entry, options, settings.models[entry.name].model)
    for why in _without_effect(
        settings, option_values, has_end=frames is not None or seconds is not None
    ):
        raise UsageError(why)
    if settings.presets and not Path(settings.presets).expanduser().exists():
        complain(f"--presets {settings.presets}: is made with the first preset that is saved")
    for option, folders in (("--films", settings.video_folders), ("--music", settings.music)):
        for folder in folders:
            if not Path(folder).expanduser().is_dir():
                complain(f"{option} {folder}: no such folder; nothing of it is offered")
    _play(settings, frames, seconds, is_json=json_)


def _without_effect(
    config: Config, option_values: Mapping[str, Any], *, has_end: bool
) -> Iterator[str]:
    """Lines about settings that this run cannot use. `option_values`: those of the command line."""
    dmx = config.dmx
    universes = () if config.dmx.universes == DmxConfig().universes else config.dmx.universes
    if config.offline and not has_end and config.audio in (None, "demo"):
        yield "--offline needs --frames N or --seconds S, or a sound file, which sets the end"
    if config.offline and config.resume:
        yield (
            "--resume: a video begins again, without the values of the last run; --overwrite "
            "replaces the one before,"
            " --preset and --set give its values"
        )
    if config.overwrite and not config.offline:
        yield (
            "--overwrite has no effect live, where nothing is replaced: a new recording gets a "
            "number"
        )
    if config.offline and config.monitor != "none":
        yield "--monitor: has no effect with --offline, which is faster or slower than the sound"
    if dmx.listen == "off" and "dmx.universes" in option_values:
        yield "--dmx-universes has no effect: nothing listens; add --dmx artnet, sacn or both"
    if dmx.listen == "sacn" and (0 in universes or (dmx.fixture or "").startswith("0.")):
        yield "--dmx sacn: there is no universe 0 in sACN, only 1..63999; Art-Net's begin at 0"
    if dmx.listen == "off" and dmx.fixture is not None:
        yield "--fixture has no effect: nothing listens; add --dmx artnet, sacn or both"
    if config.offline and not config.sinks:
        yield (
            "--offline makes a video and has nowhere to put it: add --sink record=FILE.mp4 (or "
            "--sink null)"
        )


def _play(settings: Config, frames: int | None, seconds: float | None, *, is_json: bool) -> None:
    """Run the engine to its end, and print what became of it. Exits with 1 if a video was
    interrupted."""
    from engine.cli.log_thread import LogThread

    signals = Signals()
    with LogThread() as log:
        if not is_json:
            log.say("starting  opening the renderer, the sound and the outputs")
        # after that line: loading the engine takes half a second, from a cold disk several
        from engine.app import open_engine
        from engine.cli.run_end import end_lines, expected_frames, interrupted_line

        with open_engine(settings, on_stuck=_leave) as engine:
            signals.connect(engine.stop)
            gc.collect()
            gc.freeze()  # long-lived objects are not scanned again, to avoid pauses during the show
            expected = expected_frames(engine, frames, seconds)
            is_whole = _show_while_running(engine, frames, seconds, expected, log, is_quiet=is_json)
        if not is_json:  # every file is closed by now
            for line in end_lines(engine):
                log.say(line)
    is_interrupted = settings.offline and not is_whole  # live, an interrupt is the normal end
    if is_json:
        print(json.dumps(summary(engine) | {"is_interrupted": is_interrupted}))
    if settings.offline:
        for written in engine.status().sinks:
            if written.state == "failed":
                raise SinkError(f"{written.label} {written.name} is not complete: {written.detail}")
    if is_interrupted:
        complain(interrupted_line(engine, expected))
        raise typer.Exit(INTERRUPTED)


def build_settings(
    path: Path | None,
    options: dict[str, Any],
    assignments: list[str],
    *,
    is_open_to_lan: bool = False,
) -> Config:
    """The Config of this run: defaults of a live run, overridden by the file, overridden by the
    options.

    `--lan` overrides the file's addresses, because it is an option of this run.

    Offline, no default device is opened: the picture depends on its input only."""
    values: dict[str, Any] = {
        name: {} for name in ("osc", "dmx", *(entry.name for entry in live_models()), "params")
    }
    option_values = {key: value for key, value in options.items() if value is not None}
    file = read_config_file(path) if path else {}
    option_values = with_implied(option_values, file)
    is_offline = option_values.get("offline", file.get("offline", False))
    if is_offline and is_open_to_lan:
        raise UsageError("--lan: has no effect with --offline")
    if is_open_to_lan:
        _refuse_loopback("--osc", option_values.get("osc.listen", "off"))
        _refuse_loopback("--web", option_values.get("web", "off"))
    for layer in (
        {} if is_offline else RUN_DEFAULTS,
        file,
        lan_defaults() if is_open_to_lan else {},
        option_values,
    ):
        for key, value in layer.items():
            table, _, name = key.rpartition(".")
            if table or isinstance(values.get(key), dict):
                values.setdefault(table or key, {}).update({name: value} if table else value)
            else:
                values[key] = value
    for assignment in assignments:
        values["params"].update(parse_assignment(assignment))
    has_size = {"width", "height"} & values.keys() or {"/engine/width", "/engine/height"} & values[
        "params"
    ].keys()
    values.setdefault("is_size_free", not has_size)
    if path is not None:
        return build_config(values, origin=f"{path} with options")
    try:
        return build_config(values, origin="options")
    except ConfigError as error:
        raise UsageError(_with_flag(str(error))) from None


def _with_flag(problem: str) -> str:
    """A problem of a key, `options: renderer: ...`, as one of the option that sets it: `--renderer:
    ...`."""
    flags = {key.path: f"{key.info.flags}:" for key in _KEYS if key.info}
    flags |= {"params": "--set:", "width": "--size: width", "height": "--size: height"}
    for path, flag in flags.items():
        problem = problem.replace(f"options: {path}:", flag)
    return problem


def with_window_argument(arguments: list[str]) -> list[str]:
    """The command line with an empty display after each `--window` that stands alone: Typer has no
    such option."""
    whole: list[str] = []
    for argument, after in pairwise([*arguments, "-"]):
        whole += [argument, ""] if argument == "--window" and after.startswith("-") else [argument]
    return whole


def window_sink(text: str) -> str:
    """The `--sink` that a `--window` stands for: `PICTURE:2` is `PICTURE:window=2`."""
    mark, colon, display = text.partition(":")
    if not colon or mark not in [picture.name for picture in EXTRA_PICTURES]:
        mark = ""
        colon = ""
        display = text
    return f"{mark}{colon}window={display}"


def _refuse_loopback(option: str, listen: str) -> None:
    """Raise UsageError for --lan together with a loopback address."""
    if listen == "off":
        return
    host, port = split_host_port(listen, option)
    with contextlib.suppress(ValueError):  # a host name: resolved when it is bound
        if host.casefold() == "localhost" or ipaddress.ip_address(host).is_loopback:
            raise UsageError(
                f"--lan opens the engine to the network, but {option} {listen} is local only; for "
                "the network, use "
                f"{option} 0.0.0.0:{port}"
            )


def parse_assignment(text: str) -> dict[str, Any]:
    """Parse `ADDRESS=VALUE` to {address: value}; a pattern gives every parameter that it
    matches."""
    import osc_schema

    address, is_assigned, raw = text.partition("=")
    if not is_assigned:
        raise UsageError(f"--set: {text!r} is not ADDRESS=VALUE (for example /layer/1/angle=45)")
    try:
        found = (
            osc_schema.match(address)
            if osc_schema.is_pattern(address)
            else (osc_schema.lookup(address),)
        )
    except osc_schema.Rejected as error:
        raise UsageError(f"--set: {error}") from None
    matched = [param for param in found if param is not None]
    if not matched:
        raise UsageError(f"--set: {osc_schema.unknown_address(address)}")
    return {param.address: _value_for(param, raw) for param in matched}


def _value_for(param: "Param", raw: str) -> int | float | str:
    """Convert command-line text to the parameter's type; the schema rejects text that cannot be
    converted."""
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
    complain(
        "ended without the last picture, which did not come; files are complete up to the one "
        "before"
    )
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

    status = engine.status()
    times = engine.times
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
