"""`multiverse video`: repaints a video, a camera's picture or a folder of pictures with Stable
Diffusion."""

import json
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from engine.cli.job_options import is_on_command_line, job_options, pop_options
from engine.cli.progress import VIDEO, show_progress
from engine.cli.sd_options import IP_SCALE, PROMPT, SEED, USUAL_IP_SCALE, ModelOptions
from engine.cli.standard_streams import complain, print_lines, say_at_once
from engine.cli.video_telemetry import Telemetry, telemetry, writers
from engine.cli.video_web import refuse_without_effect, serve
from engine.errors import ModelError, UsageError
from engine.jobs.kit.options import option
from engine.jobs.video.job import MAX_SCALE, VideoJob
from engine.models.sd.spec import RANDOM
from engine.system.power import kept_from_sleep
from osc_schema.sd import default_of

if TYPE_CHECKING:
    from engine.jobs.video.report import VideoReport
    from engine.jobs.video.run import OnProgress
    from engine.models.sd.painting import Painting
    from engine.models.sd.plan.model_plan import ModelPlan

INTERRUPTED = 1
NO_PROMPT = (
    'no prompt: describe what the pictures should show, for example --prompt "a forest of '
    'glass at dawn"'
)
NO_INPUT = (
    "no input: multiverse video IN OUT --prompt TEXT --model PATH|ID (or --input IN --output OUT)"
)
NO_OUTPUT = (
    "no output: name a video (.mp4 .m4v .mov .mkv .webm .avi) or a folder of frames: "
    "multiverse video IN OUT"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintingOptions(ModelOptions):
    """How `multiverse video` paints; VideoJob checks the ranges."""

    seed: int = option(int(default_of("seed")), f"{SEED} The same for every picture.", metavar="N")
    control: Literal["edges", "soft", "input"] = option(
        "edges",
        "Input of the ControlNets: the edges of each picture, its soft edges, or the picture "
        "itself.",
        metavar="edges|soft|input",
    )
    ip_scale: float = option(USUAL_IP_SCALE, IP_SCALE, metavar=f"0..{MAX_SCALE:g}")
    deepcache: bool = option(False, "Reuse deep features from step to step.", flags="--deepcache")
    is_compiled: bool = option(
        False, "Compile with torch: takes minutes, then runs faster.", flags="--compile"
    )


@kept_from_sleep("working on files")
@job_options(PaintingOptions, VideoJob)
def video(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="IN",
            show_default=False,
            help="A video, picture, folder, camera index or URL (rtsp, http).",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Argument(
            metavar="OUT",
            show_default=False,
            help="A video (.mp4 .m4v .mov .mkv .webm .avi) or a frame folder.",
        ),
    ] = None,
    input_: Annotated[
        str | None, typer.Option("--input", "-i", metavar="IN", help="Same as the IN argument.")
    ] = None,
    output_: Annotated[
        str | None, typer.Option("--output", "-o", metavar="OUT", help="Same as the OUT argument.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(metavar="TEXT", help=PROMPT)] = None,
    *,
    web: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Instead of IN and OUT: serve a page that paints a browser's pictures live.",
        ),
    ] = None,
    clients: Annotated[
        int, typer.Option(metavar="1..64", help="With --web: clients served at the same time.")
    ] = 4,
    size: Annotated[
        int,
        typer.Option(metavar="PX", help="With --web: longest side of the picture at the start."),
    ] = 512,
    certificate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.pem",
            help="With --web and --key: serve HTTPS, which browsers on other machines require for "
            "the camera.",
        ),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE.pem", help="Private key of the certificate.")
    ] = None,
    web_token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="With --web: token required from other machines. (default: a new one)",
        ),
    ] = None,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            help="Print stages, queues and GPU state twice per second, and tracebacks of errors.",
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print JSON Lines: progress twice per second, then the report."
        ),
    ] = False,
    **options: Any,
) -> None:
    """Repaint a video, a camera's picture or a folder of pictures with Stable Diffusion.

    The suffix of OUT sets the format: .mp4 .m4v .mov .mkv .webm .avi is a video with the source's
    sound and frame rate; a name/ or one without a suffix is a folder of frames. Every picture gets
    the same noise, so that the result is consistent. Batch size and interruptions do not change a
    painted picture.

    Example: multiverse video dance.mp4 glass.mp4 --prompt "dancers of glass" --model
    stabilityai/sd-turbo --batch 8

    Ctrl-C ends early: the file so far is playable, and --resume continues. A second Ctrl-C ends at
    once. A camera or a stream is painted until Ctrl-C.

    In a browser: multiverse video --web 127.0.0.1:8000 --model stabilityai/sd-turbo"""
    from engine.models.sd.painting import ControlUse, Painting

    refuse_without_effect(context, is_web=web is not None)
    settings = pop_options(PaintingOptions, options)
    configured = settings.configured()
    source = _one_of("IN", source, "--input", input_)
    output = _one_of("OUT", output, "--output", output_)
    if web is None:
        for value, reason in ((source, NO_INPUT), (output, NO_OUTPUT), (prompt, NO_PROMPT)):
            if value is None:
                raise UsageError(reason)
    if settings.is_compiled and settings.deepcache:
        raise UsageError("--deepcache --compile: one of them at a time")
    accelerator = "inductor" if settings.is_compiled else "deepcache" if settings.deepcache else ""
    sampler = settings.sampler or "auto"
    spec = settings.spec(
        configured,
        needs_ip_image=web is None,  # on the page it can be chosen later
        accelerator=accelerator or configured.accelerator.replace("auto", "none"),
        # Random weights have no schedule; the painting chooses the sampler by its steps.
        sampler=None
        if sampler == "auto" or (settings.model or configured.model).startswith(RANDOM)
        else sampler,
    )
    for name, needed, is_there in (
        ("control", "controlnet", spec.controlnets),
        ("ip_scale", "ip-adapter", spec.ip_adapter),
    ):
        if is_on_command_line(context, name) and not is_there:
            raise UsageError(f"--{name.replace('_', '-')}: only with --{needed} PATH")
    steps, guidance = settings.steps_and_guidance(spec)
    painting = Painting(
        spec=spec,
        prompt=prompt or "",
        negative=settings.negative,
        steps=steps,
        strength=settings.strength,
        cfg=guidance,
        seed=settings.seed,
        sampler=sampler,
        controls=tuple(
            ControlUse(sees=settings.control, scale=scale)
            for scale in settings.control_scales(spec)
        ),
        ip_image="" if settings.ip_image is None else str(settings.ip_image),
        ip_scale=settings.ip_scale,
    )
    options = {"device": configured.device, "dtype": configured.dtype} | options
    if web is not None:
        _say_model(painting, as_json=as_json)
        files = {"side_px": size, "certificate": certificate, "key": key, "token": web_token}
        where = {name: options[name] for name in ("device", "dtype", "threads")}
        serve(painting, web, as_json=as_json, most_clients=clients, **where, **files)
        return
    job = VideoJob(source=source or "", output=output or "", painting=painting, **options)
    _paint(job, as_json=as_json, is_debug=debug)


