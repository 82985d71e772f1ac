"""Merges LoRAs into the weights (Hu et al. 2021): W = W0 + sum of w_i s_i B_i A_i, computed from W0
each time.

Adding and subtracting deltas would accumulate rounding errors, and separate adapter layers would
slow down every call. So W0 is stored and weights are changed in place: a captured graph sees them
at the same addresses, and with all w_i 0 the weights are bit-identical to the file.
`plan/lora_file.py` maps tensors to weights.

The formulas are those of LyCORIS (lycoris/modules, lycoris/functional) and ComfyUI
(comfy/weight_adapter). A delta is proportional to the strength w, except with DoRA: there the
weight becomes W + w (m (W + D) / |W + D| - W), as in ComfyUI (weight_decompose in base.py). peft
scales D inside, so that strength 0 is not the original model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models.pretrained import one_line, require_finite
from engine.models.sd.plan.lora_file import LoraChange, LoraFile
from engine.models.sd.plan.lora_names import TEXT_PARTS, UNET_PART, plain_layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    lora: str
    """Name of the LoRA that adds this delta."""
    kind: str
    """lora, loha, lokr or whole."""
    scale: float
    factors: dict[str, Tensor]
    """Tensors by role (`lora_names`), without alpha, in the model's dtype or a smaller one."""
    dora_axis: int | None = None
    """See `LoraChange`."""

    def add_to(self, total: Tensor, original: Tensor, strength: float) -> Tensor:
        """Add strength times this delta to a copy of `total`, which like `original` is (out, in kh
        kw) float32."""
        if self.dora_axis is None and self.kind == "lora":
            up, down = self._pair()
            return torch.addmm(total, up, down, alpha=strength * self.scale)
        if self.dora_axis is None:
            return torch.add(total, self.product(), alpha=strength * self.scale)
        return torch.add(total, self._dora(original), alpha=strength)

    def product(self) -> Tensor:
        """The change of the weight before it is scaled."""
        if self.kind == "whole":
            (difference,) = self.factors.values()
            return difference.float().reshape(len(difference), -1)
        if self.kind == "lora":
            up, down = self._pair()
            return up @ down
        if self.kind == "loha":
            return self._half("hada_w1", "hada_t1").mul_(self._half("hada_w2", "hada_t2"))
        return torch.kron(self._half("lokr_w1", ""), self._half("lokr_w2", "lokr_t2"))

    def _pair(self) -> tuple[Tensor, Tensor]:
        """(out, rank) and (rank, in kh kw)."""
        up = self._flat("up")
        down = self._flat("down")
        if "mid" in self.factors:
            down = torch.einsum("mn...,ni->mi...", self.factors["mid"].float(), down).flatten(1)
        return up, down

    def _half(self, name: str, core: str) -> Tensor:
        """One of the two matrices that are multiplied in a LoHa or LoKr."""
        if name in self.factors:
            return self._flat(name)
        first = self._flat(f"{name}_a")
        second = self._flat(f"{name}_b")
        if core in self.factors:
            return torch.einsum(
                "ij...,ip,jr->pr...", self.factors[core].float(), first, second
            ).flatten(1)
        return first @ second

    def _flat(self, role: str) -> Tensor:
        return self.factors[role].float().flatten(1)

    def _dora(self, original: Tensor) -> Tensor:
        whole = torch.add(original, self.product(), alpha=self.scale)
        magnitude = (
            self.factors["magnitude" if "magnitude" in self.factors else "dora_scale"]
            .float()
            .flatten()
        )
        if self.dora_axis == 0:
            lengths = whole.norm(dim=1)
            whole.mul_((magnitude / (lengths + torch.finfo(torch.float32).eps))[:, None])
        else:
            inputs = magnitude.numel()
            kernels = whole.view(whole.shape[0], inputs, -1)  # (out, in, kh kw)
            lengths = kernels.norm(dim=(0, 2))
            kernels.mul_((magnitude / (lengths + torch.finfo(torch.float32).eps))[:, None])
        return whole.sub_(original)


@dataclass(slots=True)
class MergedWeight:
    """One weight of the model and the deltas that can be added to it."""

    weight: Tensor
    original: Tensor
    """The original values, stored as float16 or bfloat16 if that is lossless."""
    is_text: bool
    deltas: list[Delta] = field(default_factory=list)
    strengths: tuple[float, ...] = ()
    """Effective w_i, in the order of `deltas`."""


