"""Feedback: sends subscribers every value when they subscribe, then every change by other senders.

A subscriber gets values, audio features, or both (`/engine/notify`), and single addresses
(OSCQuery's LISTEN).

- Changes are sent at most 60 times per second, of each address the newest, as plain messages,
  readable by all programs. A subscriber gets at most 64 packets per tick (a receive buffer of Linux
  holds 256), and none while its last ones wait in the outbox (backpressure); all together get at
  most 256, in turn.
- A subscriber's own change is not echoed: a fader under a finger would fight with its echo. If the
  accepted value differs from the sent one, `queue_echo` sends it back after all.
- A subscriber is identified by the address where it listens, the author of a change by the address
  it came from; they differ for programs that listen on another port (`/engine/notify 1 PORT`).
- UDP does not report a disconnected subscriber. When the table is full, the oldest is removed,
  WebSockets last.
- The inputs of the playing shaders have two addresses, one by name and an alias. A change is sent
  under both.
"""

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import osc_schema
from engine.control.outgoing.announcements import Announcements
from engine.control.outgoing.outbox import PACKETS_A_SENDING, OscCounters, Outbox
from engine.control.outgoing.sender import Sender
from engine.osc.encode import ReplyValue, encode_reply
from engine.params import ParamStore
from engine.params.input_views import InputViews
from engine.params.shader_inputs import ShaderInput
from engine.system.reporting import Report
from engine.values import BeatFeatures, ChannelFeatures
from osc_schema import Param, ParamType, Value

MAX_SUBSCRIBERS = 128  # 64 over UDP and TCP, plus every WebSocket that the page's server accepts
CHANGE_INTERVAL_S = 1 / 60
PACKETS_TO_ALL = 256  # per tick: 15 000 per second, which cost a sixth of a core
HEARTBEAT_INTERVAL_S = 1.0
MAX_PENDING_ECHOES = 4096

_PARAMS = {param.address: param for param in osc_schema.PARAMS}


@dataclass(slots=True, eq=False)
class Subscriber:
    target: Sender
    origin: str
    """Name of the sender whose changes are not echoed to this subscriber."""
    receives_all: bool = False
    """True if it gets every change, heartbeats and warnings."""
    receives_features: bool = False
    """True if it gets the audio features and the beat."""
    addresses: set[str] = field(default_factory=set)
    """Single addresses that it subscribed to."""
    pending: dict[str, None] = field(default_factory=dict)
    """Addresses whose current value is sent with the next tick, in this order, even if this
    subscriber set it."""
    waiting: dict[str, bytes] = field(default_factory=dict)
    """Newest unsent packet of each address, in the order of the changes."""

    def receives(self, address: str) -> bool:
        return self.receives_all or address in self.addresses


