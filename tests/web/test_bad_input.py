"""Malformed input to the real server: it keeps running, counts the input, and keeps its log
short."""

import contextlib
import logging
import random
import socket
import struct

import pytest

from tests.support.long_form import in_long_form
from tests.web.socket_client import BINARY, CLOSE, PING, TEXT

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


def talk(web, request, *, hangs_up=True):
    """Send these bytes and return the server's whole answer. After `hangs_up` it may close before
    it answers."""
    answer = b""
    with (
        socket.create_connection(web.server.address, timeout=120) as client,
        contextlib.suppress(OSError),
    ):
        client.sendall(request)
        if hangs_up:
            client.shutdown(socket.SHUT_WR)
        while data := client.recv(65536):
            answer += data
    return answer


def test_garbage_is_refused_counted_and_not_logged(serve, f_card, caplog, reports):
    web = serve(f_card())
    rng = random.Random(1)
    garbage = [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        GET + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET + b"Transfer-Encoding: chunked\r\n\r\nzzz\r\n",
        GET + b"Host: evil.example\r\n\r\n",
        GET + b"Cookie: " + b"=;" * 3000 + b"\r\n\r\n",
        GET + b"Authorization: Bearer \xff\xfe\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(500),  # TLS
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        GET + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        *(rng.randbytes(500) for _ in range(20)),
    ]
    with caplog.at_level(logging.WARNING):
        for request in garbage:
            assert b" 200 " not in talk(web, request)[:20] or request.startswith(GET)
    assert web.get("/frame.jpg")[0] == 200
    assert not caplog.records
    assert set(reports.keys) <= {"web request", "web refused"} and "web request" in reports.keys


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"]
)
def test_only_get_is_allowed(serve, reports, method):
    web = serve()
    for path in ("/", "/layer/1/angle", "/status.json", "/preview", "/page/index.html"):
        status, headers, _ = web.get(path, method)
        assert status == 405 and "GET" in headers["Allow"]
    assert reports.keys == []


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://localhost/status.json", "localhost", b"200"),
        ("http://LOCALHOST:9000/status.json?x", "localhost:9000", b"200"),
        ("http://evil.example/status.json", "localhost", b"403"),
        ("http://localhost@evil.example/status.json", "localhost", b"403"),
        ("http://localhost/status.json", "evil.example", b"403"),
        ("http://evil.example/status.json", "evil.example", b"403"),
    ],
)
def test_an_absolute_request_target_must_name_the_same_host_as_the_host_header(
    serve, target, host, status
):
    web = serve()
    request = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    assert talk(web, request.encode(), hangs_up=False).split(b" ")[1] == status


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/../engine", "/page/", "/page/..", "/page/../server.py", "/page/%2e%2e/server.py",
        "//etc/passwd",
     "/page/%2e%2e%2fserver.py", "/page/..%5cserver.py", "/page//etc/passwd",
     "/page/%2fetc%2fpasswd", "/page/C:%5cx",
     "/page/index.html%00.js", "/page/index.html/", "/page/./index.html/.", "/%00", "/%ff%fe",
     "/layer/%00",
     "/" + "a/" * 3000, "/page/" + "a" * 7000, "/page/__init__.py", "/layer%2f1%2f..", "/*",
     "/{a,b}", "/[a-z"],
)  # fmt: skip
def test_odd_paths_are_not_found(serve, reports, path):
    web = serve()
    for accept in ("text/html", "application/json"):
        head = f"Host: localhost\r\nConnection: close\r\nAccept: {accept}"
        answer = talk(web, f"GET {path} HTTP/1.1\r\n{head}\r\n\r\n".encode(), hangs_up=False)
        assert answer.split(b" ")[1] in (b"404", b"400"), answer[:200]
        assert b"import" not in answer and b"root:" not in answer
    assert "web" not in reports.keys


def test_an_idle_connection_is_closed(serve, monkeypatch):
    monkeypatch.setattr("engine.web.serving.web_thread.IDLE_S", 0.2)
    web = serve()
    with socket.create_connection(web.server.address, timeout=120) as silent:
        assert silent.recv(10) == b""
    with socket.create_connection(web.server.address, timeout=120) as dribbling:
        dribbling.sendall(GET)  # and never the rest
        assert dribbling.recv(10) == b""


