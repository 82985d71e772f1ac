"""What a child is, and how it is doing: the values that travel between the supervisor and its callers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from engine.children.messages import Fact
from engine.system import metal, openmp
from engine.system.python_process import utf8_environment

_ENVIRONMENT: Final[Mapping[str, str]] = {
    "OMP_NUM_THREADS": "1",  # more take the drawing thread's core, and thrash
    # glibc returns large blocks to the kernel at every free and faults them in again: 1.2 to 3.4 times slower.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # torch.cuda.is_available() makes no context, and may run before a fork
}


def child_environment() -> dict[str, str]:
    """Of a process that runs a model: over the one that starts it."""
    return {**_ENVIRONMENT, **utf8_environment(), **openmp.brief_spin(), **metal.fallback()}


State = Literal["off", "loading", "compiling", "ready", "busy", "hung", "restarting", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    name: str
    """`sd`: in addresses, in the status and in warnings."""
    loop: str
    """`package.module:function`, called in the child with a ChildPort; returns when the port says `should_stop`."""
    settings: Mapping[str, Any]
    """Plain values (what MessagePack knows), the same for a process's whole life."""
    preload: tuple[str, ...] = ()
    """Modules that the process children are forked from has imported (Linux). They must start no thread."""
    environment: Mapping[str, str] = field(default_factory=child_environment)
    """Over the engine's own. Set before the process starts, for malloc; a forked one has its server's until it runs."""
    niceness: int = 10
    """0..19: below the engine, so that a busy child leaves the drawing thread its core. 0 for one that is heard when it
    is late. On Windows any above 0 is the class below normal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStatus:
    name: str
    state: State = "off"
    pid: int = 0
    """0 while there is no process."""
    heartbeat_age_s: float = 0.0
    """Since the child's last sign of life."""
    restarts: int = 0
    """Processes started after one that died or was replaced because somebody asked for it."""
    results: int = 0
    """Published by all its processes together."""
    ms_a_result: float = 0.0
    detail: str = ""
    """The last fault in one line: what happened, the signal or exit code by name, what stderr said last."""
    quarantined: tuple[str, ...] = ()
    """`address: value` of what killed three processes and is kept from the next."""
    facts: dict[str, Fact] = field(default_factory=dict)  # a dict, which every JSON writer knows
    """What the child says about itself."""

    @property
    def is_at_work(self) -> bool:
        """Whether it makes results, or would."""
        return self.state in ("ready", "busy")

    @property
    def is_away(self) -> bool:
        """Whether no result is to be expected. Compiling for a new shape is no absence: it is back in a moment."""
        return self.state in ("off", "loading", "hung", "restarting", "failed")
