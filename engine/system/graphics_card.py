"""The graphics cards that Linux knows of, whether or not a program can draw with them.

No graphics library is loaded: the cards are read from /proc, /sys and /dev, as the kernel and
NVIDIA's driver write them. In a container /sys shows the cards of the host; a card counts there
only if the container has its device file.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.system.small_file import read_small

NVIDIA: Final = "NVIDIA"
CAPABILITIES: Final = "NVIDIA_DRIVER_CAPABILITIES"
REQUIRED_CAPABILITIES: Final = "graphics,compute,utility"
"""For a container: OpenGL; CUDA; nvidia-smi and NVML (NVIDIA Container Toolkit, user guide, Driver
Capabilities)."""
CONTAINER_OPTION: Final = f"-e {CAPABILITIES}={REQUIRED_CAPABILITIES}"
# by PCI vendor; others may lack OpenGL
_VENDORS = {"0x10de": NVIDIA, "0x1002": "AMD", "0x8086": "Intel"}
_DISPLAY_CLASS = (
    "0x03"  # the first byte of a PCI class: display controllers (PCI Code and ID Assignment, 1.4)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphicsCard:
    vendor: str
    """`NVIDIA`, `AMD` or `Intel`."""
    name: str
    """As its driver names it, such as `NVIDIA RTX A4000`; else the vendor's name and `card`."""
    file: Path
    """The device file that a program draws through; it may be missing if the driver is not
    loaded."""


def find_cards(
    root: Path = Path("/"), environ: Mapping[str, str] = os.environ
) -> tuple[GraphicsCard, ...]:
    """All cards, NVIDIA's first; none on other systems than Linux. `root` of the file system."""
    cards = [
        card
        for slot in sorted(root.glob("sys/bus/pci/devices/*"))
        if (card := _card_at(slot, root)) is not None
    ]
    if not any(card.vendor == NVIDIA for card in cards):  # a sandbox may hide /sys
        cards += [_nvidia_card(root, "", number) for number in _nvidia_numbers(root)[:1]]
    if is_container(root, environ):
        cards = [card for card in cards if card.file.exists()]
    return tuple(sorted(cards, key=lambda card: card.vendor != NVIDIA))


def is_container(root: Path = Path("/"), environ: Mapping[str, str] = os.environ) -> bool:
    """True in a container of Docker, Podman, Kubernetes, systemd or NVIDIA's toolkit."""
    marks = ("container", "KUBERNETES_SERVICE_HOST", "NVIDIA_VISIBLE_DEVICES", CAPABILITIES)
    return any((root / name).exists() for name in (".dockerenv", "run/.containerenv")) or any(
        map(environ.get, marks)
    )


def nvidia_release(root: Path = Path("/")) -> str:
    """The release of NVIDIA's loaded kernel driver, such as `580`; "" if none is loaded."""
    found = re.search(r"\b(\d{3,})\.\d+", _text(root / "proc/driver/nvidia/version"))
    return found[1] if found else ""


def _card_at(slot: Path, root: Path) -> GraphicsCard | None:
    vendor = _VENDORS.get(_text(slot / "vendor").strip())
    if vendor is None or not _text(slot / "class").startswith(_DISPLAY_CLASS):
        return None
    if vendor == NVIDIA:
        numbers = _nvidia_numbers(root)
        return _nvidia_card(root, slot.name, numbers[0] if numbers else 0)
    node = next(iter(sorted(slot.glob("drm/renderD*"))), Path("renderD128"))
    return GraphicsCard(vendor=vendor, name=f"{vendor} card", file=root / "dev/dri" / node.name)


def _nvidia_card(root: Path, slot: str, number: int) -> GraphicsCard:
    information = _text(root / "proc/driver/nvidia/gpus" / slot / "information")
    model = re.search(r"^Model:\s*(.+?)\s*$", information, re.MULTILINE)
    return GraphicsCard(
        vendor=NVIDIA,
        name=model[1] if model else f"{NVIDIA} card",
        file=root / f"dev/nvidia{number}",
    )


def _nvidia_numbers(root: Path) -> list[int]:
    return sorted(
        int(path.name[6:]) for path in root.glob("dev/nvidia[0-9]*") if path.name[6:].isdecimal()
    )


def _text(path: Path) -> str:
    try:
        return read_small(path).decode("utf-8", "replace")
    except OSError:
        return ""
