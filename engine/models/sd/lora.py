"""Merges LoRAs into the weights (Hu et al. 2021): W = W0 + sum of w_i s_i B_i A_i, computed from W0 each time.

Adding and subtracting deltas would accumulate rounding errors, and separate adapter layers would slow down every call.
So W0 is kept and weights are changed in place: a captured graph sees them at the same addresses, and with all w_i at 0
the weights are bit-identical to the file. `lora_file` maps tensors to weights; `lora_delta` has the arithmetic.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from engine.errors import ModelError
from engine.models.pretrained import one_line, require_finite
from engine.models.sd.lora_delta import Delta
from engine.models.sd.plan.lora_changes import LoraChange
from engine.models.sd.plan.lora_file import LoraFile
from engine.models.sd.plan.lora_names import TEXT_PARTS, UNET_PART, plain_layer
from engine.models.sd.plan.tensor_file import read_tensors


@dataclass(slots=True)
class Merged:
    """One weight of the model and the deltas that can be added to it."""

    weight: torch.Tensor
    original: torch.Tensor
    """The original values, stored as float16 or bfloat16 if that is lossless."""
    is_text: bool
    deltas: list[Delta] = field(default_factory=list)
    strengths: tuple[float, ...] = ()
    """Effective w_i, in the order of `deltas`."""


class LoraSet:
    """The LoRAs of a model by name, each with its effective weight. Used on the model's thread only."""

    def __init__(self, loras: Sequence[LoraFile], *, model: str, unet: Any, text_encoders: Sequence[Any]) -> None:
        """Read the files and merge them into the networks with their weights. `model`: name of the model, for errors.

        ModelError if a file is damaged, does not fit the networks, or two LoRAs have the same name.
        """
        self._model, self._device, self._dtype = model, unet.device, unet.dtype
        self._merged: dict[int, Merged] = {}
        self.weights: dict[str, float] = {}
        self.text_version = 0
        """Incremented when the weights of a text encoder change; texts must then be encoded again."""
        self.unet_version = 0
        """Incremented when the weights of the UNet change."""
        weights = _weights_of(unet, text_encoders)
        for lora in loras:
            if lora.name in self.weights:
                raise ModelError(f"{lora.file}: two LoRAs have the name {lora.name}; rename one file")
            self._read(weights, lora)
            self.weights[lora.name] = 0.0
        self.set_weights({lora.name: lora.weight for lora in loras})

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the order of the ModelSpec."""
        return tuple(self.weights)

    @torch.no_grad()
    def set_weights(self, weights: Mapping[str, float]) -> None:
        """Merge with these strengths; other LoRAs keep theirs. KeyError for an unknown name."""
        for name, weight in weights.items():
            self.weights[name]  # a lookup, which raises KeyError for an unknown name
            self.weights[name] = float(weight)
        texts_changed = unet_changed = False
        for merged in self._merged.values():
            strengths = tuple(self.weights[delta.lora] for delta in merged.deltas)
            if strengths == (merged.strengths or (0.0,) * len(strengths)):
                continue
            merged.strengths = strengths
            texts_changed |= merged.is_text
            unet_changed |= not merged.is_text
            _merge(merged)
        self.text_version += texts_changed
        self.unet_version += unet_changed

    def tensors(self) -> Iterator[torch.Tensor]:
        """Tensors stored in addition to the model's weights."""
        for merged in self._merged.values():
            yield merged.original
            for delta in merged.deltas:
                yield from delta.factors.values()

    def _read(self, weights: Mapping[tuple[str, str], torch.Tensor], lora: LoraFile) -> None:
        with one_line(f"LoRA {lora.file}"):
            held = _held(lora, self._device)
        for change in lora.changes:
            weight = weights.get((change.place.part, change.place.layer))
            if weight is None or tuple(weight.shape) != change.place.shape:
                raise ModelError(f"{lora.file}: {change.place.layer} of {self._model} is not as in its file")
            if id(weight) not in self._merged:
                self._merged[id(weight)] = Merged(weight, _copied(weight), change.place.part != UNET_PART)
            self._merged[id(weight)].deltas.append(_delta(lora, change, held, self._dtype))


def _copied(weight: torch.Tensor) -> torch.Tensor:
    """A copy of a weight; float32 is stored as half precision if that is lossless.

    Files are mostly float16, and these copies are as large as a whole UNet.
    """
    own = weight.detach()
    if own.dtype == torch.float32:
        for dtype in (torch.float16, torch.bfloat16):
            narrow = own.to(dtype)
            if torch.equal(narrow.float(), own):
                return narrow
    return own.clone()


def _weights_of(unet: Any, text_encoders: Sequence[Any]) -> dict[tuple[str, str], torch.Tensor]:
    """Weights by part and layer, as `lora_names` calls them."""
    found = {}
    for part, network in ((UNET_PART, unet), *zip(TEXT_PARTS, text_encoders, strict=False)):
        for name, weight in network.named_parameters():
            found[part, plain_layer(name)] = weight
    return found


def _held(lora: LoraFile, device: torch.device) -> dict[str, torch.Tensor]:
    """The file's tensors that are used by a change."""
    wanted = [name for change in lora.changes for name in change.tensors.values()]
    if lora.is_pickle:
        everything = read_tensors(lora.file)
        held = {name: everything[name].to(device) for name in wanted}
    else:
        from safetensors import safe_open

        with safe_open(lora.file, "pt", device=str(device)) as opened:
            held = {name: opened.get_tensor(name) for name in wanted}
    require_finite(str(lora.file), held)
    return held


def _delta(lora: LoraFile, change: LoraChange, held: Mapping[str, torch.Tensor], dtype: torch.dtype) -> Delta:
    factors = {role: held[name] for role, name in change.tensors.items()}
    alpha, scale, rank = factors.pop("alpha", None), change.scale, change.shape.rank
    if scale is None:
        scale = 1.0 if alpha is None or rank is None else float(alpha) / rank
    kept = {role: factor if factor.itemsize <= dtype.itemsize else factor.to(dtype) for role, factor in factors.items()}
    return Delta(lora=lora.name, kind=change.shape.kind, scale=scale, factors=kept, dora_axis=change.dora_axis)


def _merge(merged: Merged) -> None:
    if not any(merged.strengths):
        merged.weight.copy_(merged.original)
        return
    original = merged.original.float()
    original = original.reshape(len(original), -1)  # a norm has one column
    total = original
    for strength, delta in zip(merged.strengths, merged.deltas, strict=True):
        if strength:
            total = delta.added(total, original, strength)
    merged.weight.copy_(total.view(merged.original.shape))
