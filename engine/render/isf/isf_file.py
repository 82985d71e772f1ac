"""A shader as the engine knows it, and a slot that plays it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, Literal

import numpy as np

from engine.render.isf.expression import Expression

InputType = Literal["event", "bool", "long", "float", "point2D", "color", "image", "audio", "audioFFT"]
Input = bool | int | float | tuple[float, ...]
"""Value of an input in its real unit: two numbers for a point2D, four (red, green, blue, alpha) for a color."""

IMAGE_TYPES = ("image", "audio", "audioFFT")
SOURCE_IMAGE = "inputImage"
START_IMAGE, END_IMAGE = "startImage", "endImage"
MAX_CHARS: Final = 256 * 1024  # of a text: the largest of 321 public shaders has 24 KB
MAX_BUDGET: Final = 2 << 20  # units of work of all guarded loops of one pixel (loops.py)
FRAGMENT_FILE, VERTEX_FILE = 0, 1
"""Numbers that a driver's message gives the author's two texts."""

GENERATOR: Final = "generator"
OTHER_PLACE: Final = "-"
"""Suffix of a slot's second place in the renderer."""
FOLDER: Final = Path(__file__).parent / "shaders"
PLAIN_VERTEX: Final = "void isf_main() { isf_vertShaderInit(); }"


@dataclass(frozen=True, slots=True, kw_only=True)
class IsfInput:
    name: str
    type: InputType
    label: str
    """For people; the name if the file has none."""
    default: Input
    """Within the range. False for an event; meaningless for an image."""
    minimum: Input
    maximum: Input
    """For a long: of `values`. For audio and audioFFT: the number of columns asked for, 0 for any."""
    identity: Input | None = None
    """The value at which the shader does nothing, if the file has it."""
    values: tuple[int, ...] = ()
    """The allowed ones of a long."""
    labels: tuple[str, ...] = ()
    """One for each of a long's `values`."""
    is_in_pixels: bool = False
    """True if a shader takes a point2D in pixels of the picture; the range here stays 0..1."""

    @property
    def is_image(self) -> bool:
        return self.type in IMAGE_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class IsfPass:
    target: str | None
    """Name of the texture it draws into; None for the shader's picture."""
    is_persistent: bool = False
    """The texture keeps its content from frame to frame."""
    is_float: bool = False
    width: Expression | None = None
    """Side of the target in pixels; None for the picture's."""
    height: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IsfImport:
    name: str
    pixels: np.ndarray
    """(height, width, 4) uint8, row 0 at the top; the same array for the same file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShaderTexts:
    """Texts for the compiler; one program draws all passes."""

    vertex: str
    fragment: str
    names: dict[str, str]
    """The name in GLSL of each input, target and imported image."""
    straight_units: int
    """Work of a pixel beside its guarded loops."""
    is_guarded: bool
    """True if loops of a pixel draw on its budget."""
    has_holes: bool
    """True if it may leave pixels out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IsfFile:
    """A shader as the engine knows it: read, translated and tried in the vetting process.

    Compared by identity: a file that is parsed again is another one.
    """

    path: Path | None
    title: str
    """The file's name without its suffix; "shader" for a text without a file."""
    description: str
    credit: str
    categories: tuple[str, ...]
    inputs: tuple[IsfInput, ...]
    passes: tuple[IsfPass, ...]
    """At least one."""
    imports: tuple[IsfImport, ...]
    texts: ShaderTexts
    budget: int = MAX_BUDGET
    """Units of work after which a pixel's loops end; a trial lowers it."""
    band_px: int = 0
    """Pixels that are drawn at once; their worst case was measured to be short. 0: all."""
    is_opaque: bool = False
    """Alpha is ignored: vetting found that the shader leaves it at 0, so that nothing would be seen."""

    @property
    def is_transition(self) -> bool:
        """True if it mixes two pictures."""
        names = {each.name for each in self.inputs if each.type == "image"}
        return {START_IMAGE, END_IMAGE} <= names

    @property
    def is_generator(self) -> bool:
        """True if it needs no picture."""
        return not self.is_transition and all(each.name != SOURCE_IMAGE for each in self.inputs)

    @property
    def controls(self) -> tuple[IsfInput, ...]:
        """The inputs that an artist sets, in the file's order: all but images and sound."""
        return tuple(each for each in self.inputs if not each.is_image)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShaderSlot:
    """One slot of a picture."""

    slot: str
    """"generator", "1", "2", "3" or "4"; with OTHER_PLACE at its end while two looks' shaders share the slot."""
    file: IsfFile
    inputs: Mapping[str, Input]
    """By the input's name; one that is missing has its default. An event is True for one frame."""
    mix: float
    """Share of the shader's picture, 0..1. Of the generator: over the picture; 0 if only layer 5 shows it."""
    is_leaving: bool = False
    """It belongs to the look that dissolves."""
    is_shared: bool = False
    """Two looks that dissolve have the same shaders: it plays on, over the mix of both."""

    @property
    def is_generator(self) -> bool:
        """True in the generator's slot."""
        return self.slot.removesuffix(OTHER_PLACE) == GENERATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class ShaderState:
    """How the slots of the last picture fared."""

    costs_ms: Mapping[str, float] = field(default_factory=dict)
    """By slot, time that its shader took: of the GPU, or of a software rasteriser by the clock."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """By slot, why its file is not drawn."""
    overruns: frozenset[str] = frozenset()
    """Slots whose shader was given up in the middle of the picture, since it held it up."""
    missing: frozenset[str] = frozenset()
    """Those of `failures` that draw nothing; in the others the last good shader plays on."""


def fragment_text(declared: str, body: str) -> str:
    """The fragment shader. `declared`: its inputs; `body`: the author's text, with the function isf_main."""
    common = _part("common") + declared
    return f"{_part('fragment_begin')}{common}{_part('fragment')}#line 1 {FRAGMENT_FILE}\n{body}{_part('fragment_end')}"


def vertex_text(declared: str, body: str) -> str:
    """The vertex shader, likewise."""
    common = _part("common") + declared
    return f"{_part('vertex_begin')}{common}{_part('vertex')}#line 1 {VERTEX_FILE}\n{body}{_part('vertex_end')}"


@cache
def _part(name: str) -> str:
    return (FOLDER / f"{name}.glsl").read_text(encoding="utf-8")
