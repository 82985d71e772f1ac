"""A packet as executable steps, each attributed to its sender."""

from dataclasses import dataclass
from typing import NamedTuple

from engine.control.changes import Changes
from engine.control.sender import Sender
from engine.osc import Message

BYTES_A_VALUE = 16  # bytes of a queued packet that count as one value


class PlanStep(NamedTuple):
    what: Changes | Message
    sender: Sender
    """The packet's sender; named `map` if the step comes from a mapped control."""


@dataclass(frozen=True, slots=True)
class PacketPlan:
    """One packet, or the messages of a bundle that are due together."""

    sender: Sender
    steps: list[PlanStep]

    def cost(self, packet_bytes: int) -> int:
        """Its share of the queue's capacity, in values. `packet_bytes`: the size of its packet, which commands keep in
        memory."""
        commands = sum(isinstance(step.what, Message) for step in self.steps)
        values = sum(len(step.what) for step in self.steps if isinstance(step.what, Changes))
        return values + (commands + packet_bytes // BYTES_A_VALUE if commands else 0)
