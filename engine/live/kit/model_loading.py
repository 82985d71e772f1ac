"""Loads a child's model on the device from its settings. If that fails, the child ends with a one-line reason."""

from collections.abc import Callable
from typing import Literal, Protocol, TypeVar

from engine.children.port import ChildPort
from engine.errors import DeviceFullError, DeviceLostError, ModelError
from engine.ipc import Phase
from engine.system import priority


class _Loaded(Protocol):
    notes: tuple[str, ...]


M = TypeVar("M", bound=_Loaded)


def load_on_device(
    port: ChildPort, name: str, load: Callable[[str, str], M], *, half: str, gives_way: bool = True
) -> M:
    """Call `load(device, dtype)` with the device and dtype from `port.settings`; `half`: the dtype for `auto` on a GPU.

    `name`: name of the model, for messages. Its notes are sent to the engine. `gives_way`: on a CPU, run the child at
    the lowest priority; wrong for sound. On Windows every child loads at that priority.
    """
    port.enter(Phase.LOADING)
    own_class = priority.enter_idle_class()  # torch is imported next
    from engine.models import device_work
    from engine.models.card_memory import full_told

    device_work.use_threads(port.settings["threads"])
    suspect: Literal["driver", "model"] = "driver"
    try:
        device = device_work.chosen_device(port.settings["device"])
        is_behind = device == "cpu" and gives_way  # otherwise it takes CPU time from the renderer
        if is_behind:
            priority.run_when_idle()
        port.trying("model", name)  # not before: a driver that ends this process is not the model's fault
        suspect = "model"
        dtype = device_work.chosen_dtype(port.settings["dtype"], device, half=half)
        with full_told(name, device, dtype):
            model = load(device, dtype)
    except DeviceFullError as error:  # the kind for which a swap stops the running model and tries again
        port.fail("memory", str(error), is_final=True)
    except DeviceLostError as error:  # it may come back: drivers reset themselves
        port.fail("driver", str(error), is_final=False)
    except ModelError as error:
        port.fail(suspect, str(error), is_final=True)
    if not is_behind:
        priority.leave_idle_class(own_class)
    for number, note in enumerate(model.notes):
        port.note(f"model.{number}", f"{name}: {note}")
    return model
