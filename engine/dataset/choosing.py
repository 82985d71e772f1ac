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
FAR = "on a cluster the raster engine is used, which every machine has (--engine cycles needs Blender on each)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingOptions:
    engine: Literal["auto", "cycles", "raster"] = option(
        "auto", "cycles: Blender. (default: cycles if installed, else raster)", metavar="cycles|raster"
    )
    preset: Literal["quick", "train", "high"] | None = option(
        None,
        "Samples per pixel and noise limit of Cycles: 30 and 0.02; 50 and 0.01 (default); 100 and 0.005.",
        metavar="quick|train|high",
    )
    max_samples: int | None = option(None, "Cycles: maximum samples per pixel.", metavar="N")
    noise_threshold: float | None = option(None, "Cycles: noise level at which a pixel is finished.", metavar="0..1")
    use_gpu: bool | None = option(
        None, "Cycles: render on a GPU. (default: if there is one)", flags="--use-gpu/--no-use-gpu"
    )
    blender: str | None = option(None, "Blender, or a Python with bpy. [MULTIVERSE_BLENDER]", metavar="PATH")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenEngine:
    drawing: RenderSettings
    blender: str = ""
    notes: tuple[str, ...] = ()


def choose_drawing(asked: DrawingOptions, *, is_far: bool = False) -> ChosenEngine:
    """Choose the engine and its settings; starts Blender once. UsageError for a setting without effect, a missing GPU
    or Blender that was asked for; RenderError if it does not start. `is_far`: other machines render, each with its own
    Blender, which is not checked; auto then means raster."""
    from engine.dataset.cycles.drawing import ask_blender
    from engine.dataset.cycles.finding import find_blender, install_command, locate_blender

    given = [option_name(each.name) for each in fields(asked)[1:] if getattr(asked, each.name) is not None]
    engine, blender = asked.engine, asked.blender or ""
    if engine == "raster":
        if given:
            raise UsageError(f"{given[0]}: {CYCLES_ONLY}; leave it out, or give --engine cycles")
        return ChosenEngine(drawing=RenderSettings(engine="raster"))
    if engine == "auto" and is_far:
        return _raster(FAR, given)
    found = None
    if not is_far:
        found = find_blender(blender) if engine == "cycles" else locate_blender(blender)
        if found is None:
            return _raster(f"using the raster engine; for Cycles install Blender: {install_command()}", given)
    samples, noise = PRESETS[asked.preset or "train"]
    drawing = RenderSettings(
        engine="cycles",
        max_samples=samples if asked.max_samples is None else asked.max_samples,
        noise_threshold=noise if asked.noise_threshold is None else asked.noise_threshold,
        use_gpu=asked.use_gpu,
    )
    drawing.check()
    if found is not None:
        try:
            gpus = ask_blender(found)["gpus"]
        except (RenderError, UsageError) as error:
            if engine == "cycles":
                raise
            return _raster(f"using the raster engine, because Cycles is unavailable: {error}", given)
        if asked.use_gpu and not gpus:
            raise UsageError(f"--use-gpu: Cycles has no GPU here, only the CPU ({found}); leave the option out")
    return ChosenEngine(drawing=drawing, blender=blender)


def _raster(reason: str, given: list[str]) -> ChosenEngine:
    without = f"; {' '.join(given)}: {CYCLES_ONLY}" if given else ""
    return ChosenEngine(drawing=RenderSettings(engine="raster"), notes=(f"{reason}{without}",))
