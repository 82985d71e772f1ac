"""Real clients on real sockets; the frame loop is the test itself."""

import contextlib
import http.client
import json
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

import numpy as np
import pytest
import simplejpeg

from engine.errors import MultiverseError
from engine.web import PreviewTap, WebServer


@dataclass(frozen=True, slots=True)
class Status:
    fps: float = 30.0
    level_db: float = float("-inf")
    warnings: tuple[str, ...] = ("a warning",)


class FrameLoop:
    """Offers its picture whenever it is wanted, on a thread, as the engine does."""

    def __init__(self, tap, picture):
        self.tap, self.picture, self.offered = tap, picture, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.002):
            if self.tap.wants_frame(time.perf_counter()):
                self.tap.offer(self.picture)
                self.offered += 1

    def close(self):
        self._stop.set()
        self._thread.join()


@pytest.fixture
def serve(reports):
    with contextlib.ExitStack() as stack:

        def start(picture=None, status=Status):
            tap = PreviewTap()
            server = WebServer("127.0.0.1", 0, tap, status, reports)
            server.start()
            stack.callback(server.close)
            server.loop = FrameLoop(tap, picture) if picture is not None else None
            if server.loop:
                stack.callback(server.loop.close)
            server.tap = tap
            server.url = "http://{}:{}".format(*server.address)
            return server

        yield start


