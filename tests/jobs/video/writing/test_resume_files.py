"""An interrupted and resumed run writes the same output as an uninterrupted one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.errors import SinkError
from tests.jobs.folders import names
from tests.jobs.segment.disc_movie import disc_picture, pictures_of
from tests.jobs.video.writing.written import packets_of, write
from tests.support.full_disk import no_file_over
from tests.support.long_form import in_long_form

Clip = Callable[..., Path]
SEGMENT = 6


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("end", ["stop", "abandon"])
@pytest.mark.parametrize("stop", [0, 13, *in_long_form(1, 6)])
def test_a_video_is_packet_by_packet_that_of_an_uninterrupted_run(
    clip: Clip, tmp_path: Path, stop: int, end: str
) -> None:
    source, whole, out = clip(20), tmp_path / "whole.mp4", tmp_path / "out.mp4"
    write(source, whole)
    write(source, out, stop=stop, end=end)
    if end == "stop" and stop:
        assert len(pictures_of(out)) == stop, "the existing part is playable"
    else:
        assert not out.exists()
    assert (".out.mp4.partial" in names(tmp_path)) == (
        stop >= SEGMENT or (end == "stop" and stop > 0)
    )
    assert write(source, out, resume=True).done == stop // SEGMENT * SEGMENT
    assert packets_of(out) == packets_of(whole)
    assert packets_of(out, "audio") == packets_of(whole, "audio") == packets_of(source, "audio")
    assert names(tmp_path) == ["in.mp4", "out.mp4", "whole.mp4"]


@pytest.mark.parametrize("suffix", [".mkv", ".mov", ".webm", ".avi"])
def test_every_container_can_be_interrupted_more_than_once(
    clip: Clip, tmp_path: Path, suffix: str
) -> None:
    times = [number + 9 * (number // 8) for number in range(23)]
    source = clip(times=times, pictures=[disc_picture(number, 96, 64, 12) for number in range(23)])
    whole, out = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    write(source, whole, every=2, batch=3)
    write(source, out, every=2, batch=3, stop=7)
    write(source, out, every=2, batch=3, stop=3, end="abandon", resume=True)
    assert write(source, out, every=2, batch=3, stop=2, resume=True).done == 6
    assert write(source, out, every=2, batch=3, resume=True).done == 6
    assert packets_of(out) == packets_of(whole) and len(packets_of(out)) == 12
    assert packets_of(out, "audio") == packets_of(whole, "audio")


def half_of_zeros(path: Path) -> None:
    """Damage a file as a power cut does: it keeps its size, and its second half is zeros."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))


