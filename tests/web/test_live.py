"""The WebSocket /live as a browser sees it."""

import itertools
import json
import math

import pytest

from engine.control import Sender
from engine.osc.encode import encode_message
from engine.params.fade_time import FadeProgress
from engine.web.live import as_json
from engine.web.monitor import MAX_LINES

ODD = b"/odd\0\0\0\0,tIm\0\0\0\0" + (2**63 + 1).to_bytes(8, "big") + bytes([0, 144, 60, 9])
SENDER = Sender(name="udp 192.0.2.1:5000", post=lambda packet: None, at_port=lambda port: SENDER)


def send(web, address, *args):
    web.dispatcher.receive(encode_message(address, *args), SENDER)


def test_levels_are_sent_twenty_times_a_second_and_status_twice(serve):
    client = serve(fade=lambda: FadeProgress(1.5, 8.0, "beats")).connect("/live")
    kinds = []
    while kinds.count("status") < 4:
        message = json.loads(client.read())
        kinds.append(next(iter(message)))
        if "levels" in message:
            assert [channel["rms"] for channel in message["levels"]] == [0, 0.25, 0.5, 0.75]
            assert message["beat"] == {"beat": 0.0, "bpm": 120.0, "confidence": 0.0}
            assert message["fade"] == {"passed": 1.5, "length": 8.0, "unit": "beats"}
        else:
            assert message["status"] == {"fps": 30.0, "level_db": None, "warnings": ["a warning"]}
    ends = [index for index, kind in enumerate(kinds) if kind == "status"]
    # A busy machine may skip some levels, but adds none.
    assert all(1 <= after - before - 1 <= 10 for before, after in itertools.pairwise(ends))


def test_moved_values_are_sent_while_there_are_any_and_sources_on_request(serve, wait_for):
    web = serve()
    asking, other = web.connect("/live"), web.connect("/live")
    kinds = {next(iter(json.loads(other.read()))) for _ in range(12)}
    assert kinds == {"levels", "status"}, "nothing is moved, so nothing is sent"
    web.modulation.moved = {"/post/bloom": 0.5}
    assert other.read_json("moved") == {"moved": {"/post/bloom": 0.5}}
    web.modulation.moved = {}
    while other.read_json("moved")["moved"]:
        pass
    asking.send('{"sources": true}')
    web.modulation.sources = {"rms": 0.25}
    while asking.read_json("sources")["sources"] != {"rms": 0.25}:
        pass
    assert "sources" not in {next(iter(json.loads(other.read()))) for _ in range(12)}


def test_a_file_name_that_is_not_utf_8_is_shown_escaped():
    status = {"audio": ["song \udcff.wav", -math.inf], "sinks": ({"detail": "é\udce9.mp4"},)}
    expected = {"audio": ["song \\udcff.wav", None], "sinks": [{"detail": "é\\udce9.mp4"}]}
    assert json.loads(as_json(status).encode("utf-8")) == expected


def test_the_monitor_is_sent_only_to_clients_that_requested_it(serve, wait_for):
    web = serve()
    watching, other = web.connect("/live"), web.connect("/live")
    other.read()
    assert not web.dispatcher.is_watched
    watching.send('{"monitor": true}')
    wait_for(lambda: web.dispatcher.is_watched, "the watching")
    send(web, "/layer/1/angle", 5.5)
    send(web, "/no/such", "text", b"blob", True, None, math.inf, 2**40)
    web.dispatcher.receive(ODD, SENDER)
    lines = watching.read_json("osc")["osc"]
    while len(lines) < 4:
        lines += watching.read_json("osc")["osc"]
    assert lines.pop(2)["refused"].startswith("/no/such: no such parameter"), (
        "right behind its message"
    )
    assert [(line["from"], line.get("unmapped", False)) for line in lines] == [
        *(
            (SENDER.name, is_unmapped) for is_unmapped in (False, True, True)
        )  # though only the first is reported
    ]
    assert [line["args"] for line in lines] == [
        [5.5],
        ["text", "blob of 4 bytes", True, None, "inf", 2**40],
        [str(2**63 + 1), "bang", "Midi(port=0, status=144, data1=60, data2=9)"],
    ]
    assert 0 <= lines[0]["at_s"] <= lines[1]["at_s"]
    for _ in range(25):
        assert "osc" not in json.loads(other.read())


def test_the_monitor_stops_when_the_last_client_leaves(serve, wait_for):
    web = serve()
    first, second = web.connect("/live"), web.connect("/live")
    for client in (first, second):
        client.send('{"monitor": true}')
    wait_for(lambda: web.dispatcher.is_watched, "the watching")
    first.send('{"monitor": false}')
    send(web, "/layer/1/angle", 1.0)
    second.read_json("osc")
    second.close()
    wait_for(lambda: not web.dispatcher.is_watched, "the end of it")


def test_of_too_many_lines_the_newest_are_shown_and_the_rest_counted(serve, wait_for):
    web = serve()
    client = web.connect("/live")
    client.send('{"monitor": true}')
    wait_for(lambda: web.dispatcher.is_watched, "the watching")
    sent = 5000
    for number in range(sent):
        send(web, "/layer/1/angle", number / 100)
    counted, last = 0, None
    while counted < sent:
        message = client.read_json("osc")
        assert 0 < len(message["osc"]) <= MAX_LINES
        counted += len(message["osc"]) + message["skipped"]
        last = message["osc"][-1]
    assert counted == sent
    assert last["args"] == [pytest.approx(49.99)]


def test_levels_are_still_sent_if_the_status_fails(serve, reports, caplog):
    def broken():
        raise RuntimeError("no status today")

    client = serve(status=broken).connect("/live")
    for _ in range(15):
        assert "levels" in json.loads(client.read())
    assert set(reports.keys) == {"web"}
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "nonsense",
    ["", "null", "[]", "{", '{"monitor": "yes"}', b"\x00\xff", "[" * 60000, '{"x": ' + "[" * 60000],
)
def test_an_invalid_message_is_reported_and_the_connection_stays_open(
    serve, reports, wait_for, nonsense
):
    client = serve().connect("/live")
    client.send(nonsense)
    wait_for(lambda: reports.keys == ["web request"], "the report")
    assert client.read_json("status")
