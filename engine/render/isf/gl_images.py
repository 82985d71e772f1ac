"""Textures of ISF shaders: their targets and sizes, imported images, sound."""

from collections.abc import Callable, Mapping
from typing import Final

import moderngl
import numpy as np

from engine.errors import IsfError
from engine.render.gl_targets import DEEP_DTYPE
from engine.render.gl_textures import release_all
from engine.render.isf.expression import Expression
from engine.render.isf.isf_file import Input, IsfFile, IsfInput, IsfPass
from engine.values import CHANNELS, WAVE_POINTS

MAX_SIDE_PX: Final = 8192  # more than twice a 4K picture
MAX_BYTES: Final = 1 << 29  # of all textures of one shader: six of 1080p in floats
BYTES_OF: Final = {"f1": 4, DEEP_DTYPE: 8, "f4": 16}  # a pixel
OUTPUT: Final = ""
"""Name of the last pass among the targets, where it has another size than the picture."""
MAX_TARGET_BYTES: Final = 136 << 20  # of one texture: a 4K picture in floats
MAX_POINTS: Final = 1 << 18  # of one pass
BUFFERS = 2  # per target: one is read while the next pass draws into the other
BINS = WAVE_POINTS // 2
FLOOR_DB = -80.0  # shown as 0; a full-scale sine is shown as 1

_WINDOW = np.hanning(WAVE_POINTS + 1)[:-1].astype(np.float32)


def target_sizes(
    file: IsfFile, values: Mapping[str, Input], size_px: tuple[int, int]
) -> dict[str, tuple[int, int]]:
    """Return (width, height) of each target for a picture of `size_px`. IsfError if one or all are
    too large."""
    names = _numbers(file, values, size_px)
    sizes: dict[str, tuple[int, int]] = {}
    total_bytes = 0
    for each in file.passes:
        if each.target is None or each.target in sizes:
            continue
        width, height = pass_size(each, names, size_px)
        if max(width, height) > MAX_SIDE_PX:
            raise IsfError(
                f"target {each.target} is {width}x{height} px: at most {MAX_SIDE_PX} a side"
            )
        buffer_bytes = width * height * BYTES_OF[target_dtype(file, each.target)]
        if buffer_bytes > MAX_TARGET_BYTES:
            most = MAX_TARGET_BYTES >> 20
            raise IsfError(
                f"target {each.target} of {width}x{height} px takes {buffer_bytes >> 20} MB: at "
                f"most {most} MB"
            )
        sizes[each.target] = width, height
        total_bytes += buffer_bytes * BUFFERS
    if total_bytes > MAX_BYTES:
        raise IsfError(f"its targets take {total_bytes >> 20} MB: at most {MAX_BYTES >> 20} MB")
    return sizes


def output_size(
    file: IsfFile, values: Mapping[str, Input], size_px: tuple[int, int]
) -> tuple[int, int]:
    """Return (width, height) of the last pass, bounded like a target. IsfError if it is too
    large."""
    last = file.passes[-1]
    if last.width is None and last.height is None:
        return size_px
    width, height = (
        min(side, MAX_SIDE_PX) for side in pass_size(last, _numbers(file, values, size_px), size_px)
    )
    if last.target is None and (needed := width * height * BYTES_OF[DEEP_DTYPE]) > MAX_TARGET_BYTES:
        most = MAX_TARGET_BYTES >> 20
        raise IsfError(
            f"its last pass of {width}x{height} px takes {needed >> 20} MB: at most {most} MB"
        )
    return width, height


def point_counts(
    file: IsfFile, values: Mapping[str, Input], size_px: tuple[int, int]
) -> tuple[int, ...]:
    """Return the number of points that each pass draws; 0 for one that draws its whole target."""
    names = _numbers(file, values, size_px)
    counts = (
        0.0 if each.points is None else each.points.evaluate(names) or 0.0 for each in file.passes
    )
    return tuple(int(min(max(count, 0.0), MAX_POINTS)) for count in counts)


def target_dtype(file: IsfFile, target: str) -> str:
    """Return "f4" if any pass declares this target as float, else "f1"."""
    return "f4" if any(each.is_float for each in file.passes if each.target == target) else "f1"


