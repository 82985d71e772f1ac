"""Tells a process that waits for ever from one that works or is starved: it sleeps, and uses no processor time."""

import psutil

MAX_ASLEEP_S = 10.0  # a picture sleeps for milliseconds; one that waits for a disk or a processor is in other states
LOOK_S = 0.5


class StallWatch:
    """Watches one process that has no business to wait: no network, no children."""

    def __init__(self) -> None:
        self._used_s = -1.0
        self._since_s = self._looked_s = -float("inf")

    def is_stalled(self, pid: int, now_s: float) -> bool:
        """True if the process has slept for MAX_ASLEEP_S. Call it often; it looks every LOOK_S."""
        if now_s - self._looked_s < LOOK_S:
            return False
        self._looked_s = now_s
        try:
            process = psutil.Process(pid)
            times, status = process.cpu_times(), process.status()
        except psutil.Error:  # it has ended
            return False
        used_s = times.user + times.system
        if used_s != self._used_s or status != psutil.STATUS_SLEEPING:
            self._used_s, self._since_s = used_s, now_s
        return now_s - self._since_s > MAX_ASLEEP_S
