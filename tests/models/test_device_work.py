"""Work with a device, as far as it can be tested on a CPU."""

import sys

import numpy as np
import pytest
import torch

from engine.errors import ModelError
from engine.models.device_work import (
    DeviceCopies,
    DeviceCopy,
    HostBuffers,
    HostCopy,
    StageClock,
    chosen_device,
    chosen_dtype,
    device_wait,
    forbid_spilling,
    free_memory,
    is_out_of_memory,
    memory_mb,
    own_stream,
)
from tests.models.recorded_cuda import RecordedCuda, RecordedStream

CPU = torch.device("cpu")


def test_auto_is_the_best_device_in_its_fastest_precision() -> None:
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert chosen_device("auto") == best
    assert chosen_device("cpu") == "cpu"
    assert (chosen_dtype("auto", "cpu"), chosen_dtype("auto", "cuda:1")) == ("float32", "float16")
    assert chosen_dtype("bfloat16", "cpu") == "bfloat16"


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_a_missing_device_is_named_with_the_available_ones() -> None:
    with pytest.raises(
        ModelError, match=r"device cuda:1: not available \(found: .*cpu\); `multiverse doctor` shows the reason"
    ):
        chosen_device("cuda:1")


def test_out_of_memory_is_distinguished_from_other_errors() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(RuntimeError) as too_much:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(too_much.value)
    assert is_out_of_memory(RuntimeError("CUDA error: out of memory"))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
    assert not is_out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert not is_out_of_memory(ValueError("DefaultCPUAllocator"))


def test_pictures_are_copied_to_the_device_and_back_unchanged() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8)
    there = DeviceCopy(CPU).send(picture)
    assert there.shape == (1, 8, 16, 3)
    pixels, is_shown = HostCopy(CPU, (8, 16, 3)).fetch(there[0], torch.tensor(True))
    assert np.array_equal(pixels, picture) and is_shown
    assert HostCopy(CPU, (8, 16, 3)).fetch(there[0], torch.tensor(False))[1] is False


def test_a_batch_is_copied_at_once() -> None:
    batch = np.random.default_rng(0).integers(0, 256, (3, 4, 6, 3), dtype=np.uint8)
    sent = DeviceCopy(torch.device("cpu")).send(batch)
    assert np.array_equal(sent.numpy(), batch)


def test_several_inputs_of_a_batch_are_copied_unchanged_and_may_be_read_only() -> None:
    copies, shown = DeviceCopies(CPU), {}
    for what in ("encoded", "edges"):
        shown[what] = np.full((2, 4, 6, 3), len(what), np.uint8)
        shown[what].flags.writeable = False
    sent = {what: copies.send(what, pictures) for what, pictures in shown.items()}
    assert all(np.array_equal(sent[what].numpy(), pictures) for what, pictures in shown.items())


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_events_are_recorded_on_the_models_device_whichever_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda, second = RecordedCuda(monkeypatch), torch.device("cuda:1")
    wait, clock, side = device_wait(second), StageClock(second), own_stream(second)
    wait()
    clock.begin()
    with torch.cuda.stream(side):
        wait()
        clock.end("encode")
    default = RecordedStream(1, 0)
    assert cuda.events == [default, default, side, side]


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_an_own_stream_is_not_shared_while_it_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    RecordedCuda(monkeypatch)
    first, second = torch.device("cuda:0"), torch.device("cuda:1")
    held = [own_stream(second) for _ in range(31)]
    let_go = [own_stream(second).number for _ in range(40)]
    assert len(set(held)) == 31
    assert len(set(let_go)) == 1 and let_go[0] not in {stream.number for stream in held}
    last, another, shared = own_stream(second), own_stream(first), own_stream(second)
    assert last not in held and another not in held
    assert shared in [*held, last]


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_a_copy_from_a_device_that_is_not_current_has_arrived() -> None:
    second = torch.device("cuda:1")
    home, clock = HostBuffers(second), StageClock(second)
    numbers = torch.rand(4096, 4096, device=second)
    expected = (numbers @ numbers).cpu().numpy()
    home.fetch(torch.zeros_like(numbers))
    clock.begin()
    for _ in range(50):
        product = numbers @ numbers
    clock.end("product")
    assert np.array_equal(home.fetch(product)[0], expected)
    assert clock.read_ms()["product"] > 0.0


def test_several_tensors_are_fetched_together() -> None:
    home = HostBuffers(torch.device("cpu"))
    for shape in ((2, 3), (4,)):
        numbers, bits = torch.rand(shape), torch.randint(0, 256, shape, dtype=torch.uint8)
        fetched = home.fetch(numbers, bits)
        assert [each.dtype for each in fetched] == [np.float32, np.uint8]
        assert np.array_equal(fetched[0], numbers.numpy()) and np.array_equal(fetched[1], bits.numpy())


def test_on_windows_a_full_device_fails_also_for_a_device_without_a_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares: list[tuple[float, int]] = []
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(torch.cuda.memory, "_lazy_init", lambda: None)
    monkeypatch.setattr(torch.cuda.memory, "current_device", lambda: 2, raising=False)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 2)
    monkeypatch.setattr(torch._C, "_cuda_setMemoryFraction", lambda *given: shares.append(given), raising=False)
    for device in ("cuda", "cuda:1", "cpu"):
        forbid_spilling(device)
    assert shares == [(0.9, 2), (0.9, 1)]


def test_a_wait_for_metal_releases_the_gil_for_the_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    copies: list[str] = []

    class OnMetal:
        def cpu(self) -> None:
            copies.append("a copy waits without the interpreter (dispatch_to in torch's python_variable_methods.cpp)")

    def keeps_the_interpreter() -> None:
        raise AssertionError("MPSModule_deviceSynchronize in torch/csrc/mps/Module.cpp")

    monkeypatch.setattr(torch.mps, "synchronize", keeps_the_interpreter)
    monkeypatch.setattr(torch, "zeros", lambda size, device: OnMetal())
    device_wait(torch.device("mps"))()
    clock = StageClock(torch.device("mps"))
    clock.begin()
    clock.end("encode")
    assert list(clock.read_ms()) == ["encode"] and len(copies) == 3, "a stage ends when its work is done"


def test_idle_time_belongs_to_no_stage() -> None:
    idle_s = 0.0
    clock = StageClock(CPU, lambda: idle_s)
    clock.begin()
    clock.end("encode")
    idle_s = 5.0  # spent at once: more than has passed, so the stage comes out below nothing
    clock.end("unet")
    clock.end("decode")
    clock.end("unet")
    times_ms = clock.read_ms()
    assert list(times_ms) == ["encode", "unet", "decode"]
    assert times_ms["encode"] >= 0.0 and times_ms["decode"] >= 0.0
    assert -5000.0 <= times_ms["unet"] < -4000.0


def test_a_cpu_needs_no_wait_and_reports_no_device_memory() -> None:
    device_wait(CPU)()
    free_memory(CPU)
    assert memory_mb(CPU) is None
