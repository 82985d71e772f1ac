"""Timecode in the show: cues start in the right picture, the beat follows, subscribers are
notified."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from engine import Engine, open_engine
from engine.config import build_config
from engine.osc.encode import encode_message
from engine.params import PresetFolder, read_cues
from engine.values import TimecodeReading
from osc_schema import Rejected
from tests.control.commands.show_rig import BRIGHTNESS
from tests.control.commands.timecode_rig import FRAME_S, TimecodeRig
from tests.support.engine_client import open_client
from tests.support.ltc_signal import ltc_signal
from tests.support.mtc_signal import full_frame, quarter_frames


@pytest.fixture
def rig(tmp_path: Path, reports: Any) -> Iterator[TimecodeRig]:
    rig = TimecodeRig(tmp_path, reports)
    yield rig
    rig.close()


@pytest.fixture
def show(rig: TimecodeRig) -> TimecodeRig:
    """A rig with the cues 1 low at 10 s, 2 mid at 20 s fading for 4 s, 3 high without a timecode;
    the source is LTC."""
    rig.done("/cue/set", 1, "low", 0.0, 0.0, 0, "00:00:10:00")
    rig.done("/cue/set", 2, "mid", 4.0, 0.0, 0, "00:00:20:00")
    rig.done("/cue/set", 3, "high")
    rig.store.set("/timecode/source", "ltc")
    return rig


def test_a_cue_starts_once_in_the_picture_in_which_its_time_is_reached(show: TimecodeRig) -> None:
    show.play_ltc((0, 0, 8, 0), 14.0, begin_s=1.0)
    assert show.run(15.8) == [(3.0, 1), (13.0, 2)]
    status = show.control.status
    assert (status.source, status.state, status.rate) == ("ltc", "flywheel", "25")
    assert status.seconds == pytest.approx(22.8, abs=1e-6) and status.position == "00:00:22:20"


def test_a_locate_recalls_the_last_cue_with_the_rest_of_its_fade(show: TimecodeRig) -> None:
    show.play_ltc((0, 0, 23, 0), 3.0, begin_s=1.0)
    ((began_s, number),) = show.run(1.5)
    assert number == 2 and began_s < 1.1
    values, event = show.crossfade.take_event()
    fade = event.fade
    assert fade is not None and values[BRIGHTNESS] == 2.0
    show.run(2.04)
    assert show.crossfade.take_event()[1].fade is None, "of four seconds, three had passed"
    show.say("/cue/3")
    show.ltc.clear()
    show.play_ltc((0, 0, 40, 0), 1.0, begin_s=2.1)
    assert [number for _, number in show.run(2.5)] == [2], "a person has started another one since"


def test_a_locate_past_the_follow_time_of_a_cue_starts_the_next_one_too(show: TimecodeRig) -> None:
    show.done("/cue/set", 2, "mid", 0.0, 2.0, 0, "00:00:20:00")
    show.play_ltc((0, 0, 23, 0), 1.0, begin_s=1.0)
    assert [number for _, number in show.run(1.5)] == [2, 3]


def test_without_chase_no_cue_starts_and_switching_it_on_recalls(show: TimecodeRig) -> None:
    show.store.set("/timecode/chase", False)
    show.play_ltc((0, 0, 9, 0), 5.0, begin_s=0.0)
    assert show.run(3.0) == []
    show.store.set("/timecode/chase", True)
    assert [number for _, number in show.run(3.1)] == [1]


def test_subscribers_are_sent_the_time_at_their_rate(show: TimecodeRig) -> None:
    show.store.set("/timecode/now/rate_hz", 10.0)
    show.play_ltc((0, 0, 1, 0), 4.0, begin_s=0.0)
    message = []
    for n in range(1, 101):
        show.run(n * FRAME_S)
        message += [each for each in show.messages if each[0].startswith("/timecode/")]
    assert message[0] == ("/timecode/state", "none") and message[1] == ("/timecode/state", "locked")
    times = [each for each in message[2:] if each[0] == "/timecode/now"]
    assert 17 <= len(times) <= 20
    assert times[-1][2] == pytest.approx(3.0, abs=0.11) and times[-1][1].startswith("00:00:0")
    show.store.set("/timecode/now/rate_hz", 0.0)
    show.run(3.0)
    assert not [each for each in show.messages if each[0] == "/timecode/now"]


@pytest.mark.parametrize("address", ["/mtc", "/midi/dev/0/MTC"])
def test_mtc_starts_a_cue_on_time_forward_and_none_backward(
    show: TimecodeRig, address: str
) -> None:
    show.store.set("/timecode/source", "mtc")
    show.midi = [
        (at_s, encode_message(address, data)) for at_s, data in quarter_frames((0, 0, 9, 0), 100)
    ]
    ((began_s, number),) = show.run(3.9)
    assert number == 1 and began_s == pytest.approx(1.0, abs=FRAME_S)
    assert show.control.status.speed == pytest.approx(1.0)
    back = quarter_frames((0, 0, 9, 0), 100, speed=-1.0)
    show.midi = [(4.0 + at_s, encode_message(address, data)) for at_s, data in back]
    assert show.run(8.0) == []
    assert show.control.status.speed == pytest.approx(-1.0)


def test_a_cue_gets_its_timecode_over_osc_and_keeps_it(show: TimecodeRig) -> None:
    show.play_ltc((0, 0, 1, 0), 4.0, begin_s=0.0)
    show.run(2.5)
    now = show.control.status.position
    show.done("/cue/timecode", 3, "now")
    show.done("/cue/timecode", 1, "1:2:3:4")
    show.done("/cue/set", 1, "mid", 1.5)
    show.done("/cue/timecode", 2, "")
    assert show.ask("/cue/list") == [
        ("/cue/entry", 1, "mid", 1.5, 0.0, 0, "01:02:03:04"),
        ("/cue/entry", 2, "mid", 4.0, 0.0, 0),
        ("/cue/entry", 3, "high", 0.0, 0.0, 0, now),
        ("/done", "/cue/list"),
    ]
    assert read_cues(show.path) == (show.cues.cues, [])


@pytest.mark.parametrize(
    ("values", "key", "line"),
    [
        (
            {"/timecode/source": "ltc", "/timecode/ltc_channel": 5},
            "timecode",
            "has 2 channels; choose 1..2",
        ),
        (
            {"/tempo/source": "timecode"},
            "timecode.tempo",
            "set /timecode/source to ltc, mtc or artnet",
        ),
        ({}, "timecode.ignored.mtc", "/timecode/source is off; /timecode/source mtc follows it"),
    ],
)
def test_timecode_that_nothing_reads_or_brings_is_reported_once(
    rig: TimecodeRig, reports: Any, values: dict[str, object], key: str, line: str
) -> None:
    for address, value in values.items():
        rig.store.set(address, value)
    if not values:
        rig.midi = [
            (float(second), encode_message("/mtc", f"01:00:1{second}:00")) for second in (2, 3, 4)
        ]
    rig.run(1.5)
    assert len(reports.lines) == (key == "timecode"), "the other source may be set next"
    rig.run(8.0)
    ((reported, text),) = reports.lines
    assert reported == key and line in text


# -- end to end --------------------------------------------------------------------------------


def test_a_cue_whose_preset_is_missing_is_reported_and_the_show_continues(
    show: TimecodeRig, reports: Any
) -> None:
    show.done("/cue/set", 1, "gone", 0, 0, 0, "00:00:10:00")
    show.play_ltc((0, 0, 9, 0), 12.0, begin_s=0.0)
    assert show.run(12.0) == [(11.0, 2)]
    assert [key for key, _ in reports.lines].count("cues") == 1


def test_ltc_in_a_file_leads_an_offline_show(tmp_path: Path) -> None:
    """Music on the left, LTC on the right: the cue starts in its picture, the beat is that of the
    timecode."""
    PresetFolder(tmp_path / "presets").save("dark", {BRIGHTNESS: 0.0})
    tape = ltc_signal((0, 59, 59, 0), 75, rate="25")
    music = 0.5 * np.sin(2 * np.pi * 220 / 48_000 * np.arange(tape.samples.size))
    soundfile.write(tmp_path / "show.wav", np.stack([music, tape.samples], axis=1), 48_000)
    config = build_config(
        {
            "width": 64, "height": 64, "fps": 50.0, "audio": str(tmp_path / "show.wav"),
            "offline": True,
            "renderer": "numba", "sinks": ["null"], "osc": {"listen": "off"}, "web": "off",
            "presets": str(tmp_path / "presets"),
            "params": {
                "/timecode/source": "ltc", "/tempo/source": "timecode", "/tempo/bpm": 100.0,
                BRIGHTNESS: 4.0,
                "/timecode/offset": "00:59:59:00",
            },
        }
    )  # fmt: skip
    (tmp_path / "cues.toml").write_text(
        'cue = [{ number = 1, preset = "dark", timecode = "00:00:01:10" }]', encoding="utf-8"
    )

    def brightness_at(engine: Engine) -> float:
        return float(engine.params.get(BRIGHTNESS))  # type: ignore[arg-type]

    with open_engine(config) as engine:
        dark_from_s = next(
            frame.time_s for frame in engine.frames(count=140) if brightness_at(engine) == 0.0
        )
        assert dark_from_s == pytest.approx(1.4, abs=0.021)
        status = engine.status()
        assert status.timecode.state == "locked" and status.timecode.rate == "25"
        assert status.audio.level[1] == pytest.approx(status.audio.level[0], rel=0.2), (
            "both channels hear the music"
        )
        beat = engine._parts.control_hub.tempo.beat_at(dark_from_s)
        assert beat == pytest.approx(dark_from_s * 100.0 / 60.0, abs=0.01)
        assert ("/engine/status/timecode", "ltc") in [
            (at, values[0]) for at, values in status.osc_lines()
        ]


def test_a_locate_over_udp_recalls_a_cue(tmp_path: Path) -> None:
    with open_client(tmp_path) as session:
        for name, brightness in (("low", 1.0), ("high", 3.0)):
            session.engine.params.set(BRIGHTNESS, brightness)
            session.done("/preset/save", name)
        session.done("/cue/set", 1, "low", 0.0, 0.0, 0, "01:00:00:00")
        session.done("/cue/set", 2, "high", 0.0, 0.0, 0, "01:00:20:00")
        session.done("/engine/notify", 1)
        session.client.send(encode_message("/timecode/source", "mtc"))
        session.client.send(encode_message("/sysex", full_frame((1, 0, 12, 0)).hex(" ")))
        assert session.hear("/cue/current") == (1, "low")
        session.done("/cue/timecode", 2, "now")
        assert session.ask("/cue/list")[-3].args == (2, "high", 0.0, 0.0, 0, "01:00:12:00")
        session.client.send(encode_message("/timecode/offset", "soon"))
        assert "neither hh:mm:ss:ff" in str(session.hear("/fail")[-1])
        reason = (
            "^/timecode/source artnet: this run does not listen to Art-Net; start it with "
            "--dmx artnet$"
        )
        with pytest.raises(Rejected, match=reason):
            session.engine.params.set("/timecode/source", "artnet", by="test")
        assert session.engine.params.get("/timecode/source") == "mtc"


def test_cues_start_with_the_timecode_of_art_net(show: TimecodeRig, reports: Any) -> None:
    show.midi = [(0.0, encode_message("/mtc", "01:00:12:00"))]
    show.run(0.05)
    assert "MIDI timecode arrives" in reports.lines[-1][1]
    show.control.artnet.append(
        TimecodeReading(hours=0, minutes=0, seconds=9, frames=0, at_s=0.0, rate="25")
    )
    show.run(0.1)
    ignored = (
        "Art-Net timecode arrives and is ignored: /timecode/source is ltc; /timecode/source "
        "artnet follows it"
    )
    assert ("timecode.ignored.artnet", ignored) == reports.lines[-1]
    show.store.set("/timecode/source", "artnet")
    started = []
    for n in range(50):
        at_s, second = 0.1 + n / 25, 9 + n // 25
        label = TimecodeReading(
            hours=0, minutes=0, seconds=second, frames=n % 25, at_s=at_s, rate="25"
        )
        show.control.artnet.append(label)
        started += show.run(at_s + 0.04)
    assert [number for _, number in started] == [
        1
    ] and show.control.status.position == "00:00:11:00"
