"""The input of one picture, and the interface of a renderer."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from engine.render.graphic import Graphic
from engine.render.isf.isf_file import ShaderSlot, ShaderState
from engine.render.look import Look
from engine.render.masks import IdPicture, Overlay, SourceMaps
from engine.render.master import FlashGuardState
from engine.render.output_shape import OutputShape
from engine.values import ChannelFeatures, LazyPicture, Segmentation, TextureRef, VideoFrame
from osc_schema.fx import DISSOLVE


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionMap:
    """Index of the leading layer at each pixel of the picture that the map was made from."""

    indices: np.ndarray
    """(height, width) uint8, 0..3, row 0 at the top, C-contiguous; at most 320 wide, cover-fitted
    like layer 5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matte:
    """Cuts out a part of layer 5: its weight, or in simple mode its picture, is multiplied by the
    kept fraction.

    The kept fraction is the coverage (masks.py) of the maximum of all masks per texel, or 1 minus
    that. The segmented picture is fitted to layer 5 as layer 5 is to the Multiverse, and mirrored
    with it; a finished picture is not."""

    segmentation: Segmentation
    """Without objects the subject is empty and the background is everything."""
    keeps: Literal["subject", "background"]
    is_hard: bool
    is_of_finished: bool = False
    """The masks are those of the finished picture, and have the same position in the next one."""


@dataclass(frozen=True, slots=True)
class PictureCrossfade:
    """The crossfade of layer 5: (1 - mix) x before + mix x picture, each channel rounded to the
    nearest of 0..255; only `picture` without a `before`."""

    picture: VideoFrame
    before: VideoFrame | None
    """The picture that fades out, of the same size, or None."""
    mix: float
    """Between 0 and 1 with a `before`; else 1."""

    @classmethod
    def of(
        cls, picture: VideoFrame | None, before: VideoFrame | None = None, mix: float = 1.0
    ) -> "PictureCrossfade | None":
        """The crossfade at this `mix`, reduced to one picture if only one is visible; None without
        `picture`.

        Pictures of different sizes cannot be mixed: only the new one is shown."""
        if picture is None:
            return None
        if (
            before is None
            or mix >= 1
            or before is picture
            or before.pixels.shape != picture.pixels.shape
        ):
            return cls(picture, None, 1.0)
        if mix <= 0:
            return cls(before, None, 1.0)
        return cls(picture, before, mix)

    @property
    def size_px(self) -> tuple[int, int]:
        height, width = self.picture.pixels.shape[:2]
        return width, height


@dataclass(frozen=True, slots=True, kw_only=True)
class DeckPicture:
    """The input for the picture of one deck (params/decks.py): a look, and what it shows."""

    deck: int
    """Number of the deck. Its feedback trail goes with it: the first picture of a new number begins
    on black."""
    look: Look
    waves: np.ndarray
    """(4, 1024) float32 in [-1, 1], oldest at index 0."""
    features: tuple[ChannelFeatures, ...]
    """Four, in layer order; their pitches colour the layers."""
    layer5: PictureCrossfade | None
    """The picture of the camera or of a model, for layer 5 and simple mode; None for black."""
    region: RegionMap | None
    """None for all layers everywhere, even if the look has regions."""
    time_s: float
    """Due time of the picture; also the flash guard's clock."""
    matte: Matte | None = None
    """None for all of layer 5."""
    graphics: tuple[Graphic, ...] = ()
    """Texts and the logo, composited onto the look after its shaders."""
    shows_generator: bool = False
    """The generator is layer 5's picture, instead of `layer5`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureInput:
    """Everything that a renderer needs for one picture."""

    on_air: DeckPicture
    """The look on screen; in a dissolve the incoming one."""
    outgoing: "OutgoingLook | None" = None
    """The look that this one replaces, during a dissolve."""
    upcoming: DeckPicture | None = None
    """A look that is about to begin: it is drawn onto its trail, but not shown."""
    waiting_deck: int | None = None
    """Number of a deck that keeps its trail, without a picture of it in this frame."""
    is_cutting: bool = False
    """A cut has just been made: until its shaders are built, the last picture stays."""
    shaders: tuple[ShaderSlot, ...] = ()
    """The slots that play: the generator over the picture, then the effects; also those of
    `outgoing`."""
    upcoming_shaders: tuple[ShaderSlot, ...] = ()
    """Not drawn, but compiled: those of a look that will begin on a beat."""
    source: SourceMaps | None = None
    """For shaders that read maps of layer 5's source; None without a source or such shaders."""
    fitted_px: tuple[int, int] | None = None
    """Width and height in which it will be read with `read_fitted`, so that this is queued, too;
    None if unknown."""

    @property
    def decks(self) -> set[int]:
        """Numbers of the decks that are drawn or wait: their trails are needed."""
        old = None if self.outgoing is None else self.outgoing.picture
        numbers = {each.deck for each in (self.on_air, old, self.upcoming) if each is not None}
        return numbers if self.waiting_deck is None else numbers | {self.waiting_deck}

    @property
    def is_composed(self) -> bool:
        """True if a transition or a blend composes the dissolve, not a mix of the looks by
        weight."""
        return self.is_blended or self.has_transition

    @property
    def has_transition(self) -> bool:
        return any(each.is_transition for each in self.shaders)

    @property
    def is_blended(self) -> bool:
        return self.outgoing is not None and self.outgoing.blend != DISSOLVE


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingLook:
    """A look that dissolves into another: (1 - mix) x its finished picture + mix x the other's,
    before the master, or what a transition or blend makes of both.

    A finished picture has the look's shaders and effects. Looks with the same shaders in the same
    slots are mixed before them instead: the shaders continue, and their inputs are interpolated.

    Each look has the feedback trail of its deck. If a fade begins during another one, three looks
    are on screen: the first is frozen beneath the second, which now fades out."""

    number: int
    """Number of the fade; a new number makes the look on screen the outgoing one."""
    mix: float
    """Weight of the incoming look, 0..1."""
    picture: DeckPicture | None
    """Input of the outgoing look. None to freeze the last picture instead."""
    revealed: float = 1.0
    """Opacity of `picture` over the still beneath it, 0..1: the mix of the interrupted fade."""
    freeze_mix: float = 0.0
    """The `mix` at which the outgoing picture was frozen: the fade continues from there to 1."""
    blend: str = DISSOLVE
    """How both pictures are mixed where no transition is drawn: one of
    `osc_schema.presets.BLENDS`."""
    key: float = 0.0
    """For the blend key: the brightness up to which the incoming look is transparent."""


