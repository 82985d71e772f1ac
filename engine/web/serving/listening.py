"""Opens the listening socket of a page's server."""

import errno
import socket
import sys

from engine.control.outgoing.sender import addresses_of, display_address
from engine.errors import MultiverseError, PortTakenError
from engine.system.refused_port import refusal_reason

BACKLOG = 64


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket. Raises MultiverseError, whose text names `--web`."""
    option = f"--web {display_address(host, port)}"
    try:
        found = addresses_of(host, port, socket.SOCK_STREAM)
    except OSError as error:
        raise MultiverseError(f"{option}: no such host here ({error.strerror or error})") from None
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        # Elsewhere it lets a restarted server bind at once; on Windows it would let two servers share the port.
        if sys.platform != "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(("--web", display_address(host, port))) from None
        if error.errno == errno.EACCES:
            reason = refusal_reason(error)
            raise MultiverseError(f"{option}: {reason}; choose another with --web HOST:PORT") from None
        raise MultiverseError(f"{option}: cannot listen there ({error.strerror or error})") from None
    return listening
