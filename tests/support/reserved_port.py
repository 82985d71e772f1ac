"""Stand-in for ports that Windows reserved."""

import errno
import socket
from typing import Any

import pytest


def reserve_ports(monkeypatch: pytest.MonkeyPatch, kind: socket.SocketKind) -> None:
    """Make `bind` fail as on Windows for a reserved port: WinError 10013, which Python maps to EACCES."""
    real = socket.socket.bind

    def bind(sock: socket.socket, address: Any) -> None:
        if sock.type == kind:
            raise PermissionError(errno.EACCES, "An attempt was made to access a socket in a way forbidden")
        real(sock, address)

    monkeypatch.setattr(socket.socket, "bind", bind)
