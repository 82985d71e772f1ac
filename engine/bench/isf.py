"""Cost of shader slots: of a picture with them, and of putting one in while the show runs.

Putting one in is measured as the render thread's own processor time in each frame of the change, which neither other
programs nor the rasteriser's threads add to. `untried` is a text that this machine's driver has never seen; `tried` one
that the vetting process compiled just before.

With `live`, a client process writes a shader that nobody has seen before into the folder of a running engine, waits
until the engine has found it, and chooses it over OSC. Turns with and without it alternate in one engine, so that other
load on the machine affects both.

    quiet ─► file written ─► found ─► chosen ─► tested, compiled ─► first picture with it ─► played for a while ─► off
             └───────────────────── arriving ────────────────────┘                           └─ playing ─┘
"""

import gc
import json
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from engine.app import Engine, open_engine
from engine.bench.client_program import ClientProgram
from engine.bench.measuring import Progress
from engine.bench.options import IsfBench
from engine.bench.render import PITCHES_HZ, plain_values, tones
from engine.config import build_config
from engine.errors import MultiverseError, NoGLError
from engine.render import Look, PictureInput, Renderer, open_renderer
from engine.render.egl_devices import chosen_gpu
from engine.render.isf import ShaderSlot
from engine.render.isf.parse import parse_isf
from engine.render.isf.vetter import VetProcess
from engine.values import ChannelFeatures

CHANGE_FRAMES: Final = 12  # of putting one in
SETTLING_S: Final = 3.0
PLAYED_S: Final = 1.0
MAX_ARRIVING_S: Final = 30.0
OFF_S: Final = 0.5

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


def run(asked: IsfBench, progress: Progress) -> dict[str, Any]:
    """The figures, or the reason why there are none. With `live`, MultiverseError if a shader is refused."""
    with chosen_gpu(asked.gpu):
        return _measure_live(asked, progress) if asked.live else _measure(asked, progress)


def _measure(asked: IsfBench, progress: Progress) -> dict[str, Any]:
    width, height, frames = asked.size.width, asked.size.height, asked.frames
    result = progress.begin({"width": width, "height": height, "frames": frames})
    try:
        renderer = open_renderer("gl", width, height)
    except NoGLError as error:
        return result | {"unavailable": str(error)}
    slots, vetting = _Slots(renderer), VetProcess()
    try:
        result["renderer"] = renderer.description
        result["without_ms"] = round(median(slots.picture_ms() for _ in range(frames)), 3)
        for number, (name, text) in enumerate(SHADERS.items()):
            progress(name, number / len(SHADERS))
            result[name] = _figures(slots, vetting, text, (width, height), frames)
        for slot, text in zip("1234", (NEGATIVE, KALEIDOSCOPE, NEGATIVE, KALEIDOSCOPE), strict=True):
            slots.put(slot, text)
        for _ in range(4 * CHANGE_FRAMES):
            slots.picture_ms()
        result["four_effects_ms"] = round(median(slots.picture_ms() for _ in range(frames)), 3)
    finally:
        vetting.kill()
        renderer.close()
    return result


def _figures(slots: "_Slots", vetting: VetProcess, text: str, size_px: tuple[int, int], frames: int) -> dict[str, Any]:
    untried = slots.change_ms(unseen(text))
    tried_text = unseen(text)
    began_s = time.perf_counter()
    result = vetting.vet(tried_text, path=None, size_px=size_px)
    trial_ms = (time.perf_counter() - began_s) * 1e3
    assert result.file is not None, result.reason
    tried = slots.change_ms(tried_text)
    pictures_ms = [slots.picture_ms() for _ in range(frames)]
    return {
        "picture_ms": round(median(pictures_ms), 3),
        "slot_ms": round(median(slots.costs_ms[-frames:]), 3),
        "trial_ms": round(trial_ms, 1),
        "untried_worst_frame_ms": round(max(untried), 2),
        "tried_worst_frame_ms": round(max(tried), 2),
    }


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


