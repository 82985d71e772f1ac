"""All requests of libossia's client (ossia-max, ossia-pd, ossia-python, score), byte for byte.

Taken from github.com/ossia/libossia: oscquery_mirror.cpp, oscquery_mirror_asio.cpp (when it sends
requests, and how it uses the answers), http_client.hpp (the request), json_reader_detail.cpp (how
it distinguishes the answers).
"""

import json
import socket
from typing import Any

ANGLE = "/layer/1/angle"


def ask(site: Any, path: str) -> tuple[str, dict[str, str], bytes]:
    """Status line, headers and body, requested and read like `http_get_request`: to the end of the
    connection."""
    with socket.create_connection(site.server.address, timeout=120) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines), body


def kind_of(answer: dict) -> str:
    """`json_parser::message_type`: the first key that exists decides."""
    kinds = {
        "COMMAND": "command",
        "FULL_PATH": "namespace",
        "NAME": "host info",
        "OSC_PORT": "device",
    }
    return next((kind for key, kind in kinds.items() if key in answer), "value")


def test_libossia_can_read_the_answers_to_its_requests(site: Any) -> None:
    for path, kind in [
        ("/?HOST_INFO=1", "host info"),
        ("/?HOST_INFO", "host info"),
        ("/", "namespace"),
        ("/layer/1", "namespace"),
        (f"{ANGLE}?VALUE", "value"),
        (f"{ANGLE}?VALUE=", "value"),
        (f"{ANGLE}?VALUE=1", "value"),
    ]:
        status, headers, body = ask(site, path)
        assert status == "HTTP/1.1 200 OK" and int(headers["Content-Length"]) == len(body), path
        answer = json.loads(body)
        assert kind_of(answer) == kind, path
        if kind == "host info":
            assert isinstance(answer["OSC_IP"], str) and isinstance(answer["OSC_PORT"], int), path
            assert answer["OSC_TRANSPORT"] == "UDP", "else it sends no OSC"
            assert all(isinstance(has, bool) for has in answer["EXTENSIONS"].values()), path
            assert not answer["EXTENSIONS"].get("OSC_STREAMING"), (
                "else it sends START_OSC_STREAMING"
            )
        elif kind == "value":
            assert answer == {"VALUE": [0.0]}, path
