"""What the parts of a loaded voice share."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from engine.models.rvc.content import ContentEncoder
from engine.models.rvc.pitch import PitchTracker
from engine.models.rvc.retrieval import Retrieval
from engine.models.rvc.spec import VoiceSpec
from engine.models.rvc.synthesizer import Synthesizer


@dataclass(slots=True, kw_only=True)
class VoiceModel:
    """One voice on its device. No parameter wants a gradient; all are in evaluation mode. One thread at a time."""

    spec: VoiceSpec
    device: torch.device
    dtype: torch.dtype
    """Of the content encoder and the synthesizer. Pitch and retrieval are worked out in float32 always."""
    synthesizer: Synthesizer
    content: ContentEncoder
    pitch: PitchTracker
    retrieval: Retrieval | None
    """None without an index."""
    notes: tuple[str, ...] = ()
    """What the user should know about how it was loaded, a line each."""

    @property
    def rate_hz(self) -> int:
        """Of the sound that comes out."""
        return self.synthesizer.shape.rate_hz

    @property
    def version(self) -> Literal["v1", "v2"]:
        return self.synthesizer.shape.version

    @property
    def has_pitch(self) -> bool:
        """Whether the synthesizer is told how high; one that is not speaks as high as it likes."""
        return self.synthesizer.shape.has_pitch

    @property
    def networks(self) -> tuple[torch.nn.Module, ...]:
        """All layers, each once."""
        return (*self.content.networks, *self.pitch.networks, self.synthesizer)

    @property
    def memory_mb(self) -> float:
        """MiB of all weights, and of the embeddings where they lie on the model's device."""
        return sum({tensor.data_ptr(): tensor.nbytes for tensor in self._tensors()}.values()) / 2**20

    def _tensors(self) -> Iterator[torch.Tensor]:
        for network in self.networks:
            yield from network.parameters()
            yield from network.buffers()
        if self.retrieval is not None and self.retrieval.device == self.device:
            yield self.retrieval.embeddings
