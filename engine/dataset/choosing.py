"""Chooses the rendering engine: Cycles if Blender is installed, else the built-in raster engine."""

from dataclasses import dataclass, fields
from typing import Literal

from engine.dataset.options import option_name
from engine.dataset.task import RenderSettings
from engine.errors import RenderError, UsageError
from engine.jobs.kit import option

CYCLES_ONLY = "only for Cycles; it has no effect with the raster engine"
PRESETS = {"quick": (30, 0.02), "train": (50, 0.01), "high": (100, 0.005)}
"""Samples per pixel at most, and the noise at which a pixel is finished."""
CLUSTER_NOTE = (
    "on a cluster the raster engine is used, which every machine has (--engine cycles "
    "needs Blender on each)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    engine: Literal["auto", "cycles", "raster"] = option(
        "auto",
        "cycles: Blender; auto: cycles if it is installed, else raster.",
        metavar="auto|cycles|raster",
    )
    preset: Literal["quick", "train", "high"] | None = option(
        None,
        "Samples per pixel and noise limit of Cycles: 30 and 0.02; 50 and 0.01 (default); 100 and "
        "0.005.",
        metavar="quick|train|high",
    )
    max_samples: int | None = option(None, "Cycles: maximum samples per pixel.", metavar="N")
    noise_threshold: float | None = option(
        None, "Cycles: noise level at which a pixel is finished.", metavar="0..1"
    )
    use_gpu: bool | None = option(
        None, "Cycles: render on a GPU. (default: if there is one)", flags="--use-gpu/--no-use-gpu"
    )
    blender: str | None = option(
        None, "Blender, or a Python with bpy. [MULTIVERSE_BLENDER]", metavar="PATH"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenEngine:
    drawing: RenderSettings
    blender: str = ""
    notes: tuple[str, ...] = ()


def choose_engine(options: EngineOptions, *, is_remote: bool = False) -> ChosenEngine:
    """Choose the engine and its settings; starts Blender once. UsageError for a setting without
    effect, a missing GPU or Blender that was requested; RenderError if it does not start.
    `is_remote`: other machines render, each with its own Blender, which is not checked; auto then
    means raster."""
    from engine.dataset.cycles.drawing import query_blender
    from engine.dataset.cycles.finding import find_blender, install_command, locate_blender

    given_options = [
        option_name(each.name)
        for each in fields(options)[1:]
        if getattr(options, each.name) is not None
    ]
    engine = options.engine
    blender = options.blender or ""
    if engine == "raster":
        if given_options:
            raise UsageError(
                f"{given_options[0]}: {CYCLES_ONLY}; leave it out, or give --engine cycles"
            )
        return ChosenEngine(drawing=RenderSettings(engine="raster"))
    if engine == "auto" and is_remote:
        return _raster(CLUSTER_NOTE, given_options)
    found = None
    if not is_remote:
        found = find_blender(blender) if engine == "cycles" else locate_blender(blender)
        if found is None:
            return _raster(
                f"using the raster engine; for Cycles install Blender: {install_command()}",
                given_options,
            )
    samples, noise = PRESETS[options.preset or "train"]
    drawing = RenderSettings(
        engine="cycles",
        max_samples=samples if options.max_samples is None else options.max_samples,
        noise_threshold=noise if options.noise_threshold is None else options.noise_threshold,
        use_gpu=options.use_gpu,
    )
    drawing.check()
    if found is not None:
        try:
            gpus = query_blender(found)["gpus"]
        except (RenderError, UsageError) as error:
            if engine == "cycles":
                raise
            return _raster(
                f"using the raster engine, because Cycles is unavailable: {error}", given_options
            )
        if options.use_gpu and not gpus:
            raise UsageError(
                f"--use-gpu: Cycles has no GPU here, only the CPU ({found}); leave the option out"
            )
    return ChosenEngine(drawing=drawing, blender=blender)


def _raster(reason: str, given_options: list[str]) -> ChosenEngine:
    without = f"; {' '.join(given_options)}: {CYCLES_ONLY}" if given_options else ""
    return ChosenEngine(drawing=RenderSettings(engine="raster"), notes=(f"{reason}{without}",))
