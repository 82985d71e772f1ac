"""Maps the source of layer 5 for the shaders that read it, on a thread of its own; tells what these
shaders miss."""

import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from engine.render.masks import SourceMaps, SourceRequest
from engine.render.newest_thread import NewestThread
from engine.system.frame_budget import rest_s
from engine.system.guarded_thread import Guard
from engine.system.reporting import Report

if TYPE_CHECKING:
    from engine.render.source_analysis import SourceAnalysis

log = logging.getLogger(__name__)

TOLD_AFTER_S: Final = 2.0
_NO_SOURCE: Final = (
    "layer 5 has no source, so nobody's body is in the picture: run with --camera "
    "0 or a film, or /camera/open"
)
_NO_MODEL: Final = (
    "people are found by motion and colour; a segmentation model finds them exactly, each with a "
    "number "
    "(docs/how-to/body.md)"
)


class SourceMapper:
    """Maps the newest picture on a thread of its own; older ones are dropped. Render thread."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._missing = ""
        self.other_readers: set[str] = set()
        """Shaders of the second output that read them."""
        self._since_s: float | None = None
        self._analysis: SourceAnalysis | None = None
        self._last: SourceRequest | None = None
        self._waiting: SourceRequest | None = None
        self.latest: SourceMaps | None = None
        """The newest finished maps; None while no shader of the show reads them."""
        guard = Guard(
            log, report, "source", "the maps of layer 5's source failed, the last ones stay"
        )
        self._thread = NewestThread("source maps", self._map_and_rest, guard)

    def maps(
        self,
        request: SourceRequest | None,
        *,
        readers: Iterable[str],
        time_s: float,
        is_offline: bool,
    ) -> SourceMaps | None:
        """Return the newest finished maps, offline those of this request; None without a picture,
        and at the start.

        readers: Names of the shaders that read them; what they miss is reported once. time_s: Due
        time of the frame."""
        self._report_missing(", ".join(sorted(readers)), request, time_s)
        if request is None:
            self._last = None
            self._waiting = None
            self.latest = None
        elif request != self._last:
            self._last = request
            if is_offline:
                self._map(request)
            else:
                self._waiting = request
        return self.latest

    def begin(self) -> None:
        """Begin to map the picture that `maps` was given. Call it after drawing: beside it, both
        take longer."""
        if self._waiting is not None and not self._thread.is_busy:
            self._thread.submit(self._waiting)
            self._waiting = None

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._thread.close()

    def _report_missing(self, readers: str, request: SourceRequest | None, time_s: float) -> None:
        """Report what these shaders miss, once it has been missing for a while: a camera opens in a
        second or two. Another look that misses the same is not told again."""
        missing = (
            _NO_SOURCE if request is None else _NO_MODEL if request.segmentation is None else ""
        )
        if readers and missing != self._missing:
            self._missing = missing
            self._since_s = time_s
        if readers and self._since_s is not None and time_s - self._since_s >= TOLD_AFTER_S:
            self._since_s = None
            if missing:
                self._report("source", f"{readers}: {missing}")

    def _map(self, request: SourceRequest) -> None:
        # it loads OpenCV, and most shows need no maps
        from engine.render.source_analysis import SourceAnalysis

        self._analysis = self._analysis or SourceAnalysis()
        maps = self._analysis.compute(request)
        if self._last is not None:  # else the source has ended meanwhile
            self.latest = maps

    def _map_and_rest(self, request: SourceRequest) -> None:
        began_s = time.perf_counter()
        self._map(request)
        time.sleep(rest_s(time.perf_counter() - began_s))
