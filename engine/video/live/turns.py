"""Whose picture is painted next. Each client has one picture waiting at most, and one painted a turn.

Pictures of clients that send at any rate come in; one painter takes them. A queue of all of them would give each
client as much as it sends: who floods gets the most, and everybody waits behind it. So each has a place for one
picture, the newest, and the painter goes round: whoever was served goes to the end of the row, and who has nothing
waiting is passed over and keeps its position. Any client's picture then waits for at most one of each other's.
"""

import statistics
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.video.live.controls import LiveSettings
from engine.video.live.protocol import Frame, State

MEASURED = 15  # pictures of which the median is told: a second of them, more or less


@dataclass(slots=True, kw_only=True, eq=False)
class Seat:
    """One client's, from `join` to `leave`. Changed under the lock of `Turns` only."""

    settings: LiveSettings
    deliver: Callable[["Turn", bytes], None]
    """Takes a painted picture, ready to be sent; any thread."""
    lose: Callable[["Turn", str], None]
    """Hears, in a line, that one is not painted; any thread."""
    note: Callable[[str], None]
    """Hears, in a line, what is worth knowing; any thread."""
    number: int = 0
    """Of the settings: counts their changes."""
    waiting: Frame | None = None
    arrived_s: float = 0.0
    """When what waits came, or what waited last."""
    rests_until_s: float = 0.0
    heard_s: float = 0.0
    """When it came, or its last picture."""
    received: int = 0
    painted: int = 0
    dropped: int = 0
    failed: int = 0
    spent_ms: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=MEASURED))
    """(waited, painted) of the last pictures."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Turn:
    """One picture to be painted."""

    seat: Seat
    frame: Frame
    arrived_s: float
    settings: LiveSettings
    """Those in force when it was taken."""
    number: int
    """Of these settings."""


class Turns:
    """Any thread. Times are seconds of one clock, given by the caller."""

    def __init__(self, *, most_clients: int, idle_s: float) -> None:
        """`idle_s`: after so long without a picture a client gives its place to one that comes when all are taken."""
        self.most_clients = most_clients
        self._idle_s = idle_s
        self._row: list[Seat] = []  # who is served next stands first
        self._changed = threading.Condition()
        self._is_ended = False

    @property
    def clients(self) -> int:
        return len(self._row)

    def join(self, seat: Seat, now_s: float) -> Seat | None:
        """Give it a place: returns the one that had to leave for it, or the seat itself where a place was free.

        None: all are taken by clients that use them.
        """
        with self._changed:
            leaver = seat
            if len(self._row) >= self.most_clients:
                leaver = min(self._row, key=lambda other: other.heard_s)
                if now_s - leaver.heard_s < self._idle_s:
                    return None
                self._row.remove(leaver)
            seat.heard_s = now_s
            self._row.append(seat)
            return leaver

    def leave(self, seat: Seat) -> None:
        """Its place is free at once; what waits is dropped. One that has left already may leave again."""
        with self._changed:
            if seat in self._row:
                self._row.remove(seat)
            seat.waiting = None

    def offer(self, seat: Seat, frame: Frame, now_s: float) -> None:
        """The newest picture of a client; one that still waits is dropped for it."""
        with self._changed:
            seat.received += 1
            seat.dropped += seat.waiting is not None
            seat.waiting, seat.arrived_s, seat.heard_s = frame, now_s, now_s
            self._changed.notify()

    def change(self, seat: Seat, settings: LiveSettings) -> None:
        """Its pictures are painted so from the next one on; whatever failed before is tried again."""
        with self._changed:
            if settings != seat.settings:
                seat.settings, seat.number, seat.rests_until_s = settings, seat.number + 1, 0.0
                self._changed.notify()

    def take(self, now_s: Callable[[], float]) -> Turn | None:
        """The next picture to paint, waited for; None when `end` was called."""
        with self._changed:
            while not self._is_ended:
                now = now_s()
                if (turn := self._next(now)) is not None:
                    return turn
                rests = [seat.rests_until_s - now for seat in self._row if seat.waiting is not None]
                self._changed.wait(min(rests, default=None))
            return None

    def finish(self, turn: Turn, *, waited_ms: float, painted_ms: float) -> None:
        """It was painted."""
        with self._changed:
            turn.seat.painted += 1
            turn.seat.spent_ms.append((waited_ms, painted_ms))

    def fail(self, turn: Turn, *, until_s: float) -> None:
        """It was not: the client's next is tried at `until_s`, or when its settings change."""
        with self._changed:
            turn.seat.failed += 1
            if turn.number == turn.seat.number:
                turn.seat.rests_until_s = until_s

    def end(self) -> None:
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()

    def state(self, seat: Seat, *, unsent: int) -> State:
        with self._changed:
            at = self._row.index(seat) if seat in self._row else 0
            spent = seat.spent_ms
            return State(
                clients=len(self._row),
                most_clients=self.most_clients,
                waiting=sum(other.waiting is not None for other in self._row[:at]),
                received=seat.received,
                painted=seat.painted,
                dropped=seat.dropped,
                unsent=unsent,
                failed=seat.failed,
                server_ms=statistics.median(map(sum, spent)) if spent else 0.0,
                painting_ms=statistics.median(painted for _, painted in spent) if spent else 0.0,
            )

    def _next(self, now_s: float) -> Turn | None:
        for seat in self._row:
            frame = seat.waiting
            if frame is None or seat.rests_until_s > now_s:
                continue
            seat.waiting = None
            self._row.remove(seat)
            self._row.append(seat)
            return Turn(seat=seat, frame=frame, arrived_s=seat.arrived_s, settings=seat.settings, number=seat.number)
        return None
