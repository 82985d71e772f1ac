"""The lines between the engine and the program that joins the Link session: one JSON object each."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

MAX_LINE_BYTES: Final = 1024
MISSING: Final = b'{"missing": true}\n'
"""The program's only line if the library is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    at_s: float
    """`time.perf_counter`, which is the same for all processes of a machine (its documentation: system-wide)."""
    beat: float
    """Aligned to bars of four: a multiple of four is a downbeat for all programs in the session."""
    bpm: float
    peers: int
    order: int
    """Number of the newest order that this report includes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TempoOrder:
    bpm: float
    order: int
    """1, 2, ..."""


def line_of(message: SessionReport | TempoOrder) -> bytes:
    return json.dumps(asdict(message)).encode("ascii") + b"\n"


def report_of(line: bytes) -> SessionReport | None:
    values = _values(line, at_s=float, beat=float, bpm=float, peers=int, order=int)
    return SessionReport(**values) if values is not None and values["bpm"] > 0.0 else None


def order_of(line: bytes) -> TempoOrder | None:
    values = _values(line, bpm=float, order=int)
    return TempoOrder(**values) if values is not None and values["bpm"] > 0.0 else None


def _values(line: bytes, **kinds: type) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not isinstance(found, dict) or found.keys() != kinds.keys():
        return None
    is_valid = all(type(found[name]) in (int, kind) and math.isfinite(found[name]) for name, kind in kinds.items())
    return {name: kind(found[name]) for name, kind in kinds.items()} if is_valid else None


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
