"""A child that cannot load its model says why, and whose fault it is."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch

from engine.children.mailbox import Mailbox
from engine.children.messages import ChildMessage, ToChild, TrialStarted
from engine.children.port import ChildFault, ChildPort
from engine.errors import DeviceFullError, DeviceLostError, ModelError
from engine.ipc import ChildCounters, ControlPipe
from engine.ipc.control_pipe import open_pipe
from engine.live.kit.model_loading import load_on_device
from engine.live.rvc import loop as rvc
from engine.live.sam3 import loop as sam3
from engine.live.sd import loop as sd
from engine.models import card_memory
from engine.system import priority

TOO_OLD = RuntimeError("The NVIDIA driver on your system is too old (found version 11040).")
NOT_THERE = RuntimeError("CUDA driver initialization failed, you might not have a CUDA gpu.")
DRIVER, MODEL = [], [TrialStarted(key="model", value="tiny")]
"""Messages that are sent before a card fails, and before a model does."""


@pytest.fixture
def sent() -> list[ChildMessage]:
    return []


@pytest.fixture
def port(sent: list[ChildMessage], monkeypatch: pytest.MonkeyPatch) -> Iterator[ChildPort]:
    # Windows: a child that fails ends in it
    monkeypatch.setattr(priority, "enter_idle_class", lambda: None)
    ours, theirs = open_pipe()
    counters = ChildCounters.create("loading words")
    settings = {"threads": 1, "device": "cuda", "dtype": "auto"}
    with ours, theirs:
        mailbox = Mailbox(ControlPipe(theirs, ToChild), counters)
        yield ChildPort(
            settings=settings, send=sent.append, mailbox=mailbox, counters=counters, gate=None
        )
    counters.close()


def raising(error: Exception) -> Callable[..., Any]:
    def fails(*about: Any, **options: Any) -> Any:
        raise error

    return fails


@pytest.mark.parametrize(
    ("error", "tried", "kind", "is_final", "line"),
    [
        (TOO_OLD, DRIVER, "driver", True, "device cuda: "),
        (NOT_THERE, DRIVER, "driver", False, "device cuda: "),
        (torch.OutOfMemoryError("CUDA out of memory."), DRIVER, "memory", True, "device cuda: "),
        (
            torch.OutOfMemoryError("CUDA out of memory."),
            MODEL,
            "memory",
            True,
            r"cuda; 0\.5 GiB of 8\.0 GiB",
        ),
        (DeviceFullError("tiny: its weights take 9.0 GiB"), MODEL, "memory", True, "9.0 GiB"),
        (DeviceLostError("device cuda: has failed"), MODEL, "driver", False, "has failed"),
        (ModelError("tiny: has no weights"), MODEL, "model", True, "no weights"),
    ],
)
def test_a_model_is_a_suspect_only_after_its_card_and_at_fault_only_if_its_card_is_not(
    error: Exception,
    tried: list[ChildMessage],
    kind: str,
    is_final: bool,
    line: str,
    port: ChildPort,
    sent: list[ChildMessage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        torch, "zeros", raising(error) if tried == DRIVER else lambda size, device: torch.ones(size)
    )
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1 << 29, 1 << 33))
    monkeypatch.setattr(card_memory, "DESKTOP_FRACTION", 0.0)
    with pytest.raises(ChildFault, match=line) as raised:
        load_on_device(port, "tiny", raising(error), half="float16")
    assert (raised.value.fault.kind, raised.value.fault.is_final, sent) == (kind, is_final, tried)


@pytest.mark.parametrize("loop", [rvc, sam3, sd], ids=["rvc", "sam3", "sd"])
def test_a_card_that_fails_is_its_drivers_fault_and_other_errors_are_not(
    loop: ModuleType,
    port: ChildPort,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lost = torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors")
    monkeypatch.setattr(loop, "load_model", raising(lost))
    with pytest.raises(
        ChildFault, match="the device has failed: AcceleratorError: CUDA error: unspecified"
    ) as raised:
        loop.run(port)
    assert (raised.value.fault.kind, raised.value.fault.is_final) == ("driver", False)
    assert "in fails" in capsys.readouterr().err, "the log has the traceback"
    monkeypatch.setattr(loop, "load_model", raising(RuntimeError("shapes cannot be multiplied")))
    with pytest.raises(RuntimeError, match="shapes"):
        loop.run(port)
