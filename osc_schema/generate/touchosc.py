"""A layout for TouchOSC (the current version, not Mk1): one page per area with faders, buttons and
rows of buttons.

A `.tosc` file is zlib-compressed XML: nodes with properties, values, messages and children. Host,
send port and receive port are set in the app, under Connections; the button Connect on the first
page sends the receive port to the engine.

The range of a linear fader is part of its message: the app scales the fader's 0..1 to it, and back.
Exponential faders and menus need scripts, because the engine answers a menu with the item's name
and the app scales linearly only; they send only while they are touched, so there is no feedback
loop. TouchOSC has no text entry: texts and colours are displayed only.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree

from osc_schema.generate.pages import (
    Panel,
    SurfaceControl,
    columns,
    decimals,
    default_text,
    hint,
    pages,
)
from osc_schema.scale import scale_of
from osc_schema.types import Area, Param, ParamType

LISTEN_PORT = 9003

_MAX_ROWS = 11
_MAX_PANELS = (
    16  # two rows of eight; one, if a panel has more controls than half the height has room for
)
_MAX_ROWS_IN_HALF = 9
_WIDTH_PX = 1600
_HEIGHT_PX = 1000
_TAB_PX = 44
_ROW_PX = 80
_GAP_PX = 6
_TITLE_PX = 36
_LABEL_PX = 20
_TEXT_PX = 14
_SMALL_TEXT_PX = 12
_LETTER_PX = 8
# textAlignH
_ALIGN_LEFT = 1
_ALIGN_CENTRE = 2
_ALIGN_RIGHT = 3
_LAST_ANSWER = "message[2][1].value"

Colour = tuple[float, float, float, float]
_BACKGROUND = (0.08, 0.08, 0.09, 1.0)
_BAND = (0.16, 0.16, 0.18, 1.0)
_WHITE = (1.0, 1.0, 1.0, 1.0)
_FADER = (0.2, 0.6, 0.9, 1)
_TOGGLE = (0.9, 0.7, 0.2, 1)
_MENU = (0.5, 0.75, 0.4, 1)
_TRIGGER = (0.9, 0.3, 0.25, 1)

_EXPONENTIAL = """\
local low, ratio = {low}, {ratio}
local function show(value)
  self.parent.children['{name} value'].values.text = string.format('%.{decimals}f', value)
end
function onValueChanged(key)
  if key == 'x' and self.values.touch then
    local value = low * ratio ^ self.values.x
    sendOSC('{address}', value)
    show(value)
  end
end
function onReceiveOSC(message)
  self.values.x = math.log({answer} / low) / math.log(ratio)
  show({answer})
  return true
end
"""
_MENU_ROW = """\
local items = {{{items}}}
function onValueChanged(key)
  if key == 'x' and self.values.touch then
    sendOSC('{address}', items[self.values.x + 1])
  end
end
function onReceiveOSC(message)
  for at, item in ipairs(items) do
    if item == {answer} then self.values.x = at - 1 end
  end
  return true
end
"""
_MENU_STEPPER = """\
local items = {{{items}}}
local at = 1
local function show()
  self.parent.children['{name} value'].values.text = items[at]
end
function onValueChanged(key)
  if key == 'x' and self.values.x == 1 then
    at = at % #items + 1
    sendOSC('{address}', items[at])
    show()
  end
end
function onReceiveOSC(message)
  for index, item in ipairs(items) do
    if item == {answer} then at = index end
  end
  show()
  return true
