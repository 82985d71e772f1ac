"""Composites texts and the logo onto a picture with OpenGL; see graphic.py. Costs nothing while
there are none."""

from collections.abc import Callable, Sequence

import moderngl
import numpy as np

from engine.render.gl_textures import Target, UploadedImage, release_all
from engine.render.graphic import Graphic, GraphicImage, picture_ink, place_graphic
from engine.render.shader_source import Pass, uniform

_FACTORS = {
    "over": (moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA),
    "add": (moderngl.ONE, moderngl.ONE),
    "screen": (moderngl.ONE, moderngl.ONE_MINUS_SRC_COLOR),
    "multiply": (moderngl.DST_COLOR, moderngl.ONE_MINUS_SRC_ALPHA),
    "invert": (moderngl.ONE_MINUS_DST_COLOR, moderngl.ONE_MINUS_SRC_COLOR),
}


class GraphicPass:
    """The pass that composites graphics. Render thread, context current."""

    def __init__(self, context: moderngl.Context, mix: Pass, barrier: Callable[[], None]) -> None:
        """mix: Runs mix.glsl, which copies the picture; not released here. barrier: Called before a
        target is read."""
        self._context = context
        self._mix = mix
        self._barrier = barrier
        self._pass = Pass(context, "graphic", u_image=0)
        self._images: list[UploadedImage] = []

    def draw(self, picture: Target, graphics: Sequence[Graphic], into: Target) -> Target:
        """Draw the picture with these graphics into `into`, and return it."""
        self._barrier()
        self._mix["u_fraction"] = 1.0
        picture.texture.use(0)
        picture.texture.use(1)
        self._mix.draw(into.framebuffer)
        needed = [graphic.image for graphic in graphics]
        for graphic in graphics:
            placement = place_graphic(graphic, into.texture.size)
            if placement.is_visible:
                self._texture_of(graphic.image, needed).use(0)
                self._composite(graphic, placement.to_texel, placement.box, into)
        return into

    def warm_up(self, into: Target) -> None:
        """Draw one pixel with each kind of blending."""
        image = GraphicImage(pixels=np.zeros((1, 1, 4), np.uint8), height_px=1.0)
        for blend in _FACTORS:
            graphic = Graphic(
                slot=0,
                image=image,
                x=0,
                y=0,
                angle_deg=0,
                height_px=1,
                ink=picture_ink(0.0),
                blend=blend,
            )
            self._texture_of(image, []).use(0)
            self._composite(graphic, np.zeros(6, np.float32), (0, 0, 1, 1), into)

    def release(self) -> None:
        release_all(self._pass, *self._images)

    def _composite(
        self, graphic: Graphic, to_texel: np.ndarray, box: tuple[int, int, int, int], into: Target
    ) -> None:
        left, top, right, bottom = box
        height, width = graphic.image.pixels.shape[:2]
        self._pass["u_size_px"] = width, height
        uniform(self._pass.program, "u_to_texel").write(to_texel.tobytes())
        uniform(self._pass.program, "u_ink").write(np.array(graphic.ink, np.float32).tobytes())
        self._context.enable(moderngl.BLEND)
        self._context.blend_func = _FACTORS[graphic.blend]
        # of the picture's and the graphic's alpha the larger one
        self._context.blend_equation = moderngl.FUNC_ADD, moderngl.MAX
        into.framebuffer.scissor = left, top, right - left, bottom - top
        self._pass.draw(into.framebuffer)
        into.framebuffer.scissor = None  # type: ignore[assignment]  # None: all of it again
        self._context.blend_equation = moderngl.FUNC_ADD, moderngl.FUNC_ADD
        self._context.disable(moderngl.BLEND)

    def _texture_of(self, image: GraphicImage, needed: Sequence[GraphicImage]) -> UploadedImage:
        """Return a texture that holds the image: the one that has it already, else an unused
        one."""
        found = next((each for each in self._images if each.source is image), None)
        if found is None:
            found = next((each for each in self._images if each.source not in needed), None)
        if found is None:
            found = UploadedImage(self._context, 4, "f1")
            self._images.append(found)
        found.follow(image, image.pixels)
        return found
