"""The pass that draws a look: multiverse.glsl, with the textures and values that it reads."""

from collections.abc import Callable
from itertools import combinations

import moderngl
import numpy as np

from engine.render.colour import layer_colours
from engine.render.frame_block import LAYER_BAND, LAYER_DARK, ROWS, pack_block
from engine.render.gl_lazy_images import CrossfadedImage, MaskArray
from engine.render.gl_publish import Dither
from engine.render.gl_targets import TargetPair
from engine.render.gl_textures import Target, UploadedImage, release_all, wave_texture
from engine.render.look import Look
from engine.render.master import fade_of
from engine.render.picture import DeckPicture
from engine.render.shader_source import Pass
from engine.render.shapes import TABLE_POINTS, bake_layers
from engine.values import CHANNELS

# Texture units. moderngl binds new textures to arbitrary units, so we bind all of them before each
# draw.
_WAVES, _LAYER5, _REGION, _LAST, _MATTE, _NOISE = range(6)
_UNITS = {
    "u_waves": _WAVES,
    "u_layer5_rgb": _LAYER5,
    "u_region_index": _REGION,
    "u_last": _LAST,
    "u_matte_mask": _MATTE,
    "u_noise": _NOISE,
}

# Optional features of the pass. A GPU skips disabled branches, but the more a program can do the
# more registers each pixel takes, and the fewer are drawn at once: it gets one program with all
# features, and one with none for plain looks. A software rasteriser runs both sides of every branch
# (10 ms without features, 26 ms with all at 720p), so each set of features gets its own program
# there. All are built at the start, so that no frame waits for a disk or a compiler: 0.1 s for the
# thirty-four from Mesa's disk cache, 10 s the first time on a machine. A matte takes 5 ms at 720p,
# so it is a feature. All sets of eight features would be two hundred programs. A look that needs
# one of the three at the end mostly uses the others of _BESIDE too, so these come along with it.
_FEATURES = ("FEEDBACK", "PICTURES", "MATTE", "BLENDS", "WARP", "FINE", "SHAPES", "COLOUR")
_RARE = frozenset({"FINE", "SHAPES", "COLOUR"})
_BESIDE = frozenset({"FEEDBACK", "BLENDS", "WARP"})


def _with_companions(needed: frozenset[str]) -> tuple[str, ...]:
    """Return the features of the smallest program that has all needed ones."""
    if needed & _RARE:
        needed |= _BESIDE
        needed |= {"COLOUR"} if "SHAPES" in needed else set()
        needed |= {"MATTE"} if "PICTURES" in needed else set()
    return tuple(feature for feature in _FEATURES if feature in needed)


_SETS = sorted(
    {
        _with_companions(frozenset(features))
        for count in range(len(_FEATURES) + 1)
        for features in combinations(_FEATURES, count)
        if "PICTURES" in features or "MATTE" not in features
    }
)


