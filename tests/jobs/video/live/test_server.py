"""The live server over real sockets: pictures come back painted, and no client can stop the
others."""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from engine.errors import PortTakenError, UsageError
from engine.jobs.video.live import LiveServer, painting_threads, serve_live
from engine.jobs.video.live.protocol import HEADER, REFERENCE, pack
from engine.models.sd.batch_pipeline import BatchPipeline
from tests.conftest import TinyModels
from tests.jobs.video.live.client import card, frame
from tests.jobs.video.live.conftest import Connect, Serve

WaitFor = Callable[..., Any]
# whose JPEG is nothing but picture
NOISE = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
PROGRESSIVE = cv2.imencode(".jpg", card(), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
LAST_SCAN = PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]
BAD = {
    "endless": (
        pack(
            replace(frame(5, card()), jpeg=PROGRESSIVE[:-2] + LAST_SCAN * 1000 + PROGRESSIVE[-2:])
        ),
        "a JPEG of 1010 scans; at most 32 are accepted",
    ),
    "no JPEG": (
        pack(frame(5, card()))[: HEADER.size] + b"no JPEG at all",
        "no JPEG after the header",
    ),
    "another size": (
        pack(frame(5, card()))[:16] + b"\x80\x00\x40\x00" + pack(frame(5, card()))[20:],
        "its header says 128 x 64, its JPEG is 64 x 64",
    ),
    "half a JPEG": (pack(frame(5, NOISE))[:4000], "its JPEG cannot be decoded"),
    "to follow": (pack(frame(5, card(), kind=REFERENCE)), "the model has no IP-Adapter"),
    "no number": ('{"settings": {"steps": "two"}}', "steps: 'two' is not a whole number"),
    "far too deep": ("[" * 60_000, "a text that is not JSON"),
}


def get(server: LiveServer, path: str, **headers: str) -> tuple[int, Any, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.address[1]}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def clients(server: LiveServer) -> int:
    return json.loads(get(server, "/status.json")[2])["clients"]


def test_a_picture_comes_back_painted_with_index_and_capture_time_of_its_source(
    serve: Serve, connect: Connect
) -> None:
    client = connect(serve())
    client.show(7, card(96, 64), captured_ms=1234.5)
    painted = client.take()
    assert (painted.index, painted.captured_ms) == (7, 1234.5)
    assert (painted.width, painted.height) == (64, 64)  # 43 px would be less than 64
    assert painted.painted_ms > 0.0 and painted.settings == 0
    assert np.array_equal(client.paint(8), client.paint(9))


def test_settings_apply_from_the_next_picture_and_only_to_their_client(
    serve: Serve, connect: Connect
) -> None:
    server = serve(painting={"prompt": "a house"})
    changing, other = connect(server), connect(server)
    before = changing.paint(1)
    changing.ask(prompt="the sea at night", seed=5, side_px=128)
    sent = changing.hear("settings")
    assert sent["number"] == 1
    assert (sent["values"]["prompt"], sent["values"]["seed"], sent["values"]["side_px"]) == (
        "the sea at night",
        5,
        128,
    )
    assert changing.paint(2).shape == (128, 128, 3) and changing.painted[-1].settings == 1
    changing.ask(side_px=64)
    after = changing.paint(3)
    assert np.abs(after.astype(int) - before).mean() > 5 and np.array_equal(other.paint(1), before)
    changing.ask(prompt="a house", seed=0)
    assert np.array_equal(changing.paint(4), before)


def test_each_client_has_its_own_lora_weights_at_any_size(
    serve: Serve, connect: Connect, tiny_models: TinyModels
) -> None:
    sd = tiny_models.sd()
    lora = tiny_models.lora(sd)
    server = serve(sd, spec={"loras": ((str(lora), 0.0),)})
    plain, heavy = connect(server), connect(server)
    assert [each["label"] for each in plain.hello["controls"] if each["group"] == "LoRA"] == [
        lora.stem
    ]
    heavy.ask(lora_1=2.0, side_px=128)
    first, weighed = plain.paint(1), heavy.paint(1, card(128, 128))
    for index in (2, 3):
        assert np.array_equal(plain.paint(index), first)
        assert np.array_equal(heavy.paint(index, card(128, 128)), weighed)
    heavy.ask(lora_1=0.0)
    assert not np.array_equal(heavy.paint(4, card(128, 128)), weighed)


def test_a_picture_of_ones_own_is_followed_and_gone_with_the_client(
    serve: Serve, connect: Connect, tiny_models: TinyModels, wait_for: WaitFor
) -> None:
    sd = tiny_models.sd()
    server = serve(sd, spec={"ip_adapter": str(tiny_models.ip_adapter(sd))})
    client = connect(server)
    before = client.paint(1)
    client.show(0, card(80, 48, 250), kind=REFERENCE)
    assert client.hear("settings")["values"]["ip_image"] == "mine"
    assert not np.array_equal(client.paint(2), before)
    client.ask(ip_image="none")
    assert np.array_equal(client.paint(3), before)
    folder = Path(server._folder.name)
    assert len(list(folder.iterdir())) == 1
    client.close()
    wait_for(lambda: not list(folder.iterdir()), "the picture to be gone")


