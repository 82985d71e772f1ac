"""Which GPU a context is opened on: EGL's list, the order, the choice, and the libraries behind
it."""

import ctypes
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.errors import NoGLError
from engine.render import context
from engine.render.context import load_finish, open_context
from engine.render.egl_devices import (
    GPU_VARIABLE,
    EglDevice,
    by_preference,
    chosen_gpu,
    find_device,
    list_egl_devices,
)
from engine.render.opening import open_renderer
from engine.render.unused_card import find_unused_card
from engine.system.graphics_card import GraphicsCard

pytestmark = pytest.mark.only_on("linux", reason="EGL is how contexts are made on Linux only")

LLVMPIPE = EglDevice(index=0, name="Mesa llvmpipe", is_software=True)
RADEON = EglDevice(index=1, name="AMD Radeon", file="/dev/dri/renderD129")
H100 = EglDevice(index=2, name="NVIDIA H100 PCIe", file="/dev/dri/renderD128", is_cuda=True)
OTHER_H100 = replace(H100, index=3, file="/dev/dri/renderD130")
RTX = EglDevice(index=4, name="NVIDIA GeForce RTX 4090", is_cuda=True)
MACHINE = (LLVMPIPE, RADEON, H100, OTHER_H100)


class StubEgl:
    """A libEGL with known devices: for each, its strings by EGL's number."""

    def __init__(self, devices: Sequence[dict[int, bytes]], missing: bytes = b"") -> None:
        @ctypes.CFUNCTYPE(
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.POINTER(ctypes.c_size_t),
            ctypes.POINTER(ctypes.c_int),
        )
        def query_devices(room: int, handles: Any, count: Any) -> int:
            for index in range(min(room, len(devices))):
                handles[index] = 0x1000 + index
            count[0] = len(devices)
            return 1

        @ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int)
        def query_string(handle: int, name: int) -> int:
            queries.append((handle, name))
            text = texts.get((handle, name))
            return ctypes.cast(text, ctypes.c_void_p).value or 0 if text else 0

        strings = [
            ((0x1000 + index, name), text)
            for index, own in enumerate(devices)
            for name, text in own.items()
        ]
        texts = {key: ctypes.c_char_p(text) for key, text in strings}
        self.queries = queries = list[tuple[int, int]]()
        functions = {b"eglQueryDevicesEXT": query_devices, b"eglQueryDeviceStringEXT": query_string}
        functions.pop(missing, None)

        def get_address(name: bytes) -> int:
            return (
                ctypes.cast(functions[name], ctypes.c_void_p).value or 0 if name in functions else 0
            )

        self.eglGetProcAddress = get_address


def test_a_card_comes_before_software_distinguished_by_their_extensions() -> None:
    nvidia = {
        0x3055: b"EGL_NV_device_cuda EGL_EXT_device_drm EGL_EXT_device_drm_render_node "
        b"EGL_EXT_device_query_name",
        0x3053: b"NVIDIA",
        0x335F: b"NVIDIA H100 PCIe",
        0x3233: b"/dev/dri/card0",
        0x3377: b"/dev/dri/renderD128",
    }
    old_nvidia = {0x3055: b"EGL_NV_device_cuda EGL_EXT_device_drm", 0x3233: b"/dev/dri/card1"}
    software = {0x3055: b"EGL_MESA_device_software EGL_EXT_device_drm_render_node"}
    egl = StubEgl([software, old_nvidia, nvidia])
    assert list_egl_devices(egl) == (
        EglDevice(index=0, is_software=True),
        EglDevice(index=1, file="/dev/dri/card1", is_cuda=True),
        H100,
    )
    assert (0x1001, 0x335F) not in egl.queries  # without its extension it would set an error
    assert list_egl_devices(StubEgl([nvidia], missing=b"eglQueryDeviceStringEXT")) == ()
    assert by_preference(MACHINE) == (H100, OTHER_H100, RADEON, LLVMPIPE)


