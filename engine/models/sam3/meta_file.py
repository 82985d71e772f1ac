"""Reads the detector from Meta's own checkpoints of SAM3 and SAM 3.1 (sam3.pt, sam3.1_multiplex.pt, or .safetensors).

The detector of both is that of transformers, under other names: those of github.com/facebookresearch/sam3 (modules in
sam3/model; `detector.` before each), as transformers' src/transformers/models/sam3/convert_sam3_to_hf.py pairs them.
Queries, keys and values are stored as one tensor, CLIP's projection is transposed, and the ViT's positions begin with
that of a class token. SAM 3.1 lacks the level of the pyramid that is never read. It has two more necks for its tracker,
Object Multiplex (sam3/model/necks.py, Sam3TriViTDetNeck), which transformers does not have: the tracker is ignored.
Checkpoints of its training lack `detector.`, or have `module.` before each name (facebookresearch/sam3 issue 606).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.models.pickle_file import pickle_note, read_pickled_tensors
from engine.models.plain_config import read_config
from engine.models.sam3.model_folder import BEFORE_META, Sam3Folder, is_meta_checkpoint
from engine.models.weight_files import TensorInfo, find_weights, read_header

if TYPE_CHECKING:
    import torch

NOTE: Final = (
    "Meta's own checkpoint: its detector alone is read; the tracker of SAM 3.1, Object Multiplex, is not supported"
)
_MLP = {".mlp.fc1.": ".linear1.", ".mlp.fc2.": ".linear2."}
_NORMS = {f".layer_norm{n}.": f".norm{n}." for n in (1, 2, 3)}
_NAME_PAIRS: Final[tuple[tuple[str, str, dict[str, str]], ...]] = (
    (
        "vision_encoder.backbone.",
        "backbone.vision_backbone.trunk.",
        {
            "embeddings.position_embeddings": "pos_embed",
            "embeddings.patch_embeddings.projection.": "patch_embed.proj.",
            **_NORMS,
            "layer_norm.": "ln_pre.",
            "layers.": "blocks.",
            ".attention.o_proj.": ".attn.proj.",
            ".attention.": ".attn.",
        },
    ),
    (
        "vision_encoder.neck.fpn_layers.",
        "backbone.vision_backbone.convs.",
        {
            "0.scale_layers.0.": "0.dconv_2x2_0.",
            "0.scale_layers.2.": "0.dconv_2x2_1.",
            "1.scale_layers.0.": "1.dconv_2x2.",
            ".proj1.": ".conv_1x1.",
            ".proj2.": ".conv_3x3.",
        },
    ),
    ("text_encoder.text_projection.weight", "backbone.language_backbone.encoder.text_projection", {}),
    (
        "text_encoder.text_model.",
        "backbone.language_backbone.encoder.",
        {
            "embeddings.token_embedding.": "token_embedding.",
            "embeddings.position_embedding.weight": "positional_embedding",
            "final_layer_norm.": "ln_final.",
            "encoder.layers.": "transformer.resblocks.",
            ".self_attn.": ".attn.",
            ".layer_norm1.": ".ln_1.",
            ".layer_norm2.": ".ln_2.",
            ".mlp.fc1.": ".mlp.c_fc.",
            ".mlp.fc2.": ".mlp.c_proj.",
        },
    ),
    ("text_projection.", "backbone.language_backbone.resizer.", {}),
    (
        "geometry_encoder.",
        "geometry_encoder.",
        {
            "layers.": "encode.",
            ".cross_attn.": ".cross_attn_image.",
            **_MLP,
            **_NORMS,
            "vision_layer_norm.": "img_pre_norm.",
            "prompt_layer_norm.": "norm.",
            "output_layer_norm.": "encode_norm.",
        },
    ),
    ("detr_encoder.", "transformer.encoder.", {".cross_attn.": ".cross_attn_image.", **_MLP, **_NORMS}),
    (
        "detr_decoder.",
        "transformer.decoder.",
        {
            ".text_cross_attn.": ".ca_text.",
            ".vision_cross_attn.": ".cross_attn.",
            ".vision_cross_attn_layer_norm.": ".norm1.",
            ".text_cross_attn_layer_norm.": ".catext_norm.",
            ".self_attn_layer_norm.": ".norm2.",
            ".mlp_layer_norm.": ".norm3.",
            **_MLP,
            "presence_head.": "presence_token_head.",
            "presence_layer_norm.": "presence_token_out_norm.",
            "output_layer_norm.": "norm.",
            "box_head.": "bbox_embed.",
            "box_rpb_embed_": "boxRPB_embed_",
        },
    ),
    ("mask_decoder.mask_embedder.", "segmentation_head.mask_predictor.mask_embed.", {}),
    (
        "mask_decoder.",
        "segmentation_head.",
        {
            "instance_projection.": "instance_seg_head.",
            "semantic_projection.": "semantic_seg_head.",
            "prompt_cross_attn_norm.": "cross_attn_norm.",
            "prompt_cross_attn.": "cross_attend_prompt.",
        },
    ),
    (
        "dot_product_scoring.",
        "dot_prod_scoring.",
        {
            "text_mlp_out_norm.": "prompt_mlp.out_norm.",
            "text_mlp.": "prompt_mlp.",
            "text_proj.": "prompt_proj.",
            "query_proj.": "hs_proj.",
        },
    ),
)
"""Prefix of names in transformers' Sam3Model, prefix in Meta's, and replacements in the rest of the name, in order."""
_THIRD: Final = re.compile(r"([qkv])_proj\.(weight|bias)$")
_LAYER: Final = re.compile(r"\.layer(\d)\.")  # of an MLP, from 1; Meta's list counts from 0


def meta_name(name: str) -> tuple[str, int | None]:
    """Meta's name for a tensor of transformers' Sam3Model, and which third of it (queries, keys, values); None: all."""
    ours, theirs, parts = next(area for area in _NAME_PAIRS if name.startswith(area[0]))
    rest = f".{name.removeprefix(ours)}"  # a dot, so that no part is found within a word
    for part, other in parts.items():
        pattern = part if part.startswith(".") or part[0].isdigit() else f".{part}"
        rest = rest.replace(pattern, other if pattern == part else f".{other}", 1)
    rest = _LAYER.sub(lambda match: f".layers.{int(match[1]) - 1}.", rest)
    third = _THIRD.search(rest)
    if third is None:
        return theirs + rest.replace(".o_proj.", ".out_proj.")[1:], None
    joined = f"qkv.{third[2]}" if ours.startswith("vision") else f"in_proj_{third[2]}"
    return theirs + _THIRD.sub(joined, rest)[1:], "qkv".index(third[1])


class MetaCheckpoint(Sam3Folder):
    """One of Meta's checkpoints. The tokenizer is in the same folder. Without a config.json of transformers' sam3
    there, the detector has the published configuration."""

    @property
    def kind(self) -> str:
        return "sam3"

    def __init__(self, file: Path, name: str) -> None:
        self.file, self.path, self.name = file, file.parent, name
        self.config: dict[str, Any] = {}
        if (self.path / "config.json").is_file():
            config = read_config(name, self.path, "config.json")
            self.config = config if config.get("model_type") == self.kind else {}
        self.notes = (NOTE,) if file.suffix == ".safetensors" else (NOTE, pickle_note(file.name))

    def weights(self) -> dict[str, TensorInfo]:
        """The detector's tensors under the names of its parts in transformers."""
        stored = read_header(self.file) if self.file.suffix == ".safetensors" else read_pickled_tensors(self.file)
        ours = [(theirs, beginning) for beginning, theirs, _ in _NAME_PAIRS]
        return {
            beginning + name.removeprefix(theirs): tensor
            for name, tensor in _strip_prefixes(stored).items()
            for theirs, beginning in ours
            if name.startswith(theirs)
        }

    def files(self) -> tuple[Path, ...]:
        return (self.file,)

    def detector(self, resolution: int, dtype: "torch.dtype", **options: Any) -> Any:
        """The Sam3Model for pictures of this size, on the CPU. ModelError if tensors are missing or do not fit."""
        import torch
        from transformers import AutoModel, Sam3Config

        from engine.models.pretrained import require_present

        config: Any = Sam3Config(**{key: value for key, value in self.config.items() if key != "model_type"})
        config.image_size = resolution
        model = AutoModel.from_config(config, dtype=dtype, **options)  # type: ignore[no-untyped-call]
        stored = self._read()
        absent, parameters = [], dict(model.named_parameters())
        with torch.no_grad():
            for name, parameter in parameters.items():
                theirs, third = meta_name(name)
                tensor = stored.get(theirs)
                if tensor is None and ".fpn_layers.3." in name:
                    continue  # never read, and not in SAM 3.1
                if tensor is not None:
                    tensor = _match_layout(theirs, tensor if third is None else tensor.chunk(3)[third], parameter)
                if tensor is None or tensor.shape != parameter.shape:
                    absent.append(theirs)
                else:
                    parameter.copy_(tensor)
        require_present(self.name, absent)
        return model

    def _read(self) -> "dict[str, torch.Tensor]":
        if self.file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return _strip_prefixes(load_file(self.file))
        import torch

        stored = torch.load(self.file, map_location="cpu", weights_only=True, mmap=True)
        return _strip_prefixes(stored.get("model", stored))


def open_model(path: Path, name: str = "") -> Sam3Folder:
    """Open a folder, or Meta's checkpoint: a file, or the only weights of a folder. ModelError as from Sam3Folder."""
    name = name or str(path)
    if path.is_file() and is_meta_checkpoint(path):
        return MetaCheckpoint(path, name)
    if path.is_dir() and ((weights := find_weights(path)) is None or weights.is_pickle):
        for file in sorted(path.iterdir()):
            if is_meta_checkpoint(file):
                return MetaCheckpoint(file, name)
    return Sam3Folder(path, name)


def _strip_prefixes(tensors: "Mapping[str, Any]") -> dict[str, Any]:
    """Remove the prefix before the detector's names; the tracker's names do not change."""
    return {BEFORE_META.sub("", name, count=1): tensor for name, tensor in tensors.items()}


def _match_layout(name: str, tensor: "torch.Tensor", like: "torch.Tensor") -> "torch.Tensor":
    if name.endswith(".pos_embed") and tensor.shape[1] == like.shape[1] + 1:
        return tensor[:, 1:]
    return tensor.T if name.endswith(".text_projection") else tensor
