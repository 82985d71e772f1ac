"""Chooses the DMX channels that are passed on to the map: only changed ones, mapped ones first.
Pure.

64 universes of 512 channels at 44 Hz are 1.4 million levels per second, of which few are mapped. So
the levels last passed on are stored beside the newest, and each turn passes on a limited number of
channels that differ: mapped ones first, in turns between universes; then a few others, for learning
and for `/map/heard`. The rest follows in later turns, with the level it has then.

The first packet of a universe sets mapped channels, as a fader does that is touched; its other
channels are only noted, because otherwise `/map/learn` would take them instead of the fader that
moves.

`/dmx/1/17` is channel 17 of universe 1, 0..1 in steps of 1/255. `/dmx/1/17/16bit` is channels 17
(coarse) and 18 (fine) as one value; it exists only if it is mapped.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from engine.control.dmx.universe import Universe
from engine.dmx.packets import CHANNELS
from engine.osc.decode import Message
from engine.params.mapping.controls import DMX

PAIR: Final = "16bit"
MAX_MAPPED: Final = 256  # channels in one turn
MAX_OTHERS: Final = 32  # in one turn, for learning and the list
# a pair that was mapped during the show: it sets nothing until its fader moves
RESTING: Final = -1.0


class _Channels:
    """The state of one universe's channels."""

    def __init__(self, number: int) -> None:
        self.addresses = [f"/{DMX}/{number}/{channel}" for channel in range(1, CHANNELS + 1)]
        self.sent = np.zeros(CHANNELS, np.uint8)
        self.is_mapped = np.zeros(CHANNELS, np.bool_)
        self.has_mapped = False
        self.is_unsent = np.ones(CHANNELS, np.bool_)
        """True for mapped channels that were never passed on."""
        self.noted = 0
        """Number of channels whose first level is known."""
        self.pairs: dict[int, float | None] = {}
        """Value last passed on, by the index of the coarse channel; None before the first."""
        self.next_at = {True: 0, False: 0}
        """Index where the next turn continues, for mapped channels (True) and for others."""

    def some(
        self, has_changed: np.ndarray, most: int, *, is_mapped: bool
    ) -> tuple[np.ndarray, bool]:
        """Ascending indices of at most `most` changed channels, in turns; and True if some are
        left."""
        changed = np.flatnonzero(has_changed)
        at = int(np.searchsorted(changed, self.next_at[is_mapped]))
        found = np.roll(changed, -at)[: max(0, most)]
        if len(found):
            self.next_at[is_mapped] = int(found[-1] + 1) % CHANNELS
        return np.sort(found), len(found) < len(changed)

    def messages(self, levels: np.ndarray, indices: np.ndarray) -> list[Message]:
        self.sent[indices] = levels[indices]
        return [Message(self.addresses[at], (int(levels[at]) / 255.0,), "f") for at in indices]


class Forwarder:
    """Builds messages for changed channels. One thread at a time."""

    def __init__(self, universes: Iterable[int]) -> None:
        self._channels = {number: _Channels(number) for number in universes}
        self._turn = 0

    def set_mapped(self, addresses: Iterable[str]) -> None:
        """Use a changed map: all its addresses, also those of other programs, and patterns with `*`
        as a part."""
        for channels in self._channels.values():
            channels.is_mapped[:] = False
        pairs: dict[int, set[int]] = {number: set() for number in self._channels}
        for address in addresses:
            for number, channel, is_pair in self._channels_at(address):
                if is_pair:
                    pairs[number].add(channel)
                else:
                    self._channels[number].is_mapped[channel] = True
        for number, found in pairs.items():
            channels = self._channels[number]
            channels.has_mapped = bool(found) or bool(channels.is_mapped.any())
            first = RESTING if channels.noted else None
            new: dict[int, float | None] = {pair: first for pair in found}
            channels.pairs = new | {
                pair: value for pair, value in channels.pairs.items() if pair in found
            }

    def take(
        self, universes: Mapping[int, Universe]
    ) -> tuple[list[tuple[Universe, list[Message]]], frozenset[int]]:
        """Messages of changed channels, for each universe; and the numbers of universes with more
        for the next turn. `universes`: those with new levels, and those that had more in the last
        turn."""
        numbers = sorted(universes)
        first = self._turn % max(1, len(numbers))
        self._turn += 1
        order = numbers[first:] + numbers[:first]
        by_universe: dict[int, list[Message]] = {}
        left: set[int] = set()
        for choose, allowance in ((self._take_mapped, MAX_MAPPED), (self._take_others, MAX_OTHERS)):
            for number in order:
                found, is_left = choose(self._channels[number], universes[number], allowance)
                by_universe.setdefault(number, []).extend(found)
                allowance -= len(found)
                if is_left:
                    left.add(number)
        return [
            (universes[number], messages) for number, messages in by_universe.items() if messages
        ], frozenset(left)

    def _take_mapped(
        self, own: _Channels, universe: Universe, most: int
    ) -> tuple[list[Message], bool]:
        levels = universe.levels
        if own.noted < universe.channels:
            new = slice(own.noted, universe.channels)
            own.sent[new] = np.where(own.is_mapped[new], own.sent[new], levels[new])
            own.is_unsent[new] = own.is_mapped[new]
            own.noted = universe.channels
        if not own.has_mapped:
            return [], False
        has_changed = own.is_mapped & ((levels != own.sent) | own.is_unsent)
        has_changed[own.noted :] = False
        found, is_left = own.some(has_changed, most, is_mapped=True)
        own.is_unsent[found] = False
        messages = own.messages(levels, found)
        for pair, before in own.pairs.items():
            value = (int(levels[pair]) << 8 | int(levels[pair + 1])) / 65_535.0
            if pair + 1 < own.noted and value != before:
                own.pairs[pair] = value
                if before != RESTING:
                    messages.append(Message(f"{own.addresses[pair]}/{PAIR}", (value,), "f"))
        return messages, is_left

    def _take_others(
        self, own: _Channels, universe: Universe, most: int
    ) -> tuple[list[Message], bool]:
        if most <= 0:  # too many in this turn: the next ones continue
            return [], True
        has_changed = (universe.levels != own.sent) & ~own.is_mapped
        found, is_left = own.some(has_changed, most, is_mapped=False)
        return own.messages(universe.levels, found), is_left

    def _channels_at(self, address: str) -> Iterable[tuple[int, int, bool]]:
        """(universe, index of the channel, True for a pair) of every channel that a mapped address
        denotes."""
        parts = address.split("/")
        if len(parts) not in (4, 5) or parts[0] or parts[1] not in (DMX, "*"):
            return
        is_pair = len(parts) == 5
        if is_pair and parts[4] not in (PAIR, "*"):
            return
        for number in _numbers(parts[2], self._channels):
            for channel in _numbers(parts[3], range(1, CHANNELS + 1 - is_pair)):
                yield number, channel - 1, is_pair


def _numbers(part: str, allowed: Iterable[int]) -> Iterable[int]:
    """The numbers that a part of an address denotes: one, or all allowed ones for `*`."""
    if part == "*":
        return tuple(allowed)
    is_number = part.isascii() and part.isdecimal() and len(part) <= 5 and str(int(part)) == part
    return (int(part),) if is_number and int(part) in frozenset(allowed) else ()
