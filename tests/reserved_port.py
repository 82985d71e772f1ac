"""Stand-in for a port that Windows reserved."""

import errno
import socket
from typing import Any

import pytest


class ReservedPort:
    """`bind` answers as Windows does for a reserved port: WinError 10013, which Python makes EACCES."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: socket.SocketKind) -> None:
        real = socket.socket.bind

        def bind(sock: socket.socket, address: Any) -> None:
            if sock.type == kind:
                raise PermissionError(errno.EACCES, "An attempt was made to access a socket in a way forbidden")
            real(sock, address)

        monkeypatch.setattr(socket.socket, "bind", bind)
