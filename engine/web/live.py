"""/live: levels, status and the OSC monitor for browsers that look at them, as JSON on a WebSocket.

    {"levels": [{"rms", "peak", "low", "mid", "high", "pitch_hz", "onset_count"}, ... one a channel]}   20 a second
    {"status": {... as /status.json}}                                                                    2 a second
    {"osc": [{"at_s", "from", "address", "args"} or {"at_s", "from", "refused"}, ...], "skipped": n}
                                                               at most 10 a second, to who sent {"monitor": true}

A browser that is slow gets the newest levels and status when it has room again, and of the monitor the newest lines.
"""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable

import msgspec
from aiohttp import web

from engine.system.file_names import escaped
from engine.values import ChannelFeatures
from engine.web.monitor import MAX_LINES, Line, OscMonitor
from engine.web.serving.sockets import Data, Send, WebSockets

log = logging.getLogger(__name__)

TICKS_HZ = 20
TICKS_A_STATUS = 10
TICKS_A_MONITOR = 2
LEVELS = ("rms", "peak", "low", "mid", "high", "pitch_hz", "onset_count")


class Wish(msgspec.Struct):
    """What a browser may send; more than this is left to newer engines."""

    monitor: bool | None = None


class Desk:
    """One browser's: what waits to be sent to it, the newest of each kind. Event loop only."""

    def __init__(self) -> None:
        self.wants_osc = False
        self._texts: dict[str, str] = {}
        self._lines: deque[Line] = deque(maxlen=MAX_LINES)
        self._skipped = 0
        self._has_something = asyncio.Event()

    def put(self, kind: str, text: str) -> None:
        self._texts[kind] = text
        self._has_something.set()

    def put_lines(self, lines: tuple[Line, ...], skipped: int) -> None:
        self._skipped += skipped + max(0, len(self._lines) + len(lines) - MAX_LINES)
        self._lines.extend(lines)
        self._has_something.set()

    async def take(self) -> list[str]:
        """Everything that waits, once something does."""
        await self._has_something.wait()
        self._has_something.clear()
        texts, self._texts = list(self._texts.values()), {}
        if self._lines:
            texts.append(as_json({"osc": [line.as_json() for line in self._lines], "skipped": self._skipped}))
            self._lines.clear()
            self._skipped = 0
        return texts


class LiveFeed:
    """Event loop only. `features` and `status` are asked only while a browser is there."""

    def __init__(
        self,
        features: Callable[[], tuple[ChannelFeatures, ...]],
        status: Callable[[], object],
        monitor: OscMonitor,
        sockets: WebSockets,
        report: Callable[[str, str], None],
    ) -> None:
        self._features = features
        self._status = status
        self._monitor = monitor
        self._sockets = sockets
        self._report = report
        self._desks: set[Desk] = set()
        self._ticking: asyncio.Task[None] | None = None
        self._has_failed = False

    async def serve(self, request: web.Request) -> web.StreamResponse:
        desk = Desk()

        async def speak(send: Send) -> None:
            while True:
                for text in await desk.take():
                    await send(text)

        self._add(desk)
        try:
            return await self._sockets.serve(
                request, hear=lambda data: self._hear(desk, data, str(request.remote)), speak=speak
            )
        finally:
            self._remove(desk)

    def _add(self, desk: Desk) -> None:
        self._desks.add(desk)
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick_for_ever())

    def _remove(self, desk: Desk) -> None:
        self._desks.discard(desk)
        self._watch(desk, False)
        if not self._desks and self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    def _hear(self, desk: Desk, data: Data, peer: str) -> None:
        try:
            wish = msgspec.json.decode(data, type=Wish)
        except (msgspec.MsgspecError, RecursionError) as error:
            self._report("web request", f'page: {peer}: /live is told things like {{"monitor": true}}: {error}')
            return
        if wish.monitor is not None:
            self._watch(desk, wish.monitor)

    def _watch(self, desk: Desk, wants_osc: bool) -> None:
        was_watched = any(other.wants_osc for other in self._desks)
        desk.wants_osc = wants_osc
        is_watched = any(other.wants_osc for other in self._desks)
        if is_watched and not was_watched:
            self._monitor.start()
        elif not is_watched:
            self._monitor.stop()

    async def _tick_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        for number in itertools.count():
            try:
                self.tick(number)
            except Exception as error:
                # Top of the task's loop: a status that cannot be had once may be had the next time.
                if not self._has_failed:
                    log.exception("the page's levels or status cannot be had")
                self._has_failed = True
                self._report("web", f"the page's levels or status cannot be had: {error!r}")
            due_s = max(due_s + 1 / TICKS_HZ, loop.time())
            await asyncio.sleep(due_s - loop.time())

    def tick(self, number: int) -> None:
        """Put what is due at this twentieth of a second on every desk."""
        channels = [{name: getattr(channel, name) for name in LEVELS} for channel in self._features()]
        self._put_all("levels", {"levels": channels})
        if number % TICKS_A_MONITOR == 0 and any(desk.wants_osc for desk in self._desks):
            lines, skipped = self._monitor.take()
            for desk in self._desks:
                if desk.wants_osc and lines:
                    desk.put_lines(lines, skipped)
        if number % TICKS_A_STATUS == 0:
            self._put_all("status", {"status": self._status()})

    def _put_all(self, kind: str, value: object) -> None:
        text = as_json(value)
        for desk in self._desks:
            desk.put(kind, text)


def as_json(value: object) -> str:
    """msgspec writes infinities (a silent level in dB) as null, which JSON can carry. Names of files that are not UTF-8
    are shown escaped."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(_escaped(msgspec.to_builtins(value))).decode()


def _escaped(value: object) -> object:
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, dict):
        return {_escaped(name): _escaped(each) for name, each in value.items()}
    return [_escaped(each) for each in value] if isinstance(value, list | tuple) else value
