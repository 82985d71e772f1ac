"""`multiverse video`: repaints a video, a camera's picture or a folder of pictures with Stable Diffusion."""

import json
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from engine.cli.job_options import job_options
from engine.cli.job_progress import VIDEO, shown_progress
from engine.cli.sd_options import configured_sd, model_spec, with_numbers
from engine.cli.video_report import ended_line, report_lines
from engine.cli.video_telemetry import Telemetry, telemetry, writers
from engine.cli.video_web import is_given, refuse_without_effect, serve
from engine.errors import ModelError, UsageError
from engine.jobs.video.job import VideoJob
from engine.models.sd.spec import RANDOM

if TYPE_CHECKING:
    from engine.jobs.video import VideoReport
    from engine.jobs.video.pipeline import OnProgress
    from engine.models.sd import ModelSpec
    from engine.models.sd.painting import Painting

INTERRUPTED = 1
NO_PROMPT = 'no prompt: describe what the pictures should show, for example --prompt "a forest of glass at dawn"'
NO_INPUT = "no input: multiverse video IN OUT --prompt TEXT --model PATH|ID (or --input IN --output OUT)"
NO_OUTPUT = "no output: name a video (.mp4 .m4v .mov .mkv .webm .avi) or a folder of frames: multiverse video IN OUT"


