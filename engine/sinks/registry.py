"""The table of sink kinds, and which of them can run here. Imports none of their libraries."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

from engine.errors import SinkUnavailableError
from osc_schema import Rejected, Value

PLATFORM = sys.platform


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkKind:
    module: str
    sink: str
    argument: str
    """Description of the argument after `=`."""
    platform: str = ""
    """Required `sys.platform`; "" for any."""
    system: str = ""
    """The platform's name for messages."""
    packages: tuple[tuple[str, str], ...] = ()
    """(module, how to install it) of each module that must be importable."""
    is_on_gpu: bool = False
    """True if it uses textures and holds objects of the GL context; it is reopened for a new context."""
    includes_extras: bool = False
    """True if it shows the picture to other programs; then the run's extra pictures are published the same way."""


KINDS = {
    "syphon": SinkKind(
        module="engine.sinks.syphon",
        sink="SyphonSink",
        argument="name of the texture",
        platform="darwin",
        system="macOS",
        packages=(
            ("syphon", "pip install 'syphon-python[opengl]'"),
            ("OpenGL", "pip install 'syphon-python[opengl]'"),  # its GL server needs it
        ),
        is_on_gpu=True,
        includes_extras=True,
    ),
    "spout": SinkKind(
        module="engine.sinks.spout",
        sink="SpoutSink",
        argument="name of the texture",
        platform="win32",
        system="Windows",
        packages=(("SpoutGL", "pip install SpoutGL, which needs Python 3.11 to 3.13"),),
        is_on_gpu=True,
        includes_extras=True,
    ),
    "shared": SinkKind(
        module="engine.sinks.shared", sink="SharedSink", argument="name of the texture", includes_extras=True
    ),
    "ndi": SinkKind(
        module="engine.sinks.ndi",
        sink="NdiSink",
        argument="name of the source",
        packages=(("cyndilib", "pip install cyndilib"),),
        includes_extras=True,
    ),
    "record": SinkKind(
        module="engine.sinks.record",
        sink="RecordSink",
        argument="file.mp4 (H.264), file.mov (ProRes, 10 bits), file.mkv (HEVC, 10 bits) or file.avi (Motion JPEG); "
        "without it a name from date and time",
        packages=(("av", "pip install av"),),
    ),
    "snapshot": SinkKind(
        module="engine.sinks.snapshot",
        sink="SnapshotSink",
        argument="file.png (file.16.png: 16 bits), or file.png@SECONDS for the frame at that time",
        packages=(("cv2", "pip install opencv-python-headless"),),
    ),
    "null": SinkKind(module="engine.sinks.null", sink="NullSink", argument="name"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KindInfo:
    kind: str
    argument: str
    is_available: bool
    reason: str
    """Why it is unavailable, with the next step; "" if available."""


def available_kinds() -> tuple[KindInfo, ...]:
    """Every kind, with its availability here. Imports none of their libraries."""
    infos = []
    for kind, entry in KINDS.items():
        reason = unavailable_reason(kind)
        infos.append(KindInfo(kind=kind, argument=entry.argument, is_available=not reason, reason=reason))
    return tuple(infos)


def unavailable_reason(kind: str) -> str:
    """A reason such as "needs macOS", or "" if the sink can run."""
    entry = KINDS[kind]
    if entry.platform not in ("", PLATFORM):
        return f"needs {entry.system}"
    missing = [(module, remedy) for module, remedy in entry.packages if not _is_installed(module)]
    return f"needs {missing[0][0]}: {missing[0][1]}" if missing else ""


def _is_installed(module: str) -> bool:
    if sys.modules.get(module) is not None:
        return True
    try:
        return find_spec(module) is not None
    except ValueError:  # another thread is importing it (cv2 removes and re-adds itself in sys.modules)
        return True


def require_available(kind: str) -> None:
    if reason := unavailable_reason(kind):
        raise SinkUnavailableError(f"{kind}: unavailable ({reason})")


def conditions() -> Iterator[tuple[str, Callable[[Value], None]]]:
    """(address, check) for `ParamStore.add_condition`: refuses to enable a kind that cannot run here."""

    def check(address: str, unavailable: SinkUnavailableError, value: Value) -> None:
        if value:
            raise Rejected(f"{address}: {unavailable}")

    for kind in KINDS:
        try:
            require_available(kind)
        except SinkUnavailableError as error:
            yield f"/sink/{kind}/enable", partial(check, f"/sink/{kind}/enable", error)


def broken(kind: str, error: Exception) -> SinkUnavailableError:
    """The error for a library that is installed but cannot be loaded."""
    return SinkUnavailableError(f"{kind}: unavailable ({type(error).__name__}: {error})")
