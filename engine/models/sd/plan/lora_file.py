"""Reads from a LoRA's header which model it was made for, and which weight each of its layers changes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError
from engine.models.pickle_file import PICKLES, pickle_note, pickled_tensors
from engine.models.safetensors_header import Tensor, read_header, read_metadata
from engine.models.sd.plan.extras import lora_file, lora_name
from engine.models.sd.plan.families import FAMILIES, SUPPORTED, TEXT_WIDTHS, made_for_another
from engine.models.sd.plan.lora_changes import FactorShape, LoraChange, dora_axis, shape_of
from engine.models.sd.plan.lora_kinds import base_in_metadata, foreign_base, other_kind
from engine.models.sd.plan.lora_names import UNET_PART, LoraLayer, WeightPlace, layers_in, places_in
from engine.models.sd.plan.lora_scales import Scales, scales_of
from engine.models.sd.plan.network_outline import NetworkOutline


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraFile:
    name: str
    """The file's name, or that of its folder or id if the file name is generic."""
    weight: float
    """The initial weight."""
    file: Path
    tensors: dict[str, Tensor]
    changes: tuple[LoraChange, ...] = ()
    """The changes to weights of the model; empty if the model's outline is unknown."""
    is_pickle: bool = False
    notes: tuple[str, ...] = ()


def examine_lora(name: str, weight: float, outline: NetworkOutline | None) -> LoraFile:
    """Examine a LoRA. ModelError in one line if `load` would refuse it. `outline`: that of its model, if known."""
    file = lora_file(name)
    is_pickle = file.suffix in PICKLES
    tensors, metadata = (pickled_tensors(file), {}) if is_pickle else (read_header(file), read_metadata(file))
    scales = scales_of(file, is_pickle=is_pickle)
    layers_per_block = outline.unet.get("layers_per_block", 2) if outline else 2
    layers, rest = layers_in(tensors, layers_per_block if isinstance(layers_per_block, int) else 2)
    if (base := foreign_base(tensors)) is not None:
        theirs = base_in_metadata(metadata) or base
        if outline is None:
            raise ModelError(f"{file}: a LoRA made for {theirs}; supported: LoRAs for {SUPPORTED}")
        raise made_for_another(f"{file}: a LoRA", theirs, "this", FAMILIES[outline.family], _take(outline))
    if (kind := other_kind(tensors, rest)) is not None:
        raise ModelError(f"{file}: {kind}")
    known = lora_name(file)
    notes = [f"LoRA {known}: {len(rest)} of its tensors are ignored, the first is {rest[0][:80]}"] if rest else []
    if is_pickle:
        notes.append(pickle_note(f"LoRA {known}"))
    changes: tuple[LoraChange, ...] = ()
    if outline is not None and outline.unet_tensors:
        fitting = _Fitting(file, tensors, scales, outline, base_in_metadata(metadata))
        changes = fitting.changes(layers)
        if len(changes) < len(layers):
            notes.append(f"LoRA {known}: only {len(changes)} of its {len(layers)} changes fit this model")
    return LoraFile(
        name=known,
        weight=weight,
        file=file,
        tensors=tensors,
        changes=changes,
        is_pickle=is_pickle,
        notes=tuple(notes),
    )


def _take(outline: NetworkOutline) -> str:
    return f"use a LoRA for {FAMILIES[outline.family]}"


class _Fitting:
    """Finds the weight in the model for each layer. Refuses the file at the first layer of another model."""

    def __init__(
        self, file: Path, tensors: Mapping[str, Tensor], scales: Scales, outline: NetworkOutline, base: str | None
    ) -> None:
        self._file, self._tensors, self._scales, self._outline = file, tensors, scales, outline
        self._base = base
        self._places = places_in(outline)

    def changes(self, layers: Sequence[LoraLayer]) -> tuple[LoraChange, ...]:
        shapes = [shape_of(layer.named, self._roles(layer), str(self._file)) for layer in layers]
        self._require_text_width(layers, shapes)
        found = []
        for layer, shape in zip(layers, shapes, strict=True):
            place = self._place(layer, shape)
            if place is None:
                continue
            if not _fits(place, shape):
                raise self._made_for(
                    self._base,
                    f"{layer.named[:120]} changes {shape.rows} x {shape.columns} weights, here they are "
                    f"{' x '.join(map(str, place.shape))}",
                )
            what = str(self._file)
            rank = shape.rank
            scale = self._scales.of(place.part, place.layer, rank, what) if "alpha" not in layer.tensors else None
            scale = 1.0 if shape.kind == "norm" else scale
            axis = dora_axis(place, self._roles(layer), layer.named, what)
            found.append(LoraChange(place=place, shape=shape, tensors=layer.tensors, scale=scale, dora_axis=axis))
        lost = [layer for layer in layers if UNET_PART in layer.parts]
        if layers and (not found or (lost and not any(change.place.part == UNET_PART for change in found))):
            first = (lost or layers)[0].named[:120]
            raise self._made_for(
                self._base, f"none of its {len(lost or layers)} changes fits this model, the first is {first}"
            )
        return tuple(found)

    def _roles(self, layer: LoraLayer) -> dict[str, Tensor]:
        return {role: self._tensors[name] for role, name in layer.tensors.items()}

    def _place(self, layer: LoraLayer, shape: FactorShape) -> WeightPlace | None:
        places = [self._places[part, layer.flat] for part in layer.parts if (part, layer.flat) in self._places]
        return next((place for place in places if _fits(place, shape)), places[0] if places else None)

    def _require_text_width(self, layers: Sequence[LoraLayer], shapes: Sequence[FactorShape]) -> None:
        """Raise ModelError if the text width differs.

        Most layers of SD 1.5, 2.x and XL have the same names and many the same shapes; the text width distinguishes
        them.
        """
        for layer, shape in zip(layers, shapes, strict=True):
            is_of_texts = UNET_PART in layer.parts and layer.flat.endswith(("attn2_to_k", "attn2_to_v"))
            if is_of_texts and shape.columns != self._outline.text_width:
                raise self._made_for(
                    TEXT_WIDTHS.get(shape.columns, self._base),
                    f"its texts have {shape.columns} numbers a token, here {self._outline.text_width}",
                )

    def _made_for(self, base: str | None, why: str) -> ModelError:
        ours = FAMILIES[self._outline.family]
        if base is None or base == ours:
            base = "another model"
        return made_for_another(f"{self._file}: a LoRA", base, "this", ours, _take(self._outline), why=why)


def _fits(place: WeightPlace, shape: FactorShape) -> bool:
    return (shape.rows, shape.columns) == (place.shape[0], math.prod(place.shape[1:]))