@job_options(VideoJob)
def video(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="IN", show_default=False, help="A video, picture, folder, camera index or URL (rtsp, http)."
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Argument(
            metavar="OUT", show_default=False, help="A video (.mp4 .m4v .mov .mkv .webm .avi) or a frame folder."
        ),
    ] = None,
    input_: Annotated[str | None, typer.Option("--input", "-i", metavar="IN", help="Same as the IN argument.")] = None,
    output_: Annotated[
        str | None, typer.Option("--output", "-o", metavar="OUT", help="Same as the OUT argument.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="PATH|ID", help="Diffusers folder, .safetensors file or Hugging Face id.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Take the model and its options from [sd] in this file.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(metavar="TEXT", help="Prompt: what the pictures should show.")] = None,
    negative: Annotated[str, typer.Option(metavar="TEXT", help="Negative prompt; needs --cfg above 1.")] = "",
    steps: Annotated[
        int,
        typer.Option(metavar="COUNT", help="Total steps; only the `strength` share of them is run: two of 5 at 0.5."),
    ] = 5,
    strength: Annotated[
        float, typer.Option(metavar="0..1", help="Denoising strength: how much a picture may change.")
    ] = 0.5,
    cfg: Annotated[
        float | None,
        typer.Option(
            metavar="0..30",
            help="Guidance scale (CFG): how strictly to follow the prompt; 1 is off. (default: 6, or as published)",
        ),
    ] = None,
    sampler: Annotated[
        str,
        typer.Option(
            metavar="auto|lcm|turbo|lightning|hyper|tcd|scheduler|deis|euler|dpm",
            help="auto: the one that the model was made for; scheduler: the one in its configuration.",
        ),
    ] = "auto",
    prediction: Annotated[
        str | None,
        typer.Option(
            metavar="auto|epsilon|v", help="What the UNet predicts. (default: detected from the model's files)"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the noise, which is the same for every picture.")] = 0,
    vae: Annotated[bool, typer.Option("--vae", help="Use the full VAE, not TAESD: slower, more detail.")] = False,
    lora: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH[=WEIGHT]", help="A LoRA, repeatable; <lora:NAME:0.8> in a prompt sets its weight."),
    ] = None,
    embedding: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="A textual inversion embedding, repeatable.")
    ] = None,
    clip_skip: Annotated[
        int | None,
        typer.Option(min=0, max=12, help="CLIP skip, counted as in A1111; 0: the model's own."),
    ] = None,
    controlnet: Annotated[
        list[str] | None, typer.Option(metavar="PATH[=SCALE]", help="A ControlNet, repeatable.")
    ] = None,
    control: Annotated[
        Literal["edges", "input"],
        typer.Option(metavar="edges|input", help="Input of the ControlNets: edges of each picture, or the picture."),
    ] = "edges",
    ip_adapter: Annotated[str | None, typer.Option(metavar="PATH", help="An IP-Adapter; needs --ip-image.")] = None,
    ip_image: Annotated[Path | None, typer.Option(metavar="FILE", help="Reference picture for the IP-Adapter.")] = None,
    ip_scale: Annotated[float, typer.Option(metavar="0..2", help="Strength of the IP-Adapter.")] = 0.6,
    stablefast: Annotated[bool, typer.Option("--stablefast", help="Compile with stable-fast.")] = False,
    deepcache: Annotated[bool, typer.Option("--deepcache", help="Reuse deep features from step to step.")] = False,
    inductor: Annotated[
        bool, typer.Option("--inductor", help="Compile with torch: takes minutes, then runs faster.")
    ] = False,
    web: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Instead of IN and OUT: serve a page that paints a browser's pictures live."
        ),
    ] = None,
    clients: Annotated[int, typer.Option(metavar="1..64", help="With --web: clients served at the same time.")] = 4,
    side: Annotated[
        int, typer.Option(metavar="PX", help="With --web: longest side of the picture at the start.")
    ] = 512,
    certificate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.pem",
            help="With --web and --key: serve HTTPS, which browsers on other machines require for the camera.",
        ),
    ] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE.pem", help="Private key of the certificate.")] = None,
    token: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="With --web: token required from other machines. (default: a new one)"),
    ] = None,
    *,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Print stages, queues and GPU state twice a second, and tracebacks of errors."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines: progress twice a second, then the report.")
    ] = False,
    **options: Any,
) -> None:
    """Repaint a video, a camera's picture or a folder of pictures with Stable Diffusion.

    The suffix of OUT sets the format: .mp4 .m4v .mov .mkv .webm .avi is a video with the source's sound and frame rate;
    a name/ or one without a suffix is a folder of frames. Every picture gets the same noise, so that the result is
    consistent. Batch size, processes and interruptions do not change a painted picture.

    Example: multiverse video dance.mp4 glass.mp4 --prompt "dancers of glass" --model stabilityai/sd-turbo --batch 8

    Ctrl-C ends early: the file so far is playable, and --resume continues. A second Ctrl-C ends at once. A camera or a
    stream is painted until Ctrl-C.

    In a browser: multiverse video --web 127.0.0.1:8000 --model stabilityai/sd-turbo
    """
    from engine.models.sd.painting import ControlUse, Painting

    refuse_without_effect(context, is_web=web is not None)
    configured = configured_sd(config)
    source, output = _one_of("IN", source, "--input", input_), _one_of("OUT", output, "--output", output_)
    if web is None:
        _require(source, output, prompt)
    controls = with_numbers(controlnet, "--controlnet")
    accelerator = _only_one({"stablefast": stablefast, "deepcache": deepcache, "inductor": inductor})
    spec = model_spec(
        model,
        configured,
        loras=with_numbers(lora, "--lora"),
        controlnets=controls,
        ip_adapter=ip_adapter,
        ip_image=ip_image,
        embeddings=embedding,
        clip_skip=clip_skip,
        needs_ip_image=web is None,  # on the page it can be chosen later
        vae="full" if vae else configured.vae,
        accelerator=accelerator or configured.accelerator,
        # Random weights have no schedule; the painting chooses the sampler by its steps.
        sampler=None if sampler == "auto" or (model or configured.model).startswith(RANDOM) else sampler,
        prediction=prediction,
    )
    for name, needed, is_there in (
        ("control", "controlnet", spec.controlnets),
        ("ip_scale", "ip-adapter", spec.ip_adapter),
    ):
        if is_given(context, name) and not is_there:
            raise UsageError(f"--{name.replace('_', '-')}: only with --{needed} PATH")
    scales = [weight for _, weight in controls] or [1.0] * len(spec.controlnets)
    painting = Painting(
        spec=spec,
        prompt=prompt or "",
        negative=negative,
        steps=steps,
        strength=strength,
        cfg=_usual_cfg(spec) if cfg is None else cfg,
        seed=seed,
        sampler=sampler,
        controls=tuple(ControlUse(sees=control, scale=weight) for weight in scales),
        ip_image="" if ip_image is None else str(ip_image),
        ip_scale=ip_scale,
    )
    options = {"device": configured.device, "dtype": configured.dtype} | options
    if web is not None:
        _say_model(painting, as_json=as_json)
        files = {"side_px": side, "certificate": certificate, "key": key, "token": token}
        where = {name: options[name] for name in ("device", "dtype", "threads")}
        serve(painting, web, as_json=as_json, most_clients=clients, **where, **files)
        return
    job = VideoJob(source=source or "", output=output or "", painting=painting, **options)
    _paint(job, as_json=as_json, is_debug=debug)


