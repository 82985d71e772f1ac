"""A port that Hyper-V reserved is refused in one line, which names the command that lists such ports."""

import socket
import sys
from typing import Any

import pytest

from engine.control.server import OscServer
from engine.errors import MultiverseError
from engine.web.serving.web_thread import listen
from tests.support.fake_win32 import reserve_ports


def test_a_port_reserved_by_windows_is_reported_with_the_command_that_lists_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unused: Any = None
    monkeypatch.setattr(sys, "platform", "win32")
    with monkeypatch.context() as patch:
        reserve_ports(patch, socket.SOCK_STREAM)
        with pytest.raises(MultiverseError) as page:
            listen("127.0.0.1", 9001)
    with monkeypatch.context() as patch:
        reserve_ports(patch, socket.SOCK_DGRAM)
        with pytest.raises(MultiverseError) as osc:
            OscServer(unused, unused, "127.0.0.1", 9000, (), print).start()
    for error, option in ((page, "--web 127.0.0.1:9001"), (osc, "--osc 127.0.0.1:9000")):
        line = str(error.value)
        assert line.startswith(f"{option}: Windows refuses this port (error 10013)")
        assert "netsh int ipv4 show excludedportrange protocol=tcp" in line
        assert "docs/tutorials/windows.md, Ports" in line
        assert line.endswith(f"choose another with {option.split()[0]} HOST:PORT")
