"""Load a VoiceModel onto its device."""

import logging
import re
from dataclasses import replace
from typing import Any, Final

import torch
from transformers import HubertConfig, HubertModel

from engine.errors import ModelError
from engine.models import locate
from engine.models.card_memory import reserved
from engine.models.device_work import dtype_named, weights_of
from engine.models.pretrained import quieten_libraries
from engine.models.rvc.check import check
from engine.models.rvc.checkpoint import read_checkpoint, synthesizer_of
from engine.models.rvc.content import ContentEncoder
from engine.models.rvc.content_files import load_content
from engine.models.rvc.embedder import ContentChoice, content_for
from engine.models.rvc.index_file import read_index
from engine.models.rvc.model import VoiceModel
from engine.models.rvc.pitch import choose
from engine.models.rvc.pitch.load import load_pitch
from engine.models.rvc.random_voice import build
from engine.models.rvc.retrieval import Retrieval
from engine.models.rvc.shapes import shape_named
from engine.models.rvc.spec import CONTENT, RANDOM, VoiceSpec
from engine.models.rvc.synthesizer import Synthesizer
from engine.models.seeded import seeded

log = logging.getLogger(__name__)

TINY_LAYERS: Final[dict[str, Any]] = {
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "conv_dim": (32,) * 7,
    "num_conv_pos_embeddings": 16,
}
_RANDOM_INDEX = re.compile(rf"{RANDOM}(\d+)")


def load(spec: VoiceSpec, device: str, dtype: str) -> VoiceModel:
    """Load the voice onto `device` (cpu, cuda, cuda:1, mps), its networks in `dtype` (a name for `dtype_named`).

    `random:SHAPE` draws the synthesizer's weights, and HuBERT's too unless `spec.content` is set; `random:N` as the
    index means N vectors. Downloads nothing, and never executes code from a file. ModelError in one line names what is
    missing and how to get it. Does not catch `torch.OutOfMemoryError`.
    """
    wanted, place = dtype_named(dtype), torch.device(device)
    quieten_libraries("transformers")

    def weigh() -> int:
        if not spec.random_shape:
            return check(spec).memory_bytes(str(wanted).removeprefix("torch."))
        with torch.device("meta"):
            networks = (Synthesizer(shape_named(spec.random_shape)), _hubert(spec))
        return sum(each.numel() for each in weights_of(networks)) * wanted.itemsize

    with reserved(place, weigh, spec.model):
        return _loaded(spec, place, wanted)


def _loaded(spec: VoiceSpec, place: torch.device, wanted: torch.dtype) -> VoiceModel:
    synthesizer, hubert_choice = _synthesizer(spec, str(place), wanted)
    content = _content(spec, hubert_choice.content, place, wanted)
    version, channels = synthesizer.shape.version, synthesizer.shape.content_channels
    made = content.channels(version)
    if made != channels:
        raise ModelError(
            f"{hubert_choice.content}: gives {version} vectors of {made} numbers, {spec.model} wants {channels}"
        )
    notes = (hubert_choice.note, spec.index_note, choose(spec).reason)
    model = VoiceModel(
        spec=replace(spec, content=hubert_choice.content),
        device=place,
        dtype=wanted,
        synthesizer=synthesizer,
        content=content,
        pitch=load_pitch(spec, place, wanted),
        retrieval=_retrieval(spec, place, channels),
        notes=tuple(note for note in notes if note),
    )
    for note in model.notes:
        log.info("%s: %s", spec.model, note)
    return model


def _synthesizer(spec: VoiceSpec, device: str, dtype: torch.dtype) -> tuple[Synthesizer, ContentChoice]:
    """The synthesizer, and the HuBERT that belongs to it."""
    if spec.random_shape:
        return build(spec.random_shape, device, dtype), ContentChoice(spec.content or CONTENT)
    checkpoint = read_checkpoint(locate.find(spec.model, files=("*.pth",)))
    hubert_choice = content_for(checkpoint.name, checkpoint.metadata, spec.content)  # fails before anything slow
    return synthesizer_of(checkpoint, device, dtype), hubert_choice


def _content(spec: VoiceSpec, name: str, device: torch.device, dtype: torch.dtype) -> ContentEncoder:
    if not spec.random_shape or spec.content:
        return load_content(name, device, dtype)
    with seeded(0):
        hubert = _hubert(spec)
        projection = torch.nn.Linear(hubert.config.hidden_size, hubert.config.classifier_proj_size)
    for network in (hubert, projection):
        network.requires_grad_(False).eval().to(device, dtype)
    return ContentEncoder(hubert, projection)


def _hubert(spec: VoiceSpec) -> HubertModel:
    return HubertModel(HubertConfig(**TINY_LAYERS if spec.random_shape == "tiny" else {}))


def _retrieval(spec: VoiceSpec, device: torch.device, channels: int) -> Retrieval | None:
    if not spec.index:
        return None
    place = device if spec.is_retrieved_on_device else torch.device("cpu")
    count = _RANDOM_INDEX.fullmatch(spec.index)
    if count is not None and int(count[1]) > 0:
        with seeded(0):
            return Retrieval(torch.randn(int(count[1]), channels), place)
    return Retrieval(torch.from_numpy(read_index(locate.find(spec.index, files=("*.index",)), channels)), place)
