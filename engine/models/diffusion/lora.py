"""LoRAs merged into the weights (Hu et al. 2021): W = W0 + sum of w_i s_i B_i A_i, worked out anew from W0 each time.

Adding and taking away again would drift by rounding, and adapter layers beside the weights would slow every call. W0
is kept, weights change in place: a captured graph sees the new ones at the addresses it knows, and with every w_i
at 0 the weights are bit for bit those of the file. diffusers' own loader reads the files (kohya, peft, its own names,
alphas and metadata): the adapters it puts in are read out and taken away again.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from engine.errors import ModelError
from engine.models.diffusion.lora_file import LoraFile
from engine.models.pretrained import one_line
from engine.models.safetensors_header import read_header, read_metadata
from engine.small_file import parse_json

if TYPE_CHECKING:
    from engine.models.diffusion.model import Model

# Other kinds of delta, told by the names of their tensors: they are no product of two factors added to the weight.
OTHER_KINDS = {"dora_scale": "DoRA", "lora_magnitude_vector": "DoRA", "hada_w1": "LoHa", "lokr_w1": "LoKr"}
_DOWN = re.compile(r"(lora_A|lora_down|lora\.down|lora_linear_layer\.down)\.weight$")
_ADAPTER = "merging"
_METADATA = "lora_adapter_metadata"
_PLAIN = frozenset(
    "target_modules exclude_modules target_parameters layers_to_transform layers_pattern rank_pattern alpha_pattern "
    "bias init_lora_weights megatron_core peft_type task_type base_model_name_or_path revision peft_version".split()
)
"""Options of peft that may be more than a number, true or false."""


@dataclass(frozen=True, slots=True)
class Delta:
    """scale B A for one weight."""

    lora: str
    scale: float
    down: torch.Tensor
    """A: (rank, in) or (rank, in, kh, kw)."""
    up: torch.Tensor
    """B: (out, rank) or (out, rank, 1, 1)."""

    def product(self) -> torch.Tensor:
        """(out, in kh kw) float32."""
        return self.up.flatten(1).float() @ self.down.flatten(1).float()


@dataclass(slots=True)
class Merged:
    """One weight of the model and what may be added to it."""

    weight: torch.Tensor
    original: torch.Tensor
    is_text: bool
    deltas: list[Delta] = field(default_factory=list)
    strengths: tuple[float, ...] = ()
    """w_i s_i in force, in the order of `deltas`."""


class LoraSet:
    """The LoRAs of a model by name, each with its weight in force. Thread of the model only."""

    def __init__(self, model: "Model", loras: Sequence[LoraFile]) -> None:
        """Reads the files and merges them at the weights given.

        ModelError for a file that is none, is of another kind (DoRA, LoHa, LoKr), or was made for another model.
        """
        self._merged: dict[int, Merged] = {}
        self.weights: dict[str, float] = {}
        self.text_version = 0
        """Grows when the weights of a text encoder change: texts must be encoded anew then."""
        for lora in loras:
            if lora.name in self.weights:
                raise ModelError(f"{lora.file}: two LoRAs are called {lora.name}; rename one file")
            self._read(model, lora.file, lora.name)
            self.weights[lora.name] = 0.0
        self.set_weights({lora.name: lora.weight for lora in loras})

    @property
    def names(self) -> tuple[str, ...]:
        """In the order of the ModelSpec."""
        return tuple(self.weights)

    @torch.no_grad()
    def set_weights(self, weights: Mapping[str, float]) -> None:
        """Merges with these strengths; LoRAs that are not named keep theirs. KeyError for a name that is not there."""
        for name, weight in weights.items():
            self.weights[name]  # a wrong name must not become a new one
            self.weights[name] = float(weight)
        texts_changed = False
        for merged in self._merged.values():
            strengths = tuple(self.weights[delta.lora] * delta.scale for delta in merged.deltas)
            if strengths == (merged.strengths or (0.0,) * len(strengths)):
                continue
            merged.strengths = strengths
            texts_changed |= merged.is_text
            _merge(merged)
        self.text_version += texts_changed

    def tensors(self) -> Iterator[torch.Tensor]:
        """What is kept beside the model's weights."""
        for merged in self._merged.values():
            yield merged.original
            for delta in merged.deltas:
                yield delta.down
                yield delta.up

    def _read(self, model: "Model", file: Path, key: str) -> None:
        pairs = _pairs_in(file)
        with one_line(f"LoRA {file}, made for another model?"):
            found = list(_deltas(model, file, key))
        if not found:
            raise ModelError(f"{file}: none of its tensors belongs to {model.spec.model}")
        if len(found) < pairs:
            model.notes += (f"LoRA {key}: only {len(found)} of its {pairs} changes have a place in this model",)
        for weight, delta, is_text in found:
            if id(weight) not in self._merged:
                self._merged[id(weight)] = Merged(weight, weight.detach().clone(), is_text)
            self._merged[id(weight)].deltas.append(delta)


