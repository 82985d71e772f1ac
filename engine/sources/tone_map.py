"""Converts HDR pictures (PQ and HLG) to SDR (BT.709), for the cameras of phones and videos of a
wide gamut.

Every colour goes the same way, so that a table of 64 x 64 x 64 colours holds it; libavfilter
interpolates in the table:

1. The decoded code becomes light in cd/m2, as shown on a display of 1000 cd/m2 (ITU-R BT.2100: the
   EOTF of PQ; the inverse OETF and the OOTF of HLG).
2. The brightest of red, green and blue is compressed from 1000 to 203 cd/m2, the diffuse white of
   BT.2408, by the curve of BT.2390 (5.4.1, the EETF): the light up to 89 cd/m2 stays as it is, 203
   cd/m2 becomes 159; what is brighter than 1000 becomes white. The other two are scaled with it,
   which keeps the hue.
3. The primaries are converted to BT.709. A colour outside its gamut is mixed with the grey of its
   own luminance, and scaled if it is still too bright.
4. 203 cd/m2 becomes white, encoded for a display of gamma 2.4 (BT.1886).
"""

import threading
from fractions import Fraction
from functools import cache, lru_cache

import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame as DecodedFrame
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc

HDR_TRANSFERS: dict[int, str] = {ColorTrc.SMPTE2084: "PQ", ColorTrc.ARIB_STD_B67: "HLG"}

PEAK_CD_M2 = 1000.0  # nominal peak of HLG, and what most PQ videos are graded for
WHITE_CD_M2 = 203.0  # diffuse white (ITU-R BT.2408, table 1)
DISPLAY_GAMMA = 2.4  # ITU-R BT.1886 with a black of 0

# SMPTE ST 2084, ITU-R BT.2100, table 4
PQ_M1, PQ_M2 = 2610 / 16384, 2523 / 4096 * 128
PQ_C1, PQ_C2, PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
PQ_PEAK_CD_M2 = 10_000.0
# ITU-R BT.2100, table 5; the gamma of the OOTF is that for 1000 cd/m2
HLG_A = 0.17883277
HLG_B, HLG_C = 1 - 4 * HLG_A, 0.5 - HLG_A * np.log(4 * HLG_A)
HLG_GAMMA = 1.2

D65 = (0.3127, 0.3290)
# x and y of red, green and blue
CHROMATICITIES: dict[int, tuple[tuple[float, float], ...]] = {
    ColorPrimaries.BT709: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    ColorPrimaries.BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    ColorPrimaries.SMPTE432: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # P3
}

TABLE_LEVEL = 8  # of a Hald picture: 512 x 512 pixels with 64 x 64 x 64 colours, red fastest
TIME_BASE = Fraction(1, 1000)
MAX_16_BITS = 65535

_own = threading.local()


def to_sdr(frame: DecodedFrame, *, size: tuple[int, int], matrix: Colorspace | None) -> np.ndarray:
    """Convert an HDR picture to (height, width, 3) uint8 RGB in BT.709, or (height, width, 4) with
    straight alpha.

    `frame`: one with a transfer function of HDR_TRANSFERS, which is scaled to `size` (width,
    height); `matrix` replaces its tag. Runs in C without the GIL, in 3 times the CPU time of SDR.
    Greys are exact to 1.5 of 255: swscale's white of 16 bits is 0.4 % too dark. Every thread has a
    filter of its own, made for its first picture (2 ms)."""
    import cv2  # 0.1 s, and most pictures are SDR; swscale takes 8 times as long from 16 bits to 8

    width, height = size
    has_alpha = any(component.is_alpha for component in frame.format.components)
    # the one depth for which libavfilter has vector code
    form = "gbrap16le" if has_alpha else "gbrp16le"
    deep = frame.reformat(width=width, height=height, format=form, src_colorspace=matrix, threads=1)
    key = (frame.color_trc, frame.color_primaries, form, width, height)
    if getattr(_own, "key", None) != key:
        _own.filter = _Filter(_table(*key[:2]), form, width, height)
        _own.key = key
    planes = [
        cv2.convertScaleAbs(plane, alpha=255 / MAX_16_BITS) for plane in _own.filter.map(deep)
    ]
    return np.asarray(
        cv2.merge([planes[index] for index in (*_red_green_blue(), *range(3, len(planes)))])
    )


def sdr_codes(codes: np.ndarray, transfer: int, primaries: int) -> np.ndarray:
    """Convert `codes` of HDR, (..., 3), 0..1, full range, to BT.709, (..., 3), 0..1. Unknown
    primaries: BT.2020."""
    to_xyz = _to_xyz(primaries)
    light = (
        pq_light(codes) if transfer == ColorTrc.SMPTE2084 else hlg_light(codes, luminance=to_xyz[1])
    )
    brightest = light.max(axis=-1, keepdims=True)
    light = light * (compress(brightest) / np.maximum(brightest, 1e-9))
    own = _to_xyz(ColorPrimaries.BT709)
    wide = light @ (np.linalg.inv(own) @ to_xyz).T / WHITE_CD_M2
    return np.asarray(_in_gamut(wide, wide @ own[1]) ** (1 / DISPLAY_GAMMA))


def pq_light(codes: np.ndarray) -> np.ndarray:
    """Light in cd/m2 for PQ codes in 0..1."""
    root = np.asarray(codes) ** (1 / PQ_M2)
    return np.asarray(
        PQ_PEAK_CD_M2 * (np.maximum(root - PQ_C1, 0) / (PQ_C2 - PQ_C3 * root)) ** (1 / PQ_M1)
    )


