"""Properties of a video that a player needs: rate, time base, pixel aspect ratio, colour tags."""

from dataclasses import dataclass, replace
from fractions import Fraction

from av.video.frame import VideoFrame as DecodedFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from engine.sources.pixels import HD_LINES, UNSPECIFIED
from engine.sources.tone_map import HDR_TRANSFERS

BT709_MATRIX = 1  # AVCOL_SPC_BT709
# Matrix number in a stream (AVCOL_SPC_...; ISO 23091-2, table 4) -> swscale's name.
MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourTags:
    """Colour tags by FFmpeg's numbers."""

    matrix: int
    primaries: int
    transfer: int
    is_full_range: bool

    def matrix_for(self, height: int) -> Colorspace:
        """The matrix for the conversion: the tag, or the one that players assume without a tag."""
        if self.matrix in MATRICES:
            return MATRICES[self.matrix]
        return Colorspace.ITU709 if height > HD_LINES else Colorspace.ITU601


UNTAGGED = ColourTags(
    matrix=UNSPECIFIED,
    primaries=ColorPrimaries.UNSPECIFIED,
    transfer=ColorTrc.UNSPECIFIED,
    is_full_range=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoLook:
    rate: Fraction
    """Pictures a second, on average."""
    time_base: Fraction
    """Seconds per tick of its clock."""
    pixel_aspect: Fraction
    """Width of a pixel divided by its height, in the upright picture."""
    tags: ColourTags
    sound: tuple[str, ...]
    """The codec of each sound track."""


def changed_depth(first: DecodedFrame) -> str:
    """One line about what becomes of HDR, or of more than 8 bits per colour; or ""."""
    bits = max(component.bits for component in first.format.components)
    transfer = HDR_TRANSFERS.get(first.color_trc)
    if transfer is not None:
        return f"HDR ({transfer}, {bits} bits a colour) is tone-mapped to SDR (BT.709, 8 bits)"
    return f"{bits} bits a colour are reduced to 8" if bits > 8 else ""


def look_of(
    first: DecodedFrame, rate: Fraction, tick_s: Fraction, aspect: Fraction, sound: tuple[str, ...]
) -> VideoLook:
    """The look of a video after `to_rgb`, from its first picture. `aspect`: of a pixel as coded, before rotation."""
    is_turned = round(first.rotation / 90) % 2 == 1
    is_rgb = first.format.is_rgb  # RGB has no matrix; the output will have one
    tags = ColourTags(
        matrix=UNSPECIFIED if is_rgb else first.colorspace,
        primaries=first.color_primaries,
        transfer=first.color_trc,
        is_full_range=not is_rgb and first.color_range == ColorRange.JPEG,
    )
    if first.color_trc in HDR_TRANSFERS:
        tags = replace(tags, matrix=BT709_MATRIX, primaries=ColorPrimaries.BT709, transfer=ColorTrc.BT709)
    return VideoLook(
        rate=rate,
        time_base=tick_s or 1 / rate,
        pixel_aspect=1 / aspect if is_turned else aspect,
        tags=tags,
        sound=sound,
    )
