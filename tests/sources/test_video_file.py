"""Video files as looped sources, offline and live."""

import re
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engine.errors import SourceError
from engine.sources.camera import CameraSource
from engine.sources.opening import open_source
from engine.sources.pictures import open_pictures
from engine.sources.source import HOLD_S


@pytest.fixture
def open_file(clock, reports):
    opened = []

    def open_it(path, offline=False):
        source = open_source(str(path), offline=offline, clock=clock, report=reports)
        opened.append(source)
        source.start()
        return source

    yield open_it
    for source in opened:
        source.close()


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [("a.mp4", "mpeg4", "yuv420p"), ("a.mkv", "libx264", "yuv420p"), ("a.gif", "gif", "rgb8")],
)
def test_offline_every_picture_of_three_loops_is_the_right_one(
    write_video, open_file, number_in, name, codec, pixel_format
):
    rate = 25 if name == "a.gif" else 30  # GIF times are in hundredths of a second
    source = open_file(
        write_video(12, name=name, codec=codec, pixel_format=pixel_format, rate=rate), True
    )
    assert [number_in(source.frame_at(index / rate).pixels) for index in range(36)] == list(
        range(12)
    ) * 3
    assert (source.status().state, source.status().frames) == ("playing", 36)


def test_offline_a_picture_stays_until_the_exact_start_of_the_next(
    write_video, open_file, number_in
):
    # Uneven times: 0, 1, 4, 5 thirtieths; the last lasts one thirtieth, so a loop is six.
    source = open_file(write_video(4, times=[0, 1, 4, 5], name="uneven.mkv", codec="libx264"), True)
    frames = [number_in(source.frame_at(index / 60).pixels) for index in range(24)]
    assert frames == [0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 3, 3] * 2


def test_offline_going_back_and_far_ahead_shows_the_same_pictures(
    write_video, open_file, number_in
):
    path = write_video(10)
    for order in (7, 2, 9, 0, 10_000_003, 5, 4), (25, 3):  # the first request may be loops ahead
        source = open_file(path, True)
        for index in order:
            assert number_in(source.frame_at(index / 30).pixels) == index % 10


def test_a_looped_video_changes_its_picture_with_the_frame_that_is_due(
    write_video, open_file, number_in, clock, wait_for
):
    source = open_file(write_video(10))
    first = wait_for(source.latest_frame, "the first picture")
    assert number_in(first.pixels) == 0
    frames, indices = [], []
    for _ in range(25):
        clock.advance(1 / 30)
        due = clock.now_s() - first.time_s + 1e-9
        frame = wait_for(
            lambda due=due: (
                (newest := source.latest_frame()).time_s - first.time_s > due - 1 / 30 and newest
            ),
            "the picture that is due",
        )
        frames.append(number_in(frame.pixels))
        indices.append(frame.index)
    assert frames == [index % 10 for index in range(1, 26)]
    assert indices == list(range(1, 26))
    assert source.status().state == "playing" and source.status().lost == 0


def test_pictures_not_requested_in_time_are_counted_and_skipped(
    write_video, open_file, number_in, clock, wait_for
):
    # after a long pause playback continues where it was
    for wait_s, lost in ((3 / 30 + 1e-6, 2), (60.0, 0)):
        source = open_file(write_video(30))
        wait_for(source.latest_frame, "the first picture")
        wait_for(lambda source=source: source.status().frames >= 4, "three pictures ready")
        clock.advance(wait_s)
        assert number_in(source.latest_frame().pixels) == 3
        assert lost == 0 or source.status().lost == lost
    assert (
        number_in(
            wait_for(lambda: (f := source.latest_frame()).index > 3 and f, "a later one").pixels
        )
        == 4
    )