def _paint(job: VideoJob, *, as_json: bool, is_debug: bool) -> None:
    """Run the job, show its progress and print its report."""
    stop = threading.Event()
    said: set[str] = set()
    try:
        with (
            shown_progress(VIDEO, as_json, has_bar=not is_debug) as (show, _),
            telemetry(writers(as_json, is_debug)) as known,
        ):
            report, is_live = _painted(job, known, show, stop, said, as_json=as_json)
    except KeyboardInterrupt:  # while loading, Ctrl-C raises an exception, which ends the run at once
        print("multiverse: interrupted before the first picture; nothing was written", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    for note in report.notes:
        if note not in said:
            print(f"multiverse: {note}", file=sys.stderr)
    if report.is_interrupted:
        print(f"multiverse: {ended_line(report, is_live=is_live)}", file=sys.stderr)
    if as_json:
        print(json.dumps({"event": "done"} | report.as_json() | _choices(job.painting), ensure_ascii=False))
    else:
        print("\n".join(report_lines(report)))
    if report.is_interrupted and not (is_live and report.painted):
        raise typer.Exit(INTERRUPTED)


def _painted(
    job: VideoJob, known: Telemetry, on_progress: "OnProgress", stop: threading.Event, said: set[str], *, as_json: bool
) -> "tuple[VideoReport, bool]":
    """Paint; returns the report, and True if the source is live. Notes printed before the run are added to `said`."""
    from engine.cli.run import Signals
    from engine.jobs.video.run import open_job, open_stages, run_job

    with ExitStack() as undone:  # up to here Ctrl-C raises an exception
        opened = open_job(job)
        undone.callback(opened.close)
        for note in opened.pictures.counts.notes:  # printed before hours of work
            said.add(note)
            print(f"multiverse: {note}", file=sys.stderr, flush=True)
        _say_model(job.painting, as_json=as_json)
        stages = open_stages(job, opened)
        undone.callback(stages.stages.close)
        known.loaded(stages.load_s, stages.stages.device if job.cluster is None else None)
        Signals().connect(stop.set)
        undone.pop_all()
    is_live = opened.pictures.kind == "live"
    return run_job(job, opened, stages, on_progress=on_progress, watch=known.follow, stop=stop), is_live


def _usual_cfg(spec: "ModelSpec") -> float:
    """The default guidance of a model; the general default if the model is not on this machine."""
    from engine.models.sd.plan.model_plan import plan_model
    from engine.models.sd.plan.usual_guidance import USUAL_GUIDANCE, usual_guidance

    if spec.random_shape or not spec.model:
        return USUAL_GUIDANCE
    try:
        return usual_guidance(plan_model(spec))
    except ModelError:
        return USUAL_GUIDANCE  # the error is reported in full on loading


def _choices(painting: "Painting") -> dict[str, str]:
    """How the model is run and why; empty if it is not on this machine, as with a cluster, or has random weights."""
    from engine.models.sd.check import check

    if painting.spec.random_shape:
        return {}
    try:
        report = check(painting.spec)
    except ModelError:
        return {}  # the error is reported in full on loading
    return {
        "sampler": report.sampler,
        "sampler_reason": report.sampler_reason,
        "prediction_type": report.prediction_type,
        "prediction_reason": report.prediction_reason,
    }


def _say_model(painting: "Painting", *, as_json: bool) -> None:
    """Print in one line how the model is run and why, before it is loaded."""
    from engine.models.sd.check import run_line

    if told := {} if as_json else _choices(painting):
        print(
            f"SD: {painting.spec.model}, {run_line(*told.values())}, cfg {painting.cfg:g}", file=sys.stderr, flush=True
        )


def _require(source: str | None, output: str | None, prompt: str | None) -> None:
    for value, reason in ((source, NO_INPUT), (output, NO_OUTPUT), (prompt, NO_PROMPT)):
        if value is None:
            raise UsageError(reason)


def _one_of(place: str, argument: str | None, option: str, value: str | None) -> str | None:
    if argument is not None and value is not None:
        raise UsageError(f"{option} {value}: {place} is given already, as {argument}; leave one out")
    return argument if value is None else value


def _only_one(asked: dict[str, bool]) -> str:
    """The requested accelerator, or ""."""
    names = [name for name, is_asked in asked.items() if is_asked]
    if len(names) > 1:
        raise UsageError(f"{' '.join(f'--{name}' for name in names)}: one of them at a time")
    return names[0] if names else ""
