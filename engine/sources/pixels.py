"""Converts any decoded picture to the engine's RGB: 8 bit, upright, square pixels, a size that can
be uploaded.

`VideoFormat`: what a player needs to know of a video: rate, time base, pixel aspect ratio, colour
tags.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame as DecodedFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from engine.sources.tone_map import HDR_TRANSFERS, to_sdr

MAX_SIDE_PX = (
    4096  # 8K and photographs are reduced: uploading 50 MB would stall, and no output is larger
)

UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED, AVCOL_TRC_UNSPECIFIED
HD_LINES = (
    576  # above this players assume BT.709 for an untagged file (swscale would assume BT.601)
)

TRANSPARENT = "what is transparent becomes black"
DOLBY_TAGS = ("dvh1", "dvhe", "dav1")
DOLBY = (
    "Dolby Vision of profile 5, whose colours are read wrong (green and violet): convert it "
    "to HDR10 or SDR first"
)
# AVCOL_SPC_...: the tags for swscale's ITU709 and ITU601
BT709_MATRIX = 1
BT470BG_MATRIX = 5
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


def fitted_size(
    width: int, height: int, aspect: float = 1.0, *, longest_px: float = MAX_SIDE_PX
) -> tuple[int, int]:
    """Size in square pixels for pixels `aspect` times as wide as high, reduced to `longest_px`."""
    square_width = width * aspect
    scale = min(1.0, longest_px / max(square_width, height))
    return max(1, round(square_width * scale)), max(1, round(height * scale))


def to_rgb(
    frame: DecodedFrame, pixel_aspect: float = 1.0, *, longest_px: float = MAX_SIDE_PX
) -> np.ndarray:
    """(height, width, 3) uint8 RGB, row 0 at the top, C-contiguous; over black, turned and mirrored
    as its tag says. `pixel_aspect` is the width of a pixel divided by its height. Pictures above
    `longest_px` are reduced. Colours follow the file's tags; HDR (PQ, HLG) becomes SDR (BT.709).
    The conversion runs in FFmpeg without the GIL."""
    width, height = fitted_size(frame.width, frame.height, pixel_aspect, longest_px=longest_px)
    matrix = _missing_matrix(frame)
    if frame.color_trc in HDR_TRANSFERS:
        pixels = to_sdr(frame, size=(width, height), matrix=matrix)
    else:
        pixels = frame.to_ndarray(
            format="rgba"
            if any(component.is_alpha for component in frame.format.components)
            else "rgb24",
            width=width,
            height=height,
            src_colorspace=matrix,
            # 0.3 ms per 720p picture; swscale's own threads would compete with the renderer
            threads=1,
        )
    if pixels.shape[2] == 4:
        pixels = over_black(pixels)
    return np.ascontiguousarray(_upright(pixels, *_orientation_of(frame)))


def over_black(rgba: np.ndarray) -> np.ndarray:
    """Lay straight-alpha `rgba` over black, rounded to nearest: (height, width, 3) uint8."""
    import cv2  # 0.1 s, and most pictures are opaque; NumPy takes 25 times as long

    black: np.ndarray = cv2.cvtColor(cv2.cvtColor(rgba, cv2.COLOR_RGBA2mRGBA), cv2.COLOR_RGBA2RGB)
    return black


def _side_data_of(frame: DecodedFrame, name: str) -> SideData | None:
    try:
        found = frame.side_data.get(name)
    except ValueError:  # PyAV 18 does not know all kinds of FFmpeg 8, such as EXIF
        return None
    return found if isinstance(found, SideData) else None


def _orientation_of(frame: DecodedFrame) -> tuple[bool, bool, bool]:
    """How it is shown: rows become columns, then left and right are swapped, then top and bottom.
    The nearest of the eight to its display matrix (ISO 14496-12, 8.3.2), whose angle alone does not
    show a mirror."""
    matrix = _side_data_of(frame, "DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = (int(value) for value in np.frombuffer(memoryview(matrix), np.int32)[:5])
    is_turned = abs(b) + abs(c) > abs(a) + abs(d)
    return is_turned, (c if is_turned else a) < 0, (b if is_turned else d) < 0


def _upright(pixels: np.ndarray, is_turned: bool, is_swapped: bool, is_over: bool) -> np.ndarray:
    if not (is_turned or is_swapped or is_over):
        return pixels
    import cv2  # 0.1 s, and most pictures are upright; NumPy takes 10 times as long

    turned = cv2.transpose(pixels) if is_turned else pixels
    code = {(True, False): 1, (False, True): 0, (True, True): -1}.get((is_swapped, is_over))
    return np.asarray(turned if code is None else cv2.flip(turned, code))


def _missing_matrix(frame: DecodedFrame) -> Colorspace | None:
    """The matrix that players assume for an untagged picture; None: FFmpeg knows it."""
    if frame.colorspace != UNSPECIFIED or frame.format.is_rgb:
        return None
    if frame.color_trc in HDR_TRANSFERS:
        return Colorspace.BT2020
    return Colorspace.ITU709 if frame.height > HD_LINES else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourTags:
    """Colour tags by FFmpeg's numbers."""

    matrix: int
    primaries: int
    transfer: int
    is_full_range: bool

    def matrix_for(self, height: int) -> int:
        """The matrix of a video of this height, one of MATRICES: the tag, or the one that players
        assume without it."""
        if self.matrix in MATRICES:
            return self.matrix
        return BT709_MATRIX if height > HD_LINES else BT470BG_MATRIX


