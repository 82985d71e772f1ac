"""Films, sounds and certificates that are no files, or name other files: one line each, at once."""

import os
import socket
from pathlib import Path

import pytest

from tests.support.own_process import lines_of
from tests.support.programs import program

OPENED = program("media_file_opened")

LARGE = program("media_file_large")

REPLACED = program("media_file_replaced")


@pytest.mark.only_on("linux", "darwin", reason="Windows has no such files")
def test_whatever_is_named_as_a_video_or_sound_is_opened_only_if_it_is_one_file(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "fifo.mp4")
    due = {
        tmp_path / "fifo.mp4": "a FIFO, where a file is needed",
        tmp_path / "fifo.wav": "a FIFO, where a file is needed",
        Path("/dev/zero"): "a device, where a file is needed",
        tmp_path / "socket": "a socket, where a file is needed",
        tmp_path / "list.mp4": "a playlist of other files; join them to one",
        tmp_path / "hls.mkv": "a playlist of other files; join them to one",
        tmp_path / "dash.mp4": "a playlist of other files; join them to one",
    }
    os.mkfifo(tmp_path / "fifo.wav")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile fifo.mp4\n")
    (tmp_path / "dash.mp4").write_text(
        '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>'
    )
    (tmp_path / "hls.mkv").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfifo.mp4\n#EXT-X-ENDLIST\n"
    )
    with socket.socket(socket.AF_UNIX) as server:
        # the whole path may be too long for its address
        server.bind(os.path.relpath(tmp_path / "socket"))
        lines, peak_mb = lines_of(OPENED, *due)
    assert len(lines) == 4 * len(due), lines
    for number, line in enumerate(lines):
        path, reason = list(due.items())[number // 4]
        assert line.startswith(str(path)) and reason in line
    assert peak_mb < 300


@pytest.mark.only_on("linux", "darwin", reason="Windows has no such files")
def test_a_looped_sound_that_becomes_a_fifo_and_a_certificate_that_is_one_are_not_waited_for(
    tmp_path: Path,
) -> None:
    lines, _ = lines_of(REPLACED, tmp_path / "loop.wav")
    assert any("a FIFO, where a file is needed" in line for line in lines[:-1]), lines
    assert lines[-1].endswith("cannot be used (a FIFO, where a file is needed)")


def test_a_small_video_of_huge_pictures_is_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "huge.mov"
    lines, peak_mb = lines_of(LARGE, path)
    reason = "Invalid argument; pictures of up to 8192x8192 px can be decoded"
    assert lines == ["(3000, 3000, 3)", f"{path}: no picture can be decoded ({reason})"]
    assert peak_mb < 300
