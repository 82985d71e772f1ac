"""OSC commands, one file per subject. `desk.py` opens all of them."""

from dataclasses import dataclass

from engine.control.outgoing.announcements import Tell
from engine.params import ParamStore
from engine.system.clock import Clock
from engine.system.disk_store import DiskStore
from engine.system.reporting import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Given to every subject."""

    store: ParamStore
    clock: Clock
    disk: DiskStore
    tell: Tell
    """Tells all subscribers."""
    report: Report
    """Warns the performer."""