def pq_codes(light: np.ndarray) -> np.ndarray:
    """PQ codes in 0..1 for light in cd/m2."""
    power = (np.asarray(light) / PQ_PEAK_CD_M2) ** PQ_M1
    return np.asarray(((PQ_C1 + PQ_C2 * power) / (1 + PQ_C3 * power)) ** PQ_M2)


def hlg_light(codes: np.ndarray, luminance: np.ndarray) -> np.ndarray:
    """Light in cd/m2 of a display of 1000 cd/m2, (..., 3), for HLG codes 0..1. `luminance`: the
    primaries' weights."""
    codes = np.asarray(codes)
    scene = np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - HLG_C) / HLG_A) + HLG_B) / 12)
    return np.asarray(PEAK_CD_M2 * (scene @ luminance)[..., None] ** (HLG_GAMMA - 1) * scene)


def compress(light: np.ndarray) -> np.ndarray:
    """Light in cd/m2, 0 to 203, for light in cd/m2, by the EETF of BT.2390 with black at 0."""
    peak = pq_codes(np.asarray(PEAK_CD_M2))
    white = pq_codes(np.asarray(WHITE_CD_M2)) / peak
    knee = 1.5 * white - 0.5
    code = pq_codes(np.minimum(light, PEAK_CD_M2)) / peak
    t = np.maximum(code - knee, 0) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * white
    )
    return pq_light(np.where(code < knee, code, spline) * peak)


def _in_gamut(rgb: np.ndarray, luminance: np.ndarray) -> np.ndarray:
    """(..., 3) in 0..1: mixed with grey of that luminance until none is negative, then scaled until
    none exceeds 1."""
    grey = luminance[..., None]
    lowest = rgb.min(axis=-1, keepdims=True)
    saturation = np.where(lowest < 0, grey / np.maximum(grey - lowest, 1e-9), 1)
    inside = np.maximum(grey + (rgb - grey) * saturation, 0)
    return np.asarray(inside / np.maximum(inside.max(axis=-1, keepdims=True), 1))


def _to_xyz(primaries: int) -> np.ndarray:
    """(3, 3): linear RGB with these primaries to XYZ."""
    chromaticities = CHROMATICITIES.get(primaries, CHROMATICITIES[ColorPrimaries.BT2020])
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in chromaticities]).T
    white = np.array([D65[0] / D65[1], 1, (1 - sum(D65)) / D65[1]])
    return np.asarray(columns * np.linalg.solve(columns, white))


@lru_cache(maxsize=4)
def _table(transfer: int, primaries: int) -> np.ndarray:
    """(512, 512, 3) uint16, a Hald picture: the SDR colour for each HDR colour."""
    return np.round(sdr_codes(_untouched(TABLE_LEVEL), transfer, primaries) * MAX_16_BITS).astype(
        np.uint16
    )


def _untouched(level: int) -> np.ndarray:
    """The Hald picture that changes nothing, (level**3, level**3, 3) in 0..1."""
    values = np.linspace(0, 1, level**2)
    blue, green, red = np.meshgrid(values, values, values, indexing="ij")
    return np.stack([red, green, blue], axis=-1).reshape(level**3, level**3, 3)


class _Filter:
    """libavfilter's `haldclut` for pictures of one format and size. For one thread."""

    def __init__(self, table: np.ndarray, form: str, width: int, height: int) -> None:
        self._graph = Graph()
        self._graph.threads = 1
        side = table.shape[0]
        sources = [
            self._graph.add_buffer(
                width=size[0], height=size[1], format=VideoFormat(form), time_base=TIME_BASE
            )
            for size in ((width, height), (side, side))
        ]
        lookup = self._graph.add("haldclut", interp="tetrahedral", clut="first")
        for index, source in enumerate(sources):
            source.link_to(lookup, input_idx=index)
        lookup.link_to(self._graph.add("buffersink"))
        self._graph.configure()
        clut = DecodedFrame.from_ndarray(table, format="gbrp16le").reformat(format=form, threads=1)
        clut.pts = 0
        self._count = 0
        sources[1].push(clut)
        sources[1].push(None)

    def map(self, frame: DecodedFrame) -> list[np.ndarray]:
        """(height, width) uint16 for each plane of the result."""
        # the time of a video that starts again goes back
        pts = frame.pts
        frame.pts = self._count
        self._graph.vpush(frame, at=0)
        frame.pts = pts  # if it has 16 bits, it is the decoded picture itself
        self._count += 1
        mapped = self._graph.vpull()
        rows = [
            np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)
            for plane in mapped.planes
        ]
        return [row[:, : mapped.width] for row in rows]


@cache
def _red_green_blue() -> list[int]:
    """The planes in which `haldclut` puts red, green and blue: up to FFmpeg 8 it takes those of its
    table as if they had another order."""
    table = np.round(_untouched(2) * MAX_16_BITS).astype(np.uint16)
    rising = DecodedFrame.from_ndarray(
        np.full((16, 16, 3), (0, 30_000, 60_000), np.uint16), format="gbrp16le"
    )
    planes = _Filter(table, "gbrp16le", 16, 16).map(rising)
    return sorted(range(3), key=lambda index: int(planes[index][0, 0]))
