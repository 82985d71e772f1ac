"""Pictures for viewers: as Motion JPEG, one by one, and over WebSockets."""

import contextlib
import http.client
import socket

import numpy as np
import pytest
import simplejpeg

from engine.web.preview import encode_preview
from tests.web.socket_client import Refused

# 1.4 MB a JPEG: fills any buffer
NOISE = np.random.default_rng(1).integers(0, 255, (720, 1280, 4), np.uint8)
SLOW_BYTES = 4096


class Viewer:
    """Reads Motion JPEG as a browser does."""

    def __init__(self, web):
        self.connection = http.client.HTTPConnection(*web.server.address, timeout=120)
        web.stack.callback(self.close)
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


def read_picture(client):
    return simplejpeg.decode_jpeg(client.read(), "RGB")


def grey(level, width=64, height=64):
    return np.full((height, width, 4), level, np.uint8)


def test_stream_and_preview_show_each_picture_of_the_run_by_its_name_the_right_way_up(
    serve, f_card, assert_is_card
):
    web = serve(f_card(192, 128))
    web.play(f_card(128, 128), "sd")
    viewer = Viewer(web)
    clients = [
        web.connect(f"/preview{query}") for query in ("", "?picture=main&fps=60", "?picture=sd")
    ]
    for _ in range(3):
        assert_is_card(viewer.read_picture())
        for client, width in zip(clients, (192, 192, 128), strict=True):
            pixels = read_picture(client)
            assert pixels.shape == (128, width, 3)  # and not enlarged
            assert_is_card(pixels)


def test_a_large_picture_is_scaled_down_to_the_requested_width(serve, f_card, assert_is_card):
    web = serve(f_card(2560, 1440))
    for query, width in (
        ("", 1280), ("?width=1280", 1280), ("?width=640", 640), ("?width=400", 480), ("?width=1",
            320),
    ):  # fmt: skip
        pixels = simplejpeg.decode_jpeg(web.get(f"/frame.jpg{query}")[2], "RGB")
        assert pixels.shape == (width * 9 // 16, width, 3)
        assert_is_card(pixels)
    upright = encode_preview(np.zeros((2560, 1440, 4), np.uint8))
    assert simplejpeg.decode_jpeg(upright, "RGB").shape == (1280, 720, 3)


def test_pictures_are_requested_only_while_there_are_viewers(serve, f_card, wait_for):
    web = serve(f_card())
    web.get("/status.json")
    web.connect("/live").read()
    assert web.loop.offered == 0
    for watch in (lambda: Viewer(web), lambda: web.connect("/preview")):
        viewer = watch()
        wait_for(lambda: web.loop.offered, "a picture")
        viewer.close()
        wait_for(lambda: not web.tap.viewers, "the server to see that the viewer left")
    offered = web.loop.offered
    web.get("/status.json")
    assert web.loop.offered == offered


def test_a_single_picture_times_out_if_none_is_drawn(serve, monkeypatch):
    monkeypatch.setattr("engine.web.pictures.PICTURE_TIMEOUT_S", 0.1)
    status, _, body = serve().get("/frame.jpg")
    assert (status, body) == (503, b"no picture is being drawn\n")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("picture=other", "picture: 'other' does not exist; available: main and sd"),
        ("fps=0", "fps: '0' is not a whole number from 1 to 60"),
        ("fps=-1", "fps: '-1' is not"),
        ("fps=%D9%A3", "fps: '٣' is not"),
        ("fps=" + "9" * 5000, "is not a whole number"),
        ("width=1281", "width: '1281' is not a whole number from 1 to 1280"),
    ],
)
def test_an_invalid_picture_request_is_refused_with_its_reason(serve, query, reason):
    web = serve()
    for path in ("/frame.jpg", "/stream.mjpg"):
        status, _, body = web.get(f"{path}?{query}")
        assert status == 503 and reason in body.decode()
    with pytest.raises(ConnectionError) as end:
        web.connect(f"/preview?{query}").read()
    assert end.value.args[0] == 1013 and reason in end.value.args[1]


def test_a_viewer_that_never_reads_blocks_nobody_and_gets_few_pictures(serve, wait_for):
    web = serve(NOISE)
    stuck = web.connect("/preview?fps=60", receive_bytes=SLOW_BYTES)
    stuck_stream = socket.create_connection(web.server.address)
    stuck_stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BYTES)
    stuck_stream.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
    wait_for(lambda: web.loop.offered >= 1, "their first picture")
    viewer = web.connect("/preview?fps=60")
    for _ in range(15):
        assert read_picture(viewer).shape == (720, 1280, 3)
    viewer.close()
    wait_for(lambda: web.tap.viewers == 2, "the viewer to leave")
    offered = web.loop.offered
    web.get("/frame.jpg")
    assert web.loop.offered <= offered + 1  # no picture is drawn for a viewer that has taken none
    stuck.close()
    stuck_stream.close()


def test_a_slow_viewer_gets_recent_pictures_not_a_queue(serve, wait_for):
    """Pictures of 1.4 MB and a reader that pauses: when it continues, it reads recently drawn
    pictures."""
    web = serve(NOISE)
    slow = web.connect("/preview?fps=60", receive_bytes=SLOW_BYTES)
    other = web.connect("/preview?fps=60")
    for _ in range(10):
        other.read()
    web.loop.picture = grey(200, 1280, 720)
    other.read(), other.read()  # the second was surely drawn after the change
    slow.read()  # the one that was in flight
    assert abs(read_picture(slow).mean() - 200) < 3


def test_a_viewer_that_reads_nothing_for_long_is_disconnected(serve, wait_for, monkeypatch):
    monkeypatch.setattr("engine.web.pictures.STUCK_S", 0.2)
    monkeypatch.setattr("engine.web.serving.sockets.STUCK_S", 0.2)
    web = serve(NOISE)
    stuck = web.connect("/preview", receive_bytes=SLOW_BYTES)
    with socket.create_connection(web.server.address) as stuck_stream:
        stuck_stream.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: web.loop.offered, "the viewers")
        wait_for(lambda: not web.tap.viewers, "the viewers to be dropped")
    stuck.close()


def test_a_picture_that_cannot_be_encoded_is_skipped(
    serve, f_card, reports, wait_for, assert_is_card
):
    web = serve(np.zeros((0, 0, 4), np.uint8))
    viewers = web.connect("/preview"), Viewer(web)
    wait_for(lambda: "web" in reports.keys, "the report")
    web.loop.picture = f_card(96, 64)
    assert_is_card(read_picture(viewers[0]))
    assert_is_card(viewers[1].read_picture())


def test_a_seventeenth_viewer_is_refused(serve, f_card):
    web = serve(f_card())
    web.play(f_card(), "sd")
    for name in ("main", "sd") * 8:  # of all pictures together
        web.connect(f"/preview?picture={name}").read()
    assert web.get("/stream.mjpg")[0] == 503
    with pytest.raises(ConnectionError) as end:
        web.connect("/preview").read()
    assert end.value.args == (1013, "the limit of 16 viewers is reached")


def test_a_sixty_fifth_socket_is_refused_until_another_closes(serve, wait_for):
    web = serve()
    clients = [web.connect("/live") for _ in range(64)]
    with pytest.raises(Refused, match="503: the limit of 64 WebSockets is reached"):
        web.connect("/live")
    clients[0].close()

    def connects():
        with contextlib.suppress(Refused):
            return web.connect("/live")

    wait_for(connects, "room for another")
