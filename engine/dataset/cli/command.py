"""`multiverse dataset`: synthetic pictures of a construction site with their labels, one process
per picture."""

import contextlib
import json
import os
import sys
import threading
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from engine.cli.job_options import is_on_command_line, job_options, pop_options
from engine.cli.progress import ProgressTexts, show_progress, time_left
from engine.cli.standard_streams import complain, print_lines
from engine.dataset.choosing import EngineOptions, choose_engine
from engine.dataset.cli.check_command import FAILED, DatasetCommand
from engine.dataset.job import DatasetJob
from engine.dataset.labels.options import LabelOptions
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.options import SceneOptions
from engine.errors import UsageError
from engine.jobs.kit import JSON
from engine.system.power import kept_from_sleep

if TYPE_CHECKING:
    from engine.dataset import DatasetProgress, DatasetReport

MAX_NAMED = 10
VARIED: dict[str, Any] = {each.name: each.default_factory for each in fields(Recipe2Options)}
"""The options of recipe 2, by part."""


def plain_names(name: str) -> str:
    """Accept `--image_index` for `--image-index`, as in the original script, and `--no-resume` for
    `--overwrite`."""
    plain = name.replace("_", "-")
    return "overwrite" if plain == "no-resume" else plain


COMMAND_SETTINGS: Final = {
    "cls": DatasetCommand,
    "context_settings": {"token_normalize_func": plain_names},
}
"""Settings with which typer registers this command."""


@kept_from_sleep("working on files")
@job_options(DatasetJob, SceneOptions, LabelOptions, *VARIED.values(), EngineOptions)
def dataset(
    context: typer.Context,
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="Output folder: a new one, or one to resume.")
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help=JSON)] = False,
    **options: Any,
) -> None:
    """Render labelled pictures of a construction site from above: foundation piles among machines
    and bags.

    Writes images/ and labels/ (YOLO), dataset.yaml (Ultralytics), manifest.jsonl and a log per
    picture. The same options and seed give the same bytes, with any number of jobs and
    interruptions.

    Example: multiverse dataset site --count 20 --jobs 2 --seed 1000

    Ctrl-C finishes the pictures in progress; the same command resumes. A picture that fails is
    retried and reported, and the run continues; the exit code is 1 if one is missing at the end.
    Options may also be written with _.

    multiverse dataset check FOLDER finds what is wrong with a dataset, multiverse dataset view
    FOLDER shows it; an output folder with such a name is written ./check."""
    from engine.cli.signals import Signals
    from engine.dataset import check_job, make_dataset

    if options["image_index"] is not None:
        for name in ("count", "jobs", "devices", "timeout_s", "retries", "cluster"):
            if is_on_command_line(context, name):
                raise UsageError(
                    f"--{name.removesuffix('_s')}: has no effect, --image-index makes one picture "
                    "here"
                )
    engine = choose_engine(
        pop_options(EngineOptions, options), is_remote=options["cluster"] is not None
    )
    scene = pop_options(SceneOptions, options)
    files = [file for part in options.get("scene", ()) for file in part]
    if files and not is_on_command_line(context, "count"):
        options["count"] = len(files)
    recipe_2 = Recipe2Options(**{name: pop_options(kind, options) for name, kind in VARIED.items()})
    labels = pop_options(LabelOptions, options)
    job = DatasetJob(
        output=output,
        drawing=engine.drawing,
        blender=engine.blender,
        options=scene,
        recipe_2=recipe_2,
        labels=labels,
        **options,
    )
    check_job(job)
    for note in (*engine.notes, *job.notes):
        complain(note)
    if job.image_index is not None:
        try:
            report = make_dataset(job, on_message=complain)
        except KeyboardInterrupt:  # stops at once and leaves no files behind
            complain("interrupted; nothing was written")
            raise typer.Exit(FAILED) from None
    else:
        stop = threading.Event()
        Signals().connect(lambda: _end(stop))
        with show_progress(DATASET, as_json, stop) as (on_progress, say):
            report = make_dataset(
                job,
                on_progress=on_progress,
                on_message=lambda line: say(f"multiverse: {line}"),
                is_stopped=stop.is_set,
            )
    for line in note_lines(report):
        complain(line)
    if as_json:
        print(json.dumps(report.as_json()))
    else:
        print_lines(*report_lines(report))
    if report.missing:
        raise typer.Exit(FAILED)


def _end(stop: threading.Event) -> None:
    if not stop.is_set() and not sys.stderr.isatty():  # a progress bar shows this itself
        # not sys.stderr: the signal may have interrupted a write to it
        with contextlib.suppress(OSError):
            os.write(
                2, b"multiverse: finishing the pictures in progress; Ctrl-C again stops at once\n"
            )
    stop.set()


def note_lines(report: "DatasetReport") -> list[str]:
    lines = list(report.notes)
    if report.failed:
        named = ", ".join(f"{failed.index:06d}" for failed in report.failed[:MAX_NAMED])
        more = (
            f" and {len(report.failed) - MAX_NAMED} more" if len(report.failed) > MAX_NAMED else ""
        )
        lines.append(
            f"{len(report.failed)} failed: {named}{more}; their logs are "
            f"{report.folder}/image_NNNNNN.log"
        )
    if report.is_interrupted:
        lines.append(
            f"interrupted with {report.missing} pictures left; run the same command again to "
            "continue"
        )
    return lines


def report_lines(report: "DatasetReport") -> list[str]:
    """Lines with the results, and their comparison with real pictures."""
    existing = f", {report.kept} existed" if report.kept else ""
    missing = f", {report.missing} missing" if report.missing else ""
    retried = f", {report.retried} retried" if report.retried else ""
    each = (
        f", {report.seconds_a_picture:.1f} s per picture"
        if report.seconds_a_picture is not None
        else ""
    )
    at_once = f", {report.jobs} at a time" if report.jobs else ""
    lines = [
        f"pictures    {report.made} made{existing}{missing}{retried}",
        f"time        {report.seconds:.1f} s{at_once}{each}",
        f"engine      {report.engine}",
    ]
    if report.statistics is not None:
        lines += report.statistics.lines()
    return lines + [f"wrote       {report.folder}/{name}" for name in report.outputs]


def progress_line(progress: "DatasetProgress") -> str:
    if progress.is_checking:
        return f"{progress.done} of {progress.expected} existing pictures checked"
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"{progress.done} of {progress.expected} pictures{failed}, {pace(progress)}"


def pace(progress: "DatasetProgress") -> str:
    """Format pictures per minute and the time left; before the first is finished, the number in
    progress."""
    if not progress.created:
        return f"{progress.in_progress} in progress"
    left = "" if progress.is_finishing else time_left(progress)
    return f"{60 * progress.rate:.1f} per minute{left}"


def _bar_pace(progress: "DatasetProgress") -> str:
    if progress.is_checking:
        return "checking existing pictures"
    if progress.is_finishing:
        return f"{progress.in_progress} in progress; Ctrl-C again stops at once"
    return pace(progress)


DATASET: "ProgressTexts[DatasetProgress]" = ProgressTexts(
    nothing="no picture yet", doing="drawing", line=progress_line, pace=_bar_pace
)