def _merge(merged: Merged) -> None:
    if not any(merged.strengths):
        merged.weight.copy_(merged.original)
        return
    total = merged.original.float().flatten(1)
    for strength, delta in zip(merged.strengths, merged.deltas, strict=True):
        if strength:
            total = torch.add(total, delta.product(), alpha=strength)
    merged.weight.copy_(total.view(merged.original.shape))


def _pairs_in(file: Path) -> int:
    """How many weights the file changes; ModelError for deltas that are no LoRA."""
    tensors = read_header(file)
    _demand_plain(file)
    for tensor in tensors:
        for mark, kind in OTHER_KINDS.items():
            if mark in tensor:
                raise ModelError(f"{file}: a {kind}, which cannot be merged as a LoRA can; convert it to a LoRA")
    return sum(_DOWN.search(tensor) is not None for tensor in tensors)


def _demand_plain(file: Path) -> None:
    """ModelError where the metadata of peft ask for more than factors and their scales: some change the model's own
    weights, and `megatron_config` imports whatever module `megatron_core` names."""
    try:
        told = parse_json(read_metadata(file).get(_METADATA) or "{}")
        options = {str(key).rpartition(".")[2]: value for key, value in told.items()}
    except (ValueError, AttributeError):
        raise ModelError(f"{file}: its metadata ({_METADATA}) are no JSON object") from None
    if options.get("init_lora_weights") not in (None, True, False, "gaussian"):
        raise ModelError(f"{file}: init_lora_weights of its metadata would change the model's own weights")
    for key, value in options.items():
        asks = any(value.values()) if key == "runtime_config" and isinstance(value, dict) else bool(value)
        if asks and key not in _PLAIN and not isinstance(value, int | float):
            raise ModelError(f"{file}: its metadata ask for {key[:40]}; only factors and their scales are read")


def _deltas(model: "Model", file: Path, key: str) -> Iterator[tuple[torch.Tensor, Delta, bool]]:
    """Each weight that the file changes, with its delta, and whether it is a text encoder's."""
    from peft.tuners.lora import LoraLayer

    with _adapters_of(model, file) as networks:
        for network, is_text in networks:
            for layer in network.modules():
                if not isinstance(layer, LoraLayer):
                    continue
                if layer.lora_bias[_ADAPTER]:
                    raise ModelError(f"{file}: a LoRA that changes biases too; only weights can be merged")
                down, up = (factor[_ADAPTER].weight.detach().to(model.dtype) for factor in (layer.lora_A, layer.lora_B))
                delta = Delta(key, float(layer.scaling[_ADAPTER]), down, up)
                yield layer.get_base_layer().weight, delta, is_text


@contextmanager
def _adapters_of(model: "Model", file: Path) -> Iterator[list[tuple[Any, bool]]]:
    """The model's networks with the file's adapters put in by diffusers; they are taken out again at the end."""
    from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionXLImg2ImgPipeline

    parts = {"unet": model.unet, "text_encoder": model.text_encoders[0], "vae": None, "tokenizer": None}
    if model.family == "sdxl":
        parts |= {"text_encoder_2": model.text_encoders[1], "tokenizer_2": None, "add_watermarker": False}
        pipeline = StableDiffusionXLImg2ImgPipeline(**parts, scheduler=None)
    else:
        parts |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        pipeline = StableDiffusionImg2ImgPipeline(**parts, scheduler=None)
    try:
        pipeline.load_lora_weights(
            str(file.parent), weight_name=file.name, adapter_name=_ADAPTER, use_safetensors=True, local_files_only=True
        )
        yield [(model.unet, False), *((encoder, True) for encoder in model.text_encoders)]
    finally:
        pipeline.unload_lora_weights()
