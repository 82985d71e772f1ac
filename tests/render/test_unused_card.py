"""Tests the report of an unused graphics card: which card, why, and the fix. Machines are folders with known files."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.render.unused_card import DriverFacts, explain_unused
from engine.system.graphics_card import CONTAINER_OPTION, REQUIRED_CAPABILITIES, find_cards

pytestmark = pytest.mark.only_on(
    "linux", "darwin", reason="the causes are device files and folders of Linux, by its paths"
)

H100_SLOT, ICD = "sys/bus/pci/devices/0000:17:00.0", "usr/share/glvnd/egl_vendor.d/10_nvidia.json"
NVIDIA_MACHINE = {
    "sys/bus/pci/devices/0000:02:00.0/vendor": "0x1a03\n",  # the display of a server's management, without OpenGL
    "sys/bus/pci/devices/0000:02:00.0/class": "0x030000\n",
    f"{H100_SLOT}/vendor": "0x10de\n",
    f"{H100_SLOT}/class": "0x030200\n",
    "sys/bus/pci/devices/0000:18:00.0/vendor": "0x10de\n",  # the sound of an HDMI socket
    "sys/bus/pci/devices/0000:18:00.0/class": "0x040300\n",
    "proc/driver/nvidia/gpus/0000:17:00.0/information": "Model: \t\t NVIDIA H100 PCIe\nIRQ:   \t\t 42\n",
    "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n",
    "dev/nvidia0": "",
    "dev/nvidiactl": "",
}
RADEON_MACHINE = {
    "sys/bus/pci/devices/0000:03:00.0/vendor": "0x1002\n",
    "sys/bus/pci/devices/0000:03:00.0/class": "0x030000\n",
    "sys/bus/pci/devices/0000:03:00.0/drm/renderD129/dev": "226:129\n",
    "dev/dri/renderD129": "",
}
CONTAINER = {".dockerenv": ""}


@pytest.fixture
def machine(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    def build(files: dict[str, str]) -> Path:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return tmp_path

    return build


def without(files: dict[str, str], part: str) -> dict[str, str]:
    return {name: content for name, content in files.items() if part not in name}


def test_cards_are_found_by_their_files_in_a_sandbox_too(machine: Callable[[dict[str, str]], Path]) -> None:
    root = machine(RADEON_MACHINE)
    assert [(card.name, card.file) for card in find_cards(root, {})] == [("AMD card", root / "dev/dri/renderD129")]
    machine(NVIDIA_MACHINE)
    assert [card.name for card in find_cards(root, {})] == ["NVIDIA H100 PCIe", "AMD card"]


def test_the_hosts_cards_are_not_the_containers(machine: Callable[[dict[str, str]], Path]) -> None:
    root = machine(without(NVIDIA_MACHINE, "dev/nvidia") | CONTAINER)
    assert find_cards(root, {}) == ()
    machine({"dev/nvidia3": "", "dev/nvidia-uvm": ""})
    assert [card.file for card in find_cards(root, {})] == [root / "dev/nvidia3"]


CAUSES = {
    "a container without graphics": (
        NVIDIA_MACHINE | CONTAINER,
        {"environ": {"NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}},
        "NVIDIA_DRIVER_CAPABILITIES is compute,utility, without graphics; start the container with "
        "-e NVIDIA_DRIVER_CAPABILITIES=graphics,compute,utility",
    ),
    "a container with everything, on a host without graphics": (
        NVIDIA_MACHINE | CONTAINER,
        {"environ": {"NVIDIA_DRIVER_CAPABILITIES": "all"}},
        "libEGL_nvidia.so.0 is missing; install on the host libnvidia-gl-580 ",
    ),
    "a server without the graphics package": (
        NVIDIA_MACHINE,
        {},
        "(NVIDIA H100 PCIe): libEGL_nvidia.so.0 is missing; install libnvidia-gl-580 ",
    ),
    "no entry for glvnd": (
        NVIDIA_MACHINE | {ICD.replace("10_nvidia", "50_mesa"): '"libEGL_mesa.so.0"'},
        {"can_load": bool},
        '10_nvidia.json is missing, by which EGL finds NVIDIA\'s driver; write into it: {"file_format_version":',
    ),
    "a variable that leaves only Mesa": (
        NVIDIA_MACHINE | {ICD: '"libEGL_nvidia.so.0"'},
        {"can_load": bool, "environ": {"__EGL_VENDOR_LIBRARY_FILENAMES": "/50_mesa.json"}},
        "__EGL_VENDOR_LIBRARY_FILENAMES is /50_mesa.json, without NVIDIA's driver; unset __EGL",
    ),
    "a driver of another release": (
        NVIDIA_MACHINE | {ICD.replace("10_nvidia", "05_card"): '"libEGL_nvidia.so.0"'},
        {"can_load": bool},
        "than the loaded driver (580), or the card is shared for computing only (MIG, vGPU); restart",
    ),
    "a sandbox that hides the driver's state": (
        {"dev/nvidia0": ""} | CONTAINER,
        {},
        "(NVIDIA card): the container has no libEGL_nvidia.so.0: NVIDIA_DRIVER_CAPABILITIES is compute,utility, the",
    ),
    "no driver": (
        without(without(NVIDIA_MACHINE, "proc/"), "dev/"),
        {},
        "(NVIDIA card): NVIDIA's driver is not loaded; install it",
    ),
    "a driver that has not made its device file": (
        without(NVIDIA_MACHINE, "dev/"),
        {},
        "dev/nvidia0 is missing, although NVIDIA's driver is loaded; run sudo nvidia-smi, which makes it",
    ),
    "a card that does not open": (
        NVIDIA_MACHINE,
        {"errors": {"NVIDIA": "eglInitialize failed (0x3001)"}},
        "NVIDIA's driver does not open it (eglInitialize failed (0x3001)); see whether nvidia-smi finds it, and ",
    ),
    "a user outside the group video": (
        NVIDIA_MACHINE,
        {"errors": {"NVIDIA": "eglInitialize failed (0x3001)"}, "may_open": lambda file: file.name != "nvidia0"},
        "dev/nvidia0; sudo usermod -aG video $USER, then log in again",
    ),
    "Mesa told to use software": (
        RADEON_MACHINE,
        {"environ": {"LIBGL_ALWAYS_SOFTWARE": "1"}},
        "(AMD card): LIBGL_ALWAYS_SOFTWARE is set; unset",
    ),
    "Mesa without the card's driver": (
        RADEON_MACHINE,
        {},
        "Mesa does not open it (EGL does not list it); apt-get install libgl1-mesa-dri",
    ),
    "a user outside the group render": (
        RADEON_MACHINE,
        {"may_open": lambda file: file.name != "renderD129"},
        "renderD129; sudo usermod -aG render $USER, then log in again",
    ),
    "no module for the card": (without(RADEON_MACHINE, "dev/dri"), {}, "renderD129 is missing: the kernel's driver"),
}


def test_the_page_names_the_capabilities_that_a_container_must_request() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "reference", "platforms.md").read_text(encoding="utf-8")
    section = page.partition("### In a container")[2].partition("\n## ")[0]
    assert ",".join(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == REQUIRED_CAPABILITIES
    assert CONTAINER_OPTION in section


@pytest.mark.parametrize("name", CAUSES)
def test_each_cause_is_reported_with_its_fix(name: str, machine: Callable[[dict[str, str]], Path]) -> None:
    files, changes, expected = CAUSES[name]
    root = machine(files)
    facts = {"environ": {}, "errors": {}, "can_load": lambda library: False} | changes
    (card,) = find_cards(root, facts["environ"])
    line = str(explain_unused(card, DriverFacts(root=root, **facts)))
    assert line.startswith("software, although there is a card (") and expected in line and "\n" not in line
