"""Makes the sink that a `SinkSpec` describes. Imports a kind's module on demand."""

from importlib import import_module

from engine.sinks.registry import KINDS, require_available, unavailable_reason
from engine.sinks.sink import Sink, SinkSpec


def load_kinds() -> None:
    """Import the modules of all kinds that can run here (not their libraries), so that `make_sink` does not touch the
    disk."""
    for kind, entry in KINDS.items():
        if not unavailable_reason(kind):
            import_module(entry.module)


def make_sink(spec: SinkSpec) -> Sink:
    """An unstarted sink. SinkUnavailableError if this system cannot run it."""
    require_available(spec.kind)
    entry = KINDS[spec.kind]
    sink: Sink = getattr(import_module(entry.module), entry.sink)(spec.argument, spec.picture)
    return sink
