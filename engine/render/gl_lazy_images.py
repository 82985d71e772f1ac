"""Extra pictures of the GL renderer: layer 5, objects in colour, object ids. Each is drawn only
when it is read."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Generic, TypeVar

import moderngl
import numpy as np

from engine.render.gl_outputs import OutputPainter
from engine.render.gl_textures import Target, UnpackedImage, UploadedImage, odd_size, release_all
from engine.render.masks import IdPicture, Overlay, edge, mask_boxes, merge_masks, object_colours
from engine.render.output_shape import OutputShape
from engine.render.picture import PictureCrossfade, PictureRequest
from engine.render.readback import Readback
from engine.render.shader_source import Pass, compile_program, uniform
from engine.values import (
    MAX_LIVE_OBJECTS,
    FoundObject,
    LazyPicture,
    Segmentation,
    TextureRef,
    VideoFrame,
)
from osc_schema.outputs import NUMBERS

_Request = TypeVar("_Request", Overlay, IdPicture, OutputShape)


class CrossfadedImage:
    """One picture, or a crossfade of two, as a texture for the pass and for sinks.

    Two crossfading pictures are mixed once, at their own size, by mix.glsl. Reading both in the
    main pass would cost a software rasteriser four more texels per pixel, and a second version of
    every program that shows layer 5.

    Holds the requested crossfade; uploads, mixes and reads back only changes. Render thread,
    context current."""

    def __init__(
        self,
        context: moderngl.Context,
        mix_pass: Pass,
        finish: Callable[[], None],
        upload: Callable[[], UploadedImage],
        *,
        is_software: bool,
    ) -> None:
        """mix_pass: Runs mix.glsl, u_current on unit 0, u_previous on 1. upload: Creates a texture
        for RGB."""
        self._context = context
        self._mix_pass = mix_pass
        self._finish = finish
        self._is_software = is_software
        self._picture = upload()
        self._before = upload()
        self._fade: PictureCrossfade | None = None
        self._output: _Output | None = None
        self._for_pass: Target
        """Created with the output."""
        self._current_targets: set[Target] = set()
        """The targets, of two, that are up to date."""
        self._warm_up()

    @property
    def size_px(self) -> tuple[int, int] | None:
        return None if self._fade is None else self._fade.size_px

    def holds(self, fade: PictureCrossfade) -> bool:
        return fade == self._fade

    def follow(self, fade: PictureCrossfade | None) -> None:
        """Use this crossfade; None is black. A picture that is uploaded on either side is not
        uploaded again."""
        if fade is None:
            self._picture.follow(None, None)
            self._fade = None
            return
        if self.holds(fade):
            return
        before = fade.before
        if fade.picture is self._before.source or (
            before is not None and before is self._picture.source
        ):
            self._picture, self._before = self._before, self._picture
        self._picture.follow(fade.picture, fade.picture.pixels)
        if before is not None:
            self._before.follow(before, before.pixels)
        self._fade = fade
        self._current_targets = set()
        if self._output is not None:
            self._output.pixels = None

    def make_ready(self) -> None:
        """Mix the pictures if needed; call it before `use`."""
        if self._is_crossing:
            self._sized_output()
            self._draw_into(self._for_pass)

    def use(self, unit: int) -> None:
        """Bind it as RGB for the pass; texels outside `size_px` are undefined."""
        if self._is_crossing:
            self._for_pass.texture.use(unit)
        else:
            self._picture.use(unit)

    def read_rgba(self) -> np.ndarray:
        output = self._sized_output()
        source = self._for_pass if self._for_pass in self._current_targets else output.target
        self._draw_into(source)
        return output.read(source)

    def draw_texture(self) -> TextureRef:
        output = self._sized_output()
        self._draw_into(output.target)
        return output.finished_texture()

    def release(self) -> None:
        if self._output is not None:
            release_all(self._output, self._for_pass)
        release_all(self._picture, self._before)

    @property
    def _is_crossing(self) -> bool:
        return self._fade is not None and self._fade.before is not None

    def _draw_into(self, target: Target) -> None:
        """Mix into the target, unless it is up to date."""
        assert self._fade is not None
        if target in self._current_targets:
            return
        self._mix_pass["u_fraction"] = self._fade.mix
        self._picture.use(0)
        (self._before if self._is_crossing else self._picture).use(1)
        target.framebuffer.viewport = (0, 0, *self._fade.size_px)
        self._mix_pass.draw(target.framebuffer)
        self._current_targets.add(target)

    def _sized_output(self) -> "_Output":
        assert self._fade is not None
        old = self._output
        size_px = self._fade.size_px
        if old is None or old.size_px != size_px:
            old_for_pass = None if old is None else self._for_pass
            # Format and kind of size of an uploaded picture: for another a software rasteriser
            # compiles each program again, 0.2 s each. RGB targets do not work everywhere, so a GPU
            # gets RGBA.
            self._for_pass = Target(
                self._context, odd_size(*size_px), 3 if self._is_software else 4
            )
            self._output = _Output(
                self._context, self._finish, size_px, is_software=self._is_software
            )
            # moderngl returns to what is bound: not to one that is released
            self._for_pass.framebuffer.use()
            release_all(old, old_for_pass)
        assert self._output is not None
        return self._output

    def _warm_up(self) -> None:
        """Mix one pixel: drivers finish compiling at the first draw, for the bound formats."""
        first, second = (
            VideoFrame(
                pixels=np.zeros((1, 1, 3), np.uint8), index=index, time_s=0.0, source="warm-up"
            )
            for index in (0, 1)
        )
        self.follow(PictureCrossfade(first, second, 0.5))
        self.make_ready()
        self.draw_texture()
        self.follow(None)


class _Output:
    """A picture of one size for other programs: a target and its pixels once read."""

    def __init__(
        self,
        context: moderngl.Context,
        finish: Callable[[], None],
        size_px: tuple[int, int],
        *,
        is_software: bool,
    ) -> None:
        self.size_px = size_px
        self._finish = finish
        self.target = Target(context, size_px)
        self.pixels: np.ndarray | None = None
        """(height, width, 4) uint8; None until it is read."""
        self._readback = Readback(context, finish, size_px, is_direct=is_software)

    def read(self, source: Target) -> np.ndarray:
        """Return the pixels of `source`, which holds this picture; read back once."""
        if self.pixels is None:
            self.pixels = self._readback.finish_and_read(source.framebuffer)
        return self.pixels

    def finished_texture(self) -> TextureRef:
        """Wait for the GPU, and return the target's texture."""
        self._finish()
        width, height = self.size_px
        return TextureRef(glo=self.target.texture.glo, width=width, height=height)

    def release(self) -> None:
        release_all(self.target, self._readback)


