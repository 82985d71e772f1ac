"""Performance options of the conversion: from a command line option, else the environment, else
device defaults.

    RVC_GPU_RETRIEVAL  RVC_USE_FP16  RVC_GPU_FILTER  RVC_PROFILING      true or false
    RVC_BATCH_SIZE                                                      1..64

Does not load torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from engine.errors import ConfigError

MAX_BATCH: Final = 64
SWITCHES: Final[Mapping[str, bool]] = {text: True for text in ("true", "1", "yes", "on")} | {
    text: False for text in ("false", "0", "no", "off")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizationConfig:
    gpu_retrieval: bool
    """True: search the index on the model's device. False: on the CPU."""
    fp16: bool
    """Run the networks in half precision."""
    gpu_filter: bool
    """True: high-pass a file on the model's device, in float32. False: on the CPU in float64."""
    batch_size: int
    """Maximum number of equally long pieces of a file that are converted in one batch."""
    profiling: bool
    """Report the time of every stage."""

    @classmethod
    def for_device(cls, device: str) -> Self:
        """Defaults for `cuda`, `cuda:1`, `mps` or `cpu`. Half precision gains little on Apple
        silicon; on a CPU one piece already fills the caches, so a batch is slower."""
        kind = device.partition(":")[0]
        is_cuda = kind == "cuda"
        return cls(
            gpu_retrieval=True,
            fp16=is_cuda,
            gpu_filter=kind != "cpu",
            batch_size=4 if is_cuda else 1,
            profiling=False,
        )

    @classmethod
    def resolve(
        cls, device: str, environ: Mapping[str, str], **overrides: bool | int | None
    ) -> Self:
        """Defaults for the device, overridden by the environment, and that by every argument that
        is not None. An empty variable counts as not set. ConfigError names an invalid one."""
        found: dict[str, Any] = {
            name: read(variable, environ[variable])
            for name, (variable, read) in VARIABLES.items()
            if environ.get(variable)
        }
        found |= {name: value for name, value in overrides.items() if value is not None}
        return replace(cls.for_device(device), **found)


def _switch(variable: str, text: str) -> bool:
    if text.lower() not in SWITCHES:
        raise ConfigError(f"{variable}: {text!r} is neither true nor false")
    return SWITCHES[text.lower()]


def _size(variable: str, text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_BATCH:
        raise ConfigError(f"{variable}: {text!r} is not a whole number from 1 to {MAX_BATCH}")
    return int(text)


VARIABLES: Final[dict[str, tuple[str, Callable[[str, str], Any]]]] = {
    "gpu_retrieval": ("RVC_GPU_RETRIEVAL", _switch),
    "fp16": ("RVC_USE_FP16", _switch),
    "gpu_filter": ("RVC_GPU_FILTER", _switch),
    "batch_size": ("RVC_BATCH_SIZE", _size),
    "profiling": ("RVC_PROFILING", _switch),
}
