"""What subscribers are told: every value when they subscribe, then every change that is not their own.

- Changes go out at most 60 times a second each: between two sendings only the newest value of an address is
  kept. A subscriber gets at most 64 packets a sending, the rest in the next ones: a receive buffer of 212 992
  bytes, the Linux default, holds 256 small packets, and a resync is some 150. Plain messages, no bundles:
  everything reads them.
- A subscriber's own change does not come back: a fader under a finger would fight with its own echo. When the
  accepted value is not the sent one (clipped, wrapped, rounded), `owe` says so and it comes back after all.
  And what still waits for it from before its own change is forgotten: it is older than what its user just
  did.
- Subscribers are told apart by where they listen; whose change one is, by where it came from. Both are the
  same for most programs, and differ for those that send from another port than they listen on
  (`/engine/notify 1 PORT`).
- UDP tells nobody that a subscriber is gone. Sending to it does no harm; when the table is full, the one that
  subscribed longest ago makes room.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import osc_schema
from engine.control.counters import OscCounters
from engine.control.sender import Sender
from engine.frame import ChannelFeatures
from engine.osc import encode_reply
from engine.osc.encode import ReplyValue
from engine.params import ParamStore
from osc_schema import Param, ParamType

MAX_SUBSCRIBERS = 64
CHANGE_INTERVAL_S = 1 / 60
PACKETS_A_SENDING = 64
HEARTBEAT_INTERVAL_S = 1.0
MAX_OWED = 4096
MAX_WARNINGS = 64

FEATURES = ("rms", "peak", "pitch", "onset", "low", "mid", "high")


@dataclass(slots=True, eq=False)
class Subscriber:
    target: Sender
    origin: str
    """Name of the sender whose changes are this subscriber's own."""
    needs_everything: bool = True
    waiting: dict[str, bytes] = field(default_factory=dict)
    """Newest packet by address, in the order in which the addresses changed."""


