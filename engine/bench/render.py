"""Cost of drawing: a GL picture compared with simpler shaders, Numba with the same formula in NumPy.

`vs_minimal` compares a whole frame with the least that draws four layers, `vs_fair_rival` with that in 16 bits and
dithered, as ours is. `publish_ms` is the pass that only effects, a dissolve, a still and a limited picture need.
Contenders alternate in one run, so that a busy machine slows both sides of a ratio. Times are medians in ms.
"""

import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

import osc_schema
from engine.bench.progress import Progress
from engine.bench.render_reference import draw_reference
from engine.errors import RenderError
from engine.params.looks import PLAIN
from engine.render import Look, PictureInput, Renderer, open_renderer
from engine.render.blue_noise import thresholds
from engine.values import ChannelFeatures

PITCHES_HZ = (110.0, 164.81, 220.0, 277.18)
COLOURS = [(1.0, 0.0, 0.0), (0.5, 1.0, 0.0), (0.0, 1.0, 1.0), (0.5, 0.0, 1.0)]
WINDOW_S = 0.05
NUMPY_FRAMES = 15
EFFECTS = {f"/post/{name}": 0.5 for name in ("bloom", "glow", "chromatic", "vignette", "grain")}
TINY_PX = 16  # so small that only overhead remains

VERTEX = """#version 330 core
void main() {
    vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}"""

TRIVIAL = """#version 330 core
uniform vec3 u_colour;
out vec4 f_rgba;
void main() { f_rgba = vec4(u_colour, 1.0); }"""

# Minimal version: rotate, sample the wave, colour, add; no wrap modes, weights or tone.
MINIMAL = """#version 330 core
uniform sampler2D u_waves;
uniform vec2 u_size_px;
uniform vec2 u_turn[4];
uniform vec3 u_colour[4];
out vec4 f_rgba;
void main() {
    vec2 d = (gl_FragCoord.xy - 0.5 * u_size_px) / u_size_px.x;
    vec3 rgb = vec3(0.0);
    for (int layer = 0; layer < 4; layer++) {
        float point = fract(0.5 + dot(d, u_turn[layer])) * 1024.0;
        int index = int(point);
        float start = texelFetch(u_waves, ivec2(index, layer), 0).r;
        float end = texelFetch(u_waves, ivec2((index + 1) & 1023, layer), 0).r;
        rgb += u_colour[layer] * clamp(0.1 + 0.9 * mix(start, end, point - float(index)), 0.0, 1.0);
    }
    f_rgba = vec4(rgb, 1.0);
}"""

DITHERED_COPY = """#version 330 core
uniform sampler2D u_drawn;
uniform sampler2D u_noise;
out vec4 f_rgba;
void main() {
    ivec2 texel = ivec2(gl_FragCoord.xy);
    f_rgba = floor(texelFetch(u_drawn, texel, 0) * 255.0 + texelFetch(u_noise, texel & 63, 0).r) / 255.0;
}"""


class PlainPass:
    """One shader over one target: the minimum cost of a picture."""

    def __init__(self, fragment: str, uniforms: dict[str, Any], width: int, height: int) -> None:
        from engine.render.context import load_finish, open_context  # without moderngl only Numba is measured

        self._context = open_context()
        self._finish = load_finish()
        program = self._context.program(vertex_shader=VERTEX, fragment_shader=fragment)
        for name, value in uniforms.items():
            program[name] = value
        self._waves = self._context.texture((1024, 4), 1, tones().tobytes(), dtype="f4")
        self._target = self._context.framebuffer([self._context.texture((width, height), 4)])
        self._vertices = self._context.vertex_array(program, [])

    def draw(self) -> None:
        with self._context:  # afterwards the renderer under test activates its own context
            self._render(self._target)
            self._finish()

    def _render(self, into: Any) -> None:
        self._waves.use(0)
        into.use()
        self._vertices.render(vertices=3)

    def close(self) -> None:
        self._context.release()


class DitheredPass(PlainPass):
    """The same in 16 bits, and a second pass that only dithers it to 8."""

    def __init__(self, fragment: str, uniforms: dict[str, Any], width: int, height: int) -> None:
        super().__init__(fragment, uniforms, width, height)
        context, noise = self._context, thresholds()
        self._drawn = context.texture((width, height), 4, dtype="nu2")
        self._noise = context.texture(noise.shape, 1, noise.tobytes(), dtype="f4")
        self._deep = context.framebuffer([self._drawn])
        copy = context.program(vertex_shader=VERTEX, fragment_shader=DITHERED_COPY)
        copy["u_noise"] = 1
        self._copy = context.vertex_array(copy, [])

    def draw(self) -> None:
        with self._context:
            self._render(self._deep)
            self._drawn.use(0)
            self._noise.use(1)
            self._target.use()
            self._copy.render(vertices=3)
            self._finish()


def tones() -> np.ndarray:
    """Four sines in the analyser's format, (4, 1024) float32."""
    time_s = np.arange(1024) / 1024 * WINDOW_S
    return np.stack([0.7 * np.sin(2 * np.pi * pitch * time_s) for pitch in PITCHES_HZ]).astype(np.float32)


def run(width: int, height: int, frames: int, progress: Progress) -> dict[str, Any]:
    """Measure four plain waves of four tones. A renderer that is unavailable is listed with the reason."""
    result = progress.begin({"width": width, "height": height, "frames": frames})
    kinds: dict[str, Callable[[Renderer, int, int, int], dict[str, Any]]] = {"gl": _gl, "numba": _numba}
    for number, (kind, measure) in enumerate(kinds.items()):
        progress(kind, number / 4)
        try:
            renderer = open_renderer(kind, width, height)
        except RenderError as error:
            result[kind] = {"unavailable": str(error)}
            continue
        try:
            result[kind] = measure(renderer, width, height, frames)
        finally:
            renderer.close()
    return result


