"""From the settings of the diffusion child to its model."""

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from engine.children.port import ChildPort
from engine.errors import ModelError
from engine.ipc import Phase
from engine.models.diffusion import ModelSpec

if TYPE_CHECKING:
    from engine.models.diffusion.model import Model

LEAST: Final = 19  # niceness ends there


def spec_from(plain: dict[str, Any]) -> ModelSpec:
    """A ModelSpec from the lists and strings that crossed the pipe."""
    loras = tuple((str(name), float(weight)) for name, weight in plain.get("loras", ()))
    return ModelSpec(**plain | {"loras": loras, "controlnets": tuple(plain.get("controlnets", ()))})


def _step_behind() -> None:
    """Work only while nobody else wants the core: on a CPU the child takes the very cores that draw."""
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # gives way at once; by niceness a slice later
    elif hasattr(os, "nice"):
        os.nice(LEAST)


def load_model(port: ChildPort) -> "Model":
    """The model that `port.settings` name, on their device; ends the child where it cannot be loaded."""
    port.enter(Phase.LOADING)
    spec = spec_from(port.settings["spec"])
    port.trying("model", spec.model)
    from engine.models import device_work
    from engine.models.diffusion.load import load

    device_work.use_threads(port.settings["threads"])
    try:
        device = device_work.chosen_device(port.settings["device"])
        device_work.forbid_spilling(device)
        if device == "cpu":
            _step_behind()
        model = load(spec, device, device_work.chosen_dtype(port.settings["dtype"], device))
    except ModelError as error:
        port.fail("model", str(error), is_final=True)
    except RuntimeError as error:
        if not device_work.is_out_of_memory(error):
            raise
        port.fail("memory", f"{spec.model}: there is no room for its weights on {device}", is_final=True)
    for number, note in enumerate(model.notes):
        port.note(f"model.{number}", f"{spec.model}: {note}")
    return model
