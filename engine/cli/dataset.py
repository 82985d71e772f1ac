"""`multiverse dataset`: synthetic pictures of a construction site with their labels, one process per picture."""

import contextlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.cli.dataset_progress import shown_progress
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.jobs.dataset import DatasetJob, DatasetReport

FAILED = 1
STDERR = 2  # file descriptor
MAX_NAMED = 10


def plain_names(name: str) -> str:
    """Accept `--image_index` for `--image-index`, as the original script spelled its options."""
    return name.replace("_", "-")


def dataset(
    context: typer.Context,
    output: Annotated[Path, typer.Argument(metavar="OUT", help="A folder: a new one, or one to resume.")],
    count: Annotated[int, typer.Option(metavar="N", help="Total number of pictures.")] = 20,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", help="Pictures at once. (default: by memory: 1, 2 from 16 GB, 4 from 32 GB)"),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of picture 0; picture 7 has N + 7.")] = 0,
    image_index: Annotated[
        int | None,
        typer.Option(metavar="N", help="Make only this picture, here, without a preview.", show_default=False),
    ] = None,
    engine: Annotated[
        Literal["auto", "cycles", "raster"],
        typer.Option(metavar="cycles|raster", help="cycles: Blender. (default: cycles if installed, else raster)"),
    ] = "auto",
    width: Annotated[int, typer.Option(metavar="64..16384", help="Width in pixels, about 200 m.")] = 5280,
    height: Annotated[int, typer.Option(metavar="64..16384")] = 3956,
    use_clusters: Annotated[
        bool | None,
        typer.Option(
            "--use-clusters/--no-use-clusters",
            help="Piles in clusters, or in rows. (default: random)",
            show_default=False,
        ),
    ] = None,
    num_clusters: Annotated[int | None, typer.Option(metavar="1..5", help="(default: random, 1 to 5)")] = None,
    cluster_size: Annotated[
        float | None, typer.Option(metavar="M", help="Metres; centres are 1.5 times as far apart. (default: 30)")
    ] = None,
    min_piles_per_cluster: Annotated[int | None, typer.Option(metavar="N", help="(default: 50)")] = None,
    max_piles_per_cluster: Annotated[int | None, typer.Option(metavar="N", help="(default: 100)")] = None,
    num_rows: Annotated[int | None, typer.Option(metavar="N", help="(default: random, 12 to 17)")] = None,
    piles_per_row: Annotated[int | None, typer.Option(metavar="N", help="(default: random, 30 to 39)")] = None,
    row_spacing: Annotated[
        float | None, typer.Option(metavar="2..50", help="Metres. (default: random, 3 to 4)")
    ] = None,
    terrain_size: Annotated[
        float | None, typer.Option(metavar="20..1000", help="Side of the site in metres. (default: random, 180 to 220)")
    ] = None,
    num_terraces: Annotated[int | None, typer.Option(metavar="1..100", help="(default: random, 6 to 11)")] = None,
    terrace_height: Annotated[
        float | None, typer.Option(metavar="0..10", help="Metres. (default: random, 1.5 to 3)")
    ] = None,
    geological_preset: Annotated[
        Literal["loess", "hills"] | None,
        typer.Option(metavar="loess|hills", help="Ground and kinds of piles. (default: a mix)"),
    ] = None,
    num_bags: Annotated[
        int | None, typer.Option(metavar="N", help="White bags, not labelled. (default: 30, or as many as fit)")
    ] = None,
    num_machinery: Annotated[
        int | None, typer.Option(metavar="N", help="Yellow machines, not labelled. (default: 15, or as many as fit)")
    ] = None,
    sun_elevation: Annotated[
        float | None, typer.Option(metavar="5..90", help="Degrees above the horizon. (default: random, 30 to 60)")
    ] = None,
    sun_azimuth: Annotated[
        float | None, typer.Option(metavar="0..360", help="Degrees from north, clockwise. (default: random)")
    ] = None,
    sun_energy: Annotated[
        float | None, typer.Option(metavar="0..20", help="W/m2. (default: random, 1.5 to 2.5)")
    ] = None,
    preset: Annotated[
        Literal["quick", "train", "high"] | None,
        typer.Option(
            metavar="quick|train|high",
            help="Cycles: 30 samples to a noise of 0.02, 50 to 0.01 (default), 100 to 0.005.",
        ),
    ] = None,
    max_samples: Annotated[int | None, typer.Option(metavar="N", help="Cycles: maximum per pixel.")] = None,
    noise_threshold: Annotated[
        float | None, typer.Option(metavar="0..1", help="Cycles: noise at which a pixel is finished.")
    ] = None,
    use_gpu: Annotated[
        bool | None,
        typer.Option(
            "--use-gpu/--no-use-gpu", help="Cycles: render on a GPU. (default: if there is one)", show_default=False
        ),
    ] = None,
    blender: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Blender, or a Python with bpy. [MULTIVERSE_BLENDER]"),
    ] = None,
    save_coco: Annotated[
        bool, typer.Option("--save-coco", help="Write coco_annotations.json with masks as RLE.")
    ] = False,
    save_hdf5: Annotated[
        bool, typer.Option("--save-hdf5", help="Write colours, depth and instances as hdf5/000000.hdf5.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Time limit for a picture. (default: 600; for Cycles by its samples)"),
    ] = None,
    retries: Annotated[int, typer.Option(metavar="N", help="Retries of a failed picture.")] = 1,
    resume: Annotated[
        bool,
        typer.Option("--resume/--overwrite", " /--no-resume", help="Keep finished pictures, or make all of OUT again."),
    ] = True,
    cluster: Annotated[
        str | None, typer.Option(metavar="auto|ADDRESS", help="Run on the machines of a Ray cluster.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Render pictures of a construction site from above, foundation piles among machines and bags, with labels.

    OUT gets images/ and labels/ (YOLO), dataset.yaml (Ultralytics), manifest.jsonl, a log per picture and preview.png,
    which shows the boxes. The same options and seed give the same bytes, for any number of jobs or interruptions.

    Example: multiverse dataset site --count 20 --jobs 2 --seed 1000

    Ctrl-C finishes the pictures at work; the same command resumes. A picture that fails is retried and reported; the
    others go on, and the exit code is 1 if one is missing at the end. Options may also be written with _.
    """
    from engine.cli.run import Signals
    from engine.jobs.dataset import DatasetJob, SceneOptions, check_job, choose_drawing, make_dataset

    if image_index is not None:
        _refuse(context, ("count", "jobs", "timeout", "retries", "cluster"), "--image-index makes one picture here")
    chosen = choose_drawing(
        engine,
        preset=preset,
        max_samples=max_samples,
        noise_threshold=noise_threshold,
        use_gpu=use_gpu,
        blender=blender,
        is_far=cluster is not None,
    )
    job = DatasetJob(
        output=output,
        drawing=chosen.drawing,
        blender=chosen.blender,
        options=SceneOptions(
            use_clusters=use_clusters,
            num_clusters=num_clusters,
            terrain_size=terrain_size,
            num_rows=num_rows,
            piles_per_row=piles_per_row,
            row_spacing=row_spacing,
            num_terraces=num_terraces,
            terrace_height=terrace_height,
            sun_elevation=sun_elevation,
            sun_azimuth=sun_azimuth,
            sun_energy=sun_energy,
            num_bags=num_bags,
            num_machinery=num_machinery,
            min_piles_per_cluster=min_piles_per_cluster,
            max_piles_per_cluster=max_piles_per_cluster,
            cluster_size=cluster_size,
            geological_preset=geological_preset,
            width=width,
            height=height,
        ),
        count=count,
        seed=seed,
        image_index=image_index,
        jobs=jobs,
        timeout_s=timeout,
        retries=retries,
        resume=resume,
        save_coco=save_coco,
        save_hdf5=save_hdf5,
        cluster=cluster,
    )
    check_job(job)
    for note in chosen.notes:
        print(f"multiverse: {note}", file=sys.stderr)
    if image_index is not None:
        report = _make_here(job)
    else:
        stop = threading.Event()
        Signals().connect(lambda: _end(stop))
        with shown_progress(as_json, stop) as (tell, say):
            report = make_dataset(job, tell=tell, say=lambda line: say(f"multiverse: {line}"), is_stopped=stop.is_set)
    for line in note_lines(report):
        print(f"multiverse: {line}", file=sys.stderr)
    if as_json:
        print(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        print("\n".join(report_lines(report)))
    if report.missing:
        raise typer.Exit(FAILED)


def _make_here(job: "DatasetJob") -> "DatasetReport":
    """Make one picture. Ctrl-C stops it at once and leaves no files of it."""
    from engine.jobs.dataset import make_dataset

    try:
        return make_dataset(job, say=lambda line: print(f"multiverse: {line}", file=sys.stderr))
    except KeyboardInterrupt:
        print("multiverse: interrupted; nothing was written", file=sys.stderr)
        raise typer.Exit(FAILED) from None


def _end(stop: threading.Event) -> None:
    if not stop.is_set() and not sys.stderr.isatty():  # a progress bar says so itself
        with contextlib.suppress(OSError):  # not sys.stderr: the signal may have interrupted a write to it
            os.write(STDERR, b"multiverse: finishing the pictures at work; Ctrl-C again stops at once\n")
    stop.set()


def note_lines(report: "DatasetReport") -> list[str]:
    """Notes about the run, and the pictures that are missing."""
    lines = list(report.notes)
    if report.failed:
        named = ", ".join(f"{failed.index:06d}" for failed in report.failed[:MAX_NAMED])
        more = f" and {len(report.failed) - MAX_NAMED} more" if len(report.failed) > MAX_NAMED else ""
        lines.append(f"{len(report.failed)} failed: {named}{more}; their logs are {report.folder}/image_NNNNNN.log")
    if report.is_interrupted:
        lines.append(f"interrupted with {report.missing} to go; run the same command to go on")
    return lines


def report_lines(report: "DatasetReport") -> list[str]:
    """The results, and how they compare with real pictures."""
    kept = f", {report.kept} existed" if report.kept else ""
    missing = f", {report.missing} missing" if report.missing else ""
    tried = f", {report.retried} retried" if report.retried else ""
    each = f", {report.seconds_a_picture:.1f} s per picture" if report.seconds_a_picture is not None else ""
    at_once = f", {report.jobs} at a time" if report.jobs else ""
    lines = [
        f"pictures    {report.made} made{kept}{missing}{tried}",
        f"time        {report.seconds:.1f} s{at_once}{each}",
        f"engine      {report.engine}",
    ]
    if report.statistics is not None:
        lines += report.statistics.lines()
    return lines + [f"wrote       {report.folder}/{name}" for name in report.outputs]


def _refuse(context: typer.Context, names: tuple[str, ...], reason: str) -> None:
    from engine.cli.video_web import is_given

    for name in names:
        if is_given(context, name):
            raise UsageError(f"--{name}: has no effect, {reason}")