UNTAGGED = ColourTags(
    matrix=UNSPECIFIED,
    primaries=ColorPrimaries.UNSPECIFIED,
    transfer=ColorTrc.UNSPECIFIED,
    is_full_range=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFormat:
    rate: Fraction
    """Pictures per second, on average."""
    time_base: Fraction
    """Seconds per tick of its clock."""
    pixel_aspect: Fraction
    """Width of a pixel divided by its height, in the upright picture."""
    tags: ColourTags
    has_tracks: bool
    """True if its file has more than these pictures: sound, subtitles, chapters, timecode."""


def losses_in_rgb(
    first: DecodedFrame, codec_tag: str = "", *, may_be_opaque: bool = False
) -> list[str]:
    """One line about each thing that `to_rgb` cannot keep: HDR or more than 8 bits per colour,
    transparency, the colours of Dolby Vision. `codec_tag`: the name of the codec in an MP4 or MOV.
    `may_be_opaque`: alpha counts only if it is used, as every GIF has it."""
    bits = max(component.bits for component in first.format.components)
    transfer = HDR_TRANSFERS.get(first.color_trc)
    found = []
    if transfer is not None:
        found.append(
            f"HDR ({transfer}, {bits} bits a colour) is tone-mapped to SDR (BT.709, 8 bits)"
        )
    elif codec_tag in DOLBY_TAGS or (
        first.color_trc == UNSPECIFIED and _side_data_of(first, "DOVI_RPU_BUFFER")
    ):
        found.append(DOLBY)
    elif bits > 8:
        found.append(f"{bits} bits a colour are reduced to 8")
    has_alpha = any(component.is_alpha for component in first.format.components)
    if has_alpha and not (may_be_opaque and first.to_ndarray(format="rgba")[..., 3].min() == 255):
        found.append(TRANSPARENT)
    return found


def video_format_of(
    first: DecodedFrame, rate: Fraction, tick_s: Fraction, aspect: Fraction, has_tracks: bool
) -> VideoFormat:
    """The format of a video after `to_rgb`, from its first picture. `aspect`: of a pixel as coded,
    before rotation."""
    is_turned, *_ = _orientation_of(first)
    is_rgb = first.format.is_rgb  # RGB has no matrix; the output will have one
    tags = ColourTags(
        matrix=UNSPECIFIED if is_rgb else first.colorspace,
        primaries=first.color_primaries,
        transfer=first.color_trc,
        is_full_range=not is_rgb and first.color_range == ColorRange.JPEG,
    )
    if first.color_trc in HDR_TRANSFERS:
        tags = replace(
            tags, matrix=BT709_MATRIX, primaries=ColorPrimaries.BT709, transfer=ColorTrc.BT709
        )
    return VideoFormat(
        rate=rate,
        time_base=tick_s or 1 / rate,
        pixel_aspect=1 / aspect if is_turned else aspect,
        tags=tags,
        has_tracks=has_tracks,
    )
