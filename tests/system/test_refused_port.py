"""A port belongs to one program, with real sockets."""

import socket

import pytest

from engine.system.refused_port import bind_alone

SHARING = [None, socket.SO_REUSEADDR]
KINDS = [socket.SOCK_DGRAM, socket.SOCK_STREAM]


@pytest.mark.only_on("linux", "win32", reason="macOS gives one address of a port to a socket with SO_REUSEADDR")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("theirs", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("sharing", SHARING)
def test_no_other_program_binds_the_port(kind: socket.SocketKind, theirs: str, sharing: int | None) -> None:
    """Whatever it asks for: Windows would let it in."""
    with socket.socket(socket.AF_INET, kind) as ours, socket.socket(socket.AF_INET, kind) as other:
        bind_alone(ours, ("0.0.0.0", 0))
        if kind == socket.SOCK_STREAM:
            ours.listen()
        if sharing is not None:
            other.setsockopt(socket.SOL_SOCKET, sharing, 1)
        with pytest.raises(OSError):
            other.bind((theirs, ours.getsockname()[1]))


def test_a_restarted_server_binds_at_once() -> None:
    """The client's connection is still open when the server closes."""
    port = 0
    for _ in range(3):
        with socket.socket() as listening:
            bind_alone(listening, ("127.0.0.1", port))
            listening.listen()
            port = listening.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)), listening.accept()[0] as accepted:
                accepted.sendall(b"goodbye")


@pytest.mark.parametrize("kind", KINDS)
def test_the_wildcard_of_ipv6_takes_ipv4(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET6, kind) as ours, socket.socket(socket.AF_INET, kind) as client:
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
