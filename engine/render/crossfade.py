"""The crossfade of layer 5 from an old picture to a new one. Pure."""

from dataclasses import dataclass

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