class MaskArray:
    """Masks of one result as layers of an R8 texture of their own small size, uploaded only for a
    new result.

    Its sides are odd, for the reason given in UploadedImage."""

    def __init__(self, context: moderngl.Context, layers: int) -> None:
        self._context = context
        self._layers = layers
        self.segmentation: Segmentation | None = None
        """The result whose masks are uploaded."""
        self._texture = self._allocate(1)

    def follow(self, segmentation: Segmentation) -> None:
        """Upload the masks of this result: each into its own layer, or merged if there is only one
        layer."""
        if segmentation is self.segmentation:
            return
        masks = merge_masks(segmentation.masks)[None] if self._layers == 1 else segmentation.masks
        side = masks.shape[1]
        if self._texture.size[:2] != odd_size(side, side):
            self._texture.release()
            self._texture = self._allocate(side)
        if len(masks):
            self._texture.write(
                np.ascontiguousarray(masks), viewport=(0, 0, 0, side, side, len(masks)), alignment=1
            )
        self.segmentation = segmentation

    def use(self, unit: int) -> None:
        self._texture.use(unit)

    def release(self) -> None:
        self._texture.release()

    def _allocate(self, side: int) -> moderngl.TextureArray:
        texture = self._context.texture_array((*odd_size(side, side), self._layers), 1, alignment=1)
        texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        return texture