def get(server, path, **headers):
    request = urllib.request.Request(server.url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.status, response.headers, response.read()


class Viewer:
    """Reads Motion JPEG as a browser does."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection(*server.address, timeout=30)
        self.connection.request("GET", "/stream.mjpg")
        self.response = self.connection.getresponse()
        kind, _, boundary = self.response.headers["Content-Type"].partition("; boundary=")
        assert kind == "multipart/x-mixed-replace"
        self.boundary = b"--" + boundary.encode()

    def read_picture(self):
        assert self.response.readline().strip() == self.boundary
        length = None
        while line := self.response.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        jpeg = self.response.read(length)
        assert self.response.readline() == b"\r\n"
        return simplejpeg.decode_jpeg(jpeg, "RGB")

    def close(self):
        self.connection.close()
        self.response.close()


@pytest.fixture
def view():
    with contextlib.ExitStack() as stack:

        def open_viewer(server):
            viewer = Viewer(server)
            stack.callback(viewer.close)
            return viewer

        yield open_viewer


def assert_is_card(pixels, card):
    assert pixels.shape == card[..., :3].shape
    assert np.abs(pixels.astype(int) - card[..., :3]).mean() < 6
    for row, column in ((2, 2), (2, -3), (-3, 2), (-3, -3)):
        assert np.abs(pixels[row, column].astype(int) - card[row, column, :3]).max() < 60


def test_the_stream_shows_the_picture_the_right_way_up(serve, view, f_card):
    card = f_card(192, 128)
    viewer = view(serve(card))
    for _ in range(3):
        assert_is_card(viewer.read_picture(), card)


def test_two_viewers_see_the_same_pictures_of_one_encoder(serve, view, f_card):
    card = f_card(192, 128)
    server = serve(card)
    first, second = view(server), view(server)
    for _ in range(5):
        assert_is_card(first.read_picture(), card)
        assert_is_card(second.read_picture(), card)


def test_a_viewer_who_never_reads_stops_nobody(serve, view):
    noise = np.random.default_rng(1).integers(0, 255, (720, 1280, 4), np.uint8)  # 1.4 MB a JPEG: fills any buffer
    server = serve(noise)
    stuck = socket.create_connection(server.address)
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
    viewer = view(server)
    for _ in range(15):
        assert viewer.read_picture().shape == (720, 1280, 3)
    stuck.close()


def test_a_viewer_who_takes_nothing_for_long_is_dropped(serve, wait_for, monkeypatch):
    monkeypatch.setattr("engine.web.routes.STUCK_S", 0.2)
    server = serve(np.random.default_rng(1).integers(0, 255, (720, 1280, 4), np.uint8))
    with socket.create_connection(server.address) as stuck:
        stuck.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: server.tap._watchers, "the viewer")
        wait_for(lambda: not server.tap._watchers, "the viewer to be dropped")


def test_a_large_picture_is_reduced_for_the_page(serve, f_card):
    _, _, jpeg = get(serve(f_card(2560, 1440)), "/frame.jpg")
    assert_is_card(simplejpeg.decode_jpeg(jpeg, "RGB"), f_card(1280, 720))


def test_a_single_picture_is_the_newest(serve, f_card):
    server = serve(f_card(96, 64))
    get(server, "/frame.jpg")
    server.loop.picture = np.full((64, 96, 4), 200, np.uint8)
    _, headers, jpeg = get(server, "/frame.jpg")
    assert headers["Content-Type"] == "image/jpeg" and headers["Cache-Control"] == "no-store"
    assert abs(simplejpeg.decode_jpeg(jpeg, "RGB").mean() - 200) < 3


def test_pictures_are_wanted_only_while_somebody_watches(serve, view, f_card, wait_for):
    server = serve(f_card())
    get(server, "/status.json")
    assert server.loop.offered == 0
    viewer = view(server)
    viewer.read_picture()
    viewer.close()
    wait_for(lambda: not server.tap._watchers, "the server to see that the viewer left")
    offered = server.loop.offered
    get(server, "/status.json")
    assert server.loop.offered == offered


def test_without_pictures_a_single_one_is_refused_not_waited_for(serve):
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(serve(), "/frame.jpg")
    caught.value.close()
    assert caught.value.code == 503


def test_the_page_and_the_status_are_served(serve):
    server = serve()
    status, headers, page = get(server, "/")
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    assert b"/stream.mjpg" in page and b"/status.json" in page
    _, headers, body = get(server, "/status.json")
    assert headers["Content-Type"].startswith("application/json")
    assert json.loads(body) == {"fps": 30.0, "level_db": None, "warnings": ["a warning"]}


@pytest.mark.parametrize("path", ["/nothing", "/../engine", "/%2e%2e/%2e%2e/etc/passwd", "//", "/page.html?x"])
def test_odd_paths_are_not_found(serve, path):
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(serve(), path)
    caught.value.close()
    assert caught.value.code == 404


def test_a_page_that_points_its_own_name_here_learns_nothing(serve):
    for path in ("/", "/status.json", "/stream.mjpg", "/frame.jpg"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(serve(), path, Host="evil.example")
        caught.value.close()
        assert caught.value.code == 403


def test_garbage_is_survived_counted_and_stays_out_of_the_log(serve, f_card, caplog, reports):
    server = serve(f_card())
    rng = np.random.default_rng(1)
    garbage = [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        *(rng.bytes(500) for _ in range(20)),
    ]
    with caplog.at_level(logging.WARNING):
        for request in garbage:
            with socket.create_connection(server.address, timeout=30) as client, contextlib.suppress(OSError):
                client.sendall(request)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
    assert get(server, "/frame.jpg")[0] == 200
    assert not caplog.records
    assert set(reports.keys) == {"web request"}


def test_a_status_that_fails_is_an_error_not_an_end(serve, reports, caplog):
    def broken():
        raise RuntimeError("no status today")

    server = serve(status=broken)
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(server, "/status.json")
        caught.value.close()
        assert caught.value.code == 500
    assert reports.keys == ["web", "web"]
    assert len(caplog.records) == 1  # the first with its traceback, then counts
    assert get(server, "/")[0] == 200


def test_a_picture_that_cannot_be_encoded_is_passed_over(serve, view, f_card, reports, wait_for):
    server = serve(np.zeros((0, 0, 4), np.uint8))
    viewer = view(server)
    wait_for(lambda: "web" in reports.keys, "the report")
    server.loop.picture = f_card(96, 64)
    assert_is_card(viewer.read_picture(), f_card(96, 64))


def test_a_taken_port_is_an_error_that_names_the_option(serve, reports):
    host, port = serve().address
    with pytest.raises(MultiverseError, match=f"--web {host}:{port}: the port is taken"):
        WebServer(host, port, PreviewTap(), Status, reports).start()


def test_an_unknown_host_is_an_error_that_names_the_option(reports):
    with pytest.raises(MultiverseError, match=r"--web no\.such\.host\.invalid:0: no such host"):
        WebServer("no.such.host.invalid", 0, PreviewTap(), Status, reports).start()


def test_closing_drops_viewers_frees_the_port_and_may_be_repeated(serve, view, f_card, reports):
    server = serve(f_card())
    viewer = view(server)
    viewer.read_picture()
    server.close()
    server.close()
    again = WebServer(*server.address, PreviewTap(), Status, reports)
    again.start()
    again.close()
    assert not server._thread.is_alive()


def test_a_server_that_was_never_started_closes(reports):
    WebServer("127.0.0.1", 0, PreviewTap(), Status, reports).close()


def test_seventeen_viewers_are_one_too_many(serve, view, f_card):
    server = serve(f_card())
    for _ in range(16):
        view(server).read_picture()
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(server, "/stream.mjpg")
    caught.value.close()
    assert caught.value.code == 503
