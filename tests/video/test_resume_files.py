"""A run that was interrupted anywhere and gone on with writes what an uninterrupted one would have written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.video import segmented_video
from tests.segment.disc_movie import pictures_of
from tests.video.written import names, packets_of, write

Clip = Callable[..., Path]


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmented_video, "SEGMENT_PICTURES", 6)


@pytest.mark.parametrize("end", ["stop", "abandon"])
@pytest.mark.parametrize("stop", [1, 6, 13, 20])
def test_a_video_is_packet_by_packet_that_of_an_uninterrupted_run(
    clip: Clip, tmp_path: Path, stop: int, end: str
) -> None:
    source, whole, out = clip(20), tmp_path / "whole.mp4", tmp_path / "out.mp4"
    write(source, whole)
    write(source, out, stop=stop, end=end)
    if end == "stop" and stop < 20:
        assert len(pictures_of(out)) == stop, "what is there plays"
        assert names(tmp_path)[0] == ".out.mp4.partial"
    resumed = write(source, out, resume=True, overwrite=stop == 20)
    assert resumed.done == (stop // 6 * 6 if stop < 20 else 0)
    assert packets_of(out) == packets_of(whole)
    assert packets_of(out, "audio") == packets_of(whole, "audio") == packets_of(source, "audio")
    assert names(tmp_path) == ["in.mp4", "out.mp4", "whole.mp4"]


@pytest.mark.parametrize("end", ["stop", "abandon"])
def test_a_folder_goes_on_behind_the_last_whole_batch(clip: Clip, tmp_path: Path, end: str) -> None:
    source, whole, out = clip(20), tmp_path / "whole", tmp_path / "out"
    write(source, f"{whole}/", batch=4)
    write(source, out, stop=11, end=end, batch=4)
    assert names(out) == [f"frame_{number:06d}.png" for number in range(11)]
    resumed = write(source, out, batch=4, resume=True)
    assert resumed.done == 8
    assert [path.read_bytes() for path in sorted(out.iterdir())] == [
        path.read_bytes() for path in sorted(whole.iterdir())
    ]
    assert names(tmp_path) == ["in.mp4", "out", "whole"]
