"""Explains why a system refuses a port that no program listens on, or another connection."""

import errno
import sys

SHOW_RESERVED = "netsh int ipv4 show excludedportrange protocol=tcp"  # and protocol=udp
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}  # `accept` fails until others are closed


def refusal_reason(error: OSError) -> str:
    """The reason for an error of `bind`, in one line: the system's text, and on Windows more for WSAEACCES (10013).

    Windows returns it for ports that Hyper-V, WSL or Docker reserved when the machine started, and for ports that
    another program holds for itself alone (Winsock's "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE"). Python turns
    10013 into EACCES (CPython, Objects/exceptions.c, `winerror_to_errno`).
    """
    if sys.platform == "win32" and error.errno == errno.EACCES:
        return (
            "Windows refuses this port (error 10013): reserved for Hyper-V, WSL or Docker, or held by another program; "
            f"`{SHOW_RESERVED}` lists the reserved ports (docs/tutorials/windows.md, Ports)"
        )
    return error.strerror or str(error)
