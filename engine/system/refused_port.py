"""Binds an address and port for one program alone; explains why a system refuses a port or another
connection."""

import errno
import socket
import sys
from typing import Any

SHOW_RESERVED = "netsh int ipv4 show excludedportrange protocol=tcp"  # and protocol=udp
# `accept` fails until others are closed
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def bind_alone(sock: socket.socket, address: tuple[Any, ...]) -> None:
    """Bind so that no other program can bind the same address and port; `::` takes IPv4 as well.
    Raises OSError."""
    # there SO_REUSEADDR shares a port, and one bound without options can be shared
    if sys.platform == "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    elif sock.type == socket.SOCK_STREAM:  # a restarted server binds at once
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # Windows' default is 1
    sock.bind(address)


def refusal_reason(error: OSError) -> str:
    """The reason for an error of `bind`, in one line: the system's text, and on Windows more for
    WSAEACCES (10013), which Python turns into EACCES (Winsock's "Using SO_REUSEADDR and
    SO_EXCLUSIVEADDRUSE")."""
    if sys.platform == "win32" and error.errno == errno.EACCES:
        return (
            "Windows refuses this port (error 10013): reserved for Hyper-V, WSL or Docker, or "
            "held by another program; "
            f"`{SHOW_RESERVED}` lists the reserved ports (docs/tutorials/windows.md, Ports)"
        )
    return error.strerror or str(error)
