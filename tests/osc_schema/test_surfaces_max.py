"""The Max patch: messages follow its boxes and cords as in Max
(docs.cycling74.com/reference/NAME)."""

import json
import math
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import osc_schema
from osc_schema import Param, ParamType
from osc_schema.generate import max_patch
from osc_schema.generate.pages import BARE, pages

MAX_OBJECTS_A_MESSAGE = 26
"""Limit of the objects that one message of the engine passes. With a `route` at each control there
were 536."""
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
Message = tuple[Any, ...]


def atoms(text: str) -> Message:
    def atom(text: str) -> int | float | str:
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                pass
        return text

    return tuple(atom(token.strip('"')) for token in re.findall(r'"[^"]*"|[^\s"]+', text))


class Box:
    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.text: str = raw.get("text", "")
        parts = atoms(self.text) if raw["maxclass"] == "newobj" else ()
        self.kind: str = str(parts[0]) if parts else raw["maxclass"]
        self.arguments = parts[1:]
        self.cords: dict[int, list[tuple[Box, int]]] = defaultdict(list)
        self.displayed: Any = None
        self.is_open = self.kind != "gate"


class Player:
    """A simulation of Max with the patch open. Cords from one outlet are served from right to
    left."""

    def __init__(self, patch: str) -> None:
        self.boxes: list[Box] = []
        self.sent: list[Message] = []
        self.changed: set[Box] = set()
        self.visits = 0
        self.read(json.loads(patch)["patcher"])
        self.ends: dict[str, list[Box]] = defaultdict(list)
        self.sources: dict[Box, list[Box]] = defaultdict(list)
        self.receivers: dict[Message, list[Box]] = defaultdict(list)
        for box in self.boxes:
            self.ends[
                " ".join(map(str, box.arguments)) if box.kind == "prepend" else box.text
            ].append(box)
            if box.kind == "r":
                self.receivers[box.arguments].append(box)
            for cords in box.cords.values():
                for target, _ in cords:
                    self.sources[target].append(box)
        for box in self.boxes:
            if box.kind in ("loadbang", "loadmess"):
                self.out(box, 0, box.arguments or ("bang",))

    def read(self, patcher: dict[str, Any]) -> list[Box]:
        boxes = {entry["box"]["id"]: Box(entry["box"]) for entry in patcher["boxes"]}
        self.boxes += boxes.values()
        inlets = {
            key: self.read(box.raw["patcher"]) for key, box in boxes.items() if box.kind == "p"
        }
        for line in patcher["lines"]:
            (source, outlet), (target, inlet) = (
                line["patchline"]["source"],
                line["patchline"]["destination"],
            )
            assert (
                outlet < boxes[source].raw["numoutlets"] and inlet < boxes[target].raw["numinlets"]
            )
            into = inlets[target][inlet] if target in inlets else boxes[target]
            boxes[source].cords[outlet].append((into, inlet))
            boxes[source].cords[outlet].sort(
                key=lambda cord: cord[0].raw["patching_rect"][:2], reverse=True
            )
        return [box for box in boxes.values() if box.kind == "inlet"]

    def hear(self, *message: Any) -> int:
        """Receive a message of the engine; returns the number of objects it passed through."""
        self.visits = 0
        (port,) = (box for box in self.boxes if box.kind == "udpreceive")
        self.out(port, 0, message)
        return self.visits

    def pass_delay(self, at: int) -> None:
        self.out([box for box in self.boxes if box.kind == "delay"][at], 0, ("bang",))

    def control(self, address: str) -> Box:
        """The box that a person moves to send `address`."""
        box = self.ends[address][0]
        while box.kind in ("prepend", "message", "route"):
            box = self.sources[box][0]
        return box

    def move(self, box: Box, value: Any) -> list[Message]:
        """Turn, choose, type or press like a person; returns the messages to the engine."""
        self.sent.clear()
        if box.kind == "textedit":
            self.out(box, 0, ("text", value))
        else:
            self.take(box, 0, (value,))
        return list(self.sent)

    def out(self, box: Box, outlet: int, message: Message) -> None:
        for target, inlet in box.cords[outlet]:
            self.take(target, inlet, message)

    def take(self, box: Box, inlet: int, message: Message) -> None:
        self.visits += 1
        first, rest = message[0], message[1:]
        match box.kind:
            case "inlet" | "r":
                self.out(box, 0, message)
            case "s":
                for receiver in self.receivers[box.arguments]:
                    self.take(receiver, 0, message)
            case "route" if first in box.arguments:
                self.out(box, box.arguments.index(first), rest or ("bang",))
            case "route":
                self.out(box, len(box.arguments), message)
            case "prepend":
                # of a bang too: the stored message, then the word "bang"
                self.out(box, 0, (*box.arguments, *message))
            case "t":
                for outlet in reversed(range(len(box.arguments))):
                    self.out(box, outlet, {"b": ("bang",), "l": message}[box.arguments[outlet]])
            case "gate" if inlet == 0:
                box.is_open = bool(first)
            case "gate" if box.is_open:
                self.out(box, 0, message)
            case "unpack":
                for outlet in range(len(message)):
                    self.out(box, outlet, message[outlet : outlet + 1])
            case "udpsend":
                self.sent.append(message)
            case "message" if not box.text.startswith(";"):
                for part in box.text.split(", "):
                    self.out(box, 0, atoms(part))
            case "button":
                self.out(box, 0, ("bang",))
            case "toggle" | "number" | "flonum" | "live.dial" | "umenu" | "textedit":
                self._show(box, message)

    def _show(self, box: Box, message: Message) -> None:
        self.changed.add(box)
        first, rest = message[0], message[1:]
        if first == "setsymbol":
            box.displayed = [item for item in box.raw["items"] if item != ","].index(
                " ".join(map(str, rest))
            )
        elif first == "set":
            box.displayed = rest[0] if rest else ""
        else:
            box.displayed = box.displayed if first == "bang" else first
            self.out(box, 0, (box.displayed,))


