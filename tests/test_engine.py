"""The engine as a library, whole: real sound, real GL, real sockets."""

import json
import socket
import urllib.error
import urllib.request
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile

import osc_schema
from engine import Config, Engine, open_engine
from engine.cli.run import build_settings
from engine.config import build_config
from engine.control import Sender
from engine.errors import ConfigError, PortTakenError
from engine.frame_loop import to_ns
from engine.live.kit.scene import Scene
from engine.osc.encode import encode_message
from engine.render.unused_card import UnusedCard
from engine.sinks import record
from engine.web.server import WebServer
from tests.support.needed import needs

SMALL = {"width": 160, "height": 90, "fps": 30.0, "audio": "demo", "sinks": ("null",)}


def quiet(**changes: object) -> Config:
    return build_config(SMALL | changes)


@pytest.fixture
def chord(tmp_path: Path) -> Path:
    """Four tones on four channels, 1 s, 48 kHz."""
    time_s = np.arange(48_000) / 48_000
    tones = [0.5 * np.sin(2 * np.pi * hz * time_s) for hz in (110.0, 220.0, 330.0, 440.0)]
    path = tmp_path / "chord.wav"
    soundfile.write(path, np.stack(tones, axis=1), 48_000)
    return path


@needs("OpenGL")
def test_a_card_beside_software_is_in_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    unused = UnusedCard(
        card="NVIDIA H100", reason="libEGL_nvidia.so.0 is missing", fix="install libnvidia-gl-580"
    )
    monkeypatch.setattr("engine.render.unused_card.find_unused_card", lambda: unused)
    monkeypatch.setattr("engine.render.gl_renderer.is_software", lambda name: True)
    with open_engine(quiet(offline=True, renderer="gl")) as engine:
        warning = (
            "draws in software, although there is a card (NVIDIA H100): libEGL_nvidia.so.0 "
            "is missing; install"
        )
        assert any(line.startswith(warning) for line in engine.status().warnings)


def test_pitches_of_the_four_channels_are_detected(chord: Path) -> None:
    with open_engine(quiet(audio=str(chord), offline=True)) as engine:
        *_, last = engine.frames(count=24)
    assert [channel.pitch_hz for channel in last.features] == pytest.approx(
        [110, 220, 330, 440], rel=0.003
    )


def test_the_strobe_of_an_engine_is_limited_unless_the_guard_is_off(chord: Path) -> None:
    def flashes(**more: object) -> list[int]:
        params = {
            "/master/strobe/enable": True,
            "/master/strobe/rate_hz": 6.0,
            "/multiverse/brightness": 0.0,
            **more,
        }
        with open_engine(
            quiet(audio=str(chord), offline=True, renderer="numba", params=params)
        ) as engine:
            levels = [int(frame.read_rgba()[..., :3].mean()) for frame in engine.frames(count=30)]
        # the first frame is no rise
        return [level for before, level in pairwise(levels) if level - before > 10]

    assert flashes(**{"/safety/flash_guard": False}) == [255] * 5
    limited = flashes()
    assert limited[:3] == [255] * 3 and max(limited[3:]) < 90


def test_two_beats_of_an_offline_camera_repeat_until_it_is_live_again(chord: Path) -> None:
    params = {
        param.address: param.default
        for param in osc_schema.DECLARED
        if param.is_look and param.stored
    }
    params |= {"/mode": "simple", "/tempo/source": "manual", "/tempo/bpm": 120.0}
    config = quiet(
        audio=str(chord), offline=True, renderer="numba", camera="test", fps=8.0, params=params
    )
    pictures: list[np.ndarray] = []
    with open_engine(config) as engine:
        for frames, loop in ((10, 2), (14, 0), (1, 0)):
            pictures += [frame.read_rgba().astype(int) for frame in engine.frames(count=frames)]
            engine.params.set("/camera/loop", loop)
    nearest = [
        int(np.argmin([np.abs(picture - old).sum() for old in pictures[:12]]))
        for picture in pictures
    ]
    assert nearest[:24] == [*range(12), *range(4, 12), *range(4, 8)]
    assert not any(np.array_equal(pictures[24], old) for old in pictures[:24])


