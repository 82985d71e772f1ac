"""A loaded voice: its networks, index, device and notes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from engine.models.device_work import bytes_of, weights_of
from engine.models.rvc.content import ContentEncoder
from engine.models.rvc.pitch import F0Tracker
from engine.models.rvc.retrieval import Retrieval
from engine.models.rvc.spec import VoiceSpec
from engine.models.rvc.synthesizer import Synthesizer


@dataclass(slots=True, kw_only=True)
class VoiceModel:
    """One voice on its device, frozen and in evaluation mode. Not thread-safe."""

    spec: VoiceSpec
    device: torch.device
    dtype: torch.dtype
    """For the content encoder and the synthesizer. Pitch and retrieval always use float32."""
    synthesizer: Synthesizer
    content: ContentEncoder
    pitch: F0Tracker
    retrieval: Retrieval | None
    """None without an index."""
    notes: tuple[str, ...] = ()
    """Notes for the user about loading, one line each."""

    @property
    def rate_hz(self) -> int:
        """Sample rate of the output."""
        return self.synthesizer.shape.rate_hz

    @property
    def version(self) -> Literal["v1", "v2"]:
        return self.synthesizer.shape.version

    @property
    def has_pitch(self) -> bool:
        """True if the synthesizer takes a pitch. Otherwise the pitch of its voice is undefined."""
        return self.synthesizer.shape.has_pitch

    @property
    def networks(self) -> tuple[torch.nn.Module, ...]:
        """Networks that together contain every layer exactly once."""
        return (*self.content.networks, *self.pitch.networks, self.synthesizer)

    @property
    def memory_mb(self) -> float:
        """MiB of all weights, and of the index if it is on the model's device."""
        return bytes_of(self._tensors()) / 2**20

    def _tensors(self) -> Iterator[torch.Tensor]:
        yield from weights_of(self.networks)
        if self.retrieval is not None and self.retrieval.device == self.device:
            yield self.retrieval.embeddings