@pytest.fixture(scope="module")
def patch() -> str:
    return max_patch(osc_schema.AREAS)


@pytest.fixture
def player(patch: str) -> Player:
    return Player(patch)


@pytest.fixture(scope="module")
def opened(patch: str) -> Player:
    """The opened patch, shared by tests that do not change it."""
    return Player(patch)


def displayed_params() -> list[Param]:
    """All controls on the pages: every parameter, and the commands used in a show."""
    return [
        control.param
        for page in pages(osc_schema.AREAS)
        for panel in page.panels
        for control in panel.controls
    ]


def sent_and_displayed(param: Param) -> tuple[Any, Any]:
    """A value other than the default, as sent by the engine (i, f or s) and as shown by the box."""
    match param.type:
        case ParamType.BOOL:
            return (int(not param.default),) * 2
        case ParamType.MENU:
            item = param.menu[-1 if param.default != param.menu[-1] else 0]
            return item, param.menu.index(item)
        case ParamType.TEXT | ParamType.FILE:
            return ("a red sea",) * 2
        case ParamType.TRIGGER:
            return 1, "bang"
    value = param.high if param.default != param.high else param.low
    return (int(value) if param.type is ParamType.INT else float(value),) * 2


def test_every_control_is_the_box_of_its_type_with_its_range_and_default(opened: Player) -> None:
    for param in displayed_params():
        box = opened.control(param.address)
        assert box.kind == KINDS[param.type], param.address
        assert param.description in box.raw["hint"] and param.address in box.raw["annotation"]
        preset = [feed.arguments for feed in opened.sources[box] if feed.kind == "loadmess"]
        if box.kind == "live.dial":
            value = box.raw["saved_attribute_attributes"]["valueof"]
            assert (value["parameter_mmin"], value["parameter_mmax"]) == (param.low, param.high)
            assert value["parameter_initial"] == [param.default]
            if param.scale == "exponential":  # half way round the dial is the geometric middle
                middle = param.low + (param.high - param.low) * 0.5 ** value["parameter_exponent"]
                assert middle == pytest.approx(math.sqrt(param.low * param.high), rel=1e-3)
        elif param.type is ParamType.INT:
            assert (box.raw["minimum"], box.raw["maximum"], preset) == (
                param.low,
                param.high,
                [("set", param.default)],
            )
        elif param.type is ParamType.MENU:
            assert [item for item in box.raw["items"] if item != ","] == list(param.menu)
            assert preset == [atoms(f"setsymbol {param.default}")]
        elif param.type is ParamType.BOOL:
            assert preset == [("set", int(param.default is True))]


