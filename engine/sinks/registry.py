"""Which sink kinds can run here. Imports none of their libraries. Their table is in osc_schema/sinks.py."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

from engine.dmx.sending import BROADCAST, hosts_of
from engine.errors import SinkError, SinkUnavailableError
from engine.system.installing import install_line
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
    missing = [(module, remedy) for module, remedy in entry.packages if not _is_installed(module)]
    return f"needs {missing[0][0]}: {missing[0][1].replace('pip install', install_line())}" if missing else ""


def _is_installed(module: str) -> bool:
    if sys.modules.get(module) is not None:
        return True
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a submodule: its package
        return False
    except ValueError:  # another thread is importing it (cv2 removes and re-adds itself in sys.modules)
        return True


def require_available(kind: str) -> None:
    if reason := unavailable_reason(kind):
        raise SinkUnavailableError(f"{kind}: unavailable ({reason})")


def conditions() -> Iterator[tuple[str, Callable[[Value], None]]]:
    """(address, check) for `ParamStore.add_condition`: refuses a kind that cannot run here, and hosts of light that are
    none."""

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


def _check_hosts(address: str, word: str, value: Value) -> None:
    """Refuse what is neither IPv4 addresses nor the word: light goes on to where it went."""
    try:
        hosts_of("" if value == word else str(value), 0)
    except SinkError as error:
        raise Rejected(f"{address}: {error}") from None


def broken(kind: str, error: Exception) -> SinkUnavailableError:
    """The error for a library that is installed but cannot be loaded."""
    return SinkUnavailableError(f"{kind}: unavailable ({type(error).__name__}: {error})")
