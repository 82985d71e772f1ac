"""Statistics that the voice child reports once a second."""

from collections import deque
from collections.abc import Mapping
from typing import Final

from engine.children.messages import Fact

KEPT_BLOCKS: Final = 512
KEPT_STAGES: Final = 32
MIN_BLOCKS: Final = 8  # measured before the machine is reported as too slow: the first blocks include warm-up
TELL_EVERY_S: Final = 1.0


class VoiceFigures:
    """Counts and times of the child's main loop. Seconds come in as arguments."""

    def __init__(self) -> None:
        self.skipped = 0
        """Blocks skipped because newer ones had arrived."""
        self._work_ms: deque[float] = deque(maxlen=KEPT_BLOCKS)
        self._stages: deque[Mapping[str, float]] = deque(maxlen=KEPT_STAGES)
        self._told_s = float("-inf")

    def begin_window(self) -> None:
        """Discard the measured times, because the length of a block changes."""
        self._work_ms.clear()
        self._stages.clear()

    def count_block(self, work_ms: float, stages_ms: Mapping[str, float]) -> None:
        """Record a block: its time from complete input to published output, and the milliseconds of each stage."""
        self._work_ms.append(work_ms)
        self._stages.append(stages_ms)

    def too_slow_ms(self, block_ms: float) -> float | None:
        """The median processing time if it is longer than a block; None if the conversion keeps up."""
        if len(self._work_ms) < MIN_BLOCKS:
            return None
        p50_ms = sorted(self._work_ms)[len(self._work_ms) // 2]
        return p50_ms if p50_ms > block_ms else None

    def is_due(self, now_s: float) -> bool:
        """True once a second."""
        if now_s - self._told_s < TELL_EVERY_S:
            return False
        self._told_s = now_s
        return True

    def facts(self, block_ms: float) -> dict[str, Fact]:
        """p50 and p99 over the newest 512 blocks; `rtf`: p50 as a share of a block's length."""
        ordered = sorted(self._work_ms)
        if not ordered:
            return {"skipped": self.skipped}
        p50_ms, p99_ms = ordered[len(ordered) // 2], ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)]
        return {
            "work_p50_ms": round(p50_ms, 2),
            "work_p99_ms": round(p99_ms, 2),
            "rtf": round(p50_ms / block_ms, 3),
            "skipped": self.skipped,
        }

    def stages_ms(self) -> dict[str, Fact]:
        """`content_ms` and so on: means over the newest 32 blocks."""
        names = self._stages[-1] if self._stages else ()
        return {
            f"{name}_ms": round(sum(stages.get(name, 0.0) for stages in self._stages) / len(self._stages), 2)
            for name in names
        }
