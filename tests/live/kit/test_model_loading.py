"""A child that cannot load its model says why, and whose fault it is."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch

from engine.children.mailbox import Mailbox
from engine.children.messages import ChildMessage, ToChild, Trying
from engine.children.port import ChildFault, ChildPort
from engine.errors import DeviceFullError, DeviceLostError, ModelError
from engine.ipc import ChildWords, ControlPipe
from engine.ipc.control_pipe import open_pipe
from engine.live.kit.model_loading import load_on_device
from engine.live.rvc import loop as rvc
from engine.live.sam3 import loop as sam3
from engine.live.sd import loop as sd


@pytest.fixture
def sent() -> list[ChildMessage]:
    """What the child sent to the engine."""
    return []


@pytest.fixture
def port(sent: list[ChildMessage]) -> Iterator[ChildPort]:
    ours, theirs = open_pipe()
    words = ChildWords.create("loading words")
    settings = {"threads": 1, "device": "cuda", "dtype": "auto"}
    with ours, theirs:
        mailbox = Mailbox(ControlPipe(theirs, ToChild), words)
        yield ChildPort(settings=settings, send=sent.append, mailbox=mailbox, words=words, gate=None)
    words.close()


def raising(error: Exception) -> Callable[..., Any]:
    def fails(*about: Any, **options: Any) -> Any:
        raise error

    return fails


@pytest.mark.parametrize(
    ("error", "kind", "is_final"),
    [
        (RuntimeError("The NVIDIA driver on your system is too old (found version 11040)."), "driver", True),
        (RuntimeError("CUDA driver initialization failed, you might not have a CUDA gpu."), "driver", False),
        (torch.OutOfMemoryError("CUDA out of memory."), "memory", True),
    ],
    ids=["an old driver", "a driver that may come back", "a full card"],
)
def test_a_card_that_cannot_be_used_is_reported_before_the_model_is_a_suspect(
    error: Exception,
    kind: str,
    is_final: bool,
    port: ChildPort,
    sent: list[ChildMessage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "zeros", raising(error))
    with pytest.raises(ChildFault, match="device cuda: ") as told:
        load_on_device(port, "tiny", raising(AssertionError("not reached")), half="float16")
    assert (told.value.fault.kind, told.value.fault.is_final, sent) == (kind, is_final, [])


def test_a_card_too_small_for_the_model_is_named_with_the_model(
    port: ChildPort, sent: list[ChildMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "zeros", lambda size, device: torch.ones(size))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1 << 29, 1 << 33))
    with pytest.raises(
        ChildFault, match=r"tiny: not enough memory for its weights on cuda; 0\.5 GiB of 8\.0 GiB"
    ) as told:
        load_on_device(port, "tiny", raising(torch.OutOfMemoryError("CUDA out of memory.")), half="float16")
    assert (told.value.fault.kind, sent) == ("memory", [Trying(key="model", value="tiny")])


@pytest.mark.parametrize(
    ("error", "kind", "is_final"),
    [
        (DeviceFullError("tiny: its weights take 9.0 GiB"), "memory", True),
        (DeviceLostError("device cuda: has failed"), "driver", False),
        (ModelError("tiny: has no weights"), "model", True),
    ],
    ids=["a card that is full", "a card that has failed", "a broken model"],
)
def test_a_model_that_does_not_load_is_at_fault_only_if_its_card_is_not(
    error: Exception, kind: str, is_final: bool, port: ChildPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "zeros", lambda size, device: torch.ones(size))
    with pytest.raises(ChildFault, match=str(error)) as told:
        load_on_device(port, "tiny", raising(error), half="float16")
    assert (told.value.fault.kind, told.value.fault.is_final) == (kind, is_final)


@pytest.mark.parametrize("loop", [rvc, sam3, sd], ids=["rvc", "sam3", "sd"])
def test_a_card_that_fails_is_its_drivers_fault_and_other_errors_are_not(
    loop: ModuleType, port: ChildPort, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors")
    monkeypatch.setattr(loop, "load_model", raising(lost))
    with pytest.raises(ChildFault, match="the device has failed: AcceleratorError: CUDA error: unspecified") as told:
        loop.run(port)
    assert (told.value.fault.kind, told.value.fault.is_final) == ("driver", False)
    assert "in fails" in capsys.readouterr().err, "the log has the traceback"
    monkeypatch.setattr(loop, "load_model", raising(RuntimeError("shapes cannot be multiplied")))
    with pytest.raises(RuntimeError, match="shapes"):
        loop.run(port)
