"""Work with a device, as far as it can be tested on a CPU."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import DeviceFullError, DeviceLostError, ModelError
from engine.models import device_work
from engine.models.compat import safetensors
from engine.models.device_work import (
    DeviceCopies,
    DeviceCopy,
    HostBuffers,
    StageClock,
    device_wait,
    is_device_lost,
    is_out_of_memory,
    own_stream,
    resolve_device,
)
from engine.system.graphics_card import GraphicsCard
from tests.support.fake_cuda.device import FakeCuda

CPU = torch.device("cpu")
OLD_DRIVER = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
    "driver by downloading "
    "and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx"
)
NO_CARD = "No CUDA GPUs are available"


def test_auto_is_the_best_device() -> None:
    best = (
        "cuda"
        if torch.cuda.is_available()
        else "mps"
        if torch.backends.mps.is_available()
        else "cpu"
    )
    assert resolve_device("auto") == best
    assert resolve_device("cpu") == "cpu"


@pytest.mark.parametrize(
    ("device", "error", "kind", "line"),
    [
        (
            "cuda",
            RuntimeError(OLD_DRIVER),
            ModelError,
            "device cuda: the NVIDIA driver supports CUDA 11.4, but torch .* needs CUDA 13.0, "
            "driver 580 or newer: "
            "install the newest from nvidia.com/drivers, or choose the device cpu",
        ),
        (
            "cuda:3",
            torch.AcceleratorError(
                "CUDA error: invalid device ordinal\nGPU device may be out of range"
            ),
            ModelError,
            r"device cuda:3: not available \(found: cuda:0 RTX 9090, cpu\); `multiverse doctor` "
            r"shows the reason",
        ),
        (
            "cuda",
            torch.AcceleratorError(
                "CUDA error: no kernel image is available for execution on the device\nCompile with"
            ),
            ModelError,
            r"device cuda: torch .* has no kernels for this card \(cuda:0 RTX 9090\); `multiverse "
            r"doctor` names .*",
        ),
        (
            "cuda",
            torch.OutOfMemoryError("CUDA out of memory."),
            DeviceFullError,
            "device cuda: full before a model is loaded; end other programs on it, or choose the "
            "device cpu",
        ),
        (
            "cuda",
            RuntimeError(
                "Unexpected error from cudaGetDeviceCount(). Error 803: system has "
                "unsupported\ndisplay driver"
            ),
            DeviceLostError,
            r"device cuda: cannot be used \(.*803: system has unsupported display driver\); if it "
            r"stays so, restart .*",
        ),
    ],
    ids=[
        "an old driver",
        "a fourth card",
        "a wheel without kernels",
        "a full card",
        "a broken driver",
    ],
)
def test_a_card_that_cannot_be_used_is_an_error_in_one_line_for_auto_too(
    device: str, error: Exception, kind: type, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def zeros(size: int, device: str) -> None:
        warnings.warn(
            "Found GPU0 RTX 9090 which is of compute capability (CC) 5.0.\nThe following",
            stacklevel=1,
        )
        raise error

    monkeypatch.setattr(torch, "zeros", zeros)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    is_seen = isinstance(error, torch.AcceleratorError)
    for name, value in {
        "is_initialized": is_seen,
        "device_count": 1,
        "get_device_name": "RTX 9090",
    }.items():
        monkeypatch.setattr(torch.cuda, name, lambda *device, value=value: value)
    for requested in (device, "auto") if device == "cuda" else (device,):
        with pytest.raises(kind, match=f"^{line}$"):
            resolve_device(requested)


def test_auto_is_the_cpu_only_where_there_is_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    errors = [
        AssertionError("Torch not compiled with CUDA enabled"),
        RuntimeError(NO_CARD),
        NotImplementedError(
            "Could not run 'aten::empty.memory_format' with arguments from the 'CUDA' backend."
        ),
    ]

    def zeros(size: int, device: str) -> torch.Tensor:
        opened.append(device)
        raise errors[len(opened) - 1]

    monkeypatch.setattr(torch, "zeros", zeros)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert [resolve_device("auto") for _ in errors] == ["cpu"] * 3 and opened == ["cuda"] * 3
    monkeypatch.setattr(torch, "zeros", lambda size, device: torch.ones(size))
    assert (resolve_device("auto"), resolve_device("cuda:1")) == ("cuda", "cuda:1")
    for unknown in ("tpu", "mps"):
        with pytest.raises(ModelError, match=rf"device {unknown}: not available \(found: .*cpu\)"):
            resolve_device(unknown)


@pytest.mark.parametrize(
    ("is_inside", "fix"),
    [
        (True, "start the container with -e NVIDIA_DRIVER_CAPABILITIES=graphics,compute,utility"),
        (False, r"install NVIDIA's driver \(Debian: nvidia-driver and libcuda1\)"),
    ],
    ids=["in a container", "on a machine"],
)
def test_auto_is_not_the_cpu_beside_a_card_whose_driver_lacks_cuda(
    is_inside: bool, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def zeros(size: int, device: str) -> None:
        raise RuntimeError(
            "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU"
        )

    others = [GraphicsCard(vendor="AMD", name="AMD card", file=Path("/dev/dri/renderD128"))]
    monkeypatch.setattr(torch, "zeros", zeros)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(device_work, "find_cards", lambda: others)
    monkeypatch.setattr(device_work, "is_container", lambda: is_inside)
    assert resolve_device("auto") == "cpu"
    others.insert(0, GraphicsCard(vendor="NVIDIA", name="RTX 9090", file=Path("/dev/nvidia0")))
    line = (
        f"device cuda: there is a card \\(RTX 9090\\), but no driver for CUDA: {fix}, or "
        "choose the device cpu"
    )
    for requested in ("auto", "cuda"):
        with pytest.raises(ModelError, match=f"^{line}$"):
            resolve_device(requested)


def test_out_of_memory_is_distinguished_from_a_lost_device_and_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as too_much:
        torch.empty(1 << 60, dtype=torch.uint8)
    full = (
        torch.OutOfMemoryError("CUDA out of memory."),
        too_much.value,
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    )
    lost = (
        torch.AcceleratorError("an illegal memory access was encountered"),
        RuntimeError("CUDA error: unspecified launch failure"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"),
    )
    other = (
        ValueError("DefaultCPUAllocator"),
        RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, "
            "cuda:0 and cpu!"
        ),
        DeviceFullError("cuda has no memory for 512 x 512 px"),
        RuntimeError(
            "CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling `cublasGemmStridedBatchedEx(...)`"
        ),
        RuntimeError(
            "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a "
            "non-contiguous"
        ),
    )
    for errors, answers in ((full, (True, False)), (lost, (False, True)), (other, (False, False))):
        for error in errors:
            assert (is_out_of_memory(error), is_device_lost(error)) == answers, error


def test_pictures_and_numbers_are_copied_to_the_device_and_back_unchanged() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8)
    there, many = DeviceCopy(CPU).send(picture), np.stack([picture] * 3)
    assert there.shape == (1, 8, 16, 3)
    assert np.array_equal(DeviceCopy(CPU).send(many).numpy(), many)
    many.flags.writeable = False
    copies = DeviceCopies(CPU)
    first, second = copies.send("encoded", many), copies.send("edges", many // 2)
    assert np.array_equal(first.numpy(), many) and np.array_equal(second.numpy(), many // 2), (
        "each has its buffer"
    )
    home = HostBuffers(CPU)
    for shape in ((2, 3), (4,)):
        numbers, bits = torch.rand(shape), torch.randint(0, 256, shape, dtype=torch.uint8)
        fetched = home.fetch(numbers, bits)
        assert [each.dtype for each in fetched] == [np.float32, np.uint8]
        assert np.array_equal(fetched[0], numbers.numpy()) and np.array_equal(
            fetched[1], bits.numpy()
        )


def test_a_picture_is_not_overwritten_before_the_device_has_read_it(fake_cuda: FakeCuda) -> None:
    copy = DeviceCopy(torch.device("cuda:0"))
    sent = [copy.send(np.full((8, 8, 3), number, np.uint8)) for number in (1, 2, 3)]
    assert [int(each.float().mean()) for each in sent] == [1, 2, 3]


def test_events_are_recorded_on_the_models_device_whichever_is_current(fake_cuda: FakeCuda) -> None:
    second = torch.device("cuda:1")
    wait, clock, side = device_wait(second), StageClock(second), own_stream(second)
    wait()
    clock.begin()
    with torch.cuda.stream(side):
        wait()
        clock.end("encode")
    default = fake_cuda.timeline.queue(1, 0)
    assert fake_cuda.timeline.recorded == [default, default, side.queue, side.queue]


def test_an_own_stream_is_not_shared_while_it_is_held(fake_cuda: FakeCuda) -> None:
    first, second = torch.device("cuda:0"), torch.device("cuda:1")
    streams = [own_stream(second) for _ in range(31)]
    let_go = [own_stream(second).queue for _ in range(40)]
    assert len(set(streams)) == 31
    assert len(set(let_go)) == 1 and let_go[0] not in {stream.queue for stream in streams}
    last, another, shared = own_stream(second), own_stream(first), own_stream(second)
    assert last not in streams and another not in streams
    assert shared in [*streams, last]


def test_a_wait_for_metal_releases_the_gil_for_the_heartbeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copies: list[str] = []

    class OnMetal:
        def cpu(self) -> None:
            copies.append(
                "a copy waits without the interpreter (dispatch_to in torch's "
                "python_variable_methods.cpp)"
            )

    def keeps_the_interpreter() -> None:
        raise AssertionError("MPSModule_deviceSynchronize in torch/csrc/mps/Module.cpp")

    monkeypatch.setattr(torch.mps, "synchronize", keeps_the_interpreter)
    monkeypatch.setattr(torch, "zeros", lambda size, device: OnMetal())
    device_wait(torch.device("mps"))()
    clock = StageClock(torch.device("mps"))
    clock.begin()
    clock.end("encode")
    assert list(clock.read_ms()) == ["encode"] and len(copies) == 3, (
        "a stage ends when its work is done"
    )


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


@pytest.mark.only_on("linux", reason="only Linux lists a process's mapped files in a file")
@pytest.mark.parametrize(("backend", "is_mapped"), [("mmap", True), ("pread", False)])
def test_weights_are_mapped_only_where_torch_can_read_a_map(
    tmp_path: Path, backend: str, is_mapped: bool
) -> None:
    file = tmp_path / "weights.safetensors"
    save_file({"weight": torch.arange(9.0)}, file)
    try:
        safetensors.use_backend(backend)
        weight = load_file(file)["weight"]
        assert (str(file) in Path("/proc/self/maps").read_text()) == is_mapped
    finally:
        safetensors.use_backend()
    assert weight.tolist() == list(range(9))


def test_windows_reads_weights_without_mapping_them() -> None:
    expected = "pread" if sys.platform == "win32" else "mmap"
    assert load_file.__kwdefaults__["backend"] == safetensors.BACKEND == expected
