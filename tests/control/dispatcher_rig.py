"""A dispatcher with one sender on a stepped clock, without a socket."""

from typing import Any

from engine.control import CommandTable, Dispatcher
from engine.control.foreign.messages import ForeignMap
from engine.control.launch_queue import LaunchQueue
from engine.osc.decode import Message
from engine.osc.encode import encode_message
from engine.params import ParamStore
from engine.params.fade_time import Pulse
from engine.system.clock import SteppedClock
from tests.support.time_tags import encode_bundle, time_tag_of


class Hub:
    """A dispatcher, one sender, and the resulting values."""

    def __init__(self, reports: Any, peer: Any, foreign_map: ForeignMap | None = None) -> None:
        self.clock, self.store, self.commands = SteppedClock(), ParamStore(), CommandTable()
        self.pulse, self.messages = Pulse(), list[tuple]()
        self.presets: dict[str, dict] = {}  # values by name
        self.launch_queue = LaunchQueue(
            self.store,
            lambda: self.pulse,
            lambda *message: self.messages.append(message),
            self.presets.get,
        )
        self.dispatcher = Dispatcher(
            self.store,
            self.commands,
            self.clock,
            reports,
            foreign_map,
            launch_queue=self.launch_queue,
        )
        self.counters = self.dispatcher.counters
        self.reports = reports
        self.peer = peer

    def packet(self, data: bytes, by: Any = None) -> list[Message]:
        """Execute one packet, of `peer` or of another; returns the answers to it."""
        peer = by or self.peer
        self.dispatcher.receive(data, peer.sender())
        return peer.take()

    def say(self, address: str, *args: object, by: Any = None) -> list[Message]:
        return self.packet(encode_message(address, *args), by)

    def bundle(self, *elements: bytes, after_s: float | None = None) -> list[Message]:
        tag = 1 if after_s is None else time_tag_of(self.clock.wall_s() + after_s)
        return self.packet(encode_bundle(tag, elements))

    def frame(self) -> list[Message]:
        """Draw one frame; returns the answers."""
        self.dispatcher.tick()
        self.dispatcher.launch()
        self.dispatcher.frame_drawn(self.store.snapshot().version)
        return self.peer.take()

    def __getitem__(self, address: str) -> object:
        return self.store.get(address)
