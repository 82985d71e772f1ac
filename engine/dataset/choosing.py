"""Chooses the rendering engine: Cycles if Blender is installed, else the built-in raster engine."""

from dataclasses import dataclass, replace
from typing import Literal

from engine.dataset.task import RenderSettings
from engine.errors import RenderError, UsageError

CYCLES_ONLY = "only for Cycles; it has no effect with the raster engine"
FAR = "on a cluster the raster engine is used, which every machine has (--engine cycles needs Blender on each)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenEngine:
    drawing: RenderSettings
    blender: str = ""
    notes: tuple[str, ...] = ()


def choose_drawing(
    engine: Literal["auto", "cycles", "raster"],
    *,
    preset: str | None = None,
    max_samples: int | None = None,
    noise_threshold: float | None = None,
    use_gpu: bool | None = None,
    blender: str | None = None,
    is_far: bool = False,
) -> ChosenEngine:
    """Choose the engine and its settings. Starts Blender once, which takes a second.

    UsageError for a setting without effect, for --use-gpu if Cycles finds no GPU, and if Cycles was requested and
    Blender is missing or too old; RenderError if Blender does not start.

    `is_far`: other machines render, each with its own Blender, which is not checked; auto then means raster.
    """
    from engine.dataset.cycles import PRESETS, ask_blender, find_blender, install_command, locate_blender

    asked = {
        "--preset": preset,
        "--max-samples": max_samples,
        "--noise-threshold": noise_threshold,
        "--use-gpu": use_gpu,
        "--blender": blender,
    }
    given = [option for option, value in asked.items() if value is not None]
    if engine == "raster":
        if given:
            raise UsageError(f"{given[0]}: {CYCLES_ONLY}; leave it out, or give --engine cycles")
        return ChosenEngine(drawing=RenderSettings(engine="raster"))
    if engine == "auto" and is_far:
        return _raster(FAR, given)
    found = None
    if not is_far:
        found = find_blender(blender or "") if engine == "cycles" else locate_blender(blender or "")
        if found is None:
            return _raster(f"using the raster engine; for Cycles install Blender: {install_command()}", given)
    settings = PRESETS[preset or "train"]
    settings = replace(
        settings,
        max_samples=settings.max_samples if max_samples is None else max_samples,
        noise_threshold=settings.noise_threshold if noise_threshold is None else noise_threshold,
    )
    settings.check()
    if found is not None:
        try:
            gpus = ask_blender(found)["gpus"]
        except (RenderError, UsageError) as error:
            if engine == "cycles":
                raise
            return _raster(f"using the raster engine, because Cycles is unavailable: {error}", given)
        if use_gpu and not gpus:
            raise UsageError(f"--use-gpu: Cycles has no GPU here, only the CPU ({found.path}); leave the option out")
    drawing = RenderSettings(
        engine="cycles", max_samples=settings.max_samples, noise_threshold=settings.noise_threshold, use_gpu=use_gpu
    )
    return ChosenEngine(drawing=drawing, blender=blender or "")


def _raster(reason: str, given: list[str]) -> ChosenEngine:
    without = f"; {' '.join(given)}: {CYCLES_ONLY}" if given else ""
    return ChosenEngine(drawing=RenderSettings(engine="raster"), notes=(f"{reason}{without}",))
