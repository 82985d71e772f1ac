"""ControlNets: what a picture of edges, depth or poses adds to the UNet (Zhang et al. 2023)."""

from typing import TYPE_CHECKING, Any

from engine.errors import ModelError
from engine.models.diffusion.controlnet_file import ControlNetFiles
from engine.models.pretrained import notes_of, pretrained

if TYPE_CHECKING:
    from engine.models.diffusion.model import Model


def load_controlnet(files: ControlNetFiles, model: "Model") -> Any:
    """A diffusers ControlNetModel on the CPU, made for a UNet like the model's; ModelError otherwise."""
    name, path = files.name, files.path
    controlnet = pretrained("ControlNetModel", path, "", model.dtype, name)
    model.notes += notes_of(f"ControlNet {name}", path)
    theirs, ours = controlnet.config.cross_attention_dim, model.unet.config.cross_attention_dim
    if theirs != ours:
        raise ModelError(
            f"{name}: made for texts of {theirs} numbers a token, {model.spec.model} has {ours} (SD 1.5: 768, "
            "2.x: 1024, XL: 2048)"
        )
    return controlnet
