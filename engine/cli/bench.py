"""`multiverse bench ...`: measures this machine, each time beside a reference in the same run."""

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.gpu_option import Gpu
from engine.errors import ModelError, UsageError
from osc_schema.sd import default_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.bench.progress import Progress

app = typer.Typer(help="Measure this machine.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def render(
    size: Annotated[str, typer.Option(metavar="WxH", help="Picture size in pixels.")] = "1280x720",
    frames: Annotated[int, typer.Option(min=10, help="Frames a renderer draws.")] = 120,
    seconds: Annotated[
        float, typer.Option(min=1.0, help="Length of the live loop; 120 shows that memory stays flat.")
    ] = 10.0,
    fps: Annotated[float, typer.Option(help="Rate of the live loop.")] = 30.0,
    cold: Annotated[
        bool, typer.Option("--cold", help="Only start Numba without compiled code, and again: takes half a minute.")
    ] = False,
    gpu: Gpu = None,
    json_: AsJson = False,
) -> None:
    """Compare the renderers with simpler ones, and measure the overhead of a frame."""
    from engine.bench import frame
    from engine.bench import render as render_bench
    from engine.cli.run import parse_size
    from engine.render.egl_devices import chosen_gpu

    width, height = parse_size(size)
    with chosen_gpu(gpu), _progress(json_) as progress:
        if cold:
            progress("first frame", 0.0)
            return _print(frame.cold_start(width, height), json_)
        result = render_bench.run(width, height, frames, progress)
        progress("first frame", 0.5)
        result["first_frame_s"] = frame.first_frame_s(width, height)
        progress("loop", 0.6)
        result["loop"] = frame.run(width, height, fps, seconds, progress)
    _print(result, json_)


@app.command()
def beat(
    tempos: Annotated[
        int, typer.Option(min=2, max=141, metavar="COUNT", help="Metronomes between 60 and 200 beats per minute.")
    ] = 29,
    songs: Annotated[int, typer.Option(min=1, max=17, metavar="COUNT", help="Synthetic songs.")] = 17,
    json_: AsJson = False,
) -> None:
    """Track the beat of metronomes and synthetic songs: time to lock, phase error, F-measure, CPU time. And read
    timecode from sound: share of frames, CPU time."""
    from engine.bench import beat as beat_bench

    with _progress(json_) as progress:
        result = beat_bench.run(tempos, songs, progress)
    _print(result, json_)


@app.command()
def osc(
    rate: Annotated[int, typer.Option(help="Messages per second.")] = 40_000,
    seconds: Annotated[float, typer.Option(help="Length with and without load.")] = 10.0,
    size: Annotated[str, typer.Option(metavar="WxH", help="Picture size in pixels.")] = "1280x720",
    fps: Annotated[float, typer.Option(help="Rate of the loop.")] = 30.0,
    busy: Annotated[int, typer.Option(min=0, max=64, help="Cores that other processes keep busy.")] = 0,
    json_: AsJson = False,
) -> None:
    """Flood the engine with OSC while it draws: lost values, live latency, cost per frame. Then move a DMX fader."""
    from engine.bench import osc as osc_bench
    from engine.cli.run import parse_size

    width, height = parse_size(size)
    with _progress(json_) as progress:
        result = osc_bench.run(rate, seconds, width, height, fps, progress, busy=busy)
    _print(result, json_)


@app.command()
def control(
    viewers: Annotated[int, typer.Option(min=1, max=16, help="Number of preview viewers.")] = 4,
    preview_fps: Annotated[int, typer.Option(min=1, max=60, help="Pictures per second for each viewer.")] = 30,
    seconds: Annotated[float, typer.Option(min=1.0, help="Length with and without viewers.")] = 30.0,
    moves: Annotated[int, typer.Option(min=2, max=1000, help="Fader moves, and requests for the tree.")] = 60,
    size: Annotated[str, typer.Option(metavar="WxH", help="Picture size in pixels.")] = "1280x720",
    fps: Annotated[float, typer.Option(help="Rate of the loop.")] = 30.0,
    json_: AsJson = False,
) -> None:
    """Measure the cost of previews, the latency of a fader in a browser, and the time to read the parameter tree."""
    from engine.bench import control as control_bench
    from engine.cli.run import parse_size

    width, height = parse_size(size)
    with _progress(json_) as progress:
        result = control_bench.run(viewers, preview_fps, seconds, moves, width, height, fps, progress)
    _print(result, json_)


