"""`multiverse sd`: repaints one picture with the code that paints live."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli.job_options import job_options
from engine.cli.progress import parts_bar
from engine.cli.sd_options import IP_SCALE, PROMPT, SEED, USUAL_IP_SCALE, ModelOptions
from engine.cli.standard_streams import complain, print_lines, say_at_once
from engine.errors import ModelError, UsageError
from engine.jobs.kit.options import (
    DEVICE,
    DEVICES,
    DTYPE,
    DTYPES,
    JSON,
    METADATA,
    OVERWRITE,
    check_no_stream,
    check_place,
    option,
)
from engine.jobs.video.job import SIDE_STEP_PX, painted_size
from engine.models.libraries import require_libraries
from engine.models.sd.painting import MAX_SEED
from engine.sinks.picture_file import PICTURE_FORMATS
from engine.system.power import kept_from_sleep
from engine.system.work_folder import check_writable
from osc_schema.sd import declared, default_of

MAX_OWN_SIDE_PX = (
    1920  # of a picture without --size: HD is painted whole, a photograph would take all memory
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOptions(ModelOptions):
    seed: int = option(int(default_of("seed")), f"{SEED} -1: a random one.", low=-1, high=MAX_SEED)
    size: str = option(
        "",
        "Multiples of 8 px; the picture is cropped to it. (default: its own size as in "
        "`multiverse video`, at most "
        f"{MAX_OWN_SIDE_PX} px)",
        metavar="WxH",
        shows_default=False,
    )
    control: str = option(
        "edges",
        "Input of the ControlNets: the edges of IMAGE, its soft edges, IMAGE itself, or a file.",
        metavar="edges|soft|input|FILE",
    )
    ip_scale: float = option(
        USUAL_IP_SCALE,
        IP_SCALE,
        low=declared("ip_adapter/scale").low,
        high=declared("ip_adapter/scale").high,
    )
    device: str | None = option(None, DEVICE, metavar=DEVICES)
    dtype: str | None = option(None, DTYPE, metavar=DTYPES)
    metadata: bool = option(True, METADATA, flags="--metadata/--no-metadata")
    overwrite: bool = option(False, OVERWRITE, flags="--overwrite")


@kept_from_sleep("working on files")
@job_options(PictureOptions)
def sd(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture to start from.")],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="Where to write the result: .png .jpg .webp .tif .bmp."),
    ],
    prompt: Annotated[str, typer.Option(metavar="TEXT", help=PROMPT)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help=JSON)] = False,
    **options: Any,
) -> None:
    """Repaint one picture with Stable Diffusion."""
    from engine.models import locate
    from engine.models.sd.spec import NO_MODEL
    from engine.system.picture_size import parse_size

    # Check everything before anything is loaded.
    chosen = PictureOptions(**options)
    width, height = parse_size(chosen.size) if chosen.size else (0, 0)
    if any(side % SIDE_STEP_PX or (chosen.size and not side) for side in (width, height)):
        raise UsageError(
            f"--size: {chosen.size}: both sides must be multiples of {SIDE_STEP_PX} (for example "
            "768x512)"
        )
    check_place(chosen.device or "auto", chosen.dtype or "auto")
    check_no_stream(image, out)
    if out.suffix.lower() not in PICTURE_FORMATS:
        raise UsageError(f"{out}: the name must end in {', '.join(PICTURE_FORMATS)}")
    if out.exists() and not chosen.overwrite:
        raise UsageError(f"{out}: exists already; --overwrite replaces it")
    check_writable(out)
    configured = chosen.configured()
    spec = chosen.spec(configured)
    if not spec.model:
        raise UsageError(NO_MODEL)
    locate.find(spec.model)
    require_libraries()

    from engine.jobs.kit.painting_metadata import painting_metadata
    from engine.models.card_memory import translate_load_oom
    from engine.models.device_work import device_and_dtype, is_out_of_memory
    from engine.models.sd.coefficients import real_steps
    from engine.models.sd.edges import canny_edges
    from engine.models.sd.load import load
    from engine.models.sd.model import unused_guidance_note, unused_negative_note
    from engine.models.sd.pixels import draw_soft_edges
    from engine.models.sd.plan.model_plan import plan_model
    from engine.models.sd.plan.prediction import Decision
    from engine.models.sd.single import paint
    from engine.sinks.picture_file import save_picture
    from engine.sinks.whole_file import WholeFile
    from engine.sources.pixels import fitted_size
    from engine.sources.still import read_still
    from engine.system.work_folder import one_line

    # Read the pictures. Copies, because torch warns about Pillow's read-only memory.
    notes: list[str] = []
    source = read_still(image, on_loss=notes.append).copy()
    if not chosen.size:
        own_height, own_width = source.shape[:2]
        width, height = painted_size(
            *fitted_size(own_width, own_height, longest_px=MAX_OWN_SIDE_PX)
        )
        if max(own_width, own_height) > MAX_OWN_SIDE_PX:
            notes.append(
                f"{image.name} is larger than {MAX_OWN_SIDE_PX} px: painted at {width}x{height}; "
                "--size sets another"
            )
    if not as_json:
        for note in notes:
            complain(note)
    control = source
    if spec.controlnets and chosen.control == "edges":
        control = canny_edges(source, (width, height))
    elif spec.controlnets and chosen.control == "soft":
        control = draw_soft_edges(source, (width, height))
    elif spec.controlnets and chosen.control != "input":
        control = read_still(Path(chosen.control)).copy()
    reference = read_still(chosen.ip_image) if chosen.ip_image is not None else None
    plan = None if spec.random_shape else plan_model(spec)
    steps, guidance = chosen.steps_and_guidance(spec, plan)
    seed = chosen.seed if chosen.seed >= 0 else int.from_bytes(os.urandom(4), "little") & MAX_SEED
    look: dict[str, Any] = {
        "prompt": prompt,
        "negative": chosen.negative,
        "strength": chosen.strength,
    }
    look |= {"steps": steps, "guidance": guidance, "seed": seed}

    painting_notes: list[str] = []
    with parts_bar(as_json) as show:
        try:
            began_s = time.perf_counter()
            device, dtype = device_and_dtype(
                chosen.device or configured.device, chosen.dtype or configured.dtype
            )
            with translate_load_oom(spec.model, device, dtype):
                model = load(spec, device, dtype, plan=plan)
            if model.ip_adapter is not None:
                model.ip_adapter.set_scale(chosen.ip_scale)
            if not as_json:
                sampler = Decision(model.sampler, model.sampler_reason)
                how = f"{sampler}, {Decision(model.prediction_type, model.prediction_reason)}"
                numbers = f"{steps} steps, cfg {guidance:g}"
                say_at_once(f"SD: {spec.model}, {how}, {numbers}, {device} {model.dtype_name}")
            loaded_s = time.perf_counter()
            painted = paint(
                model,
                source,
                **look,
                width=width,
                height=height,
                controls=[(control, scale) for scale in chosen.control_scales(spec)],
                ip_image=reference,
                progress=lambda done, steps: show(f"painting {done}/{steps}", done / steps),
                note=painting_notes.append,
            )
            painted_s = time.perf_counter()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            reason = (
                f"not enough memory for {width}x{height} with this model; choose a smaller --size"
            )
            raise ModelError(reason) from None

    facts: dict[str, Any] = {
        "model": spec.model,
        "sampler": model.sampler,
        "dtype": model.dtype_name,
    }
    metadata = painting_metadata(size=(width, height), **facts, **look)
    file = WholeFile(out)
    try:
        with one_line(out):
            save_picture(file.unfinished, painted, metadata if chosen.metadata else None)
        file.publish()
    finally:
        file.discard()

    without_effect = {
        "--guidance": unused_guidance_note(model, model.sampler, guidance),
        "--negative": unused_negative_note(model, model.sampler, guidance, chosen.negative),
    }
    later = [*model.notes, *dict.fromkeys(painting_notes)]
    later += [f"{option}: {line}" for option, line in without_effect.items() if line]
    paint_s = painted_s - loaded_s
    if as_json:
        report = {
            "file": str(out),
            "width": width,
            "height": height,
            "model": spec.model,
            "family": model.family,
            "sampler": model.sampler,
            "sampler_reason": model.sampler_reason,
            "prediction_type": model.prediction_type,
            "prediction_reason": model.prediction_reason,
            "guidance": model.guidance_for(model.sampler, guidance),
            "steps_asked": steps,
            "steps": real_steps(steps, chosen.strength),
            "seed": seed,
            "device": device,
            "dtype": model.dtype_name,
            "load_s": round(loaded_s - began_s, 3),
            "paint_s": round(paint_s, 3),
            "notes": notes + later,
        }
        print(json.dumps(report))
        return
    for note in later:
        complain(note)
    print_lines(f"{out}  ({width}x{height}, seed {seed}, {paint_s:.1f} s on {device})")
