"""Decides a LoRA's weight: from its fader (`/sd/lora/<n>/weight`) or from its prompt tag (`<lora:name:0.8>`).

The one changed last applies. A prompt tag sets the weight; a fader moved afterwards takes over until the tag changes;
without a tag the fader applies. In a mix of two prompts the weights are mixed too, and a prompt without a tag uses the
fader's weight. If prompt and fader change at the same time, as when a preset is loaded, the tag applies. Pure.
"""

from collections.abc import Sequence

from engine.live.sd.settings import Words
from engine.models.sd.prompt_syntax import Note, tagged_weights


class LoraFaders:
    """Single thread."""

    def __init__(self, names: Sequence[str], note: Note) -> None:
        """`names`: the names of the model's LoRAs. `note(key, line)` receives a line for each tag that matches none of
        them."""
        self._names, self._note = tuple(names), note
        self._prompts = ("", "")
        self._tags: tuple[dict[int, float], dict[int, float]] = ({}, {})
        self._faders: tuple[float, ...] = ()
        self._taken_over: set[int] = set()

    def weights(self, faders: tuple[float, ...], words: Words) -> tuple[float, ...]:
        """The weight of each LoRA, in the order of `faders`."""
        tags = self._read(words)
        for place, fader in enumerate(faders):
            if any(now.get(place) != before.get(place) for now, before in zip(tags, self._tags, strict=True)):
                self._taken_over.discard(place)
            elif self._faders and fader != self._faders[place]:
                self._taken_over.add(place)
        self._tags, self._faders = tags, faders
        return tuple(self._weight(place, fader, words.mix) for place, fader in enumerate(faders))

    def _weight(self, place: int, fader: float, mix: float) -> float:
        one, other = (tags.get(place, fader) for tags in self._tags)
        if place in self._taken_over or one == other == fader:
            return fader
        return one if mix <= 0.0 else other if mix >= 1.0 else (1.0 - mix) * one + mix * other

    def _read(self, words: Words) -> tuple[dict[int, float], dict[int, float]]:
        prompts = words.prompt, words.prompt_b
        if prompts == self._prompts:
            return self._tags
        self._prompts = prompts
        one, other = (tagged_weights(prompt, self._names, self._note) for prompt in prompts)
        return one, other