@pytest.mark.parametrize("renderer", [pytest.param("gl", marks=needs("OpenGL")), "numba"])
def test_two_offline_runs_are_the_same_byte_for_byte(chord: Path, renderer: str) -> None:
    def pictures() -> list[bytes]:
        looks = {
            "/feedback/amount": 0.8, "/layer/1/curve": 0.5, "/region/enable": True,
            "/layer/5/intensity": 0.3,
            "/mod/1/source": "lfo1", "/mod/1/target": "/layer/1/angle", "/lfo/1/shape": "random",
            "/mod/2/source": "pitch", "/mod/2/target": "/multiverse/window_ms",
            "/lfo/1/tempo_sync": "eighth",
            "/mod/3/source": "envelope", "/mod/3/target": "/layer/2/ratio",
        }  # fmt: skip
        config = quiet(
            audio=str(chord), camera="test", offline=True, renderer=renderer, params=looks
        )
        with open_engine(config) as engine:
            return [frame.read_rgba().tobytes() for frame in engine.frames(count=12)]

    first = pictures()
    assert first == pictures()
    assert len(set(first)) > 3, "it moves"


def test_commands_answer_wrong_arguments_with_a_reason_and_listings_are_rate_limited() -> None:
    lists = {
        command.address
        for command in osc_schema.COMMANDS
        if command.address != "/get"
        and any("one message per" in reply for reply in command.replies)
    }
    with open_engine(quiet(offline=True, osc={"listen": "off"}, web="off")) as engine:
        commands = engine._parts.control_hub.commands.commands
        limited = {address for address, command in commands.items() if command.is_listing}
        assert limited == lists | {"/window/open"}, "that one asks for the displays, too"
        answers: list[bytes] = []
        sender = Sender(name="test", post=answers.append, at_port=None)
        for address in {each.address.replace("<n>", "3") for each in osc_schema.COMMANDS} - {
            "/engine/quit"
        }:
            for args in ((), (1.0,), ("x",), (1.0, 1.0), (1.0, "x"), ("x", "x"), (1.0, 1.0, 1.0)):
                engine.control_hub.dispatcher.receive(encode_message(address, *args), sender)
    assert [answer for answer in answers if b"internal error" in answer] == []


def test_size_and_rate_change_while_running(chord: Path) -> None:
    with open_engine(quiet(audio=str(chord), offline=True)) as engine:
        list(engine.frames(count=2))
        engine.params.set_many(
            [("/engine/width", 320), ("/engine/height", 200), ("/engine/fps", 60)], by="test"
        )
        first, second = list(engine.frames(count=2))
        assert second.read_rgba().shape == (200, 320, 4)
        assert second.time_s - first.time_s == pytest.approx(1 / 60)
        assert engine.status().target_fps == 60
        engine.params.set("/engine/fps", 29.969999313354492)  # 29.97 over OSC
        engine.run(count=1)
        assert engine.status().target_fps == 30000 / 1001


