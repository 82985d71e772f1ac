"""A port belongs to one program, with real sockets."""

import socket

import pytest

from engine.system.refused_port import bind_alone

KINDS = [socket.SOCK_DGRAM, socket.SOCK_STREAM]


@pytest.mark.only_on(
    "linux", "win32", reason="macOS gives one address of a port to a socket with SO_REUSEADDR"
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("theirs", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("sharing", [0, 1])
def test_no_other_program_binds_the_port(
    kind: socket.SocketKind, theirs: str, sharing: int
) -> None:
    """Whatever it asks for: Windows would let it in."""
    with socket.socket(socket.AF_INET, kind) as ours, socket.socket(socket.AF_INET, kind) as other:
        bind_alone(ours, ("0.0.0.0", 0))
        if kind == socket.SOCK_STREAM:
            ours.listen()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, sharing)
        with pytest.raises(OSError):
            other.bind((theirs, ours.getsockname()[1]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_wildcard_of_ipv6_takes_ipv4(kind: socket.SocketKind) -> None:
    with (
        socket.socket(socket.AF_INET6, kind) as ours,
        socket.socket(socket.AF_INET, kind) as client,
    ):
        bind_alone(ours, ("::", 0))
        ours.settimeout(60.0)
        if kind == socket.SOCK_STREAM:
            ours.listen()
        client.connect(("127.0.0.1", ours.getsockname()[1]))
        if kind == socket.SOCK_STREAM:
            accepted, address = ours.accept()
            accepted.close()
        else:
            client.send(b"OSC")
            address = ours.recvfrom(16)[1]
        assert address[:2] == ("::ffff:127.0.0.1", client.getsockname()[1])
