"""Loads the model of the voice child."""

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.children.port import ChildPort
from engine.live.kit.model_loading import load_on_device
from engine.models.rvc import VoiceSpec
from engine.models.rvc.optimization import OptimizationConfig

if TYPE_CHECKING:
    from engine.models.rvc.model import VoiceModel


def load_model(port: ChildPort) -> "VoiceModel":
    """Load the voice named in `port.settings` on the device given there. Ends the child if that fails.

    Settings of `auto` are decided by the environment (RVC_USE_FP16, RVC_GPU_RETRIEVAL), then by the device.
    """
    spec, settings = VoiceSpec(**port.settings["spec"]), port.settings

    def loaded(device: str, _: str) -> "VoiceModel":
        from engine.models.rvc.load import load  # takes seconds, so inside the phase LOADING

        chosen = OptimizationConfig.resolve(
            device,
            settings["environment"],
            gpu_retrieval={"auto": None, "on": True, "off": False}[settings["gpu_retrieval"]],
            fp16={"auto": None, "float16": True, "float32": False}[settings["dtype"]],
        )
        there = replace(spec, is_retrieved_on_device=chosen.gpu_retrieval)
        return load(there, device, "float16" if chosen.fp16 else "float32")

    return load_on_device(port, spec.model, loaded, half="float16", gives_way=False)