class MaskPainter:
    """Paints found objects over their source picture, and the picture of their ids.

    Each object is drawn as the bounding box of its mask, so that sixteen cost a software rasteriser
    about as much as one large one. Blending composites them. Expects and leaves all GL features
    disabled."""

    def __init__(self, context: moderngl.Context, copy_pass: Pass, source: UploadedImage) -> None:
        """copy_pass: Runs mix.glsl, as `mix_pass` above. source: Texture to paint over; released
        here."""
        self._context = context
        self._copy_pass = copy_pass
        colours, ids = (
            context.vertex_array(compile_program(context, name, vertex="mask_boxes"), [])
            for name in ("mask_colours", "mask_ids")
        )
        self._colours = colours
        self._ids = ids
        self._masks = MaskArray(context, MAX_LIVE_OBJECTS)
        self._boxes: np.ndarray = np.zeros((0, 4), np.float32)
        self._source = source
        self._warm_up()

    def paint_overlay(self, target: Target, overlay: Overlay) -> None:
        self._source.follow(overlay.source, overlay.source.pixels)
        self._copy_pass["u_fraction"] = 1.0
        self._source.use(0)
        self._source.use(1)
        self._copy_pass.draw(target.framebuffer)
        segmentation = overlay.segmentation
        if segmentation is None or not segmentation.objects:
            return
        self._colours.program["u_edge"] = edge(overlay.is_hard)
        self._colours.program["u_opacity"] = overlay.opacity
        colours = object_colours([each.id for each in segmentation.objects])
        self._bind(self._colours, segmentation, overlay.size_px, colours)
        self._context.enable_only(moderngl.BLEND)
        self._blend_over()
        self._render(self._colours, segmentation)
        self._context.enable_only(moderngl.NOTHING)

    def paint_ids(self, target: Target, ids: IdPicture) -> None:
        target.framebuffer.use()
        target.framebuffer.clear(0.0, 0.0, 0.0, 1.0)
        if not ids.segmentation.objects:
            return
        self._ids.program["u_edge"] = edge(is_hard=False)
        self._bind(self._ids, ids.segmentation, ids.size_px, ids.levels / np.float32(255))
        self._context.enable_only(moderngl.BLEND)
        self._context.blend_equation = moderngl.MAX, moderngl.MAX
        _draw_channels(target, (False, False, True, False))
        self._render(self._ids, ids.segmentation)
        _draw_channels(target, (True, True, True, True))
        self._blend_over()
        self._render(self._ids, ids.segmentation)
        self._context.enable_only(moderngl.NOTHING)

    def release(self) -> None:
        for vertices in (self._colours, self._ids):
            release_all(vertices.program, vertices)
        release_all(self._masks, self._source, self._first_target)

    def _warm_up(self) -> None:
        """Paint a few pixels of each kind: drivers finish compiling at the first draw, for its
        state."""
        something = FoundObject(id=1, prompt=1, score=1.0, box=(0.5, 0.5, 1.0, 1.0))
        masks = np.full((1, 1, 1), 255, np.uint8)
        segmentation = Segmentation(
            objects=(something,), masks=masks, picture_px=(1, 1), index=0, time_s=0.0
        )
        source = VideoFrame(
            pixels=np.zeros((1, 1, 3), np.uint8), index=0, time_s=0.0, source="warm-up"
        )
        # Not released: moderngl rebinds the last used framebuffer whenever it creates another.
        self._first_target = target = Target(self._context, (1, 1))
        self.paint_overlay(
            target, Overlay(source=source, segmentation=segmentation, is_hard=False, opacity=1.0)
        )
        self.paint_ids(target, IdPicture(segmentation=segmentation, size_px=(1, 1)))

    def _blend_over(self) -> None:
        """Blend by alpha; the target stays opaque."""
        self._context.blend_equation = moderngl.FUNC_ADD, moderngl.FUNC_ADD
        blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ZERO, moderngl.ONE
        self._context.blend_func = blend_func  # type: ignore[assignment]  # its annotation lacks alpha's pair

    def _bind(
        self,
        vertices: moderngl.VertexArray,
        segmentation: Segmentation,
        size_px: tuple[int, int],
        colours: np.ndarray,
    ) -> None:
        """Set the uniforms. `colours`: (n, 2 or 3), 0..1, one row per object."""
        program = vertices.program
        side = segmentation.masks.shape[1]
        table = np.zeros((2, MAX_LIVE_OBJECTS, 4), np.float32)
        if segmentation is not self._masks.segmentation:
            self._boxes = mask_boxes(segmentation.masks) / np.float32(side)
            self._masks.follow(segmentation)
        table[0, : len(colours)] = self._boxes
        table[1, : len(colours), : colours.shape[1]] = colours
        uniform(program, "u_box").write(table[0])
        uniform(program, "u_colour").write(table[1])
        program["u_count"] = len(colours)
        program["u_side"] = side
        program["u_texels_per_px"] = side / size_px[0], side / size_px[1]
        self._masks.use(0)

    def _render(self, vertices: moderngl.VertexArray, segmentation: Segmentation) -> None:
        vertices.render(moderngl.TRIANGLE_STRIP, vertices=4, instances=len(segmentation.objects))


