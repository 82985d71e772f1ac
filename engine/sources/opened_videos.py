"""Opens the video files that live models request, and keeps them until the end."""

from engine.sources.opening import open_source
from engine.sources.source import Polled, Source
from engine.system.clock import Clock
from engine.system.closing import Closing
from engine.system.reporting import Report


class OpenedVideos:
    """Use it while the engine opens, on that thread."""

    def __init__(self, clock: Clock, report: Report, closing: Closing) -> None:
        self.opened: list[Source] = []
        self._clock = clock
        self._report = report
        self._closing = closing

    def open(self, name: str) -> Source | None:
        """Open and start this file; None for ""."""
        if not name:
            return None
        source = open_source(name, offline=False, clock=self._clock, report=self._report)
        if source is not None:
            self.opened.append(source)
            (self._closing.here if isinstance(source, Polled) else self._closing)(source).start()
        return source
