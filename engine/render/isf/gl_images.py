"""Textures of shaders: own targets, imported images, sound."""

from collections.abc import Callable

import moderngl
import numpy as np

from engine.render.isf.isf_file import IsfFile, IsfInput
from engine.render.isf.sizes import BYTES_PER_PX, SIDES, is_float
from engine.render.isf.sound import spectrum_image, wave_image
from engine.values import CHANNELS


def unbind(context: moderngl.Context) -> None:
    """Call it before framebuffers are released: moderngl binds the last one again whenever it makes another, and GL
    reports an error if that one is gone."""
    context.detect_framebuffer(0).use()


class PassTarget:
    """A texture that a pass draws into while it reads the last content from another one."""

    def __init__(self, context: moderngl.Context, size_px: tuple[int, int], dtype: str, *, sides: int = SIDES) -> None:
        """`sides`: allocated at once; the rest with `add_side`."""
        self.size_px = size_px
        self._context, self._dtype = context, dtype
        self._textures: list[moderngl.Texture] = []
        self._framebuffers: list[moderngl.Framebuffer] = []
        for _ in range(sides):
            self.add_side()

    @property
    def missing_sides(self) -> int:
        return SIDES - len(self._textures)

    def add_side(self) -> None:
        """Allocate one of the two textures, black."""
        self._textures.append(self._context.texture(self.size_px, 4, dtype=self._dtype))
        self._framebuffers.append(self._context.framebuffer([self._textures[-1]]))
        self._framebuffers[-1].clear()

    @property
    def texture(self) -> moderngl.Texture:
        """The newest content."""
        return self._textures[0]

    @property
    def coming(self) -> moderngl.Framebuffer:
        """Draw the next content here, then `turn`."""
        return self._framebuffers[1]

    def turn(self) -> None:
        self._textures.reverse()
        self._framebuffers.reverse()

    def release(self) -> None:
        unbind(self._context)
        for framebuffer in self._framebuffers:
            framebuffer.release()
        for texture in self._textures:
            texture.release()


class OwnTargets:
    """All targets of one shader; allocated when their size changes, which drops their content."""

    def __init__(self, context: moderngl.Context, file: IsfFile) -> None:
        self._context = context
        self._is_float = {each.target: is_float(file, each.target) for each in file.passes if each.target is not None}
        self._targets: dict[str, PassTarget] = {}

    def follow(self, sizes: dict[str, tuple[int, int]], most: int | None = None) -> int:
        """Allocate what is missing or has another size; the bytes of that. `most`: textures at once; None: all."""
        allocated_bytes = 0
        for name, size_px in sizes.items():
            target = self._targets.get(name)
            if target is not None and target.size_px != size_px:
                self._targets.pop(name).release()
                target = None
            if target is None:
                kind = "f4" if self._is_float[name] else "f1"
                target = self._targets[name] = PassTarget(self._context, size_px, kind, sides=0)
            while target.missing_sides and most != 0:
                target.add_side()
                allocated_bytes += self._side_bytes(name, size_px)
                most = None if most is None else most - 1
        return allocated_bytes

    def missing_bytes(self, sizes: dict[str, tuple[int, int]]) -> int:
        """Bytes that `follow` would allocate."""
        missing = 0
        for name, size_px in sizes.items():
            target = self._targets.get(name)
            sides = SIDES if target is None or target.size_px != size_px else target.missing_sides
            missing += sides * self._side_bytes(name, size_px)
        return missing

    def _side_bytes(self, name: str, size_px: tuple[int, int]) -> int:
        return size_px[0] * size_px[1] * BYTES_PER_PX[self._is_float[name]]

    def __getitem__(self, name: str) -> PassTarget:
        return self._targets[name]

    def __contains__(self, name: str) -> bool:
        return name in self._targets

    @property
    def steps(self) -> int:
        """Calls of `follow` with `most` 1 until everything is allocated."""
        return SIDES * len(self._is_float)

    def release(self) -> None:
        for target in self._targets.values():
            target.release()
        self._targets.clear()


class SoundImages:
    """Waves and spectra of a picture's sound as textures, uploaded once a frame, if a shader reads them."""

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._textures: dict[tuple[str, int], moderngl.Texture] = {}
        self._is_new: dict[tuple[str, int], bool] = {}
        self._waves = np.zeros((CHANNELS, 1024), np.float32)

    def follow(self, waves: np.ndarray) -> None:
        """(4, 1024) float32 in [-1, 1]."""
        self._waves = waves
        self._is_new = dict.fromkeys(self._textures, True)

    def texture(self, each: IsfInput) -> moderngl.Texture:
        """The image that an input of type audio or audioFFT shows."""
        make: Callable[[np.ndarray, int], np.ndarray] = wave_image if each.type == "audio" else spectrum_image
        assert isinstance(each.maximum, int)
        key = each.type, each.maximum
        texture = self._textures.get(key)
        if texture is None or self._is_new[key]:
            pixels = make(self._waves, each.maximum)[::-1]  # row 0 is the top, and ISF counts channels from the bottom
            if texture is None:
                texture = self._context.texture((pixels.shape[1], CHANNELS), 1, dtype="f4")
                texture.swizzle = "RRR1"
                self._textures[key] = texture
            texture.write(np.ascontiguousarray(pixels))
            self._is_new[key] = False
        return texture

    def release(self) -> None:
        for texture in self._textures.values():
            texture.release()
        self._textures.clear()