def pass_size(
    each: IsfPass, names: Mapping[str, float], size_px: tuple[int, int]
) -> tuple[int, int]:
    """Return the size of a pass, at least 1 x 1; the picture's side for an undefined one (a
    division by zero)."""
    return _side(each.width, names, size_px[0]), _side(each.height, names, size_px[1])


def _side(expression: Expression | None, names: Mapping[str, float], side_px: int) -> int:
    number = expression.evaluate(names) if expression is not None else side_px
    return side_px if number is None else max(1, int(min(number, 1e9)))


def _numbers(
    file: IsfFile, values: Mapping[str, Input], size_px: tuple[int, int]
) -> dict[str, float]:
    names: dict[str, float] = {"WIDTH": float(size_px[0]), "HEIGHT": float(size_px[1])}
    for each in file.controls:
        value = values.get(each.name, each.default)
        if not isinstance(value, tuple):
            names[each.name] = float(value)
    return names | {
        each.name: float(bool(values.get(each.name))) for each in file.inputs if each.is_source_map
    }


def wave_image(waves: np.ndarray, columns: int = 0) -> np.ndarray:
    """Return waves as an image, (4, columns) float32, 0..1, silence 0.5, oldest at the left.
    columns: 0 for all 1024.

    `waves`: (4, 1024) in [-1, 1]. Row 0 is channel 1. ISF's convention for `audio`
    (https://docs.isf.video/primer_chapter_8).
    """
    levels = waves * 0.5 + 0.5
    if 0 < columns < WAVE_POINTS:
        levels = levels[:, np.linspace(0, WAVE_POINTS - 1, columns).round().astype(int)]
    return np.ascontiguousarray(levels, np.float32)


def spectrum_image(waves: np.ndarray, columns: int = 0) -> np.ndarray:
    """Return spectra as an image, (4, columns) float32, 0..1, lowest frequency at the left.
    columns: 0 for all 512.

    The level of each bin in dB, from -80 (0.0) to a full-scale sine (1.0), as Web Audio's
    AnalyserNode scales the spectra of ISF in the browser. It is the spectrum of the displayed wave:
    at the usual window of 50 ms a bin is 20 Hz wide. With fewer columns each has the strongest of
    its bins. Row 0 is channel 1."""
    levels = np.abs(np.fft.rfft(waves * _WINDOW, axis=1))[:, :BINS] * (2 / _WINDOW.sum())
    if 0 < columns < BINS:
        edges = np.arange(columns) * BINS // columns
        levels = np.maximum.reduceat(levels, edges, axis=1)
    normalised = 20 * np.log10(np.maximum(levels, 1e-9)) / -FLOOR_DB + 1
    return np.ascontiguousarray(normalised.clip(0, 1), np.float32)


def unbind(context: moderngl.Context) -> None:
    """Unbind the framebuffer. Call it before releasing one: moderngl rebinds the last one whenever
    it creates another, and GL reports an error if that was released."""
    context.detect_framebuffer(0).use()


class PassTarget:
    """A double-buffered texture: a pass draws into one buffer while it reads the last content from
    the other."""

    def __init__(
        self, context: moderngl.Context, size_px: tuple[int, int], dtype: str, count: int = BUFFERS
    ) -> None:
        """count: Textures to allocate now; `add_buffer` allocates the rest."""
        self.size_px = size_px
        self.is_float = dtype != "f1"
        self._context = context
        self._dtype = dtype
        self._textures: list[moderngl.Texture] = []
        self._framebuffers: list[moderngl.Framebuffer] = []
        for _ in range(count):
            self.add_buffer()

    @property
    def missing_buffers(self) -> int:
        return BUFFERS - len(self._textures)

    def add_buffer(self) -> None:
        """Allocate one of the two textures, black."""
        self._textures.append(self._context.texture(self.size_px, 4, dtype=self._dtype))
        self._framebuffers.append(self._context.framebuffer([self._textures[-1]]))
        self._framebuffers[-1].clear()

    @property
    def texture(self) -> moderngl.Texture:
        """The texture with the newest content."""
        return self._textures[0]

    @property
    def back(self) -> moderngl.Framebuffer:
        """The framebuffer for the next content; call `swap` after drawing."""
        return self._framebuffers[1]

    def swap(self) -> None:
        self._textures.reverse()
        self._framebuffers.reverse()

    def release(self) -> None:
        unbind(self._context)
        release_all(*self._framebuffers, *self._textures)


