"""OSC commands, one file per subject. `control_hub.py` opens all of them."""

from dataclasses import dataclass

from engine.control.outgoing.announcements import Notify
from engine.params import ParamStore
from engine.system.clock import Clock
from engine.system.disk_store import DiskStore
from engine.system.reporting import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """Services that every group of commands uses."""

    store: ParamStore
    clock: Clock
    disk: DiskStore
    notify: Notify
    """Sends a message to all subscribers."""
    report: Report
    """Warns the performer."""
