"""The messages between the engine and the process that joins the Link session: one JSON object per
line."""

from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import msgspec

MAX_LINE_BYTES: Final = 1024
MISSING: Final = b'{"missing": true}\n'
"""The program's only line if the library is not installed."""


class SessionReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    at_s: float
    """`time.perf_counter`, which is the same for all processes of a machine (its documentation:
    system-wide)."""
    beat: float
    """A multiple of the ordered beats a bar is a downbeat for all programs in the session that
    count such bars."""
    bpm: float
    is_playing: bool
    """False while the session's transport is stopped and start/stop sync is on. The beat
    continues."""
    count: int
    """Changes when the beat count restarts, from a start or in other bars."""
    peers: int
    order: int
    """Number of the newest order that this report includes."""


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bpm: float | None
    """The session's new tempo; None leaves it."""
    beats_a_bar: int
    """Link's quantum: programs with the same one agree on the phase of a bar of that length."""
    start_stop_sync: bool
    order: int
    """1, 2, ..."""


Message = TypeVar("Message", SessionReport, Order)


def line_of(message: SessionReport | Order) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def message_of(line: bytes, kind: type[Message]) -> Message | None:
    """The message in a line, or None for a damaged one."""
    try:
        message = msgspec.json.decode(line, type=kind)
    except ValueError:  # msgspec's, and UnicodeDecodeError
        return None
    return message if message.bpm is None or message.bpm > 0.0 else None


LinkState = Literal["off", "starting", "alone", "following", "stopped", "missing", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    state: LinkState = "off"
    """`off`: /tempo/source names another clock; `alone`: no other program is in the session;
    `stopped`: start/stop sync is on, and the session does not play; `missing`: the library is not
    installed; `failed`: the process ended, and is started again after a delay."""
    peers: int = 0
    """Other programs in the session."""
    bpm: float = 0.0
    """The session's tempo; 0 before the first report."""
    detail: str = ""
    """The last fault, or how to install the library; one line."""
