"""Cost of shader slots: of a picture with them, and of putting one in while the show runs.

Putting one in is measured as the render thread's own processor time in each frame of the change, which neither other
programs nor the rasteriser's threads add to. `untried` is a text that this machine's driver has never seen; `tried` one
that the vetting process compiled just before.
"""

import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from engine.cli.benches.measuring import Progress
from engine.cli.benches.options import PICTURE_SIZE, Size, gpu, read_size
from engine.cli.benches.render import PITCHES_HZ, plain_values, tones
from engine.errors import NoGLError
from engine.jobs.kit.options import option
from engine.render import Look, PictureInput, Renderer, open_renderer
from engine.render.egl_devices import chosen_gpu
from engine.render.isf import ShaderSlot
from engine.render.isf.parse import parse_isf
from engine.render.isf.vetter import VetProcess
from engine.values import ChannelFeatures

CHANGE_FRAMES: Final = 12  # of putting one in

# One shader of each weight.
_IMAGE = '{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}%s]%s}'
NEGATIVE = f"""/*{_IMAGE % ("", "")}*/
void main() {{ gl_FragColor = vec4(1.0 - IMG_THIS_PIXEL(inputImage).rgb, 1.0); }}"""
KALEIDOSCOPE = f"""/*{_IMAGE % (', {"NAME": "sides", "TYPE": "float", "DEFAULT": 6, "MIN": 2, "MAX": 24}', "")}*/
void main() {{
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    float wedge = 6.2831853 / floor(sides);
    float angle = abs(mod(atan(p.y, p.x) + TIME * 0.1, wedge) - wedge / 2.0);
    vec2 turned = vec2(cos(angle), sin(angle)) * length(p);
    gl_FragColor = IMG_NORM_PIXEL(inputImage, abs(fract(turned * 0.5 + 0.25) * 2.0 - 1.0));
}}"""
BLUR_PASSES = ', "PASSES": [{"TARGET": "wide", "WIDTH": "$WIDTH/4", "HEIGHT": "$HEIGHT/4"}, {"TARGET": "trail", \
"PERSISTENT": true}, {}]'
BLUR_AND_TRAIL = f"""/*{_IMAGE % ("", BLUR_PASSES)}*/
void main() {{
    vec2 p = isf_FragNormCoord;
    if (PASSINDEX == 0) {{
        vec4 sum = vec4(0.0);
        for (int i = -3; i <= 3; i++) sum += IMG_NORM_PIXEL(inputImage, p + vec2(float(i), float(-i)) / RENDERSIZE);
        gl_FragColor = sum / 7.0;
    }} else if (PASSINDEX == 1) {{
        gl_FragColor = max(IMG_NORM_PIXEL(wide, p), IMG_NORM_PIXEL(trail, (p - 0.5) * 0.99 + 0.5) * 0.97);
    }} else {{
        gl_FragColor = max(IMG_THIS_PIXEL(inputImage), IMG_THIS_PIXEL(trail));
    }}
}}"""
GENERATOR = """/*{"INPUTS": [{"NAME": "scale", "TYPE": "float", "DEFAULT": 6, "MAX": 20}]}*/
float hash(vec2 p) { return fract(sin(dot(p, vec2(41.3, 289.1))) * 43758.5); }
void main() {
    vec2 p = isf_FragNormCoord * scale;
    float near = 9.0;
    for (int y = -1; y <= 1; y++) for (int x = -1; x <= 1; x++) {
        vec2 cell = floor(p) + vec2(x, y);
        vec2 seed = vec2(hash(cell), hash(cell + 7.0));
        near = min(near, length(cell + 0.5 + 0.4 * sin(TIME + 6.28 * seed) - p));
    }
    gl_FragColor = vec4(vec3(0.1, 0.4, 0.9) * near, 1.0);
}"""
SHADERS = {"negative": NEGATIVE, "kaleidoscope": KALEIDOSCOPE, "blur_and_trail": BLUR_AND_TRAIL, "cells": GENERATOR}


def unseen(text: str) -> str:
    """The same shader as a text that no cache knows: a comment would be removed before the driver sees it."""
    return text.replace("void main()", f"const float isf_bench_{uuid.uuid4().hex} = 1.0;\nvoid main()", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class IsfBench:
    """Measure shader slots: time per effect, and what putting one in costs the render thread, with and without a trial.

    The trial is the one of `multiverse isf check`, in a process of its own; drivers keep what it compiles.
    """

    size: Size = option(Size(width=1280, height=720), PICTURE_SIZE, metavar="WxH", parse=read_size)
    gpu: str | None = gpu()
    frames: int = option(60, "Frames of each case.", low=10)


def run(asked: IsfBench, progress: Progress) -> dict[str, Any]:
    """The figures, or the reason why there are none."""
    width, height, frames = asked.size.width, asked.size.height, asked.frames
    result = progress.begin({"width": width, "height": height, "frames": frames})
    with ExitStack() as stack:
        stack.enter_context(chosen_gpu(asked.gpu))
        try:
            renderer = open_renderer("gl", width, height)
        except NoGLError as error:
            return result | {"unavailable": str(error)}
        stack.callback(renderer.close)
        slots, vetting = _Slots(renderer), VetProcess()
        stack.callback(vetting.kill)
        result["renderer"] = renderer.description
        result["without_ms"] = slots.median_ms(frames)
        for number, (name, text) in enumerate(SHADERS.items()):
            progress(name, number / len(SHADERS))
            untried_ms = slots.change_ms(unseen(text))
            tried_text = unseen(text)
            began_s = time.perf_counter()
            vetted = vetting.vet(tried_text, path=None, size_px=(width, height))
            trial_ms = (time.perf_counter() - began_s) * 1e3
            assert vetted.file is not None, vetted.reason
            tried_ms = slots.change_ms(tried_text)
            result[name] = {
                "picture_ms": slots.median_ms(frames),
                "slot_ms": round(median(slots.costs_ms[-frames:]), 3),
                "trial_ms": round(trial_ms, 1),
                "untried_worst_frame_ms": round(max(untried_ms), 2),
                "tried_worst_frame_ms": round(max(tried_ms), 2),
            }
        for slot, text in zip("1234", (NEGATIVE, KALEIDOSCOPE, NEGATIVE, KALEIDOSCOPE), strict=True):
            slots.put(slot, text)
        slots.median_ms(4 * CHANGE_FRAMES)
        result["four_effects_ms"] = slots.median_ms(frames)
    return result


class _Slots:
    """A renderer with slots."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._look = Look.from_values(plain_values())
        self._slots: dict[str, ShaderSlot] = {}
        self._frame = 0
        self.costs_ms: list[float] = []

    def put(self, slot: str, text: str) -> None:
        self._slots[slot] = ShaderSlot(slot=slot, file=parse_isf(text, path=None), inputs={}, mix=1.0)

    def change_ms(self, text: str) -> list[float]:
        """The render thread's own time in each frame while this shader replaces what was there."""
        self._slots.clear()
        self.put("generator" if parse_isf(text, path=None).is_generator else "1", text)
        times_ms = []
        for _ in range(CHANGE_FRAMES):
            began_s = time.thread_time()
            self.picture_ms()
            times_ms.append((time.thread_time() - began_s) * 1e3)
        return times_ms

    def median_ms(self, frames: int) -> float:
        return round(median(self.picture_ms() for _ in range(frames)), 3)

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
