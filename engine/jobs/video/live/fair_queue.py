"""A fair queue of pictures to paint: each client has at most one picture waiting, and each gets an
equal share of time.

The queue keeps the newest picture of each client and serves clients in rotation. It skips those
that have recently used more of the painter's time than the one that used the least. If all pictures
take equally long, this is plain round robin; if not, a client with fifty steps gets fewer pictures,
and does not delay those of the others. A picture waits for about one picture of each other client,
or for as long as it takes itself, if that is longer.
"""

import statistics
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.jobs.video.live.controls import LiveSettings
from engine.jobs.video.live.protocol import Frame, State

# half-life of used time, so that a client does not wait now for heavy settings a minute ago
HALF_LIFE_S = 10.0
MEASURED = 15  # pictures in the median of the figures, about one second


@dataclass(slots=True, kw_only=True, eq=False)
class Client:
    """A client's place in the queue, from `join` to `leave`. Changed only under the lock of
    `FairQueue`."""

    settings: LiveSettings
    deliver: Callable[["PaintTask", bytes], None]
    """Receives a painted picture, ready to send; called on any thread."""
    lose: Callable[["PaintTask", str], None]
    """Receives the reason, in one line, when a picture is not painted; called on any thread."""
    note: Callable[[str], None]
    """Receives a note for the client, in one line; called on any thread."""
    number: int = 0
    """Version of the settings, incremented by each change."""
    waiting: Frame | None = None
    arrived_s: float = 0.0
    """Arrival time of the waiting picture, or of the last one."""
    rests_until_s: float = 0.0
    active_s: float = 0.0
    """Time of the client's last picture, or of its arrival."""
    used_s: float = 0.0
    """Painter time used recently; it decays."""
    last_s: float = 0.0
    """Painter time of its last picture."""
    received: int = 0
    painted: int = 0
    dropped: int = 0
    failed: int = 0
    spent_ms: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=MEASURED))
    """(wait, painting) times of the last pictures."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaintTask:
    client: Client
    frame: Frame
    arrived_s: float
    settings: LiveSettings
    """The settings at the time it was taken."""
    number: int
    """Version of these settings."""


class FairQueue:
    """Queue of clients' pictures. Thread-safe. Times are in seconds on one clock, passed in by the
    caller."""

    def __init__(self, *, most_clients: int, idle_s: float) -> None:
        """`idle_s`: a client that has sent no picture for this long can be displaced when all
        places are taken."""
        self.most_clients = most_clients
        self._idle_s = idle_s
        self._round: list[Client] = []  # the first is served next
        self._floor_s = (
            0.0  # least used time when the last task was taken, with which new clients start
        )
        self._served: tuple[Client, float] | None = None  # the client being served, and since when
        self._decayed_s: float | None = None
        self._changed = threading.Condition()
        self._is_ended = False

    @property
    def clients(self) -> int:
        return len(self._round)

    def join(self, client: Client, now_s: float) -> Client | None:
        """Add a client. Returns that client, or the idle one that it displaced; None if all places
        are busy."""
        with self._changed:
            leaver = client
            if len(self._round) >= self.most_clients:
                leaver = min(self._round, key=lambda other: other.active_s)
                if now_s - leaver.active_s < self._idle_s:
                    return None
                self._round.remove(leaver)
            client.active_s = now_s
            self._round.append(client)
            return leaver

    def leave(self, client: Client) -> None:
        """Free the client's place at once and drop its waiting picture. Idempotent."""
        with self._changed:
            if client in self._round:
                self._round.remove(client)
            client.waiting = None

    def offer(self, client: Client, frame: Frame, now_s: float) -> None:
        """Replace the client's waiting picture by this newer one."""
        with self._changed:
            client.received += 1
            client.dropped += client.waiting is not None
            if client.waiting is None:  # idle time earns no credit
                client.used_s = max(client.used_s, self._floor_s)
            client.waiting = frame
            client.arrived_s = now_s
            client.active_s = now_s
            self._changed.notify()

    def change(self, client: Client, settings: LiveSettings) -> None:
        """Apply these settings from the client's next picture on. Ends the pause after a
        failure."""
        with self._changed:
            if settings != client.settings:
                client.settings = settings
                client.number = client.number + 1
                client.rests_until_s = 0.0
                self._changed.notify()

    def take(self, now_s: Callable[[], float]) -> PaintTask | None:
        """Wait for the next picture to paint; None after `end`. Time until the next call is charged
        to its client."""
        with self._changed:
            self._charge(now_s())
            while not self._is_ended:
                now = now_s()
                task = self._next(now)
                if task is not None:
                    return task
                rests = [
                    client.rests_until_s - now
                    for client in self._round
                    if client.waiting is not None
                ]
                self._changed.wait(min(rests, default=None))
            return None

    def finish(self, task: PaintTask, *, waited_ms: float, painted_ms: float) -> None:
        """Count a task as painted."""
        with self._changed:
            task.client.painted += 1
            task.client.spent_ms.append((waited_ms, painted_ms))

    def fail(self, task: PaintTask, *, until_s: float) -> None:
        """Count a task as failed. The client's next picture is tried at `until_s` or when its
        settings change."""
        with self._changed:
            task.client.failed += 1
            if task.number == task.client.number:
                task.client.rests_until_s = until_s

    def end(self) -> None:
        """Make `take` return None from now on."""
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()

    def state(self, client: Client, *, unsent: int) -> State:
        with self._changed:
            spent = client.spent_ms
            return State(
                clients=len(self._round),
                most_clients=self.most_clients,
                waiting=self._count_before(client),
                received=client.received,
                painted=client.painted,
                dropped=client.dropped,
                unsent=unsent,
                failed=client.failed,
                server_ms=statistics.median(map(sum, spent)) if spent else 0.0,
                painting_ms=statistics.median(painted for _, painted in spent) if spent else 0.0,
            )

    def _charge(self, now_s: float) -> None:
        """Decay all used times, and charge the time since the last task was taken to its client."""
        decay = 0.5 ** (
            (now_s - (now_s if self._decayed_s is None else self._decayed_s)) / HALF_LIFE_S
        )
        self._decayed_s = now_s
        self._floor_s *= decay
        for client in self._round:
            client.used_s *= decay
        if self._served is not None:
            client, since_s = self._served
            client.last_s = now_s - since_s
            client.used_s += client.last_s
            self._served = None

    def _next(self, now_s: float) -> PaintTask | None:
        ready = [
            client
            for client in self._round
            if client.waiting is not None and client.rests_until_s <= now_s
        ]
        if not ready:
            return None
        least_s = min(client.used_s for client in ready)
        # Differences below half a picture count as equal, to keep the rotation if pictures take
        # about equally long.
        client = next(client for client in ready if client.used_s - least_s <= client.last_s / 2.0)
        self._floor_s = least_s
        self._served = client, now_s
        self._round.remove(client)
        self._round.append(client)
        frame = client.waiting
        client.waiting = None
        assert frame is not None
        return PaintTask(
            client=client,
            frame=frame,
            arrived_s=client.arrived_s,
            settings=client.settings,
            number=client.number,
        )

    def _count_before(self, client: Client) -> int:
        """Estimated number of clients that will be served before this one."""
        if client not in self._round:
            return 0
        used_s = max(client.used_s, self._floor_s)
        at = self._round.index(client)
        others = (
            (other.used_s - used_s, position < at, max(other.last_s, client.last_s) / 2.0)
            for position, other in enumerate(self._round)
            if other.waiting is not None and other is not client
        )
        return sum(
            more_s < -slack_s or (more_s <= slack_s and is_first)
            for more_s, is_first, slack_s in others
        )
