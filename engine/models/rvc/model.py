"""A loaded voice: its networks, index, device and notes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from engine.models.device_work import weights_of
from engine.models.model_on_device import ModelOnDevice
from engine.models.rvc.content import ContentEncoder
from engine.models.rvc.pitch import F0Tracker
from engine.models.rvc.retrieval import Retrieval
from engine.models.rvc.spec import VoiceSpec
from engine.models.rvc.synthesizer import Synthesizer


@dataclass(slots=True, kw_only=True)
class VoiceModel(ModelOnDevice):
    """A loaded voice: its networks, index, device and notes. `dtype`: of the content encoder and
    the synthesizer. Pitch and retrieval always use float32."""

    spec: VoiceSpec
    synthesizer: Synthesizer
    content: ContentEncoder
    pitch: F0Tracker
    retrieval: Retrieval | None
    """None without an index."""

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

    def tensors(self) -> Iterator[torch.Tensor]:
        """All weights, and the index if it is on the model's device."""
        yield from weights_of(self.networks)
        if self.retrieval is not None and self.retrieval.device == self.device:
            yield self.retrieval.embeddings
