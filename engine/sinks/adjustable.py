"""The interface of a sink with parameters of its own. See `window.py`."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from engine.sinks.window_messages import WindowState
from osc_schema import Value


@runtime_checkable
class AdjustableSink(Protocol):
    """A sink whose parameters are adjusted while it runs, and belong to the place where it shows the picture."""

    @property
    def told(self) -> WindowState:
        """Any thread."""

    def adjust(self, values: Mapping[str, Value]) -> None:
        """Take over these parameters; never waits. Render thread, also before `start`."""

    def leave(self) -> None:
        """Called before `drain` when not only the sink ends but the run."""
