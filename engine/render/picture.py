"""What goes into one picture, and what every renderer can do."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from engine.render.look import Look
from engine.render.master import FlashGuardState
from engine.values import ChannelFeatures, Segmentation, ShownPicture, TextureRef, VideoFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionMap:
    """Which of the four layers leads where, in the frame that the map was made of."""

    indices: np.ndarray
    """(height, width) uint8, 0..3, row 0 at the top, C-contiguous; at most 320 wide, cover-fitted like layer 5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matte:
    """Which part of layer 5 is used: its weight, in simple mode its picture, is multiplied by how much is kept.

    Kept is the coverage (mask_look.py) of the texel by texel maximum of all masks, or what that leaves. The segmented
    picture covers layer 5's, as layer 5 covers the Multiverse, and is mirrored with it; but for the finished picture.
    """

    found: Segmentation
    """Without objects the subject is nothing and the background all."""
    keeps: Literal["subject", "background"]
    is_hard: bool
    is_of_finished: bool = False
    """The masks are those of the finished picture, and lie in the next one where they were found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureInput:
    look: Look
    waves: np.ndarray
    """(4, 1024) float32 in [-1, 1], oldest at index 0."""
    features: tuple[ChannelFeatures, ...]
    """Four, in layer order: their pitches colour the layers."""
    layer5: VideoFrame | None
    """The camera or SD picture of layer 5 and of simple mode; black when None."""
    region: RegionMap | None
    """None: all layers everywhere, even where the look asks for regions."""
    time_s: float
    """Due time of the picture; the flash guard counts by it."""
    layer5_before: VideoFrame | None = None
    """The picture that fades out while `layer5` fades in. Of another size it does not show."""
    layer5_mix: float = 1.0
    """Share of `layer5`, 0..1: 0 shows `layer5_before` alone, 1 `layer5` alone."""
    matte: Matte | None = None
    """None: all of layer 5."""
    leaving: "Leaving | None" = None
    """The look that this one takes the place of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """A look that dissolves into another: (1 - mix) x its picture + mix x the other's, before the master.

    What leaves goes on with its own trail of feedback; the look that comes begins with a black one. Where a fade begins
    in the middle of another, three looks are on screen: what left then stands still from now on, beneath the one that
    came then and leaves now.
    """

    number: int
    """A new one with each fade; what leaves is what was on screen before it."""
    mix: float
    """Share of the look that comes, 0..1."""
    picture: PictureInput | None
    """What leaves, without a `leaving` of its own. None: it is not drawn, the last picture on screen stands still."""
    revealed: float = 1.0
    """Share of `picture` over what stands beneath it, 0..1: the mix of the fade that this one interrupted."""


class Renderer(Protocol):
    """Draws pictures, one at a time: `draw`, `wait`, then `texture` and `read_rgba` give that picture.

    All calls from one thread, where nothing else is said. RenderError from any of them but `resize` means that the
    renderer is lost: close it, open another.
    """

    kind: str
    """"gl" or "numba"."""
    description: str
    """What draws: GL_RENDERER, or the number of threads."""
    is_software: bool
    """Drawn by the CPU."""
    reason: str
    """Why this renderer rather than GL; "" when nothing better was wanted."""

    def resize(self, width: int, height: int) -> None:
        """Draw at this size from now on; the last picture (feedback, freeze) is forgotten.

        RenderError when there is no memory for it or the size is not allowed: then the old one stays.
        """

    def announce_layer5(self) -> None:
        """There will be pictures on layer 5: prepare for them, so that the first is not late. Any thread; may take
        seconds, in which others are drawn."""

    def draw(self, picture: PictureInput) -> None:
        """Begin a picture; may return before it is drawn."""

    def wait(self) -> None:
        """Return when the picture is drawn, faded and guarded; other Python threads run meanwhile."""

    @property
    def flash_guard(self) -> FlashGuardState:
        """What the guard did with the finished picture. Any thread."""

    @property
    def texture(self) -> TextureRef | None:
        """The finished picture on the GPU, untouched until the next `draw`; None from Numba."""

    def show(self, picture: VideoFrame, before: VideoFrame | None = None, mix: float = 1.0) -> ShownPicture:
        """`picture` by itself, crossfaded from `before` as layer 5 is; nothing of the look is applied to it.

        Returns at once. What it gives is drawn when it is asked for, and belongs to the time until the next `draw`.
        """

    def show_masks(
        self, source: VideoFrame, found: Segmentation | None, *, is_hard: bool, opacity: float
    ) -> ShownPicture:
        """`source` with each object's colour mixed in by `opacity` x coverage, as `mask_look.Overlay` says.

        The masks lie over the whole of it, whatever its proportions. As `show`: drawn when it is asked for.
        """

    def show_ids(self, found: Segmentation, size_px: tuple[int, int]) -> ShownPicture:
        """Which object is where, (width, height) in size, as `mask_look.IdPicture` says; drawn when it is asked for."""

    def read_rgba(self) -> np.ndarray:
        """The finished picture, (height, width, 4) uint8, row 0 at the top: this frame's, never the one before.

        Not to be written to; may be kept: it is not drawn over while anybody holds it. Reads back once a
        picture.
        """

    def close(self) -> None:
        """Give everything back. Harmless twice; everything else raises RenderError after it."""
