"""The inputs of a playing shader as addresses: over UDP, OSCQuery and the map, on a whole
engine."""

import contextlib
import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.osc.decode import Message
from engine.osc.encode import encode_message
from tests.control.commands.shader_rig import shader
from tests.support.engine_client import EngineClient, open_client
from tests.web.socket_client import SocketClient

WaitFor = Callable[..., Any]
POINT = '{ "NAME": "centre", "TYPE": "point2D", "MIN": [0, 0], "MAX": [2, 2], "DEFAULT": [1, 1] },'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stage")


@pytest.fixture(scope="module")
def rig(folder: Path) -> Iterator[EngineClient]:
    (folder / "isf").mkdir()
    (folder / "isf" / "Glow.fs").write_text(
        shader().replace('  { "NAME": "flash"', f'{POINT}{{ "NAME": "flash"', 1)
    )
    (folder / "isf" / "Sky.fs").write_text(shader(image=False))
    with open_client(folder, shaders=[str(folder / "isf")], web="127.0.0.1:0") as session:
        yield session


@pytest.fixture
def session(rig: EngineClient, wait_for: Any) -> EngineClient:
    """Glow plays in slot 1, at its defaults."""
    rig.engine.params.set("/fx/1/file", "", by="test")
    wait_for(lambda: not query(rig, "/fx/1")["CONTENTS"].get("speed"), "the end of the last shader")
    rig.client.send(encode_message("/fx/1/file", "glow"))
    wait_for(lambda: query(rig, "/fx/1")["CONTENTS"].get("speed"), "the shader")
    return rig


def query(session: EngineClient, path: str) -> dict[str, Any]:
    url = str(session.engine.page_url).partition("?")[0].rstrip("/")
    with urllib.request.urlopen(url + path, timeout=120.0) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def sync(session: EngineClient) -> None:
    session.client.send(encode_message("/sync", 1))
    session.hear("/synced")


def get(session: EngineClient, address: str) -> Message:
    session.client.send(encode_message("/get", address))
    return session.answers_up_to(address, "/fail")[-1]


def test_an_input_is_set_and_read_by_name_and_by_number(session: EngineClient) -> None:
    for address, sent, expected, aliases in [
        ("/fx/1/speed", (7.5,), (7.5,), {1: 0.75}),
        ("/fx/1/centre", (0.5, 2.0), (0.5, 2.0), {2: 0.25, 3: 1.0}),
        ("/fx/1/shape", ("star",), ("star",), {5: 1.0}),
        ("/fx/1/shape", (0,), ("round",), {5: 0.0}),
    ]:
        session.client.send(encode_message(address, *sent))
        sync(session)
        assert get(session, address).args == expected, address
        for number, position in aliases.items():
            assert session.engine.params.get(f"/fx/1/{number}") == position, address


def test_a_pattern_reaches_inputs_by_name_and_a_wrong_name_is_answered_with_the_names(
    session: EngineClient,
) -> None:
    answer = get(session, "/fx/1/sped")
    assert answer.address == "/fail"
    assert answer.args[1] == (
        "/fx/1/sped: the shader in slot 1 has no such input (its inputs are speed, centre, flash, "
        "shape)"
    )
    session.client.send(encode_message("/fx/*/spe?d", 10.0))
    sync(session)
    assert session.engine.params.get("/fx/1/1") == 1.0
    session.client.send(encode_message("/get", "/fx/1/s*"))
    assert {session.answer().address, session.answer().address} == {"/fx/1/speed", "/fx/1/shape"}


def test_oscquery_announces_inputs_that_come_and_go_and_a_look_on_a_pad(
    session: EngineClient, wait_for: Any
) -> None:
    node = query(session, "/fx/1/speed")
    assert (node["TYPE"], node["RANGE"], node["VALUE"]) == ("f", [{"MIN": 0.0, "MAX": 10.0}], [2.5])
    assert node["DESCRIPTION"] == "speed (1)"
    centre = query(session, "/fx/1/centre")
    assert (centre["TYPE"], centre["RANGE"]) == ("ff", [{"MIN": 0.0, "MAX": 2.0}] * 2)
    assert query(session, "/fx/1/shape")["RANGE"] == [{"VALS": ["round", "square", "star"]}]
    address = str(session.engine.page_url).partition("?")[0].removeprefix("http://").rstrip("/")
    host, _, port = address.partition(":")
    with contextlib.closing(SocketClient((host, int(port)), "/")) as client:
        session.engine.params.set("/fx/1/file", "", by="test")
        removed = [json.loads(client.read()) for _ in range(4)]
        assert removed == [
            {"COMMAND": "PATH_REMOVED", "DATA": f"/fx/1/{name}"}
            for name in ("speed", "centre", "flash", "shape")
        ]
        session.engine.params.set("/fx/1/file", "Sky", by="test")
        added = [json.loads(client.read()) for _ in range(3)]
        assert added == [
            {"COMMAND": "PATH_ADDED", "DATA": f"/fx/1/{name}"}
            for name in ("speed", "flash", "shape")
        ]
        session.done("/bank/put", 1, 3, "Tunnel")
        # who asks first takes it from nobody
        assert query(session, "/pad/3")["DESCRIPTION"] == "Pad 3: Tunnel"
        assert json.loads(client.read()) == {"COMMAND": "PATH_CHANGED", "DATA": "/pad/3"}


def test_a_subscriber_hears_a_change_under_both_names(session: EngineClient) -> None:
    session.client.send(encode_message("/engine/notify", 1))
    session.answers_up_to("/fx/1/shape")  # the values of now end with the inputs by name
    session.engine.params.set("/fx/1/1", 0.5, by="another")
    values = {message.address: message.args for message in session.answers_up_to("/fx/1/speed")}
    assert (values["/fx/1/1"], values["/fx/1/speed"]) == ((0.5,), (5.0,))
    session.done("/engine/notify", 0)


def test_a_preset_brings_back_the_shader_and_its_values(
    session: EngineClient, wait_for: Any
) -> None:
    session.client.send(encode_message("/fx/1/speed", 9.0))
    sync(session)
    session.done("/preset/save", "fast glow")
    session.engine.params.set_many([("/fx/1/file", "Sky"), ("/fx/1/1", 0.0)], by="test")
    wait_for(lambda: "centre" not in query(session, "/fx/1")["CONTENTS"], "the other shader")
    session.done("/preset/load", "fast glow")
    wait_for(lambda: "centre" in query(session, "/fx/1")["CONTENTS"], "the shader")
    assert query(session, "/fx/1/speed")["VALUE"] == [pytest.approx(9.0)]


def test_a_control_is_mapped_and_a_route_led_to_an_input_by_its_name(session: EngineClient) -> None:
    session.done("/map/clear")
    session.done("/map/add", "midi 1 cc 7", "/fx/1/speed")
    assert [each.args[2] for each in session.ask("/map/list") if each.address == "/map/entry"] == [
        "/fx/1/1"
    ]
    assert "map them one by one: /fx/1/2, /fx/1/3" in session.failed(
        "/map/add", "midi 1 cc 8", "/fx/1/centre"
    )
    # its shader does not play yet
    session.client.send(encode_message("/mod/5/target", "/fx/2/anything"))
    sync(session)
    assert session.engine.params.get("/mod/5/target") == "/fx/2/anything"