def _gl(renderer: Renderer, width: int, height: int, frames: int) -> dict[str, Any]:
    turns = [(math.cos(math.radians(deg)), math.sin(math.radians(deg))) for deg in (0, 45, 90, 135)]
    four_layers = {"u_size_px": (width, height), "u_turn": turns, "u_colour": COLOURS, "u_waves": 0}
    trivial = PlainPass(TRIVIAL, {"u_colour": COLOURS[0]}, width, height)
    minimal = PlainPass(MINIMAL, four_layers, width, height)
    rival = DitheredPass(MINIMAL, four_layers, width, height)
    unguarded, guarded = WholeFrame(renderer, {"/safety/flash_guard": False}), WholeFrame(renderer, {})
    with_effects = WholeFrame(renderer, {"/safety/flash_guard": False} | EFFECTS)
    still = WholeFrame(renderer, {"/safety/flash_guard": False, "/master/freeze": True})  # only published again
    trivial_ms, minimal_ms, rival_ms, frame_ms, read_ms, still_ms, effects_ms, deep_ms = _medians_ms(
        [
            *(trivial.draw, minimal.draw, rival.draw, unguarded.draw, unguarded.read),
            *(still.draw, with_effects.draw, with_effects.read_deep),
        ],
        frames,
    )
    renderer.resize(TINY_PX, TINY_PX)
    host_ms, host_still_ms, overhead_ms = _medians_ms([unguarded.draw, still.draw, guarded.draw], frames)
    for part in (trivial, minimal, rival):
        part.close()
    return {
        "renderer": renderer.description,
        "trivial_ms": round(trivial_ms, 3),
        "minimal_four_layers_ms": round(minimal_ms, 3),
        "fair_rival_ms": round(rival_ms, 3),
        "multiverse_ms": round(frame_ms, 3),
        "look_ms": round(frame_ms - host_ms, 3),
        "host_ms": round(host_ms, 3),
        "publish_ms": round(still_ms - host_still_ms, 3),
        "vs_minimal": round(frame_ms / minimal_ms, 3),
        "vs_fair_rival": round(frame_ms / rival_ms, 3),
        "times_trivial": round(frame_ms / trivial_ms, 1),
        "post_effects_ms": round(effects_ms - frame_ms, 3),
        "readback_ms": round(read_ms, 3),
        "readback_16_bit_ms": round(deep_ms, 3),
        "flash_guard_ms": round(overhead_ms - host_ms, 3),
        "all_but_pixels_ms": round(overhead_ms, 3),
    }


def _numba(renderer: Renderer, width: int, height: int, frames: int) -> dict[str, Any]:
    unguarded, guarded = WholeFrame(renderer, {"/safety/flash_guard": False}), WholeFrame(renderer, {})
    values, waves = _values({}), tones()

    def draw_numpy() -> None:
        draw_reference(values, waves, PITCHES_HZ, width, height)

    with_effects = WholeFrame(renderer, {"/safety/flash_guard": False} | EFFECTS)
    numba_ms, effects_ms, numpy_ms = _medians_ms(
        [unguarded.draw, with_effects.draw, draw_numpy], min(frames, NUMPY_FRAMES)
    )
    renderer.resize(TINY_PX, TINY_PX)
    bare_ms, overhead_ms = _medians_ms([unguarded.draw, guarded.draw], frames)
    return {
        "renderer": renderer.description,
        "multiverse_ms": round(numba_ms, 3),
        "post_effects_ms": round(effects_ms - numba_ms, 3),
        "numpy_float32_ms": round(numpy_ms, 1),
        "times_faster_than_numpy": round(numpy_ms / numba_ms, 3),
        "flash_guard_ms": round(overhead_ms - bare_ms, 3),
        "all_but_pixels_ms": round(overhead_ms, 3),
    }


class WholeFrame:
    """A whole frame as the frame loop draws it: look, upload, draw, wait."""

    def __init__(self, renderer: Renderer, changes: dict[str, Any]) -> None:
        self._renderer = renderer
        self._values = _values(changes)
        self._waves = tones()
        self._features = tuple(ChannelFeatures(pitch_hz=pitch) for pitch in PITCHES_HZ)
        self._drawn = 0

    def draw(self) -> None:
        picture = PictureInput(
            look=Look.from_values(self._values),
            waves=self._waves,
            features=self._features,
            layer5=None,
            region=None,
            time_s=self._drawn / 60,
        )
        self._drawn += 1
        self._renderer.draw(picture)
        self._renderer.wait()

    def read(self) -> None:
        """Read back the drawn picture; once per `draw`."""
        self._renderer.read_rgba()

    def read_deep(self) -> None:
        """The same in 16 bits."""
        self._renderer.read_rgba16()


def _values(changes: dict[str, Any]) -> dict[str, Any]:
    return {param.address: param.default for param in osc_schema.PARAMS} | PLAIN | changes


def _medians_ms(calls: list[Callable[[], None]], frames: int) -> list[float]:
    """Median time of each call, over `frames` alternating rounds after two rounds of warm-up."""
    times_ms: list[list[float]] = [[] for _ in calls]
    for frame in range(frames + 2):
        for call, own_ms in zip(calls, times_ms, strict=True):
            started_s = time.perf_counter()
            call()
            if frame >= 2:
                own_ms.append((time.perf_counter() - started_s) * 1000)
    return [median(own_ms) for own_ms in times_ms]
