"""One client's side of the server: what it says is taken in, what waits for it is sent. Event loop only."""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from engine.jobs.video.live.controls import Knob, LiveSettings
from engine.jobs.video.live.jpeg import check_jpeg, decode
from engine.jobs.video.live.protocol import REFERENCE, Frame, ProtocolError, as_text, settings_in, unpack
from engine.jobs.video.live.settings import changed, told, with_picture
from engine.jobs.video.live.turns import Seat, Turn, Turns
from engine.web.serving.sockets import MAX_SOCKETS, Data, Farewell, Send, WebSockets

STATE_S = 0.5
MAX_LINES = 16  # that wait for a client; of more, which nobody reads, the newest
MAX_PICTURES = 2  # that wait for a client with a slow connection
MAX_REFERENCE_PX = 1024  # the IP-Adapter looks at some 224 of them
FOLLOWED_S = 0.5  # between two pictures to follow: decoding one takes the event loop, and nobody chooses faster
QUIET_S = 1.1  # a little more than lines of one kind are apart in the log
IDLE = "nothing came from here for a while, and another client wanted the place; it goes on with the next picture"


class Visits:
    def __init__(
        self,
        turns: Turns,
        sockets: WebSockets,
        *,
        knobs: tuple[Knob, ...],
        start: LiveSettings,
        about: dict[str, Any],
        most_bytes: int,
        folder: Path,
        tell: Callable[[str, str], None],
    ) -> None:
        """`about`: what every client is told first, beside the controls. `folder`: for pictures that clients send.
        `tell(key, line)` hears who comes and goes."""
        self._turns = turns
        self._sockets = sockets
        self._knobs = knobs
        self._start = start
        self._about = about
        self._most_bytes = most_bytes
        self._folder = folder
        self._tell = tell
        self._visits: dict[Seat, Visit] = {}
        self._count = 0
        self._quiet: asyncio.TimerHandle | None = None

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        if not web.WebSocketResponse().can_prepare(request):
            raise web.HTTPBadRequest(text="here is a WebSocket; the page is at /live\n")
        if self._sockets.open >= MAX_SOCKETS:  # before anybody has to leave for it
            raise web.HTTPServiceUnavailable(text=f"{MAX_SOCKETS} WebSockets are open already\n")
        self._count += 1
        visit = Visit(self._turns, self._knobs, self._start, self._most_bytes, self._folder / str(self._count))
        leaver = self._turns.join(visit.seat, time.perf_counter())
        if leaver is None:
            most = self._turns.most_clients
            served = "1 client is" if most == 1 else f"{most} clients are"
            return await self._sockets.refuse(request, f"busy: {served} served; try again later")
        if leaver is not visit.seat:
            self._visits[leaver].end(IDLE)
        self._say("came", request)
        self._visits[visit.seat] = visit
        visit.tell("hello", self._about | {"settings": visit.values()})
        try:
            return await self._sockets.serve(request, hear=visit.hear, speak=visit.speak)
        finally:
            self._turns.leave(visit.seat)
            del self._visits[visit.seat]
            visit.close()
            self._say("left", request)

    def _say(self, what: str, request: web.Request) -> None:
        """At once; and where others came or left since, how many are there when it is quiet again: of a crowd not
        each one is said."""
        self._tell(f"live {what}", f"page: {request.remote} {what}; {self._clients()}")
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = asyncio.get_running_loop().call_later(QUIET_S, self._say_clients)
        else:
            self._quiet = asyncio.get_running_loop().call_later(QUIET_S, self._forget_quiet)

    def _say_clients(self) -> None:
        self._quiet = None
        self._tell("live clients", f"page: {self._clients()}")

    def _forget_quiet(self) -> None:
        self._quiet = None

    def _clients(self) -> str:
        return f"{self._turns.clients} of {self._turns.most_clients} clients"


