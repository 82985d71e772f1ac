"""What a packet comes to before it is carried out: steps, each with whose doing it is."""

from dataclasses import dataclass
from typing import NamedTuple

from engine.control.changes import Changes
from engine.control.sender import Sender
from engine.osc import Message

BYTES_A_VALUE = 16  # what a waiting command may hold of its packet, in the unit the queue is bounded in


class Step(NamedTuple):
    what: Changes | Message
    sender: Sender
    """The packet's sender, or the same named `map` where a mapped control stands behind it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One packet, or one group of a bundle, ready to be carried out."""

    sender: Sender
    steps: list[Step]

    def cost(self, packet_bytes: int) -> int:
        """How much of the queue it takes, in values; `packet_bytes`: the packet it came in."""
        commands = sum(isinstance(step.what, Message) for step in self.steps)
        values = sum(len(step.what) for step in self.steps if isinstance(step.what, Changes))
        return values + (commands + packet_bytes // BYTES_A_VALUE if commands else 0)
