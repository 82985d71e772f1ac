"""The crossfade of layer 5 from an old picture to a new one, and the dissolve of two looks. Pure."""

from dataclasses import dataclass
from enum import Enum, auto

from engine.render.picture import Leaving
from engine.values import VideoFrame


@dataclass(frozen=True, slots=True, eq=False)
class PictureCrossfade:
    """(1 - mix) x before + mix x picture, each channel rounded to the nearest of 0..255; only `picture` without a
    `before`."""

    picture: VideoFrame
    before: VideoFrame | None
    """The picture that fades out, of the same size, or None."""
    mix: float
    """Between 0 and 1 with a `before`; else 1."""

    @classmethod
    def of(cls, picture: VideoFrame | None, before: VideoFrame | None, mix: float) -> "PictureCrossfade | None":
        """The crossfade at this `mix`, reduced to one picture if only one is visible; None without `picture`.

        Pictures of different sizes cannot be mixed: only the new one is shown.
        """
        if picture is None:
            return None
        if before is None or mix >= 1 or before is picture or before.pixels.shape != picture.pixels.shape:
            return cls(picture, None, 1.0)
        if mix <= 0:
            return cls(before, None, 1.0)
        return cls(picture, before, mix)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.picture.pixels.shape[:2]
        return width, height

    def is_same(self, other: object) -> bool:
        """True if it shows the same picture objects (pixels are not compared) at the same mix."""
        return (
            isinstance(other, PictureCrossfade)
            and self.picture is other.picture
            and self.before is other.before
            and self.mix == other.mix
        )


class FadeChange(Enum):
    """Change of roles that is due before a picture is drawn."""

    NONE = auto()
    END = auto()
    """No look is leaving any more."""
    BEGIN = auto()
    """The look on screen leaves, but moves; what it was mixed with stays beneath it. The new one has a black trail."""
    HOLD = auto()
    """The picture on screen leaves as a still. The new look has a black trail."""
    FREEZE = auto()
    """The picture on screen becomes the still in mid-fade; the new look keeps its trail."""


class FadeState:
    """The running dissolve: decides what the incoming look is mixed with. Each renderer holds the pictures and trails.

    Two looks with the same shaders morph: there is no finished picture of the outgoing one alone. If such a fade is
    interrupted or freezes, the picture on screen is held as it is. Render thread.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self.is_still = False
        """True if the outgoing picture is a still, although its look may be drawn."""
        self._held_from = 0.0

    def follow(self, fade: Leaving | None, *, has_side: bool) -> FadeChange:
        """The change for this picture. `has_side`: True if there is a finished picture of the outgoing look."""
        if fade is None:
            had_fade, self._number = self._number is not None, None
            self.is_still, self._held_from = False, 0.0
            return FadeChange.END if had_fade else FadeChange.NONE
        is_new = fade.number != self._number
        has_none = self._number is not None and (not has_side or self._held_from > 0)
        self._number = fade.number
        if not is_new and (self.is_still or has_side or fade.picture is not None):
            return FadeChange.NONE
        self.is_still = fade.picture is None or has_none
        self._held_from = fade.held_from if is_new else fade.mix
        if not is_new:
            return FadeChange.FREEZE
        return FadeChange.HOLD if self.is_still else FadeChange.BEGIN

    def mix_of(self, fade: Leaving) -> float:
        """Share of the incoming look over the outgoing picture, 0..1: it begins with 0 where that was held."""
        return (fade.mix - self._held_from) / (1.0 - self._held_from) if self._held_from < 1.0 else 1.0
