"""The outgoing half of OSC. Built before the dispatcher, whose parts send their answers through it."""

from engine.control.announcements import Announcements
from engine.control.counters import OscCounters
from engine.control.feedback import Feedback
from engine.control.outbox import Outbox
from engine.params import ParamStore
from engine.system.reporting import Report


class Outgoing:
    """The outbox, the feedback that fills it, and the counters of both directions."""

    def __init__(self, store: ParamStore, report: Report, announcements: Announcements | None = None) -> None:
        """`announcements` None: creates one."""
        self.counters = OscCounters()
        self.outbox = Outbox(self.counters, report)
        self.feedback = Feedback(store, self.counters, report, self.outbox.is_behind, announcements or Announcements())
