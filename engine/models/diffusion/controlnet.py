"""ControlNets: what a picture of edges, depth or poses adds to the UNet (Zhang et al. 2023)."""

from typing import TYPE_CHECKING, Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.pretrained import notes_of, pretrained

if TYPE_CHECKING:
    from engine.models.diffusion.model import Model


def load_controlnet(name: str, model: "Model") -> Any:
    """A diffusers ControlNetModel on the CPU, made for a UNet like the model's; ModelError otherwise."""
    path = locate.find(name, files=locate.PART_FILES)
    if not (path / "config.json").is_file():
        raise ModelError(f"{name}: no ControlNet folder of diffusers (config.json is missing)")
    controlnet = pretrained("ControlNetModel", path, "", model.dtype, name)
    model.notes += notes_of(f"ControlNet {name}", path)
    theirs, ours = controlnet.config.cross_attention_dim, model.unet.config.cross_attention_dim
    if theirs != ours:
        raise ModelError(
            f"{name}: made for texts of {theirs} numbers a token, {model.spec.model} has {ours} (SD 1.5: 768, "
            "2.x: 1024, XL: 2048)"
        )
    return controlnet
