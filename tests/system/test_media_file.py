"""Films, sounds and certificates that are no files, or name other files: one line each, at once."""

import os
import socket
from pathlib import Path

import pytest

from tests.support.own_process import lines_of

OPENED = """
import sys
from pathlib import Path
from engine.audio.file import FileFeed
from engine.errors import MultiverseError
from engine.jobs.convert.sounds import open_sound
from engine.sources.opening import open_source
from engine.sources.pictures import open_pictures

def reports(cause, line):
    print(line)

for name in sys.argv[1:]:
    for open_it in (
        lambda: FileFeed(name, is_looped=False, report=reports),
        lambda: open_source(name, offline=True, clock=None, report=reports),
        lambda: open_sound(Path(name)),
        lambda: open_pictures(Path(name)),
    ):
        try:
            open_it()
            print("was opened")
        except MultiverseError as error:
            print(error)
"""

LARGE = """
import struct, sys, zlib
from fractions import Fraction
from pathlib import Path
import av
import numpy as np
from engine.errors import SourceError
from engine.sources.pictures import open_pictures

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

def film(path, side_px):
    packing = zlib.compressobj(1)
    data = b"".join(packing.compress(bytes(1 + 3 * side_px)) for _ in range(side_px)) + packing.flush()
    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 2, 0, 0, 0)
    picture = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    with av.open(path, "w") as written:
        stream = written.add_stream("png", rate=25)
        stream.width = stream.height = 64  # what it says
        stream.pix_fmt = "rgb24"
        stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24"))
        packet = av.Packet(picture)
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 25)
        written.mux(packet)

for side_px in (3000, 9000):
    film(sys.argv[1], side_px)
    try:
        print(open_pictures(Path(sys.argv[1])).first.pixels.shape)
    except SourceError as error:
        print(error)
"""

REPLACED = """
import os, sys
import numpy as np, soundfile
from engine.audio.file import FileFeed

path = sys.argv[1]
soundfile.write(path, np.full(8000, 0.5), 8000)
feed = FileFeed(path, is_looped=True, report=lambda cause, line: print(line))
os.unlink(path)
os.mkfifo(path)
for _ in range(30):
    feed.read(800)

from pathlib import Path
from engine.errors import UsageError
from engine.jobs.video.live.server import _tls
try:
    _tls(Path(path), Path(path))
except UsageError as error:
    print(error)
"""


@pytest.mark.only_on("linux", "darwin", reason="Windows has no such files")
def test_whatever_is_named_as_a_video_or_sound_is_opened_only_if_it_is_one_file(tmp_path: Path) -> None:
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
    (tmp_path / "dash.mp4").write_text('<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>')
    (tmp_path / "hls.mkv").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfifo.mp4\n#EXT-X-ENDLIST\n")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))  # the whole path may be too long for its address
        lines, peak_mb = lines_of(OPENED, *due)
    assert len(lines) == 4 * len(due), lines
    for number, line in enumerate(lines):
        path, reason = list(due.items())[number // 4]
        assert line.startswith(str(path)) and reason in line
    assert peak_mb < 300


@pytest.mark.only_on("linux", "darwin", reason="Windows has no such files")
def test_a_looped_sound_that_becomes_a_fifo_and_a_certificate_that_is_one_are_not_waited_for(tmp_path: Path) -> None:
    lines, _ = lines_of(REPLACED, tmp_path / "loop.wav")
    assert any("a FIFO, where a file is needed" in line for line in lines[:-1]), lines
    assert lines[-1].endswith("cannot be used (a FIFO, where a file is needed)")


def test_a_small_video_of_huge_pictures_is_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "huge.mov"
    lines, peak_mb = lines_of(LARGE, path)
    reason = "Invalid argument; pictures of up to 8192x8192 px can be decoded"
    assert lines == ["(3000, 3000, 3)", f"{path}: no picture can be decoded ({reason})"]
    assert peak_mb < 300