class ShaderTargets:
    """All targets of one shader; allocated when their size changes, which drops their content."""

    def __init__(self, context: moderngl.Context, file: IsfFile, *, has_output: bool) -> None:
        """has_output: The last pass may need a target, OUTPUT, as deep as `output_dtype` was set
        before `follow`."""
        self._context = context
        names = [each.target for each in file.passes if each.target is not None]
        self._dtypes = {name: target_dtype(file, name) for name in names}
        self.output_dtype = "f1"
        self.steps = BUFFERS * (len(self._dtypes) + has_output)
        """Number of calls of `follow` with `max_textures` 1 until everything is allocated."""
        self._targets: dict[str, PassTarget] = {}

    def follow(self, sizes: dict[str, tuple[int, int]], max_textures: int | None = None) -> int:
        """Allocate missing or resized targets; returns the bytes. max_textures: At most; None for
        all."""
        allocated_bytes = 0
        for name, size_px in sizes.items():
            target = self._targets.get(name)
            if target is not None and target.size_px != size_px:
                self._targets.pop(name).release()
                target = None
            if target is None:
                target = self._targets[name] = PassTarget(
                    self._context, size_px, self._dtype(name), count=0
                )
            while target.missing_buffers and max_textures != 0:
                target.add_buffer()
                allocated_bytes += self._buffer_bytes(name, size_px)
                max_textures = None if max_textures is None else max_textures - 1
        return allocated_bytes

    def missing_bytes(self, sizes: dict[str, tuple[int, int]]) -> int:
        """Bytes that `follow` would allocate."""
        missing = 0
        for name, size_px in sizes.items():
            target = self._targets.get(name)
            buffers = (
                BUFFERS if target is None or target.size_px != size_px else target.missing_buffers
            )
            missing += buffers * self._buffer_bytes(name, size_px)
        return missing

    def _buffer_bytes(self, name: str, size_px: tuple[int, int]) -> int:
        return size_px[0] * size_px[1] * BYTES_OF[self._dtype(name)]

    def _dtype(self, name: str) -> str:
        return self._dtypes.get(name, self.output_dtype)

    def __getitem__(self, name: str) -> PassTarget:
        return self._targets[name]

    def __contains__(self, name: str) -> bool:
        return name in self._targets

    def release(self) -> None:
        release_all(*self._targets.values())
        self._targets.clear()


class SoundImages:
    """Waves and spectra of the sound as textures, uploaded once per frame if a shader reads
    them."""

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._textures: dict[tuple[str, int], moderngl.Texture] = {}
        self._newest: set[tuple[str, int]] = set()
        """Keys of the textures that show the newest waves."""
        self._waves = np.zeros((CHANNELS, WAVE_POINTS), np.float32)

    def follow(self, waves: np.ndarray) -> None:
        """Use these waves, (4, 1024) float32 in [-1, 1]."""
        self._waves = waves
        self._newest = set()

    def texture(self, each: IsfInput) -> moderngl.Texture:
        """Return the texture for an input of type audio or audioFFT."""
        make: Callable[[np.ndarray, int], np.ndarray] = (
            wave_image if each.type == "audio" else spectrum_image
        )
        assert isinstance(each.maximum, int)
        key = each.type, each.maximum
        texture = self._textures.get(key)
        if texture is None or key not in self._newest:
            # row 0 is the top, and ISF counts channels from the bottom
            pixels = make(self._waves, each.maximum)[::-1]
            if texture is None:
                texture = self._context.texture((pixels.shape[1], CHANNELS), 1, dtype="f4")
                texture.swizzle = "RRR1"
                self._textures[key] = texture
            texture.write(np.ascontiguousarray(pixels))
            self._newest.add(key)
        return texture

    def release(self) -> None:
        release_all(*self._textures.values())
        self._textures.clear()