PictureRequest = PictureCrossfade | Overlay | IdPicture | OutputShape


class Renderer(Protocol):
    """Draws pictures, one at a time: `draw`, `wait`, then `texture` and `read_rgba` give that
    picture.

    Use it on one thread, except where noted. RenderError from any method but `resize` means that
    the renderer is lost: close it and open another."""

    @property
    def kind(self) -> str:
        """Kind of the renderer: `gl` or `numba`."""
        ...

    @property
    def description(self) -> str:
        """GL_RENDERER, or Numba's version and its number of threads."""
        ...

    is_software: bool
    """True if drawing runs on the CPU."""
    reason: str
    """Why GL is not used; "" if this renderer was requested."""
    shader_driver: str
    """Name and version of the driver that compiles shaders; "" if this renderer plays none."""

    def resize(self, width: int, height: int) -> None:
        """Draw at this size from now on; the last picture (feedback, freeze) is dropped.

        RenderError if there is no memory for it or the size is not allowed; the old size then
        stays."""

    def draw(self, picture: PictureInput) -> None:
        """Begin a picture; may return before it is drawn. While the look is frozen the last one is
        only faded."""

    def wait(self) -> None:
        """Wait until the picture is drawn, faded and guarded; other Python threads run
        meanwhile."""

    @property
    def flash_guard(self) -> FlashGuardState:
        """State of the flash guard after the finished picture. Any thread."""
        ...

    @property
    def shader_state(self) -> ShaderState:
        """Costs and failures of the shader slots; without OpenGL every slot fails. Any thread."""
        ...

    @property
    def texture(self) -> TextureRef | None:
        """The finished picture on the GPU, valid until the next `draw`; None from Numba."""

    def lazy_picture(self, request: PictureRequest) -> LazyPicture:
        """An extra picture without the look's effects: layer 5 alone, objects over their picture,
        or their ids; or, with OpenGL, the finished picture in the shape of an output.

        Returns at once. The result is drawn on demand and is valid until the next `draw`."""
        ...

    def open_second(self, width: int, height: int) -> "Renderer":
        """Open a renderer for another look, on this one's context and to be closed before it.
        RenderError."""
        ...

    def read_rgba(self) -> np.ndarray:
        """The finished picture of this frame, (height, width, 4) uint8, row 0 at the top. Read back
        once per picture.

        Read-only. It may be stored: it is not overwritten while referenced."""
        ...

    def read_fitted(self, size_px: tuple[int, int]) -> np.ndarray:
        """Read the picture as `PublishedFrame.read_fitted`; unscaled if drawing runs on the CPU."""
        ...

    def read_behind(self, size_px: tuple[int, int], *, is_bare: bool = False) -> np.ndarray:
        """Draw and read the picture without blackout, fade and flash guard, scaled down to this
        size of the same shape: (height, width, 4) uint8, opaque; may be stored. is_bare: The look
        with its shaders (in a dissolve the incoming one) before texts, outlines and effects."""
        ...

    def read_rgba16(self) -> np.ndarray:
        """Like `read_rgba`, as (height, width, 4) uint16, 65535 for white, without dither; drawn
        and read once. From 8 bits if the driver has no deeper targets."""
        ...

    def close(self) -> None:
        """Release everything. Idempotent; all other methods raise RenderError afterwards."""


def fitted_size(full_px: tuple[int, int], longest_px: int) -> tuple[int, int]:
    """Return the size of a picture of this shape whose longer side is at most `longest_px`; never
    enlarged."""
    scale = min(1.0, longest_px / max(full_px))
    width, height = (max(1, round(side * scale)) for side in full_px)
    return width, height


def centre_crop(full_px: tuple[int, int], size_px: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return left, top, width and height of the largest centred part with the aspect ratio of
    `size_px`."""
    (full_width, full_height), (width, height) = full_px, size_px
    part_width = min(full_width, max(1, round(full_height * width / height)))
    part_height = min(full_height, max(1, round(full_width * height / width)))
    return (full_width - part_width) // 2, (full_height - part_height) // 2, part_width, part_height
