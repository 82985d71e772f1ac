"""Recordings, played back."""

import errno
import os
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest

from engine.errors import SinkError
from engine.sinks import index_in_front
from engine.sinks.record import Recording, RecordSink
from engine.sinks.whole_file import partial_path
from engine.system.schedule import exact_rate
from engine.values import AudioBlock
from tests.support.long_form import in_long_form
from tests.support.programs import program

REPOSITORY = Path(__file__).parents[2]
RATE_HZ = 48_000
RECORD_UNTIL_KILLED = program("record_until_killed")
RECORD_INTO_A_FULL_DISK = program("record_into_a_full_disk")


def pictures(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as movie:
        return list(movie.decode(video=0))


def playable(path: Path, **streams: int) -> list:
    """Decode a file that may end inside a fragment, as a player would: the frames of `video=0` or
    `audio=0`."""
    played = []
    with av.open(str(path)) as movie, suppress(av.error.InvalidDataError):
        for frame in movie.decode(**streams):
            played.append(frame)
    return played


def sound(path: Path) -> tuple[float, np.ndarray, int]:
    """The sound of a recording: time of the first sample, samples (channels, frames), rate."""
    with av.open(str(path)) as movie:
        as_float = av.AudioResampler(format="fltp")  # PCM is decoded as integers
        blocks = [block for raw in movie.decode(audio=0) for block in as_float.resample(raw)]
    return (
        float(blocks[0].time),
        np.concatenate([b.to_ndarray() for b in blocks], axis=1),
        blocks[0].sample_rate,
    )


def onset_s(path: Path) -> float:
    start_s, samples, rate_hz = sound(path)
    return start_s + float(np.argmax(np.abs(samples[0]) > 0.1)) / rate_hz


def blocks_of(samples: np.ndarray, fps: float = 30) -> Callable[[int], AudioBlock]:
    """The sound of frame n, heard while it is shown."""

    def block(index: int) -> AudioBlock:
        first, last = round(index * RATE_HZ / fps), round((index + 1) * RATE_HZ / fps)
        return AudioBlock(samples=samples[first:last], sample_rate_hz=RATE_HZ, first_sample=first)

    return block


def record_offline(path: Path, options, frames) -> RecordSink:
    sink = RecordSink(str(path))
    sink.start(options)
    for frame in frames:
        sink.publish(frame)
    sink.close()
    return sink


@pytest.mark.parametrize(
    ("name", "fps", "seconds"),
    [
        ("a.mp4", 30.0, 3),
        ("a.mov", 29.97, 3),
        ("a.mkv", 30.0, 2),
        ("a.avi", 30.0, 3),
        *in_long_form(("a.mp4", 29.97, 3), ("a.mp4", 60.0, 2)),
    ],
)
def test_offline_every_frame_is_there_at_its_time_with_its_sound(
    make_format, make_frame, tone, tmp_path: Path, name: str, fps: float, seconds: int
) -> None:
    count = round(fps * seconds)
    block = blocks_of(tone(seconds + 1, hz=1000, starts_s=1.0), fps)
    frames = (make_frame(n, time_s=n / fps, audio=block(n)) for n in range(count))
    path = tmp_path / name
    sink = record_offline(path, make_format(fps=fps, is_offline=True), frames)
    times = pictures(path)
    assert len(times) == count == sink.status().frames
    tick_s = 0.001 if name.endswith(".mkv") else 1e-9  # Matroska counts milliseconds
    assert [frame.time for frame in times] == pytest.approx(
        [n / fps for n in range(count)], abs=tick_s, rel=1e-4
    )
    with av.open(str(path)) as movie:
        assert movie.streams.video[0].average_rate == exact_rate(fps)
    assert onset_s(path) == pytest.approx(1.0, abs=0.003)


@pytest.mark.parametrize(
    ("name", "codec", "colours"),  # colours: BT.709 in video range; BT.601 in full range
    [
        ("a.mp4", "h264", (1, 1)),
        ("a.mov", "prores", (1, 1)),
        ("a.mkv", "hevc", (1, 1)),
        ("a.avi", "mjpeg", (5, 2)),
    ],
)
def test_the_f_card_is_recorded_upright_in_its_colours(
    make_format, make_frame, f_card, tmp_path: Path, name: str, codec: str, colours: tuple[int, int]
) -> None:
    card = f_card(320, 240)
    path = tmp_path / name
    record_offline(path, make_format(width=320, height=240, is_offline=True), [make_frame(0, card)])
    with av.open(str(path)) as movie:
        assert movie.streams.video[0].codec_context.name == codec
    (picture,) = pictures(path)
    assert (picture.colorspace, picture.color_range) == colours
    decoded = picture.to_ndarray(format="rgb24").astype(int)
    assert np.abs(decoded - card[..., :3]).mean() < 3
    corners = decoded[10, 10], decoded[10, -10], decoded[-10, 10], decoded[-10, -10]
    for corner, colour in zip(
        corners, [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)], strict=True
    ):
        assert np.abs(corner - colour).max() < 12


