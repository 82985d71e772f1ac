"""DMX state that the sender and the receiver of this process share. Any thread.

The engine must not receive its own light: the receiver ignores the sources in `own_sources`. And
unicast reaches only one of two sockets on a port, usually the one bound last, so only one of ours
may have Art-Net's port: the receiver if it runs, which then passes the replies of nodes on.
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
MAX_NODES: Final = 1024  # a forged reply uses one entry for ten seconds


class Nodes:
    """The Art-Net nodes that replied to a poll, and the universes that each receives."""

    def __init__(self) -> None:
        self._reply_times: dict[
            tuple[str, frozenset[int]], float
        ] = {}  # a node with many ports sends several replies

    def note_reply(self, data: bytes, host: str, now_s: float) -> None:
        """Note an ArtPollReply; other packets are ignored."""
        universes = read_poll_reply(data)
        if universes and (
            (host, universes) in self._reply_times or len(self._reply_times) < MAX_NODES
        ):
            self._reply_times[host, universes] = now_s

    def of(self, universe: int, now_s: float) -> tuple[str, ...]:
        """The hosts that receive this universe now."""
        reply_times = tuple(self._reply_times.items())
        for key, at_s in reply_times:
            if now_s - at_s > SILENT_S:
                self._reply_times.pop(key, None)
        found = {
            host
            for (host, universes), at_s in reply_times
            if universe in universes and now_s - at_s <= SILENT_S
        }
        return tuple(sorted(found))


nodes = Nodes()
receiving_ports: set[int] = set()
"""Art-Net ports of receivers in this process."""

Source = tuple[Protocol, str]
own_sources: Counter[Source] = Counter()
"""The sources of this process, each with the number of senders that share it: in sACN they all
share one."""
_lock = threading.Lock()


def add_sources(sources: Iterable[Source]) -> None:
    """Add the sources of a sender that begins."""
    with _lock:
        own_sources.update(sources)


def remove_sources(sources: Iterable[Source]) -> None:
    """Remove the sources of a sender that ends, unless another sender shares them."""
    with _lock:
        for source in sources:
            own_sources[source] -= 1
            if not own_sources[source]:
                del own_sources[source]


def component_id(folder: Path) -> bytes:
    """The 16 bytes that identify this engine in sACN, created at the first call and stored in
    `folder`. Uses the disk.

    A file that cannot be read as a UUID is replaced. OSError if it cannot be written."""
    path = folder / CID_FILE
    try:
        return uuid.UUID(read_small(path).decode("ascii").strip()).bytes
    except (OSError, ValueError):
        new_id = uuid.uuid4()
    write_atomic(path, f"{new_id}\n")
    return new_id.bytes
