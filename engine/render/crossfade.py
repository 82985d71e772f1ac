"""Which picture layer 5 shows while a new one takes an old one's place. Pure."""

from dataclasses import dataclass

from engine.values import VideoFrame


@dataclass(frozen=True, slots=True, eq=False)
class Crossfade:
    """(1 - mix) x before + mix x picture, each channel rounded to the nearest of 0..255; `picture` alone without
    `before`."""

    picture: VideoFrame
    before: VideoFrame | None
    """Of the same size."""
    mix: float
    """Above 0 and below 1 where there is a `before`; else 1."""

    @classmethod
    def of(cls, picture: VideoFrame | None, before: VideoFrame | None, mix: float) -> "Crossfade | None":
        """What is to be seen at this `mix`: one picture wherever one alone shows; None without `picture`.

        Pictures of two sizes cannot be laid over each other: of those the new one alone shows.
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
        """Whether it shows the same pictures (not equal ones: pixels are never compared) in the same mixture."""
        return (
            isinstance(other, Crossfade)
            and self.picture is other.picture
            and self.before is other.before
            and self.mix == other.mix
        )