@pytest.mark.parametrize(
    "damage", [half_of_zeros, lambda path: path.write_bytes(b"cut off"), Path.unlink]
)
def test_a_damaged_segment_is_named_and_written_again_with_all_after_it(
    clip: Clip, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    source, whole, out = clip(20), tmp_path / "whole.mp4", tmp_path / "out.mp4"
    write(source, whole)
    write(source, out, stop=19)
    damage(tmp_path / ".out.mp4.partial" / "segment_000001.mp4")
    resumed = write(source, out, resume=True)
    assert resumed.done == SEGMENT
    assert resumed.notes[0].endswith(
        "segment_000001.mp4: is damaged or gone; it and the 1 after it are painted again (12 "
        "pictures)"
    )
    assert packets_of(out) == packets_of(whole)


@pytest.mark.parametrize("end", ["stop", "abandon"])
def test_a_folder_is_resumed_after_the_last_complete_batch(
    clip: Clip, tmp_path: Path, end: str
) -> None:
    source, whole, out = clip(20), tmp_path / "whole", tmp_path / "out"
    write(source, f"{whole}/", batch=4)
    write(source, out, stop=15, end=end, batch=4)
    assert names(out) == [f"frame_{number:06d}.png" for number in range(15)]
    assert write(source, out, batch=4, resume=True).done == 12 and contents(out) == contents(whole)
    assert names(tmp_path) == ["in.mp4", "out", "whole"]


@pytest.mark.parametrize("damage", [half_of_zeros, Path.unlink])
def test_frames_that_were_damaged_or_removed_are_named_and_painted_again(
    clip: Clip, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    source, whole, out = clip(20), tmp_path / "whole", tmp_path / "out"
    write(source, whole)
    write(source, out, stop=16)
    damage(out / "frame_000007.png")
    resumed = write(source, out, resume=True)
    assert resumed.done == 6
    assert resumed.notes[0] == (
        f"{out / 'frame_000007.png'}: is damaged, changed or missing; its batch and later ones "
        "are painted again "
        "(10 pictures)"
    )
    assert contents(out) == contents(whole)


def test_frames_of_an_older_run_are_not_taken_for_done(clip: Clip, tmp_path: Path) -> None:
    source, out = clip(12), tmp_path / "out"
    write(source, out)
    for path in out.iterdir():
        path.write_bytes(b"older")
    write(source, out, stop=5, overwrite=True)
    resumed = write(source, out, resume=True)
    assert (resumed.done, resumed.notes) == (4, []) and b"older" not in contents(out)


@pytest.mark.only_on("linux", "darwin", reason="needs a limit on the size of files")
@pytest.mark.parametrize("name", ["out.mp4", "out.webm", "out"])
def test_a_full_disk_is_one_line_and_the_run_can_be_resumed(
    clip: Clip, tmp_path: Path, name: str
) -> None:
    noise = np.random.default_rng(0)
    source = clip(
        pictures=[noise.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(20)],
        options={"crf": "30"},
    )
    whole, out = tmp_path / f"whole{Path(name).suffix}", tmp_path / name
    write(source, whole)
    biggest = whole.stat().st_size if whole.is_file() else 20_000
    ends = set()
    # the first segment, the journal, a later one, the joined video
    for fraction in (0.01, 0.1, 0.4, 0.9):
        with pytest.raises(SinkError) as caught, no_file_over(max(round(biggest * fraction), 300)):
            write(source, out, resume=True)
        assert "(File too large)" in str(caught.value) and "\n" not in str(caught.value)
        assert str(caught.value).startswith(str(out)) and str(caught.value).endswith(
            "continue with --resume"
        )
        assert not out.is_file()
        ends.add(write(source, out, resume=True, stop=0, end="abandon").done)
    assert len(ends) > 1 or name == "out", "it got further each time"
    write(source, out, resume=True)
    assert (
        contents(out) == contents(whole) if out.is_dir() else packets_of(out) == packets_of(whole)
    )
    assert not list(tmp_path.glob(".*"))


@pytest.mark.only_on("linux", "darwin", reason="needs a limit on the size of files")
def test_a_frame_that_does_not_fit_is_not_passed_over(clip: Clip, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    source = clip(pictures=[noise if number == 3 else noise * 0 + 99 for number in range(12)])
    with (
        pytest.raises(SinkError, match=r"frame_000003\.png: cannot be written"),
        no_file_over(5_000),
    ):
        write(source, tmp_path / "out", batch=1)
    assert write(source, tmp_path / "out", batch=1, resume=True).done == 3
    assert names(tmp_path / "out") == [f"frame_{number:06d}.png" for number in range(12)]


@pytest.mark.parametrize(("name", "pictures"), [("out.mp4", pictures_of), ("out", names)])
def test_a_run_stopped_at_once_keeps_the_work_of_the_previous_one(
    clip: Clip, tmp_path: Path, name: str, pictures: Callable[[Path], list[object]]
) -> None:
    source, out = clip(12), tmp_path / name
    write(source, out, stop=3, batch=4)
    for end in ("stop", "abandon"):
        write(source, out, stop=0, end=end, resume=True, batch=4)
        assert len(pictures(out)) == 3
    write(source, out, resume=True, batch=4)
    assert len(pictures(out)) == 12
