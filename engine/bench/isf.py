"""Cost of shader slots: of a picture with them, and of putting one in while the show runs.

Putting one in is measured as the render thread's own processor time in each frame of the change, which neither other
programs nor the rasteriser's threads add to. `untried` is a text that this machine's driver has never seen; `tried` one
that the vetting process compiled just before.
"""

import time
from statistics import median
from typing import Any

from engine.bench.progress import Progress
from engine.bench.render import PITCHES_HZ, tones
from engine.bench.shaders import KALEIDOSCOPE, NEGATIVE, SHADERS, unseen
from engine.errors import NoGLError
from engine.params.looks import PLAIN
from engine.render import Look, PictureInput, Renderer, open_renderer
from engine.render.isf import ShaderSlot
from engine.render.isf.parse import parse_isf
from engine.render.isf.vetter import VetProcess
from engine.values import ChannelFeatures
from osc_schema import PARAMS

CHANGE_FRAMES = 12  # of putting one in


def run(width: int, height: int, frames: int, progress: Progress) -> dict[str, Any]:
    """The figures, or the reason why there are none."""
    told = progress.begin({"width": width, "height": height, "frames": frames})
    try:
        renderer = open_renderer("gl", width, height)
    except NoGLError as error:
        return told | {"unavailable": str(error)}
    stage = _Stage(renderer)
    vetting = VetProcess()
    try:
        told["renderer"] = renderer.description
        told["without_ms"] = round(median(stage.picture_ms() for _ in range(frames)), 3)
        for number, (name, text) in enumerate(SHADERS.items()):
            progress(name, number / len(SHADERS))
            told[name] = _figures(stage, vetting, text, (width, height), frames)
        told["four_effects_ms"] = _four_effects_ms(stage, frames)
    finally:
        vetting.kill()
        renderer.close()
    return told


def _figures(stage: "_Stage", vetting: VetProcess, text: str, size_px: tuple[int, int], frames: int) -> dict[str, Any]:
    untried = stage.change_ms(unseen(text))
    tried_text = unseen(text)
    began_s = time.perf_counter()
    result = vetting.vet(tried_text, path=None, size_px=size_px)
    trial_ms = (time.perf_counter() - began_s) * 1e3
    assert result.file is not None, result.reason
    tried = stage.change_ms(tried_text)
    pictures_ms = [stage.picture_ms() for _ in range(frames)]
    return {
        "picture_ms": round(median(pictures_ms), 3),
        "slot_ms": round(median(stage.costs_ms[-frames:]), 3),
        "trial_ms": round(trial_ms, 1),
        "untried_worst_frame_ms": round(max(untried), 2),
        "tried_worst_frame_ms": round(max(tried), 2),
    }


def _four_effects_ms(stage: "_Stage", frames: int) -> float:
    for slot, text in zip("1234", (NEGATIVE, KALEIDOSCOPE, NEGATIVE, KALEIDOSCOPE), strict=True):
        stage.put(slot, text)
    for _ in range(4 * CHANGE_FRAMES):
        stage.picture_ms()
    return round(median(stage.picture_ms() for _ in range(frames)), 3)


class _Stage:
    """A renderer with slots."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        values = {param.address: param.default for param in PARAMS} | PLAIN
        self._look = Look.from_values(values)
        self._slots: dict[str, ShaderSlot] = {}
        self._frame = 0
        self.costs_ms: list[float] = []

    def put(self, slot: str, text: str) -> None:
        self._slots[slot] = ShaderSlot(slot=slot, file=parse_isf(text, path=None), inputs={}, mix=1.0)

    def change_ms(self, text: str) -> list[float]:
        """The render thread's own time in each frame while this shader replaces what was there."""
        self._slots.clear()
        file = parse_isf(text, path=None)
        slot = "generator" if file.is_generator else "1"
        self._slots[slot] = ShaderSlot(slot=slot, file=file, inputs={}, mix=1.0)
        times_ms = []
        for _ in range(CHANGE_FRAMES):
            began_s = time.thread_time()
            self.picture_ms()
            times_ms.append((time.thread_time() - began_s) * 1e3)
        return times_ms

    def picture_ms(self) -> float:
        began_s = time.perf_counter()
        self._renderer.draw(
            PictureInput(
                look=self._look,
                waves=tones(),
                features=tuple(ChannelFeatures(pitch_hz=pitch) for pitch in PITCHES_HZ),
                layer5=None,
                region=None,
                time_s=self._frame / 30,
                shaders=tuple(self._slots.values()),
            )
        )
        self._renderer.wait()
        self._frame += 1
        self.costs_ms += [sum(self._renderer.shader_state.costs_ms.values())]
        return (time.perf_counter() - began_s) * 1e3