class LookPass:
    """The pass that draws a look onto its trail. Render thread, context current."""

    def __init__(
        self,
        context: moderngl.Context,
        finish: Callable[[], None],
        layer5: CrossfadedImage,
        dither: Dither,
        *,
        is_software: bool,
    ) -> None:
        """Compile. finish: Waits for the GPU without the GIL. `layer5` and `dither` are not
        released here."""
        self._context = context
        self._finish = finish
        self._layer5 = layer5
        self._dither = dither
        self._programs = {
            features: self._compile(features)
            for features in (_SETS if is_software else [(), _FEATURES])
        }
        self._block = context.buffer(reserve=ROWS * 16)
        self._waves = wave_texture(context)
        self._region = UploadedImage(context, 1, "u1")
        self._matte = MaskArray(context, 1)

    def draw(
        self,
        picture: DeckPicture,
        trail: TargetPair,
        into: moderngl.Framebuffer,
        size_px: tuple[int, int],
        generator: Target | None,
    ) -> None:
        """Draw one look onto its trail. generator: Picture of layer 5 instead of the camera's.

        A trail is a look's newest picture (front) and the previous one (back), which feedback
        reads. into: The front, alone or together with the published picture of 8 bits."""
        look = picture.look
        # Upload only what is visible: a 1080p camera picture takes 2 ms.
        layer5 = None
        if (look.is_simple or look.layer5_weight > 0) and generator is None:
            layer5 = picture.layer5
        matte = picture.matte if layer5 is not None else None
        region = picture.region if look.has_regions else None
        baked = bake_layers(look, picture.waves, size_px)
        # Only the rows that this look reads: to compare them with the last picture's costs more
        # than to upload them.
        self._waves.write(baked.table, viewport=(0, 0, TABLE_POINTS, CHANNELS * len(baked.table)))
        self._layer5.follow(layer5)
        self._layer5.make_ready()
        if matte is not None:
            self._matte.follow(matte.segmentation)
        self._region.follow(region, region.indices if region else None)
        colours = layer_colours(look, picture.features)
        layer5_px = size_px if generator is not None else self._layer5.size_px
        block = pack_block(
            look, colours, size_px, layer5_px, self._region.size_px, matte, baked=baked
        )
        self._block.write(block)
        has_pictures = (
            look.is_simple or layer5 is not None or generator is not None or region is not None
        )
        features = _features(look, block, has_pictures, matte is not None)
        look_pass = self._programs.get(features) or self._programs[_FEATURES]
        self._run(look_pass, trail, into, fade_of(look), generator)

    def warm_up(self, trail: TargetPair, into: moderngl.Framebuffer) -> None:
        """Draw with each program: drivers finish compiling at the first draw, for the bound
        formats."""
        self._block.write(np.zeros((ROWS, 4), np.float32))
        for look_pass in self._programs.values():
            self._run(look_pass, trail, into, 1.0, None)
            self._finish()

    def release(self) -> None:
        release_all(self._block, self._waves, self._region, self._matte, *self._programs.values())

    def _run(
        self,
        look_pass: Pass,
        trail: TargetPair,
        into: moderngl.Framebuffer,
        fade: float,
        generator: Target | None,
    ) -> None:
        look_pass["u_gain"] = fade * self._dither.gain
        self._block.bind_to_uniform_block(0)
        self._waves.use(_WAVES)
        if generator is not None:
            generator.texture.use(_LAYER5)
        else:
            self._layer5.use(_LAYER5)
        self._region.use(_REGION)
        trail.back.texture.use(_LAST)
        self._matte.use(_MATTE)
        self._dither.noise.use(_NOISE)
        look_pass.draw(into)

    def _compile(self, features: tuple[str, ...]) -> Pass:
        look_pass = Pass(self._context, "multiverse", (*features, self._dither.define), **_UNITS)
        block = look_pass.program["Frame"]
        assert isinstance(block, moderngl.UniformBlock)
        block.binding = 0
        return look_pass


def _features(
    look: Look, block: np.ndarray, has_pictures: bool, has_matte: bool
) -> tuple[str, ...]:
    """Return the subset of _FEATURES that a picture needs."""
    is_needed = {
        "FEEDBACK": look.feedback_amount > 0,
        "PICTURES": has_pictures,
        "MATTE": has_matte,
        "BLENDS": look.blend_weights[0] < 1 or look.tone == "clip",
        "WARP": look.mirror != "off" or any(layer.curve > 0 for layer in look.layers),
        "FINE": bool(block[LAYER_BAND : LAYER_BAND + CHANNELS, 1].any()),
        "SHAPES": any(layer.shape != "stripes" for layer in look.layers),
        "COLOUR": look.is_linear
        or look.tone == "filmic"
        or look.colour_map > 0
        or bool(block[LAYER_DARK : LAYER_DARK + CHANNELS].any()),
    }
    return _with_companions(frozenset(feature for feature in _FEATURES if is_needed[feature]))
