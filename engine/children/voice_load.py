"""From the settings of the voice child to its model."""

from typing import TYPE_CHECKING

from engine.children.model_loading import load_on_device
from engine.children.port import ChildPort
from engine.models.voice import VoiceSpec

if TYPE_CHECKING:
    from engine.models.voice.model import VoiceModel


def load_model(port: ChildPort) -> "VoiceModel":
    """The voice that `port.settings` name, on their device; ends the child where it cannot be loaded.

    What they leave open the environment decides (RVC_USE_FP16, RVC_GPU_RETRIEVAL), then the device.
    """
    spec = VoiceSpec(**port.settings["spec"])

    def loaded(device: str, dtype: str) -> "VoiceModel":
        from engine.models.voice.load import load  # in its phase, LOADING: it takes seconds

        return load(spec, device, dtype)

    return load_on_device(port, spec.model, loaded, half="float16", gives_way=False)
