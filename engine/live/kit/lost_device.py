"""A child whose device fails tells that it was the device, so that no model and no prompt is blamed for its end."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from engine.children.port import ChildPort
from engine.errors import in_one_line


@contextmanager
def lost_device_told(port: ChildPort) -> Iterator[None]:
    """End the process with a fault of its driver if a call of CUDA fails. Other errors pass. The next process may have
    more luck: drivers reset themselves."""
    try:
        yield
    except RuntimeError as error:
        from engine.models.device_work import is_device_lost

        if not is_device_lost(error):
            raise
        traceback.print_exc()  # to the log
        port.fail("driver", f"the device has failed: {in_one_line(error)}", is_final=False)
