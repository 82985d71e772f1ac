"""Programs that share a UDP port, with real sockets in processes of their own."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from engine.system import shared_udp_port
from engine.system.shared_udp_port import has_other_program

OTHER = """
import socket, sys
other = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
other.bind((sys.argv[1], int(sys.argv[2])))
print(flush=True)
sys.stdin.read()
"""


@contextmanager
def other_program(host: str, port: int) -> Iterator[None]:
    command = [sys.executable, "-c", OTHER, host, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        try:
            yield
        finally:
            process.communicate()


def bound(host: str, port: int = 0) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    return sock


@pytest.mark.only_on(
    "linux",
    reason="a Mac shows the sockets of other programs only to root, Wine not whose they are",
)
@pytest.mark.parametrize("system", ["linux", "win32"])
@pytest.mark.parametrize(
    ("ours", "theirs", "is_shared"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "0.0.0.0", True),
        ("0.0.0.0", "127.0.0.1", True),
        ("127.0.0.1", "::", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("0.0.0.0", "239.255.0.1", False),  # receives only that group
    ],
)
def test_another_program_on_the_port_is_found_if_it_takes_unicast(
    system: str, ours: str, theirs: str, is_shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        shared_udp_port, "sys", SimpleNamespace(platform=system, byteorder=sys.byteorder)
    )
    with bound(ours) as own:
        if has_other_program(own) is None:
            pytest.skip("Wine's table of sockets tells no owners")
        assert has_other_program(own) is False
        with other_program(theirs, own.getsockname()[1]):
            assert has_other_program(own) is is_shared
        assert has_other_program(own) is False


def test_a_system_without_the_information_leaves_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_udp_port, "sys", SimpleNamespace(platform="darwin"))
    with bound("127.0.0.1") as own:
        assert has_other_program(own) is None
