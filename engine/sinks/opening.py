"""Makes the sink that a `SinkSpec` describes. Imports a kind's module on demand."""

from contextlib import suppress
from pkgutil import resolve_name
from typing import Any

from engine.errors import SinkError, SinkUnavailableError
from engine.sinks.plugin_sink import PluginSink
from engine.sinks.registry import broken, require_available, unavailable_reason
from engine.sinks.sink import Sink, SinkSpec
from engine.system.translate_errors import translate_errors
from osc_schema.sinks import KINDS


def load_kinds() -> None:
    """Import the modules of all kinds that can run here (not their libraries), so that `make_sink` does not touch the
    disk."""
    for kind in KINDS:
        if not unavailable_reason(kind):
            with suppress(SinkUnavailableError):  # a plug-in that cannot be loaded says so when it is asked for
                sink_class(kind)


def sink_class(kind: str) -> Any:
    """The class of a kind in KINDS: `NullSink` in `engine/sinks/null.py` for null."""
    try:
        return resolve_name(KINDS[kind].made_by or f"engine.sinks.{kind}:{kind.capitalize()}Sink")
    except Exception as error:  # foreign code
        raise broken(kind, error) from error


def make_sink(spec: SinkSpec) -> Sink:
    """An unstarted sink. SinkUnavailableError if this system cannot run it."""
    require_available(spec.kind)
    made = sink_class(spec.kind)
    if not KINDS[spec.kind].made_by:
        sink: Sink = made(spec.argument, spec.picture)
        return sink
    with translate_errors({Exception: spec.label}, as_=SinkError):
        return PluginSink(spec, made(spec.argument, spec.picture))
