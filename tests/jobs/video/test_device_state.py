"""State of the card from NVML. There is no card here: calls are checked against the real library's
interface."""

import inspect
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from engine.jobs.video.device_state import IDLE, THROTTLE_REASONS, DeviceWatch, describe_throttling

UUIDS = ["GPU-aaaa-1111", "GPU-bbbb-2222"]


def test_every_reason_of_nvml_has_its_text() -> None:
    assert set(THROTTLE_REASONS) | {IDLE} == {
        1 << bit for bit in range(64) if pynvml.nvmlClocksEventReasonAll >> bit & 1
    }
    assert pynvml.nvmlClocksEventReasonGpuIdle == IDLE
    assert describe_throttling(pynvml.nvmlClocksEventReasonSwPowerCap) == "power limit"
    assert describe_throttling(pynvml.nvmlClocksEventReasonHwThermalSlowdown) == "heat (hardware)"
    assert describe_throttling(0) == describe_throttling(IDLE) == "", (
        "a card that runs free or has nothing to do is not slowed"
    )
    assert describe_throttling(0x4 | 0x40 | IDLE) == "power limit, heat (hardware)"
    assert describe_throttling(0x4 | 0x1000) == "power limit, reason 0x1000"


def test_a_processor_and_a_missing_library_have_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = DeviceWatch("cpu")
    assert (watch.state(), watch.reason) == (None, "NVML does not support cpu")
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert '[nvml]"' in DeviceWatch("cuda").reason


# -- a simulated card ----------------------------------------------------------------------------


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A driver's answers by the name of the call, for the second of two cards; other calls are
    refused."""
    answers: dict[str, Any] = {
        "nvmlInit": None,
        "nvmlShutdown": None,
        "nvmlDeviceGetHandleByUUID": UUIDS.index,
        "nvmlDeviceGetName": lambda card: f"card {card}",
        "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=3 * 2**30),
        "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=87),
        "nvmlDeviceGetTemperature": 71,
        "nvmlDeviceGetCurrentClocksThrottleReasons": 0x4,
    }

    def stand_in(name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            inspect.signature(getattr(pynvml, name)).bind(*arguments)
            if name not in answers:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            answer = answers[name]
            return answer(*arguments) if callable(answer) else answer

        return call

    for name in dir(pynvml):
        if name.startswith("nvml") and inspect.isfunction(getattr(pynvml, name)):
            monkeypatch.setattr(pynvml, name, stand_in(name))
    monkeypatch.setattr("engine.models.card_memory.card_uuid", lambda device: UUIDS[1])
    return answers


def test_the_state_of_the_used_card_is_reported(card: dict[str, Any]) -> None:
    watch = DeviceWatch("cuda")
    state = watch.state()
    assert state is not None and watch.reason == ""
    assert (state.name, state.memory_mb, state.load, state.temperature_c) == (
        "card 1",
        3072.0,
        0.87,
        71,
    )
    assert state.throttle == "power limit"
    memory = {name for name, _ in pynvml.c_nvmlMemory_t._fields_}
    assert "used" in memory and "gpu" in {name for name, _ in pynvml.c_nvmlUtilization_t._fields_}
    watch.close()
    watch.close()
    assert watch.state() is None
