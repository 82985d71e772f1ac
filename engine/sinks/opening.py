"""Makes the sink that a `SinkSpec` describes. Imports a kind's module on demand."""

from importlib import import_module
from typing import Any

from engine.sinks.registry import require_available, unavailable_reason
from engine.sinks.sink import Sink, SinkSpec
from osc_schema.sinks import KINDS


def load_kinds() -> None:
    """Import the modules of all kinds that can run here (not their libraries), so that `make_sink` does not touch the
    disk."""
    for kind in KINDS:
        if not unavailable_reason(kind):
            sink_class(kind)


def sink_class(kind: str) -> Any:
    """The class of a kind in KINDS: `NullSink` in `engine/sinks/null.py` for null."""
    return getattr(import_module(f"engine.sinks.{kind}"), f"{kind.capitalize()}Sink")


def make_sink(spec: SinkSpec) -> Sink:
    """An unstarted sink. SinkUnavailableError if this system cannot run it."""
    require_available(spec.kind)
    sink: Sink = sink_class(spec.kind)(spec.argument, spec.picture)
    return sink
