"""The parameters below `/window`: they belong to one window at a time, and show what is saved with its display."""

from engine.params import ParamStore
from engine.params.store import Snapshot
from engine.sinks.sink import SinkSpec
from engine.sinks.sink_set import SinkSet
from engine.sinks.window import WindowSink
from engine.sinks.window_messages import DEFAULTS, WindowState
from engine.system.reporting import Report

DISPLAY = "/window/display"
KIND = "window"


class WindowControl:
    def __init__(self, store: ParamStore, sinks: SinkSet, report: Report) -> None:
        self._store, self._sinks, self._report = store, sinks, report
        self._shown: tuple[WindowSink | None, int] = None, 0
        """The window that the parameters belong to, and the revision of its values that they show."""
        self._is_first = True
        self._problems: dict[SinkSpec, str] = {}

    def follow(self, snapshot: Snapshot) -> bool:
        """Give the parameters to the window that they belong to, or take its own. Once a frame; never waits. True if a
        window was closed by hand."""
        self._sinks.values = snapshot
        windows, has_closed = self._sinks.adjustable, False
        for spec, sink in windows:
            told = sink.told
            if told.problem != self._problems.get(spec, ""):
                self._problems[spec] = told.problem
                if told.problem:
                    self._report(f"sink.{spec.label}", f"{spec.label}: {told.problem}")
            if told.is_closed:
                self._sinks.stop(spec.label, spec.argument)
                has_closed = True
        wanted = str(snapshot[DISPLAY])
        chosen = next((sink for _, sink in windows if is_on(sink.told, wanted)), None)
        if chosen is None:
            self._shown = None, 0
        elif self._shown != (chosen, chosen.told.revision):
            self._show(chosen, snapshot)  # the next frame has them
        else:
            chosen.adjust(snapshot)
        return has_closed

    @property
    def display(self) -> str:
        """The display of the main picture's window; "" without one. Any thread."""
        shown = [sink.told for spec, sink in self._sinks.adjustable if spec.label == KIND]
        return next((told.display for told in shown if told.display and not told.is_closed), "")

    def show_on(self, display: str) -> None:
        """Show the main picture on this display only; "" on none. Render thread. SinkError."""
        if display and self._shown[0] is not None and self.display == display:
            return
        self._sinks.stop(KIND)
        if display:
            self._store.set(DISPLAY, display, by="window")
            self._sinks.values = self._store.snapshot()
            self._sinks.start(SinkSpec(kind=KIND, argument=display))

    def _show(self, chosen: WindowSink, snapshot: Snapshot) -> None:
        """Set the parameters to the window's values. Those that the run was started with count more than saved ones."""
        told = chosen.told
        values, self._shown = dict(told.values), (chosen, told.revision)
        if self._is_first:
            self._is_first = False
            values |= {address: snapshot[address] for address in DEFAULTS if snapshot[address] != DEFAULTS[address]}
        self._store.set_many(values.items(), by="window")


def is_on(told: WindowState, wanted: str) -> bool:
    """True if the window is open on that display: the number, name or part of a name; "" for any."""
    if not told.display or told.is_closed:
        return False
    word = wanted.strip().casefold()
    return word == str(told.number) if word.isdecimal() else word in told.display.casefold()
