"""Writes the packets of a source of light: levels, synchronisation, discovery. Pure.

Sources: Art-Net 4 Protocol Release V1.4 (Artistic Licence), "ArtDmx", "ArtSync", "ArtPoll", "ArtPollReply"; ANSI
E1.31-2018, tables 4-1 (data), 4-2 (synchronisation) and 4-3 (discovery).
"""

from collections.abc import Iterable
from struct import Struct, pack
from typing import Final

ART_ID: Final = b"Art-Net\0"
_VERSION: Final = b"\x00\x0e"
_OP_DMX, _OP_SYNC, _OP_POLL, _OP_POLL_REPLY = b"\x00\x50", b"\x00\x52", b"\x00\x20", b"\x00\x21"
ART_SYNC: Final = ART_ID + _OP_SYNC + _VERSION + b"\0\0"
ART_POLL: Final = ART_ID + _OP_POLL + _VERSION + b"\x02\0"  # nodes also reply when they change; no diagnostics
_PORT_OUTPUT_DMX: Final = 0xBF  # of a port's type: bit 7, and the protocol of bits 5 to 0 is 0, DMX512
_REPLY_BYTES: Final = 207  # of the first Art-Net versions; newer fields follow


def art_dmx(universe: int, levels: bytes, sequence: int) -> bytes:
    """ArtDmx. `sequence`: 1..255. An odd number of levels gets a zero more, as the standard allows only even ones."""
    levels += bytes(len(levels) % 2)
    head = ART_ID + _OP_DMX + _VERSION + bytes((sequence, 0, universe & 0xFF, universe >> 8))
    return head + pack(">H", len(levels)) + levels


def read_poll_reply(data: bytes) -> frozenset[int]:
    """The universes that the node with this ArtPollReply takes from the network; empty for any other packet."""
    if len(data) < _REPLY_BYTES or data[:10] != ART_ID + _OP_POLL_REPLY:
        return frozenset()
    base = (data[18] & 0x7F) << 8 | (data[19] & 0x0F) << 4
    ports = range(min(4, data[173]))
    return frozenset(base | data[190 + port] & 0x0F for port in ports if data[174 + port] & _PORT_OUTPUT_DMX == 0x80)


_ROOT: Final = b"\x00\x10\x00\x00ASC-E1.17\0\0\0"
_DATA, _EXTENDED = 4, 8  # vectors of the root layer
_DATA_FRAME, _SYNC_FRAME, _DISCOVERY_FRAME, _UNIVERSE_LIST = 2, 1, 2, 1
_FRAME: Final = Struct(">64sBHBBH")
TERMINATED, FORCED = 0x40, 0x20
"""Options of a data packet: the source ends this universe; a receiver need not wait if synchronisation is lost."""
DISCOVERY_UNIVERSE: Final = 64_214
MAX_LISTED: Final = 512  # universes in one discovery packet


def sacn_data(
    universe: int,
    levels: bytes,
    *,
    cid: bytes,
    name: str,
    priority: int,
    sequence: int,
    sync: int = 0,
    options: int = 0,
) -> bytes:
    """An E1.31 data packet with start code 0. `cid`: 16 bytes. `sync`: the universe of synchronisation packets."""
    values = b"\0" + levels
    dmp = b"\x02\xa1" + pack(">HHH", 0, 1, len(values)) + values
    frame = pack(">I", _DATA_FRAME) + _FRAME.pack(_name(name), priority, sync, sequence, options, universe)
    return _packet(_DATA, cid, frame + _layer(dmp))


def sacn_sync(sync: int, *, cid: bytes, sequence: int) -> bytes:
    """An E1.31 synchronisation packet, 49 bytes."""
    return _packet(_EXTENDED, cid, pack(">IBHH", _SYNC_FRAME, sequence, sync, 0))


def sacn_discovery(universes: Iterable[int], *, cid: bytes, name: str) -> bytes:
    """An E1.31 universe discovery packet of one page; further universes than 512 are left out."""
    listed = sorted(universes)[:MAX_LISTED]
    pages = pack(">IBB", _UNIVERSE_LIST, 0, 0) + pack(f">{len(listed)}H", *listed)
    return _packet(_EXTENDED, cid, pack(">I64sI", _DISCOVERY_FRAME, _name(name), 0) + _layer(pages))


def _packet(vector: int, cid: bytes, frame: bytes) -> bytes:
    return _ROOT + _layer(pack(">I", vector) + cid + _layer(frame))


def _layer(content: bytes) -> bytes:
    """A layer with its flags (7) and its length, which counts these two bytes."""
    return pack(">H", 0x7000 | len(content) + 2) + content


def _name(name: str) -> bytes:
    """UTF-8 in 64 bytes with a zero at the end, cut between letters."""
    return name.encode()[:63].decode(errors="ignore").encode()
