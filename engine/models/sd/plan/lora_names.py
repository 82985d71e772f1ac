"""Maps the tensor names of a LoRA to the layers of a model and the tensors' roles. Does not load
torch.

Layouts: kohya's (`lora_unet_...`, `lora_te1_...`, with diffusers' or the original block names),
LyCORIS', OneTrainer's own and the Open Model Initiative's (`unet.`, `clip_l.`, `clip_g.`). Also
diffusers' of all versions (attn processors, `.lora.down`, `lora_linear_layer`, `lora_A`), peft's
and ComfyUI's. In kohya's names dots became underscores, so all layers are looked up with
underscores only.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.models.sd.plan.network_outline import NetworkOutline
from engine.models.sd.plan.original_names import UNET, diffusers_name
from engine.models.tensor_file import TensorInfo

UNET_PART = "unet"
TEXT_PARTS = ("text_encoder", "text_encoder_2")

_SIDES = {"lora_down": "down", "lora_up": "up", "lora_mid": "mid", "lora_A": "down", "lora_B": "up"}
_ROLES: dict[str, str] = {
    ".alpha": "alpha",
    ".dora_scale": "dora_scale",
    ".lora_magnitude_vector": "magnitude",
    ".lora_magnitude_vector.weight": "magnitude",
    ".lora_magnitude_vector.default": "magnitude",
    ".lora_magnitude_vector.default.weight": "magnitude",
    **{f".{side}.weight": role for side, role in _SIDES.items()},
    **{f".{side}.default.weight": role for side, role in _SIDES.items()},
    **{
        f"{old}.{side}.weight": side
        for old in (".lora", "_lora", ".lora_linear_layer")
        for side in ("down", "up")
    },
    **{f".hada_{role}": f"hada_{role}" for role in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")},
    **dict.fromkeys((".w_norm", ".diff"), "whole"),
    **dict.fromkeys((".b_norm", ".diff_b"), "whole_bias"),
    **{
        f".lokr_{role}": f"lokr_{role}"
        for role in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")
    },
}
"""Role of a tensor in its layer, by the suffix of its name."""
WHOLE = ("whole", "whole_bias")
"""Whole differences of a weight and a bias: a norm's of LyCORIS (lycoris/modules/norms.py), any of
ComfyUI."""
_ENDS = tuple(sorted(_ROLES, key=len, reverse=True))
_LEFT_OVER = ("_lora", ".lora", ".lora_linear_layer")  # suffixes of a layer's name before `.alpha`

_FLAT_PARTS = {
    "lora_unet_": (UNET_PART,),
    "lora_te1_": ("text_encoder",),
    "lora_te2_": ("text_encoder_2",),
    "lora_te_": ("text_encoder",),
    "lycoris_": (UNET_PART,),
}
_DOTTED_PARTS = {
    "unet.": (UNET_PART,),
    "model.diffusion_model.": (UNET_PART,),
    "diffusion_model.": (UNET_PART,),
    "text_encoder.": ("text_encoder",),
    "text_encoder_2.": ("text_encoder_2",),
    **{
        f"{before}{clip}.{after}": (part,)
        for clip, part in {
            "clip_l": "text_encoder",
            "clip_h": "text_encoder",
            "clip_g": "text_encoder_2",
        }.items()
        for before in ("text_encoders.", "")
        for after in ("transformer.", "")
    },
    "text_model.": TEXT_PARTS,  # a peft folder of a text encoder does not name the encoder
    "encoder.layers.": TEXT_PARTS,
}
_PEFT = "base_model.model."
_OLD_TEXT = re.compile(r"(self_attn)\.to_(q|k|v|out)$")
_OLD_OUT = re.compile(r"attn[12]\.to_out$")
_FIRST_CODE = re.compile(
    r"(input|output)_blocks_\d|middle_block_\d|(time|label)_emb(ed)?_\d|out_\d$"
)
_NUMBERED = re.compile(r"^(?:((?:input|output)_blocks)_(\d+)_(\d+)|(middle_block)_(\d+))_?")
_FIRST_CODE_ENDS = {
    flat: dotted
    for dotted in ("in_layers.0", "in_layers.2", "emb_layers.1", "out_layers.0", "out_layers.3")
    for flat in (dotted.replace(".", "_"),)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraLayer:
    """A layer that the file changes."""

    named: str
    """Its name in the file, without the suffixes of tensors."""
    parts: tuple[str, ...]
    """Candidates among unet, text_encoder and text_encoder_2; the one that has such a layer is
    used."""
    flat: str
    """Its name in diffusers or transformers, with underscores instead of dots."""
    tensors: dict[str, str]
    """Tensor names in the file by role: down, up, mid, alpha, dora_scale, magnitude, hada_*,
    lokr_*; one of WHOLE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetWeight:
    """A weight of the model that a LoRA can change."""

    part: str
    layer: str
    """Name of its layer in diffusers or transformers, without `text_model.`; with `.bias` for a
    bias."""
    shape: tuple[int, ...]