def _draw_channels(target: Target, channels: tuple[bool, bool, bool, bool]) -> None:
    target.framebuffer.color_mask = channels
    target.framebuffer.use()  # moderngl applies the mask when it binds the framebuffer


class PaintedImage(Generic[_Request]):
    """An extra picture, painted only when the request changes. Render thread, context current."""

    def __init__(
        self,
        paint: Callable[[Target, _Request], None],
        output: Callable[[tuple[int, int]], _Output],
        first: _Output,
    ) -> None:
        self._paint: Callable[[Target, _Request], None] = paint
        self._new_output = output
        self._output = first
        self._request: _Request | None = None

    def update(self, request: _Request) -> "PaintedImage[_Request]":
        """Paint the request into this image, unless it shows it already. Returns the image."""
        if request != self._request:
            if self._output.size_px != request.size_px:
                old = self._output
                self._output = self._new_output(request.size_px)
                # before the last used one is released, as above
                self._output.target.framebuffer.use()
                old.release()
            self._paint(self._output.target, request)
            self._request = request
            self._output.pixels = None
        return self

    def read_rgba(self) -> np.ndarray:
        return self._output.read(self._output.target)

    def draw_texture(self) -> TextureRef:
        return self._output.finished_texture()

    def release(self) -> None:
        self._output.release()


class LazyImages:
    """The extra pictures of one renderer. Render thread; reading a picture makes the context
    current itself."""

    def __init__(
        self,
        context: moderngl.Context,
        mix: Pass,
        finish: Callable[[], None],
        outputs: OutputPainter,
        *,
        is_software: bool,
        drawing: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """mix: Runs mix.glsl. drawing: Makes the context current with default state, and checks for
        errors."""
        self._context = context
        self._mix = mix
        self._finish = finish
        self._is_software = is_software
        self._drawing = drawing
        self._unpack = None if is_software else Pass(context, "unpack")
        self.layer5 = self._new_crossfade()
        """Layer 5 as the pass draws it."""
        self._other_crossfade: CrossfadedImage | None = None
        self._painter = MaskPainter(context, mix, self._new_upload())
        self._overlay = self._new_painted(self._painter.paint_overlay)
        self._ids = self._new_painted(self._painter.paint_ids)
        self._output_painter = outputs
        self._outputs = {number: self._new_painted(outputs.paint) for number in NUMBERS}

    def picture(self, request: PictureRequest) -> LazyPicture:
        """Return a picture that is drawn when it is read."""

        def draw_texture() -> TextureRef:
            with self._drawing():
                return self._image(request).draw_texture()

        def read_rgba() -> np.ndarray:
            with self._drawing():
                return self._image(request).read_rgba()

        width, height = request.size_px
        return LazyPicture(
            width=width, height=height, draw_texture=draw_texture, read_rgba=read_rgba
        )

    def release(self) -> None:
        release_all(
            self.layer5,
            self._painter,
            self._overlay,
            self._ids,
            self._other_crossfade,
            self._unpack,
        )
        release_all(*self._outputs.values(), self._output_painter)

    def _new_upload(self) -> UploadedImage:
        """Create a texture for an RGB picture."""
        if self._unpack is None:
            return UploadedImage(self._context, 3, "f1")
        return UnpackedImage(self._context, self._unpack)

    def _new_crossfade(self) -> CrossfadedImage:
        return CrossfadedImage(
            self._context, self._mix, self._finish, self._new_upload, is_software=self._is_software
        )

    def _new_painted(self, paint: Callable[[Target, _Request], None]) -> PaintedImage[_Request]:
        output = partial(_Output, self._context, self._finish, is_software=self._is_software)
        return PaintedImage(paint, output, output((1, 1)))

    def _image(self, request: PictureRequest) -> CrossfadedImage | PaintedImage[Any]:
        if isinstance(request, PictureCrossfade):
            return self._crossfade_image(request)
        if isinstance(request, OutputShape):
            return self._outputs[request.number].update(request)
        return (
            self._overlay.update(request)
            if isinstance(request, Overlay)
            else self._ids.update(request)
        )

    def _crossfade_image(self, fade: PictureCrossfade) -> CrossfadedImage:
        """Return layer 5's own image if it shows this crossfade, else a separate one."""
        if self.layer5.holds(fade):
            return self.layer5
        self._other_crossfade = self._other_crossfade or self._new_crossfade()
        self._other_crossfade.follow(fade)
        return self._other_crossfade
