"""Binds the sockets of OSC: UDP and TCP at one port, on IPv4 and on ::1."""

import errno
import socket

from engine.control.outgoing.sender import SocketAddress, addresses_of, display_address
from engine.control.tcp import listen
from engine.control.udp import request_buffers
from engine.errors import MultiverseError, PortTakenError
from engine.system.refused_port import bind_alone, refusal_reason
from engine.system.reporting import Report
from engine.system.translate_errors import refused

PORT_ATTEMPTS = 16
ALSO_LOCALHOST = ("127.0.0.1", "0.0.0.0")
ERRORS_IN_USE = (errno.EADDRINUSE, errno.EACCES)


def bind_osc(host: str, port: int, report: Report) -> list[tuple[socket.socket, socket.socket]]:
    """Bind a UDP socket and a TCP listener to the same address; `localhost` is 127.0.0.1 and ::1.
    Raises MultiverseError, which names `--osc`."""
    option = f"--osc {display_address(host, port)}"
    with refused(f"{option}: no such host here", MultiverseError):
        family, _, _, _, address = addresses_of(host, port, socket.SOCK_DGRAM)[0]
    try:
        bound = [_bind_both(family, address)]
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(("--osc", display_address(host, port))) from None
        reason = refusal_reason(error)
        raise MultiverseError(f"{option}: {reason}; choose another with --osc HOST:PORT") from None
    if family == socket.AF_INET and address[0] in ALSO_LOCALHOST:
        bound += _bind_ipv6_localhost(bound[0][0].getsockname()[1], report if port else None)
    return bound


def _bind_ipv6_localhost(
    port: int, report: Report | None
) -> list[tuple[socket.socket, socket.socket]]:
    """The same port of ::1, which python-osc, Pd and Max mean by `localhost` on many systems. None
    without IPv6."""
    try:
        return [_bind_both(socket.AF_INET6, ("::1", port, 0, 0))]
    except OSError as error:
        if error.errno in ERRORS_IN_USE and report is not None:
            report(
                "osc.localhost", f"OSC at [::1]:{port}: {refusal_reason(error)}; send to 127.0.0.1"
            )
        return []


def _bind_both(
    family: socket.AddressFamily, address: SocketAddress
) -> tuple[socket.socket, socket.socket]:
    for attempt in range(1, PORT_ATTEMPTS + 1):
        udp_socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            request_buffers(udp_socket)
            bind_alone(udp_socket, address)
            udp_socket.setblocking(False)
            return udp_socket, listen(
                family, (*address[:1], udp_socket.getsockname()[1], *address[2:])
            )
        except OSError:
            udp_socket.close()
            # The port that the system chose for UDP may be in use for TCP: then let the system
            # choose again.
            if address[1] or attempt == PORT_ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")
