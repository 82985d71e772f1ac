"""Splits sound into four stems by a plug-in, which may fail, take too long or return anything: it
is then left out."""

import logging
import time
from pkgutil import resolve_name
from queue import Empty, SimpleQueue
from threading import Event
from typing import Final, Protocol

import numpy as np

from engine.audio.feed import bring_into_range
from engine.errors import AudioError, in_one_line
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report
from engine.system.translate_errors import translate_errors
from engine.values import CHANNELS
from osc_schema.audio import SEPARATORS

MAX_CALL_S: Final = 1.0
MAX_OFFLINE_S: Final = 120.0
"""Limit for a call offline, the first of which also loads: one that hangs must not hang the
video."""
MAX_LATE_S: Final = 0.5
KEY: Final = "audio.separator"
logger = logging.getLogger(__name__)


class PluginSeparator(Protocol):
    """The separator of a plug-in: made by its entry point in `multiverse.separators`, called with
    the sample rate."""

    latency_s: float
    """How much later than the sound its stems are."""

    def separate(self, block: np.ndarray) -> np.ndarray:
        """The next (n, 4) float32 of the stems, for the next (n, 2) float32 of the sound; n does
        not change."""
        ...


class Separator:
    """Calls a plug-in's separator on a thread of its own, from the start to `close`. Live it may
    load for as long as it likes, but not take longer than the sound lasts; offline it may. After
    any failure it is not called again."""

    def __init__(
        self, name: str, sample_rate_hz: int, hop_s: float, report: Report, *, may_wait: bool
    ) -> None:
        self._name = name
        self._rate_hz = sample_rate_hz
        self._hop_s = hop_s
        self._report = report
        self._may_wait = may_wait
        self._late_s = 0.0
        self._max_call_s = MAX_OFFLINE_S if may_wait else MAX_CALL_S
        self._is_loaded = Event()
        self._is_left_out = False
        self._blocks: SimpleQueue[np.ndarray | None] = SimpleQueue()
        self._stems: SimpleQueue[np.ndarray | AudioError] = SimpleQueue()
        guard = Guard(logger, report, KEY, f"audio: separator {name} stopped")
        GuardedThread(f"separator {name}", self._run, guard).start()

    @property
    def works(self) -> bool:
        """True from when it has loaded until it fails. Any thread."""
        return self._is_loaded.is_set() and not self._is_left_out

    def separate(self, pair: np.ndarray) -> np.ndarray | None:
        """The stems for the next hop, (2, frames): (4, frames); None while it loads, and after a
        failure."""
        if self._is_left_out or not (self._may_wait or self._is_loaded.is_set()):
            return None
        began_s = time.monotonic()
        self._blocks.put(pair.T.copy())
        try:
            stems = self._stems.get(timeout=self._max_call_s)
        except Empty:
            self._leave_out(f"has not returned for {self._max_call_s:g} s")
            return None
        if isinstance(stems, AudioError):
            self._leave_out(str(stems))
            return None
        took_s = time.monotonic() - began_s
        self._late_s = max(0.0, self._late_s + took_s - self._hop_s)
        if self._late_s > MAX_LATE_S and not self._may_wait:
            self._leave_out(
                f"is too slow: {1000 * took_s:.0f} ms for {1000 * self._hop_s:.0f} ms of sound"
            )
        return stems

    def close(self) -> None:
        """End the thread after its call."""
        self._blocks.put(None)

    def _leave_out(self, reason: str) -> None:
        self._is_left_out = True
        self.close()
        self._report(
            KEY,
            f"separator {self._name}: {reason}; the engine's own stems are used until it is "
            "chosen again",
        )

    def _run(self) -> None:
        try:
            with translate_errors({Exception: in_one_line}, as_=AudioError):
                plugin: PluginSeparator = resolve_name(SEPARATORS[self._name])(self._rate_hz)
                logger.info(
                    "separator %s: the layers are %.0f ms late", self._name, 1000 * plugin.latency_s
                )
                self._is_loaded.set()
                while (block := self._blocks.get()) is not None:
                    self._stems.put(_checked(plugin.separate(block), len(block)))
        except (AudioError, SystemExit, KeyboardInterrupt) as error:
            self._stems.put(AudioError(in_one_line(error)))
        finally:  # whoever waits must hear of any end
            self._stems.put(AudioError("has ended"))
            self._is_loaded.set()


def _checked(stems: object, frames: int) -> np.ndarray:
    """A copy of (frames, 4) as (4, frames). ValueError for anything else."""
    if (
        not isinstance(stems, np.ndarray)
        or stems.shape != (frames, CHANNELS)
        or stems.dtype.kind != "f"
    ):
        kind = (
            f"{stems.dtype} {stems.shape}"
            if isinstance(stems, np.ndarray)
            else type(stems).__name__
        )
        raise ValueError(f"separate returned {kind}, not float32 {(frames, CHANNELS)}")
    return bring_into_range(np.array(stems.T, np.float32, order="C"))
