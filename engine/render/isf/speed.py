"""Measures the time of a shader's work unit (loops.py) on this machine, with the most expensive
operations."""

import time
from collections.abc import Callable
from typing import Final

import moderngl
import numpy as np

from engine.render.isf.loops import LoopGuards
from engine.render.isf.preprocess import split_tokens

SIDE_PX: Final = 128
ROUNDS: Final = 48
REPEATS: Final = 3
IMAGE_PX: Final = 1024

_VERTEX: Final = """#version 330 core
void main() {
    gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0, 0.0, 1.0);
}"""
_BODIES: Final = {
    "textures": "c += texture(image, c.xy * 7.1 + c.zw);",
    "powers": "c = pow(c, vec4(1.01)) + 0.01;",
    "angles": "c = atan(c, c.yzwx) + sin(c);",
    "roots": "c = normalize(c.wxyz) + 0.1;",
    "matrices": "m = m * m; c += m[1];",
    "lists": "int k = int(c.x * 63.0) & 63; a[k] = a[(k * 7) & 63] + c.y; c.x = a[k & 31];",
    "divisions": "int k = int(c.x * 99.0) + 7; c.x = float((i * 77) % k) * 0.01 + 0.1;",
    "sums": "c = c * 1.01 + c.yzwx;",
}


def measure_unit_s(
    context: moderngl.Context, wait: Callable[[], None], *, is_software: bool
) -> float:
    """Return seconds per work unit of a pixel, for the slowest kind of operation. Takes 0.3 s on
    two CPU cores.

    On a software rasteriser processor time, so that other programs do not count."""
    clock_s = time.process_time if is_software else time.perf_counter
    noise = np.random.default_rng(1).integers(0, 255, (IMAGE_PX, IMAGE_PX, 4), dtype=np.uint8)
    image = context.texture((IMAGE_PX, IMAGE_PX), 4, noise.tobytes())
    target = context.texture((SIDE_PX, SIDE_PX), 4)
    framebuffer = context.framebuffer([target])
    longest_s = 0.0
    try:
        for body in _BODIES.values():
            units = LoopGuards(split_tokens(_text(body))).straight  # as a shader's text is weighed
            longest_s = max(
                longest_s, _kind_s(context, wait, clock_s, framebuffer, image, body) / units
            )
    finally:
        context.detect_framebuffer(0).use()
        for part in (framebuffer, target, image):
            part.release()
    return longest_s / (SIDE_PX * SIDE_PX * ROUNDS)


def _text(body: str) -> str:
    declared = ("float a[64]; " if "a[" in body else "") + ("mat4 m; " if "m " in body else "")
    return f"{declared}void main() {{ {body} }}"


def _kind_s(
    context: moderngl.Context,
    wait: Callable[[], None],
    clock_s: Callable[[], float],
    framebuffer: moderngl.Framebuffer,
    image: moderngl.Texture,
    body: str,
) -> float:
    program = context.program(
        vertex_shader=_VERTEX,
        fragment_shader=f"""#version 330 core
uniform sampler2D image; uniform int rounds; out vec4 colour;
void main() {{
    vec4 c = gl_FragCoord.xyxy / 128.0; mat4 m = mat4(0.2); float a[64];
    for (int j = 0; j < 64; j++) a[j] = c.x;
    for (int i = 0; i < rounds; i++) {{ {body} }}
    colour = c;
}}""",
    )
    vertices = context.vertex_array(program, [])
    if "image" in program:
        program["image"] = 0
    try:
        times_s = []
        for rounds in (1, *[1, ROUNDS + 1] * REPEATS):  # the first one finishes compiling
            program["rounds"] = rounds
            image.use(0)
            framebuffer.use()
            wait()
            began_s = clock_s()
            vertices.render(moderngl.TRIANGLE_STRIP, vertices=4)
            wait()
            times_s.append(clock_s() - began_s)
        return max(1e-6, min(times_s[2::2]) - min(times_s[1::2]))
    finally:
        vertices.release()
        program.release()
