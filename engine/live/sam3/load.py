"""Loads the model of the segmentation child."""

from typing import TYPE_CHECKING

from engine.children.port import ChildPort
from engine.live.kit.model_loading import load_on_device
from engine.models.sam3 import SegmentationSpec

if TYPE_CHECKING:
    from engine.models.sam3.model import SegmentationModel


def load_model(port: ChildPort) -> "SegmentationModel":
    """Load the model named in `port.settings` on the device given there. Ends the child if that fails."""
    spec = SegmentationSpec(**port.settings["spec"])

    def loaded(device: str, dtype: str) -> "SegmentationModel":
        from engine.models.sam3.load import load  # takes seconds, so inside the phase LOADING

        return load(spec, device, dtype)

    return load_on_device(port, spec.model, loaded, half="bfloat16")  # float16 overflows in SAM3's attention
