"""The tensor shapes of a model's networks, from headers and JSON, to check if a LoRA, ControlNet or
IP-Adapter fits.

Does not load torch.
"""

from dataclasses import dataclass
from typing import Any

from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.original_names import ENCODERS, by_diffusers_names, text_weights
from engine.models.sd.plan.single_file import SingleFile
from engine.models.tensor_file import TensorInfos


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOutline:
    """The configuration and tensor shapes of a model's UNet and text encoders."""

    model: str
    """The name given by the user."""
    family: str
    """sd15, sd21 or sdxl."""
    unet: dict[str, Any]
    """config.json of the UNet."""
    unet_tensors: TensorInfos
    """The UNet's tensors by diffusers' names; empty if the file is damaged."""
    text_tensors: tuple[TensorInfos, ...] = ()
    """Tensors of each text encoder by transformers' names; for a single file without
    `text_model.`"""

    @property
    def text_width(self) -> int:
        """Width of the texts that the UNet attends to: 768 for SD 1.5, 1024 for 2.x, 2048 for
        XL."""
        width = self.unet.get("cross_attention_dim", 1280)
        # a list has equal items, one per level
        return int(width[0] if isinstance(width, list) else width)


def outline_of(
    folder: DiffusersFolder, single: SingleFile | None = None, unet: SingleFile | None = None
) -> NetworkOutline:
    """The outline of a folder, or of a `single` file whose configuration is in `folder`; `unet`
    replaces its own."""

    def tensors_of(part: str) -> TensorInfos:
        if single is None:
            return folder.tensors(part)
        depth = folder.config(f"{part}/config.json").get("num_hidden_layers")
        return text_weights(
            single.tensors, ENCODERS[part], depth if isinstance(depth, int) else None
        )

    file = unet or single
    return NetworkOutline(
        model=folder.name,
        family=folder.family,
        unet=folder.unet,
        unet_tensors=by_diffusers_names(file.tensors, folder.unet.get("layers_per_block", 2))
        if file
        else tensors_of("unet"),
        text_tensors=tuple(
            tensors_of(part) for part in folder.parts if part.startswith("text_encoder")
        ),
    )
