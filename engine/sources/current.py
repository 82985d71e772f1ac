"""The current source of layer 5, and switching to another one during a show.

    now ─► the picture
    next ─► opened and started, waits for its first picture; then becomes `now`

The current source plays until the next one has a picture. If there is none within 10 s, the next
one is closed and nothing changes, so a wrong name or an inactive sender never interrupts the
picture. Closing may block, so it runs on a separate thread; only textures of other programs are
closed by the render thread, which owns them.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from engine.sources.source import Polled, Source, SourceStatus
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.process_memory import return_freed_memory
from engine.values import VideoFrame

log = logging.getLogger(__name__)

MAX_WAIT_S: Final = 10.0  # a camera opens within five
MAX_CLOSE_S: Final = 2.0  # for all closing sources together
SHUTTING_DOWN = "the engine is shutting down"

Ended = Callable[[str], None]
"""Called once, on the render thread, with "" when the source is shown, else with the reason. Must
not wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedSource:
    argument: str
    source: Source | None
    """None if no picture is requested."""


NOTHING = SelectedSource(argument="none", source=None)


class CurrentSource:
    """The source that is shown, and the next one. Render thread only: `poll`, `renew_context` and
    `close`."""

    def __init__(self, first: SelectedSource, clock: Clock) -> None:
        self._clock = clock
        self._now = first
        self._next: tuple[SelectedSource, Ended, float] | None = None
        """The awaited source, its callback, and the time limit in seconds."""
        # held only briefly, as the render thread takes it once per frame
        self._changing = threading.Lock()
        self._requests: deque[tuple[SelectedSource | None, Ended]] = deque()
        self._is_closed = False
        self._closing: list[GuardedThread] = []

    @property
    def argument(self) -> str:
        return self._now.argument

    @property
    def has_source(self) -> bool:
        """True unless `none` is selected."""
        return self._now.source is not None

    def start(self) -> None:
        if self._now.source is not None:
            self._now.source.start()

    def take(self, chosen: SelectedSource, ended: Ended) -> None:
        """Show a started source as soon as it has a picture. Replaces one that is still waiting for
        its picture."""
        with self._changing:
            if not self._is_closed:
                self._requests.append((chosen, ended))
                return
        self._refuse(chosen, ended)

    def keep(self, argument: str, ended: Ended) -> bool:
        """Keep the source selected by this argument, and cancel a waiting one. False, without any
        effect, if another source is shown, or will be in the next frame."""
        with self._changing:
            will_be_none = any(
                chosen is not None and chosen.source is None for chosen, _ in self._requests
            )
            if self._is_closed or argument != (
                NOTHING.argument if will_be_none else self._now.argument
            ):
                return False
            self._requests.append((None, ended))
            return True

    def poll(self) -> None:
        """Poll the `Polled` sources, and change to the next one when it has a picture. Never waits,
        never raises."""
        if isinstance(self._now.source, Polled):
            self._now.source.poll()
        with self._changing:
            while self._requests:
                self._begin(*self._requests.popleft())
            if self._next is not None:
                self._await(*self._next)

    def renew_context(self) -> None:
        for source in (self._now.source, self._next[0].source if self._next else None):
            if isinstance(source, Polled):
                source.renew_context()

    def latest_frame(self) -> VideoFrame | None:
        source = self._now.source
        return source.latest_frame() if source is not None else None

    def frame_at(self, time_s: float) -> VideoFrame | None:
        """The picture at this time; offline only, where the source never changes. SourceError if
        decoding fails."""
        source = self._now.source
        return source.frame_at(time_s) if source is not None else None

    def status(self) -> SourceStatus | None:
        source = self._now.source
        return source.status() if source is not None else None

    def close(self) -> None:
        """Close all sources. Idempotent."""
        with self._changing:
            self._is_closed = True
            requests = list(self._requests)
            self._requests.clear()
        for chosen, ended in requests:
            self._refuse(chosen, ended)
        self._give_up(SHUTTING_DOWN)
        self._replace(NOTHING)
        end_s = time.perf_counter() + MAX_CLOSE_S
        for thread in self._closing:
            thread.join(timeout_s=max(0.0, end_s - time.perf_counter()))
        self._closing.clear()

    def _refuse(self, chosen: SelectedSource | None, ended: Ended) -> None:
        """Close a source that arrives after `close`. It was never polled, so it holds no GL
        objects."""
        self._release(chosen.source if chosen is not None else None)
        ended(SHUTTING_DOWN)

    def _begin(self, chosen: SelectedSource | None, ended: Ended) -> None:
        self._give_up("superseded by another choice")
        if chosen is None:
            ended("")
        elif chosen.source is None:
            self._replace(chosen)
            ended("")
        else:
            self._next = chosen, ended, self._clock.now_s() + MAX_WAIT_S

    def _await(self, chosen: SelectedSource, ended: Ended, until_s: float) -> None:
        source = chosen.source
        assert source is not None
        if isinstance(source, Polled):
            source.poll()
        if source.latest_frame() is not None:
            self._next = None
            self._replace(chosen)
            ended("")
        elif self._clock.now_s() >= until_s:
            status = source.status()
            why = (
                status.description
                if status.state == "lost"
                else f"{status.description}: no picture"
            )
            self._give_up(f"{why}; gave up after {MAX_WAIT_S:.0f} s, the picture is unchanged")

    def _give_up(self, reason: str) -> None:
        pending = self._next
        self._next = None
        if pending is not None:
            chosen, ended, _ = pending
            self._release(chosen.source)
            ended(reason)

    def _replace(self, chosen: SelectedSource) -> None:
        before = self._now
        self._now = chosen
        self._release(before.source)

    def _release(self, source: Source | None) -> None:
        if source is None:
            return
        if isinstance(source, Polled):
            source.close()
            return
        self._closing = [thread for thread in self._closing if thread.is_alive]
        # no longer shown: log only
        guard = Guard(log, lambda key, line: None, "camera", "closing a source failed")
        thread = GuardedThread("close a source", partial(_close, source), guard)
        thread.start()
        self._closing.append(thread)


def _close(source: Source) -> None:
    source.close()
    return_freed_memory()
