"""The operators that the component uses, and those of their parameters that it may set: name -> style and default.

Names and menus are from TouchDesigner's documentation (docs.derivative.ca, one page per operator).
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class BuiltIn:
    style: str
    default: Any
    menu: tuple[str, ...] = ()


def text(default: str = "") -> BuiltIn:
    return BuiltIn("Str", default)


def toggle(default: bool) -> BuiltIn:
    return BuiltIn("Toggle", default)


def number(default: int) -> BuiltIn:
    return BuiltIn("Int", default)


def menu(*names: str) -> BuiltIn:
    return BuiltIn("Menu", names[0], names)


_NETWORK = {
    "active": toggle(True),
    "protocol": menu("msging", "multicastmsging", "reliablemsging"),
    "address": text("localhost"),
    "callbacks": BuiltIn("DAT", ""),
    "clamp": toggle(True),
    "maxlines": number(100),
}
_TOP = {"outputresolution": menu("useinput", "eighth", "quarter", "half", "custom")}
_CHOP = {"timeslice": toggle(False), "scope": text("*")}

PARAMETERS: dict[str, dict[str, BuiltIn]] = {
    "baseCOMP": {"ext0object": text(), "ext0name": text(), "ext0promote": toggle(False)},
    "textDAT": {"file": text()},
    "tableDAT": {"file": text(), "fill": menu("manual", "fill")},
    "oscinDAT": _NETWORK | {"port": number(10000)},
    "oscoutDAT": _NETWORK | {"port": number(10000)},
    "parameterexecuteDAT": {
        "active": toggle(True),
        "op": BuiltIn("OP", ""),
        "pars": text("*"),
        "valuechange": toggle(True),
        "onpulse": toggle(False),
        "custom": toggle(True),
        "builtin": toggle(False),
    },
    "executeDAT": {"active": toggle(True), "framestart": toggle(False)},
    "syphonspoutinTOP": _TOP | {"usespoutactivesender": toggle(True), "sendername": BuiltIn("StrMenu", "")},
    "syphonspoutoutTOP": _TOP | {"sendername": text("TDSyphonSpoutOut")},
    "inTOP": _TOP | {"label": text()},
    "ndiinTOP": _TOP
    | {"active": toggle(True), "name": BuiltIn("StrMenu", ""), "extraips": text(), "bandwidth": menu("high", "low")},
    "outTOP": _TOP | {"label": text()},
    "dattoCHOP": _CHOP
    | {
        "dat": BuiltIn("DAT", ""),
        "output": menu("single", "chanperrow", "chanpercol", "chanpervalue"),
        "firstrow": menu("ignored", "names", "values"),
        "firstcolumn": menu("ignored", "names", "values"),
    },
    "oscinCHOP": _CHOP
    | {
        "active": toggle(True),
        "protocol": menu("msging", "multicastmsging"),
        "port": number(10000),
        "queued": toggle(False),
        "stripsegments": number(0),
        "resetvalues": toggle(False),
    },
    "renameCHOP": _CHOP | {"renamefrom": text("*"), "renameto": text("*")},
    "replaceCHOP": _CHOP,
    "inCHOP": _CHOP | {"label": text()},
    "resampleCHOP": _CHOP
    | {
        "method": menu("strech", "preserve", "index", "newint"),  # sic
        "rate": number(60),
    },
    "audiooscillatorCHOP": _CHOP,
    "outCHOP": _CHOP | {"label": text()},
    "nullCHOP": _CHOP,
    "levelTOP": _TOP | {"brightness1": BuiltIn("Float", 1.0)},
}
