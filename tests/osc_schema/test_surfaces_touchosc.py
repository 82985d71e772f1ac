"""The TouchOSC layout, read back as the app does, and its scripts run in Lua 5.1, the app's
language."""

import importlib
import importlib.util
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

import osc_schema
from osc_schema import Param, ParamType
from osc_schema.generate import touchosc
from osc_schema.generate.pages import pages
from tests.osc_schema.test_surfaces import ADDRESSES

NUMBERS = (ParamType.FLOAT, ParamType.STOPS, ParamType.INT)
# The parts of the app that the scripts use: a control, the labels beside it, and the messages it
# sends.
APP = """
sent = {}
function sendOSC(address, value) table.insert(sent, {address, value}) end
local function empty(t, k) local v = {values = {}}; rawset(t, k, v); return v end
self = {values = {x = 0, touch = false}, parent = {children = setmetatable({}, {__index = empty})}}
function hear(address, value) return onReceiveOSC({address, {{tag = 's', value = value}}}) end
function move(x) self.values.touch = true; self.values.x = x; onValueChanged('x'); self.values.touch = false end
"""


@pytest.fixture(scope="module")
def layout() -> ElementTree.Element:
    return ElementTree.fromstring(zlib.decompress(touchosc(osc_schema.AREAS)))


def properties(node: ElementTree.Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in node.findall("properties/property"):
        value = entry.find("value")
        assert value is not None
        found[entry.findtext("key") or ""] = (
            {part.tag: float(part.text or 0) for part in value} or value.text or ""
        )
    return found


def value(node: ElementTree.Element, key: str) -> str:
    (found,) = (
        entry.findtext("default")
        for entry in node.findall("values/value")
        if entry.findtext("key") == key
    )
    return found or ""


def test_touchosc_has_every_parameter_once_on_the_page_of_its_area(
    layout: ElementTree.Element,
) -> None:
    assert (layout.tag, layout.get("version")) == ("lexml", "3")
    (pager,) = layout.findall("node/children/node")
    assert pager.get("type") == "PAGER"
    found: Counter = Counter()
    titles = []
    for page in pager.findall("children/node"):
        look = properties(page)
        titles.append(look["tabLabel"])
        for node in page.findall("children/node"):
            for osc in node.findall("messages/osc"):
                assert osc.findtext("enabled") == "1" and osc.findtext("connections") == "00001"
                found[osc.findtext("path/partial/value")] += 1
            frame = properties(node)["frame"]
            assert frame["x"] >= 0 and frame["x"] + frame["w"] <= look["frame"]["w"] + 1
            assert frame["y"] >= 0 and frame["y"] + frame["h"] <= look["frame"]["h"] + 1
            assert min(frame["w"], frame["h"]) > 15
    assert found == ADDRESSES + Counter(["/engine/notify"])
    # what one page has no room for
    more = ("Stable Diffusion 2", "Stable Diffusion 3", "Outputs 2")
    assert [title for title in titles if title not in more] == [
        page.title for page in pages(osc_schema.AREAS)
    ]
    nodes = list(layout.iter("node"))
    assert len({node.get("ID") for node in nodes}) == len(nodes)


def test_touchosc_maps_its_controls_to_the_ranges(layout: ElementTree.Element) -> None:
    by_name = {properties(node)["name"]: node for node in layout.iter("node")}
    for number in range(1, 17):
        pad = by_name[f"/pad/{number}"].find("messages/osc")
        assert pad.findtext("triggers/trigger/condition") == "ANY", "the release is sent, too"
        assert pad.findtext("arguments/partial/type") == "VALUE" and pad.findtext("receive") == "0"
    for param in osc_schema.PARAMS:
        node = by_name[param.address]
        look = properties(node)
        osc = node.find("messages/osc")
        assert osc is not None and param.description in look["tag"]
        low, high = (
            float(osc.findtext(f"arguments/partial/{end}") or 0) for end in ("scaleMin", "scaleMax")
        )
        if param.type in NUMBERS:
            assert node.get("type") == "FADER"
            position = float(value(node, "x"))
            if param.scale == "exponential":
                low, ratio = (
                    float(text)
                    for text in re.findall(r"local low, ratio = (\S+), (\S+)", look["script"])[0]
                )
                assert (low, low * ratio) == pytest.approx((param.low, param.high))
                assert low * ratio**position == pytest.approx(param.default, rel=1e-3)
                # the script sends
                assert (osc.findtext("send"), osc.findtext("receive")) == ("0", "1")
            else:
                assert (low, high) == (param.low, param.high)
                assert low + position * (high - low) == pytest.approx(
                    param.default, abs=1e-5 * (high - low)
                )
        elif param.type is ParamType.BOOL:
            assert (node.get("type"), value(node, "x")) == (
                "BUTTON",
                str(int(param.default is True)),
            )
        elif param.type is ParamType.MENU:
            assert json.loads(
                re.findall(r"local items = \{(.*)\}", look["script"])[0].join("[]")
            ) == list(param.menu)
            if node.get("type") == "RADIO":
                assert int(look["steps"]) == len(param.menu)
                assert param.menu[int(value(node, "x"))] == param.default
        elif param.type is ParamType.TRIGGER:
            assert (
                osc.findtext("triggers/trigger/condition") == "RISE"
                and osc.findtext("receive") == "0"
            )
        else:
            assert (node.get("type"), value(node, "text")) == ("LABEL", param.default)


class Script:
    """Runs a control's script in place of the app."""

    def __init__(self, source: str) -> None:
        self._lua = importlib.import_module("lupa.lua51").LuaRuntime()
        self._lua.execute(APP)
        self._lua.execute(source)

    def hear(self, param: Param, value: object) -> tuple[float, str]:
        """(the control's x, the text beside it) after a value from the engine."""
        assert self._lua.globals().hear(param.address, value) is True, (
            "else the app would set x itself"
        )
        control = self._lua.globals().self
        return control["values"]["x"], control["parent"]["children"][f"{param.address} value"][
            "values"
        ]["text"]

    def move(self, x: float) -> None:
        self._lua.globals().move(x)

    @property
    def sent(self) -> list[tuple[str, object]]:
        return [(message[1], message[2]) for message in self._lua.globals().sent.values()]


def test_the_scripts_send_touches_and_show_values_from_the_engine(
    layout: ElementTree.Element, require: Callable[..., None]
) -> None:
    require(importlib.util.find_spec("lupa"), "lupa")
    played: Counter[str] = Counter()
    for node in layout.iter("node"):
        look = properties(node)
        if not (source := look.get("script")):
            continue
        param = osc_schema.lookup(look["name"])
        assert param is not None
        script = Script(source)
        if param.scale == "exponential":
            assert script.hear(param, param.high)[0] == pytest.approx(1)
            assert script.hear(param, param.low)[0] == pytest.approx(0)
            assert script.sent == []
            script.move(0.5)
            ((address, value),) = script.sent
            assert address == param.address and value == pytest.approx(
                math.sqrt(param.low * param.high)
            )
            played["fader"] += 1
        elif node.get("type") == "RADIO":
            assert [script.hear(param, item)[0] for item in param.menu] == list(
                range(len(param.menu))
            )
            assert script.sent == []
            script.move(1)
            assert script.sent == [(param.address, param.menu[1])]
            played["row"] += 1
        else:
            assert script.hear(param, param.menu[-2])[1] == param.menu[-2]
            assert script.sent == []
            for x in (1, 0, 1, 0):  # two presses: the last item, then the first again
                script.move(x)
            assert script.sent == [(param.address, param.menu[-1]), (param.address, param.menu[0])]
            played["stepper"] += 1
    assert min(played["fader"], played["row"], played["stepper"]) > 0
