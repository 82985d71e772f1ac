"""A model on the device that a child's settings name, or the end of the child in one line."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from engine.children.port import ChildPort
from engine.errors import ModelError
from engine.ipc import Phase
from engine.system import priority


class _Loaded(Protocol):
    notes: tuple[str, ...]


M = TypeVar("M", bound=_Loaded)


def load_on_device(
    port: ChildPort, name: str, load: Callable[[str, str], M], *, half: str, gives_way: bool = True
) -> M:
    """`load(device, dtype)` with what `port.settings` say of both; `half`: the dtype that `auto` is on a GPU.

    `name` is the model as it was asked for. Its notes go to the engine. `gives_way`: on a CPU the child works only
    while nobody else wants the core; not for one that is heard when it is late. Windows: each loads like that.
    """
    port.enter(Phase.LOADING)
    port.trying("model", name)
    own_class = priority.enter_idle_class()  # torch is imported next
    from engine.models import device_work

    device_work.use_threads(port.settings["threads"])
    try:
        device = device_work.chosen_device(port.settings["device"])
        device_work.forbid_spilling(device)
        is_behind = device == "cpu" and gives_way  # it would take the very cores that draw
        if is_behind:
            priority.run_when_idle()
        model = load(device, device_work.chosen_dtype(port.settings["dtype"], device, half=half))
    except ModelError as error:
        port.fail("model", str(error), is_final=True)
    except RuntimeError as error:
        if not device_work.is_out_of_memory(error):
            raise
        port.fail("memory", f"{name}: there is no room for its weights on {device}", is_final=True)
    if not is_behind:
        priority.leave_idle_class(own_class)
    for number, note in enumerate(model.notes):
        port.note(f"model.{number}", f"{name}: {note}")
    return model
