"""The Max patch in a simulation: messages follow its boxes and cords as in Max.

Max itself is not available to these tests. Each object behaves as documented in Cycling '74's reference
(docs.cycling74.com/reference/NAME); the patch may use no other object. Cords from one outlet are served from right to
left, as in Max.
"""

import json
import math
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import osc_schema
from osc_schema import Param, ParamType
from osc_schema.generate import max_patch
from osc_schema.generate.pages import pages
from osc_schema.sam3 import OBJECT_ARGUMENTS

MAX_OBJECTS_A_MESSAGE = 24
"""Limit of the objects that one message of the engine passes. With a `route` at each control there were 536."""
STOCK = set(
    "delay gate jit.world loadbang loadmess p prepend r route s sel t thispatcher udpreceive udpsend unpack "
    "button comment flonum inlet live.dial message number swatch textedit toggle umenu".split()
)
# Each is in one package, for one system: Syphon/Jitter on GitHub, Client/.../max.jit.gl.syphonclient.m, and
# leadedge/Spout2 on GitHub, MAX/.../max.jit.gl.spoutreceiver.c. A message `getX` is answered from the right outlet.
RECEIVERS = {
    "jit.gl.syphonclient": ("macintosh", "Syphon", "servername"),
    "jit.gl.spoutreceiver": ("windows", "Spout", "sendername"),
}
Message = tuple[Any, ...]


def atoms(text: str) -> Message:
    return tuple(_atom(word.strip('"')) for word in re.findall(r'"[^"]*"|[^\s"]+', text))


