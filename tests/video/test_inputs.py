"""What `--input` takes: every picture of it is handed out or counted, and what is wrong is told in a line."""

import http.server
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from engine.errors import SourceError
from engine.sources.pictures import InputPicture, Pictures, fitted
from engine.video.inputs import open_input
from tests.segment.disc_movie import write_movie

WIDTH, HEIGHT = 96, 64

Movie = Callable[..., Path]


@pytest.fixture
def movie(tmp_path: Path) -> Movie:
    """`movie(count)`: numbered pictures, 30 a second, H.264 in MP4 without sound, unless `write_movie` is told else."""

    def write(count: int = 12, *, name: str = "in.mp4", **options: Any) -> Path:
        pictures = options.pop("pictures", None) or [numbered(number) for number in range(count)]
        return write_movie(tmp_path / name, pictures, **{"sound": None} | options)

    return write


def numbered(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """(height, width, 3) uint8: `number` in nine black or white stripes, the lowest bit left."""
    bits = np.array([255 * (number >> bit & 1) for bit in range(9)], np.uint8)
    return np.repeat(bits[np.arange(width) * 9 // width][None, :, None], 3, axis=2).repeat(height, axis=0)


def number_in(pixels: np.ndarray) -> int:
    height, width = pixels.shape[:2]
    middles = ((np.arange(9) + 0.5) * width / 9).astype(int)
    return sum(1 << bit for bit, value in enumerate(pixels[height // 2, middles].mean(axis=1)) if value > 127)


def read_all(
    source: Path | str, every: int = 1, limit: int | None = None, start: int = 0
) -> tuple[Pictures, list[InputPicture]]:
    pictures = open_input(str(source))
    return pictures, list(pictures.read(every, limit, start))


def test_each_of_509_pictures_comes_once_whatever_is_skipped(movie: Movie) -> None:
    source = movie(509, options={"preset": "ultrafast"})
    for every in range(1, 8):
        pictures, read = read_all(source, every)
        kept = [number for number in range(509) if number % every == 0]
        assert [number_in(picture.pixels) for picture in read] == [picture.number for picture in read] == kept
        assert (pictures.counts.decoded, pictures.counts.passed_over) == (509, 509 - len(kept))
        assert (pictures.counts.unreadable, pictures.counts.notes) == (0, [])


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_is_done_already_is_left_out_and_counted(is_folder: bool, movie: Movie, tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", range(23)) if is_folder else movie(23)
    for every, limit, start in [(1, None, 7), (3, None, 4), (2, 9, 8), (2, 8, 8), (1, None, 23)]:
        _, whole = read_all(source, every, limit)
        pictures, rest = read_all(source, every, limit, start)
        assert [picture.name for picture in rest] == [picture.name for picture in whole[start:]]
        assert [(one.start_s, one.end_s) for one in rest] == [(one.start_s, one.end_s) for one in whole[start:]]
        counts = pictures.counts
        assert counts.resumed == min(start, len(whole))
        assert counts.decoded == counts.passed_over + counts.resumed + len(rest)


def test_a_broken_picture_of_a_folder_is_not_one_of_those_that_are_done(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", range(8))
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:60])
    pictures, rest = read_all(folder, start=4)
    assert [picture.name for picture in rest] == ["5", "6", "7"]
    assert (pictures.counts.resumed, pictures.counts.unreadable) == (4, 1)


def test_a_folder_is_read_by_number_broken_ones_are_told_and_other_sizes_fitted(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", (10, 2, 1))
    Image.fromarray(numbered(3, 64, 64)).save(folder / "3.jpg", quality=95)
    Image.fromarray(numbered(4, 33, 21)).save(folder / "4.png")
    (folder / "5.png").write_bytes(b"\x89PNG broken")
    (folder / "notes.txt").write_text("no picture")
    pictures = open_input(str(folder))
    read = list(fitted(pictures.read(1, None), (WIDTH, HEIGHT), pictures.counts))
    assert [picture.file_name for picture in read] == ["1.png", "2.png", "3.jpg", "4.png", "10.png"]
    assert {picture.pixels.shape for picture in read} == {(HEIGHT, WIDTH, 3)}
    assert (pictures.counts.decoded, pictures.counts.unreadable, pictures.counts.refitted) == (5, 1, 2)
    assert [note.split(":")[0] for note in pictures.counts.notes] == [
        "from 3 on the picture is 64x64",
        str(folder / "5.png"),
    ]


def folder_of(folder: Path, numbers: Any) -> Path:
    folder.mkdir()
    for number in numbers:
        Image.fromarray(numbered(number)).save(folder / f"{number}.png")
    return folder


class Files(http.server.SimpleHTTPRequestHandler):
    """What lies in a folder, and /stage.mjpg: a picture after the other until the server closes."""

    server: "Server"

    def do_GET(self) -> None:
        if not self.path.startswith("/stage.mjpg"):
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        jpeg = simplejpeg.encode_jpeg(numbered(5))
        try:
            while not self.server.is_closing.wait(0.005):
                head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")
        except OSError:
            pass  # whoever listened is gone

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(Files, directory=str(folder)))
        self.is_closing = threading.Event()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Its address, with a password."""
    server = Server(tmp_path)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://artist:secret@127.0.0.1:{server.server_port}"
    server.is_closing.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_on_a_server_is_read_whole(movie: Movie, server: str) -> None:
    movie(40, name="in.mkv")
    pictures, read = read_all(f"{server}/in.mkv?key=hidden", every=2)
    assert (pictures.kind, pictures.expected) == ("video", 40)
    assert [number_in(picture.pixels) for picture in read] == list(range(0, 40, 2))
    assert pictures.label == f"{server.replace('artist:secret@', '')}/in.mkv"


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


def test_what_is_wrong_with_an_address_is_told_without_its_password(server: str, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("not a video\n" * 100)
    for path in ("missing.mp4", "notes.mp4"):
        with pytest.raises(SourceError) as caught:
            open_input(f"{server}/{path}?key=hidden")
        said = str(caught.value)
        assert path in said and "\n" not in said
        assert "secret" not in said and "hidden" not in said
