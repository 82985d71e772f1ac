"""`multiverse convert`: converts the voice in sound files and videos to another one."""

import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from engine.cli.job_options import job_options
from engine.cli.progress import CONVERT, show_progress
from engine.cli.standard_streams import complain, print_lines
from engine.jobs.convert.job import VOICE_OPTIONS, ConvertJob
from engine.jobs.kit.options import JSON
from engine.models.rvc import VoiceSettings
from engine.system.power import kept_from_sleep

if TYPE_CHECKING:
    from engine.jobs.convert.report import ConvertReport, FileReport

FAILED = 1
MAX_NAMES = 3  # file names listed in one line


@kept_from_sleep("working on files")
@job_options(ConvertJob, tables={VoiceSettings: VOICE_OPTIONS})
def convert(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="IN... OUT", help="Sound files, videos or folders; then a file or a folder."
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="M.pth", help="The voice: a .pth or .safetensors file; random:tiny: untrained."
        ),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option(
            metavar="M.index|none",
            help="FAISS index of the voice. (default: the one with the voice's name, or the only "
            "one in its folder)",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="Take model, index, content and device from [rvc] in this file.",
        ),
    ] = None,
    f0: Annotated[
        Literal["auto", "rmvpe", "fcpe", "yin"],
        typer.Option(
            metavar="auto|rmvpe|fcpe|yin",
            help="Pitch detection method; auto: the best one available.",
        ),
    ] = "auto",
    content: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|ID",
            help="HuBERT or ContentVec: a folder, a Hugging Face id or a .pt file.",
        ),
    ] = None,
    rmvpe: Annotated[str | None, typer.Option(metavar="PATH|ID", help="RMVPE checkpoint.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help=JSON)] = False,
    **options: Any,
) -> None:
    """Convert the voice in sound files and videos to another one.

    In a folder OUT, files and subfolders keep their names. A video keeps its pictures unchanged and
    its exact length; only its voice is replaced. Several channels become one. The sample rate stays
    that of the source; title, artist, cover and chapters are copied, and the program names what the
    output format cannot hold.

    Example: multiverse convert talk.wav songs/ clip.mp4 out/ --model alto.pth --index alto.index
    --pitch 12

    Ctrl-C keeps the finished files; with --resume a long one continues where it stopped. Files that
    cannot be read are reported and skipped, and the exit code is then 1. Two runs on one folder
    share its files; the exit code is 0 once all exist, whichever run made them."""
    from engine.cli.signals import Signals
    from engine.config import build_config, read_config_file
    from engine.jobs.convert.run import load_voice, open_job, run_job
    from engine.models.rvc import VoiceSpec
    from engine.models.rvc.index_choice import choose_index, setting_for

    configured = build_config(read_config_file(config) if config else {}).models["rvc"]
    voice = model or configured.model
    chosen = choose_index(
        voice, setting_for(voice, configured.model, configured.index) if index is None else index
    )
    job = ConvertJob(
        sources=tuple(map(Path, paths[:-1])),
        output=paths[-1],
        spec=VoiceSpec(
            model=voice,
            index=chosen.index,
            index_note=chosen.note,
            content=content or configured.content,
            pitch=f0,
            rmvpe=rmvpe or configured.rmvpe,
        ),
        settings=VoiceSettings(**{name: options.pop(name) for name in VOICE_OPTIONS}),
        **{"device": configured.device} | options,
    )
    stop = threading.Event()
    try:
        with show_progress(CONVERT, as_json, stop) as (on_progress, say):

            def on_file(report: "FileReport") -> None:
                if report.state == "failed":
                    say(f"multiverse: {report.reason}")
                elif report.state == "waiting":
                    say(
                        f"multiverse: {report.output}: another run is making it; waiting for it "
                        "after all other files"
                    )

            work = open_job(job, on_file=on_file)
            if chosen.note:
                say(f"multiverse: {chosen.note}")
            began_s = time.perf_counter()
            loaded = load_voice(job, work)
            load_s = time.perf_counter() - began_s
            Signals().connect(stop.set)
            report = run_job(job, work, loaded, on_progress=on_progress, on_file=on_file, stop=stop)
    except (
        KeyboardInterrupt
    ):  # while loading, Ctrl-C raises an exception, which ends the run at once
        complain("interrupted before the first file; nothing was written")
        raise typer.Exit(FAILED) from None
    for line in note_lines(report):
        if line == chosen.note:  # printed at the start
            continue
        complain(line)
    if as_json:
        print(json.dumps(report.as_json() | {"load_s": round(load_s, 3)}))
    else:
        print_lines(*report_lines(report, load_s))
    if not report.is_complete:
        raise typer.Exit(FAILED)


def note_lines(report: "ConvertReport") -> list[str]:
    """Notes about the run, then about its files (one line for files with the same note), then the
    unfinished files."""
    lines = list(report.notes)
    files: dict[str, list[str]] = {}
    for file in report.files:
        for note in file.notes:
            files.setdefault(note, []).append(Path(file.source).name)
    lines += [f"{_named(names)}: {note}" for note, names in files.items()]
    half_done = [Path(file.source).name for file in report.files if file.state == "interrupted"]
    untouched = [Path(file.source).name for file in report.files if file.state == "not begun"]
    if half_done:
        lines.append(
            f"{_named(half_done)}: interrupted; the same command with --resume continues where it "
            "stopped"
        )
    if untouched:
        lines.append(f"{_named(untouched)}: interrupted before anything was converted")
    return lines


def report_lines(report: "ConvertReport", load_s: float) -> list[str]:
    """The table of stages, if there is one, and the result."""
    lines = []
    if report.stages:
        lines = [f"{'stage':<12}{'calls':>8}{'seconds':>11}{'ms a call':>12}{'share':>9}"]
        lines += [
            f"{row['stage']:<12}{row['calls']:>8}{row['total_s']:>11.2f}{row['mean_ms']:>12.1f}"
            f"{100 * row['share']:>7.1f} %"
            for row in report.stages
        ]
        lines.append("")
    count = {
        state: sum(file.state == state for file in report.files)
        for state in ("converted", "kept", "failed")
    }
    others = "".join(
        f", {number} {state}" for state, number in count.items() if number and state != "converted"
    )
    lines.append(f"files       {count['converted']} of {len(report.files)} converted{others}")
    if not report.device:
        return [*lines, "model       not loaded: there is nothing to convert"]
    lines += [
        f"sound       {report.sound_s:.1f} s in {report.seconds:.2f} s, {report.speed:.2f} times "
        "real time; "
        f"model loaded in {load_s:.1f} s",
        f"memory      {report.peak_memory_mb:.0f} MiB of the {report.memory_of} at most",
        f"model       {report.model}, {report.rate_hz} Hz, pitch {report.pitch or 'none'}, batch "
        f"{report.batch_size}, "
        f"{report.dtype} on {report.device}",
        f"index       {report.index or 'none'}",
    ]
    return lines + [
        f"wrote       {file.output}" for file in report.files if file.state == "converted"
    ]


def _named(names: list[str]) -> str:
    listed = ", ".join(names[:MAX_NAMES])
    return listed if len(names) <= MAX_NAMES else f"{listed} and {len(names) - MAX_NAMES} more"
