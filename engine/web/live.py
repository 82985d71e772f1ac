"""/live: levels, status and the OSC monitor for the page, as JSON on a WebSocket.

20 per second:
    {"levels": [{"rms", "peak", "low", "mid", "high", "pitch_hz", "onset_count"}, ... per channel],
     "beat": {"beat", "bpm", "confidence"},
     "fade": null or {"passed": 0..length, "length", "unit": "s", "beats" or "hand" (length 1)}}

2 per second:
    {"status": {... as in /status.json}}

10 per second:
    {"moved": {address: value, ...}}: values with their modulation, while there are any
    {"waiting": {address: position 0..1, ...}}: parameters whose mapped fader was moved in the last
        3 s and has not taken over yet, and where it stands on their range; while there are any, and
        once empty
    {"sources": {name: level 0..1, ...}}: to clients that sent {"sources": true}

At most 10 per second, to clients that sent {"monitor": true}:
    {"osc": [{"at_s", "from", "address", "args"} or {"at_s", "from", "refused"}, ...], "skipped": n}

A slow browser gets only the newest levels and status, and the newest lines of the monitor.
"""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Mapping
from functools import partial

import msgspec
from aiohttp import web

from engine.system.file_names import escaped
from engine.system.guarded_thread import Guard
from engine.system.reporting import Report
from engine.web.monitor import MAX_LINES, Line, OscMonitor
from engine.web.served import Served
from engine.web.serving.sockets import Data, Send, WebSockets

log = logging.getLogger(__name__)

TICKS_HZ = 20
TICKS_A_STATUS = 10
TICKS_A_MONITOR = TICKS_A_MOVE = 2
WATCHED_FRAMES = (
    60  # longer than from one tick to the next, also at 120 frames per second in a stutter
)
BEAT = ("beat", "bpm", "confidence")
LEVELS = ("rms", "peak", "low", "mid", "high", "pitch_hz", "onset_count")


class LiveRequest(msgspec.Struct):
    """A message from a browser. Unknown fields are ignored."""

    monitor: bool | None = None
    sources: bool | None = None


class Outbound:
    """The messages queued for one browser: the newest of each kind. Event loop only."""

    def __init__(self) -> None:
        self.wants_osc = False
        self.wants_sources = False
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
        """Wait until something is queued, then remove and return all of it."""
        await self._has_something.wait()
        self._has_something.clear()
        texts = list(self._texts.values())
        self._texts = {}
        if self._lines:
            texts.append(as_json({"osc": list(self._lines), "skipped": self._skipped}))
            self._lines.clear()
            self._skipped = 0
        return texts


class LiveFeed:
    """Sends levels, beat, status and monitor to all browsers, which is all that reads them. Event
    loop only."""

    def __init__(
        self, served: Served, monitor: OscMonitor, sockets: WebSockets, report: Report
    ) -> None:
        self._served = served
        self._monitor = monitor
        self._sockets = sockets
        self._report = report
        self._browsers: set[Outbound] = set()
        self._nonempty_kinds: set[str] = set()
        self._ticking: asyncio.Task[None] | None = None
        self._guard = Guard(log, report, "web", "the page's levels or status cannot be read")

    async def serve(self, request: web.Request) -> web.StreamResponse:
        browser = Outbound()

        async def send_messages(send: Send) -> None:
            while True:
                for text in await browser.take():
                    await send(text)

        self._browsers.add(browser)
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick_for_ever())
        try:
            return await self._sockets.serve(
                request,
                on_message=lambda data: self._receive(browser, data, str(request.remote)),
                send_messages=send_messages,
            )
        finally:
            self._browsers.discard(browser)
            self._watch(browser, False)
            if not self._browsers and self._ticking is not None:
                self._ticking.cancel()
                self._ticking = None

    def _receive(self, browser: Outbound, data: Data, peer: str) -> None:
        try:
            request = msgspec.json.decode(data, type=LiveRequest)
        except (msgspec.MsgspecError, RecursionError) as error:
            self._report(
                "web request",
                f'page: {peer}: /live expects messages like {{"monitor": true}}: {error}',
            )
            return
        if request.monitor is not None:
            self._watch(browser, request.monitor)
        if request.sources is not None:
            browser.wants_sources = request.sources

    def _watch(self, browser: Outbound, wants_osc: bool) -> None:
        was_watched = self._is_watched()
        browser.wants_osc = wants_osc
        if not self._is_watched():
            self._monitor.stop()
        elif not was_watched:
            self._monitor.start()

    def _is_watched(self) -> bool:
        return any(browser.wants_osc for browser in self._browsers)

    async def _tick_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        for number in itertools.count():
            self._guard.attempt(partial(self.tick, number))
            due_s = max(due_s + 1 / TICKS_HZ, loop.time())
            await asyncio.sleep(due_s - loop.time())

    def tick(self, number: int) -> None:
        """Queue the messages that are due now for every browser. Called 20 times per second."""
        feedback = self._served.dispatcher.feedback
        channels = [
            {name: getattr(channel, name) for name in LEVELS} for channel in feedback.features
        ]
        beat_now = {name: getattr(feedback.beat, name) for name in BEAT}
        self._put_all("levels", {"levels": channels, "beat": beat_now, "fade": self._served.fade()})
        if number % TICKS_A_MOVE == 0:
            self._put_modulation()
            self._put_while_any("waiting", self._served.waiting())
        if number % TICKS_A_MONITOR == 0 and self._is_watched():
            lines, skipped = self._monitor.take()
            for browser in self._browsers:
                if browser.wants_osc and lines:
                    browser.put_lines(lines, skipped)
        if number % TICKS_A_STATUS == 0:
            self._put_all("status", {"status": self._served.status()})

    def _put_modulation(self) -> None:
        modulation = self._served.modulation()
        self._put_while_any("moved", dict(modulation.moved))
        if watching := [browser for browser in self._browsers if browser.wants_sources]:
            modulation.watch_sources(WATCHED_FRAMES)
            text = as_json({"sources": dict(modulation.sources)})
            for browser in watching:
                browser.put("sources", text)

    def _put_while_any(self, kind: str, values: Mapping[str, object]) -> None:
        """Put them, and once more, empty, when the last one has ended."""
        if values or kind in self._nonempty_kinds:
            self._put_all(kind, {kind: values})
        self._nonempty_kinds = self._nonempty_kinds - {kind} | ({kind} if values else set())

    def _put_all(self, kind: str, value: object) -> None:
        text = as_json(value)
        for browser in self._browsers:
            browser.put(kind, text)


def as_json(value: object) -> str:
    """Encode as JSON. Infinities (a silent level in dB) become null. File names that are not UTF-8
    are escaped."""
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
