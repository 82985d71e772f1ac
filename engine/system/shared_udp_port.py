"""Finds out whether another program has bound the same UDP port.

Of sockets that share a port with SO_REUSEADDR, unicast reaches only one, usually the one bound last
(Linux: `udp4_lib_lookup2`; Windows: undefined, "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE"), and
no system reports that. Before the own socket is bound, a bind without sharing shows it everywhere.
Later only the system's table of sockets does, which Linux and Windows show to everyone, macOS only
to root: there a program that starts later is not found.
"""

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import psutil

_UDP_TABLES = ("/proc/net/udp", "/proc/net/udp6")


def is_port_bound(host: str, port: int) -> bool:
    """True if a socket of any program, this one too, is bound to the port now. `host`: an IPv4
    address, "" for all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def has_other_program(own: socket.socket) -> bool | None:
    """True if another socket receives unicast that is sent to `own`; None if the system does not
    report it. May take some milliseconds. On Linux other sockets of this process count too, on
    Windows they do not."""
    host, port = own.getsockname()
    ours = IPv4Address(host)
    with contextlib.suppress(OSError, psutil.Error):
        if sys.platform == "linux":
            found = _linux_addresses(port, os.fstat(own.fileno()).st_ino)
        elif sys.platform == "win32":
            found = _windows_addresses(port)
        else:
            return None
        wildcards = {ours, IPv4Address(0)}
        return any(
            not each.is_multicast and (ours.is_unspecified or each in wildcards) for each in found
        )
    return None


def _linux_addresses(port: int, own_inode: int) -> Iterator[IPv4Address]:
    """Addresses of the sockets bound to the port; a wildcard of IPv6 takes IPv4 as well (proc(5),
    /proc/net/udp)."""
    for table in _UDP_TABLES:
        with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                address, _, number = fields[1].partition(":")
                if int(number, 16) == port and int(fields[9]) != own_inode:
                    if len(address) == 8:
                        yield IPv4Address(int(address, 16).to_bytes(4, sys.byteorder))
                    elif not int(address, 16):
                        yield IPv4Address(0)


def _windows_addresses(port: int) -> Iterator[IPv4Address]:
    for each in psutil.net_connections("udp"):
        if each.laddr and each.laddr.port == port and each.pid != os.getpid():
            if not each.pid:
                raise psutil.Error  # the table does not tell whose it is
            if each.family == socket.AF_INET:
                yield IPv4Address(each.laddr.ip)
            elif each.laddr.ip == "::":
                yield IPv4Address(0)
