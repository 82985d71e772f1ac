"""Time per stage of a conversion. Does not load torch until it is switched on.

The profiler waits for the device after each stage, to measure the computation and not only the launch. This makes a
profiled run slightly slower.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfiledStage:
    stage: str
    calls: int
    total_s: float
    mean_ms: float
    share: float
    """0..1 of the time from the first stage's start to the last one's end."""


class PerformanceProfiler:
    """Measures stages. Not thread-safe. Does nothing while it is off."""

    def __init__(
        self,
        device: "torch.device",
        *,
        is_on: bool = True,
        now_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.is_on = is_on
        self._now_s = now_s
        self._times_s: dict[str, list[float]] = {}
        self._stage = ""
        self._began_s = self._first_s = self._last_s = 0.0
        if is_on:
            from engine.models.device_work import device_wait

            self._wait = device_wait(device)

    def start(self, stage: str) -> None:
        """Begin `stage`. A stage that never ends, because of an error, is not counted."""
        if not self.is_on:
            return
        self._wait()
        self._stage, self._began_s = stage, self._now_s()
        if not self._times_s:
            self._first_s = self._began_s

    def end(self, stage: str) -> None:
        """End the stage, after waiting for the device. ValueError if it is not the current one."""
        if not self.is_on:
            return
        if self._stage != stage:
            raise ValueError(f"stage {stage} cannot end: {self._stage or 'none'} is running")
        self._wait()
        self._last_s = self._now_s()
        self._times_s.setdefault(stage, []).append(self._last_s - self._began_s)
        self._stage = ""

    def report(self) -> tuple[ProfiledStage, ...]:
        """The stages in the order of their first start, then `other`: the time between stages."""
        whole_s = self._last_s - self._first_s
        rows = [self._row(stage, len(times), sum(times), whole_s) for stage, times in self._times_s.items()]
        if rows:
            calls = len(max(self._times_s.values(), key=len))
            rows.append(self._row(OTHER, calls, max(0.0, whole_s - sum(row.total_s for row in rows)), whole_s))
        return tuple(rows)

    def as_json(self) -> list[dict[str, Any]]:
        """The rows of `report` as plain values, rounded to a microsecond."""
        return [
            {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(row).items()}
            for row in self.report()
        ]

    def _row(self, stage: str, calls: int, total_s: float, whole_s: float) -> ProfiledStage:
        share = total_s / whole_s if whole_s else 0.0
        return ProfiledStage(stage=stage, calls=calls, total_s=total_s, mean_ms=1000.0 * total_s / calls, share=share)