@app.command()
def ipc(
    blocks: Annotated[int, typer.Option(min=1, help="Blocks of ten pictures of each size and each way.")] = 10,
    frames: Annotated[int, typer.Option(min=1, help="Numbered pictures read; 1000000 for the long test.")] = 100_000,
    json_: AsJson = False,
) -> None:
    """Send pictures to another process: the ring compared with a queue, and the number of torn pictures."""
    from engine.bench import ipc as ipc_bench

    with _progress(json_) as progress:
        result = ipc_bench.run(blocks, frames, progress)
    _print(result, json_)


@app.command()
def isolation(
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="The child's model; random:SHAPE needs no weights.")
    ] = "random:tiny",
    size: Annotated[str, typer.Option(metavar="WxH", help="Picture size in pixels.")] = "1280x720",
    fps: Annotated[float, typer.Option(help="Rate of the loop.")] = 30.0,
    seconds: Annotated[float, typer.Option(min=1.0, help="Length of each case; 600 for the long test.")] = 30.0,
    rounds: Annotated[int, typer.Option(min=1, metavar="COUNT", help="Rounds of all cases, in turn.")] = 3,
    sd_size: Annotated[str, typer.Option(metavar="WxH", help="Size of the SD picture.")] = "512x512",
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where the child works.")] = "auto",
    json_: AsJson = False,
) -> None:
    """Measure how a child process disturbs the picture: stopped, idle, busy, with and without the gate, killed every
    second."""
    from engine.bench import isolation as isolation_bench
    from engine.cli.run import parse_size

    width, height = parse_size(size)
    sd_width, sd_height = parse_size(sd_size)
    params = {"/sd/width": sd_width, "/sd/height": sd_height}
    with _progress(json_) as progress:
        result = isolation_bench.run(
            "sd", width, height, fps, seconds, model, params, progress, device=device, rounds=rounds
        )
    _print(result, json_)


@app.command()
def sd(
    shape: Annotated[
        list[str] | None,
        typer.Option(
            metavar="sd15|sd-turbo|sdxl-turbo|ssd-1b|sdxs|tiny",
            help="Repeatable. (default: tiny on a CPU, the first three elsewhere)",
        ),
    ] = None,
    size: Annotated[
        list[int] | None, typer.Option(metavar="PX", help="Side of the picture, repeatable. (default: 512 768)")
    ] = None,
    steps: Annotated[list[int] | None, typer.Option(metavar="COUNT", help="Repeatable. (default: 1 2 4)")] = None,
    seconds: Annotated[float, typer.Option(metavar="SECONDS", help="Length of each size and number of steps.")] = 5.0,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where to work.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    json_: AsJson = False,
) -> None:
    """Compare live diffusion, with random weights of the real shapes, with diffusers' own pipelines."""
    from engine.bench import sd as sd_bench

    sizes, counts = size or (512, 768), steps or (1, 2, 4)
    if any(side <= 0 or side % 64 for side in sizes) or any(not 1 <= count <= 10 for count in counts):
        raise UsageError("--size takes multiples of 64, --steps 1 to 10")
    asked = {
        "shapes": shape or (),
        "sizes": sizes,
        "steps": counts,
        "seconds": seconds,
        "device": device,
        "threads": threads,
    }
    with _progress(json_) as progress:
        result = sd_bench.run(asked, progress)
    _print(result, json_)


