"""Answers to a GET, compared with the declarations and with values that the engine accepts."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

import osc_schema
from engine.control import CommandTable, Dispatcher, Sender
from engine.control.query import PathEvent, QueryTree, host_info, service_name
from engine.control.query.describe import describe_param
from engine.errors import ConfigError
from engine.osc.decode import Impulse
from engine.osc.encode import encode_message
from engine.params import Cue, ParamStore
from engine.params.fade_time import FadeTime
from engine.params.shader_inputs import inputs_of
from engine.render.isf.isf_file import IsfInput
from engine.system.clock import SteppedClock
from osc_schema import Param, ParamType

ANGLE = "/layer/1/angle"


@pytest.fixture
def ask(store: ParamStore) -> Callable[..., tuple[int, Any]]:
    """`ask(path, attribute)`: status and JSON."""
    tree = QueryTree(
        store, {"/sam3/object/2": (7, 1, 0.5, 0.25, 0.5, 0.125, 1.0), "/fx/1/error": ("",)}
    )

    def answer(path: str, attribute: str | None = None) -> tuple[int, Any]:
        answer = tree.answer(path, attribute, {"NAME": "here"})
        return answer.status, json.loads(answer.body) if answer.body else None

    return answer


def test_a_pad_is_described_by_its_look_and_follows_it() -> None:
    looks = ["Prism", *[""] * 15]
    tree = QueryTree(ParamStore(), {}, lambda: [*looks])

    def described() -> list[str]:
        pads = json.loads(tree.answer("/pad", None, {}).body)["CONTENTS"].values()
        return [pad["DESCRIPTION"] for pad in pads]

    assert described()[:2] == ["Pad 1: Prism", "Pad 2: empty"] and len(set(described())) == 16
    looks[1] = "Silk"
    assert described()[:2] == ["Pad 1: Prism", "Pad 2: Silk"]
    assert tree.show_pads() == (PathEvent("PATH_CHANGED", "/pad/2"),) and tree.show_pads() == ()


def test_every_parameter_is_listed_once_with_its_current_value(
    ask: Callable, leaves: Callable, store: ParamStore
) -> None:
    status, root = ask("/")
    assert status == 200
    listed = leaves(root)
    params = {param.address for param in osc_schema.PARAMS}
    commands = {each.address for command in osc_schema.COMMANDS for each in command.fixed()}
    published = {each.address for message in osc_schema.MESSAGES for each in message.fixed()}
    assert listed.keys() == params | commands | published
    for address in listed:
        node = root
        for part in address.split("/")[1:]:
            node = node["CONTENTS"][part]
        assert node["FULL_PATH"] == address and ask(address) == (200, node)
    store.set_many(
        [(ANGLE, 12.5), ("/layer/1/mute", True), ("/mode", "simple"), ("/mirror/segments", 8)],
        by="desk",
    )
    store.set("/sink/record/file", 'a "quoted" näme')
    found = {address: node.get("VALUE") for address, node in leaves(ask("/")[1]).items()}
    for param in osc_schema.PARAMS:
        value = None if param.type is ParamType.TRIGGER else store.get(param.address)
        assert found[param.address] == [value]
    assert (
        found[ANGLE] == [12.5]
        and found["/layer/1/mute"] == [True]
        and found["/mirror/segments"] == [8]
    )


def as_sent(tag: str, value: object) -> object:
    return Impulse.BANG if tag == "I" else {"i": int, "f": float, "T": bool, "s": str}[tag](value)


def ends(node: dict, description: dict) -> list[object]:
    """Values that a client may send: both ends of the range, every choice, or the current value."""
    if "RANGE" not in description:
        return node["VALUE"]
    (limits,) = description["RANGE"]
    return limits["VALS"] if "VALS" in limits else [limits["MIN"], limits["MAX"]]


def test_values_within_type_range_and_overloads_are_accepted_unchanged(
    ask: Any, leaves: Any, reports: Any
) -> None:
    """A client that follows the description is never refused, and its values are never changed."""
    dispatcher = Dispatcher(ParamStore(), CommandTable(), SteppedClock(), reports)
    published: list[bytes] = []
    hub = Sender(name="udp 192.0.2.1:5000", post=published.append, at_port=None)
    dispatcher.feedback.subscribe(hub, origin=hub.name)
    nodes = leaves(ask("/")[1])
    sent = 0
    for param in osc_schema.PARAMS:
        node = nodes[param.address]
        for description in (node, *node.get("OVERLOADS", [])):
            for value in ends(node, description):
                argument = as_sent(description["TYPE"], value)
                packet = (
                    encode_message(param.address).removesuffix(b",\0\0\0") + b",I\0\0"
                    if argument is Impulse.BANG
                    else encode_message(param.address, argument)
                )
                dispatcher.receive(packet, hub)
                sent += 1
    assert dispatcher.counters.changes == sent
    assert reports.lines == [] and list(dispatcher.feedback._pending_echoes) == []


def test_an_attribute_is_answered_alone_with_units_and_areas_as_the_proposal_spells_them(
    ask: Callable,
) -> None:
    assert ask(ANGLE, "VALUE") == (200, {"VALUE": [0.0]})
    assert ask(ANGLE, "RANGE") == (200, {"RANGE": [{"MIN": -180.0, "MAX": 180.0}]})
    assert ask(ANGLE, "CLIPMODE") == (200, {"CLIPMODE": ["none"]})  # it wraps
    assert ask("/multiverse/brightness", "CLIPMODE") == (200, {"CLIPMODE": ["both"]})
    assert ask("/mode", "RANGE") == (200, {"RANGE": [{"VALS": ["multiverse", "simple"]}]})
    assert ask("/layer/1/mute", "CRITICAL") == (200, {"CRITICAL": True}), (
        "else libossia sends it by UDP"
    )
    assert ask("/no/such/path", "HOST_INFO") == (200, {"NAME": "here"})
    for address, unit in {
        ANGLE: "angle.degree", "/multiverse/window_ms": "time.ms",
        "/engine/width": "distance.pixels",
    }.items():  # fmt: skip
        assert ask(address, "UNIT") == (200, {"UNIT": [unit]})


def test_invalid_requests_have_the_right_status(ask: Callable) -> None:
    for path, attribute, status in [
        ("/layer/9", None, 404),
        ("/layer/9", "VALUE", 404),
        ("layer/1", None, 404),
        ("/layer//1", None, 404),
        ("/cue/<n>", None, 404),
        ("/layer/1", "VALUE", 204),
        ("/preset/save", "VALUE", 204),
        (ANGLE, "value", 400),
        (ANGLE, "HTML", 400),
        (ANGLE, "", 400),
        (ANGLE, "VALUE&TYPE", 400),
        (ANGLE, "\0\n" * 1000, 400),
    ]:
        answered, body = ask(path, attribute)
        assert answered == status, path
        assert (
            (body is None)
            if status == 204
            else (len(body["error"]) < 400 and body["error"].isprintable())
        ), path


def test_a_published_message_is_read_only_and_has_its_last_values(ask: Callable) -> None:
    node = ask("/sam3/object/2")[1]
    assert (node["TYPE"], node["ACCESS"], node["VALUE"]) == (
        "iifffff",
        1,
        [7, 1, 0.5, 0.25, 0.5, 0.125, 1.0],
    )
    assert [
        argument["name"] for argument in node["MULTIVERSE"]["arguments"]
    ] == "id prompt score cx cy w h".split()
    # before the first
    assert ask("/sam3/object/16", "VALUE")[1] == {"VALUE": [0, 0, 0.0, 0.0, 0.0, 0.0, 0.0]}
    assert ask("/fx/1/error", "VALUE")[1] == {"VALUE": [""]}
    empty = ask("/audio/input/changed")[1]
    assert (empty["TYPE"], empty["ACCESS"], empty["VALUE"]) == ("I", 1, [None])
    now = ask("/timecode/now")[1]
    assert now["TYPE"] == "sf" and now["CONTENTS"].keys() == {"rate_hz"}
    assert ask("/preset/current")[1]["ACCESS"] == 2  # a command, which requests what is published
    assert ask("/sam3/object/17")[0] == 404


def test_a_colour_has_four_numbers_and_host_info_only_reachable_addresses() -> None:
    colour = Param(
        address="/wash/colour",
        type=ParamType.COLOUR,
        default=(1.0, 0.5, 0.0, 1.0),
        low=0,
        high=1,
        description="",
    )
    node = describe_param(colour, osc_schema.AREAS[0])
    assert node["TYPE"] == "ffff" and node["DEFAULT_VALUE"] == [1.0, 0.5, 0.0, 1.0]
    assert node["RANGE"] == [{"MIN": 0.0, "MAX": 1.0}] * 4
    assert node["EXTENDED_TYPE"] == ["color.rgb.r", "color.rgb.g", "color.rgb.b", "color.rgb.a"]
    info = host_info("192.0.2.7", name="here", osc=("0.0.0.0", 9000), web=("::", 9001))
    assert (info["NAME"], info["OSC_IP"], info["OSC_PORT"]) == ("here", "192.0.2.7", 9000)
    assert info["OSC_TRANSPORT"] == "UDP"
    assert (info["WS_IP"], info["WS_PORT"]) == ("192.0.2.7", 9001)
    alone = host_info("127.0.0.1", name="here", osc=None, web=("127.0.0.1", 9001))
    assert not any(key.startswith("OSC_") for key in alone)
    assert (
        host_info("192.0.2.7", name="here", osc=("127.0.0.1", 9000), web=("0.0.0.0", 9001))[
            "OSC_IP"
        ]
        == "127.0.0.1"
    )


def test_the_announced_name_is_the_machines_and_one_that_a_browser_of_mdns_can_show(
    monkeypatch: Any,
) -> None:
    for name in ("FOH 1", "Bühne", "x" * 60):
        assert service_name(name) == name
    for name in ("", "  ", " FOH", "studio.local", "_sub", "a\nb", "ü" * 31):
        with pytest.raises(ConfigError, match="--name: "):
            service_name(name)
    for machine, name in {
        "studio.local": "Multiverse studio",
        "ü" * 40: "Multiverse " + "ü" * 24,
    }.items():
        monkeypatch.setattr("socket.gethostname", lambda machine=machine: machine)
        assert service_name() == name and len(name.encode()) <= 60


def test_exactly_the_advertised_attributes_exist_and_numbers_are_valid_json(
    ask: Callable, leaves: Callable
) -> None:
    extensions = host_info("127.0.0.1", name="here", osc=None, web=("127.0.0.1", 1))["EXTENSIONS"]
    required = {"FULL_PATH", "CONTENTS", "TYPE"}
    over_sockets = {
        "LISTEN",
        "IGNORE",
        "PATH_CHANGED",
        "PATH_ADDED",
        "PATH_REMOVED",
        "PATH_RENAMED",
    }
    used = {key for node in leaves(ask("/")[1]).values() for key in node}
    assert used - required == {key for key, has in extensions.items() if has} - over_sockets

    def check(item: object) -> None:
        if isinstance(item, dict):
            for part in item.values():
                check(part)
        elif isinstance(item, list):
            for part in item:
                check(part)
        elif isinstance(item, float):
            assert math.isfinite(item)

    check(ask("/")[1])


def test_a_cue_is_a_button_while_it_exists(store: ParamStore, leaves: Callable) -> None:
    tree = QueryTree(store, {})

    def listed() -> dict[str, dict]:
        return {
            address: node
            for address, node in leaves(json.loads(tree.answer("/", None, {}).body)).items()
            if node["MULTIVERSE"]["type"] == "cue"
        }

    one, two = (
        Cue(number=1, preset="Night", fade=FadeTime(2.5), follow=FadeTime(8.0)),
        Cue(number=12, preset="Day"),
    )
    assert listed() == {}
    assert tree.show_cues([one]) == (
        PathEvent("PATH_ADDED", "/cue/1"),
        PathEvent("PATH_CHANGED", "/cue"),
    )
    cue = listed()["/cue/1"]
    assert (cue["TYPE"], cue["ACCESS"]) == ("I", 2)
    assert cue["DESCRIPTION"] == "Cue 1: Night, fade 2.5 s, next after 8 s"
    assert (cue["MULTIVERSE"]["preset"], cue["MULTIVERSE"]["fade"]) == ("Night", 2.5)
    assert tree.show_cues([one]) == ()
    assert [event.command for event in tree.show_cues([one, two])] == ["PATH_ADDED", "PATH_CHANGED"]
    assert [*listed()] == ["/cue/1", "/cue/12"] and tree.answer("/cue/12", None, {}).status == 200
    assert tree.show_cues([one, Cue(number=12, preset="Dawn")]) == (
        PathEvent("PATH_CHANGED", "/cue/12"),
    )
    assert [event.path for event in tree.show_cues([one])] == ["/cue/12", "/cue"]
    assert [*listed()] == ["/cue/1"] and tree.answer("/cue/12", None, {}).status == 404
    assert tree.answer("/cue/go", None, {}).status == 200


def test_no_two_siblings_have_one_text_in_any_case(store: ParamStore) -> None:
    """Clients that take the text for a name would make one of them, and lose a pad, a cue, an
    input."""
    tree = QueryTree(store, {})
    tree.show_cues([Cue(number=number, preset="Night", fade=FadeTime(2.0)) for number in (1, 2)])
    speeds = [
        IsfInput(name=name, type="float", label=label, minimum=0.0, maximum=1.0, default=0.0)
        for name, label in (("speed", "Speed"), ("Speed", "SPEED"))
    ]
    inputs, _ = inputs_of("generator", speeds)
    tree.show_inputs(inputs)
    tree.show_inputs(inputs)

    def walk(node: dict[str, Any]) -> None:
        contents = node.get("CONTENTS", {}).values()
        texts = [child["DESCRIPTION"].lower() for child in contents]
        assert len(set(texts)) == len(texts), node["FULL_PATH"]
        for child in contents:
            walk(child)

    root = json.loads(tree.answer("/", None, {}).body)
    walk(root)
    assert root["CONTENTS"]["pad"]["CONTENTS"]["3"]["DESCRIPTION"].startswith("Pad 3: ")
    assert root["CONTENTS"]["cue"]["CONTENTS"]["2"]["DESCRIPTION"] == "Cue 2: Night, fade 2 s"
    assert (
        root["CONTENTS"]["fx"]["CONTENTS"]["generator"]["CONTENTS"]["Speed"]["DESCRIPTION"]
        == "SPEED (2)"
    )