end
"""


def touchosc(areas: Iterable[Area], *, listen_port: int = LISTEN_PORT) -> bytes:
    """The file's bytes, the same for the same declarations. listen_port: the receive port set in
    the app."""
    root = _node("GROUP", "multiverse", (0, 0, _WIDTH_PX, _HEIGHT_PX), _BACKGROUND)
    pager = _node(
        "PAGER",
        "pages",
        (0, 0, _WIDTH_PX, _HEIGHT_PX),
        _BACKGROUND,
        tabbarSize=_TAB_PX,
        tabLabels=True,
    )
    _values(pager, page="0")
    children = ElementTree.SubElement(pager, "children")
    for page in pages(areas):
        panels = columns(page, _MAX_ROWS)
        is_high = max(len(panel.controls) for panel in panels) > _MAX_ROWS_IN_HALF
        many = _MAX_PANELS // 2 if is_high else _MAX_PANELS
        for begin in range(0, len(panels), many):
            title = f"{page.title} {1 + begin // many}" if begin else page.title
            children.append(_page(title, panels[begin : begin + many]))
    children[0][-1].extend(_connect_button(listen_port))
    ElementTree.SubElement(root, "children").append(pager)
    file = ElementTree.Element("lexml", version="3")
    file.append(root)
    text = ElementTree.tostring(file, encoding="UTF-8", xml_declaration=True)
    return zlib.compress(text, 9)


def _page(title: str, panels: Sequence[Panel]) -> ElementTree.Element:
    node = _node(
        "GROUP",
        title,
        (0, _TAB_PX, _WIDTH_PX, _HEIGHT_PX - _TAB_PX),
        _BACKGROUND,
        tabLabel=title,
        tabColorOff=_BAND,
        tabColorOn=_BACKGROUND,
        textColorOff=_WHITE,
        textColorOn=_WHITE,
    )
    children = ElementTree.SubElement(node, "children")
    per_row = len(panels) if len(panels) <= _MAX_PANELS // 2 else 6 if len(panels) <= 12 else 8
    rows = -(-len(panels) // per_row)
    width, height = _WIDTH_PX // per_row, (_HEIGHT_PX - _TAB_PX) // rows
    for at, panel in enumerate(panels):
        children.extend(
            _panel(title, panel, width * (at % per_row), height * (at // per_row), width, height)
        )
    return node


def _connect_button(listen_port: int) -> Iterator[ElementTree.Element]:
    frame = (_WIDTH_PX - 320, _HEIGHT_PX - _TAB_PX - 70, 300, 50)
    button = _node("BUTTON", "Connect", frame, _TRIGGER, buttonType=0)
    _values(button, x="0")
    arguments = (("CONSTANT", "INTEGER", "1"), ("CONSTANT", "INTEGER", str(listen_port)))
    _message(button, "/engine/notify", *arguments, condition="RISE", receive=False)
    yield button
    yield _label("Connect label", f"Connect (receive port {listen_port})", frame)


def _panel(
    page: str, panel: Panel, x: int, y: int, width: int, height: int
) -> Iterator[ElementTree.Element]:
    yield _label(
        f"{page} {panel.title} {x} {y}",
        panel.title.upper(),
        (x, y, width, _TITLE_PX),
        align=_ALIGN_LEFT,
    )
    pitch = min(_ROW_PX, (height - _TITLE_PX) // len(panel.controls))
    for row, control in enumerate(panel.controls):
        yield from _row(
            control, x + _GAP_PX, y + _TITLE_PX + row * pitch, width - 2 * _GAP_PX, pitch - _GAP_PX
        )


def _row(
    control: SurfaceControl, x: int, y: int, width: int, height: int
) -> Iterator[ElementTree.Element]:
    """Label and value in one line, and the control below, as wide as the panel: a long fader is
    more precise."""
    param = control.param
    name = control.param.address
    yield _label(
        f"{name} label", control.caption, (x, y, 2 * width // 3, _LABEL_PX), align=_ALIGN_LEFT
    )
    value_label = _label(
        f"{name} value", "", (x + 2 * width // 3, y, width // 3, _LABEL_PX), align=_ALIGN_RIGHT
    )
    frame = (x, y + _LABEL_PX, width, height - _LABEL_PX)
    match param.type:
        case ParamType.TRIGGER:
            button = _node("BUTTON", name, frame, _TRIGGER, buttonType=0, tag=hint(param))
            _values(button, x="0")
            if control.is_momentary:
                _message(button, name, ("VALUE", "INTEGER", "x"), receive=False)
            else:
                arguments = () if control.is_bare else (("CONSTANT", "INTEGER", "1"),)
                _message(button, name, *arguments, condition="RISE", receive=False)
            yield button
        case ParamType.BOOL:
            button = _node("BUTTON", name, frame, _TOGGLE, buttonType=2, tag=hint(param))
            _values(button, x=str(int(param.default is True)))
            _message(button, name, ("VALUE", "INTEGER", "x"))
            yield button
        case ParamType.MENU if width / len(param.menu) > _LETTER_PX * max(map(len, param.menu)):
            yield _menu_row(param, frame)
            step_px = width / len(param.menu)
            for at, item in enumerate(param.menu):
                stop_frame = (round(x + at * step_px), frame[1], round(step_px), frame[3])
                yield _label(f"{name} {item}", item, stop_frame, size_px=_SMALL_TEXT_PX)
        case ParamType.MENU:
            yield from (_menu_stepper(param, frame), value_label)
        case ParamType.TEXT | ParamType.FILE | ParamType.COLOUR:
            text = _label(
                name,
                default_text(param) if param.default else "",
                frame,
                align=_ALIGN_LEFT,
                tag=hint(param),
            )
            _message(text, name, ("VALUE", "STRING", "text"), var="text", send=False)
            yield text
        case _:
            yield from (_fader(param, frame, value_label), value_label)


def _fader(
    param: Param, frame: tuple[int, int, int, int], value_label: ElementTree.Element
) -> ElementTree.Element:
    name = param.address
    # horizontal; relative: a touch alone changes nothing
    look = {"orientation": 1, "response": 1, "tag": hint(param)}
    if param.scale == "exponential":
        ratio = param.high / param.low
        script = _EXPONENTIAL.format(
            low=repr(param.low), ratio=repr(ratio), name=name, address=name,
            decimals=decimals(param),
            answer=_LAST_ANSWER,
        )  # fmt: skip
        node = _node("FADER", name, frame, _FADER, **look, script=script)
        _values(node, x=_position(param))
        _message(node, name, ("VALUE", "FLOAT", "x"), send=False)
        return node
    node = _node("FADER", name, frame, _FADER, **look)
    _values(node, x=_position(param))
    kind = "INTEGER" if param.type is ParamType.INT else "FLOAT"
    messages = _message(node, name, ("VALUE", kind, "x"), scale=(param.low, param.high))
    _show_locally(messages, value_label, kind, (param.low, param.high))
    return node


def _position(param: Param) -> str:
    """The default as the fader's own 0..1."""
    assert isinstance(param.default, int | float)
    return f"{scale_of(param).position_of(param.default):.6g}"