def test_an_odd_size_is_rounded_up_by_repeating_the_edge(
    make_format, make_frame, f_card, tmp_path: Path
) -> None:
    path = tmp_path / "a.mov"
    record_offline(
        path, make_format(width=161, height=121, is_offline=True), [make_frame(0, f_card(161, 121))]
    )
    (picture,) = pictures(path)
    assert (picture.width, picture.height) == (162, 122)
    assert np.abs(picture.to_ndarray(format="rgb24").astype(int)[-1, -1] - 255).max() < 12


@pytest.mark.parametrize(
    ("channels", "layout"), [(0, ""), (1, "mono"), (2, "stereo"), (4, "stereo"), (6, "stereo")]
)
def test_the_file_has_one_or_two_channels_or_is_silent(
    make_format, make_frame, tone, tmp_path: Path, channels: int, layout: str
) -> None:
    block = blocks_of(tone(1, channels=channels)) if channels else lambda index: None
    path = tmp_path / "a.mp4"
    output_format = make_format(
        is_offline=True, audio_channels=channels, sample_rate_hz=RATE_HZ if channels else 0
    )
    sink = record_offline(path, output_format, (make_frame(n, audio=block(n)) for n in range(30)))
    clipped = "its mix to stereo was clipped, 1.7 dB above full scale; lower the source by as much"
    assert (clipped in sink.status().detail) is (channels == 6)
    with av.open(str(path)) as movie:
        assert len(movie.streams.video) == 1
        assert [track.layout.name for track in movie.streams.audio] == (
            [layout] if channels else []
        )
    if channels:
        expected = 0.5 if channels < 4 else min(1.0, 0.7 * np.sqrt(channels / 2))
        assert np.abs(sound(path)[1][:, 10_000:40_000]).max() == pytest.approx(expected, rel=0.05)


def test_a_rate_that_aac_does_not_know_becomes_48000(
    make_format, make_frame, tone, tmp_path: Path
) -> None:
    samples = tone(3, hz=1000, starts_s=1.0, rate_hz=192_000)
    path = tmp_path / "a.mp4"
    blocks = (
        AudioBlock(samples=each, sample_rate_hz=192_000, first_sample=0)
        for each in np.split(samples, 90)
    )
    frames = (make_frame(n, audio=block) for n, block in enumerate(blocks))
    record_offline(path, make_format(is_offline=True, sample_rate_hz=192_000), frames)
    assert sound(path)[2] == 48_000
    assert onset_s(path) == pytest.approx(1.0, abs=0.003)


HAS_PIPES = pytest.mark.only_on(
    "linux", "darwin", reason="Windows' folders hold no pipes, which stand for a slow disk"
)


@pytest.fixture
def open_pipe(make_format, tmp_path: Path) -> Callable[[int], tuple[Path, Recording]]:
    """`open_pipe(queue_pictures)`: a pipe without a reader, and a recording into it."""

    def open_it(queue_pictures: int) -> tuple[Path, Recording]:
        pipe = tmp_path / "pipe.mp4"
        os.mkfifo(pipe)
        return pipe, Recording(
            pipe, make_format(), (64, 48), claim=lambda path: path, queue_pictures=queue_pictures
        )

    return open_it


