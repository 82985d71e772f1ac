"""The status of Ableton Link: the values that travel to `/engine/status`, the page and `--json`."""

from dataclasses import dataclass
from typing import Literal

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
