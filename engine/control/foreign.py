"""Messages that mean nothing in our own language, made what they are mapped to."""

import dataclasses
from collections.abc import Callable, Iterator

import osc_schema
from engine.clock import Clock
from engine.control.sender import Sender
from engine.osc import Message
from osc_schema import Rejected

MAP = "map"  # who set what a mapped control moved

Translate = Callable[[Message, str, float], tuple[Message, ...] | None]
"""A foreign message, its sender's name and the time, to the messages it stands for; None: it is not mapped."""


class ForeignMessages:
    """OSC's threads."""

    def __init__(self, translate: Translate | None, is_command: Callable[[str], bool], clock: Clock) -> None:
        self._translate = translate
        self._is_command = is_command
        self._clock = clock

    def made_own(self, messages: list[Message], sender: Sender) -> Iterator[tuple[int, Message, Sender]]:
        """The messages in our own language, each with the number of the one it comes from and whose it is."""
        by_map: Sender | None = None
        for number, message in enumerate(messages):
            if self._translate is None or self._is_own(message.address):
                yield number, message, sender
                continue
            mapped = self._translate(message, sender.name, self._clock.now_s())
            if mapped is None:
                yield number, message, sender
                continue
            by_map = by_map or dataclasses.replace(sender, name=MAP)
            for own in mapped:
                yield number, own, by_map

    def _is_own(self, address: str) -> bool:
        """Whether it means something without being mapped; a malformed pattern is a mistake of our language."""
        if osc_schema.lookup(address) or self._is_command(address):
            return True
        try:
            return osc_schema.is_pattern(address) and bool(osc_schema.match(address))
        except Rejected:
            return True