def _menu_row(param: Param, frame: tuple[int, int, int, int]) -> ElementTree.Element:
    script = _MENU_ROW.format(
        items=_lua_texts(param.menu), address=param.address, answer=_LAST_ANSWER
    )
    look = {"steps": len(param.menu), "radioType": 0, "orientation": 1, "tag": hint(param)}
    node = _node("RADIO", param.address, frame, _MENU, **look, script=script)
    _values(node, x=str(param.menu.index(str(param.default))))
    _message(node, param.address, ("VALUE", "STRING", "x"), send=False)
    return node


def _menu_stepper(param: Param, frame: tuple[int, int, int, int]) -> ElementTree.Element:
    """A button that steps through the items, for menus with too many items for a row of buttons."""
    script = _MENU_STEPPER.format(
        items=_lua_texts(param.menu), name=param.address, address=param.address, answer=_LAST_ANSWER
    )
    node = _node(
        "BUTTON", param.address, frame, _MENU, buttonType=0, tag=hint(param), script=script
    )
    _values(node, x="0")
    _message(node, param.address, ("VALUE", "STRING", "x"), send=False)
    return node


def _lua_texts(texts: Iterable[str]) -> str:
    return ", ".join(json.dumps(text) for text in texts)


def _node(
    kind: str, name: str, frame: tuple[float, float, float, float], colour: Colour, **more: Any
) -> ElementTree.Element:
    """A node with its properties; its id is derived from its name, so that the file is
    reproducible."""
    node = ElementTree.Element(
        "node", ID=str(uuid5(NAMESPACE_URL, f"multiverse:{kind}:{name}")), type=kind
    )
    properties = ElementTree.SubElement(node, "properties")
    for key, value in {
        "name": name,
        "color": colour,
        "interactive": kind != "LABEL",
        **more,
    }.items():
        _property(properties, key, value)
    _property(properties, "frame", dict(zip("xywh", frame, strict=True)))
    return node


