"""A session for Open Stage Control (1.25 or newer): one tab per area, with panels of labelled
controls.

The session subscribes when it is opened; the button on the first tab subscribes again, for an
engine started later. Feedback sets a widget without sending. A double tap resets a fader to its
default. The description of a parameter is in the widget's `comments`.
"""

import json
from collections.abc import Iterable
from typing import Any

from osc_schema.generate.pages import Page, Panel, SurfaceControl, columns, decimals, hint, pages
from osc_schema.types import Area, Param, ParamType

HOST, PORT = "127.0.0.1", 9000
VERSION = "1.25.0"
"""Version of the session format: newer programs convert sessions of older versions when they load
them."""
NOTIFY = "/engine/notify"

_MAX_ROWS = 12
_MAX_SWITCH_ITEMS = 4
_MAX_FADER_STEPS = 1000  # ints with a wider range become a text input
_WIDTH_PX = 380
_ROW_PX = 36
_LABEL_PX = 120
_VALUE_PX = 70
_GAP_PX = 4
_TITLE_PX = 30
_OPENED = """\
// Subscribe: all values now, then every change, to the port on which Open Stage Control receives.
send("{target}", "{notify}", {arguments});
"""


def osc_layout(
    areas: Iterable[Area], *, host: str = HOST, port: int = PORT, listen_port: int | None = None
) -> str:
    """The session as JSON text, for an engine at host:port.

    listen_port: the port where Open Stage Control receives OSC (its option `--osc-port`), if it is
    not the sending port.
    """
    target = f"{host}:{port}"
    arguments = [1] if listen_port is None else [1, listen_port]
    tabs = [_tab(page, target) for page in pages(areas)]
    first = tabs[0]["widgets"][0]  # beside the panels the button would be as high as the tab
    first["widgets"].append(
        _connect_button(target, arguments) | {"left": _GAP_PX, "top": first["height"]}
    )
    first["height"] += _ROW_PX + 2 * _GAP_PX
    root = {
        "type": "root",
        "id": "root",
        "onCreate": _OPENED.format(
            target=target,
            notify=NOTIFY,
            arguments=", ".join(f'{{type: "i", value: {argument}}}' for argument in arguments),
        ),
        "tabsPosition": "left",  # in a row at the top, two-word titles would be cut off
        "widgets": [],
        "tabs": tabs,
    }
    session = {
        "createdWith": "Open Stage Control",
        "version": VERSION,
        "type": "session",
        "content": root,
    }
    text = json.dumps(session, ensure_ascii=False)
    # one line per widget; quotes inside texts are escaped
    return text.replace(', {"type"', ',\n{"type"') + "\n"


def _tab(page: Page, target: str) -> dict[str, Any]:
    panels = columns(page, _MAX_ROWS)
    return {
        "type": "tab",
        # unique: a parameter such as /mode may have an area's name
        "id": f"tab_{_name(page.title)}",
        "label": page.title,
        "comments": page.description,
        "layout": "horizontal",
        "contain": False,  # scroll if there are more columns than fit
        "widgets": [_panel(page, panel, at, target) for at, panel in enumerate(panels)],
        "tabs": [],
    }


def _panel(page: Page, panel: Panel, at: int, target: str) -> dict[str, Any]:
    name = f"panel_{_name(page.title)}_{at + 1}"
    title = {"height": _TITLE_PX - _GAP_PX}
    widgets = [
        _text(f"{name}_title", panel.title.upper(), _GAP_PX, 0, _WIDTH_PX - 4 * _GAP_PX) | title
    ]
    for row, control in enumerate(panel.controls):
        widgets += _row(control, _TITLE_PX + row * (_ROW_PX + _GAP_PX), target)
    height = _TITLE_PX + len(panel.controls) * (_ROW_PX + _GAP_PX) + 2 * _GAP_PX
    return {
        "type": "panel",
        "id": name,
        "width": _WIDTH_PX,
        "height": height,
        "widgets": widgets,
        "tabs": [],
    }


