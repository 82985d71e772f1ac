"""What an IP-Adapter's file holds and which image encoder goes with it, told from headers. Does not load torch."""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError
from engine.models import locate
from engine.models.diffusion.extras import image_encoder
from engine.models.diffusion.network_outline import NetworkOutline
from engine.models.safetensors_header import Tensor, read_header
from engine.models.weight_files import Weights, weights_in


@dataclass(frozen=True, slots=True, kw_only=True)
class IpAdapterFiles:
    name: str
    """As it was asked for."""
    file: Path
    tensors: dict[str, Tensor]
    encoder: Path
    """The folder of the CLIP vision model."""
    encoder_weights: Weights


def examine_ip_adapter(name: str, encoder: str, outline: NetworkOutline | None) -> IpAdapterFiles:
    """ModelError in one line where `load` would refuse it. `encoder`: the image encoder named, "" for none.
    `outline`: of the model it is for, None where unknown."""
    file = locate.find(name)
    if file.suffix != ".safetensors":
        raise ModelError(f"{name}: an IP-Adapter is one .safetensors file")
    tensors = read_header(file)
    folder = image_encoder(name, file, encoder)
    weights = weights_in(folder)
    if weights is None:
        raise ModelError(f"{folder} has no weights{locate.how_to_get(encoder)}")
    return IpAdapterFiles(name=name, file=file, tensors=tensors, encoder=folder, encoder_weights=weights)
