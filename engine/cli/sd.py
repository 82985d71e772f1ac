"""`multiverse sd`: repaints one picture with the code that paints live."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.sd_options import configured_sd, model_spec, with_numbers
from engine.errors import ModelError, UsageError
from engine.jobs.kit.option_range import check_no_stream
from engine.models.libraries import require_libraries
from engine.sinks.picture_file import PICTURE_FORMATS
from engine.system.work_folder import check_place

if TYPE_CHECKING:
    import numpy as np

    from engine.models.sd import ModelSpec
    from engine.models.sd.batch_schedule import Progress

SIDE_STEP_PX = 64  # three halvings of latents that span 8 px each
MAX_SEED = 2**31 - 1


def sd(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture to start from.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where to write the result: .png .jpg .webp .tif .bmp.")],
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="Prompt: what the picture should show.")],
    negative: Annotated[
        str, typer.Option(metavar="TEXT", help="Negative prompt: what it should not show; needs --guidance above 1.")
    ] = "",
    model: Annotated[
        str | None,
        typer.Option(metavar="PATH|ID", help="Diffusers folder, .safetensors file or Hugging Face id."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Take the model and its options from [sd] in this file.")
    ] = None,
    steps: Annotated[
        int, typer.Option(min=1, max=50, help="Total steps; only the last `strength` share of them is run.")
    ] = 4,
    strength: Annotated[float, typer.Option(min=0.05, max=1.0, help="Denoising strength: how much may change.")] = 0.5,
    guidance: Annotated[
        float,
        typer.Option(min=1.0, max=15.0, help="Guidance scale (CFG): how strictly to follow the prompt; 1 is off."),
    ] = 1.0,
    sampler: Annotated[
        str | None,
        typer.Option(
            metavar="auto|lcm|turbo|lightning|hyper|tcd|scheduler|deis|euler|dpm",
            help="Sampler the model was distilled for; scheduler: none. (default: detected from the model's files)",
        ),
    ] = None,
    prediction: Annotated[
        str | None,
        typer.Option(
            metavar="auto|epsilon|v", help="What the UNet predicts. (default: detected from the model's files)"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=-1, max=MAX_SEED, help="Seed of the noise; -1: random.")] = 1,
    size: Annotated[
        str, typer.Option(metavar="WxH", help="Size in multiples of 64 px; the picture is cropped to it.")
    ] = "512x512",
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
        str,
        typer.Option(
            metavar="edges|input|FILE", help="Input of the ControlNets: edges of IMAGE, IMAGE itself, or a file."
        ),
    ] = "edges",
    ip_adapter: Annotated[str | None, typer.Option(metavar="PATH", help="An IP-Adapter; needs --ip-image.")] = None,
    ip_image: Annotated[Path | None, typer.Option(metavar="FILE", help="Reference picture for the IP-Adapter.")] = None,
    ip_scale: Annotated[float, typer.Option(min=0.0, max=1.5, help="Strength of the IP-Adapter.")] = 0.6,
    device: Annotated[str | None, typer.Option(metavar="auto|cpu|cuda|mps", help="Device to run on.")] = None,
    dtype: Annotated[str | None, typer.Option(metavar="auto|float16|bfloat16|float32", help="Precision.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Repaint one picture with Stable Diffusion."""
    width, height = _checked_size(size)
    _check_files(image, out, overwrite)
    from engine.models import locate
    from engine.models.sd.spec import NO_MODEL
    from engine.sources.still import read_still

    configured = configured_sd(config)
    controls = with_numbers(controlnet, "--controlnet")
    spec = model_spec(
        model,
        configured,
        loras=with_numbers(lora, "--lora"),
        controlnets=controls,
        ip_adapter=ip_adapter,
        ip_image=ip_image,
        embeddings=embedding,
        clip_skip=clip_skip,
        sampler=sampler,
        prediction=prediction,
    )
    if not spec.model:
        raise UsageError(NO_MODEL)
    locate.find(spec.model)  # reports a wrong name at once, before seconds of loading
    picture = _writable(read_still(image))
    shown = _control_picture(control, picture, (width, height)) if spec.controlnets else None
    scales = [scale for _, scale in controls] or [1.0] * len(spec.controlnets)
    options = {
        "prompt": prompt,
        "negative": negative,
        "strength": strength,
        "steps": steps,
        "guidance": guidance,
        "seed": seed if seed >= 0 else int.from_bytes(os.urandom(4), "little") & MAX_SEED,
        "width": width,
        "height": height,
        "controls": [(shown, scale) for scale in scales] if shown is not None else [],
        "ip_image": read_still(ip_image) if ip_image is not None else None,
    }
    where = device or configured.device, dtype or configured.dtype
    with _progress(as_json) as progress, _one_line_when_full(width, height):
        painted, told = _paint(spec, where, ip_scale, picture, options | {"progress": progress}, is_quiet=as_json)
    _write(out, painted)
    if as_json:
        print(json.dumps({"file": str(out)} | told, ensure_ascii=False))
        return
    for note in told["notes"]:
        print(f"multiverse: {note}", file=sys.stderr)
    print(f"{out}  ({width}x{height}, seed {told['seed']}, {told['paint_s']:.1f} s on {told['device']})")