def test_one_connection_too_many_is_refused_and_the_others_stay(
    serve, monkeypatch, wait_for, reports
):
    monkeypatch.setattr("engine.web.serving.web_thread.MAX_CONNECTIONS", 4)
    web = serve()
    live = web.connect("/live")
    with contextlib.ExitStack() as silent:
        for _ in range(8):
            silent.enter_context(socket.create_connection(web.server.address, timeout=120))
        wait_for(lambda: "web connections" in reports.keys, "the refusal")
        live.read_json("status")
    wait_for(lambda: answers(web), "room again")


def answers(web):
    with contextlib.suppress(OSError):
        return web.get("/status.json")[0] == 200


RUDE = {
    "bad UTF-8": (lambda client: client.send_frame(TEXT, b"\xff\xfe\xfd"), 1007),
    "a reserved opcode": (lambda client: client.send_frame(5, b"x"), 1002),
    "a ping in fragments": (lambda client: client.send_frame(PING, b"x", is_last=False), 1002),
    "a continuation of nothing": (lambda client: client.send_frame(0, b"x"), 1002),
    "a wrong close code": (lambda client: client.send_frame(CLOSE, b"\x00\x01"), 1002),
    "too much": (lambda client: client.send_frame(BINARY, bytes(65537)), 1009),
    "too much in pieces": (
        lambda client: [
            client.send_frame(BINARY * (n == 0), bytes(9000), is_last=False) for n in range(8)
        ],
        1009,
    ),
    "a length beyond memory": (
        lambda client: client.socket.sendall(b"\x82\xff\x7f" + b"\xff" * 7 + b"mask"),
        1009,
    ),
}  # fmt: skip


@pytest.mark.parametrize("path", ["/live", *in_long_form("/", "/preview")])
@pytest.mark.parametrize("rudeness", RUDE)
def test_a_protocol_violation_closes_a_websocket_with_the_right_code(
    serve, reports, caplog, wait_for, rudeness, path
):
    web = serve()
    bystander = web.connect("/live")
    client = web.connect(path)
    send, code = RUDE[rudeness]
    send(client)
    with pytest.raises(ConnectionError) as end:
        while client.read():
            pass
    assert end.value.args[0] == code
    wait_for(lambda: reports.keys == ["web request"], "the report")
    assert bystander.read_json("status")
    assert not caplog.records


def test_a_message_in_many_pieces_is_one_message_and_offered_protocols_are_not_logged(
    serve, wait_for, caplog
):
    web = serve()
    packed = "permessage-deflate"
    client = web.connect(
        "/live", Sec_WebSocket_Protocol="oscquery, x", Sec_WebSocket_Extensions=packed
    )
    pieces = [bytes([byte]) for byte in b'{"monitor": true}']
    for number, piece in enumerate(pieces):
        client.send_frame(TEXT if number == 0 else 0, piece, is_last=number == len(pieces) - 1)
        client.send_frame(PING, b"between")
    wait_for(lambda: web.dispatcher.is_watched, "the watching")
    assert client.read_json("status"), "not compressed: a few bytes could expand to megabytes"
    assert not caplog.records


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_WebSocket_Key": "short"},
        {"Sec_WebSocket_Version": "99"},
        {"Upgrade": "h2c"},
        {"Connection": "close"},
    ],
)
def test_an_invalid_handshake_is_answered_in_one_line(serve, reports, headers):
    web = serve()
    head = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec_WebSocket_Version": "13",
    } | headers
    status, _, body = web.get("/live", **head)
    assert status == 400 and body.count(b"\n") <= 2
    assert "web" not in reports.keys


def test_a_client_that_disconnects_before_the_answer_is_not_an_error(serve, reports, caplog):
    web = serve()
    handshake = GET + (
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    for path in (b"GET / ", b"GET /live ", b"GET /preview ") * 30:
        with socket.create_connection(web.server.address, timeout=120) as client:
            # closed with a reset
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(handshake.replace(b"GET / ", path))
    assert web.get("/status.json")[0] == 200
    assert not caplog.records
    assert reports.keys == []
