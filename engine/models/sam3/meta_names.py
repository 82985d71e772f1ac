"""Names of tensors in Meta's checkpoints of SAM3 and SAM 3.1, for those of transformers' models.

They are those of github.com/facebookresearch/sam3 (modules in sam3/model), as transformers'
src/transformers/models/sam3/convert_sam3_to_hf.py pairs them; the tracker's, of SAM 3.1, is in
`multiplex_model.py`.
"""

import re
from pathlib import Path
from typing import Final

HAS_MULTIPLEX: Final = "tracker.model.sam_mask_decoder."
_HEAD: Final = "layers.0.>layers.1. proj_in.>layers.0. proj_out.>layers.2."
_NORMS: Final = ".layer_norm1.>.norm1. .layer_norm2.>.norm2. .layer_norm3.>.norm3."
_PARTS: Final = {
    "has_multiplex": HAS_MULTIPLEX,
    "head": _HEAD,
    "norms": _NORMS,
    "mlp": ".mlp.fc1.>.linear1. .mlp.fc2.>.linear2.",
    "neck": "0.scale_layers.0.>0.dconv_2x2_0. 0.scale_layers.2.>0.dconv_2x2_1. "
    "1.scale_layers.0.>1.dconv_2x2. "
    ".proj1.>.conv_1x1. .proj2.>.conv_3x3.",
    "decoder": "upscale_conv1.>output_upscaling.0. upscale_layer_norm.>output_upscaling.1. "
    f"upscale_conv2.>output_upscaling.3. {_HEAD}",
    "two_way": f".layer_norm_final_attn.>.norm_final_attn. {_NORMS} .layer_norm4.>.norm4. "
    ".mlp.proj_in.>.mlp.lin1. "
    ".mlp.proj_out.>.mlp.lin2.",
    "masks": " ".join(f".{n}.conv.>.{3 * n}. .{n}.layer_norm.>.{3 * n + 1}." for n in range(4)),
}
_TABLE: Final = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").format_map(_PARTS)
"""For each prefix of ours that of Meta's, and the replacements in the rest."""
NAME_PAIRS: Final = tuple(
    (ours, theirs, [tuple(each.split(">")) for each in parts])
    for ours, theirs, *parts in (area.split() for area in re.split(r"\n(?=\S)", _TABLE.strip()))
)
"""Prefix of names in transformers' Sam3Model, or of SAM 3.1's tracker, prefix in Meta's, and
replacements in the rest of the name, in order."""
_THIRD: Final = re.compile(r"([qkv])_proj\.(weight|bias)$")
_LAYER: Final = re.compile(r"\.layer(\d)\.")  # of an MLP, from 1; Meta's list counts from 0


def meta_name(name: str) -> tuple[str, int | None]:
    """Meta's name for a tensor of transformers' Sam3Model, or of SAM 3.1's tracker in a
    Sam3VideoModel, and which third of it (queries, keys, values); None: all."""
    ours, theirs, parts = next(area for area in NAME_PAIRS if name.startswith(area[0]))
    rest = f".{name.removeprefix(ours)}"  # a dot, so that no part is found within a word
    for part, other in parts:
        pattern = part if part.startswith((".", "_")) or part[0].isdigit() else f".{part}"
        rest = rest.replace(pattern, other if pattern == part else f".{other}", 1)
    rest = _LAYER.sub(lambda match: f".layers.{int(match[1]) - 1}.", rest)
    third = None if ours.startswith("tracker_model.") else _THIRD.search(rest)
    if third is None:
        return theirs + rest.replace(".o_proj.", ".out_proj.")[1:], None
    joined = f"qkv.{third[2]}" if ours.startswith("vision") else f"in_proj_{third[2]}"
    return theirs + _THIRD.sub(joined, rest)[1:], "qkv".index(third[1])
