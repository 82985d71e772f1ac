"""The whole server, with real clients on real sockets."""

import contextlib
import json
import threading
from urllib.parse import quote

import pytest

from engine.errors import MultiverseError
from engine.osc.encode import encode_message
from engine.params.preset_cache import PresetPicture
from engine.web.serving.sockets import PAGE_PING_S
from tests.web.socket_client import PING


def test_a_browser_gets_the_page_and_every_other_program_oscquery(serve):
    web = serve()
    browser = "text/html,application/xhtml+xml,*/*;q=0.8"
    status, headers, page = web.get("/", Accept=browser)
    assert status == 200 and headers["Content-Type"].startswith("text/html") and b"<html" in page
    rules = headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'self'", "frame-ancestors 'self'"} <= set(rules) and "script" not in str(
        rules
    )
    for accept in ("application/json", "*/*"):
        status, headers, body = web.get("/", Accept=accept)
        assert headers["Content-Type"].startswith("application/json")
        assert json.loads(body)["FULL_PATH"] == "/"
    assert json.loads(web.get("/?HOST_INFO", Accept=browser)[2])["NAME"] == "multiverse"
    assert json.loads(web.get("/?HOST_INFO=", Accept=browser)[2])["OSC_IP"] == "127.0.0.1"


def test_the_page_references_only_served_files(serve):
    web = serve()
    page = web.get("/", Accept="text/html")[2].decode()
    names = [piece.partition('"')[0] for piece in page.split('="/page/')[1:]]
    for name in names:
        status, headers, body = web.get(f"/page/{name}")
        assert status == 200 and body and headers["X-Content-Type-Options"] == "nosniff", name
        content_type = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}[
            name.rpartition(".")[2]
        ]
        assert headers["Content-Type"].startswith(content_type)


def test_the_pictures_of_presets_are_served_by_their_names(serve):
    pictures = {
        "Füße 1.5 #2?": PresetPicture(jpeg=b"\xff\xd8 a picture", version="5f2a", file=None)
    }
    web = serve(preset_pictures=lambda: pictures)
    assert json.loads(web.get("/presets/pictures.json")[2]) == {"Füße 1.5 #2?": "5f2a"}
    status, headers, body = web.get(f"/presets/{quote('Füße 1.5 #2?')}.jpg?5f2a")
    assert (status, headers["Content-Type"], body) == (200, "image/jpeg", b"\xff\xd8 a picture")
    for name in ("Aurora.jpg", "..%2f..%2fsecret.jpg", "%00.jpg"):
        assert web.get(f"/presets/{name}")[0] == 404


def test_a_failing_status_is_an_error_after_which_the_server_keeps_running(serve, reports, caplog):
    _, headers, body = serve().get("/status.json")
    assert (
        headers["Content-Type"].startswith("application/json")
        and headers["Cache-Control"] == "no-store"
    )
    assert json.loads(body) == {"fps": 30.0, "level_db": None, "warnings": ["a warning"]}

    def broken():
        raise RuntimeError("no status today")

    web = serve(status=broken)
    for _ in range(2):
        assert web.get("/status.json")[0] == 500
    assert reports.keys == ["web", "web"]
    assert len(caplog.records) == 1  # the first with its traceback, then counts
    assert web.get("/", Accept="text/html")[0] == 200


def test_a_taken_port_is_an_error_that_names_the_option(serve):
    first, second = serve().server, serve().server
    second.close()
    second.address = first.address
    with pytest.raises(MultiverseError, match="--web {}:{} is in use".format(*first.address)):
        second.start()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.168..5", "a" * 64 + ".example"])
def test_an_unknown_or_invalid_host_is_an_error_that_names_the_option(serve, host):
    with pytest.raises(MultiverseError, match=r"--web .*: no such host here"):
        serve(host=host)


def test_closing_disconnects_clients_frees_the_port_and_is_idempotent(serve, f_card):
    web = serve(f_card())
    viewer, live = web.connect("/preview"), web.connect("/live")
    viewer.read()
    live.read()
    web.server.close()
    web.server.close()
    for client in (viewer, live):
        with pytest.raises(ConnectionError) as end:
            while client.read():
                pass
        assert end.value.args[0] == 1001  # going away
    assert {"web", "preview main"}.isdisjoint(thread.name for thread in threading.enumerate())
    again = serve().server
    again.close()
    again.address = web.server.address
    again.close()


def test_a_client_that_answers_no_ping_is_disconnected_and_the_others_stay(
    serve, monkeypatch, wait_for, reports
):
    web = serve()
    awake = web.connect("/")
    monkeypatch.setattr("engine.web.serving.sockets.PING_S", 0.1)
    asleep = web.connect("/")
    assert web.hub.count == 2
    assert asleep.read_frame()[0] == PING
    wait_for(lambda: web.hub.count == 1, "the sleeper to be dropped")
    awake.send(encode_message("/get", "/layer/1/angle"))
    assert awake.read()
    assert reports.keys == []


def test_a_page_without_a_network_is_left_after_two_seconds_and_nothing_it_sends_is_played_late(
    serve, monkeypatch, wait_for, reports
):
    sockets = "engine.web.serving.sockets"
    assert PAGE_PING_S * 1.5 < 2.0
    monkeypatch.setattr(f"{sockets}.PAGE_PING_S", 0.1)
    web = serve()
    program, page = web.connect("/"), web.connect("/?page")
    for client in (page, program):
        client.send(encode_message("/layer/1/angle", 10.0))
    wait_for(lambda: web.store.get("/layer/1/angle") == 10.0, "what the page sent")
    wait_for(lambda: web.hub.count == 1, "the end of the page that answers no ping")
    with contextlib.suppress(ConnectionError):
        page.send(encode_message("/layer/1/angle", 20.0))
        page.send(encode_message("/layer/1/angle", 20.0))
    program.send(encode_message("/layer/2/angle", 30.0))
    wait_for(
        lambda: web.store.get("/layer/2/angle") == 30.0, "another program, which sleeps for longer"
    )
    assert web.store.get("/layer/1/angle") == 10.0
    assert reports.keys == []
