"""`multiverse segment`: finds objects by text prompts in a video, a picture or a folder, and tracks
them."""

import json
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.job_options import job_options
from engine.cli.progress import SEGMENT, show_progress
from engine.cli.standard_streams import complain, print_lines
from engine.jobs.kit.options import JSON
from engine.jobs.segment.job import SegmentJob
from engine.system.power import kept_from_sleep

if TYPE_CHECKING:
    from engine.jobs.segment.report import SegmentProgress, SegmentReport

FAILED = 1  # or interrupted


@kept_from_sleep("working on files")
@job_options(SegmentJob)
def segment(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A video, a picture or a folder of pictures.")
    ],
    outputs: Annotated[
        list[str], typer.Argument(metavar="OUT...", help="Outputs to write, one or several.")
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml", help="Take model, device and dtype from [sam3] in this file."
        ),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help=JSON)] = False,
    **options: Any,
) -> None:
    """Find objects by text prompts in a video, a picture or a folder of pictures, and track them.

    The suffix of OUT sets the format. .mp4 .m4v .mov .mkv .webm .avi: the video with coloured masks
    and its sound (a folder plays at 25 pictures per second). .png .jpg .webp .tif .bmp: one picture
    with coloured masks. .json: COCO, masks as RLE; a video's pictures are called frame_000000.png
    and so on, as --pictures writes them. A name/ or one without a suffix: a folder of masks, one
    8-bit grey PNG per picture, whose values are ids (0: no object) and look almost black.

    Example: multiverse segment dance.mp4 found.mp4 masks/ --prompt person --prompt guitar --model
    facebook/sam3

    Ctrl-C ends early: everything segmented until then is written, and --resume continues."""
    from engine.cli.signals import Signals
    from engine.config import build_config, read_config_file
    from engine.jobs.segment.on_cluster import ClusterSegmentBackend
    from engine.jobs.segment.run import load_model, open_job, run_job

    configured = build_config(read_config_file(config) if config else {}).models["sam3"]
    defaults = {"model": configured.model, "device": configured.device, "dtype": configured.dtype}
    job = SegmentJob(source=source, outputs=tuple(outputs), **defaults | options)
    stop = threading.Event()
    printed: set[str] = set()
    try:
        with show_progress(SEGMENT, as_json, stop) as (show, say):

            def on_progress(progress: "SegmentProgress") -> None:
                show(progress)
                advice = (
                    (progress.advice,) if progress.advice else ()
                )  # printed while the user can still act on it
                for line in (*advice, *progress.failed):
                    if line not in printed:
                        printed.add(line)
                        say(f"multiverse: {line}")

            with ExitStack() as undone:  # up to here Ctrl-C raises an exception
                opened = open_job(job)
                undone.callback(opened.close)
                for note in (
                    *opened.notes,
                    *opened.pictures.counts.notes,
                ):  # printed before hours of work
                    printed.add(note)
                    say(f"multiverse: {note}")
                began_s = time.perf_counter()
                model = load_model(job, opened)
                if isinstance(model, ClusterSegmentBackend):
                    undone.callback(model.close)
                load_s = time.perf_counter() - began_s
                Signals().connect(stop.set)
                undone.pop_all()
            report = run_job(job, opened, model, on_progress=on_progress, stop=stop)
    except (
        KeyboardInterrupt
    ):  # while loading, Ctrl-C raises an exception, which ends the run at once
        _print_interrupted(0, ())
        raise typer.Exit(FAILED) from None
    for note in (*report.notes, *report.failed):
        if note in printed:
            continue
        complain(note)
    if as_json:
        print(json.dumps(report.as_json() | {"load_s": round(load_s, 3)}))
    elif report.written:
        print_lines(*report_lines(report, load_s))
    if report.is_interrupted:
        _print_interrupted(report.written, report.outputs)
    if report.is_interrupted or report.failed:
        raise typer.Exit(FAILED)


def report_lines(report: "SegmentReport", load_s: float) -> list[str]:
    """The table of stages and the result."""
    lines = [f"{'stage':<14}{'ms a frame':>12}{'share':>9}"]
    lines += [f"{row.name:<14}{row.ms:>12.2f}{100 * row.fraction:>7.1f} %" for row in report.stages]
    lines.append(f"{'total':<14}{report.ms_a_frame:>12.2f}{100:>7.1f} %")
    hidden = ", ".join(f"{name} {ms:.2f}" for name, ms in report.hidden_ms.items())
    lines += [
        "",
        f"in parallel   {hidden} ms a frame",
        f"frames        {report.written} in {report.seconds:.2f} s, {report.fps:.2f} fps after a "
        "first batch of "
        f"{report.first_batch_s:.2f} s; model loaded in {load_s:.1f} s",
        f"objects       {report.objects} in all, at most {report.most_objects} at once"
        + (f", {report.identities} followed" if report.mode == "track" else ""),
        f"memory        {report.peak_memory_mb:.0f} MiB of the {report.memory_of} at most",
        f"model         {report.model}, {report.mode}, {report.resolution} px, {report.dtype} on "
        f"{report.device}",
    ]
    left_out = {
        "skipped": report.passed_over,
        "unreadable": report.unreadable,
        "damaged, shown as far as possible": report.damaged,
        "of another size": report.refitted,
    }
    if any(left_out.values()):
        lines.append(
            "pictures      "
            f"{', '.join(f'{count} {what}' for what, count in left_out.items() if count)}"
        )
    return lines + [f"wrote         {output}" for output in report.outputs]


def _print_interrupted(written: int, outputs: tuple[str, ...]) -> None:
    where = "before the first picture"
    outcome = "nothing was written"
    if written:
        where = f"after {written} pictures"
        outcome = (
            f"{', '.join(outputs)}: kept up to there, the same command with --resume continues"
        )
    complain(f"interrupted {where}; {outcome}")
