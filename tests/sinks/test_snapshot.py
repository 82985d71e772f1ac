"""Snapshots, read back from their PNG files."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from engine.errors import SinkError
from engine.sinks.snapshot import SnapshotSink, encode_png, split_argument


def png(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def run(argument: str | Path, output_format, frames, takes: tuple[int, ...] = ()) -> SnapshotSink:
    """Publish the frames; `take()` is called before each frame whose number is in `takes`."""
    sink = SnapshotSink(str(argument))
    sink.start(output_format)
    for frame in frames:
        for _ in range(takes.count(frame.id.index)):
            sink.take()
        sink.publish(frame)
    sink.close()
    return sink


def shade(index: int) -> np.ndarray:
    return np.full((48, 64, 4), [index, 0, 0, 255], np.uint8)


def test_a_named_file_gets_the_last_frame_or_each_take_and_only_those_are_read_back(
    make_format, make_frame, tmp_path: Path
) -> None:
    reads: list[int] = []
    sink = run(
        tmp_path / "a.png", make_format(), (make_frame(n, shade(n), reads=reads) for n in range(10))
    )
    assert reads == [9]
    assert png(tmp_path / "a.png")[0, 0, 0] == 9
    assert (sink.status().frames, sink.status().detail) == (1, str(tmp_path / "a.png"))
    frames = (make_frame(n, shade(n), reads=reads) for n in range(10))
    sink = run(tmp_path / "tour" / "a.png", make_format(), frames, takes=(2, 5))
    assert reads == [9, 2, 5]
    assert sink.status().detail == f"2 pictures in {tmp_path / 'tour'}, the latest a 2.png"
    files = {path.name: int(png(path)[0, 0, 0]) for path in (tmp_path / "tour").iterdir()}
    assert files == {"a.png": 2, "a 2.png": 5}


def test_the_last_picture_of_the_second_output_is_written_though_later_frames_had_none(
    make_format, make_frame, tmp_path: Path
) -> None:
    reads: list[int] = []
    sink = SnapshotSink(str(tmp_path / "a.png"), "2")
    sink.start(make_format())
    sink.publish(make_frame(3, shade(3), reads=reads))
    assert reads == [3], "it is gone as soon as the first output is drawn again"
    sink.close()
    assert png(tmp_path / "a.png")[0, 0, 0] == 3 and reads == [3]


def test_without_a_name_takes_are_dated_and_the_last_frame_is_not_kept(
    make_format, make_frame
) -> None:
    output_format = make_format()
    run("", output_format, (make_frame(n, shade(n)) for n in range(4)), takes=(1,))
    (path,) = output_format.record_folder.iterdir()
    assert path.name.startswith("multiverse 20") and path.suffix == ".png"
    assert png(path)[0, 0, 0] == 1


def test_a_time_gives_the_first_frame_at_or_after_it_and_one_after_the_end_is_an_error(
    make_format, make_frame, tmp_path: Path
) -> None:
    reads: list[int] = []
    run(
        f"{tmp_path / 'a.png'}@0.5",
        make_format(),
        (make_frame(n, shade(n), reads=reads) for n in range(30)),
    )
    assert reads == [15]
    assert png(tmp_path / "a.png")[0, 0, 0] == 15
    sink = SnapshotSink(f"{tmp_path / 'b.png'}@2.5")
    sink.start(make_format())
    sink.publish(make_frame(30))
    assert sink.status().detail == "waiting for 2.5 s"
    with pytest.raises(SinkError, match=r"ended at 1 s, before 2\.5 s"):
        sink.close()
    sink.close()


def test_existing_files_are_never_overwritten_and_no_partial_file_remains(
    make_format, make_frame, f_card, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"precious")
    card = f_card()
    run(tmp_path / "a.png", make_format(), [make_frame(0, card)])
    assert np.array_equal(png(tmp_path / "a 2.png"), card[..., :3]), "upright and exact"
    assert (tmp_path / "a.png").read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a 2.png", "a.png"]


def test_offline_no_take_is_lost_even_if_many_come_at_once(
    make_format, make_frame, tmp_path: Path
) -> None:
    frames = (make_frame(n, shade(n)) for n in range(3))
    sink = run(tmp_path / "a.png", make_format(is_offline=True), frames, takes=(0,) * 9 + (1,) * 9)
    assert (sink.status().frames, sink.status().dropped) == (18, 0)
    assert len(list(tmp_path.iterdir())) == 18


def test_an_impossible_file_is_an_error_at_start(make_format, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, picture, complaint in (
        ("a.jpg", "main", "must end in .png"),
        ("file/a.png", "main", "cannot create the folder .*file"),
        ("ids.16.png", "sam3_mask", "only the main picture has 16 bits"),
    ):
        sink = SnapshotSink(str(tmp_path / name), picture)
        with pytest.raises(SinkError, match=complaint):
            sink.start(make_format(), may_wait=True)
        sink.close()


def deep_frame(make_frame, levels: np.ndarray):
    """A frame whose red channel has these levels, uint16."""
    rgba = np.zeros((4, levels.size, 4), np.uint16)
    rgba[..., 0], rgba[..., 3] = levels, 65535
    return replace(make_frame(0, (rgba >> 8).astype(np.uint8)), read_rgba16=lambda: rgba)


def test_a_name_with_16_keeps_the_levels_between_two_of_8_bits(
    make_format, make_frame, tmp_path: Path
) -> None:
    levels = np.arange(20_000, 20_600, dtype=np.uint16)
    for name in ("a.16.png", "a.png"):
        run(tmp_path / name, make_format(), [deep_frame(make_frame, levels)] * 2, takes=(0,))
    pixels = cv2.imread(str(tmp_path / "a.16.png"), cv2.IMREAD_UNCHANGED)
    assert pixels.dtype == np.uint16
    assert pixels[0, :, 2].tolist() == levels.tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a 2.16.png",
        "a 2.png",
        "a.16.png",
        "a.png",
    ]
    assert png(tmp_path / "a.png")[0, :, 0].tolist() == (levels >> 8).tolist()


@pytest.mark.parametrize(
    ("pixels", "written"),
    [
        (
            np.array(
                [[64, 32, 0, 128], [10, 20, 30, 255], [0, 0, 0, 0], [200, 9, 9, 100]], np.uint8
            ),
            [[128, 64, 0, 128], [10, 20, 30, 255], [0, 0, 0, 0], [255, 23, 23, 100]],
        ),
        (
            np.array([[100, 50, 0, 32768], [65535, 65535, 65535, 65535]], np.uint16),
            [[200, 100, 0, 32768], [65535] * 4],
        ),
    ],
    ids=["8 bits", "16 bits"],
)
def test_colours_under_alpha_are_divided_by_it(
    pixels: np.ndarray, written: list[list[int]], tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(pixels[None]))
    assert (
        cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)[0][:, [2, 1, 0, 3]].tolist()
        == written
    )


def test_the_time_follows_the_last_at_sign() -> None:
    for argument, expected in (
        ("", (None, None)),
        ("out.png", (Path("out.png"), None)),
        ("out.png@2.5", (Path("out.png"), 2.5)),
        ("me@home.png", (Path("me@home.png"), None)),
        ("me@home.png@0", (Path("me@home.png"), 0.0)),
    ):
        assert split_argument(argument) == expected
    for argument in ("out.png@-1", "out.png@nan", "out.png@inf"):
        with pytest.raises(SinkError, match="is not a time"):
            split_argument(argument)
