"""Data of a parsed ISF shader and of the slot that plays it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, Literal

import numpy as np

from engine.render.isf.expression import Expression
from osc_schema.fx import TRANSITION

InputType = Literal[
    "event", "bool", "long", "float", "point2D", "color", "image", "audio", "audioFFT"
]
Input = bool | int | float | tuple[float, ...]
"""Value of an input in its real unit: two numbers for a point2D, four (red, green, blue, alpha) for
a color."""

IMAGE_TYPES = ("image", "audio", "audioFFT")
SOURCE_IMAGE = "inputImage"
START_IMAGE, END_IMAGE = "startImage", "endImage"
HISTORY = "historyImage"
TEXT = "textImage"
SOURCE_MAPS: Final = (
    "sourceImage",
    "previousImage",
    "maskImage",
    "objectImage",
    "flowImage",
    HISTORY,
    TEXT,
)
"""Image inputs of these names show layer 5's source, what is known of it, and the look's texts
(gl_sources.py)."""
MAX_CHARS: Final = 256 * 1024  # of a text: the largest of 321 public shaders has 24 KB
MAX_IMPORT_PX: Final = 4096  # a side of an imported image
MAX_BUDGET: Final = 2 << 20  # work units of all guarded loops of one pixel (loops.py)
FRAGMENT_FILE = 0
VERTEX_FILE = 1
"""Numbers that a driver's message gives the author's two texts."""

GENERATOR: Final = "generator"
SECOND_SUFFIX: Final = "-"
"""Suffix of a slot's name for the second of two shaders that share it in a dissolve."""
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
    """For a long: of `values`. For audio and audioFFT: the requested number of columns, 0 for
    any."""
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

    @property
    def is_source_map(self) -> bool:
        return self.type == "image" and self.name in SOURCE_MAPS


@dataclass(frozen=True, slots=True, kw_only=True)
class IsfPass:
    """A render pass that an ISF file declares."""

    target: str | None
    """Name of the texture it draws into; None for the shader's picture."""
    is_persistent: bool = False
    """The texture keeps its content from frame to frame."""
    is_float: bool = False
    width: Expression | None = None
    """Side of the target in pixels; None for the picture's."""
    height: Expression | None = None
    points: Expression | None = None
    """Number of points that are drawn, added up, instead of the whole target; None for the whole
    target."""


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
    """A shader that the vetting process has parsed, translated and tested.

    Compared by identity: a file that is parsed again is another one."""

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
    """Alpha is ignored: vetting found that the shader leaves it at 0, which would be invisible."""

    @property
    def is_transition(self) -> bool:
        """True if the shader mixes two pictures."""
        return {START_IMAGE, END_IMAGE} <= {
            each.name for each in self.inputs if each.type == "image"
        }

    @property
    def is_generator(self) -> bool:
        """True if the shader needs no picture."""
        return not self.is_transition and all(each.name != SOURCE_IMAGE for each in self.inputs)

    @property
    def source_maps(self) -> frozenset[str]:
        """Names of the maps of layer 5's source that it reads."""
        return frozenset(
            each.name for each in self.inputs if each.is_source_map and each.name != TEXT
        )

    @property
    def controls(self) -> tuple[IsfInput, ...]:
        """The inputs that an artist sets, in the file's order: all but images and sound."""
        return tuple(each for each in self.inputs if not each.is_image)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShaderSlot:
    """The shader that one slot of a picture plays."""

    slot: str
    """"generator", "1" to "4", with SECOND_SUFFIX while two looks' shaders share the slot; or
    "transition"."""
    file: IsfFile
    inputs: Mapping[str, Input]
    """By the input's name; one that is missing has its default. An event is True for one frame."""
    mix: float
    """Opacity of the shader's picture, 0..1. Of the generator: over the picture; 0 if only layer 5
    shows it. Of a transition: 0, it is drawn only in a dissolve."""
    is_outgoing: bool = False
    """It belongs to the outgoing look."""
    is_shared: bool = False
    """Both looks of a dissolve have the same shaders: it continues, over the mix of both."""

    @property
    def is_generator(self) -> bool:
        return self.slot.removesuffix(SECOND_SUFFIX) == GENERATOR

    @property
    def is_transition(self) -> bool:
        return self.slot == TRANSITION


@dataclass(frozen=True, slots=True, kw_only=True)
class ShaderState:
    """Costs and failures of the slots in the last picture."""

    costs_ms: Mapping[str, float] = field(default_factory=dict)
    """Time of its shader, by slot: GPU time, or wall time on a software rasteriser."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """Reason why its file is not drawn, by slot."""
    overruns: frozenset[str] = frozenset()
    """Slots whose shader was aborted in the picture because it took too long."""
    building: frozenset[str] = frozenset()
    """Slots whose file is not built yet."""
    missing: frozenset[str] = frozenset()
    """Slots in `failures` that draw nothing; in the others the last good shader continues."""


def fragment_text(declared: str, body: str) -> str:
    """Return the fragment shader. declared: Its inputs. body: The author's text, with the function
    isf_main."""
    common = _part("common") + declared
    return (
        f"{_part('fragment_begin')}{common}{_part('fragment')}#line 1 "
        f"{FRAGMENT_FILE}\n{body}{_part('fragment_end')}"
    )


def vertex_text(declared: str, body: str) -> str:
    """Return the vertex shader; arguments as in `fragment_text`."""
    common = _part("common") + declared
    return (
        f"{_part('vertex_begin')}{common}{_part('vertex')}#line 1 "
        f"{VERTEX_FILE}\n{body}{_part('vertex_end')}"
    )


@cache
def _part(name: str) -> str:
    return (FOLDER / f"{name}.glsl").read_text(encoding="utf-8")
