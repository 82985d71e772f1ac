"""Quality and device settings of Cycles."""

from dataclasses import dataclass
from typing import Final

from engine.jobs.kit.option_range import check_number

MAX_SAMPLES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclesSettings:
    max_samples: int = 50
    """Maximum samples per pixel; fewer where the noise falls below the threshold."""
    noise_threshold: float = 0.01
    use_gpu: bool | None = None
    """None: use a GPU if Cycles has one."""

    def check(self) -> None:
        """Raise UsageError for a number out of its range."""
        check_number("--max-samples", self.max_samples, 1, MAX_SAMPLES)
        check_number("--noise-threshold", self.noise_threshold, 0.0001, 1)


PRESETS: Final = {
    "quick": CyclesSettings(max_samples=30, noise_threshold=0.02),
    "train": CyclesSettings(),
    "high": CyclesSettings(max_samples=100, noise_threshold=0.005),
}
