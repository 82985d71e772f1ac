"""Loads the model of the diffusion child."""

from typing import TYPE_CHECKING, Any

from engine.children.port import ChildPort
from engine.live.kit.model_loading import load_on_device
from engine.models.sd import ModelSpec

if TYPE_CHECKING:
    from engine.models.sd.model import DiffusionModel


def spec_from(plain: dict[str, Any]) -> ModelSpec:
    """Rebuild a ModelSpec from the lists and strings received through the pipe."""
    loras = tuple((str(name), float(weight)) for name, weight in plain.get("loras", ()))
    lists = {name: tuple(plain.get(name, ())) for name in ("controlnets", "embeddings")}
    return ModelSpec(**plain | {"loras": loras} | lists)


def load_model(port: ChildPort) -> "DiffusionModel":
    """Load the model named in `port.settings` on the device given there. Ends the child if that fails."""
    spec = spec_from(port.settings["spec"])

    def loaded(device: str, dtype: str) -> "DiffusionModel":
        from engine.models.sd.load import load  # takes seconds, so inside the phase LOADING

        return load(spec, device, dtype)

    return load_on_device(port, spec.model, loaded, half="float16")
