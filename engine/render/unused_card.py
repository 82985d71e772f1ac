"""Finds a graphics card that OpenGL does not use, and why: a missing driver or permission, often in
a container.

Only for Linux, where EGL lists each driver's devices: if the CPU draws and there is a card, its
driver is not in that list, or does not open. Windows and macOS give their cards to every program.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.render.context import can_load, is_software, name_devices
from engine.render.egl_devices import gpu_choice
from engine.system import graphics_card
from engine.system.small_file import read_small

NVIDIA_EGL: Final = "libEGL_nvidia.so.0"
# where glvnd looks for drivers, and the two variables that replace that (libglvnd,
# src/EGL/icd_enumeration.md)
_VENDOR_FOLDERS: Final = ("etc/glvnd/egl_vendor.d", "usr/share/glvnd/egl_vendor.d")
_VENDOR_VARIABLES: Final = ("__EGL_VENDOR_LIBRARY_FILENAMES", "__EGL_VENDOR_LIBRARY_DIRS")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedCard:
    """A graphics card that OpenGL does not use, with reason and fix."""

    card: str
    reason: str
    fix: str
    """A package, a command or an option that makes OpenGL use it."""

    def __str__(self) -> str:
        return f"software, although there is a card ({self.card}): {self.reason}; {self.fix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverFacts:
    errors: Mapping[str, str]
    """The reasons why no context opens on devices that EGL lists, by device file; NVIDIA's own by
    `NVIDIA`."""
    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    can_load: Callable[[str], bool] = can_load
    may_open: Callable[[Path], bool] = lambda file: os.access(file, os.R_OK | os.W_OK)
    """True if this user may draw through this device file."""


def find_unused_card() -> UnusedCard | None:
    """Find a card that OpenGL could use; None if there is none, one is in use, or the user chose
    the device.

    Opens a context on each device, to know their errors: another one is current afterwards."""
    if (
        gpu_choice()
        or not sys.platform.startswith("linux")
        or not (cards := graphics_card.find_cards())
    ):
        return None
    named = name_devices()
    if any(not each.error and not is_software(each.name) for each in named):
        return None
    failed = [each for each in named if each.error]
    errors = {
        graphics_card.NVIDIA if each.device.is_cuda else each.device.file: each.error
        for each in failed
    }
    return explain_unused(cards[0], DriverFacts(errors=errors))


def explain_unused(card: graphics_card.GraphicsCard, facts: DriverFacts) -> UnusedCard:
    """Explain why OpenGL does not use this card."""
    reason, fix = (_explain_nvidia if card.vendor == graphics_card.NVIDIA else _explain_mesa)(
        card, facts
    )
    return UnusedCard(card=card.name, reason=reason, fix=fix)


def _explain_nvidia(card: graphics_card.GraphicsCard, facts: DriverFacts) -> tuple[str, str]:
    in_container = graphics_card.is_container(facts.root, facts.environ)
    restart = f"start the container with {graphics_card.CONTAINER_OPTION}"
    if card.file.exists() and not facts.may_open(card.file):
        return _no_permission(card, "video")
    if graphics_card.NVIDIA in facts.errors:
        return (
            f"NVIDIA's driver does not open it ({facts.errors[graphics_card.NVIDIA]})",
            "see whether nvidia-smi finds it, and restart the machine if not",
        )
    release = graphics_card.nvidia_release(facts.root)
    if not card.file.exists():
        if release:
            return (
                f"{card.file} is missing, although NVIDIA's driver is loaded",
                "run sudo nvidia-smi, which makes it, after each start of the machine",
            )
        return (
            "NVIDIA's driver is not loaded",
            "install it (Debian: nvidia-driver), then restart and try nvidia-smi",
        )
    release = release or "NUMBER"  # hidden by some sandboxes
    if not facts.can_load(NVIDIA_EGL):
        capabilities = facts.environ.get(graphics_card.CAPABILITIES, "compute,utility, the default")
        if in_container and not {"graphics", "all"} & set(capabilities.split(",")):
            return (
                f"the container has no {NVIDIA_EGL}: {graphics_card.CAPABILITIES} is "
                f"{capabilities}, without graphics",
                restart,
            )
        where = "on the host " if in_container else ""
        return (
            f"{NVIDIA_EGL} is missing",
            f"install {where}libnvidia-gl-{release} (Ubuntu; libnvidia-gl-{release}-server beside "
            "a server driver)"
            " or libegl-nvidia0 (Debian)",
        )
    if not any(map(_names_nvidia, _vendor_files(facts))):
        if variable := next((name for name in _VENDOR_VARIABLES if facts.environ.get(name)), ""):
            return (
                f"{variable} is {facts.environ[variable]}, without NVIDIA's driver",
                f"unset {variable}",
            )
        path = f"/{_VENDOR_FOLDERS[1]}/10_nvidia.json"
        content = f'{{"file_format_version":"1.0.0","ICD":{{"library_path":"{NVIDIA_EGL}"}}}}'
        return f"{path} is missing, by which EGL finds NVIDIA's driver", f"write into it: {content}"
    return (
        "NVIDIA's EGL driver finds no card; it may be of another release than the loaded driver "
        f"({release}), or the "
        "card is shared for computing only (MIG, vGPU)",
        restart
        if in_container
        else "restart the machine, as after each update of the driver, then try nvidia-smi",
    )


def _explain_mesa(card: graphics_card.GraphicsCard, facts: DriverFacts) -> tuple[str, str]:
    if facts.environ.get("LIBGL_ALWAYS_SOFTWARE", "0").lower() not in ("", "0", "false"):
        return "LIBGL_ALWAYS_SOFTWARE is set", "unset LIBGL_ALWAYS_SOFTWARE"
    if not card.file.exists():
        return (
            f"{card.file} is missing: the kernel's driver is not loaded",
            "install its firmware, then restart",
        )
    if not facts.may_open(card.file):
        return _no_permission(card, "render")
    error = facts.errors.get(str(card.file), "EGL does not list it")
    return f"Mesa does not open it ({error})", "apt-get install libgl1-mesa-dri, or a newer Mesa"


def _no_permission(card: graphics_card.GraphicsCard, group: str) -> tuple[str, str]:
    return (
        f"this user may not open {card.file}",
        f"sudo usermod -aG {group} $USER, then log in again",
    )


def _vendor_files(facts: DriverFacts) -> list[Path]:
    """Return the files by which glvnd finds drivers."""
    files, folders = (facts.environ.get(name, "") for name in _VENDOR_VARIABLES)
    if files:
        return [Path(name) for name in files.split(":")]
    paths = (
        [Path(name) for name in folders.split(":")]
        if folders
        else [facts.root / name for name in _VENDOR_FOLDERS]
    )
    return [file for folder in paths for file in folder.glob("*.json")]


def _names_nvidia(file: Path) -> bool:
    try:
        return NVIDIA_EGL.encode() in read_small(file)
    except OSError:
        return False