def _measure_live(asked: IsfBench, progress: Progress) -> dict[str, Any]:
    """`asked.live` shaders, and as many seconds without one."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        config = build_config(
            {
                "width": asked.size.width,
                "height": asked.size.height,
                "fps": asked.fps,
                "audio": "demo",
                "renderer": asked.renderer,
                "sinks": ("null",),
                "osc": {"listen": "127.0.0.1:0"},
                "web": "off",
                "shaders": (folder,),
            }
        )
        with open_engine(config) as engine:
            assert engine.osc_address is not None
            host, port = engine.osc_address
            with ClientProgram("isf_client.py", {"host": host, "port": port}) as client:
                show = _Show(engine, client, Path(folder))
                progress("settling", 0.0)
                gc.collect()
                gc.freeze()  # as `multiverse run` does
                show.draw("settling", SETTLING_S)
                show.wait_for_line()
                for turn in range(asked.live):
                    progress("without a shader", turn / asked.live)
                    show.draw("quiet", PLAYED_S)
                    progress("with a shader", (turn + 0.5) / asked.live)
                    show.turn(turn)
                    facts = {"size": str(asked.size), "fps": asked.fps, "renderer": engine.status().renderer}
                    progress.begin(facts | show.figures())
    return progress.found


@dataclass(slots=True)
class _Phase:
    work_ms: list[float] = field(default_factory=list)
    own_ms: list[float] = field(default_factory=list)
    """Processor time of the render thread, to which other programs add nothing."""
    late: int = 0
    dropped: int = 0


class _Show:
    def __init__(self, engine: Engine, client: ClientProgram, folder: Path) -> None:
        self._engine, self._client, self._folder = engine, client, folder
        self._fps = engine.status().target_fps
        self._frames = engine.frames()
        self._phases: dict[str, _Phase] = {}
        self._waits_s: dict[str, list[float]] = {"found": [], "playing": [], "shown": []}

    def turn(self, number: int) -> None:
        name, text = list(SHADERS.items())[number % len(SHADERS)]
        file = f"{name}_{number}"
        text = unseen(text)
        slot = "generator" if parse_isf(text, path=None).is_generator else "1"
        told = self._play({"path": str(self._folder / f"{file}.fs"), "text": text, "slot": slot, "file": file})
        self._waits_s["found"].append(told["sent_s"] - told["began_s"])
        self._waits_s["playing"].append(told["playing_s"] - told["sent_s"])
        self._waits_s["shown"].append(told["shown_s"] - told["began_s"])
        self.draw("playing", PLAYED_S)
        self._engine.params.set(f"/fx/{slot}/file", "", by="bench")
        self.draw("off", OFF_S)

    def _play(self, order: dict[str, Any]) -> dict[str, Any]:
        self._client.send(json.dumps(order))
        told: dict[str, Any] = {}
        end_s = time.perf_counter() + MAX_ARRIVING_S
        while time.perf_counter() < end_s:
            self._frame("arriving")
            if not told and (line := self._client.take()) is not None:
                told = json.loads(line or '{"error": "the client has ended; its error is above"}')
                if told["error"]:
                    raise MultiverseError(f"{order['file']}: {told['error']}")
            if told and self._drawn_ms(order["slot"]) > 0.0:
                return told | {"shown_s": time.perf_counter()}
        raise MultiverseError(f"{order['file']}: not in the picture after {MAX_ARRIVING_S:g} s")

    def draw(self, phase: str, seconds: float) -> None:
        for _ in range(round(seconds * self._fps)):
            self._frame(phase)

    def wait_for_line(self) -> None:
        while self._client.take() is None:
            self._frame("settling")

    def _frame(self, phase: str) -> None:
        at, times = self._phases.setdefault(phase, _Phase()), self._engine.times
        late, dropped = times.late, times.dropped
        began_s = time.thread_time()
        next(self._frames)
        at.own_ms.append((time.thread_time() - began_s) * 1000.0)
        at.work_ms.append(times.work_ms(newest=1).max)
        at.late += times.late - late
        at.dropped += times.dropped - dropped

    def _drawn_ms(self, slot: str) -> float:
        return next(each.draw_ms for each in self._engine.status().shaders if each.slot == slot)

    def figures(self) -> dict[str, Any]:
        waits = {
            f"{name}_s_{which}": round(float(np.percentile(waits_s, percent)), 3)
            for name, waits_s in self._waits_s.items()
            for which, percent in (("p50", 50), ("worst", 100))
        }
        return (
            waits
            | {"first_shown_s": round(self._waits_s["shown"][0], 3)}
            | {
                name: {
                    "frames": len(phase.work_ms),
                    "late": phase.late,
                    "dropped": phase.dropped,
                    "frame_ms_p50": round(float(np.percentile(phase.work_ms, 50)), 2),
                    "frame_ms_p99": round(float(np.percentile(phase.work_ms, 99)), 2),
                    "frame_ms_worst": round(max(phase.work_ms), 2),
                    "render_thread_ms_p99": round(float(np.percentile(phase.own_ms, 99)), 2),
                    "render_thread_ms_worst": round(max(phase.own_ms), 2),
                }
                for name, phase in self._phases.items()
            }
        )
