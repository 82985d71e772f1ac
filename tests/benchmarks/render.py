"""Our picture (frame.py) beside simpler ones, which draw in turn with it.

`vs_minimal` compares a whole frame with the least that draws four layers, `vs_fair_rival` with that
in 16 bits and dithered, as ours is; `times_faster_than_numpy` compares Numba with the same formula
in NumPy.
"""

import math
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

from engine.render.blue_noise import thresholds
from engine.render.opening import open_renderer
from tests.benchmarks import frame
from tests.benchmarks.frame import (
    PITCHES_HZ,
    UNGUARDED,
    WholeFrame,
    medians_ms,
    plain_values,
    tones,
)
from tests.benchmarks.render_reference import draw_reference

VERTEX, TRIVIAL, MINIMAL, DITHERED_COPY = (
    (Path(__file__).parent / "shaders" / f"{name}.glsl").read_text(encoding="utf-8")
    for name in ("vertex", "trivial", "minimal", "dithered_copy")
)
COLOURS = [(1.0, 0.0, 0.0), (0.5, 1.0, 0.0), (0.0, 1.0, 1.0), (0.5, 0.0, 1.0)]


class PlainPass:
    """One shader over one target: the minimum cost of a picture."""

    def __init__(self, fragment, uniforms, width, height):
        # without moderngl only Numba is measured
        from engine.render.context import load_finish, open_context

        self._context = open_context()
        self._finish = load_finish()
        program = self._context.program(vertex_shader=VERTEX, fragment_shader=fragment)
        for name, value in uniforms.items():
            program[name] = value
        self._waves = self._context.texture((1024, 4), 1, tones().tobytes(), dtype="f4")
        self._target = self._context.framebuffer([self._context.texture((width, height), 4)])
        self._vertices = self._context.vertex_array(program, [])

    def draw(self):
        with self._context:  # afterwards the renderer under test activates its own context
            self._render(self._target)
            self._finish()

    def _render(self, into):
        self._waves.use(0)
        into.use()
        self._vertices.render(vertices=3)

    def close(self):
        self._context.release()


class DitheredPass(PlainPass):
    """A PlainPass in 16 bits, and a second pass that only dithers it to 8."""

    def __init__(self, fragment, uniforms, width, height):
        super().__init__(fragment, uniforms, width, height)
        context, noise = self._context, thresholds()
        self._texture = context.texture((width, height), 4, dtype="nu2")
        self._noise = context.texture(noise.shape, 1, noise.tobytes(), dtype="f4")
        self._deep = context.framebuffer([self._texture])
        copy = context.program(vertex_shader=VERTEX, fragment_shader=DITHERED_COPY)
        copy["u_noise"] = 1
        self._copy = context.vertex_array(copy, [])

    def draw(self):
        with self._context:
            self._render(self._deep)
            self._texture.use(0)
            self._noise.use(1)
            self._target.use()
            self._copy.render(vertices=3)
            self._finish()


@contextmanager
def baselines(kind, size):
    """Baseline calls that draw the same four layers as our picture."""
    width, height = size.width, size.height
    if kind == "numba":
        draw = partial(draw_reference, plain_values(), tones(), PITCHES_HZ, width, height)
        yield {"numpy_float32": draw}
        return
    turns = [(math.cos(math.radians(deg)), math.sin(math.radians(deg))) for deg in (0, 45, 90, 135)]
    four_layers = {"u_size_px": (width, height), "u_turn": turns, "u_colour": COLOURS, "u_waves": 0}
    with ExitStack() as stack:
        trivial = stack.enter_context(
            closing(PlainPass(TRIVIAL, {"u_colour": COLOURS[0]}, width, height))
        )
        minimal = stack.enter_context(closing(PlainPass(MINIMAL, four_layers, width, height)))
        fair = stack.enter_context(closing(DitheredPass(MINIMAL, four_layers, width, height)))
        yield {
            "trivial": trivial.draw,
            "minimal_four_layers": minimal.draw,
            "fair_rival": fair.draw,
        }


def run(options, progress):
    result = frame.run(options, progress)
    for kind in ("gl", "numba"):
        if "multiverse_ms" in result.get(kind, {}):
            progress(f"baselines of {kind}", 0.9)
            result[kind] |= beside_baselines(kind, options.size, options.frames)
    return result


def beside_baselines(kind, size, frames):
    """Times of our picture and of its baselines, measured in turn, and the ratios."""
    with (
        closing(open_renderer(kind, size.width, size.height)) as renderer,
        baselines(kind, size) as others,
    ):
        ms = medians_ms({"multiverse": WholeFrame(renderer, UNGUARDED).draw, **others}, frames)
    figures = {f"{name}_ms": round(each, 4) for name, each in ms.items()}
    ours = ms["multiverse"]
    if kind == "numba":
        return figures | {"times_faster_than_numpy": round(ms["numpy_float32"] / ours, 3)}
    return figures | {
        "vs_minimal": round(ours / ms["minimal_four_layers"], 3),
        "vs_fair_rival": round(ours / ms["fair_rival"], 3),
        "times_trivial": round(ours / ms["trivial"], 1),
    }