def test_a_client_is_refused_while_all_places_are_taken_and_gets_the_first_free_one(
    serve: Serve, connect: Connect, wait_for: WaitFor
) -> None:
    server = serve(most_clients=2)
    first, second = connect(server), connect(server)
    with pytest.raises(ConnectionError) as refused:
        connect(server)
    assert refused.value.args == (1013, "busy: 2 clients are served; try again later")
    first.close()
    wait_for(lambda: clients(server) == 1, "the place to be free")
    # the other way to the same socket
    assert connect(server, "/live").paint(1).shape == (64, 64, 3)
    assert second.paint(1).shape == (64, 64, 3)


def test_an_idle_client_is_displaced_by_a_new_one_but_not_by_a_request_that_is_no_websocket(
    serve: Serve, connect: Connect
) -> None:
    server = serve(most_clients=1, idle_s=0.0)
    silent = connect(server)
    assert get(server, "/live/socket")[0] == 400 and silent.paint(1).shape == (64, 64, 3)
    assert connect(server).paint(1).shape == (64, 64, 3)
    with pytest.raises(ConnectionError) as closed:
        silent.hear("nothing")
    assert (
        closed.value.args[0] == 1013 and "another client needed the place" in closed.value.args[1]
    )


def test_an_invalid_message_is_answered_with_one_line(
    serve: Serve, connect: Connect, reports: Any
) -> None:
    server = serve(most_bytes=65_536)
    bad, good = connect(server), connect(server)
    expected = good.paint(1)
    for number, (data, line) in enumerate(BAD.values(), 2):
        bad.send(data)
        answer = bad.hear_line()
        assert line in answer and "\n" not in answer
        assert np.array_equal(good.paint(number), expected)
    bad.ask(prompt="a house")  # which ends the rest after a failure
    assert bad.paint(100).shape == (64, 64, 3) and bad.painted[-1].settings == 1
    assert reports.lines == []
    with pytest.raises(ConnectionError):  # a far too large message closes only its connection
        bad.send(bytes(8 << 20))
        bad.hear("nothing")
    assert np.array_equal(good.paint(101), expected)


def test_a_client_beyond_the_device_memory_gets_one_error_and_others_continue(
    serve: Serve, connect: Connect, reports: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(painting_threads, "REST_S", 0.0)
    monkeypatch.setattr(painting_threads, "FULL_REST_S", 3600.0)
    encode, tries = BatchPipeline.encode, []

    def encode_if_small(pieces: BatchPipeline, rgb: np.ndarray, *about: Any) -> Any:
        if rgb.shape[1] > 64:
            tries.append(rgb.shape)
            torch.empty(1 << 60, dtype=torch.uint8)  # the error of a device that is really full
        return encode(pieces, rgb, *about)

    server = serve()
    large, good = connect(server), connect(server)
    expected = good.paint(1)
    monkeypatch.setattr(BatchPipeline, "encode", encode_if_small)
    large.ask(side_px=128)
    large.show(1)
    assert large.hear("lost") == {
        "index": 1,
        "reason": "cpu has no memory for 128 x 128 px: choose a smaller size",
    }
    for index in range(2, 12):
        large.show(index)
        assert np.array_equal(good.paint(index), expected)
    assert len(tries) == 2  # the second with nothing else on the device
    assert large.hear("state")["failed"] == 1
    large.ask(side_px=64)
    assert np.array_equal(large.paint(12), expected) and server.fault == ""
    assert reports.lines == []


def test_a_browser_finds_the_page_and_nothing_else_is_let_in(serve: Serve, reports: Any) -> None:
    server = serve()
    status, headers, body = get(server, "/")  # followed to /live
    assert status == 200 and b"Multiverse" in body
    assert "media-src 'self' blob:" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert get(server, "/page/playout.js")[1]["Content-Type"].startswith("text/javascript")
    assert get(server, "/page/../server.py")[0] == 404
    assert get(server, "/live", Host="evil.example")[0] == 403
    assert get(server, "/live/socket", Origin="http://evil.example")[0] == 403
    assert {key for key, _ in reports.lines} == {"web refused"}


def test_clients_of_other_machines_need_the_token(serve: Serve, connect: Connect) -> None:
    server = serve(is_local=lambda peer: False, token="sesame")
    assert get(server, "/live")[0] == 401 and get(server, "/?token=wrong")[0] == 401
    status, headers, _ = get(server, "/live?token=sesame")
    assert status == 200
    assert connect(server, Cookie=headers["Set-Cookie"].partition(";")[0]).paint(1).shape == (
        64,
        64,
        3,
    )


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"key": Path("k.pem")}, "the certificate is missing"),
        ({"certificate": Path("c.pem"), "key": Path("k.pem")}, "cannot be used"),
        ({"side_px": 100}, "size: 100 is not a multiple of 8"),
        ({"painting": {"steps": 0}}, "--steps: 0 is not 1 to 1000"),
        ({"spec": {"loras": (("no.safetensors", 9.0),)}}, "--lora: 9 is not -4 to 4"),
    ],
)
def test_invalid_arguments_are_refused_before_the_model_is_loaded(
    serve: Serve, options: dict[str, Any], line: str
) -> None:
    with pytest.raises(UsageError, match=line):
        serve(**options)


def test_a_port_in_use_is_reported_before_anything_is_loaded(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(PortTakenError):
        serve(port=listener.getsockname()[1])


def test_serving_ends_with_its_event_and_frees_the_port(serve: Serve, connect: Connect) -> None:
    server = serve()
    client = connect(server)
    stop = threading.Event()
    serving = threading.Thread(target=serve_live, args=(server, stop))
    serving.start()
    client.paint(1)
    stop.set()
    serving.join(timeout=120)
    assert not serving.is_alive()
    with socket.create_server(server.address):
        pass
