"""The lines between the engine and the program that joins the Link session: one JSON object each."""

from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import msgspec

MAX_LINE_BYTES: Final = 1024
MISSING: Final = b'{"missing": true}\n'
"""The program's only line if the library is not installed."""


class SessionReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    at_s: float
    """`time.perf_counter`, which is the same for all processes of a machine (its documentation: system-wide)."""
    beat: float
    """Aligned to bars of four: a multiple of four is a downbeat for all programs in the session."""
    bpm: float
    peers: int
    order: int
    """Number of the newest order that this report includes."""


class TempoOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bpm: float
    order: int
    """1, 2, ..."""


Message = TypeVar("Message", SessionReport, TempoOrder)


def line_of(message: SessionReport | TempoOrder) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def report_of(line: bytes) -> SessionReport | None:
    return _message_of(line, SessionReport)


def order_of(line: bytes) -> TempoOrder | None:
    return _message_of(line, TempoOrder)


def _message_of(line: bytes, kind: type[Message]) -> Message | None:
    try:
        message = msgspec.json.decode(line, type=kind)
    except ValueError:  # msgspec's, and UnicodeDecodeError
        return None
    return message if message.bpm > 0.0 else None


LinkState = Literal["off", "starting", "alone", "following", "missing", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    state: LinkState = "off"
    """`off`: /tempo/source names another clock; `alone`: no other program is in the session; `missing`: the library is
    not installed; `failed`: the process ended, and is started again after a while."""
    peers: int = 0
    """Other programs in the session."""
    bpm: float = 0.0
    """The session's tempo; 0 before the first report."""
    detail: str = ""
    """The last fault, or how to install the library; one line."""