def _paint(job: VideoJob, *, as_json: bool, is_debug: bool) -> None:
    """Run the job, show its progress and print its report."""
    stop = threading.Event()
    notes: set[str] = set()
    try:
        with (
            show_progress(VIDEO, as_json or is_debug) as (show, _),
            telemetry(writers(as_json, is_debug)) as meter,
        ):
            report, is_live = _run_painting(job, meter, show, stop, notes, as_json=as_json)
    except (
        KeyboardInterrupt
    ):  # while loading, Ctrl-C raises an exception, which ends the run at once
        complain("interrupted before the first picture; nothing was written")
        raise typer.Exit(INTERRUPTED) from None
    for note in report.notes:
        if note not in notes:
            complain(note)
    if report.is_interrupted:
        complain(ended_line(report, is_live=is_live))
    if as_json:
        print(json.dumps({"event": "done"} | report.as_json() | _choices(job.painting)))
    else:
        print_lines(*report_lines(report))
    if report.is_interrupted and not (is_live and report.painted):
        raise typer.Exit(INTERRUPTED)


def _run_painting(
    job: VideoJob,
    meter: Telemetry,
    on_progress: "OnProgress",
    stop: threading.Event,
    notes: set[str],
    *,
    as_json: bool,
) -> "tuple[VideoReport, bool]":
    """Paint; returns the report, and True if the source is live. Notes printed before the run are
    added to `notes`."""
    from engine.cli.signals import Signals
    from engine.jobs.video.run import open_backend, open_job, run_job

    with ExitStack() as undone:  # up to here Ctrl-C raises an exception
        opened = open_job(job)
        undone.callback(opened.close)
        for note in opened.pictures.counts.notes:  # printed before hours of work
            notes.add(note)
            complain(note)
        _say_model(job.painting, as_json=as_json)
        pipeline = open_backend(job, opened)
        undone.callback(pipeline.close)
        meter.loaded(pipeline.load_s, pipeline.device if job.cluster is None else None)
        Signals().connect(stop.set)
        undone.pop_all()
    is_live = opened.pictures.kind == "live"
    return run_job(
        job, opened, pipeline, on_progress=on_progress, watch=meter.follow, stop=stop
    ), is_live


