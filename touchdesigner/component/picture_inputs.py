"""Connects each Syphon, Spout or NDI input to its sender, and reports a missing picture.
TouchDesigner's main thread.

A Syphon Spout In TOP does not report a missing sender: it shows a placeholder of 128 x 128, without
warning or error. So the available senders are read from its menu, and a picture is detected by its
size.
"""

import sys
from collections.abc import Iterable
from typing import Any

SENDERS = (
    ("main_in", "Mainsender", "Mainfound"),
    ("second_in", "Secondsender", "Secondfound"),
    ("sd_in", "Sdsender", "Sdfound"),
    ("sam3_in", "Sam3sender", "Sam3found"),
    ("sam3_mask_in", "Masksender", "Maskfound"),
)  # each excludes the longer names of those after it
PLACEHOLDER_PX = (128, 128)
# Default limits of Spout senders, changed in the registry: 10 by
# docs.derivative.ca/Syphon_Spout_In_TOP, which also asks for an Nvidia or AMD card; 64 by Spout's
# own library since 2020 (SpoutSenderNames.cpp).
SPOUT_LIMITS = (10, 64)
MAX_NON_COMMERCIAL_PX = 1280  # docs.derivative.ca/TOP
Size = tuple[int, int]


class PictureInputs:
    def __init__(self, comp: Any) -> None:
        self._comp = comp
        self._trouble = ""
        self._is_reported = False

    def poll(self) -> None:
        """Connect each picture to the sender whose name contains the requested text; if none does,
        keep the old one."""
        own = self._own
        for index, (top, part, found) in enumerate(SENDERS, start=1):
            sender = self._comp.op(top).par.sendername
            others = [own(other) for _, other, _ in SENDERS[index:]]
            self._point(sender, found, pick(own(part), sender.menuNames, others))
        ndi = self._comp.op("ndi_in").par
        ndi.active = own("Ndi")
        ndi.extraips = own("Ndiips")
        self._point(
            ndi.name, "Ndifound", pick(own("Ndisource"), ndi.name.menuNames) if own("Ndi") else ""
        )

    def take_message(self, engine_px: Size | None) -> str:
        """A message if the main picture is missing or has arrived; empty if there is nothing new.

        `engine_px`: the size of the engine's picture on this machine; None: unknown, or no picture
        is expected. A problem is reported once, after two polls, because a sender may appear late.
        """
        trouble = "" if engine_px is None or self._own("Ndi") else self._trouble_of_main(engine_px)
        before = self._trouble
        self._trouble = trouble
        if trouble != before:
            was_reported = self._is_reported
            self._is_reported = False
            name = self._own("Mainfound")
            return (
                f"output 1 shows {name}"
                if was_reported and not trouble and engine_px and name
                else ""
            )
        if not trouble or self._is_reported:
            return ""
        self._is_reported = True
        return trouble

    @property
    def has_trouble(self) -> bool:
        """True while output 1 does not show the engine's picture."""
        return bool(self._trouble)

    def _trouble_of_main(self, engine_px: Size) -> str:
        top = self._comp.op("main_in")
        top.cook()  # a TOP without a viewer does not cook, and keeps the size of its last picture
        return main_trouble(
            self._own("Mainsender"), self._own("Mainfound"), len(top.par.sendername.menuNames),
            (top.width, top.height),
            engine_px, is_windows=sys.platform == "win32",
            is_non_commercial=licenses.isNonCommercial,  # noqa: F821  TouchDesigner's
        )  # fmt: skip

    def _point(self, sender: Any, parameter_name: str, name: str) -> None:
        if name and sender.eval() != name:
            sender.val = name
        parameter = getattr(self._comp.par, parameter_name)
        if parameter.eval() != name:
            parameter.val = name

    def _own(self, name: str) -> Any:
        return getattr(self._comp.par, name).eval()


def pick(part: str, names: Iterable[str], but_not: Iterable[str] = ()) -> str:
    """The shortest name that contains `part` and none of `but_not`, ignoring case; empty if there
    is none. Pure.

    The full name of a sender is not known in advance: Syphon puts the application before it, Spout
    appends a number if the name is taken, NDI adds the machine's name.
    """
    part_name = part.strip().lower()
    # A text contained in `part` itself cannot exclude anything: Multiverse for Multiverse SD.
    unwanted = [text for other in but_not if (text := other.strip().lower()) not in part_name]
    found = [name for name in names if part_name and part_name in name.lower()]
    return min(
        (name for name in found if not any(other in name.lower() for other in unwanted)),
        key=len,
        default="",
    )


def main_trouble(
    part: str,
    name: str,
    senders: int,
    shown_px: Size,
    engine_px: Size,
    *,
    is_windows: bool,
    is_non_commercial: bool,
) -> str:
    """The reason why output 1 does not show the engine's picture, one line, or empty. Pure.

    `name`: the sender that contains `part`, or empty; `senders`: the number of available senders.
    """
    placeholder = "TouchDesigner's placeholder, {} x {}".format(*PLACEHOLDER_PX)
    if not name:
        line = (
            f"no Syphon or Spout sender contains {part!r}: output 1 shows {placeholder}; see "
            "Sinks on the Status page"
        )
        full = f". {senders} senders exist, which may be the limit of Spout: close one"
        return line + (full if is_windows and senders in SPOUT_LIMITS else "")
    if shown_px == PLACEHOLDER_PX != engine_px:
        why = ": Spout In needs an Nvidia or AMD card" if is_windows else ""
        return f"{name} exists, but output 1 still shows {placeholder}{why}"
    if is_non_commercial and max(engine_px) > MAX_NON_COMMERCIAL_PX:
        size = " x ".join(map(str, engine_px))
        most = f"{MAX_NON_COMMERCIAL_PX} x {MAX_NON_COMMERCIAL_PX}"
        return (
            f"TouchDesigner Non-Commercial is limited to {most}: the engine's {size} is scaled down"
        )
    return ""
