"""The page's server with the real tree and hub behind it; nothing is drawn."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.control.query import host_info
from engine.osc.decode import Message, decode_packet
from engine.osc.encode import encode_message
from engine.params import Cue
from tests.web.socket_client import SocketClient
from tests.web.web_rig import WebRig

OSC_PORT = 9000


class Site(WebRig):
    def __init__(self, report: Any) -> None:
        super().__init__(report, {"pictures": (), "status": dict, "host_info": self.host_info})

    def host_info(self, reached_at: str, own_address: tuple[str, int]) -> dict[str, object]:
        return host_info(
            reached_at, name="Multiverse test", osc=("127.0.0.1", OSC_PORT), web=own_address
        )

    def show_cues(self, *cues: Cue) -> None:
        self.hub.send_paths(self.tree.show_cues(cues))

    def ask(self, path: str) -> tuple[int, Any]:
        """The status, and the JSON of the body if there is one."""
        status, _, body = self.get(path)
        return status, json.loads(body) if body else None

    def client(self, **options: Any) -> "Client":
        client = Client(self.server.address, "/", **options)
        self.stack.callback(client.close)
        return client


class Client(SocketClient):
    """A WebSocket that speaks OSCQuery."""

    def command(self, command: str, data: object) -> None:
        self.send(json.dumps({"COMMAND": command, "DATA": data}))

    def say(self, address: str, *args: object) -> None:
        self.send(encode_message(address, *args))

    def hear(self, address: str = "") -> Message:
        """The next message, or the next to `address`."""
        while True:
            message = decode_packet(self.read())
            if address in ("", message.address):
                return message


@pytest.fixture
def site(reports: Any) -> Iterator[Site]:
    site = Site(reports)
    with site.stack:
        yield site


@pytest.fixture
def leaves() -> Callable[[dict], dict[str, dict]]:
    """`leaves(node)`: every node that is not a container, by FULL_PATH."""

    def walk(node: dict) -> Iterator[tuple[str, dict]]:
        if node["ACCESS"]:
            yield node["FULL_PATH"], node
        for child in node.get("CONTENTS", {}).values():
            yield from walk(child)

    return lambda node: dict(walk(node))