def _planned(painting: "Painting") -> "ModelPlan | None":
    """None if the model is not on this machine, as with a cluster, or has random weights."""
    from engine.models.sd.plan.model_plan import plan_model

    with suppress(ModelError):  # the error is reported in full on loading
        return None if painting.spec.random_shape else plan_model(painting.spec)
    return None


def _choices(painting: "Painting") -> dict[str, str]:
    """How the model is run and why."""
    plan = _planned(painting)
    if plan is None:
        return {}
    return {
        "sampler": plan.sampler.value,
        "sampler_reason": plan.sampler.reason,
        "prediction_type": plan.prediction.value,
        "prediction_reason": plan.prediction.reason,
    }


def _say_model(painting: "Painting", *, as_json: bool) -> None:
    """Print in one line how the model is run and why, before it is loaded."""
    if not as_json and (plan := _planned(painting)):
        how = f"{plan.sampler}, {plan.prediction}, {painting.steps} steps, cfg {painting.cfg:g}"
        say_at_once(f"SD: {plan.model}, {how}")


def _one_of(argument_name: str, argument: str | None, option: str, value: str | None) -> str | None:
    if argument is not None and value is not None:
        raise UsageError(
            f"{option} {value}: {argument_name} is given already, as {argument}; leave one out"
        )
    return argument if value is None else value


def report_lines(report: "VideoReport") -> list[str]:
    """The report; its last line is `done: time=... frames=... fps=... its=... evals=...`."""
    busy = report.busy
    lines = [f"{'stage':<10}{'frames':>9}{'seconds':>11}{'busy':>9}{'ms a frame':>13}"]
    for time in report.times:
        ms = f"{time.seconds * 1000 / time.frames:.2f}" if time.frames else "-"
        workers = f"  {time.workers} processes" if time.workers > 1 else ""
        part = f"{100 * busy[time.name]:.1f} %"
        lines.append(
            f"{time.name:<10}{time.frames:>9}{time.seconds:>11.2f}{part:>9}{ms:>13}{workers}"
        )
    name, fraction = report.busiest
    name = ", ".join(time.name for time in report.times if time.turns == name) or name
    lines += [
        "",
        f"busiest   {name}, {100 * fraction:.1f} % of the run",
        f"pictures  {_accounting(report)}",
        f"stages    {report.stages}",
        f"model     {report.model}, {report.width}x{report.height}, {report.dtype} on "
        f"{report.device}; ready after "
        f"{report.load_s:.1f} s",
        f"memory    {report.peak_memory_mb:.0f} MiB of the {report.memory_of} at most",
    ]
    if report.painted or report.resumed:
        lines.append(f"wrote     {report.output}")
    return [*lines, report.done_line]


def ended_line(report: "VideoReport", *, is_live: bool) -> str:
    """The line about an interrupted run: how far it came, what is kept, how to continue."""
    whole = report.resumed + report.painted
    if not whole:
        return "interrupted before the first picture; nothing was written"
    pictures = f"{whole} picture{'s' * (whole > 1)}"
    if is_live:  # a live source has no other end and cannot be resumed
        return f"ended after {pictures}"
    if report.kept == whole:
        effect = "continues"
    elif report.kept:
        effect = f"continues after the first {report.kept}"
    else:
        effect = "starts over: too few pictures to continue from"
    return (
        f"interrupted after {pictures}; {report.output}: plays up to there, the same command "
        f"with --resume {effect}"
    )


def _accounting(report: "VideoReport") -> str:
    """`N read:` with the counts that add up to it, then other counts."""
    parts = {
        "already complete": report.resumed,
        "painted": report.painted,
        "read but not painted": report.unpainted,
        "skipped": report.skipped,
        "dropped for newer ones": report.dropped,
    }
    others = {
        "damaged, shown as far as possible": report.damaged,
        "of another size": report.refitted,
        "painted twice": report.rerun,
        "passed through unchanged": report.passed_through,
        "unreadable": report.unreadable,
    }
    line = f"{report.read} read: {_counted(parts) or 'none'}"
    beside = _counted(others)
    return f"{line}; {beside}" if beside else line


def _counted(parts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in parts.items() if count)
