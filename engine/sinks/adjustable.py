"""The interface of a sink with parameters of its own. See `window.py`."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from osc_schema import Value


class Told(Protocol):
    """The state of an AdjustableSink's window."""

    number: int
    """Number of its display, from 0."""
    display: str
    """Name of its display; "" before it is open."""
    revision: int
    """Raised when the window itself changes `values`: at its start, and for a key."""
    values: dict[str, Value]
    problem: str
    is_closed: bool
    """Somebody closed it."""


@runtime_checkable
class AdjustableSink(Protocol):
    """A sink whose parameters are adjusted while it runs, and belong to the place where it shows the picture."""

    @property
    def told(self) -> Told:
        """Any thread."""

    def adjust(self, values: Mapping[str, Value]) -> None:
        """Take over these parameters; never waits. Render thread, also before `start`."""

    def leave(self) -> None:
        """Called before `drain` when not only the sink ends but the run."""
