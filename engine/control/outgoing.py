"""The outgoing half of OSC. Built before the dispatcher, whose parts send their answers through it."""

from engine.control.announcements import Announcements
from engine.control.counters import OscCounters
from engine.control.feedback import Feedback
from engine.control.outbox import Outbox
from engine.params import ParamStore
from engine.params.input_views import InputViews
from engine.system.reporting import Report


class Outgoing:
    """The outbox, the feedback that fills it, the counters of both directions, and the inputs of shaders by name."""

    def __init__(
        self,
        store: ParamStore,
        report: Report,
        announcements: Announcements | None = None,
        views: InputViews | None = None,
    ) -> None:
        """`announcements`, `views` None: creates one."""
        self.views = views or InputViews(store)
        self.counters = OscCounters()
        self.outbox = Outbox(self.counters, report)
        self.feedback = Feedback(
            store, self.counters, report, self.outbox.is_behind, announcements or Announcements(), self.views
        )
        self.views.watch(self.feedback.owe_inputs)
