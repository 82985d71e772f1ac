"""`multiverse sd`: repaints one picture with the code that paints live."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.job_options import job_options
from engine.cli.sd_options import IP_SCALE, PROMPT, SEED, ModelOptions
from engine.errors import ModelError, UsageError
from engine.jobs.kit.option_range import check_no_stream
from engine.jobs.kit.options import DEVICE, DEVICES, DTYPE, DTYPES, JSON, METADATA, OVERWRITE, option
from engine.models.libraries import require_libraries
from engine.models.sd.painting import MAX_SEED
from engine.sinks.picture_file import PICTURE_FORMATS
from engine.system.work_folder import check_place

if TYPE_CHECKING:
    import numpy as np

    from engine.models.sd import ModelSpec
    from engine.models.sd.batch_schedule import Progress
    from engine.sinks.made_with import MadeWith

SIDE_STEP_PX = 64  # three halvings of latents that span 8 px each


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOptions(ModelOptions):
    """The options of `multiverse sd`."""

    seed: int = option(1, f"{SEED} -1: a random one.", low=-1, high=MAX_SEED)
    size: str = option("512x512", "Multiples of 64 px; the picture is cropped to it.", metavar="WxH")
    control: str = option(
        "edges",
        "Input of the ControlNets: the edges of IMAGE, IMAGE itself, or a file.",
        metavar="edges|input|FILE",
    )
    ip_scale: float = option(0.6, IP_SCALE, low=0.0, high=1.5)
    device: str | None = option(None, DEVICE, metavar=DEVICES)
    dtype: str | None = option(None, DTYPE, metavar=DTYPES)
    metadata: bool = option(True, METADATA, flags="--metadata/--no-metadata")
    overwrite: bool = option(False, OVERWRITE, flags="--overwrite")


@job_options(PictureOptions)
def sd(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture to start from.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where to write the result: .png .jpg .webp .tif .bmp.")],
    prompt: Annotated[str, typer.Option(metavar="TEXT", help=PROMPT)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help=JSON)] = False,
    **options: Any,
) -> None:
    """Repaint one picture with Stable Diffusion."""
    asked = PictureOptions(**options)
    width, height = _checked_size(asked.size)
    _check_files(image, out, asked.overwrite)
    from engine.jobs.kit.painted_with import painted_with
    from engine.models import locate
    from engine.models.sd.spec import NO_MODEL
    from engine.sources.still import read_still

    configured = asked.configured()
    spec = asked.spec(configured)
    if not spec.model:
        raise UsageError(NO_MODEL)
    locate.find(spec.model)  # reports a wrong name at once, before seconds of loading
    picture = _writable(read_still(image))
    shown = _control_picture(asked.control, picture, (width, height)) if spec.controlnets else None
    steps, guidance = asked.steps_and_guidance(spec)
    settings: dict[str, Any] = {
        "prompt": prompt,
        "negative": asked.negative,
        "strength": asked.strength,
        "steps": steps,
        "guidance": guidance,
        "seed": asked.seed if asked.seed >= 0 else int.from_bytes(os.urandom(4), "little") & MAX_SEED,
        "width": width,
        "height": height,
        "controls": [(shown, scale) for scale in asked.control_scales(spec)] if shown is not None else [],
        "ip_image": read_still(asked.ip_image) if asked.ip_image is not None else None,
    }
    where = asked.device or configured.device, asked.dtype or configured.dtype
    with _progress(as_json) as progress, _one_line_when_full(width, height):
        painted, told = _paint(
            spec, where, asked.ip_scale, picture, settings | {"progress": progress}, is_quiet=as_json
        )
    own = {name: settings[name] for name in ("prompt", "negative", "steps", "strength", "guidance", "seed")}
    made_with = painted_with(model=spec.model, sampler=told["sampler"], size=(width, height), **own)
    _write(out, painted, made_with if asked.metadata else None)
    if as_json:
        print(json.dumps({"file": str(out)} | told))
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
    from engine.models.card_memory import full_told
    from engine.models.device_work import chosen_device, chosen_dtype
    from engine.models.sd.check import run_line
    from engine.models.sd.coefficients import real_steps
    from engine.models.sd.load import load
    from engine.models.sd.model import dropped_negative, unguided
    from engine.models.sd.single import paint

    began_s = time.perf_counter()
    device = chosen_device(where[0])
    dtype = chosen_dtype(where[1], device)
    with full_told(spec.model, device, dtype):
        model = load(spec, device, dtype)
    if model.ip_adapter is not None:
        model.ip_adapter.set_scale(ip_scale)
    if not is_quiet:
        how = run_line(model.sampler, model.sampler_reason, model.prediction_type, model.prediction_reason)
        where_told = f"{device} {str(model.dtype).removeprefix('torch.')}"
        numbers = f"{options['steps']} steps, cfg {options['guidance']:g}"
        print(f"SD: {spec.model}, {how}, {numbers}, {where_told}", file=sys.stderr)
    loaded_s = time.perf_counter()
    notes: list[str] = []
    painted = paint(model, picture, note=notes.append, **options)
    painted_s = time.perf_counter()
    without_effect = {
        "--guidance": unguided(model, model.sampler, options["guidance"]),
        "--negative": dropped_negative(model, model.sampler, options["guidance"], options["negative"]),
    }
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
            *(f"{option}: {line}" for option, line in without_effect.items() if line),
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
    from engine.models.sd.edges import edges
    from engine.sources.still import read_still

    if control == "input":
        return picture
    return edges(picture, size) if control == "edges" else _writable(read_still(Path(control)))


def _writable(picture: "np.ndarray") -> "np.ndarray":
    """A writable copy, because torch warns about Pillow's read-only memory."""
    return picture.copy()


def _write(out: Path, picture: "np.ndarray", made_with: "MadeWith | None") -> None:
    """Write a temporary file and rename it, so that a reader never sees half a picture."""
    from engine.sinks.picture_file import save_picture
    from engine.sinks.whole_file import WholeFile, one_line

    file = WholeFile(out)
    try:
        with one_line(out):
            save_picture(file.unfinished, picture, made_with)
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
