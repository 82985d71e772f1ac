"""Choosing the sound over OSC while the engine draws: files in place of the demo loop, with their
transport."""

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.control import CommandTable, Reply
from engine.control.commands.sound import SoundControl
from engine.errors import AudioError
from engine.osc.encode import encode_message
from tests.control.commands.show_rig import make_context, run_command
from tests.jobs.convert.voices import write_track
from tests.support.engine_client import EngineClient, open_client

RATE_HZ = 44_100  # the demo loop, which begins, has 48 000


def write_tone(
    path: Path, hz: float, seconds: float, channels: int = 2, rate_hz: int = RATE_HZ
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)
    soundfile.write(path, np.repeat(tone[:, None], channels, axis=1), rate_hz)


def entries(session: EngineClient, kind: str) -> dict[object, tuple[str, int]]:
    """Entry -> (title, 1 if it is in use)."""
    messages = session.ask(f"/audio/{kind}/list")
    found = (message.args for message in messages if message.address == f"/audio/{kind}/entry")
    return {entry: (title, on) for entry, title, on in found}


def pitch_hz(session: EngineClient) -> float:
    return session.engine._parts.inputs.audio.latest_features().channels[0].pitch_hz


def test_a_set_of_files_replaces_the_demo_loop_and_is_moved_through(tmp_path, wait_for) -> None:
    music = tmp_path / "music"
    write_tone(music / "set" / "1 low.wav", 220.0, 30.0)
    write_tone(music / "set" / "2 high.flac", 880.0, 30.0, channels=1, rate_hz=32_000)
    (music / "set" / "3 broken.wav").write_bytes(b"no sound")
    (music / "list.m3u").write_text(
        "#EXTM3U\nset/2 high.flac\nhttp://radio.example/stream\nset/1 low.wav\n"
    )
    (music / "gone.m3u").write_text("set/gone.wav\n")
    film_tone = 0.5 * np.sin(2 * np.pi * 440.0 * np.arange(3 * 48_000) / 48_000)
    write_track(music / "film71.mp4", np.tile(film_tone, (8, 1)), 48_000, layout="7.1", codec="aac")
    for path in (tmp_path / "secret.wav", music / ".cut.wav", music / "cut.bak"):
        path.write_bytes((music / "set" / "1 low.wav").read_bytes())

    def position() -> tuple[int, int, str, str]:
        now = session.engine.status().audio.place
        return (now.number, now.tracks, now.name, now.state) if now else (0, 0, "", "")

    with open_client(tmp_path, plays_sound=True, music=(str(music),)) as session:
        session.done("/engine/notify", 1)
        assert entries(session, "input")["demo"] == ("built-in demo loop", 1)
        names = (
            "set",
            "film71.mp4",
            "gone.m3u",
            "list.m3u",
            "set/1 low.wav",
            "set/2 high.flac",
            "set/3 broken.wav",
        )
        assert tuple(entries(session, "file")) == names
        for verb in ("play", "pause", "next", "previous"):
            assert "no sound file plays" in session.failed(f"/audio/file/{verb}")
        assert session.done("/audio/file/open", "set") == ("/audio/file/open", "set")
        wait_for(lambda: position() == (1, 3, "1 low.wav", "playing"), "the first file")
        wait_for(lambda: abs(pitch_hz(session) - 220.0) < 3.0, "its pitch")
        assert session.hear("/audio/file/playing") == (1, 3, "1 low.wav", "playing")
        position_s, length_s = session.hear("/audio/file/position")
        assert 0.0 <= position_s < 30.0
        assert length_s == pytest.approx(30.0)
        assert entries(session, "input")["files"] == ("sound files: 1 low.wav and 2 more", 1)
        assert entries(session, "track")[1] == ("1 low.wav", 1)

        session.done("/audio/file/next")
        wait_for(
            lambda: position()[2] == "2 high.flac" and abs(pitch_hz(session) - 880.0) < 9.0,
            "the second file",
        )
        session.done("/audio/file/seek", 20.0)
        wait_for(lambda: session.engine.status().audio.place.position_s >= 20.0, "its 20th second")
        session.done("/audio/file/pause")
        wait_for(
            lambda: position()[3] == "paused" and max(session.engine.status().audio.level) == 0.0,
            "silence",
        )
        paused_s = session.engine.status().audio.place.position_s
        session.done("/audio/file/play")
        wait_for(lambda: session.engine.status().audio.place.position_s > paused_s, "it to go on")
        session.done("/audio/track/open", 3)
        wait_for(
            lambda: position() == (1, 3, "1 low.wav", "playing"), "the broken one to be skipped"
        )
        assert any(
            "3 broken.wav" in line and line.endswith("skipped")
            for line in session.engine.status().warnings
        )

        # eight channels as planes, which once ended the process
        session.done("/audio/file/open", "film71.mp4")
        wait_for(lambda: position() == (1, 1, "film71.mp4", "playing"), "the film")
        wait_for(lambda: abs(pitch_hz(session) - 440.0) < 5.0, "its pitch")
        session.done("/audio/file/open", "list.m3u")
        wait_for(
            lambda: position() == (1, 2, "2 high.flac", "playing"),
            "the playlist, without the address",
        )
        for entry in (
            "../secret.wav",
            str(tmp_path / "secret.wav"),
            "nothing.wav",
            ".",
            "",
            ".cut.wav",
            "cut.bak",
        ):
            reason = session.failed("/audio/file/open", entry)
            assert reason.endswith(
                "is not offered in the music folders; /audio/file/list shows what is"
            )
        assert session.failed("/audio/file/open", "gone.m3u").startswith(
            f"{Path('set/gone.wav')}: no such file"
        )
        broken = "set/3 broken.wav"
        assert session.failed("/audio/file/open", broken).startswith(
            f"{Path(broken)}: not a readable sound"
        )
        assert "it has 1 to 2" in session.failed("/audio/track/open", 3)
        assert "takes a number from 0" in session.failed("/audio/file/seek", "far")
        assert "no audio input 'nowhere'" in session.failed("/audio/input/open", "nowhere")
        assert "no audio output 'nowhere'" in session.failed("/audio/monitor/open", "nowhere")
        assert position() == (1, 2, "2 high.flac", "playing"), "nothing of that changed the sound"

        assert session.done("/audio/input/open", "demo") == ("/audio/input/open", "demo")
        wait_for(
            lambda: session.engine.status().audio.description.startswith("demo loop"),
            "the demo loop",
        )
        assert session.done("/audio/input/open", "files")[1] == "files"
        wait_for(lambda: position() == (1, 2, "2 high.flac", "playing"), "the list again")