def test_py2max_finds_no_error_and_no_overlap_in_the_max_patch(patch: str, tmp_path: Path) -> None:
    file = tmp_path / "multiverse.maxpat"
    file.write_text(patch, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "py2max", "validate", str(file)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    findings = [line for line in done.stdout.splitlines() if "WARNING" in line]
    # the wiring lies below the window on purpose
    assert all("W-OFFCANVAS" in line for line in findings)


def test_a_value_from_the_engine_is_shown_by_its_own_box_only_and_not_sent_back(
    player: Player,
) -> None:
    controls = {player.control(param.address) for param in displayed_params()}
    for param in displayed_params():
        box, (sent, displayed) = player.control(param.address), sent_and_displayed(param)
        player.changed.clear()
        assert player.hear(param.address, sent) <= MAX_OBJECTS_A_MESSAGE
        assert param.type is ParamType.TRIGGER or box.displayed == displayed, param.address
        assert player.changed & controls <= {box}, param.address
    assert player.sent == []


def test_every_control_sends_its_own_address_and_a_value_that_the_engine_accepts(
    player: Player,
) -> None:
    first = next(param for param in displayed_params() if param.type is ParamType.FLOAT)
    # Max's dials output their values when loaded
    assert player.move(player.control(first.address), first.high) == []
    player.pass_delay(0)
    assert player.sent == [("/engine/notify", 1, 9001)]
    for param in displayed_params():
        sent, value = sent_and_displayed(param)
        (message,) = player.move(player.control(param.address), value)
        if param.address.startswith("/pad/") or param.address in BARE:
            assert message == (param.address,), "a tap: a button of Max sends no release"
            continue
        assert message == (param.address, 1 if value == "bang" else value)
        accepted = osc_schema.accept(param, message[1]).value
        assert accepted == osc_schema.accept(param, sent).value, param.address
    assert player.move(player.control("/sd/prompt"), "") == [("/sd/prompt", "")]


def test_the_light_is_on_while_the_engine_answers_and_the_subscription_is_retried(
    player: Player,
) -> None:
    (light,) = (box for box in player.boxes if box.raw.get("hint") == "On while the engine answers")
    player.hear("/engine/heartbeat", 1)
    assert light.displayed == 1 and player.sent == []
    player.pass_delay(1)
    assert light.displayed == 0 and player.sent == [("/engine/notify", 1, 9001)]


@pytest.mark.parametrize(
    "package, receiver", [("Syphon", "jit.gl.syphonclient Multiverse @servername Multiverse"),
                          ("Spout", "jit.gl.spoutreceiver Multiverse @sendername Multiverse")]
)  # fmt: skip
def test_the_picture_uses_the_receiver_of_the_system_or_says_what_to_install(
    opened: Player, package: str, receiver: str
) -> None:
    """Named as on GitHub: Syphon/Jitter, max.jit.gl.syphonclient.m; leadedge/Spout2,
    max.jit.gl.spoutreceiver.c."""
    texts = [box.text for box in opened.boxes]
    assert sum(f"{receiver}, script connect" in text for text in texts) == 1
    assert sum(f"set {package} is missing. Install it" in text for text in texts) == 1
