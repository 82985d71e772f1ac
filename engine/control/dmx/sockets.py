"""The UDP sockets of Art-Net and sACN.

Art-Net comes by broadcast, which on Linux and macOS only a socket bound to all addresses receives;
so the interface is used for binding only where it is this machine itself, or on Windows. A
console's program here may use the same ports.

sACN: one socket for each universe, bound to its group. A single socket may join only 20 groups on
Linux, and would receive those of every other program. Windows has no such binding: all groups share
a socket there.
"""

import errno
import socket
import sys
from collections.abc import Iterable
from typing import Final

from engine.control.udp import request_buffers
from engine.dmx.packets import Protocol
from engine.dmx.sacn import MAX_SACN_UNIVERSE, MIN_SACN_UNIVERSE, group_of
from engine.errors import MultiverseError
from engine.system.network_interfaces import own_interfaces
from engine.system.refused_port import refusal_reason
from engine.system.reporting import Report
from engine.system.shared_udp_port import has_other_program, is_port_bound

_IP_MULTICAST_ALL: Final = 49  # Linux, ip(7)
_REACHES_ALL: Final[dict[Protocol, str]] = {"artnet": "broadcast", "sacn": "multicast"}


def open_socket(protocol: str, interface: str | None, port: int) -> tuple[socket.socket, bool]:
    """A non-blocking socket for unicast and broadcast; and True if another socket had the port
    before. Raises MultiverseError, which names the port."""
    is_bound = interface is not None and (sys.platform == "win32" or interface.startswith("127."))
    host = interface if is_bound and interface else ""
    was_in_use = port > 0 and is_port_bound(host, port)
    try:
        return _bind(host, port), was_in_use
    except OSError as error:
        reason = "is used by another program that does not share it"
        if error.errno != errno.EADDRINUSE:
            reason = f"cannot be opened ({refusal_reason(error)})"
        next_step = f"end that program, or leave {protocol} out of --dmx"
        raise MultiverseError(f"--dmx {protocol}: UDP port {port} {reason}; {next_step}") from None


def open_groups(
    universes: Iterable[int], interface: str | None, unicast: socket.socket, report: Report
) -> list[socket.socket]:
    """Join the sACN groups of these universes on the interface, or on all; returns the additional
    sockets. A group that cannot be joined is reported: its universe still arrives by unicast."""
    port = unicast.getsockname()[1]
    opened = []
    for number in universes:
        if not MIN_SACN_UNIVERSE <= number <= MAX_SACN_UNIVERSE:
            continue
        group = group_of(number)
        sock = unicast
        try:
            if sys.platform != "win32":
                sock = _bind(group, port)
                opened.append(sock)
            for address in [interface] if interface else _own_addresses():
                member = socket.inet_aton(group) + socket.inet_aton(address)
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        except OSError as error:
            reason = (
                f"{group} cannot be joined ({error.strerror or error}); it is received by "
                "unicast only"
            )
            report("dmx.multicast", f"dmx: universe {number}: {reason}")
    return opened


def address_towards(host: str) -> str:
    """This machine's IPv4 address in the network of `host`. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _bind(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "darwin":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if sys.platform == "linux":  # else it receives every group that any program here has joined
            sock.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        request_buffers(sock)
        sock.bind((host, port))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _own_addresses() -> list[str]:
    """IPv4 addresses of this machine's interfaces; 0.0.0.0, the system's choice, if there is
    none."""
    found = [
        str(entry.ip) for entry in own_interfaces() if entry.version == 4 and not entry.is_loopback
    ]
    return found or ["0.0.0.0"]


class SharedPort:
    """A UDP port that another program on this machine may have bound, too. Then unicast of a
    console reaches only one of the two programs, usually the one started last. One thread at a time
    calls `check`; the rest on any thread."""

    def __init__(self, protocol: Protocol, sock: socket.socket, was_in_use: bool) -> None:
        """`was_in_use`: another socket had the port when `sock` was bound."""
        self.port = int(sock.getsockname()[1])
        self.is_shared = False
        self._protocol: Protocol = protocol
        self._socket = sock
        self._was_in_use = was_in_use

    def check(self) -> str | None:
        """Check for another program on the port; returns a line for the performer if that has
        changed, else None."""
        found = has_other_program(self._socket)
        before = self.is_shared
        self.is_shared = self._was_in_use if found is None else found
        if self.is_shared == before:
            return None
        if not self.is_shared:
            return f"dmx: UDP port {self.port} is no longer shared with another program"
        reaching = _REACHES_ALL[self._protocol]
        return (
            f"dmx: another program has UDP port {self.port}, too: {reaching} reaches both, "
            "unicast only one, usually "
            f"the one started last; end that program, or let the desk send by {reaching}"
        )