@HAS_PIPES
def test_live_a_stalled_disk_drops_pictures_but_sound_and_times_stay_correct(
    open_pipe, make_frame, tone, tmp_path: Path, wait_for
) -> None:
    """The encoder's thread blocks while frames keep coming."""
    pipe, recording = open_pipe(4)
    path = tmp_path / "read.mp4"
    block = blocks_of(tone(4, hz=1000, starts_s=1.0))
    reads: list[int] = []

    def add(index: int) -> None:
        # live, a frame's block ends when the frame is shown
        recording.add(make_frame(index, audio=block(index - 1) if index else None, reads=reads))

    for index in range(60):
        add(index)
    assert recording.dropped == 56
    assert reads == [0, 1, 2, 3], "a dropped picture is not read back"

    reader = threading.Thread(target=lambda: path.write_bytes(pipe.read_bytes()))
    reader.start()
    for index in range(60, 90):
        wait_for(lambda: recording._pictures < 4, "room in the queue")
        add(index)
    recording.close()
    reader.join()
    times = [float(frame.time) for frame in pictures(path)]
    assert times == pytest.approx([n / 30 for n in (0, 1, 2, 3, *range(60, 90))], abs=1e-4)
    assert (recording.written, recording.dropped) == (34, 56)
    assert onset_s(path) == pytest.approx(1.0, abs=0.003)
    assert sound(path)[1].shape[1] == pytest.approx(89 * 1600, abs=2048)


@HAS_PIPES
def test_live_a_recording_that_cannot_be_written_for_a_minute_fails_without_waiting(
    open_pipe, make_frame
) -> None:
    pipe, recording = open_pipe(2)
    for index in range(3):
        recording.add(make_frame(index))
    with pytest.raises(SinkError, match="nothing could be written for 61 s"):
        recording.add(make_frame(3, time_s=61.0))
    recording.close()
    pipe.read_bytes()  # unblocks the thread


def test_existing_files_are_never_overwritten(make_format, make_frame, tmp_path: Path) -> None:
    folder = tmp_path / "tour" / "paris"
    # makes the folders
    record_offline(folder / "first.mp4", make_format(is_offline=True), [make_frame(0)])
    path = folder / "take.mp4"
    path.write_bytes(b"precious")
    for number in (2, 3):
        sink = record_offline(path, make_format(), [make_frame(0)])
        assert len(pictures(folder / f"take {number}.mp4")) == 1
        assert f"take {number}.mp4 ({path} already existed)" in sink.status().detail
    with pytest.raises(SinkError, match=r"take\.mp4: exists already; --overwrite replaces it"):
        record_offline(path, make_format(is_offline=True), [make_frame(0)])
    assert path.read_bytes() == b"precious" and len(list(folder.iterdir())) == 4


