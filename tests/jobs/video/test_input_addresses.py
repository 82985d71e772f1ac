"""Files and a camera on a real HTTP server, as `--input`."""

import http.server
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
import soundfile

from engine.errors import SourceError
from engine.jobs.video.inputs import open_input
from tests.jobs.video.numbered import number_in, numbered, read_all

Movie = Callable[..., Path]


class Files(http.server.SimpleHTTPRequestHandler):
    """Serves the files of a folder. Below /hasty the second answer of a file ends after a tenth;
    /stage.mjpg sends one picture after the other until the server closes."""

    server: "Server"

    def do_GET(self) -> None:
        if self.path.startswith("/hasty"):
            self.send_a_part(Path(self.directory, self.path.removeprefix("/hasty/")).read_bytes())
        elif self.path.startswith("/stage.mjpg"):
            self.send_pictures()
        else:
            super().do_GET()

    def send_a_part(self, data: bytes) -> None:
        at = int(re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))[1])
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {at}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - at))
        self.end_headers()
        # it is looked at first
        self.wfile.write(data[at : at + len(data) // 10 + 1] if self.server.parts else data)
        self.server.parts += 1

    def send_pictures(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        jpeg = simplejpeg.encode_jpeg(numbered(5))
        try:
            while not self.server.is_closing.wait(0.005):
                head = (
                    f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                )
                self.wfile.write(head.encode() + jpeg + b"\r\n")
        except OSError:
            pass  # the client is gone

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(Files, directory=str(folder)))
        self.is_closing = threading.Event()
        self.parts = 0


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.is_closing.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server(files: Server) -> str:
    """Address of the server, with a password."""
    return f"http://artist:secret@127.0.0.1:{files.server_port}"


def test_a_server_that_closes_the_connection_in_between_costs_no_picture(
    movie: Movie, files: Server, server: str
) -> None:
    movie(60, name="in.mkv", options={"g": "5"})
    pictures, read = read_all(f"{server}/hasty/in.mkv")
    assert [number_in(picture.pixels) for picture in read] == list(range(60))
    assert pictures.counts.notes == [] and files.parts >= 10


def test_a_camera_on_a_server_is_live(server: str) -> None:
    pictures = open_input(f"{server}/stage.mjpg?key=hidden")
    try:
        read = list(pictures.read(3, 4))
    finally:
        pictures.close()
    assert (pictures.kind, pictures.expected) == ("live", None)
    assert [number_in(picture.pixels) for picture in read] == [5] * 4
    assert all(picture.number % 3 == 0 for picture in read)
    counts = pictures.counts
    assert counts.decoded == 4 + counts.passed_over + counts.dropped == read[-1].number + 1
    assert pictures.label == f"camera {server.replace('artist:secret@', '')}/stage.mjpg"


def test_errors_of_an_address_do_not_show_its_password(server: str, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("not a video\n" * 100)
    soundfile.write(tmp_path / "sound.wav", np.zeros(8000), 8000)
    for path in ("missing.mp4", "notes.mp4", "sound.wav"):
        with pytest.raises(SourceError) as caught:
            open_input(f"{server}/{path}?key=hidden")
        message = str(caught.value)
        assert path in message and "\n" not in message
        assert "secret" not in message and "hidden" not in message
