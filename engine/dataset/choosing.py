"""Which engine draws: Cycles where Blender is to be had, else our own."""

from dataclasses import dataclass, replace
from typing import Literal

from engine.dataset.task import Drawing
from engine.errors import UsageError

CYCLES_ONLY = "of Cycles alone; it has no effect with the raster engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    drawing: Drawing
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
) -> Chosen:
    """UsageError for a setting without effect, and where Cycles is asked for and Blender is missing.

    `is_far`: other machines draw, each with its own Blender; auto is the raster engine there, which all of them have.
    """
    from engine.dataset.cycles import PRESETS, find_blender

    asked = {
        "--preset": preset,
        "--max-samples": max_samples,
        "--noise-threshold": noise_threshold,
        "--use-gpu": use_gpu,
        "--blender": blender,
    }
    given = [option for option, value in asked.items() if value is not None]
    notes: tuple[str, ...] = ()
    if engine == "auto":
        engine, notes = _auto(blender, given, is_far=is_far)
    elif engine == "raster" and given:
        raise UsageError(f"{given[0]}: {CYCLES_ONLY}; leave it out, or give --engine cycles")
    if engine == "raster":
        return Chosen(drawing=Drawing(engine="raster"), notes=notes)
    if not is_far:
        find_blender(blender or "")
    settings = PRESETS[preset or "train"]
    settings = replace(
        settings,
        max_samples=settings.max_samples if max_samples is None else max_samples,
        noise_threshold=settings.noise_threshold if noise_threshold is None else noise_threshold,
    )
    settings.check()
    drawing = Drawing(
        engine="cycles",
        max_samples=settings.max_samples,
        noise_threshold=settings.noise_threshold,
        use_gpu=use_gpu,
    )
    return Chosen(drawing=drawing, blender=blender or "", notes=notes)


def _auto(
    blender: str | None, given: list[str], *, is_far: bool
) -> tuple[Literal["cycles", "raster"], tuple[str, ...]]:
    from engine.dataset.cycles import install_command, locate_blender

    if is_far:
        reason = "on a cluster the raster engine draws, which every machine has (--engine cycles needs Blender on each)"
    elif locate_blender(blender or "") is not None:
        return "cycles", ()
    else:
        reason = f"the raster engine draws; for Cycles get Blender: {install_command()}"
    without = f"; {' '.join(given)}: {CYCLES_ONLY}" if given else ""
    return "raster", (f"{reason}{without}",)