def test_an_impossible_file_is_an_error_at_start_and_one_without_a_frame_is_not_left(
    make_format, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for name, complaint in (
        ("a.gif", "'a.gif' must end in .mp4 or .mov or .mkv or .avi"),
        ("file/a.mp4", "cannot create the folder .*file: "),
    ):
        sink = RecordSink(str(tmp_path / name))
        with pytest.raises(SinkError, match=complaint):
            sink.start(make_format(), may_wait=True)
        sink.close()
    record_offline(tmp_path / "a.mp4", make_format(), [])
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def written_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6


def test_a_new_size_continues_in_a_second_file(
    make_format, make_frame, f_card, tmp_path: Path
) -> None:
    frames = [make_frame(n) for n in range(5)] + [
        make_frame(n, f_card(80, 40)) for n in range(5, 8)
    ]
    sink = record_offline(tmp_path / "a.mp4", make_format(is_offline=True), frames)
    first, second = pictures(tmp_path / "a.mp4"), pictures(tmp_path / "a 2.mp4")
    assert [len(first), len(second)] == [5, 3]
    assert (second[0].width, second[0].height, second[0].time) == (80, 40, 0)
    assert sink.status().frames == 8
    # 5/30 + 3/30 s
    detail = f"{tmp_path / 'a.mp4'}, first of 2 files, 0.3 s, {written_mb(tmp_path):.1f} MB"
    assert sink.status().detail == detail
    detail = sink.recording()
    assert (detail.file, round(detail.seconds, 3)) == (str(tmp_path / "a 2.mp4"), 0.267)
    assert 0 < detail.free_bytes <= shutil.disk_usage(tmp_path).total


@pytest.mark.parametrize("is_offline", [True, False])
def test_new_sizes_before_the_first_frame_keep_the_name(
    make_format, make_frame, f_card, tmp_path: Path, is_offline: bool
) -> None:
    path = tmp_path / "a.mp4"
    sink = RecordSink(str(path))
    sink.start(make_format(is_offline=is_offline), may_wait=True)
    assert path.exists()
    for width in (80, 100):
        sink.set_format(make_format(is_offline=is_offline, width=width, height=40))
    for index in range(3):
        sink.publish(make_frame(index, f_card(100, 40)))
    sink.close()
    assert list(tmp_path.iterdir()) == [path]
    assert [(picture.width, picture.height) for picture in pictures(path)] == [(100, 40)] * 3
    assert (sink.name, sink.status().detail) == (
        str(path),
        f"{path}, 0.1 s, {written_mb(tmp_path):.1f} MB",
    )


@pytest.mark.parametrize("name", ["a.mp4", *in_long_form("a.mov", "a.mkv", "a.avi")])
def test_a_killed_recording_plays_up_to_its_last_second(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    command = [sys.executable, "-c", RECORD_UNTIL_KILLED, str(path)]
    child = subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "written\n"
    child.kill()
    child.communicate()
    times = [float(frame.time) for frame in playable(path, video=0)]
    assert times[-1] >= 118 / 30 - 1
    assert len(times) == round(times[-1] * 30) + 1, "no frame is missing before it"
    assert sum(block.samples for block in playable(path, audio=0)) >= (118 / 30 - 1.1) * RATE_HZ


def boxes_of(path: Path) -> list[bytes]:
    """Kinds of a movie's top-level boxes, in order."""
    data, boxes, at = path.read_bytes(), [], 0
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        at += length or len(data)
        boxes.append(kind)
    return boxes


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_a_finished_movie_is_unfragmented_with_its_index_in_front(
    make_format, make_frame, tmp_path: Path, name: str
) -> None:
    """Editing programs need that, and browsers that play during the download."""
    path = tmp_path / name
    record_offline(
        path,
        make_format(fps=30.0, is_offline=True),
        (make_frame(n, time_s=n / 30) for n in range(60)),
    )
    boxes = boxes_of(path)
    assert boxes.count(b"moov") == 1 and b"moof" not in boxes
    assert boxes.index(b"moov") < boxes.index(b"mdat")
    assert list(tmp_path.iterdir()) == [path]
    with av.open(str(path)) as movie:
        assert (movie.streams.video[0].frames, movie.streams.video[0].base_rate) == (60, 30)


def test_a_recording_whose_index_cannot_be_moved_is_unchanged(
    make_format, make_frame, tmp_path: Path
) -> None:
    path = tmp_path / "a.mp4"
    partial_path(path).mkdir()  # in the way of its copy
    sink = record_offline(path, make_format(is_offline=True), (make_frame(n) for n in range(30)))
    reason = os.strerror(errno.EACCES if os.name == "nt" else errno.EISDIR)
    assert sink.status().detail.endswith(f"; its index was not moved to the front: {reason}")
    assert len(pictures(path)) == 30
    partial_path(path).rmdir()
    before = path.read_bytes()
    assert index_in_front.put_index_in_front(path, lambda: False) == "not enough time"
    assert path.read_bytes() == before
    behind = b"\0\0\0\x0cfreekept"  # a box after the index
    path.write_bytes(before + behind)
    played = [(frame.time, frame.to_ndarray().tobytes()) for frame in pictures(path)]
    for _ in range(2):  # idempotent
        assert index_in_front.put_index_in_front(path) == ""
        assert boxes_of(path)[1] == b"moov" and len(path.read_bytes()) == len(before + behind)
    assert path.read_bytes().endswith(behind)
    assert [
        (frame.time, frame.to_ndarray().tobytes()) for frame in pictures(path)
    ] == played and len(played) == 30
    assert list(tmp_path.iterdir()) == [path]


def test_an_index_beyond_32_bits_has_offsets_of_64(make_format, make_frame, tmp_path: Path) -> None:
    """The index of a file that exceeds 4 GiB only after the move."""
    path = tmp_path / "a.mp4"
    record_offline(path, make_format(is_offline=True), (make_frame(n) for n in range(3)))
    index = path.read_bytes()
    begin = index.index(b"moov") - 4
    index = index[begin : begin + int.from_bytes(index[begin : begin + 4], "big")]
    near, far = (index_in_front._shift_offsets(index, size) for size in (2**31, 2**32 - 1))
    assert (near.count(b"stco"), near.count(b"co64"), far.count(b"stco"), far.count(b"co64")) == (
        2,
        0,
        0,
        2,
    )
    chunks = struct.unpack_from(">I", index, index.index(b"stco") + 8)[0]
    assert chunks and len(far) > len(near) == len(index)
    before = struct.unpack_from(f">{chunks}I", index, index.index(b"stco") + 12)
    after = struct.unpack_from(f">{chunks}Q", far, far.index(b"co64") + 12)
    assert [late - early for early, late in zip(before, after, strict=True)] == [len(far)] * chunks


@pytest.mark.only_on("linux", reason="elsewhere Python cannot choose the cores of a thread")
@pytest.mark.parametrize("name", ["a.mp4", *in_long_form("a.mov", "a.mkv", "a.avi")])
def test_an_offline_movie_has_the_same_bytes_on_any_number_of_cores(
    make_format, make_frame, tmp_path: Path, require, name: str
) -> None:
    """By default encoders choose their number of threads, and x264's output depends on it."""
    require(len(os.sched_getaffinity(0)) > 1, "two cores")
    grain = (
        np.random.default_rng(5).integers(0, 255, (45, 80, 4), np.uint8).repeat(4, 0).repeat(4, 1)
    )
    cores = sorted(os.sched_getaffinity(0))
    contents = []
    try:
        for count in (1, len(cores)):
            os.sched_setaffinity(0, cores[:count])
            path = tmp_path / f"{count} {name}"
            frames = (
                make_frame(n, np.ascontiguousarray(np.roll(grain, 3 * n, 1)), time_s=n / 30)
                for n in range(12)
            )
            record_offline(path, make_format(width=320, height=180, is_offline=True), frames)
            contents.append(path.read_bytes())
    finally:
        os.sched_setaffinity(0, cores)
    assert contents[0] == contents[1]


def test_in_an_avi_a_missing_picture_extends_the_previous_one(
    make_format, make_frame, f_card, tmp_path: Path
) -> None:
    """An AVI has a constant rate: live pictures at 0, 1 and 4 thirtieths keep their times."""
    path = tmp_path / "a.avi"
    sink = RecordSink(str(path))
    sink.start(make_format(width=64, height=48, sample_rate_hz=0, audio_channels=0), may_wait=True)
    for index in (0, 1, 4):
        sink.publish(make_frame(index, f_card(64, 48), time_s=index / 30))
    sink.close()
    assert [round(float(frame.time) * 30) for frame in pictures(path)] == [0, 1, 4]


@pytest.mark.only_on("linux", reason="a process can limit the size of its files only there")
def test_a_full_disk_is_reported_others_continue_and_the_file_plays_up_to_there(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.mp4"
    done = subprocess.run(
        [sys.executable, "-c", RECORD_INTO_A_FULL_DISK, str(path)],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines, states = done.stdout.splitlines()
    assert lines == f"['record: {path}: File too large']"
    assert states == "[('record', 'failed'), ('null', 'ended')] 200"
    assert len(pictures(path)) >= 5
    assert path.stat().st_size < 300_000, "half a fragment at the end was cut off"
