"""Private part of asyncio: the TCP transport below a TLS one. `abort` does nothing to a TLS
transport closed twice."""

import asyncio


def tcp_transport(transport: asyncio.Transport) -> asyncio.Transport:
    """The transport of the socket itself; call it while the connection is made."""
    tls = getattr(transport, "_ssl_protocol", None)
    return transport if tls is None else tls._transport
