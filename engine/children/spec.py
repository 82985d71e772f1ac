"""The specification and the status of a child: the values that travel between the supervisor and its callers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from engine.children.messages import Fact
from engine.system import metal, openmp
from engine.system.python_process import utf8_environment

_ENVIRONMENT: Final[Mapping[str, str]] = {
    "OMP_NUM_THREADS": "1",  # more would take the drawing thread's core, and thrash
    # glibc returns large blocks to the kernel at every free and faults them in again: 1.2 to 3.4 times slower.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # torch.cuda.is_available() makes no context, and may run before a fork
}


def child_environment() -> dict[str, str]:
    """Environment variables of a process that runs a model, added to those of its parent."""
    return {**_ENVIRONMENT, **utf8_environment(), **openmp.brief_spin(), **metal.fallback()}


State = Literal["off", "loading", "compiling", "ready", "busy", "hung", "restarting", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """How to start a child."""

    name: str
    """Its name in addresses, in the status and in warnings."""
    loop: str
    """`package.module:function`, called in the child with a ChildPort. It returns when the port says `should_stop`."""
    settings: Mapping[str, Any]
    """Plain values (types that MessagePack knows); they never change while a process runs."""
    preload: tuple[str, ...] = ()
    """Modules that the fork server imports in advance (Linux). They must not start threads."""
    environment: Mapping[str, str] = field(default_factory=child_environment)
    """Added to the engine's own before the process starts, for malloc. A fork has its server's until it runs."""
    niceness: int = 10
    """0..19, below the engine's priority, so that a busy child leaves the drawing thread its core. 0 for sound, where
    lateness is audible. On Windows any value above 0 means the class below normal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStatus:
    """How a child is doing."""

    name: str
    state: State = "off"
    pid: int = 0
    """Process id, 0 without a process."""
    heartbeat_age_s: float = 0.0
    """Seconds since its last heartbeat."""
    restarts: int = 0
    """Number of processes started after one that died or was replaced by order."""
    results: int = 0
    """Results published by all its processes together."""
    ms_a_result: float = 0.0
    """Milliseconds that the newest result took."""
    detail: str = ""
    """The last fault in one line: what happened, the signal or exit code by name, the last line of stderr."""
    quarantined: tuple[str, ...] = ()
    """`address: value` of values that killed three processes; later ones do not get them."""
    facts: dict[str, Fact] = field(default_factory=dict)  # a dict, which every JSON writer knows
    """Facts that the child sent about itself."""

    @property
    def is_at_work(self) -> bool:
        """True if it makes results, or would if it had input."""
        return self.state in ("ready", "busy")

    @property
    def is_away(self) -> bool:
        """True if no result is to be expected. Not while compiling for a new shape: that takes a moment only."""
        return self.state in ("off", "loading", "hung", "restarting", "failed")
