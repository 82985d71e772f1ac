"""Decides between a LoRA's fader (`/sd/lora/<n>/weight`) and its weight in the prompt (`<lora:name:0.8>`).

The last one touched counts. A prompt that comes with a tag sets the weight; a fader that is moved afterwards takes it
over, until the tag changes; without a tag the fader counts as it stands. Between two prompts the weight slides with the
mix, and a prompt without a tag stands for the fader. Where prompt and fader come in one moment, as from a preset, the
tag counts. Pure.
"""

from collections.abc import Sequence

from engine.live.sd.settings import Words
from engine.models.sd.lora_tags import Note, tagged_weights


class LoraFaders:
    """One thread."""

    def __init__(self, names: Sequence[str], note: Note) -> None:
        """`names`: of the model's LoRAs. `note(key, line)` is told of tags that name no other."""
        self._names, self._note = tuple(names), note
        self._prompts = ("", "")
        self._tags: tuple[dict[int, float], dict[int, float]] = ({}, {})
        self._faders: tuple[float, ...] = ()
        self._taken_over: set[int] = set()

    def weights(self, faders: tuple[float, ...], words: Words) -> tuple[float, ...]:
        """A weight for each of `faders`, which are in the order of the LoRAs."""
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
