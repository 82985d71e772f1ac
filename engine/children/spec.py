"""The specification and the status of a child: the values that travel between the supervisor and
its callers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from engine.children.messages import Fact
from engine.system import metal, openmp
from engine.system.python_process import utf8_environment

_ENVIRONMENT: Final[Mapping[str, str]] = {
    "OMP_NUM_THREADS": "1",  # more threads would compete with the drawing thread for cores
    # glibc returns large blocks to the kernel at every free and faults them in again: 1.2 to 3.4
    # times slower.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
    # torch.cuda.is_available() makes no context, and may run before a fork
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
}


def child_environment() -> dict[str, str]:
    """Environment variables of a process that runs a model, added to those of its parent."""
    return {**_ENVIRONMENT, **utf8_environment(), **openmp.brief_spin(), **metal.fallback()}


State = Literal["off", "loading", "compiling", "ready", "busy", "hung", "restarting", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """Specification of a child: the function it runs, its settings, and how it is started."""

    name: str
    """Its name in addresses, in the status and in warnings."""
    loop: str
    """`package.module:function`, called in the child with a ChildPort. It must return on
    `port.should_stop`."""
    settings: Mapping[str, Any]
    """Plain values (MessagePack types), fixed while a process runs."""
    preload: tuple[str, ...] = ()
    """Modules that the fork server (Linux) or a spare process imports in advance. They must not
    start threads."""
    environment: Mapping[str, str] = field(default_factory=child_environment)
    """Added to the engine's own before the process starts, for malloc. A fork inherits its server's
    until it runs."""
    niceness: int = 10
    """0..19: above 0 a busy child leaves the drawing thread its core. 0 for sound, where lateness
    is audible. On Windows any value above 0 means the priority class "below normal"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStatus:
    """Status of a child, as the engine last saw it."""

    name: str
    state: State = "off"
    coming: State | Literal[""] = ""
    """State of the process that will take over with new settings; "" if there is none."""
    pid: int = 0
    """Process id, 0 without a process."""
    heartbeat_age_s: float = 0.0
    """Seconds since its last heartbeat."""
    restarts: int = 0
    """Processes started to replace one that died, or on a restart command."""
    results: int = 0
    """Results published by all its processes."""
    ms_a_result: float = 0.0
    """Milliseconds that the newest result took."""
    detail: str = ""
    """The last fault in one line: what happened, the signal or exit code by name, the last line of
    stderr."""
    quarantined: tuple[str, ...] = ()
    """`address: value` of quarantined values: each killed three processes."""
    facts: dict[str, Fact] = field(default_factory=dict)  # a dict, which every JSON encoder accepts

    @property
    def is_at_work(self) -> bool:
        """True if it produces results, or would with input."""
        return self.state in ("ready", "busy")

    @property
    def is_away(self) -> bool:
        """True if no results can be expected. False while it compiles for a new shape, which is
        short."""
        return self.state in ("off", "loading", "hung", "restarting", "failed")
