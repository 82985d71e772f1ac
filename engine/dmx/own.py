"""State that the sender and the receiver of this process share. Any thread.

The engine must not hear itself: the receiver leaves out the sources that `own_sources` names. And unicast reaches only
one of two sockets on a port, usually the one bound last, so only one of ours may have Art-Net's: the receiver if it
runs, and it passes the replies of nodes on.
"""

import threading
import uuid
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from engine.dmx.artnet import read_poll_reply
from engine.dmx.packets import Protocol
from engine.system.atomic_file import write_atomic
from engine.system.small_file import read_small

CID_FILE: Final = "dmx-cid.txt"
SILENT_S: Final = 10.0  # three polls without a reply
MAX_NODES: Final = 1024  # a forged reply takes a place for ten seconds


class Nodes:
    """The Art-Net nodes that replied to a poll, and the universes that each takes."""

    def __init__(self) -> None:
        self._heard: dict[tuple[str, frozenset[int]], float] = {}  # a node with many ports sends several replies

    def hear(self, data: bytes, host: str, now_s: float) -> None:
        """Note an ArtPollReply; other packets are left alone."""
        universes = read_poll_reply(data)
        if universes and ((host, universes) in self._heard or len(self._heard) < MAX_NODES):
            self._heard[host, universes] = now_s

    def of(self, universe: int, now_s: float) -> tuple[str, ...]:
        """The hosts that take this universe now."""
        heard = tuple(self._heard.items())
        for key, at_s in heard:
            if now_s - at_s > SILENT_S:
                self._heard.pop(key, None)
        found = {host for (host, universes), at_s in heard if universe in universes and now_s - at_s <= SILENT_S}
        return tuple(sorted(found))


nodes = Nodes()
receiving_ports: set[int] = set()
"""Art-Net ports of receivers in this process."""

Source = tuple[Protocol, str]
"""Protocol and `LevelsPacket.source`."""
own_sources: Counter[Source] = Counter()
"""Those of this process, with the number of senders that share one: in sACN they all do."""
_lock = threading.Lock()


def add_sources(sources: Iterable[Source]) -> None:
    """A sender begins."""
    with _lock:
        own_sources.update(sources)


def remove_sources(sources: Iterable[Source]) -> None:
    """A sender ends: what no other one sends is not ours any more."""
    with _lock:
        for source in sources:
            own_sources[source] -= 1
            if not own_sources[source]:
                del own_sources[source]


def component_id(folder: Path) -> bytes:
    """The 16 bytes that identify this engine in sACN, made at the first call and kept in `folder`. Uses the disk.

    A file that cannot be read as a UUID is replaced. OSError if it cannot be written.
    """
    path = folder / CID_FILE
    try:
        return uuid.UUID(read_small(path).decode("ascii").strip()).bytes
    except (OSError, ValueError):
        made = uuid.uuid4()
    write_atomic(path, f"{made}\n")
    return made.bytes
