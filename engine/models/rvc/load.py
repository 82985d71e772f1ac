"""Load a VoiceModel onto its device."""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import torch
from transformers import HubertConfig, HubertModel

from engine.errors import ModelError
from engine.models import locate
from engine.models.card_memory import reserve_memory
from engine.models.device_work import dtype_named, weights_of
from engine.models.pretrained import silence_libs
from engine.models.random_models import seeded
from engine.models.rvc.check import check
from engine.models.rvc.checkpoint import read_checkpoint
from engine.models.rvc.content import ContentEncoder, load_content
from engine.models.rvc.content_folder import ContentChoice, choose_content
from engine.models.rvc.index_file import read_index
from engine.models.rvc.model import VoiceModel
from engine.models.rvc.pitch import F0Tracker, choose
from engine.models.rvc.pitch.fcpe import Fcpe
from engine.models.rvc.pitch.rmvpe import load_rmvpe, read_network
from engine.models.rvc.pitch.yin import Yin
from engine.models.rvc.retrieval import Retrieval
from engine.models.rvc.shapes import SynthesizerShape, shape_named
from engine.models.rvc.spec import CONTENT, RANDOM, VoiceSpec
from engine.models.rvc.synthesizer import Synthesizer

log = logging.getLogger(__name__)

TINY_LAYERS: Final[dict[str, Any]] = {
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "conv_dim": (32,) * 7,
    "num_conv_pos_embeddings": 16,
}
GAINS: Final = {"resblocks": 0.3, "conv_post": 0.1}
"""Gains below 1: residual blocks add to their input, and the last layer must not clip."""
_RANDOM_INDEX = re.compile(rf"{RANDOM}(\d+)")


def load(spec: VoiceSpec, device: str, dtype: str) -> VoiceModel:
    """Load the voice onto `device` (cpu, cuda, cuda:1, mps), its networks in `dtype` (a name for
    `dtype_named`). `random:SHAPE` draws the synthesizer's weights, and HuBERT's too unless
    `spec.content` is set; `random:N` as the index means N vectors. Downloads nothing, and never
    executes code from a file. ModelError in one line names what is missing and how to get it. Does
    not catch `torch.OutOfMemoryError`."""
    torch_dtype = dtype_named(dtype)
    torch_device = torch.device(device)
    silence_libs("transformers")

    def weigh() -> int:
        if not spec.random_shape:
            return check(spec).memory_bytes(str(torch_dtype).removeprefix("torch."))
        with torch.device("meta"):
            networks = (Synthesizer(shape_named(spec.random_shape)), _hubert(spec))
        return sum(each.numel() for each in weights_of(networks)) * torch_dtype.itemsize

    with reserve_memory(torch_device, weigh, spec.model):
        return _load_networks(spec, torch_device, torch_dtype)


def trials(spec: VoiceSpec) -> Iterator[Callable[[], Any]]:
    """Functions that load one network of the voice each, for `tensor_problems`."""
    meta = torch.device("meta")
    yield lambda: _synthesizer(spec, meta, torch.float32)
    yield lambda: load_content(
        _synthesizer(spec, meta, torch.float32)[1].content, meta, torch.float32
    )
    if choose(spec).name == "rmvpe":
        yield lambda: read_network(locate.find(spec.rmvpe, files=()), spec.rmvpe)


def _load_networks(
    spec: VoiceSpec, torch_device: torch.device, torch_dtype: torch.dtype
) -> VoiceModel:
    synthesizer, hubert_choice = _synthesizer(spec, torch_device, torch_dtype)
    content = _content(spec, hubert_choice.content, torch_device, torch_dtype)
    version = synthesizer.shape.version
    channels = synthesizer.shape.content_channels
    actual_channels = content.channels(version)
    if actual_channels != channels:
        raise ModelError(
            f"{hubert_choice.content}: gives {version} vectors of {actual_channels} numbers, "
            f"{spec.model} wants "
            f"{channels}"
        )
    notes = (hubert_choice.note, spec.index_note, choose(spec).reason)
    model = VoiceModel(
        spec=replace(spec, content=hubert_choice.content),
        device=torch_device,
        dtype=torch_dtype,
        synthesizer=synthesizer,
        content=content,
        pitch=load_pitch(spec, torch_device, torch_dtype),
        retrieval=_retrieval(spec, torch_device, channels),
        notes=tuple(note for note in notes if note),
    )
    for note in model.notes:
        log.info("%s: %s", spec.model, note)
    return model


def _synthesizer(
    spec: VoiceSpec, device: torch.device, dtype: torch.dtype
) -> tuple[Synthesizer, ContentChoice]:
    """The synthesizer, and the HuBERT that belongs to it."""
    if spec.random_shape:
        log.info("%s: weights drawn from seed 0, not those of a voice", spec.model)
        return random_synthesizer(shape_named(spec.random_shape)).freeze_to(
            device, dtype
        ), ContentChoice(spec.content or CONTENT)
    path = locate.find(spec.model, files=("*.pth",))
    synthesizer, metadata = read_checkpoint(path)
    hubert_choice = choose_content(str(path), metadata, spec.content)  # fails before anything slow
    return synthesizer.freeze_to(device, dtype), hubert_choice


def _content(
    spec: VoiceSpec, name: str, device: torch.device, dtype: torch.dtype
) -> ContentEncoder:
    if not spec.random_shape or spec.content:
        return load_content(name, device, dtype)
    with seeded(0):
        hubert = _hubert(spec)
        projection = torch.nn.Linear(hubert.config.hidden_size, hubert.config.classifier_proj_size)
    return ContentEncoder(hubert, projection).freeze_to(device, dtype)


def _hubert(spec: VoiceSpec) -> HubertModel:
    return HubertModel(HubertConfig(**TINY_LAYERS if spec.random_shape.startswith("tiny") else {}))


def load_pitch(spec: VoiceSpec, device: torch.device, dtype: torch.dtype) -> F0Tracker:
    """The tracker for `spec.pitch`, its network in `dtype`. ModelError in one line if it is not
    available."""
    match choose(spec).name:
        case "rmvpe":
            return load_rmvpe(spec.rmvpe, device, dtype)
        case "fcpe":
            return Fcpe(device, dtype)
        case "yin":
            return Yin(device)


def _retrieval(spec: VoiceSpec, device: torch.device, channels: int) -> Retrieval | None:
    if not spec.index:
        return None
    torch_device = device if spec.is_retrieved_on_device else torch.device("cpu")
    count = _RANDOM_INDEX.fullmatch(spec.index)
    if count is not None and int(count[1]) > 0:
        with seeded(0):
            return Retrieval(torch.randn(int(count[1]), channels), torch_device)
    return Retrieval(
        torch.from_numpy(read_index(locate.find(spec.index, files=("*.index",)), channels)),
        torch_device,
    )


def random_synthesizer(shape: SynthesizerShape, seed: int = 0) -> Synthesizer:
    """A synthesizer with random weights, as fast as a voice of this shape; its sound is noise. The
    weights are drawn on the CPU, so that the same seed gives the same weights for every device."""
    with seeded(seed):
        synthesizer = Synthesizer(shape)
        reinitialize(synthesizer)
    return synthesizer


def reinitialize(synthesizer: Synthesizer) -> None:
    """Draw every matrix again so that it preserves the signal level. With torch's defaults the
    sound fades out."""
    with torch.no_grad():
        for name, parameter in synthesizer.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.ndim > 1:
                inputs = parameter.shape[0] if ".ups." in name else parameter[0].numel()
                parameter.normal_(0.0, GAINS.get(name.split(".")[1], 1.0) * inputs**-0.5)