class Feedback:
    """`tick` runs on the sending thread; everything else on any."""

    def __init__(self, store: ParamStore, counters: OscCounters, report: Callable[[str, str], None]) -> None:
        self._store = store
        self._counters = counters
        self._report = report
        self._lock = threading.Lock()
        self._subscribers: dict[str, Subscriber] = {}  # by the target's name, longest subscribed first
        self._by_origin: dict[str, Subscriber] = {}
        self._owed: deque[tuple[str, str]] = deque(maxlen=MAX_OWED)
        self._warnings: deque[str] = deque(maxlen=MAX_WARNINGS)
        self._version = 0
        self._next_change_s = self._next_heartbeat_s = self._features_due_s = float("-inf")
        self._heartbeats = 0
        self._features: tuple[ChannelFeatures, ...] = ()
        self._onset_counts: tuple[int, ...] = ()

    # -- any thread ----------------------------------------------------------------------------

    def subscribe(self, target: Sender, origin: str) -> None:
        """Send `target` every value, then the changes that `origin` did not make; again: all over again."""
        with self._lock:
            if not self._subscribers:  # what was reported while nobody listened is old
                self._warnings.clear()
            self._forget(target.name)
            if len(self._subscribers) >= MAX_SUBSCRIBERS:
                oldest = next(iter(self._subscribers))
                self._forget(oldest)
                self._report("osc.subscribers", f"{MAX_SUBSCRIBERS} subscribers: {oldest} makes room")
            subscriber = Subscriber(target, origin)
            self._subscribers[target.name] = self._by_origin[origin] = subscriber

    def unsubscribe(self, name: str) -> None:
        """End what the target `name`, or the origin of that name, has asked for."""
        with self._lock:
            self._forget(name)
            subscriber = self._by_origin.get(name)
            if subscriber is not None:
                self._forget(subscriber.target.name)

    def _forget(self, target_name: str) -> None:
        subscriber = self._subscribers.pop(target_name, None)
        if subscriber is not None and self._by_origin.get(subscriber.origin) is subscriber:
            del self._by_origin[subscriber.origin]

    def listener_of(self, sender: Sender) -> Sender:
        """Where `sender` hears its answers: where it subscribed, else where it sends from."""
        subscriber = self._by_origin.get(sender.name)
        return sender if subscriber is None else subscriber.target

    def owe(self, origin: str, addresses: Iterable[str]) -> None:
        """The values at `addresses` are not what `origin` sent: tell it, though the change was its own."""
        if origin in self._by_origin:
            self._owed.extend((origin, address) for address in addresses)

    def warn(self, line: str) -> None:
        """Tell every subscriber what the log says, as `/engine/warning <line>`. Takes no lock: whoever reports may
        hold this one."""
        self._warnings.append(line)

    def offer_features(self, channels: tuple[ChannelFeatures, ...]) -> None:
        """Frame loop's thread, every frame: only a reference changes hands."""
        self._features = channels

    @staticmethod
    def reply_values(param: Param, value: object) -> tuple[ReplyValue, ...]:
        """A parameter's value as OSC arguments; a trigger is 0, not pulled, whenever it is asked for."""
        if param.type is ParamType.TRIGGER:
            return (0,)
        return value if isinstance(value, tuple) else (value,)

    # -- the sending thread --------------------------------------------------------------------

    def next_due_s(self) -> float | None:
        """When `tick` has something to do next; None: not before somebody subscribes."""
        if not self._subscribers:
            return None
        due_s = min(self._next_change_s, self._next_heartbeat_s)
        return min(due_s, self._features_due_s) if self._features_interval_s() else due_s

    def tick(self, now_s: float) -> None:
        """Send what is due at `now_s`."""
        with self._lock:
            if not self._subscribers:
                return
            if now_s >= self._next_change_s:
                self._next_change_s = now_s + CHANGE_INTERVAL_S
                self._gather_changes()
                self._send_waiting()
                while self._warnings:
                    self._send_to_all(encode_reply("/engine/warning", self._warnings.popleft()))
            if now_s >= self._next_heartbeat_s:
                self._next_heartbeat_s = now_s + HEARTBEAT_INTERVAL_S
                self._heartbeats += 1
                self._send_to_all(encode_reply("/engine/heartbeat", self._heartbeats))
            self._send_features_when_due(now_s)

    def _gather_changes(self) -> None:
        changes, self._version = self._store.changes_since(self._version)
        for change in changes:
            param = osc_schema.lookup(change.address)
            values = (1,) if param.type is ParamType.TRIGGER else self.reply_values(param, change.value)
            packet = encode_reply(change.address, *values)
            for subscriber in self._subscribers.values():
                if change.by == subscriber.origin:
                    subscriber.waiting.pop(change.address, None)
                else:
                    subscriber.waiting[change.address] = packet
        for _ in range(len(self._owed)):
            origin, address = self._owed.popleft()
            for subscriber in self._subscribers.values():
                if subscriber.origin == origin:
                    subscriber.waiting[address] = self._packet_of_now(address)
        for subscriber in self._subscribers.values():
            if subscriber.needs_everything:
                subscriber.needs_everything = False
                for param in osc_schema.PARAMS:
                    subscriber.waiting[param.address] = self._packet_of_now(param.address)

    def _packet_of_now(self, address: str) -> bytes:
        param = osc_schema.lookup(address)
        return encode_reply(address, *self.reply_values(param, self._store.get(address)))

    def _send_waiting(self) -> None:
        for subscriber in self._subscribers.values():
            waiting = subscriber.waiting
            for address in list(waiting)[:PACKETS_A_SENDING]:
                subscriber.target.post(waiting.pop(address))
                self._counters.feedback_sent += 1

    def _send_to_all(self, packet: bytes) -> None:
        for subscriber in self._subscribers.values():
            subscriber.target.post(packet)

    # -- audio features ------------------------------------------------------------------------

    def _features_interval_s(self) -> float:
        """Seconds between two sendings of features; 0: none are wanted."""
        rate_hz = self._store.get("/audio/features/rate_hz")
        return 1.0 / rate_hz if rate_hz > 0.0 and self._features else 0.0

    def _send_features_when_due(self, now_s: float) -> None:
        interval_s = self._features_interval_s()
        if not interval_s:
            return
        self._features_due_s = min(self._features_due_s, now_s + interval_s)  # the rate may have been raised
        if now_s < self._features_due_s:
            return
        is_behind = now_s - self._features_due_s > interval_s
        self._features_due_s = (now_s if is_behind else self._features_due_s) + interval_s
        self._send_features()

    def _send_features(self) -> None:
        """`onset` is 1 in the first message after an onset, else 0: none is missed between two messages."""
        channels = self._features
        counts = tuple(channel.onset_count for channel in channels)
        known = self._onset_counts or counts
        self._onset_counts = counts
        for number, channel in enumerate(channels, start=1):
            values = (
                channel.rms,
                channel.peak,
                channel.pitch_hz,
                float(counts[number - 1] > known[number - 1]),
                channel.low,
                channel.mid,
                channel.high,
            )
            for name, value in zip(FEATURES, values, strict=True):
                self._send_to_all(encode_reply(f"/audio/{number}/{name}", value))