def test_of_choices_that_wait_only_the_newest_is_opened(tmp_path, monkeypatch) -> None:
    begun, may_end = threading.Event(), threading.Event()
    opened: list[str] = []

    def open_device(sound: object, entry: str) -> None:
        opened.append(entry)
        begun.set()
        may_end.wait(60.0)
        raise AudioError(f"no audio input {entry!r}")

    monkeypatch.setattr("engine.audio.chosen.ChosenSound.open_device", open_device)
    with open_client(tmp_path) as session:
        session.client.send(encode_message("/audio/input/open", "first"))
        assert begun.wait(60.0)
        for number in range(50):
            session.client.send(encode_message("/audio/input/open", f"{number}"))
        for _ in range(49):
            assert session.hear("/fail") == ("/audio/input/open", "superseded by another choice")
        may_end.set()
        assert [session.hear("/fail")[1] for _ in range(2)] == [
            "no audio input 'first'",
            "no audio input '49'",
        ]
        assert opened == ["first", "49"]
        assert "is not offered in the music folders" in session.failed(
            "/audio/file/open", "x" * 300
        )


def test_an_offline_run_keeps_its_sound(tmp_path) -> None:
    control, table = SoundControl(make_context(print), object(), [tmp_path]), CommandTable()
    control.add_commands(table)
    for address, args in (
        ("/audio/input/open", ("demo",)),
        ("/audio/file/play", ()),
        ("/audio/monitor/list", ()),
    ):
        with pytest.raises(AudioError, match="cannot be changed in an offline run"):
            run_command(table, address, args, Reply(address, print))
    control.close()