def _row(control: SurfaceControl, top: int, target: str) -> list[dict[str, Any]]:
    param = control.param
    name = _name(param.address)
    left = _GAP_PX + _LABEL_PX
    width = _WIDTH_PX - _LABEL_PX - 6 * _GAP_PX
    widget = _widget(param)
    if control.is_momentary:
        widget["mode"] = "push"
    if control.is_bare:
        widget |= {"bypass": True, "onValue": f'if (value) send("{target}", "{param.address}")'}
    row = [_text(f"{name}_label", control.caption, _GAP_PX, top, _LABEL_PX)]
    if widget["type"] == "fader":
        width -= _VALUE_PX + _GAP_PX
        texts = {"value": f"@{{{name}}}", "decimals": decimals(param)}
        row.append(_text(f"{name}_value", "", left + width + _GAP_PX, top, _VALUE_PX) | texts)
    widget |= {
        "id": name,
        "comments": hint(param),
        "left": left,
        "top": top,
        "width": width,
        "height": _ROW_PX,
        "address": param.address,
        "target": [target],
        "ignoreDefaults": True,  # send once, even if the program was started with other targets
    }
    return [*row, widget]


def _widget(param: Param) -> dict[str, Any]:
    """Properties that depend on the parameter's type, with the program's names."""
    match param.type:
        case ParamType.TRIGGER:
            return {
                "type": "button",
                "mode": "tap",
                "on": 1,
                "off": 0,
                "label": "",
                "typeTags": "i",
            }
        case ParamType.BOOL:
            state = {"on": 1, "off": 0, "default": int(param.default is True)}
            return {"type": "button", "mode": "toggle", **state, "label": "", "typeTags": "i"}
        case ParamType.MENU:
            kind = "switch" if len(param.menu) <= _MAX_SWITCH_ITEMS else "dropdown"
            layout = {"layout": "horizontal"} if kind == "switch" else {}
            return {
                "type": kind,
                **layout,
                "values": list(param.menu),
                "default": param.default,
                "typeTags": "s",
            }
        case ParamType.TEXT | ParamType.FILE:
            most = int(param.high)
            return {
                "type": "input",
                "align": "left",
                "default": param.default,
                "maxLength": most,
                "typeTags": "s",
            }
        case ParamType.COLOUR:
            unit = {"min": 0, "max": 1}
            colour = {
                "type": "rgb",
                "alpha": True,
                "range": unit,
                "rangeAlpha": unit,
                "decimals": 4,
            }
            return colour | {"default": param.default, "typeTags": "f"}
        case ParamType.INT if param.high - param.low > _MAX_FADER_STEPS:
            return {
                "type": "input",
                "numeric": param.step,
                "default": param.default,
                "decimals": 0,
                "typeTags": "i",
            }
    fader = {
        "type": "fader",
        "design": "compact",
        "horizontal": True,
        "doubleTap": True,
        "snap": False,
    }
    fader |= {"range": _range(param), "default": param.default, "decimals": decimals(param)}
    fader["typeTags"] = "i" if param.type is ParamType.INT else "f"
    if param.scale == "exponential":
        # The program maps a position p to low + (high - low) * (s**p - 1) / (s - 1); this s gives
        # low * (high / low)**p.
        fader["logScale"] = param.high / param.low
    if param.low < 0 < param.high:
        fader["origin"] = 0
    return fader


def _range(param: Param) -> dict[str, Any]:
    """The range; stops have their names at their positions."""
    if not param.stops:
        return {"min": param.low, "max": param.high}
    last = len(param.stops) - 1
    positions = ["min", *(f"{100 * at / last:.10g}%" for at in range(1, last)), "max"]
    return {
        position: {name: at}
        for at, (position, name) in enumerate(zip(positions, param.stops, strict=True))
    }


def _connect_button(target: str, arguments: list[int]) -> dict[str, Any]:
    return {
        "type": "button",
        "id": "connect",
        "label": "Connect",
        "comments": "Subscribes to all values and changes again, as opening this session did.",
        "width": 120,
        "height": _ROW_PX,
        "mode": "tap",
        "on": arguments[-1],
        "preArgs": arguments[:-1],
        "typeTags": "i",
        "address": NOTIFY,
        "target": [target],
        "ignoreDefaults": True,
    }


def _text(name: str, text: str, x: int, top: int, width: int) -> dict[str, Any]:
    frame = {"left": x, "top": top, "width": width, "height": _ROW_PX}
    return {
        "type": "text",
        "id": name,
        **frame,
        "align": "left",
        "wrap": "soft",
        "default": text,
        "bypass": True,
    }


def _name(text: str) -> str:
    """A widget id made from the text; a dot or slash in an id would be parsed as a property."""
    return "".join(letter if letter.isalnum() else "_" for letter in text.strip("/").lower())