@app.command()
def sam3(
    shape: Annotated[
        str, typer.Option(metavar="sam3|tiny", help="Model size to measure. (default: the real size; on a CPU tiny)")
    ] = "",
    mode: Annotated[
        list[str] | None, typer.Option(metavar="image|track", help="Repeatable. (default: image track)")
    ] = None,
    resolution: Annotated[
        list[int] | None,
        typer.Option(metavar="PX", help="1008, 672 or 336, repeatable. (default: 1008; tiny: 336)"),
    ] = None,
    prompts: Annotated[
        list[int] | None, typer.Option(metavar="COUNT", help="Number of prompts, 1 to 4, repeatable. (default: 1)")
    ] = None,
    size: Annotated[str, typer.Option(metavar="WxH", help="Picture size in pixels.")] = "1920x1080",
    objects: Annotated[int, typer.Option(min=1, max=16, help="Objects found in each picture.")] = 16,
    batch: Annotated[int, typer.Option(min=1, max=4, help="Pictures per batch; image mode only.")] = 1,
    seconds: Annotated[
        float, typer.Option(metavar="SECONDS", help="Length of each of a case's two measurements.")
    ] = 5.0,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where to work.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    json_: AsJson = False,
) -> None:
    """Compare SAM3, with random weights of the real size, with transformers' own, which makes masks of the full
    size."""
    from engine.bench import sam3 as sam3_bench
    from engine.cli.run import parse_size

    modes, counts = mode or ("image", "track"), prompts or (1,)
    if not set(modes) <= {"image", "track"} or not all(1 <= count <= 4 for count in counts):
        raise UsageError("--mode takes image or track, --prompts 1 to 4")
    if not set(resolution or ()) <= {1008, 672, 336}:
        raise UsageError("--resolution takes 1008, 672 or 336")
    asked = {
        "shape": shape,
        "modes": modes,
        "resolutions": resolution or (),
        "prompts": counts,
        "size": parse_size(size),
        "objects": objects,
        "batch": batch,
        "seconds": seconds,
        "device": device,
        "threads": threads,
    }
    with _progress(json_) as progress:
        result = sam3_bench.run(asked, progress)
    _print(result, json_)


@app.command()
def rvc(
    shape: Annotated[
        str,
        typer.Option(
            metavar="v2-48k|v2-40k|v2-32k|v1-48k|v1-40k|v1-32k|tiny",
            help="Model shape to measure. (default: v2-48k; on a CPU tiny)",
        ),
    ] = "",
    seconds: Annotated[
        float | None, typer.Option(min=1.0, metavar="SECONDS", help="Length of the sound. (default: 180; on a CPU 20)")
    ] = None,
    block: Annotated[
        list[float] | None,
        typer.Option(metavar="MS", help="Block length of the live conversion, repeatable. (default: 100 250 500)"),
    ] = None,
    files: Annotated[
        int | None,
        typer.Option(min=1, metavar="COUNT", help="Number of 3 s files, for batches. (default: 32; on a CPU 8)"),
    ] = None,
    embeddings: Annotated[int, typer.Option(min=40, help="Vectors in the index.")] = 20_000,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where to work.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    json_: AsJson = False,
) -> None:
    """Measure voice conversion of files and streams, with random weights of the real size; compare parts with FAISS,
    SciPy and RVC."""
    from engine.bench import rvc as rvc_bench

    if not all(20.0 <= each <= 1500.0 for each in block or ()):
        raise UsageError("--block takes 20 to 1500")
    asked = {
        "shape": shape,
        "seconds": seconds,
        "blocks_ms": block or (),
        "files": files,
        "embeddings": embeddings,
        "device": device,
        "threads": threads,
    }
    with _progress(json_) as progress:
        result = rvc_bench.run(asked, progress)
    _print(result, json_)


