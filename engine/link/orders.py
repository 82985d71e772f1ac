"""Decides which values of `/tempo/bpm` become the session's tempo, and which reports count meanwhile. Pure.

Anyone in a Link session may change its tempo, so a new value of `/tempo/bpm` changes it for all; values that the engine
itself wrote there do not count. Reports from before the session took it over would pull the beat back, so orders are
numbered, and a report names the newest one that it includes.
"""

from collections.abc import Iterable
from typing import Final

from engine.link.messages import SessionReport, TempoOrder
from engine.params.store import Change

ENGINE: Final = "tempo"  # the author of values of /tempo/bpm that no person set


class TempoOrders:
    """The orders to one process."""

    def __init__(self) -> None:
        self._newest = 0

    def of_changes(self, changes: Iterable[Change]) -> TempoOrder | None:
        """The order that changes of parameters ask for, or None."""
        for change in changes:
            if change.address == "/tempo/bpm" and change.by != ENGINE:
                self._newest += 1
                return TempoOrder(bpm=float(str(change.value)), order=self._newest)
        return None

    def are_in(self, report: SessionReport) -> bool:
        """True if the session has taken over every order."""
        return report.order >= self._newest
