"""A one-line error when a device runs out of memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from engine.errors import DeviceFullError


@contextmanager
def one_line_when_full(size: str, advice: str) -> Iterator[None]:
    """Raise DeviceFullError `no memory for SIZE; choose ADVICE` if the device has run out of memory."""
    from engine.models.device_work import is_out_of_memory

    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceFullError(f"no memory for {size}; choose {advice}") from None