@app.command()
def video(
    shape: Annotated[
        list[str] | None,
        typer.Option(
            metavar="sd15|sd-turbo|sdxl-turbo|ssd-1b|sdxs|tiny",
            help="Repeatable. (default: tiny on a CPU, the first two elsewhere)",
        ),
    ] = None,
    size: Annotated[str, typer.Option(metavar="WxH", help="Picture size in pixels.")] = "360x640",
    batch: Annotated[
        list[int] | None, typer.Option(metavar="COUNT", help="Pictures per batch, repeatable. (default: 1 8)")
    ] = None,
    steps: Annotated[
        list[int] | None, typer.Option(metavar="COUNT", help="Requested steps, repeatable. (default: 5 20)")
    ] = None,
    strength: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the steps that is run.")] = default_of(
        "strength"
    ),
    mode: Annotated[
        list[str] | None, typer.Option(metavar="fused|split", help="Repeatable. (default: fused split)")
    ] = None,
    seconds: Annotated[float, typer.Option(metavar="SECONDS", help="Length of each measurement of a case.")] = 6.0,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where to work.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads and cores of each contender.")] = 1,
    json_: AsJson = False,
) -> None:
    """Paint a video from file to file, with random weights of the real shapes; compare fused, split and diffusers frame
    by frame, on the same cores.

    Without --batch and --steps, the cases for which the original published figures are measured too.
    """
    from engine.bench import video as video_bench
    from engine.cli.run import parse_size

    modes, sides = mode or ("fused", "split"), parse_size(size)
    if not set(modes) <= {"fused", "split"}:
        raise UsageError("--mode takes fused or split")
    if not all(1 <= each <= 64 for each in batch or ()) or not all(1 <= each <= 100 for each in steps or ()):
        raise UsageError("--batch takes 1 to 64, --steps 1 to 100")
    if any(side < 64 or side % 8 for side in sides):
        raise UsageError(f"--size: {size}: both sides must be multiples of 8, 64 or more")
    asked = {
        "shapes": shape or (),
        "size": sides,
        "batches": batch or (),
        "steps": steps or (),
        "strength": strength,
        "modes": modes,
        "seconds": seconds,
        "device": device,
        "threads": threads,
    }
    with _progress(json_) as progress:
        result = video_bench.run(asked, progress)
    _print(result, json_)


@app.command()
def threads(
    kind: Annotated[
        list[str] | None, typer.Option(metavar="paint|find|convert|draw", help="Repeatable. (default: all)")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="Length of each kind and policy.")] = 12.0,
    count: Annotated[int | None, typer.Option("--threads", min=1, help="(default: the machine's cores)")] = None,
    json_: AsJson = False,
) -> None:
    """Compare OpenMP's wait policies for models and Numba, on an idle and on a busy machine."""
    from engine.bench import threads as threads_bench

    kinds = tuple(dict.fromkeys(kind or threads_bench.WORK))
    if not set(kinds) <= set(threads_bench.WORK):
        raise UsageError("--kind takes paint, find, convert or draw")
    with _progress(json_) as progress:
        result = threads_bench.run(kinds, seconds, count or os.cpu_count() or 1, progress)
    _print(result, json_)


@app.command()
def dataset(
    case: Annotated[
        list[str] | None, typer.Option(metavar="small|large|tile", help="Repeatable. (default: all)")
    ] = None,
    pictures: Annotated[int, typer.Option(min=1, max=100, help="Pictures per case; the median is reported.")] = 3,
    long_run: Annotated[int, typer.Option(min=0, help="Small pictures, for memory and overhead; 0: none.")] = 20,
    cycles: Annotated[
        bool, typer.Option("--cycles", help="Also render the same scenes with Cycles: takes minutes.")
    ] = False,
    blender: Annotated[str, typer.Option(metavar="PATH", help="Blender, for Cycles. [MULTIVERSE_BLENDER]")] = "",
    json_: AsJson = False,
) -> None:
    """Measure site pictures with labels: time per picture and per process, memory of a long run, optionally Cycles.

    small is 44 piles at 1920x1080, large 364 at 5280x3956: the cases for which the original has figures. tile is a
    window of 640x640 of recipe 2, made as in a long run; processor time is given for each step.
    """
    from engine.bench import dataset as dataset_bench

    names = dict(zip(("small", "large", "tile"), (*dataset_bench.CASES, dataset_bench.TILE), strict=True))
    if not set(case or ()) <= set(names):
        raise UsageError("--case takes small, large or tile")
    cases = tuple(names[each] for each in dict.fromkeys(case or names))
    with _progress(json_) as progress:
        result = dataset_bench.run(
            cases=cases, pictures=pictures, long_run=long_run, with_cycles=cycles, blender=blender, progress=progress
        )
    _print(result, json_)