@pytest.mark.only_on("linux", "darwin", reason="Windows keeps an open file from being moved away")
def test_a_file_removed_during_playback_is_lost_and_reopened_when_it_returns(
    write_video, open_file, number_in, clock, wait_for, reports
):
    path = write_video(4)
    source = open_file(path)
    wait_for(source.latest_frame, "the first picture")
    away = path.rename(path.with_suffix(".away"))

    def play():
        clock.advance(1 / 30)
        source.latest_frame()
        return source.status().state == "lost"

    wait_for(play, "the loss")
    assert "in.mp4" in source.status().description
    assert any("in.mp4" in line for _, line in reports.lines)
    clock.advance(HOLD_S)
    assert source.latest_frame() is None
    away.rename(path)
    assert number_in(wait_for(source.latest_frame, "the return").pixels) == 0
    assert source.status().state == "playing"


def test_damage_in_the_middle_is_counted_and_playback_continues(
    write_video, open_file, number_in, reports
):
    path = write_video(40, name="a.avi", codec="mjpeg", pixel_format="yuvj420p")
    data = bytearray(path.read_bytes())
    starts = [match.start() for match in re.finditer(b"00dc....\xff\xd8", data, re.DOTALL)]
    for start in starts[10:13]:
        (length,) = struct.unpack_from("<I", data, start + 4)
        data[start + 8 : start + 8 + length] = bytes(length)
    path.write_bytes(data)
    source = open_file(path, True)
    frames = {number_in(source.frame_at(index / 30).pixels) for index in range(40)}
    assert frames == set(range(40)) - {10, 11, 12}
    assert source.status().lost == 3
    assert reports.keys.count("source") == 3


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "text", "noise", "cut"])
def test_a_file_without_pictures_is_an_error_of_one_line_with_its_name(
    kind, tmp_path, write_video, open_file
):
    path = tmp_path / "a.mp4"
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        whole = write_video(10).read_bytes()
        noise = np.random.default_rng(1).bytes(100_000)
        path.write_bytes(
            {"empty": b"", "text": b"no\n" * 99, "noise": noise, "cut": whole[: len(whole) // 2]}[
                kind
            ]
        )
    with pytest.raises(SourceError) as caught:
        open_file(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


ORANGE = (200, 60, 20)


@pytest.mark.parametrize(
    ("colour", "size", "pixel_format", "rgb", "tolerance"),
    [
        (ORANGE, (45, 67), "bgr0", ORANGE, 0),
        ((200, 100, 50, 255), (32, 64), "bgra", (200, 100, 50), 0),
        ((200, 100, 50, 128), (32, 64), "bgra", (100, 50, 25), 0),  # 128/255 of it
        (ORANGE, (48, 64), "yuv420p10le", ORANGE, 3),
    ],
    ids=["odd sides", "opaque", "transparency over black", "ten bits in eight"],
)
def test_odd_sizes_transparency_and_ten_bits_play(
    write_video, open_file, colour, size, pixel_format, rgb, tolerance
):
    pictures = [np.full((*size, len(colour)), colour, np.uint8)] * 3
    path = write_video(pictures=pictures, name="film.mkv", codec="ffv1", pixel_format=pixel_format)
    pixels = open_file(path, True).frame_at(0.0).pixels
    assert pixels.shape == (*size, 3) and pixels.dtype == np.uint8 and pixels.flags.c_contiguous
    assert np.abs(pixels.astype(int) - rgb).max() <= tolerance


def rotate_in_place(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Set a, b, c, d of the track header's display matrix (ISO 14496-12, 8.3.2), 16.16 fixed
    point."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in matrix)
    struct.pack_into(">9i", data, at, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


# by EXIF's number: a, b, c, d of the display matrix, and the card as it shall be shown
ORIENTATIONS = {
    1: ((1, 0, 0, 1), lambda card: card),
    2: ((-1, 0, 0, 1), np.fliplr),
    3: ((-1, 0, 0, -1), lambda card: np.rot90(card, 2)),
    4: ((1, 0, 0, -1), np.flipud),
    5: ((0, 1, 1, 0), lambda card: card.transpose(1, 0, 2)),
    6: ((0, 1, -1, 0), lambda card: np.rot90(card, -1)),
    7: ((0, -1, -1, 0), lambda card: np.rot90(card, 2).transpose(1, 0, 2)),
    8: ((0, -1, 1, 0), lambda card: np.rot90(card, 1)),
}


@pytest.mark.parametrize("number", ORIENTATIONS)
def test_a_video_and_a_camera_of_any_orientation_are_shown_upright(
    write_video, open_file, f_card, clock, reports, number
):
    card = f_card(96, 64)[..., :3]
    matrix, upright = ORIENTATIONS[number]
    path = write_video(pictures=[card] * 3)
    rotate_in_place(path, matrix)
    expected = upright(card)
    camera = CameraSource("turned", lambda: av.open(str(path)), clock=clock, report=reports)
    for pixels in (
        open_file(path, True).frame_at(0.0).pixels,
        next(camera.pictures()),
        open_pictures(path).first.pixels,
    ):
        assert pixels.shape == expected.shape
        assert np.abs(pixels.astype(int) - expected).mean() < 12
        assert pixels.flags.c_contiguous


def crop_in_place(path: Path, box: tuple[int, int, int, int], size: tuple[int, int]) -> None:
    """Add `clap` to an MP4 (ISO 14496-12, 12.1.4): left, top, width and height of the part to
    show."""
    left, top, width, height = box
    from_centre = 2 * left + width - size[0], 2 * top + height - size[1]
    clap = struct.pack(
        ">I4s8i", 40, b"clap", width, 1, height, 1, from_centre[0], 2, from_centre[1], 2
    )
    data = bytearray(path.read_bytes())
    coded = next(name for name in (b"mp4v", b"vp09") if name in data)
    boxes = [
        data.index(name) - 4
        for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", coded)
    ]
    assert boxes[0] > data.index(b"mdat"), "the samples stay where they are"
    for at in boxes:
        length = struct.unpack_from(">I", data, at)[0]
        struct.pack_into(">I", data, at, length + len(clap))
    data[at + length : at + length] = clap
    path.write_bytes(data)


def remux(source: Path, into: Path) -> Path:
    with av.open(str(source)) as read, av.open(str(into), "w") as written:
        track = read.streams.video[0]
        stream = written.add_stream_from_template(track)
        for packet in read.demux(track):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)
    return into


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "mpeg4"), (".mkv", "mpeg4"), (".webm", "libvpx-vp9")]
)
def test_a_film_is_cropped_as_its_container_says(
    write_video, open_file, f_card, tmp_path, suffix, codec
):
    """Live and offline."""
    card = f_card(96, 64)[..., :3]
    path = write_video(pictures=[card] * 3, codec=codec)
    crop_in_place(path, (30, 7, 50, 41), (96, 64))
    path = remux(path, tmp_path / f"cropped{suffix}")
    expected = card[7:48, 30:80]
    pictures = open_pictures(path)
    for pixels in (
        open_file(path, True).frame_at(0.0).pixels,
        pictures.first.pixels,
        list(pictures.read(1, None))[-1].pixels,
    ):
        assert pixels.shape == expected.shape
        assert np.abs(pixels.astype(int) - expected).mean() < 12


def test_wide_pixels_are_made_square(write_video, open_file):
    path = write_video(
        pictures=[np.zeros((57, 72, 3), np.uint8)] * 2, codec="mpeg4", pixel_aspect=Fraction(64, 45)
    )
    assert open_file(path, True).frame_at(0.0).pixels.shape == (57, 102, 3)


@pytest.mark.parametrize(("height", "matrix"), [(480, 5), (720, 1)])
def test_an_untagged_video_is_decoded_as_players_do(tmp_path, open_file, height, matrix):
    """5 is BT.601, the default for standard definition; 1 is BT.709, for high definition."""
    flat = av.VideoFrame.from_ndarray(np.full((height, 64, 3), (200, 60, 20), np.uint8), "rgb24")
    encoded = flat.reformat(format="yuv444p", dst_colorspace=matrix)
    encoded.colorspace, encoded.pts = 2, 0
    with av.open(str(tmp_path / "u.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, height, "yuv444p"
        container.mux([*stream.encode(encoded), *stream.encode()])
    pixels = open_file(tmp_path / "u.mkv", True).frame_at(0.0).pixels
    assert np.abs(pixels.astype(int) - (200, 60, 20)).max() <= 3