class Visit:
    def __init__(
        self, turns: Turns, knobs: tuple[Knob, ...], start: LiveSettings, most_bytes: int, pictures: Path
    ) -> None:
        """`pictures`: begins the names of the files that it writes."""
        self.seat = Seat(settings=start, deliver=self._deliver, lose=self._lose, note=self._note)
        self._turns = turns
        self._knobs = knobs
        self._most_bytes = most_bytes
        self._loop = asyncio.get_running_loop()
        self._texts: dict[str, str] = {}  # the newest of each kind
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._pictures: deque[bytes] = deque(maxlen=MAX_PICTURES)
        self._unsent = 0
        self._ended = ""
        self._has_something = asyncio.Event()
        self._followed_s = -math.inf
        self._files = pictures
        self._written: deque[Path] = deque()

    # -- what comes in --------------------------------------------------------------------------

    def hear(self, data: Data) -> None:
        try:
            if isinstance(data, str):
                self._change(settings_in(data))
            else:
                self._look_at(unpack(data, most_bytes=self._most_bytes))
        except ProtocolError as error:
            self.say("error", str(error))

    def _change(self, values: dict[str, Any]) -> None:
        settings, wrong = changed(self.seat.settings, self._knobs, values)
        for line in wrong:
            self.say("error", line)
        self._apply(settings)

    def _look_at(self, frame: Frame) -> None:
        if frame.kind == REFERENCE:
            self._follow(frame)
            return
        try:
            check_jpeg(frame)
        except ProtocolError as error:
            self._say_lost(frame.index, str(error))
        else:
            self._turns.offer(self.seat, frame, time.perf_counter())

    def _follow(self, frame: Frame) -> None:
        """A picture for the IP-Adapter."""
        if not any(knob.control.name == "ip_image" for knob in self._knobs):
            raise ProtocolError("a picture to follow: the model has no IP-Adapter")
        if max(frame.width, frame.height) > MAX_REFERENCE_PX:
            raise ProtocolError(f"a picture to follow: its sides are at most {MAX_REFERENCE_PX} px")
        check_jpeg(frame)
        now_s = self._loop.time()
        if now_s - self._followed_s < FOLLOWED_S:
            raise ProtocolError(f"a picture to follow: the last came less than {FOLLOWED_S:g} s ago; choose it again")
        self._followed_s = now_s
        decode(frame)
        file = Path(f"{self._files}-{self.seat.number + 1}.jpg")
        self._written.append(file)
        try:
            file.write_bytes(frame.jpeg)
        except OSError as error:
            raise ProtocolError(f"a picture to follow: the server cannot keep it ({error.strerror})") from None
        self._apply(with_picture(self.seat.settings, str(file)))
        while len(self._written) > 2:  # the one before may still be in a painter's hands
            _remove(self._written.popleft())

    def _apply(self, settings: LiveSettings) -> None:
        self._turns.change(self.seat, settings)
        self.tell("settings", self.values())

    def values(self) -> dict[str, Any]:
        return {"number": self.seat.number, "values": told(self.seat.settings, self._knobs)}

    # -- what waits for it ----------------------------------------------------------------------

    def tell(self, kind: str, value: object) -> None:
        """In the place of what still waits of this kind."""
        self._texts[kind] = as_text(kind, value)
        self._has_something.set()

    def say(self, kind: str, value: object) -> None:
        """After whatever waits."""
        self._lines.append(as_text(kind, value))
        self._has_something.set()

    def end(self, reason: str) -> None:
        """The client is told why, and goes."""
        self._ended = reason
        self._has_something.set()

    async def speak(self, send: Send) -> None:
        state_due_s = 0.0
        while not self._ended:
            if not (self._texts or self._lines or self._pictures):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, state_due_s - self._loop.time())):
                        await self._has_something.wait()
            self._has_something.clear()
            texts = [*self._texts.values(), *self._lines]
            self._texts.clear()
            self._lines.clear()
            for text in texts:
                await send(text)
            if self._pictures:  # one a turn: where they come faster than they go, all else has its turn too
                await send(self._pictures.popleft())
            if self._loop.time() >= state_due_s:
                state_due_s = self._loop.time() + STATE_S
                await send(as_text("state", self._turns.state(self.seat, unsent=self._unsent)))
        raise Farewell(self._ended)

    def close(self) -> None:
        for file in self._written:
            _remove(file)

    # -- from other threads ---------------------------------------------------------------------

    def _deliver(self, turn: Turn, data: bytes) -> None:
        self._later(self._put, data)

    def _lose(self, turn: Turn, reason: str) -> None:
        self._later(self._say_lost, turn.frame.index, reason)

    def _note(self, line: str) -> None:
        self._later(self.say, "note", line)

    def _later(self, call: Callable[..., None], *values: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is there any more
            self._loop.call_soon_threadsafe(call, *values)

    def _put(self, data: bytes) -> None:
        self._unsent += len(self._pictures) == MAX_PICTURES
        self._pictures.append(data)
        self._has_something.set()

    def _say_lost(self, index: int, reason: str) -> None:
        self.say("lost", {"index": index, "reason": reason})


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):  # under Windows while the painter reads it; it goes with the folder
        file.unlink(missing_ok=True)
