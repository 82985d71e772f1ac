"""Statistics that a child reports once per second."""

from collections import deque
from collections.abc import Mapping

RECENT_CALLS = 32
REPORT_EVERY_S = 1.0
FPS_WINDOW_S = 5.0

Facts = dict[str, int | float | str]


class StageTimes:
    """Durations of the stages of the newest 32 calls. Seconds come in as arguments."""

    def __init__(self) -> None:
        self._durations: deque[Mapping[str, float]] = deque(maxlen=RECENT_CALLS)
        self._reported_s = float("-inf")
        self._names: dict[str, None] = {}
        """All stages so far, in their order."""

    def stages_ms(self) -> Facts:
        """`encode_ms` and so on: means over the newest 32 calls; 0 for a stage that has ended."""
        if not self._durations:
            return {}
        self._names |= dict.fromkeys(self._durations[-1])
        newest = self._durations[-1]
        return {
            f"{name}_ms": round(
                sum(call.get(name, 0.0) for call in self._durations) / len(self._durations), 2
            )
            if name in newest
            else 0.0
            for name in self._names
        }

    def is_due(self, now_s: float) -> bool:
        """True once per second."""
        if now_s - self._reported_s < REPORT_EVERY_S:
            return False
        self._reported_s = now_s
        return True


class Figures(StageTimes):
    """Counts and times of the main loop of a picture child."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures = 0
        """Published results."""
        self.nan = 0
        """Results dropped because the model's output was not a number."""
        self.call_s = 0.0
        """Duration of the newest call, including waits and rests."""
        self._published_s: deque[float] = deque(maxlen=1024)
        self._periods_s: deque[float] = deque(maxlen=RECENT_CALLS)
        """From the beginning of a call to that of the next one."""
        self._began_s: float | None = None

    def begin_call(self, now_s: float) -> None:
        if self._began_s is not None:
            self._periods_s.append(now_s - self._began_s)
        self._began_s = now_s

    def pause(self) -> None:
        """Exclude the time until the next call from the statistics."""
        self._began_s = None

    def count_call(self, stages_ms: Mapping[str, float], call_s: float) -> None:
        """Record a call and the milliseconds of each of its stages."""
        self._durations.append(stages_ms)
        self.call_s = call_s

    def delay_s(self, calls: int) -> float:
        """Time from the arrival of a value until the result of `calls` calls with it is published
        (95th percentile). It includes the wait for the end of the call in progress. 0 before the
        second call."""
        ordered = sorted(self._periods_s)
        return (1 + calls) * ordered[int(0.95 * (len(ordered) - 1) + 0.5)] if ordered else 0.0

    def count_picture(self, now_s: float) -> None:
        """Count a published result."""
        self.pictures += 1
        self._published_s.append(now_s)

    def fps(self, now_s: float) -> float:
        """Published results per second over the last five seconds; 0 before the second result."""
        recent = [
            published_s for published_s in self._published_s if now_s - published_s <= FPS_WINDOW_S
        ]
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0

    def facts(self, now_s: float) -> Facts:
        return {
            "fps": round(self.fps(now_s), 2),
            **self.stages_ms(),
            "pictures": self.pictures,
            "nan": self.nan,
        }
