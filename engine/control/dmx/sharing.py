"""A port of Art-Net or sACN that another program on this machine may have bound, too.

Then unicast of a desk reaches only one of the two, usually the one started last, and the other one would look as if the
desk sent nothing.
"""

import socket
from typing import Final

from engine.control.dmx.packet import Protocol
from engine.system.shared_udp_port import has_other_program

_REACHES_ALL: Final[dict[Protocol, str]] = {"artnet": "broadcast", "sacn": "multicast"}


class SharedPort:
    """One thread at a time calls `look`; the rest on any thread."""

    def __init__(self, protocol: Protocol, sock: socket.socket, was_taken: bool) -> None:
        """`was_taken`: another socket had the port when `sock` was bound."""
        self.port = int(sock.getsockname()[1])
        self.is_shared = False
        self._protocol = protocol
        self._socket = sock
        self._was_taken = was_taken

    def look(self) -> str | None:
        """Look for another program; a line for the performer if it has come or gone, else None."""
        found = has_other_program(self._socket)
        before, self.is_shared = self.is_shared, self._was_taken if found is None else found
        if self.is_shared == before:
            return None
        if not self.is_shared:
            return f"dmx: UDP port {self.port} is no longer shared with another program"
        reaching = _REACHES_ALL[self._protocol]
        return (
            f"dmx: another program has UDP port {self.port}, too: {reaching} reaches both, unicast only one, usually "
            f"the one started last; end that program, or let the desk send by {reaching}"
        )
