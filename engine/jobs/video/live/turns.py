"""Whose picture is painted next. Each client has one picture waiting at most, and one painted a turn.

Pictures of clients that send at any rate come in; one painter takes them. A queue of all of them would give each
client as much as it sends: who floods gets the most, and everybody waits behind it. So each has a place for one
picture, the newest. Served is who stands first in the row and has used no more of the painter's time, lately, than the
one that used the least; whoever was served goes to the end. Where all pictures take the same, that is one each, round
and round; where they do not, equal time: who wants fifty steps gets fewer pictures, and the others' come no later. Any
client's picture then waits for about one of each other's, or for as long as it takes itself, where that is longer.
"""

import statistics
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.jobs.video.live.controls import LiveSettings
from engine.jobs.video.live.protocol import Frame, State

HALF_LIFE_S = 10.0  # of the time that was used: what a client asked for a minute ago is no reason to let it wait
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
    used_s: float = 0.0
    """Of the painter's time, lately."""
    last_s: float = 0.0
    """Of it, for its last picture."""
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
        self._floor_s = 0.0  # used by whoever used the least when the last turn was taken: nobody comes with less
        self._taken: tuple[Seat, float] | None = None  # who is served, and since when
        self._decayed_s: float | None = None
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
            if seat.waiting is None:  # who was away has saved nothing up
                seat.used_s = max(seat.used_s, self._floor_s)
            seat.waiting, seat.arrived_s, seat.heard_s = frame, now_s, now_s
            self._changed.notify()

    def change(self, seat: Seat, settings: LiveSettings) -> None:
        """Its pictures are painted so from the next one on; whatever failed before is tried again."""
        with self._changed:
            if settings != seat.settings:
                seat.settings, seat.number, seat.rests_until_s = settings, seat.number + 1, 0.0
                self._changed.notify()

    def take(self, now_s: Callable[[], float]) -> Turn | None:
        """The next picture to paint, waited for; None when `end` was called. The time until the next call is what
        this one took."""
        with self._changed:
            self._charge(now_s())
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
            spent = seat.spent_ms
            return State(
                clients=len(self._row),
                most_clients=self.most_clients,
                waiting=self._before(seat),
                received=seat.received,
                painted=seat.painted,
                dropped=seat.dropped,
                unsent=unsent,
                failed=seat.failed,
                server_ms=statistics.median(map(sum, spent)) if spent else 0.0,
                painting_ms=statistics.median(painted for _, painted in spent) if spent else 0.0,
            )

    def _charge(self, now_s: float) -> None:
        """What was painted is done: its client has used the time since then."""
        decay = 0.5 ** ((now_s - (now_s if self._decayed_s is None else self._decayed_s)) / HALF_LIFE_S)
        self._decayed_s = now_s
        self._floor_s *= decay
        for seat in self._row:
            seat.used_s *= decay
        if self._taken is not None:
            seat, since_s = self._taken
            seat.last_s = now_s - since_s
            seat.used_s += seat.last_s
            self._taken = None

    def _next(self, now_s: float) -> Turn | None:
        ready = [seat for seat in self._row if seat.waiting is not None and seat.rests_until_s <= now_s]
        if not ready:
            return None
        least_s = min(seat.used_s for seat in ready)
        # Half a picture more is no more: the row's order stays where pictures take about the same.
        seat = next(seat for seat in ready if seat.used_s - least_s <= seat.last_s / 2.0)
        self._floor_s = least_s
        self._taken = seat, now_s
        self._row.remove(seat)
        self._row.append(seat)
        frame, seat.waiting = seat.waiting, None
        assert frame is not None
        return Turn(seat=seat, frame=frame, arrived_s=seat.arrived_s, settings=seat.settings, number=seat.number)

    def _before(self, seat: Seat) -> int:
        """Clients that are served before it, as far as can be told now."""
        if seat not in self._row:
            return 0
        used_s, at = max(seat.used_s, self._floor_s), self._row.index(seat)
        others = (
            (other.used_s - used_s, place < at, max(other.last_s, seat.last_s) / 2.0)
            for place, other in enumerate(self._row)
            if other.waiting is not None and other is not seat
        )
        return sum(more_s < -slack_s or (more_s <= slack_s and is_first) for more_s, is_first, slack_s in others)
