"""Stand-in for ports that Windows reserved."""

import errno
import socket
from typing import Any

import pytest


def reserve_ports(monkeypatch: pytest.MonkeyPatch, kind: socket.SocketKind) -> None:
    """Let `bind` answer as Windows does for a reserved port: WinError 10013, which Python makes EACCES."""
    real = socket.socket.bind

    def bind(sock: socket.socket, address: Any) -> None:
        if sock.type == kind:
            raise PermissionError(errno.EACCES, "An attempt was made to access a socket in a way forbidden")
        real(sock, address)

    monkeypatch.setattr(socket.socket, "bind", bind)
