"""Reads the state of a job's graphics card from NVML: memory, load, temperature, and reasons for
throttling.

NVML numbers cards differently from CUDA, so a card is identified by its UUID, which CUDA reports.
Untested on a device.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from engine.jobs.video.report import DeviceState
from engine.system.installing import install_line

THROTTLE_REASONS = {
    0x002: "clocks set by the user",
    0x004: "power limit",
    0x008: "slowed by the hardware",
    0x010: "synchronised with other cards",
    0x020: "heat (driver)",
    0x040: "heat (hardware)",
    0x080: "power brake",
    0x100: "display clocks",
}
"""nvmlClocksEventReason...: NVML's bits."""
IDLE = 0x001  # idle is not throttled


def describe_throttling(bits: int) -> str:
    """Reasons why a card is throttled, or ""."""
    known = [reason for bit, reason in THROTTLE_REASONS.items() if bits & bit]
    others = bits & ~(IDLE | sum(THROTTLE_REASONS))
    return ", ".join([*known, f"reason {others:#x}"] if others else known)


class DeviceWatch:
    """Reads a card's state. Not thread-safe. Without a card `state()` is None and `reason` says
    why."""

    def __init__(self, device: str) -> None:
        """`device`: torch's name of it."""
        self.reason = ""
        self._card: Any = None
        if not device.startswith("cuda"):
            self.reason = f"NVML does not support {device}"
            return
        try:
            import pynvml
        except ImportError:
            self.reason = f"nvidia-ml-py is not installed; {install_line('[nvml]')}"
            return
        self._nvml = pynvml
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            self.reason = f"NVML: {error}"
            return
        try:
            self._card = self._find_card(device)
            self._name = pynvml.nvmlDeviceGetName(self._card)
        except (pynvml.NVMLError, LookupError) as error:
            self._end(f"NVML: {error.args[0] if isinstance(error, LookupError) else error}")

    def state(self) -> DeviceState | None:
        """Read the state; takes milliseconds. Values that a card does not report are None (MIG
        instances: load)."""
        if self._card is None:
            return None
        nvml = self._nvml
        card = self._card
        used_bytes = self._value_or_none(lambda: nvml.nvmlDeviceGetMemoryInfo(card).used)
        percent = self._value_or_none(lambda: nvml.nvmlDeviceGetUtilizationRates(card).gpu)
        temperature_c = self._value_or_none(
            lambda: nvml.nvmlDeviceGetTemperature(card, nvml.NVML_TEMPERATURE_GPU)
        )
        bits = self._value_or_none(lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(card))
        return DeviceState(
            name=self._name,
            memory_mb=None if used_bytes is None else used_bytes / 2**20,
            load=None if percent is None else percent / 100,
            temperature_c=temperature_c,
            throttle=None if bits is None else describe_throttling(bits),
        )

    def close(self) -> None:
        """Stop reading the card; a second call does nothing."""
        if self._card is not None:
            self._end("closed")

    def _end(self, reason: str) -> None:
        self._card = None
        self.reason = reason
        self._value_or_none(self._nvml.nvmlShutdown)  # the driver may have ended

    def _value_or_none(self, ask: Callable[[], Any]) -> Any:
        with suppress(self._nvml.NVMLError):
            return ask()
        return None

    def _find_card(self, device: str) -> Any:
        """Find the card; LookupError if this process does not use it."""
        from engine.models.card_memory import card_uuid

        if uuid := card_uuid(device):
            return self._nvml.nvmlDeviceGetHandleByUUID(uuid)
        raise LookupError(f"{device} is not in use")