def _paint(
    spec: "ModelSpec",
    where: tuple[str, str],
    ip_scale: float,
    picture: "np.ndarray",
    options: dict[str, Any],
    *,
    is_quiet: bool,
) -> tuple["np.ndarray", dict[str, Any]]:
    """Paint; returns the picture and the figures for the report."""
    from engine.models.device_work import chosen_device, chosen_dtype
    from engine.models.sd.check import run_line
    from engine.models.sd.coefficients import real_steps
    from engine.models.sd.load import load
    from engine.models.sd.model import unguided
    from engine.models.sd.single import paint

    began_s = time.perf_counter()
    device = chosen_device(where[0])
    model = load(spec, device, chosen_dtype(where[1], device))
    if model.ip_adapter is not None:
        model.ip_adapter.set_scale(ip_scale)
    if not is_quiet:
        how = run_line(model.sampler, model.sampler_reason, model.prediction_type, model.prediction_reason)
        where_told = f"{device} {str(model.dtype).removeprefix('torch.')}"
        print(f"SD: {spec.model}, {how}, {where_told}", file=sys.stderr)
    loaded_s = time.perf_counter()
    notes: list[str] = []
    painted = paint(model, picture, note=notes.append, **options)
    painted_s = time.perf_counter()
    has_no_effect = unguided(model, model.sampler, options["guidance"])
    return painted, {
        "width": options["width"],
        "height": options["height"],
        "model": spec.model,
        "family": model.family,
        "sampler": model.sampler,
        "sampler_reason": model.sampler_reason,
        "prediction_type": model.prediction_type,
        "prediction_reason": model.prediction_reason,
        "guidance": model.guidance_for(model.sampler, options["guidance"]),
        "steps_asked": options["steps"],
        "steps": real_steps(options["steps"], options["strength"]),
        "seed": options["seed"],
        "device": device,
        "dtype": str(model.dtype).removeprefix("torch."),
        "load_s": round(loaded_s - began_s, 3),
        "paint_s": round(painted_s - loaded_s, 3),
        "notes": [
            *model.notes,
            *dict.fromkeys(notes),
            *([f"--guidance: {has_no_effect}"] if has_no_effect else []),
        ],
    }


def _checked_size(text: str) -> tuple[int, int]:
    from engine.cli.run import parse_size

    size = parse_size(text)
    if any(side % SIDE_STEP_PX or not side for side in size):
        raise UsageError(f"--size: {text}: both sides must be multiples of {SIDE_STEP_PX} (for example 768x512)")
    return size


def _check_files(image: Path, out: Path, overwrite: bool) -> None:
    """Check the files before anything is loaded."""
    check_no_stream(image, out)
    if out.suffix.lower() not in PICTURE_FORMATS:
        raise UsageError(f"{out}: the name must end in {', '.join(PICTURE_FORMATS)}")
    if out.exists() and not overwrite:
        raise UsageError(f"{out}: exists already; --overwrite replaces it")
    check_place(out)


def _control_picture(control: str, picture: "np.ndarray", size: tuple[int, int]) -> "np.ndarray":
    from engine.models.sd.outlines import edges
    from engine.sources.still import read_still

    if control == "input":
        return picture
    return edges(picture, size) if control == "edges" else _writable(read_still(Path(control)))


def _writable(picture: "np.ndarray") -> "np.ndarray":
    """A writable copy, because torch warns about Pillow's read-only memory."""
    return picture.copy()


def _write(out: Path, picture: "np.ndarray") -> None:
    """Write a temporary file and rename it, so that a reader never sees half a picture."""
    from engine.sinks.picture_file import save_picture
    from engine.sinks.whole_file import WholeFile, one_line

    file = WholeFile(out)
    try:
        with one_line(out):
            save_picture(file.unfinished, picture)
        file.publish()
    finally:
        file.discard()


@contextmanager
def _one_line_when_full(width: int, height: int) -> Iterator[None]:
    require_libraries()
    from engine.models.device_work import is_out_of_memory

    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise ModelError(f"not enough memory for {width}x{height} with this model; choose a smaller --size") from None


@contextmanager
def _progress(is_quiet: bool) -> "Iterator[Progress]":
    """Show a progress bar on a terminal."""
    if is_quiet or not sys.stderr.isatty():
        yield lambda done, steps: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bars:
        task = bars.add_task("loading", total=None)
        yield lambda done, steps: bars.update(task, description="painting", total=steps, completed=done)