def layers_in(names: Iterable[str], layers_per_block: int) -> tuple[list[LoraLayer], list[str]]:
    """All layers that a file changes, in file order, and the tensors that belong to no layer."""
    found: dict[str, dict[str, str]] = {}
    rest: list[str] = []
    for name in names:
        end = next((end for end in _ENDS if name.endswith(end)), None)
        if end is None:
            rest.append(name)
            continue
        named = name.removesuffix(end)
        if named.startswith(tuple(_FLAT_PARTS)):  # diffusers leaves a dot in some of kohya's names
            named = named.replace(".", "_")
        for old in _LEFT_OVER:
            named = named.removesuffix(old)
        role = _ROLES[end]
        found.setdefault(name if role in WHOLE else named, {})[role] = name
    layers = []
    for named, tensors in found.items():
        if tensors.keys() == {"alpha"}:
            rest.append(tensors["alpha"])
            continue
        of_layer = named if tensors.keys().isdisjoint(WHOLE) else named.rpartition(".")[0]
        parts, flat = _split_name(of_layer, layers_per_block)
        flat += "_bias" * ("whole_bias" in tensors)
        layers.append(LoraLayer(named=named, parts=parts, flat=flat, tensors=tensors))
    return layers, rest


def target_weights(outline: NetworkOutline) -> dict[tuple[str, str], TargetWeight]:
    """All weights and biases that a LoRA can change, by part and layer name with underscores."""
    parts: list[tuple[str, Mapping[str, TensorInfo]]] = [(UNET_PART, outline.unet_tensors)]
    parts += zip(TEXT_PARTS, outline.text_tensors, strict=False)
    targets = {}
    for part, tensors in parts:
        for name, tensor in tensors.items():
            layer = plain_layer(name)
            targets[part, layer.replace(".", "_")] = TargetWeight(
                part=part, layer=layer, shape=tensor.shape
            )
    return targets


def plain_layer(name: str) -> str:
    """Name of the layer with the weight `name`, without the `text_model.` of some encoders; a bias
    keeps `.bias`."""
    return name.removesuffix(".weight").removeprefix("text_model.")


def _split_name(named: str, layers_per_block: int) -> tuple[tuple[str, ...], str]:
    parts: tuple[str, ...]
    for start, parts in _FLAT_PARTS.items():
        if named.startswith(start):
            return parts, _flat_name(
                named.removeprefix(start).lstrip("_").replace(".", "_"), parts, layers_per_block
            )
    rest = named.removeprefix(_PEFT)
    parts = (UNET_PART,)
    for start, dotted_parts in _DOTTED_PARTS.items():
        if rest.startswith(start):
            parts = dotted_parts
            rest = rest if dotted_parts == TEXT_PARTS else rest.removeprefix(start)
            break
    rest = rest.removeprefix(_PEFT).replace(".processor.", ".")
    rest = _OLD_OUT.sub(lambda match: f"{match[0]}.0", rest)
    rest = _OLD_TEXT.sub(lambda match: f"{match[1]}.{match[2]}_proj", rest)
    return parts, _flat_name(rest.replace(".", "_"), parts, layers_per_block)


def _flat_name(flat: str, parts: tuple[str, ...], layers_per_block: int) -> str:
    if parts != (UNET_PART,):
        return flat.removeprefix("text_model_")
    if not _FIRST_CODE.match(flat):
        return flat
    dotted = _NUMBERED.sub(lambda match: ".".join(filter(None, match.groups())) + ".", flat)
    if dotted == flat:  # time_embed_0, label_emb_0_0, out_2
        dotted = re.sub(r"_(?=\d)", ".", flat)
    head, _, tail = dotted.rpartition(".")
    dotted = f"{head}.{_FIRST_CODE_ENDS.get(tail, tail)}" if head else dotted
    name = diffusers_name(
        f"{UNET}{dotted}." if not dotted.endswith(".") else UNET + dotted, layers_per_block
    )
    return flat if name is None else name.rstrip(".").replace(".", "_")