class LoraSet:
    """The LoRAs of a model by name, each with its effective weight. Used on the model's thread
    only."""

    def __init__(
        self, loras: Sequence[LoraFile], *, model: str, unet: Any, text_encoders: Sequence[Any]
    ) -> None:
        """Read the files and merge them into the networks with their weights. `model`: name of the
        model, for errors. ModelError if a file is damaged, does not fit the networks, or two LoRAs
        have the same name."""
        self._model = model
        self._device = unet.device
        self._dtype = unet.dtype
        self._merged: dict[int, MergedWeight] = {}
        self.weights: dict[str, float] = {}
        self.text_version = 0
        """Incremented when the weights of a text encoder change; texts must then be encoded
        again."""
        self.unet_version = 0
        """Incremented when the weights of the UNet change."""
        weights = _weights_of(unet, text_encoders)
        for lora in loras:
            if lora.name in self.weights:
                is_same = any(
                    other is not lora and other.file.path == lora.file.path for other in loras
                )
                why = (
                    "is chosen twice"
                    if is_same
                    else f"two LoRAs have the name {lora.name}; rename one file"
                )
                raise ModelError(f"{lora.file}: {why}")
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
        texts_changed = False
        unet_changed = False
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

    def tensors(self) -> Iterator[Tensor]:
        """Tensors stored in addition to the model's weights."""
        for merged in self._merged.values():
            yield merged.original
            for delta in merged.deltas:
                yield from delta.factors.values()

    def _read(self, weights: Mapping[tuple[str, str], Tensor], lora: LoraFile) -> None:
        with one_line(f"LoRA {lora.file}"):
            tensors = _read_factors(lora, self._device)
        for change in lora.changes:
            weight = weights.get((change.target.part, change.target.layer))
            if weight is None or tuple(weight.shape) != change.target.shape:
                raise ModelError(
                    f"{lora.file}: {change.target.layer} of {self._model} is not as in its file"
                )
            if id(weight) not in self._merged:
                self._merged[id(weight)] = MergedWeight(
                    weight, _lossless_copy(weight), change.target.part != UNET_PART
                )
            self._merged[id(weight)].deltas.append(_delta(lora, change, tensors, self._dtype))


def _lossless_copy(weight: Tensor) -> Tensor:
    """A copy of a weight; float32 is stored as half precision if that is lossless. Files are mostly
    float16, and these copies are as large as a whole UNet."""
    own = weight.detach()
    if own.dtype == torch.float32:
        for dtype in (torch.float16, torch.bfloat16):
            narrow = own.to(dtype)
            if torch.equal(narrow.float(), own):
                return narrow
    return own.clone()


def _weights_of(unet: Any, text_encoders: Sequence[Any]) -> dict[tuple[str, str], Tensor]:
    """Weights by part and layer, as `lora_names` calls them."""
    found = {}
    for part, network in ((UNET_PART, unet), *zip(TEXT_PARTS, text_encoders, strict=False)):
        for name, weight in network.named_parameters():
            found[part, plain_layer(name)] = weight
    return found


def _read_factors(lora: LoraFile, device: torch.device) -> dict[str, Tensor]:
    """Read the tensors of the file that its changes use."""
    names = [name for change in lora.changes for name in change.tensors.values()]
    tensors = lora.file.read(names, device)
    require_finite(str(lora.file), tensors)
    return tensors


def _delta(
    lora: LoraFile, change: LoraChange, tensors: Mapping[str, Tensor], dtype: torch.dtype
) -> Delta:
    factors = {role: tensors[name] for role, name in change.tensors.items()}
    alpha = factors.pop("alpha", None)
    scale = change.scale
    rank = change.shape.rank
    if scale is None:
        scale = 1.0 if alpha is None or rank is None else float(alpha) / rank
    factors = {
        role: each if each.itemsize <= dtype.itemsize else each.to(dtype)
        for role, each in factors.items()
    }
    return Delta(
        lora=lora.name,
        kind=change.shape.kind,
        scale=scale,
        factors=factors,
        dora_axis=change.dora_axis,
    )


def _merge(merged: MergedWeight) -> None:
    if not any(merged.strengths):
        merged.weight.copy_(merged.original)
        return
    original = merged.original.float()
    original = original.reshape(len(original), -1)  # a bias has one column
    total = original
    for strength, delta in zip(merged.strengths, merged.deltas, strict=True):
        if strength:
            total = delta.add_to(total, original, strength)
    merged.weight.copy_(total.view(merged.original.shape))