def test_a_device_is_chosen_by_its_index_or_a_part_of_its_name_or_all_are_listed() -> None:
    for choice, found in [
        ("0", LLVMPIPE),
        ("3", OTHER_H100),
        ("radeon", RADEON),
        ("/dev/dri/renderD130", OTHER_H100),
        ("4090", RTX),
        ("129", RADEON),
    ]:
        assert find_device(choice, (*MACHINE, RTX)) == found, choice
    for choice, reason in [
        ("h100", "several match; give the index"), ("9", "no such device"), ("10", "no such"),
        ("arc", "no such"),
    ]:  # fmt: skip
        with pytest.raises(
            NoGLError, match=f"gpu '{choice}': .*{reason}.*2 NVIDIA H100 PCIe /dev/dri/renderD128"
        ):
            find_device(choice, MACHINE)


class Machine:
    """A fake machine with Mesa's software renderer, and before it an NVIDIA card that does not
    open. `tried`: the indices that are opened."""

    card = EglDevice(index=99, name="NVIDIA H100", is_cuda=True)

    def __init__(self, software: EglDevice) -> None:
        self.software = replace(software, name="")  # only newer Mesa has its name without a context
        self.devices = (self.software, self.card)
        self.tried: list[int] = []


@pytest.fixture
def machine(require: Any, monkeypatch: pytest.MonkeyPatch) -> Machine:
    software = [device for device in list_egl_devices() if device.is_software]
    require(software, "OpenGL")
    from glcontext import egl

    def create(**options: Any) -> Any:
        stub.tried.append(options["device_index"])
        return real(**options)

    stub, real = Machine(software[0]), egl.create_context
    monkeypatch.setattr(egl, "create_context", create)
    monkeypatch.setattr(context, "list_egl_devices", lambda: stub.devices)
    return stub


def test_the_card_is_tried_first_and_software_draws_where_it_does_not_open(
    machine: Machine,
) -> None:
    opened = open_context()
    assert (
        machine.tried == [99, machine.software.index] and "llvmpipe" in opened.info["GL_RENDERER"]
    )
    opened.release()


def test_a_device_that_turns_out_to_be_software_gives_way_to_a_card(
    machine: Machine, monkeypatch: Any
) -> None:
    claiming = replace(machine.software, is_software=False)
    machine.devices = (claiming, replace(Machine.card, is_cuda=False))
    opened = open_context()
    assert machine.tried == [claiming.index, 99, claiming.index], (
        "no card opens, so it draws after all"
    )
    opened.release()
    machine.tried.clear()
    machine.devices = (claiming, replace(Machine.card, index=claiming.index, is_cuda=False))
    names = iter(["llvmpipe", "AMD Radeon"])
    monkeypatch.setattr(context, "is_software", lambda renderer: next(names) == "llvmpipe")
    open_context().release()
    assert machine.tried == [claiming.index] * 2, "the second is a card"


def test_a_chosen_device_is_opened_or_nothing(machine: Machine) -> None:
    with chosen_gpu("llvmpipe"):
        open_context().release()  # one context has the name, another draws
        assert os.environ[GPU_VARIABLE] == "llvmpipe"  # children inherit it
    assert machine.tried == [machine.software.index] * 2 and GPU_VARIABLE not in os.environ
    machine.tried.clear()
    for choice in ("99", "98"):
        with chosen_gpu(choice), pytest.raises(NoGLError):
            open_renderer("auto", 64, 36)
    assert machine.tried == [99, machine.software.index], (
        "98 could be in a device's name, which only a context has"
    )


def test_an_unused_card_is_reported_with_its_error_unless_a_device_was_chosen(
    machine: Machine, monkeypatch: Any
) -> None:
    card = GraphicsCard(vendor="NVIDIA", name="NVIDIA H100", file=Path("/dev/nvidia0"))
    monkeypatch.setattr("engine.system.graphics_card.find_cards", lambda: (card,))
    unused = find_unused_card()
    assert unused is not None and "NVIDIA's driver does not open it" in unused.reason
    assert "device index 99" in unused.reason
    with chosen_gpu("llvmpipe"):
        assert find_unused_card() is None
    monkeypatch.setattr("engine.render.unused_card.is_software", lambda renderer: False)
    assert find_unused_card() is None  # a card draws


def test_without_libgl_contexts_use_libopengl(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "GL_LIBRARIES", ("libGL.so.missing", "libOpenGL.so.0"))
    opened = open_context()
    load_finish()()
    assert opened.error == "GL_NO_ERROR"
    opened.release()
    monkeypatch.setattr(context, "GL_LIBRARIES", ("libGL.so.missing",))
    with pytest.raises(NoGLError, match="apt-get install libegl1"):
        open_context()
