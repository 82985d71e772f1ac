"""HDR videos, as phones make them, become SDR with known colours, for every reader of videos."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engine.sources.opening import open_source
from engine.sources.pictures import open_pictures
from engine.sources.pixels import to_rgb
from engine.system.clock import SystemClock

BT709, BT2020, P3, BT2020_MATRIX, UNTAGGED = 1, 9, 12, 9, 2
BT2020_SDR, PQ, HLG = 14, 16, 18
LIMITED, FULL = 1, 2
LUMINANCE = np.array([0.2627, 0.6780, 0.0593])  # ITU-R BT.2020
# Linear BT.709 in BT.2020 (ITU-R BT.2087), and in P3 (SMPTE EG 432-1).
IN_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
IN_P3 = np.array([[0.8225, 0.1774, 0.0], [0.0332, 0.9669, 0.0], [0.0171, 0.0724, 0.9108]])
STRIPE_PX = 32

# Black, the grey card, 100 cd/m2, diffuse white, 1000 and 10 000 cd/m2 (ITU-R BT.2408), and what is
# shown for them: (light / 203 cd/m2) ^ (1 / 2.4) up to 89 cd/m2, from there to 1000 cd/m2 the curve
# of BT.2390.
GREYS = {PQ: [0.0, 0.380, 0.508, 0.581, 0.752, 1.0], HLG: [0.0, 0.379, 0.630, 0.750, 1.0, 1.0]}
EXPECTED = [0, 108, 189, 230, 255, 255]
# Dark and light skin, foliage, sky and night in SDR, all below 89 cd/m2 when white has 203.
COLOURS = np.array([(115, 82, 68), (170, 132, 114), (87, 108, 67), (98, 122, 157), (30, 30, 50)])


def write_video(
    path: Path,
    codes: np.ndarray,
    *,
    transfer: int,
    colour_range: int = LIMITED,
    primaries: int = BT2020,
    matrix: int = BT2020_MATRIX,
    codec: str = "ffv1",
    pixel_format: str = "yuv420p10le",
    size: tuple[int, int] | None = None,
) -> Path:
    """Two pictures of vertical stripes with these codes, (stripes, 3) RGB in 0..1, without loss. An
    alpha channel falls from 1 at the left stripe to 0 at the right one."""
    luma = codes @ LUMINANCE
    chroma = [(codes[:, 2] - luma) / 1.8814, (codes[:, 0] - luma) / 1.4746]
    black, luma_span, chroma_span = (0, 1023, 1023) if colour_range == FULL else (64, 876, 896)
    values = [
        black + luma_span * luma,
        *(512 + chroma_span * each for each in chroma),
        np.linspace(1023, 0, len(codes)),
    ]
    options = (
        {"x265-params": "lossless=1:bframes=0:log-level=none", "preset": "ultrafast"}
        if codec == "libx265"
        else {}
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options=options)
        stream.width, stream.height = size or (STRIPE_PX * len(codes), 48)
        stream.pix_fmt = pixel_format
        for number in range(2):
            frame = av.VideoFrame(stream.width, stream.height, pixel_format)
            for plane, stripes in zip(frame.planes, values, strict=False):
                row = np.repeat(np.round(stripes), STRIPE_PX)[: stream.width]
                row = row[:: 1 if plane.width == stream.width else 2]
                rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
                rows[:, : plane.width] = row
                plane.update(rows.tobytes())
            for tagged in (stream.codec_context, frame):
                tagged.colorspace, tagged.color_primaries = matrix, primaries
                tagged.color_trc, tagged.color_range = transfer, colour_range
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def grey(codes: list[float] | np.ndarray) -> np.ndarray:
    return np.repeat(np.asarray(codes)[:, None], 3, axis=1)


def hdr_codes(sdr: np.ndarray, transfer: int, matrix: np.ndarray = IN_BT2020) -> np.ndarray:
    """Codes for the light that a display with a white of 203 cd/m2 shows for these SDR colours,
    0..255."""
    light = 203 * (sdr / 255) ** 2.4 @ matrix.T
    if transfer == PQ:
        power = (light / 10_000) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    scene = light / 1000 * (light @ LUMINANCE / 1000)[:, None] ** (1 / 1.2 - 1)
    return np.where(
        scene <= 1 / 12,
        np.sqrt(3 * scene),
        0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 0.1)) + 0.55991073,
    )


def stripes_of(pixels: np.ndarray) -> np.ndarray:
    """Colours in the middle of each stripe, (stripes, 3)."""
    return pixels[pixels.shape[0] // 2, STRIPE_PX // 2 :: STRIPE_PX].astype(int)


def read(path: Path) -> np.ndarray:
    """The second picture of a film, as the jobs read it."""
    return list(open_pictures(path).read(1, None))[1].pixels


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "colour_range"),
    [
        ("in.mp4", "libx265", "yuv420p10le", LIMITED),
        ("in.mp4", "libx265", "yuv422p10le", FULL),
        ("in.mkv", "ffv1", "yuv444p10le", LIMITED),
        ("in.mkv", "ffv1", "yuv420p10le", FULL),
    ],
)
def test_greys_of_a_phones_video_are_shown_as_the_standards_require(
    tmp_path: Path, transfer: int, name: str, codec: str, pixel_format: str, colour_range: int
) -> None:
    video = write_video(
        tmp_path / name,
        grey(GREYS[transfer]),
        transfer=transfer,
        colour_range=colour_range,
        codec=codec,
        pixel_format=pixel_format,
    )
    assert np.abs(stripes_of(read(video)) - grey(EXPECTED)).max() <= 1


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_sdr_colours_inside_an_hdr_video_come_back_as_themselves(
    tmp_path: Path, transfer: int
) -> None:
    video = write_video(
        tmp_path / "in.mp4", hdr_codes(COLOURS, transfer), transfer=transfer, codec="libx265"
    )
    assert np.abs(stripes_of(read(video)) - COLOURS).max() <= 2


@pytest.mark.parametrize(
    ("primaries", "codes"), [(P3, IN_P3), (BT709, np.eye(3)), (UNTAGGED, IN_BT2020)]
)
def test_primaries_are_those_of_the_tag_and_without_one_those_of_bt2020(
    tmp_path: Path, primaries: int, codes: np.ndarray
) -> None:
    video = write_video(
        tmp_path / "in.mkv", hdr_codes(COLOURS, PQ, codes), transfer=PQ, primaries=primaries
    )
    assert np.abs(stripes_of(read(video)) - COLOURS).max() <= 2


def test_a_video_played_live_looks_as_in_a_job(tmp_path: Path, reports) -> None:
    video = write_video(tmp_path / "in.mp4", hdr_codes(COLOURS, HLG), transfer=HLG, codec="libx265")
    source = open_source(str(video), offline=True, clock=SystemClock(), report=reports)
    assert (source.frame_at(0.04).pixels == read(video)).all()
    source.close()


def test_a_video_in_sdr_is_decoded_as_before_bit_by_bit(tmp_path: Path) -> None:
    codes = np.random.default_rng(1).random((8, 3)) * 0.6 + 0.2
    for transfer in (BT709, BT2020_SDR, UNTAGGED):
        with av.open(str(write_video(tmp_path / "in.mkv", codes, transfer=transfer))) as container:
            frame = next(container.decode(video=0))
        assert (to_rgb(frame) == frame.to_ndarray(format="rgb24", threads=1)).all()
