"""`multiverse dataset`: synthetic pictures of a construction site with their labels, one process a picture."""

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
    """`--image_index` is `--image-index`: the script that this descends from wrote them so."""
    return name.replace("_", "-")


def dataset(
    context: typer.Context,
    output: Annotated[Path, typer.Argument(metavar="OUT", help="A folder, new or one to go on with.")],
    count: Annotated[int, typer.Option(metavar="N", help="Pictures in all.")] = 20,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", help="Pictures at once. (default: by memory: 1, 2 from 16 GB, 4 from 32 GB on)"),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of picture 0; picture 7 has N + 7.")] = 0,
    image_index: Annotated[
        int | None,
        typer.Option(metavar="N", help="Make this one picture, in this process, and no sheet.", show_default=False),
    ] = None,
    engine: Annotated[
        Literal["auto", "cycles", "raster"],
        typer.Option(metavar="cycles|raster", help="cycles: Blender. (default: cycles where Blender is, else raster)"),
    ] = "auto",
    width: Annotated[int, typer.Option(metavar="64..16384", help="Pixels; 200 m across.")] = 5280,
    height: Annotated[int, typer.Option(metavar="64..16384")] = 3956,
    use_clusters: Annotated[
        bool | None,
        typer.Option(
            "--use-clusters/--no-use-clusters",
            help="Piles in clusters, or in rows. (default: drawn)",
            show_default=False,
        ),
    ] = None,
    num_clusters: Annotated[int | None, typer.Option(metavar="1..5", help="(default: drawn, 1 to 5)")] = None,
    cluster_size: Annotated[
        float | None, typer.Option(metavar="M", help="Their middles are 1.5 times as far apart. (default: 30)")
    ] = None,
    min_piles_per_cluster: Annotated[int | None, typer.Option(metavar="N", help="(default: 50)")] = None,
    max_piles_per_cluster: Annotated[int | None, typer.Option(metavar="N", help="(default: 100)")] = None,
    num_rows: Annotated[int | None, typer.Option(metavar="N", help="(default: drawn, 12 to 17)")] = None,
    piles_per_row: Annotated[int | None, typer.Option(metavar="N", help="(default: drawn, 30 to 39)")] = None,
    row_spacing: Annotated[float | None, typer.Option(metavar="2..50", help="Metres. (default: drawn, 3 to 4)")] = None,
    terrain_size: Annotated[
        float | None, typer.Option(metavar="20..1000", help="Metres, side of the site. (default: drawn, 180 to 220)")
    ] = None,
    num_terraces: Annotated[int | None, typer.Option(metavar="1..100", help="(default: drawn, 6 to 11)")] = None,
    terrace_height: Annotated[
        float | None, typer.Option(metavar="0..10", help="Metres. (default: drawn, 1.5 to 3)")
    ] = None,
    geological_preset: Annotated[
        Literal["loess", "hills"] | None,
        typer.Option(metavar="loess|hills", help="Ground and kinds of piles. (default: a mix)"),
    ] = None,
    num_bags: Annotated[
        int | None, typer.Option(metavar="N", help="White bags, not labelled. (default: 30, or what fits)")
    ] = None,
    num_machinery: Annotated[
        int | None, typer.Option(metavar="N", help="Yellow machines, not labelled. (default: 15, or what fits)")
    ] = None,
    sun_elevation: Annotated[
        float | None, typer.Option(metavar="5..90", help="Degrees above the horizon. (default: drawn, 30 to 60)")
    ] = None,
    sun_azimuth: Annotated[
        float | None, typer.Option(metavar="0..360", help="Degrees from north, clockwise. (default: drawn)")
    ] = None,
    sun_energy: Annotated[
        float | None, typer.Option(metavar="0..20", help="W/m2. (default: drawn, 1.5 to 2.5)")
    ] = None,
    preset: Annotated[
        Literal["quick", "train", "high"] | None,
        typer.Option(
            metavar="quick|train|high",
            help="Cycles: 30 samples to a noise of 0.02, 50 to 0.01 (default), 100 to 0.005.",
        ),
    ] = None,
    max_samples: Annotated[int | None, typer.Option(metavar="N", help="Cycles: of a pixel at most.")] = None,
    noise_threshold: Annotated[
        float | None, typer.Option(metavar="0..1", help="Cycles: where a pixel is done.")
    ] = None,
    use_gpu: Annotated[
        bool | None,
        typer.Option(
            "--use-gpu/--no-use-gpu", help="Cycles: on a GPU. (default: where it has one)", show_default=False
        ),
    ] = None,
    blender: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Blender, or a Python that has bpy. [MULTIVERSE_BLENDER]"),
    ] = None,
    save_coco: Annotated[bool, typer.Option("--save-coco", help="coco_annotations.json with masks as RLE.")] = False,
    save_hdf5: Annotated[
        bool, typer.Option("--save-hdf5", help="Colours, depth and instances as hdf5/000000.hdf5.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="After which a picture is hung. (default: 600; of Cycles by its samples)"),
    ] = None,
    retries: Annotated[int, typer.Option(metavar="N", help="Of a picture that failed.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Leave finished pictures, or make all of OUT anew.")
    ] = True,
    cluster: Annotated[
        str | None, typer.Option(metavar="auto|ADDRESS", help="On the machines of a Ray cluster.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Draw pictures of a construction site from above, foundation piles among machines and bags, with labels.

    OUT gets images/ and labels/ (YOLO), dataset.yaml (Ultralytics), manifest.jsonl, a log a picture and preview.png, in
    which the boxes are seen. The same options and seed give the same bytes, however many jobs or interruptions.

    Example: multiverse dataset site --count 20 --jobs 2 --seed 1000

    Ctrl-C finishes the pictures at work; the same command goes on. A picture that fails is tried again, told, and stops
    no other; the exit code is 1 where one is missing in the end. Options may be written with _ as well.
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
        report = _made_here(job)
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


def _made_here(job: "DatasetJob") -> "DatasetReport":
    """Ctrl-C ends it at once: nothing of the picture is left."""
    from engine.jobs.dataset import make_dataset

    try:
        return make_dataset(job, say=lambda line: print(f"multiverse: {line}", file=sys.stderr))
    except KeyboardInterrupt:
        print("multiverse: interrupted; nothing was written", file=sys.stderr)
        raise typer.Exit(FAILED) from None


def _end(stop: threading.Event) -> None:
    if not stop.is_set() and not sys.stderr.isatty():  # where there is a bar, it says so
        with contextlib.suppress(OSError):  # not through sys.stderr, which the signal may have come in the middle of
            os.write(STDERR, b"multiverse: finishing the pictures at work; Ctrl-C again ends at once\n")
    stop.set()


def note_lines(report: "DatasetReport") -> list[str]:
    """What is to be known of the run, and which pictures are missing."""
    lines = list(report.notes)
    if report.failed:
        named = ", ".join(f"{failed.index:06d}" for failed in report.failed[:MAX_NAMED])
        more = f" and {len(report.failed) - MAX_NAMED} more" if len(report.failed) > MAX_NAMED else ""
        lines.append(f"{len(report.failed)} failed: {named}{more}; their logs are {report.folder}/image_NNNNNN.log")
    if report.is_interrupted:
        lines.append(f"interrupted with {report.missing} to go; the same command goes on")
    return lines


def report_lines(report: "DatasetReport") -> list[str]:
    """What came of it, and how it compares with the real data."""
    kept = f", {report.kept} were there" if report.kept else ""
    missing = f", {report.missing} missing" if report.missing else ""
    tried = f", {report.retried} tried again" if report.retried else ""
    each = f", {report.seconds_a_picture:.1f} s a picture" if report.seconds_a_picture is not None else ""
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