def _property(properties: ElementTree.Element, key: str, value: Any) -> None:
    match value:
        case bool():
            kind = "b"
            text = str(int(value))
        case int():
            kind = "i"
            text = str(value)
        case str():
            kind = "s"
            text = value
        case dict():
            kind = "r"
            text = ""
        case _:
            kind = "c"
            text = ""
            value = dict(zip("rgba", value, strict=True))
    node = ElementTree.SubElement(properties, "property", type=kind)
    ElementTree.SubElement(node, "key").text = key
    content = ElementTree.SubElement(node, "value")
    if isinstance(value, dict):
        for part, number in value.items():
            ElementTree.SubElement(content, part).text = f"{number:g}"
    else:
        content.text = text


def _values(node: ElementTree.Element, **defaults: str) -> None:
    values = ElementTree.SubElement(node, "values")
    for key, default in {**defaults, "touch": "false"}.items():
        entry = {
            "key": key,
            "locked": "0",
            "lockedDefaultCurrent": "0",
            "default": default,
            "defaultPull": "0",
        }
        _fields(ElementTree.SubElement(values, "value"), entry)


def _message(
    node: ElementTree.Element,
    address: str,
    *arguments: tuple[str, str, str],
    var: str = "x",
    condition: str = "ANY",
    send: bool = True,
    receive: bool = True,
    scale: tuple[float, float] = (0, 1),
) -> ElementTree.Element:
    """Add an OSC message on connection 1; returns the node's messages. `arguments`: (type,
    conversion, value)."""
    messages = ElementTree.SubElement(node, "messages")
    osc = ElementTree.SubElement(messages, "osc")
    flags = {"enabled": "1", "send": str(int(send)), "receive": str(int(receive)), "feedback": "0"}
    _fields(osc, {**flags, "connections": "00001"})
    _fields(_part(osc, "triggers", "trigger"), {"var": var, "condition": condition})
    _fields(_part(osc, "path", "partial"), _partial("CONSTANT", "STRING", address))
    parts = ElementTree.SubElement(osc, "arguments")
    for argument in arguments:
        _fields(ElementTree.SubElement(parts, "partial"), _partial(*argument, scale))
    return messages


def _show_locally(
    messages: ElementTree.Element,
    value_label: ElementTree.Element,
    conversion: str,
    scale: tuple[float, float],
) -> None:
    """Show the fader's value as a number on the label beside it, for touches and for received
    values."""
    local = ElementTree.SubElement(messages, "local")
    _fields(local, {"enabled": "1"})
    _fields(_part(local, "triggers", "trigger"), {"var": "x", "condition": "ANY"})
    _fields(local, _partial("VALUE", conversion, "x", scale))
    _fields(local, {"dstType": "VALUE", "dstVar": "text", "dstID": value_label.attrib["ID"]})


def _partial(
    kind: str, conversion: str, value: str, scale: tuple[float, float] = (0, 1)
) -> dict[str, str]:
    low, high = (f"{end:.10g}" for end in scale)
    return {
        "type": kind,
        "conversion": conversion,
        "value": value,
        "scaleMin": low,
        "scaleMax": high,
    }


def _part(node: ElementTree.Element, outer: str, inner: str) -> ElementTree.Element:
    return ElementTree.SubElement(ElementTree.SubElement(node, outer), inner)


def _fields(node: ElementTree.Element, fields: dict[str, str]) -> None:
    for key, text in fields.items():
        ElementTree.SubElement(node, key).text = text


def _label(
    name: str,
    text: str,
    frame: tuple[float, float, float, float],
    *,
    size_px: int = _TEXT_PX,
    align: int = _ALIGN_CENTRE,
    **more: Any,
) -> ElementTree.Element:
    """A text that passes touches through to the control below it."""
    look = {
        "background": False,
        "outline": False,
        "textSize": size_px,
        "textAlignH": align,
        "textClip": True,
    }
    node = _node("LABEL", name, frame, _BACKGROUND, **look, textColor=_WHITE, **more)
    _values(node, text=text)
    return node
