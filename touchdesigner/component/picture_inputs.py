"""Pictures from other programs: each Syphon, Spout or NDI input is pointed at its sender, and a picture that does not
come is told of. TouchDesigner's main thread.

A Syphon Spout In TOP says nothing of a sender that is not there: it shows a placeholder of 128 x 128, without warning
or error. So what is there is read from its menu, and whether it comes from its size.
"""

import sys
from typing import Any

SENDERS = (
    ("main_in", "Mainsender", "Mainfound"),
    ("sd_in", "Sdsender", "Sdfound"),
    ("sam3_in", "Sam3sender", "Sam3found"),
    ("sam3_mask_in", "Masksender", "Maskfound"),
)  # each may be told from those after it by their longer names
PLACEHOLDER_PX = (128, 128)
# How many senders Spout takes unless the registry says otherwise: 10 by docs.derivative.ca/Syphon_Spout_In_TOP, which
# also asks for an Nvidia or AMD card; 64 by Spout's own library since 2020 (SpoutSenderNames.cpp).
SPOUT_LIMITS = (10, 64)
MAX_NON_COMMERCIAL_PX = 1280  # docs.derivative.ca/TOP
Size = tuple[int, int]


class PictureInputs:
    def __init__(self, comp: Any, senders: Any) -> None:
        """`senders` is the module of that name."""
        self._comp = comp
        self._senders = senders
        self._trouble = ""
        self._is_told = False

    def look(self) -> None:
        """Point each picture at the sender that contains what is asked for; none found: it stays as it is."""
        own, pick = self._own, self._senders.pick
        for place, (top, part, found) in enumerate(SENDERS, start=1):
            sender = self._comp.op(top).par.sendername
            others = [own(other) for _, other, _ in SENDERS[place:]]
            self._point(sender, found, pick(own(part), sender.menuNames, others))
        ndi = self._comp.op("ndi_in").par
        ndi.active, ndi.extraips = own("Ndi"), own("Ndiips")
        self._point(ndi.name, "Ndifound", pick(own("Ndisource"), ndi.name.menuNames) if own("Ndi") else "")

    def take_news(self, engine_px: Size | None) -> str:
        """What is wrong with the main picture, or that it has come; empty where nothing new is to be told.

        `engine_px` is the size of the engine's picture on this machine; None: unknown, or none is to be expected.
        What is wrong in two looks in a row is told, once: a sender may be a moment late.
        """
        trouble = "" if engine_px is None or self._own("Ndi") else self._trouble_of_main(engine_px)
        before, self._trouble = self._trouble, trouble
        if trouble != before:
            was_told, self._is_told = self._is_told, False
            name = self._own("Mainfound")
            return f"output 1 shows {name}" if was_told and not trouble and engine_px and name else ""
        if not trouble or self._is_told:
            return ""
        self._is_told = True
        return trouble

    def _trouble_of_main(self, engine_px: Size) -> str:
        top = self._comp.op("main_in")
        top.cook()  # nobody may be looking at it: what does not cook has the size of its last picture
        return main_trouble(
            self._own("Mainsender"), self._own("Mainfound"), len(top.par.sendername.menuNames), (top.width, top.height),
            engine_px, is_windows=sys.platform == "win32",
            is_non_commercial=licenses.isNonCommercial,  # noqa: F821  TouchDesigner's
        )  # fmt: skip

    def _point(self, sender: Any, shown_in: str, name: str) -> None:
        if name and sender.eval() != name:
            sender.val = name
        shown = getattr(self._comp.par, shown_in)
        if shown.eval() != name:
            shown.val = name

    def _own(self, name: str) -> Any:
        return getattr(self._comp.par, name).eval()


def main_trouble(
    part: str, name: str, senders: int, shown_px: Size, engine_px: Size, *, is_windows: bool, is_non_commercial: bool
) -> str:
    """Why output 1 does not show the engine's picture as it is: one line, or empty. Pure.

    `name` is the sender that contains `part`, or empty; `senders` counts all that are there.
    """
    placeholder = "TouchDesigner's placeholder, {} x {}".format(*PLACEHOLDER_PX)
    if not name:
        line = (
            f"no Syphon or Spout sender contains {part!r}: output 1 shows {placeholder}; see Sinks on the Status page"
        )
        full = f". {senders} senders are there, which may be all that Spout takes: end one"
        return line + (full if is_windows and senders in SPOUT_LIMITS else "")
    if shown_px == PLACEHOLDER_PX != engine_px:
        why = ": Spout In needs an Nvidia or AMD card" if is_windows else ""
        return f"{name} is there, and output 1 still shows {placeholder}{why}"
    if is_non_commercial and max(engine_px) > MAX_NON_COMMERCIAL_PX:
        size, most = " x ".join(map(str, engine_px)), f"{MAX_NON_COMMERCIAL_PX} x {MAX_NON_COMMERCIAL_PX}"
        return f"TouchDesigner Non-Commercial stops at {most}: the engine's {size} comes smaller"
    return ""
