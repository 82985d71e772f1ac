"""The tensor shapes of a model's networks, from headers and JSON, to check if a LoRA, ControlNet or IP-Adapter fits.

Does not load torch.
"""

from dataclasses import dataclass
from typing import Any

from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.original_names import ENCODERS, by_diffusers_names, text_weights
from engine.models.sd.plan.single_file import SingleFile
from engine.models.sd.plan.tensor_file import headers_of
from engine.models.weight_files import Tensor, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOutline:
    model: str
    """The name given by the user."""
    family: str
    """sd15, sd21 or sdxl."""
    unet: dict[str, Any]
    """config.json of the UNet."""
    unet_tensors: dict[str, Tensor]
    """The UNet's tensors by diffusers' names; empty if the file is damaged."""
    text_tensors: tuple[dict[str, Tensor], ...] = ()
    """Tensors of each text encoder by transformers' names; for a single file only weights, without `text_model.`"""

    @property
    def text_width(self) -> int:
        """Width of the texts that the UNet attends to: 768 for SD 1.5, 1024 for 2.x, 2048 for XL."""
        width = self.unet.get("cross_attention_dim", 1280)
        return int(width[0] if isinstance(width, list) else width)  # a list has equal items, one per level


def outline_of_folder(folder: DiffusersFolder, unet: SingleFile | None = None) -> NetworkOutline:
    """The outline of a folder; `unet` replaces its own."""
    texts = [part for part in folder.parts if part.startswith("text_encoder")]
    return NetworkOutline(
        model=folder.name,
        family=folder.family,
        unet=folder.unet,
        unet_tensors=_unet_of(unet, folder) if unet else _tensors_of(folder.weights("unet")),
        text_tensors=tuple(_tensors_of(folder.weights(part)) for part in texts),
    )


def outline_of_file(single: SingleFile, folder: DiffusersFolder, unet: SingleFile | None = None) -> NetworkOutline:
    """The outline of a single file whose configuration is in `folder`; `unet` replaces its own."""
    texts = []
    for number, starts in enumerate(ENCODERS):
        part = f"text_encoder_{number + 1}" if number else "text_encoder"
        if part in folder.parts:
            depth = folder.config(f"{part}/config.json").get("num_hidden_layers")
            texts.append(text_weights(single.tensors, starts, depth if isinstance(depth, int) else None))
    return NetworkOutline(
        model=folder.name,
        family=folder.family,
        unet=folder.unet,
        unet_tensors=_unet_of(unet or single, folder),
        text_tensors=tuple(texts),
    )


def _unet_of(file: SingleFile, folder: DiffusersFolder) -> dict[str, Tensor]:
    return by_diffusers_names(file.tensors, folder.unet.get("layers_per_block", 2))


def _tensors_of(weights: Weights | None) -> dict[str, Tensor]:
    return headers_of(weights) if weights else {}
