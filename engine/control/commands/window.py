"""The parameters below `/window`, which control one window at a time and have the values saved with
its display."""

from engine.params import ParamStore
from engine.params.store import Snapshot
from engine.sinks.sink import SinkSpec
from engine.sinks.sink_set import SinkSet
from engine.sinks.window import WindowSink
from engine.sinks.window_messages import DEFAULTS, WindowState
from engine.system.reporting import Report, ReportOnce

DISPLAY = "/window/display"
KIND = "window"


class WindowControl:
    """Connects the parameters of `/window` with one of the open windows."""

    def __init__(self, store: ParamStore, sinks: SinkSet, report: Report) -> None:
        self._store = store
        self._sinks = sinks
        self._displayed: tuple[WindowSink | None, int] = None, 0
        """The window that the parameters belong to, and the revision of its values that they
        have."""
        self._is_first = True
        self._report_once = ReportOnce(report)

    def follow(self, snapshot: Snapshot) -> bool:
        """Pass the parameters to their window, or load the values of another one. Once per frame;
        never waits. True if a window was closed by hand."""
        self._sinks.values = snapshot
        windows = self._sinks.adjustable
        has_closed = False
        for spec, sink in windows:
            state = sink.window_state
            line = f"{spec.label}: {state.problem}" if state.problem else ""
            self._report_once(f"sink.{spec.label}", line, about=str(spec))
            if state.is_closed:
                self._sinks.stop(spec.label, spec.argument)
                has_closed = True
        display = str(snapshot[DISPLAY])
        chosen = next((sink for _, sink in windows if is_on(sink.window_state, display)), None)
        if chosen is None:
            self._displayed = None, 0
        elif self._displayed != (chosen, chosen.window_state.revision):
            self._show(chosen, snapshot)  # the next frame has them
        else:
            chosen.adjust(snapshot)
        return has_closed

    @property
    def display(self) -> str:
        """The display of the main picture's window; "" without one. Any thread."""
        states = [sink.window_state for spec, sink in self._sinks.adjustable if spec.label == KIND]
        return next(
            (state.display for state in states if state.display and not state.is_closed), ""
        )

    def show_on(self, display: str) -> None:
        """Show the main picture on this display only; "" on none. Render thread. SinkError."""
        if display and self._displayed[0] is not None and self.display == display:
            return
        self._sinks.stop(KIND)
        if display:
            self._store.set(DISPLAY, display, by="window")
            self._sinks.values = self._store.snapshot()
            self._sinks.start(SinkSpec(kind=KIND, argument=display))

    def _show(self, chosen: WindowSink, snapshot: Snapshot) -> None:
        """Set the parameters to the window's values. Values that the run was started with override
        saved ones."""
        state = chosen.window_state
        values = dict(state.values)
        self._displayed = (chosen, state.revision)
        if self._is_first:
            self._is_first = False
            values |= {
                address: snapshot[address]
                for address in DEFAULTS
                if snapshot[address] != DEFAULTS[address]
            }
        self._store.set_many(values.items(), by="window")


def is_on(state: WindowState, display: str) -> bool:
    """True if the window is open on this display, a number, a name or a part of it; "" for any."""
    if not state.display or state.is_closed:
        return False
    text = display.strip().casefold()
    return text == str(state.number) if text.isdecimal() else text in state.display.casefold()