def _atom(word: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            pass
    return word


class Box:
    def __init__(self, raw: dict[str, Any], window: "Window") -> None:
        self.raw, self.window = raw, window
        self.text: str = raw.get("text", "")
        words = atoms(self.text) if raw["maxclass"] == "newobj" else ()
        self.kind: str = str(words[0]) if words else raw["maxclass"]
        self.arguments = words[1:]
        self.place = raw["patching_rect"][:2]
        self.cords: dict[int, list[tuple[Box, int]]] = {}
        self.shown: Any = None
        self.is_open = self.arguments[1:2] not in ((), (0,))  # `gate 1` is a gate of one outlet, closed
        self.due_ms: float | None = None

    def cord(self, outlet: int, target: "Box", inlet: int) -> None:
        assert outlet < self.raw["numoutlets"] and inlet < target.raw["numinlets"], (self.text, target.text)
        self.cords.setdefault(outlet, []).append((target, inlet))
        self.cords[outlet].sort(key=lambda cord: cord[0].place, reverse=True)


class Window:
    """A patcher: boxes by id, and by the name that scripts use."""

    def __init__(self, raw: dict[str, Any], player: "Player") -> None:
        self.player = player
        self.boxes = {entry["box"]["id"]: Box(entry["box"], self) for entry in raw["boxes"]}
        self.named = {box.raw["varname"]: box for box in self.boxes.values() if "varname" in box.raw}
        for line in raw["lines"]:
            (source, outlet), (target, inlet) = line["patchline"]["source"], line["patchline"]["destination"]
            self.boxes[source].cord(outlet, self.boxes[target], inlet)
        self.inner = {box: Window(box.raw["patcher"], player) for box in self.boxes.values() if box.kind == "p"}

    def all(self) -> Iterator[Box]:
        for box in self.boxes.values():
            yield box
            if box in self.inner:
                yield from self.inner[box].all()


class Player:
    """Max with the patch open, on a system and with packages installed."""

    def __init__(self, patch: str, system: str = "macintosh", packages: Iterable[str] = ()) -> None:
        self.system, self.packages = system, set(packages)
        self.console: list[str] = []
        self.sent: list[Message] = []
        self.visits = 0
        self.now_ms = 0.0
        self.top = Window(json.loads(patch)["patcher"], self)
        self.boxes = list(self.top.all())
        self.listeners: dict[Any, list[Box]] = {}
        for box in self.boxes:
            self.check(box)
            if box.kind == "r":
                self.listeners.setdefault(box.arguments[0], []).append(box)
        for box in self.boxes:
            if box.kind == "loadbang":
                self.out(box, 0, ("bang",))
            elif box.kind == "loadmess":
                self.out(box, 0, box.arguments)

    def check(self, box: Box) -> None:
        """Create a box as Max does: an unknown object is red and prints a line to the console."""
        system, package, _ = RECEIVERS.get(box.kind, ("", "", ""))
        is_installed = system == self.system and package in self.packages
        if box.kind not in STOCK and not is_installed:
            self.console.append(f"{box.kind}: No such object")
            box.kind = "red"

    # -- input from people and programs --

    def hear(self, *message: Any) -> int:
        """Receive a message of the engine; returns the number of objects it passed through."""
        self.visits = 0
        (port,) = (box for box in self.boxes if box.kind == "udpreceive")
        self.out(port, 0, message)
        return self.visits

    def wait(self, ms: float) -> None:
        self.now_ms += ms
        for box in [box for box in self.boxes if box.due_ms is not None and box.due_ms <= self.now_ms]:
            box.due_ms = None
            self.out(box, 0, ("bang",))

    def control(self, address: str) -> Box:
        """The box that a person moves to send `address`."""
        (box,) = (
            box
            for box in self.boxes
            if (box.kind == "prepend" and box.arguments == (address,))
            or (box.kind == "message" and box.text == address)
        )
        while box.kind in ("prepend", "message", "route"):
            box = self.source(box)
        return box

    def source(self, box: Box) -> Box:
        """The box connected to an inlet; of two, the first in the file."""
        feeds = [
            other
            for other in box.window.boxes.values()
            if any(target is box for cords in other.cords.values() for target, _ in cords)
        ]
        return feeds[0]

    def move(self, box: Box, value: Any) -> list[Message]:
        """Turn, choose, type or press like a person; returns the messages to the engine."""
        self.sent.clear()
        if box.kind == "textedit":
            box.shown = value
            self.out(box, 0, ("text", value))
        else:
            self.take(box, 0, (value,))
        return list(self.sent)

    # -- what the objects do --

    def out(self, box: Box, outlet: int, message: Message) -> None:
        for target, inlet in tuple(box.cords.get(outlet, ())):
            self.take(target, inlet, message)

    def tell(self, name: Any, message: Message) -> None:
        for box in self.listeners.get(name, ()):
            self.visits += 1
            self.out(box, 0, message)

    def take(self, box: Box, inlet: int, message: Message) -> None:
        self.visits += 1
        first, rest = message[0], message[1:]
        match box.kind:
            case "p":
                for inner in box.window.inner[box].boxes.values():
                    if inner.kind == "inlet" and inner.raw["index"] == inlet + 1:
                        self.visits += 1
                        self.out(inner, 0, message)
            case "s":
                self.tell(box.arguments[0], message)
            case "route" | "sel":
                found = first in box.arguments and not (box.kind == "sel" and rest)
                outlet = box.arguments.index(first) if found else len(box.arguments)
                self.out(box, outlet, (rest or ("bang",)) if found and box.kind == "route" else
                         ("bang",) if found else message)  # fmt: skip
            case "prepend":
                self.out(box, 0, (*box.arguments, *message))  # of a bang too: the stored message, then the word "bang"
            case "t":
                for outlet in reversed(range(len(box.arguments))):
                    self.out(box, outlet, {"b": ("bang",), "l": message}[box.arguments[outlet]])
            case "gate":
                if inlet == 0:
                    box.is_open = bool(first)
                elif box.is_open:
                    self.out(box, 0, message)
            case "delay":
                box.due_ms = self.now_ms + box.arguments[0]
            case "unpack":
                for outlet in reversed(range(len(message))):
                    self.out(box, outlet, message[outlet : outlet + 1])
            case "udpsend":
                self.sent.append(message)
            case "message":
                self._say(box)
            case "thispatcher":
                assert first == "script", message
                self._script(box.window, *rest)
            case "comment":
                assert first == "set", message
                box.shown = " ".join(map(str, rest))
            case "button":
                self.out(box, 0, ("bang",))
            case "toggle" | "number" | "flonum" | "live.dial" | "umenu" | "textedit":
                self._show(box, message)
            case "jit.world":
                pass
            case _ if box.kind in RECEIVERS:
                attribute = RECEIVERS[box.kind][2]
                if first == f"get{attribute}":
                    self.out(box, 1, (attribute, box.arguments[box.arguments.index(f"@{attribute}") + 1]))
            case "red":
                self.console.append(f"no object understands {first}")
            case _:
                raise AssertionError(f"{box.kind} takes nothing")

    def _say(self, box: Box) -> None:
        if box.text.startswith(";"):
            name, *message = atoms(box.text[1:])
            if (name, message[0]) == ("max", "getsystem"):
                self.tell(message[1], (self.system,))
            else:
                self.tell(name, tuple(message))
        else:
            for part in box.text.split(", "):
                self.out(box, 0, atoms(part))

    def _show(self, box: Box, message: Message) -> None:
        first, rest = message[0], message[1:]
        if first == "setsymbol":
            box.shown = [item for item in box.raw["items"] if item != ","].index(" ".join(map(str, rest)))
        elif first == "set":
            box.shown = rest[0] if rest else ""
        elif first == "bang":
            self.out(box, 0, (box.shown,))
        else:
            assert isinstance(first, int | float) and not rest, (box.kind, message)
            box.shown = first
            self.out(box, 0, (first,))

    def _script(self, window: Window, verb: str, *rest: Any) -> None:
        match verb, *rest:
            case "delete", name:
                gone = window.named.pop(name)
                self.boxes.remove(gone)
                for box in window.boxes.values():
                    box.cords = {o: [c for c in cords if c[0] is not gone] for o, cords in box.cords.items()}
            case "newdefault", name, x, y, *text:
                assert name not in window.named, name
                raw = {"maxclass": "newobj", "text": " ".join(map(str, text)), "patching_rect": [x, y, 100, 22]}
                made = Box(raw | {"numinlets": 1, "numoutlets": 2}, window)
                window.named[name] = made
                self.boxes.append(made)
                self.check(made)
            case "connect", source, outlet, target, inlet:
                if "red" not in (window.named[source].kind, window.named[target].kind):
                    window.named[source].cord(outlet, window.named[target], inlet)
            case "send", name, *message:
                self.take(window.named[name], 0, tuple(message))
            case _:
                raise AssertionError(f"thispatcher: {verb} {rest}")


@pytest.fixture(scope="module")
def patch() -> str:
    return max_patch(osc_schema.AREAS)


@pytest.fixture
def player(patch: str) -> Player:
    return Player(patch)


def shown_params() -> list[Param]:
    """All controls on the pages: every parameter, and the commands used in a show."""
    return [control.param for page in pages(osc_schema.AREAS) for panel in page.panels for control in panel.controls]


def sent_and_shown(param: Param) -> tuple[Any, Any]:
    """A value other than the default, as sent by the engine (i, f or s) and as shown by the box."""
    match param.type:
        case ParamType.BOOL:
            return (int(not param.default),) * 2
        case ParamType.MENU:
            item = param.menu[-1 if param.default != param.menu[-1] else 0]
            return item, param.menu.index(item)
        case ParamType.TEXT | ParamType.FILE:
            return ("a red sea",) * 2
        case ParamType.INT:
            return (int(param.high if param.default != param.high else param.low),) * 2
    return (float(param.high if param.default != param.high else param.low),) * 2


# -- the boxes ------------------------------------------------------------------------------------

KINDS = {
    ParamType.FLOAT: "live.dial",
    ParamType.STOPS: "live.dial",
    ParamType.TEXT: "textedit",
    ParamType.FILE: "textedit",
    ParamType.INT: "number",
    ParamType.BOOL: "toggle",
    ParamType.MENU: "umenu",
    ParamType.TRIGGER: "button",
}


def test_every_control_is_the_box_of_its_type_with_its_range_and_default(player: Player) -> None:
    for param in shown_params():
        box = player.control(param.address)
        assert box.kind == KINDS[param.type], param.address
        assert param.description in box.raw["hint"] and param.address in box.raw["annotation"]
        feeds = (other for other in box.window.boxes.values() if any(t is box for t, _ in other.cords.get(0, ())))
        presets = [other.text for other in feeds if other.kind == "loadmess"]
        if box.kind == "live.dial":
            value = box.raw["saved_attribute_attributes"]["valueof"]
            assert (value["parameter_mmin"], value["parameter_mmax"]) == (param.low, param.high)
            assert value["parameter_initial"] == [param.default]
            if param.scale == "exponential":  # half way round the dial is the geometric middle
                middle = param.low + (param.high - param.low) * 0.5 ** value["parameter_exponent"]
                assert middle == pytest.approx(math.sqrt(param.low * param.high), rel=1e-3)
        elif param.type is ParamType.INT:
            assert (box.raw["minimum"], box.raw["maximum"]) == (param.low, param.high)
            assert presets == [f"loadmess set {param.default}"]
        elif param.type is ParamType.MENU:
            assert [item for item in box.raw["items"] if item != ","] == list(param.menu)
            assert presets == [f"loadmess setsymbol {param.default}"]
        elif param.type is ParamType.BOOL:
            assert presets == [f"loadmess set {int(param.default is True)}"]
    sent = [box.arguments[0] for box in player.boxes if box.kind == "prepend"]
    sent += [box.text for box in player.boxes if box.kind == "message" and box.text.startswith("/pad/")]
    assert sum(str(word).startswith("/") for word in sent) == len(shown_params())


def test_in_max_a_long_description_pushes_the_controls_down(patch: str) -> None:
    boxes = json.loads(patch)["patcher"]["boxes"]
    inner = [entry["box"]["patcher"] for entry in boxes if "patcher" in entry["box"]]
    tabs = [patcher for patcher in inner if patcher.get("showontab")]
    for page, tab in zip(pages(osc_schema.AREAS), tabs, strict=True):
        said, *others = (entry["box"] for entry in tab["boxes"])
        _, top, width, height = said["patching_rect"]
        assert said["text"] == page.description and said["linecount"] * 14 < height
        assert len(page.description) <= said["linecount"] * 100 and width == 660  # a letter is 6 px wide
        assert all(box["patching_rect"][1] >= top + height for box in others)


def test_py2max_finds_no_error_and_no_overlap_in_the_max_patch(patch: str, tmp_path: Path) -> None:
    file = tmp_path / "multiverse.maxpat"
    file.write_text(patch, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "py2max", "validate", str(file)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    findings = [line for line in done.stdout.splitlines() if "WARNING" in line]
    rest = [line for line in findings if "W-OFFCANVAS" not in line]  # the wiring lies below the window on purpose
    assert rest == []


# -- values from the engine ------------------------------------------------------------------------


def test_a_value_from_the_engine_is_shown_by_its_own_box_only_and_not_sent_back(player: Player) -> None:
    controls = {param.address: player.control(param.address) for param in shown_params()}
    most = 0
    for param in shown_params():
        if param.type is ParamType.TRIGGER:
            continue
        before = {address: box.shown for address, box in controls.items()}
        told, shown = sent_and_shown(param)
        most = max(most, player.hear(param.address, told))
        after = {address: box.shown for address, box in controls.items()}
        assert after[param.address] == shown, param.address
        assert {address for address in after if after[address] != before[address]} <= {param.address}
    assert player.sent == [] and player.console == []
    assert most <= MAX_OBJECTS_A_MESSAGE


def test_an_address_without_a_control_is_dropped_silently(player: Player) -> None:
    trigger = next(param for param in shown_params() if param.type is ParamType.TRIGGER)
    for message in (("/engine/status/fps", 30.0), ("/done", "/preset/load", "night"), (trigger.address, 1)):
        assert player.hear(*message) <= MAX_OBJECTS_A_MESSAGE
    assert player.sent == [] and player.console == []


def test_a_number_beside_a_dial_shows_its_value_and_sets_it(player: Player) -> None:
    player.wait(1000)
    dial = player.control("/layer/2/angle")
    (number,) = (box for box in dial.window.boxes.values() if box.kind == "flonum" and dial is box.cords[0][0][0]
                 and abs(box.place[1] - dial.place[1]) < 20 and 0 < box.place[0] - dial.place[0] < 100)  # fmt: skip
    player.hear("/layer/2/angle", 12.5)
    assert (dial.shown, number.shown) == (12.5, 12.5)
    assert player.move(number, 33.0) == [("/layer/2/angle", 33.0)]
    assert player.move(dial, 21.0) == [("/layer/2/angle", 21.0)]
    assert number.shown == 21.0


def test_sam3_objects_are_shown_in_their_boxes(player: Player) -> None:
    player.hear("/sam3/objects", 2)
    player.hear("/sam3/object/1", 7, 1, 0.875, 0.25, 0.75, 0.125, 0.5)
    player.hear("/sam3/object/2", 8, 1, 0.5, 0.5, 0.5, 0.125, 0.5)
    boxes = player.top.boxes.values()
    labels = {box.text: box.place for box in boxes if box.text in ("objects", *OBJECT_ARGUMENTS)}
    found = {}
    for name, (x, y) in labels.items():
        (found[name],) = (box.shown for box in boxes if box.place == [x, y - 24])
    assert list(found.values()) == [2, 7, 1, 0.875, 0.25, 0.75, 0.125, 0.5]


def test_the_light_is_on_while_the_engine_answers_and_the_subscription_is_retried(player: Player) -> None:
    (light,) = (box for box in player.top.boxes.values() if box.raw.get("hint") == "On while the engine answers")
    assert {"udpsend 127.0.0.1 9000", "udpreceive 9001"} <= {box.text for box in player.boxes}
    player.wait(500)
    assert player.sent == [("/engine/notify", 1, 9001)]
    player.hear("/engine/heartbeat", 1)
    assert light.shown == 1
    player.wait(2900)
    assert light.shown == 1 and len(player.sent) == 1
    player.wait(100)
    assert light.shown == 0 and player.sent[1:] == [("/engine/notify", 1, 9001)]


# -- values from a person --------------------------------------------------------------------------


def test_every_control_sends_its_own_address_and_a_value_that_the_engine_accepts(player: Player) -> None:
    first = next(param for param in shown_params() if param.type is ParamType.FLOAT)
    assert player.move(player.control(first.address), first.high) == []  # Max's dials output their values when loaded
    player.wait(500)
    for param in shown_params():
        told, value = sent_and_shown(param) if param.type is not ParamType.TRIGGER else (1, "bang")
        (said,) = player.move(player.control(param.address), value)
        if param.address.startswith("/pad/"):
            assert said == (param.address,), "a tap: a button of Max sends no release"
            continue
        assert said == (param.address, 1 if value == "bang" else value)
        accepted = osc_schema.accept(param, said[1]).value
        assert accepted == osc_schema.accept(param, told).value, param.address


@pytest.mark.parametrize("emptied", [("text",), ("text", "")])
def test_a_text_that_is_emptied_is_sent_empty(player: Player, emptied: Message) -> None:
    """It is undocumented if an empty textedit outputs `text` alone, which `route` passes on as a bang."""
    player.wait(500)
    player.sent.clear()
    player.out(player.control("/sd/prompt"), 0, emptied)
    assert player.sent == [("/sd/prompt", "")]


# -- the picture ----------------------------------------------------------------------------------


def switch_picture_on(player: Player) -> str:
    """The text beside the switch."""
    (switch,) = (box for box in player.top.boxes.values() if box.raw.get("hint") == "Shows the picture")
    x, y = switch.place
    (says,) = (box for box in player.top.boxes.values() if box.place == [x + 40, y + 2])
    player.move(switch, 1)
    return says.shown


@pytest.mark.parametrize("receiver", RECEIVERS)
def test_the_picture_uses_the_receiver_of_this_system_or_says_what_to_install(patch: str, receiver: str) -> None:
    system, package, _ = RECEIVERS[receiver]
    player = Player(patch, system, ["Syphon", "Spout"])
    for _ in range(2):  # off and on again makes one receiver, not two
        said = switch_picture_on(player)
        (made,) = (box for box in player.boxes if box.kind in RECEIVERS)
        assert made.kind == receiver and "Multiverse" in made.arguments
        world = made.window.named["world"]
        assert [target for target, _ in made.cords[0]] == [world] and (made, 0) in world.cords[1]
        assert "ready" in said and "missing" not in said
    assert player.console == []

    without = Player(patch, system)
    assert without.console == [], "opening the patch prints nothing"
    said = switch_picture_on(without)
    assert said.startswith(f"{package} is missing.") and f"Show Package Manager > {package}" in said
