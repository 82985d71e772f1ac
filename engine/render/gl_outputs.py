"""Draws the picture of an output from the published picture, with OpenGL: crop, size, blended
edges, corners.

The published picture is faded and guarded already, so a blackout and the flash guard hold for each
output.
"""

from collections.abc import Callable

import moderngl
import numpy as np

from engine.render.gl_publish import Dither
from engine.render.gl_textures import Target, release_all
from engine.render.output_shape import CORNERS, OutputShape, from_square
from engine.render.shader_source import Pass, uniform

_PICTURE, _NOISE = range(2)


class OutputPainter:
    """Paints outputs. Compiles nothing before one has a shape. Render thread, context current."""

    def __init__(
        self,
        context: moderngl.Context,
        dither: Dither,
        published: Callable[[], tuple[Target, bool]],
    ) -> None:
        """`published()`: the published picture, and whether its alpha is its luma."""
        self._context = context
        self._noise = dither.noise
        self._published = published
        self._passes: dict[tuple[str, ...], Pass] = {}

    def paint(self, target: Target, shape: OutputShape) -> None:
        published, is_luma = self._published()
        defines = () if shape.pin == CORNERS else ("PIN",)
        if defines not in self._passes:
            self._passes[defines] = Pass(
                self._context, "output", defines, u_picture=_PICTURE, u_noise=_NOISE
            )
        draw, (width, height) = self._passes[defines], shape.size_px
        draw["u_part"] = shape.part_px
        draw["u_edges"] = tuple(shape.edges)
        draw["u_exponent"] = 1 / shape.gamma
        draw["u_is_luma"] = is_luma
        if defines:
            inverse = np.linalg.inv(from_square(shape.pin)) @ np.diag((1 / width, 1 / height, 1.0))
            uniform(draw.program, "u_to_place").write(inverse.T.astype("f4").tobytes())
        else:
            draw["u_size_px"] = width, height
        published.texture.use(_PICTURE)
        self._noise.use(_NOISE)
        draw.draw(target.framebuffer)

    def release(self) -> None:
        release_all(*self._passes.values())
