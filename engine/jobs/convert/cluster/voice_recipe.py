"""The worker in each actor of the cluster: loads the same voice as a local run and converts spans with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.jobs.convert.job import ConvertJob
from engine.jobs.convert.loading import VoiceFacts, facts_of, load_converter
from engine.jobs.kit.out_of_memory import one_line_when_full
from engine.models.rvc.cutting import FRAME, RATE_HZ, Piece

if TYPE_CHECKING:
    from engine.models.rvc.offline import VoiceConverter


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedVoice:
    facts: VoiceFacts
    card: str
    """Name of the card; "" if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConvertedSpans:
    parts: tuple[np.ndarray, ...]
    """One per span, (span.frames * hop,) float32."""
    memory_mb: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceRecipe:
    """Recipe (jobs/kit/ray_actor.py) for the voice of a local run. A payload is spans of one size, with their sound."""

    job: ConvertJob
    """Fully resolved here; the actor's environment is not consulted."""

    def open(self) -> "VoiceWorker":
        converter = load_converter(self.job, {})
        card = ""
        if converter.model.device.type == "cuda":
            import torch

            card = torch.cuda.get_device_name(converter.model.device)
        return VoiceWorker(converter, card=card)


class VoiceWorker:
    """A PieceWorker of jobs/kit/ray_actor.py."""

    def __init__(self, converter: "VoiceConverter", *, card: str = "") -> None:
        self._converter, self._card = converter, card
        self._last_size = 0

    def describe(self) -> LoadedVoice:
        return LoadedVoice(facts=facts_of(self._converter), card=self._card)

    def process(self, payloads: Iterator[list[Piece]]) -> Iterator[ConvertedSpans]:
        from engine.models.device_work import free_memory, memory_mb

        device = self._converter.model.device
        for pieces in payloads:
            if pieces and pieces[0].span.size != self._last_size:
                if pieces[0].span.start == 0:  # the allocator's cached blocks fit only one span size
                    free_memory(device)
                self._last_size = pieces[0].span.size
            with one_line_when_full(f"{len(pieces)} x {self._last_size * FRAME / RATE_HZ:.0f} s", "a smaller --batch"):
                parts = self._converter.convert(pieces)
            yield ConvertedSpans(parts=tuple(parts), memory_mb=memory_mb(device))
