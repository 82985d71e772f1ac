"""Streams by address: a real HTTP server sends Motion JPEG and MPEG-TS, ends, stalls and
resumes."""

import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np
import pytest
import simplejpeg

from engine.errors import SourceError
from engine.sources.camera import open_stream, redact_url
from engine.sources.opening import open_source
from engine.sources.source import Source
from engine.system.clock import SystemClock

PICTURES = 8  # in a stream that ends


class Broadcast(http.server.ThreadingHTTPServer):
    """Every path is one stream of pictures of `level`, sent when the test allows it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Listener)
        self.level = 100
        self.goes_on = threading.Event()  # cleared: the stream stalls, its connection stays open
        self.goes_on.set()
        self.is_endless = True
        self.is_closing = threading.Event()
        self.connections = 0
        self.file = b""

    def pictures(self) -> Iterator[np.ndarray]:
        count = 0
        while not self.is_closing.is_set() and (self.is_endless or count < PICTURES):
            if self.goes_on.wait(0.05):
                count += 1
                yield np.full((64, 128, 3), self.level, np.uint8)
                self.is_closing.wait(0.01)


class Listener(http.server.BaseHTTPRequestHandler):
    server: Broadcast

    def do_GET(self) -> None:
        self.server.connections += 1
        send: Callable[[], None] = getattr(
            self, f"send_{self.path.partition('?')[0].rpartition('.')[2]}"
        )
        try:
            send()
        except OSError:  # the client disconnected
            pass

    def send_mjpg(self) -> None:
        self._begin("multipart/x-mixed-replace; boundary=picture")
        for picture in self.server.pictures():
            jpeg = simplejpeg.encode_jpeg(picture)
            head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")

    def send_ts(self) -> None:
        self._begin("video/mp2t")
        with av.open(self.wfile, "w", format="mpegts") as container:
            stream: Any = container.add_stream("mpeg2video", rate=30)
            stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
            for picture in self.server.pictures():
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
                self.wfile.flush()

    def send_mp4(self) -> None:
        self._begin("video/mp4")
        self.wfile.write(self.server.file)

    def _begin(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def broadcast() -> Iterator[Broadcast]:
    server = Broadcast()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.is_closing.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def listen(
    broadcast: Broadcast, watch: Callable[[str], Source]
) -> Iterator[Callable[[str], Source]]:
    yield lambda path: watch(f"http://artist:secret@127.0.0.1:{broadcast.server_port}/{path}")
    broadcast.is_closing.set()


def level_of(source: Source) -> int | None:
    frame = source.latest_frame()
    return None if frame is None else round(float(frame.pixels.mean()))


@pytest.mark.parametrize("kind", ["mjpg", "ts"])
def test_the_newest_picture_of_a_stream_is_shown(
    kind: str, broadcast: Broadcast, listen, wait_for
) -> None:
    source = listen(f"stage.{kind}")
    wait_for(lambda: level_of(source) in range(97, 104), "the first picture")
    broadcast.level = 200
    wait_for(lambda: level_of(source) in range(197, 204), "the newest picture")
    status = source.status()
    assert (status.state, status.width, status.height) == ("playing", 128, 64)
    assert status.description == f"camera http://127.0.0.1:{broadcast.server_port}/stage.{kind}"


def test_a_stream_that_ends_is_reopened(broadcast: Broadcast, listen, wait_for, reports) -> None:
    broadcast.is_endless = False
    source = listen("stage.mjpg?token=hidden")
    wait_for(lambda: reports.lines, "the end of the stream")
    broadcast.is_endless, broadcast.level = True, 50
    wait_for(lambda: level_of(source) in range(47, 54), "the stream to open again")
    assert broadcast.connections >= 2
    lines = " ".join(line for _, line in reports.lines)
    assert "secret" not in lines and "hidden" not in lines


def test_a_stalled_stream_is_reopened(
    broadcast: Broadcast, listen, wait_for, reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.sources.camera.SILENT_S", 0.3)
    source = listen("stage.mjpg")
    wait_for(lambda: level_of(source) is not None, "the first picture")
    broadcast.goes_on.clear()
    wait_for(lambda: reports.lines, "the read timeout")
    assert "no picture for" in reports.lines[0][1]
    broadcast.goes_on.set()
    wait_for(lambda: source.status().state == "playing", "the stream to open again")
    assert broadcast.connections >= 2


def test_a_silent_server_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.sources.camera.OPEN_TIMEOUT_S", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(SourceError, match="no answer within"),
    ):
        open_stream(f"http://127.0.0.1:{server.getsockname()[1]}/silent.mjpg")


def test_a_file_on_a_server_is_rejected_as_a_live_stream(broadcast: Broadcast, write_video) -> None:
    broadcast.file = write_video(10).read_bytes()
    with pytest.raises(SourceError, match="a file, not a live stream; download it"):
        open_stream(f"http://127.0.0.1:{broadcast.server_port}/clip.mp4")


def test_neither_passwords_nor_tokens_are_shown() -> None:
    assert redact_url("rtsp://me:pass@cam.local:554/live?key=1") == "rtsp://cam.local:554/live"
    assert redact_url("udp://@:1234") == "udp://:1234"
    with pytest.raises(SourceError, match=r"^camera \[hall/cam: not an address$"):
        open_source(
            "rtsp://me:secret@[hall/cam?key=1", offline=False, clock=SystemClock(), report=print
        )
