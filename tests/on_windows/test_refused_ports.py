"""A port that Windows refuses is reported in one line, which names the command that lists reserved
ports."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.cli.doctor_machine import refused_port
from engine.control.server import OscServer
from engine.errors import MultiverseError
from engine.system.refused_port import bind_alone
from engine.web.serving.web_thread import listen

pytestmark = pytest.mark.only_on("win32", reason="error 10013 is one of Windows")


@pytest.fixture
def port(free_port: Callable[[], int]) -> Iterator[int]:
    """A port that another program has for itself on all addresses: Windows gives the error of a
    reserved one."""
    with socket.socket() as other:
        bind_alone(other, ("0.0.0.0", free_port()))
        other.listen()
        yield other.getsockname()[1]


def test_a_refused_port_is_reported_with_the_command_that_lists_reserved_ones(port: int) -> None:
    unused: Any = None
    with pytest.raises(MultiverseError) as page:
        listen("127.0.0.1", port)
    with pytest.raises(MultiverseError) as osc:
        OscServer(unused, unused, "127.0.0.1", port, (), print).bind()
    for error, option in ((page, "--web"), (osc, "--osc")):
        line = str(error.value)
        assert line.startswith(
            f"{option} 127.0.0.1:{port}: Windows refuses this port (error 10013)"
        )
        assert "netsh int ipv4 show excludedportrange protocol=tcp" in line
        assert "docs/tutorials/windows.md, Ports" in line
        assert line.endswith(f"choose another with {option} HOST:PORT")
    assert refused_port("127.0.0.1", port, socket.SOCK_STREAM).startswith(
        "(Windows refuses this port (error 10013)"
    )
