"""Reads Meta's own checkpoints of SAM3 and SAM 3.1 (sam3.pt, sam3.1_multiplex.pt, or .safetensors).

The detector of both is that of transformers, under other names (`meta_names.py`; `detector.` before
each). Queries, keys and values are stored as one tensor, CLIP's projection is transposed, and the
ViT's positions begin with that of a class token. SAM 3.1 lacks the level of the pyramid that is
never read. It has two more necks for its tracker, Object Multiplex (sam3/model/necks.py,
Sam3TriViTDetNeck), which is read as well (`multiplex_model.py`); SAM 3's is not. Checkpoints of its
training lack `detector.`, or have `module.` before each name (facebookresearch/sam3 issue 606).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.models.pickle_file import pickle_note
from engine.models.plain_config import read_config
from engine.models.quantized import exact_header, read_exact
from engine.models.sam3.meta_names import HAS_MULTIPLEX, NAME_PAIRS, meta_name
from engine.models.sam3.model_folder import (
    BEFORE_META,
    LAYOUT,
    STARTS,
    Sam3Folder,
    is_meta_checkpoint,
)
from engine.models.tensor_file import TensorInfos
from engine.models.tensor_rule import require_known, require_present
from engine.models.weight_files import find_weights, open_checkpoint

if TYPE_CHECKING:
    import torch

NOTE: Final = (
    "Meta's own checkpoint, without the tracker of SAM 3.1, Object Multiplex: its "
    "detector alone is read"
)
_OF_TRACKER: Final = ("tracker_", "interactive_")
_UNREAD: Final = re.compile(
    r"^(tracker|inst_interactive_predictor|backbone\.vision_backbone\.(sam2|interactive|propagation)_convs)\."
    r"|^geometry_encoder\.points_|\.(freqs_cis|attn_mask)$|(^|\.)logit_scale$"
)
"""Tensors of Meta's program that are not needed: its tracker (see NOTE), prompts by points, and
tables."""
OTHER_PROGRAM: Final = "another program made it, or changed it"


class MetaCheckpoint(Sam3Folder):
    """One of Meta's checkpoints. The tokenizer is in the same folder. Without a config.json of
    transformers' sam3 or sam3_video there, the model has the published configuration."""

    @property
    def kind(self) -> str:
        return "sam3_video" if self._has_tracker else "sam3"

    def __init__(self, file: Path, name: str) -> None:
        self.file = open_checkpoint(file, LAYOUT)
        self.path = file.parent
        self.name = name
        self.quantized = {}
        self._has_tracker = any(
            each.startswith(HAS_MULTIPLEX) for each in _strip_prefixes(self.file.tensors)
        )
        config = (
            read_config(name, self.path, "config.json")
            if (self.path / "config.json").is_file()
            else {}
        )
        is_known = config.pop("model_type", "") in ("sam3", "sam3_video")
        of_detector = config.get("detector_config", config) if is_known else {}
        of_both = config if "detector_config" in config else {"detector_config": of_detector}
        self.config = of_both if self._has_tracker and is_known else of_detector
        self.notes = () if self._has_tracker else (NOTE,)
        if self.file.is_pickle:
            self.notes += (pickle_note(file.name),)

    def weights(self) -> TensorInfos:
        """The tensors under the names of their parts in transformers."""
        pairs = [
            pair for pair in NAME_PAIRS if self._has_tracker or not pair[0].startswith(_OF_TRACKER)
        ]
        listed: TensorInfos = {}
        tensors, quantized = exact_header(self.file, STARTS)
        self.quantized = {name: tensors[name].dtype for name in quantized.scales}
        for name, tensor in _strip_prefixes(tensors).items():
            for ours, theirs, _ in (pair for pair in pairs if name.startswith(pair[1])):
                listed[ours + name.removeprefix(theirs)] = tensor
                break
        return listed

    def files(self) -> tuple[Path, ...]:
        return (self.file.path,)

    def network(self, resolution: int, dtype: "torch.dtype", **options: Any) -> Any:
        """The Sam3VideoModel, or the Sam3Model without a tracker, for pictures of this size, on the
        CPU. ModelError if tensors are missing or do not fit."""
        import torch
        from transformers import AutoModel, Sam3Config, Sam3VideoConfig

        from engine.models.sam3.multiplex_model import add_multiplex, configure

        config: Any = (Sam3VideoConfig if self._has_tracker else Sam3Config)(**self.config)
        config.image_size = resolution
        kind: Any = AutoModel  # its `from_config` has no types
        if self._has_tracker:
            configure(config)
            config.low_res_mask_size = 4 * resolution // 14
        model = kind.from_config(config, dtype=dtype, **options)
        if self._has_tracker:
            add_multiplex(model)
        stored = _strip_prefixes(read_exact(self.file, STARTS, dtype))
        absent = []
        used = set()
        with torch.no_grad():
            for name, parameter in model.state_dict(keep_vars=True).items():
                theirs, third = meta_name(name.removeprefix("detector_model."))
                tensor = stored.get(theirs)
                used.add(theirs)
                if tensor is None and ".fpn_layers.3." in name:
                    continue  # never read, and not in SAM 3.1
                if tensor is not None:
                    tensor = _match_layout(
                        theirs, tensor if third is None else tensor.chunk(3)[third], parameter
                    )
                if tensor is None or tensor.shape != parameter.shape:
                    absent.append(theirs)
                else:
                    parameter.copy_(tensor)
        require_present(self.name, absent)
        require_known(
            self.name, "a SAM3", stored.keys() - used, may_ignore=_UNREAD.search, why=OTHER_PROGRAM
        )
        return model


def open_model(path: Path, name: str = "") -> Sam3Folder:
    """Open a folder, or Meta's checkpoint: a file, or the only weights of a folder. ModelError as
    from Sam3Folder."""
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