class Feedback:
    """The subscribers and what is sent to them. `tick` runs on the sending thread, everything else
    on any. Built before the dispatcher, whose parts send their answers through the outbox and share
    the counters."""

    def __init__(
        self, store: ParamStore, report: Report, announcements: Announcements | None = None
    ) -> None:
        """`announcements` None: creates one."""
        self.views = InputViews(store)
        """The inputs of the playing shaders by name."""
        self.counters = OscCounters()
        """Counts of both directions."""
        self.outbox = Outbox(self.counters, report)
        self._announcements = announcements or Announcements()
        self.notify = self._announcements.notify
        """Sends a message to everyone subscribed to everything. Takes no lock, because the caller
        may hold one."""
        self.last_published = self._announcements.last
        """The last values of each published message, by address."""
        self._store = store
        self._report = report
        self._lock = threading.Lock()
        self._subscribers: dict[
            str, Subscriber
        ] = {}  # by the target's name, oldest subscription first
        self._by_origin: dict[str, Subscriber] = {}
        self._pending_echoes: deque[tuple[str, str]] = deque(maxlen=MAX_PENDING_ECHOES)
        self._version = 0
        self._next_change_s = float("-inf")
        self._next_heartbeat_s = float("-inf")
        self._features_due_s = float("-inf")
        self._turn = 0
        self._heartbeats = 0
        self.features: tuple[ChannelFeatures, ...] = ()
        """Audio features of the newest frame, one entry per channel; empty before the first."""
        self.beat = BeatFeatures()
        """The beat of the newest frame: of the tempo, whatever its source."""
        self._onset_counts: tuple[int, ...] = ()
        self._hit_counts: dict[str, int] = {}
        self.views.watch(self.queue_inputs)

    # -- any thread ----------------------------------------------------------------------------

    def subscribe(
        self, target: Sender, origin: str, *, values: bool = True, features: bool = True
    ) -> None:
        """Send `target` every value, then every change not made by `origin`. A repeated call starts
        over. `values` and `features`: the requested parts. A subscriber to features alone gets its
        answers where it sends from."""
        with self._lock:
            if not any(each.receives_all for each in self._subscribers.values()):
                # those from before the first subscriber are out of date
                self._announcements.clear()
            listened = self._forget(target.name)
            requested = Subscriber(
                target, origin, receives_all=values, receives_features=features, addresses=listened
            )
            subscriber = self._remember(requested)
            if values:
                subscriber.pending = dict.fromkeys(
                    (*_PARAMS, *(view.address for view in self.views.every))
                )

    def queue_inputs(self, views: Iterable[ShaderInput]) -> None:
        """Send the values of these inputs, those of the shaders that play now, to their
        subscribers."""
        with self._lock:
            for subscriber in self._subscribers.values():
                subscriber.pending |= {
                    view.address: None for view in views if subscriber.receives(view.address)
                }

    def unsubscribe(self, name: str) -> None:
        """End the subscription of the target or origin with this name."""
        with self._lock:
            for subscriber in (self._subscribers.get(name), self._by_origin.get(name)):
                if subscriber is not None:
                    subscriber.receives_all = False
                    subscriber.receives_features = False
                    self._drop_unsubscribed(subscriber)

    def listen(self, target: Sender, origin: str, address: str) -> None:
        """Send `target` a parameter's value, then its changes not made by `origin`."""
        with self._lock:
            subscriber = self._subscribers.get(target.name) or self._remember(
                Subscriber(target, origin)
            )
            subscriber.addresses.add(address)
            subscriber.pending[address] = None

    def ignore(self, target_name: str, address: str) -> None:
        """End what `listen` began. Idempotent."""
        with self._lock:
            subscriber = self._subscribers.get(target_name)
            if subscriber is not None:
                subscriber.addresses.discard(address)
                self._drop_unsubscribed(subscriber)

    def resend(self, target_name: str) -> None:
        """Send a target all values that it subscribed to, because packets to it were lost."""
        with self._lock:
            subscriber = self._subscribers.get(target_name)
            if subscriber is not None:
                known = (*_PARAMS, *(view.address for view in self.views.every))
                subscriber.pending = dict.fromkeys(filter(subscriber.receives, known))

    def remove(self, target_name: str) -> None:
        with self._lock:
            self._forget(target_name)

    def _remember(self, subscriber: Subscriber) -> Subscriber:
        if not self._subscribers:  # earlier changes are part of the current values that are sent
            self._version = self._store.version
        if len(self._subscribers) >= MAX_SUBSCRIBERS:
            # UDP and TCP targets are removed first: an open page never subscribes again; its
            # WebSocket ends with it. `min` returns the first of equals: the oldest subscription.
            oldest = min(
                self._subscribers, key=lambda name: self._subscribers[name].target.at_port is None
            )
            self._forget(oldest)
            self._report(
                "osc.subscribers",
                f"over {MAX_SUBSCRIBERS} subscribers: {oldest}, the oldest, is removed",
            )
        self._subscribers[subscriber.target.name] = subscriber
        if subscriber.receives_all or not subscriber.receives_features:
            self._by_origin[subscriber.origin] = subscriber
        return subscriber

    def _drop_unsubscribed(self, subscriber: Subscriber) -> None:
        if not (subscriber.receives_all or subscriber.receives_features or subscriber.addresses):
            self._forget(subscriber.target.name)
        for addresses in (subscriber.waiting, subscriber.pending):
            for address in [address for address in addresses if not subscriber.receives(address)]:
                del addresses[address]

    def _forget(self, target_name: str) -> set[str]:
        """Remove a subscriber; returns the single addresses that it subscribed to."""
        subscriber = self._subscribers.pop(target_name, None)
        if subscriber is None:
            return set()
        if self._by_origin.get(subscriber.origin) is subscriber:
            del self._by_origin[subscriber.origin]
        return subscriber.addresses

    def listener_of(self, sender: Sender) -> Sender:
        """The target for answers to `sender`: the address that it subscribed for, else the one it
        sends from."""
        subscriber = self._by_origin.get(sender.name)
        return sender if subscriber is None else subscriber.target

    def is_subscribed(self, origin: str) -> bool:
        """True if the sender with this name is subscribed to everything, so it reads its
        answers."""
        subscriber = self._by_origin.get(origin)
        return subscriber is not None and subscriber.receives_all

    def queue_echo(self, origin: str, addresses: Iterable[str]) -> None:
        """Send `origin` the values at `addresses` although it set them, because they were not
        accepted as sent."""
        if origin in self._by_origin:
            self._pending_echoes.extend((origin, address) for address in addresses)

    def publish_features(
        self, channels: tuple[ChannelFeatures, ...], beat: BeatFeatures | None = None
    ) -> None:
        """Publish a frame's audio features. Render thread, every frame: only stores references."""
        self.features = channels
        self.beat = beat or self.beat

    @staticmethod
    def reply_values(param: Param, value: Value) -> tuple[ReplyValue, ...]:
        """A parameter's value as OSC arguments; 0 for a trigger."""
        if param.type is ParamType.TRIGGER:
            return (0,)
        return value if isinstance(value, tuple) else (value,)

    # -- the sending thread --------------------------------------------------------------------

    def next_due_s(self) -> float | None:
        """Time of the next `tick` that has something to do, or None while there are no
        subscribers."""
        if not self._subscribers:
            return None
        due_s = min(self._next_change_s, self._next_heartbeat_s)
        return min(due_s, self._features_due_s) if self._features_interval_s() else due_s

    def tick(self, now_s: float) -> None:
        """Send everything that is due at `now_s`."""
        with self._lock:
            if not self._subscribers:
                return
            if now_s >= self._next_change_s:
                self._next_change_s = now_s + CHANGE_INTERVAL_S
                self._gather_changes()
                self._send_waiting()
                for address, values in self._announcements.take():
                    self._send_to_all(address, *values)
            if now_s >= self._next_heartbeat_s:
                self._next_heartbeat_s = now_s + HEARTBEAT_INTERVAL_S
                self._heartbeats += 1
                self._announcements.store_last("/engine/heartbeat", (self._heartbeats,))
                self._send_to_all("/engine/heartbeat", self._heartbeats)
            self._send_features(now_s)

    def _gather_changes(self) -> None:
        changes, self._version = self._store.changes_since(self._version)
        for change in changes:
            param = _PARAMS[change.address]
            values = (
                (1,) if param.type is ParamType.TRIGGER else self.reply_values(param, change.value)
            )
            self._queue_change(change.address, change.by, encode_reply(change.address, *values))
            view = self.views.of_alias(change.address)
            if view is not None:  # an event is sent when it fires; its reset is not
                values = (
                    (1,) if view.type == "event" and change.value else self.views.values_now(view)
                )
                if view.type != "event" or change.value:
                    self._queue_change(view.address, change.by, encode_reply(view.address, *values))
        for _ in range(len(self._pending_echoes)):
            origin, address = self._pending_echoes.popleft()
            for subscriber in self._subscribers.values():
                if subscriber.origin == origin and subscriber.receives(address):
                    subscriber.pending[address] = None
        for subscriber in self._subscribers.values():
            for address in subscriber.pending:
                packet = self._packet_of_now(address)
                if packet is not None:
                    subscriber.waiting[address] = packet
            subscriber.pending = {}

    def _queue_change(self, address: str, by: str, packet: bytes) -> None:
        """Queue a changed value for everyone who is subscribed to the address, except its
        author."""
        for subscriber in self._subscribers.values():
            if by == subscriber.origin:
                subscriber.waiting.pop(address, None)
            elif subscriber.receives(address) and address not in subscriber.pending:
                subscriber.waiting[address] = packet

    def _packet_of_now(self, address: str) -> bytes | None:
        """The current value; None for an input of a shader that no longer plays."""
        param = _PARAMS.get(address)
        if param is not None:
            return encode_reply(address, *self.reply_values(param, self._store.get(address)))
        view = self.views.find(address)
        return None if view is None else encode_reply(address, *self.views.values_now(view))

    def _send_waiting(self) -> None:
        """Send to the subscribers in turn, starting where the last tick reached its limit."""
        subscribers = list(self._subscribers.values())
        first = self._turn % len(subscribers)
        room = PACKETS_TO_ALL
        for subscriber in subscribers[first:] + subscribers[:first]:
            # queued here, where newer values replace older ones
            if self.outbox.is_behind(subscriber.target.name):
                continue
            waiting = subscriber.waiting
            portion = list(waiting)[: min(PACKETS_A_SENDING, room)]
            for address in portion:
                subscriber.target.post(waiting.pop(address))
            self.counters.feedback_sent += len(portion)
            room -= len(portion)
            if not room:
                break
            self._turn += 1

    def _send_to_all(self, address: str, *values: ReplyValue) -> None:
        """Send a message to all who are subscribed to everything or to this message."""
        packet = encode_reply(address, *values)
        for subscriber in self._subscribers.values():
            if subscriber.receives(address):
                subscriber.target.post(packet)

    # -- audio features ------------------------------------------------------------------------

    def _send_feature(self, address: str, value: float) -> None:
        packet = encode_reply(address, value)
        self._announcements.store_last(address, (value,))
        for subscriber in self._subscribers.values():
            if subscriber.receives_features or address in subscriber.addresses:
                subscriber.target.post(packet)

    def _features_interval_s(self) -> float:
        """Seconds between two sets of audio features; 0 if they are off."""
        rate_hz = self._store.snapshot().number("/audio/features/rate_hz")
        return 1.0 / rate_hz if rate_hz > 0.0 and self.features else 0.0

    def _send_features(self, now_s: float) -> None:
        """Send all features if they are due. `onset` is 1 in the first message after an onset, else
        0: none is lost."""
        interval_s = self._features_interval_s()
        if not interval_s:
            return
        # the rate may have been raised since
        self._features_due_s = min(self._features_due_s, now_s + interval_s)
        if now_s < self._features_due_s:
            return
        is_behind = now_s - self._features_due_s > interval_s
        self._features_due_s = (now_s if is_behind else self._features_due_s) + interval_s
        channels = self.features
        counts = tuple(channel.onset_count for channel in channels)
        known = self._onset_counts or counts
        self._onset_counts = counts
        for number, channel in enumerate(channels, start=1):
            features = {
                "rms": channel.rms,
                "peak": channel.peak,
                "pitch": channel.pitch_hz,
                "onset": float(counts[number - 1] > known[number - 1]),
                "low": channel.low,
                "mid": channel.mid,
                "high": channel.high,
            }
            for name, value in features.items():
                self._send_feature(f"/audio/{number}/{name}", value)
        beat = self.beat
        self._send_feature("/audio/beat", beat.beat % 1.0)
        self._send_feature(
            "/audio/bar", beat.beat / self._store.snapshot().number("/tempo/beats_a_bar") % 1.0
        )
        hits = {"kick": beat.kick_count, "snare": beat.snare_count, "hat": beat.hat_count}
        known_hits = self._hit_counts or hits
        self._hit_counts = hits
        for name, count in hits.items():
            self._send_feature(f"/audio/{name}", float(count > known_hits[name]))