@app.command()
def detector(
    work: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Keeps pictures and networks; a second run uses them."),
    ] = Path("detector-bench"),
    steps: Annotated[int, typer.Option(min=1, help="Training steps; the default takes 5 minutes on two cores.")] = 2000,
    seeds: Annotated[int, typer.Option(min=1, max=100, metavar="COUNT", help="Trainings of each recipe.")] = 1,
    views: Annotated[
        int, typer.Option(min=1, metavar="COUNT", help="Views of 640x640 px that each training has.")
    ] = 640,
    pictures: Annotated[int, typer.Option(min=1, metavar="COUNT", help="Views in each stress set.")] = 16,
    sets: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="Stress sets to try, besides plain. (default: all)")
    ] = "",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
    json_: AsJson = False,
) -> None:
    """Train a small detector on recipe 1 and on recipe 2 of the dataset, and try both on sets that differ in one thing.

    Average precision on other grounds, heights, light and camera effects, false positives without piles, and the same
    for rules of brightness and colour that learn nothing. Draws the pictures first: minutes, too.
    """
    from engine.bench import detector as detector_bench
    from engine.bench.detector_table import markdown

    asked = {
        "work": str(work),
        "steps": steps,
        "seeds": seeds,
        "views": views,
        "pictures": pictures,
        "sets": [name.strip() for name in sets.split(",") if name.strip()],
        "threads": threads,
    }
    with _progress(json_) as progress:
        result = detector_bench.run(asked, progress)
    if json_ or "failed" in result:
        return _print(result, json_)
    print(markdown(result))


@app.command()
def isf(
    size: Annotated[str, typer.Option(metavar="WxH", help="Picture size in pixels.")] = "1280x720",
    frames: Annotated[int, typer.Option(min=10, help="Frames of each case.")] = 60,
    live: Annotated[
        int, typer.Option(min=0, metavar="COUNT", help="Drop COUNT new shaders into the folder of a running engine.")
    ] = 0,
    fps: Annotated[float, typer.Option(min=1, help="Frame rate with --live.")] = 30.0,
    renderer: Annotated[str, typer.Option(metavar="auto|gl|numba", help="Renderer with --live.")] = "auto",
    gpu: Gpu = None,
    json_: AsJson = False,
) -> None:
    """Measure shader slots: time per effect, and what putting one in costs the render thread, with and without a trial.

    The trial is the one of `multiverse isf check`, in a process of its own; drivers keep what it compiles. With --live:
    time from a saved file to the picture, and frame times meanwhile, beside turns without a shader.
    """
    from engine.bench import isf as isf_bench
    from engine.bench import isf_live
    from engine.cli.run import parse_size
    from engine.render.egl_devices import chosen_gpu

    width, height = parse_size(size)
    with chosen_gpu(gpu), _progress(json_) as progress:
        if live:
            result = isf_live.run(width, height, fps, live, renderer, progress)
        else:
            result = isf_bench.run(width, height, frames, progress)
    _print(result, json_)


@contextmanager
def _progress(is_json: bool) -> "Iterator[Progress]":
    """The progress bar. If a part fails, or at Ctrl-C, what was found before is printed, then the error is raised."""
    from engine.bench.progress import Progress

    with _bar(is_json) as show:
        progress = Progress(show)
        try:
            try:
                yield progress
            except KeyboardInterrupt:
                raise ModelError("interrupted") from None
        except Exception as error:
            if found := progress.failed(error):
                _show(found, is_json)
            raise


@contextmanager
def _bar(is_quiet: bool) -> "Iterator[Callable[[str, float], None]]":
    if is_quiet or not sys.stderr.isatty():
        yield lambda part, done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("starting", total=1.0)
        yield lambda part, done: bars.update(task, description=part, completed=done)


def _print(result: dict[str, Any], as_json: bool) -> None:
    """Print the result. ModelError if it is not complete."""
    from engine.bench.progress import FAILED

    _show(result, as_json)
    if FAILED in result:
        raise ModelError("{part}: {reason}".format_map(result[FAILED]))


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
        return
    for name, value in _flat(result):
        print(f"{name:<40} {value}")


def _flat(result: dict[str, Any], prefix: str = "") -> "Iterator[tuple[str, Any]]":
    for key, value in result.items():
        if isinstance(value, dict) and set(value) == {"ms", "share"}:
            yield f"{prefix}{key}", f"{value['ms']} ms, {value['share']:.1%}"
        elif isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
