"""Finds the kinds of sinks that can run here, and creates the sink of a `SinkSpec`. Their table:
osc_schema/sinks.py.

A kind's module is imported on demand, its libraries only by the sink itself.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pkgutil import resolve_name
from typing import Any

from engine.dmx.sending import BROADCAST, hosts_of
from engine.errors import SinkError, SinkUnavailableError
from engine.sinks.plugin_sink import PluginSink
from engine.sinks.sink import Sink, SinkSpec
from engine.system.installing import install_line
from engine.system.translate_errors import translate_errors
from osc_schema import Rejected, Value
from osc_schema.sinks import KINDS

PLATFORM = sys.platform


@dataclass(frozen=True, slots=True, kw_only=True)
class KindInfo:
    kind: str
    argument: str
    is_available: bool
    reason: str
    """Why it is unavailable, with the next step; "" if available."""


def available_kinds() -> tuple[KindInfo, ...]:
    """Every kind, with its availability here. Imports none of their libraries."""
    reasons = {kind: unavailable_reason(kind) for kind in KINDS}
    return tuple(
        KindInfo(kind=kind, argument=KINDS[kind].argument, is_available=not reason, reason=reason)
        for kind, reason in reasons.items()
    )


def unavailable_reason(kind: str) -> str:
    """A reason such as "needs macOS", or "" if the sink can run."""
    entry = KINDS[kind]
    if entry.platform not in ("", PLATFORM):
        return f"needs {entry.system}"
    for module, remedy in entry.packages:
        if not _is_installed(module):
            # behind pip's two words
            package, comma, condition = remedy.split(maxsplit=2)[2].partition(",")
            return f"needs {module}: {install_line(package)}{comma}{condition}"
    return ""


def _is_installed(module: str) -> bool:
    if sys.modules.get(module) is not None:
        return True
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a submodule: its package
        return False
    except (
        ValueError
    ):  # another thread is importing it (cv2 removes and re-adds itself in sys.modules)
        return True


def require_available(kind: str) -> None:
    if reason := unavailable_reason(kind):
        raise SinkUnavailableError(f"{kind}: unavailable ({reason})")


def conditions() -> Iterator[tuple[str, Callable[[Value], None]]]:
    """(address, check) for `ParamStore.add_condition`: refuses kinds that cannot run here, and
    invalid hosts."""

    def check(address: str, unavailable: SinkUnavailableError, value: Value) -> None:
        if value:
            raise Rejected(f"{address}: {unavailable}")

    for kind in KINDS:
        try:
            require_available(kind)
        except SinkUnavailableError as error:
            yield f"/sink/{kind}/enable", partial(check, f"/sink/{kind}/enable", error)
    yield "/sink/dmx/to", partial(_check_hosts, "/sink/dmx/to", BROADCAST)
    yield "/sink/dmx/interface", partial(_check_hosts, "/sink/dmx/interface", "")


def _check_hosts(address: str, default: str, value: Value) -> None:
    """Refuse what is neither IPv4 addresses nor the default; DMX still goes to the previous
    hosts."""
    try:
        hosts_of("" if value == default else str(value), 0)
    except SinkError as error:
        raise Rejected(f"{address}: {error}") from None


def broken(kind: str, error: Exception) -> SinkUnavailableError:
    """The error for a library that is installed but cannot be loaded."""
    return SinkUnavailableError(f"{kind}: unavailable ({type(error).__name__}: {error})")


def load_kinds() -> None:
    """Import the modules of all kinds that can run here, not their libraries, so that `make_sink`
    reads no disk."""
    for kind in KINDS:
        if not unavailable_reason(kind):
            # a plug-in that cannot be loaded says so when it is requested
            with suppress(SinkUnavailableError):
                sink_class(kind)


def sink_class(kind: str) -> Any:
    """The class of a kind in KINDS: `NullSink` in `engine/sinks/null.py` for null."""
    try:
        return resolve_name(
            KINDS[kind].class_path or f"engine.sinks.{kind}:{kind.capitalize()}Sink"
        )
    except Exception as error:  # foreign code
        raise broken(kind, error) from error


def make_sink(spec: SinkSpec) -> Sink:
    """Create the sink of a spec, not yet started. SinkUnavailableError if this system cannot run
    it."""
    require_available(spec.kind)
    sink_type = sink_class(spec.kind)
    if not KINDS[spec.kind].class_path:
        sink: Sink = sink_type(spec.argument, spec.picture)
        return sink
    with translate_errors({Exception: spec.label}, as_=SinkError):
        return PluginSink(spec, sink_type(spec.argument, spec.picture))
