"""Loads a child's model on the device from its settings. If that fails, the child ends with a
one-line reason."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from engine.children.port import ChildPort
from engine.errors import DeviceFullError, DeviceLostError, ModelError, in_one_line
from engine.ipc import Phase
from engine.models.data_type import resolve_dtype
from engine.system import priority

if TYPE_CHECKING:
    from engine.models.model_on_device import ModelOnDevice

T = TypeVar("T")
M = TypeVar("M", bound="ModelOnDevice")


def loader(function: str, spec: Any) -> Callable[[str, str], Any]:
    """The `load` of `load_on_device` that calls `function` with `spec` first. Its import takes
    seconds of LOADING."""
    return lambda device, dtype: resolve_name(function)(spec, device, dtype)


def load_on_device(
    port: ChildPort, name: str, load: Callable[[str, str], M], *, half: str, gives_way: bool = True
) -> M:
    """Call `load(device, dtype)` with the device and dtype from `port.settings`; `half`: the dtype
    for `auto` on a GPU. `name`: name of the model, for messages. Its notes are sent to the engine.
    `gives_way`: on a CPU, run the child at the lowest priority; wrong for sound, which is also
    float32 there. On Windows every child loads at that priority."""
    port.enter(Phase.LOADING)
    own_class = priority.enter_idle_class()  # torch is imported next
    from engine.models import device_work
    from engine.models.card_memory import translate_load_oom

    device_work.use_threads(port.settings["threads"])
    suspect: Literal["driver", "model"] = "driver"
    try:
        device = device_work.resolve_device(port.settings["device"])
        is_behind = device == "cpu" and gives_way  # otherwise it takes CPU time from the renderer
        if is_behind:
            priority.run_when_idle()
        # not before: a driver that ends this process is not the model's fault
        port.start_trial("model", name)
        suspect = "model"
        dtype = resolve_dtype(port.settings["dtype"], device, half=half, is_exact=not gives_way)
        with translate_load_oom(name, device, dtype):
            model = load(device, dtype)
    except (
        DeviceFullError
    ) as error:  # the kind for which a swap stops the running model and tries again
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


def with_less_memory(
    work: Callable[[], T], free: Callable[[], object], reduce: Callable[[], object]
) -> T:
    """The result of `work()`. If the device runs out of memory, it is repeated after `free()`, and
    then each time also after `reduce()`, which raises if no less will do."""
    from engine.models.device_work import is_out_of_memory

    is_second = False
    while True:
        try:
            return work()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        free()  # outside the handler, because the traceback holds references to tensors
        if is_second:
            reduce()
        is_second = True


@contextmanager
def fail_on_lost_device(port: ChildPort) -> Iterator[None]:
    """End the process with a fault of its driver if a call of CUDA fails. Other errors pass. The
    next process may have more luck: drivers reset themselves."""
    try:
        yield
    except RuntimeError as error:
        from engine.models.device_work import is_device_lost

        if not is_device_lost(error):
            raise
        traceback.print_exc()  # to the log
        port.fail("driver", f"the device has failed: {in_one_line(error)}", is_final=False)