@pytest.mark.parametrize("offline", [True, False])
def test_the_gate_is_closed_until_the_sinks_have_the_picture_and_knows_the_next_draw(
    chord: Path, monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    """At 4 fps, so that a live frame is not late on a busy machine."""
    during: list[tuple[int, bool]] = []
    with open_engine(quiet(audio=str(chord), offline=offline, fps=4.0)) as engine:
        parts, gate = engine._parts, engine._parts.timing.gate
        publish = parts.outputs.sinks.publish

        def seen() -> tuple[int, bool]:
            """When the draw began, and that it has: the gate forgets a draw after a period, which a
            stall may take."""
            return gate.draw_ns, gate.draw_ns <= to_ns(parts.timing.clock.now_s())

        def noting(*arguments: object) -> None:
            during.append(seen())
            publish(*arguments)
            during.append(seen())

        frames = engine.frames(count=3)
        next(frames)  # offline it is drawn at 0, which means that no draw is known
        begins_ns = [gate.draw_ns]
        monkeypatch.setattr(parts.outputs.sinks, "publish", noting)
        for _ in frames:
            begins_ns.append(gate.draw_ns)
            assert gate.is_drawing(gate.draw_ns)
    assert [has_begun for _, has_begun in during] == [True] * 4
    assert [began_ns for began_ns, _ in during[::2]] == [
        began_ns for began_ns, _ in during[1::2]
    ], "one draw"
    assert all(
        next_ns != began_ns
        for next_ns, (began_ns, _) in zip(begins_ns[1:], during[1::2], strict=True)
    )
    assert (begins_ns[:-1] == [began_ns for began_ns, _ in during[::2]]) is offline, (
        "live it begins a little after"
    )


def test_a_saved_preset_can_be_loaded_at_the_start(tmp_path: Path, chord: Path) -> None:
    config = {"audio": str(chord), "offline": True, "presets": str(tmp_path)}
    with open_engine(quiet(**config, params={"/layer/2/curve": 0.75})) as engine:
        list(engine.frames(count=1))
        engine.presets.save("bent", engine.params.snapshot())
    with open_engine(quiet(**config, preset="bent")) as engine:
        assert engine.params.get("/layer/2/curve") == 0.75


def test_allowed_osc_senders_read_oscquery_without_a_token_under_the_given_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Programs on this machine need no token, so here they count as remote.
    monkeypatch.setattr(
        "engine.web.opening.WebServer", partial(WebServer, is_local=lambda address: False)
    )

    def ask(engine: Engine, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(
                f"{str(engine.page_url).rstrip('/')}{path}", timeout=120
            ) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, b""

    with open_engine(
        quiet(osc={"listen": "127.0.0.1:0"}, web="127.0.0.1:0", name="FOH Bühne")
    ) as engine:
        status, info = ask(engine, "/?HOST_INFO")
        assert status == 200 and json.loads(info)["NAME"] == "FOH Bühne"
        assert ask(engine, "/status.json")[0] == 401
    with open_engine(quiet(web="127.0.0.1:0")) as engine:
        assert ask(engine, "/?HOST_INFO")[0] == 401, "OSC is off"
    with (
        pytest.raises(ConfigError, match=r"--name: 'F.O.H' cannot be announced: remove dots"),
        open_engine(quiet(web="127.0.0.1:0", name="F.O.H")),
    ):
        pass


@needs("OpenGL")
def test_a_reopened_renderer_renews_the_sinks_and_the_show_continues(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_engine(quiet(sinks=("null",), renderer="gl")) as engine:
        frames = engine.frames(count=8)
        before = next(frames).read_rgba()
        parts = engine._parts
        descriptions = []
        monkeypatch.setattr(
            parts.outputs.sinks,
            "renew_context",
            lambda: descriptions.append(parts.drawing.renderer.description),
        )
        engine.post(parts.drawing.renderer._renderer.close)  # like a driver reset
        repeated = next(frames)
        assert np.array_equal(repeated.read_rgba(), before)
        assert repeated.texture is None
        assert [frame.texture is not None for frame in frames] == [True] * 6
        counts = engine.status().warning_counts
        counts.pop("standstill", None)  # on a busy machine it may take half a second
        assert counts == {"renderer": 1, "renderer.opened": 1}
        assert descriptions == [parts.drawing.renderer.description]


class Broken:
    """A live model, a preview and a camera in which everything fails, except that it can be fed."""

    name = "broken"

    def __init__(self) -> None:
        self.fed = 0

    def fail(self, *arguments: object, **more: object) -> None:
        raise RuntimeError("broken")

    follow = show = offer = fail

    def feed(self, *arguments: object) -> None:
        self.fed += 1

    def wants_frame(self, now_s: float) -> bool:
        return True


class BrokenPicture(Broken):
    """A live model whose extra picture cannot be drawn, and that cannot be fed."""

    def follow(self, *arguments: object) -> None:
        pass

    def show(self, scene: Scene, values: object, now_s: float) -> None:
        scene.extra_pictures["broken"] = self.fail

    feed = Broken.fail


@pytest.mark.parametrize("part", ["models", "preview", "camera"])
def test_a_failure_beside_the_main_picture_loses_no_frame(
    part: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = BrokenPicture(), Broken()
    with open_engine(quiet()) as engine:
        frames = engine.frames(count=5, seconds=2.0)
        next(frames)
        if part == "preview":
            engine._parts.outputs.previews = {"main": Broken()}
        elif part == "camera":
            monkeypatch.setattr(engine._parts.inputs.camera, "latest_frame", Broken().fail)
        else:
            engine._parts.models.running = models
        assert [frame.index for frame in frames] == [1, 2, 3, 4]
        assert engine._parts.warnings.counts["frame"] >= 4
    assert "RuntimeError: broken" in caplog.text
    assert part != "models" or models[1].fed == 4, "one that cannot be fed does not starve the next"


def test_a_failing_command_loses_no_frame(caplog: pytest.LogCaptureFixture) -> None:
    with open_engine(quiet()) as engine:
        frames = engine.frames(count=5)
        next(frames)
        engine.post(lambda: 1 / 0)
        assert [frame.index for frame in frames] == [1, 2, 3, 4]
        assert engine.status().warning_counts["frame"] == 1
    assert "ZeroDivisionError" in caplog.text


def test_offline_a_failing_frame_ends_the_run(chord: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        open_engine(quiet(audio=str(chord), offline=True)) as engine,
    ):
        engine.post(lambda: 1 / 0)
        list(engine.frames(count=5))


def test_seconds_count_the_loops_own_time(chord: Path) -> None:
    with open_engine(quiet(audio=str(chord), offline=True)) as engine:
        assert len(list(engine.frames(seconds=3.0))) == 90
        assert len(list(engine.frames(seconds=0.1))) == 3


def test_the_second_engine_names_every_port_that_is_taken_at_once(free_port: Any) -> None:
    def config(osc_port: int, web_port: int) -> Config:
        return quiet(osc={"listen": f"127.0.0.1:{osc_port}"}, web=f"127.0.0.1:{web_port}")

    osc_port, web_port = free_port(), free_port()
    advice = "is another multiverse running? choose another with"
    osc, web = f"--osc 127.0.0.1:{osc_port}", f"--web 127.0.0.1:{web_port}"
    with open_engine(config(osc_port, web_port)):
        for second, line in (
            (
                config(osc_port, web_port),
                f"{osc} and {web} are in use; {advice} --osc HOST:PORT --web HOST:PORT",
            ),
            (config(free_port(), web_port), f"{web} is in use; {advice} --web HOST:PORT"),
            (config(osc_port, free_port()), f"{osc} is in use; {advice} --osc HOST:PORT"),
        ):
            with pytest.raises(PortTakenError) as caught, open_engine(second):
                pass
            assert str(caught.value) == line


def test_a_taken_port_is_noticed_before_any_sink_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: Any
) -> None:
    opened: list[Path] = []
    claim = record.claim_file
    monkeypatch.setattr(record, "claim_file", lambda path: opened.append(path) or claim(path))
    with socket.create_server(("127.0.0.1", 0)) as server:
        web = f"127.0.0.1:{server.getsockname()[1]}"
        with (
            pytest.raises(PortTakenError),
            open_engine(quiet(web=web, sinks=(f"record={tmp_path / 'x.mp4'}",))),
        ):
            pass
    assert opened == [] and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "overrides", "size"),
    [
        ({}, [], (960, 540)),
        ({"width": 640, "height": 360}, [], (640, 360)),
        ({}, ["/engine/height=360"], (1280, 360)),
        ({"offline": True}, [], (1280, 720)),
    ],
    ids=["nothing", "size", "parameter", "offline"],
)
def test_the_software_renderer_takes_a_smaller_size_live_if_none_is_requested(
    options: dict[str, Any], overrides: list[str], size: tuple[int, int]
) -> None:
    plain = {
        "renderer": "numba",
        "audio": "demo",
        "sinks": ("null",),
        "osc.listen": "off",
        "web": "off",
    }
    config = build_settings(None, plain | options, overrides)
    with open_engine(msgspec.structs.replace(config, autosave=False)) as engine:
        frame = next(iter(engine.frames(count=1)))
        assert (frame.width, frame.height) == size
        assert (engine.params.get("/engine/width"), engine.params.get("/engine/height")) == size
        assert frame.read_rgba().shape == (size[1], size[0], 4)
