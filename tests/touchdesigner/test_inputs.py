"""Pictures, sound, timecode and beat from TouchDesigner to the engine, with a live one."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.audio.rtp import RtpCapture
from engine.system.clock import SystemClock
from tests.touchdesigner.conftest import ComponentRig, RunningEngine

Until = Callable[..., Any]


@pytest.fixture
def capture(rig: ComponentRig, free_port: Callable[[], int], reports: Any) -> Iterator[RtpCapture]:
    """The engine's end of Audio In."""
    rig.set("Audioinport", free_port())
    opened = RtpCapture(f"rtp:{rig.value('Audioinport')}/48000/2", SystemClock(), reports)
    opened.start()
    yield opened
    opened.close()


def test_every_sample_of_the_chop_at_input_2_reaches_the_engine(
    rig: ComponentRig, capture: RtpCapture, until: Until, reports: Any
) -> None:
    ramp = np.stack([np.arange(1, 24_001), -np.arange(1, 24_001)]) / 32_767
    chop = rig.program.project.create("audiooscillatorCHOP", "player")
    chop.__dict__["sound"] = np.concatenate([ramp, ramp[:1]])  # a third channel, which is left out
    rig.comp.inputConnectors[1].connect(chop)
    rig.program.frame()
    assert capture.state == "lost", "off by default"
    rig.set("Audioin", 1)
    before = capture.ring.newest
    until(
        lambda: capture.ring.read(before)[1].any() and capture.ring.newest - before > 4_000, "sound"
    )
    sound = capture.ring.read(before)[1]
    sound = np.round(sound[np.flatnonzero(sound[:, 0])[0] :] * 32_768).astype(int)
    assert (sound[:, 1] == -sound[:, 0]).all()
    assert set(np.diff(sound[:, 0])) <= {1, 1 - 24_000}, "none is missing, none comes twice"
    assert capture.lost_blocks == 0 and reports.lines == []


def test_the_top_at_input_1_is_offered_by_a_name_of_its_own_and_opened(
    connected: ComponentRig, until: Until
) -> None:
    comp, sent = connected.comp, lambda: connected.sent_to("/camera/open")
    level = connected.program.project.create("levelTOP", "mine")
    comp.inputConnectors[0].connect(level)
    assert comp.op("picture_out") is None, "a sender less for Spout"
    name = f"TouchDesigner {connected.value('Listenport')}"
    kind = "syphon" if sys.platform == "darwin" else "spout"
    connected.set("Picturein", "local")
    connected.program.frame()
    out = comp.op("picture_out")
    assert (out.OPType, out.par.sendername.eval(), out.inputs) == (
        "syphonspoutoutTOP",
        name,
        [comp.op("in1_picture")],
    )
    assert comp.op("in1_picture").inputs == [level] and sent() == [
        ("/camera/open", f"{kind}:{name}")
    ]
    assert "multiverse" not in name.lower(), (
        "else the component would take it for the engine's picture"
    )
    until(
        lambda: "/camera/open" in connected.value("Fault"), "that nobody offers this picture here"
    )
    connected.set("Picturein", "off")
    connected.program.frame()
    assert comp.op("picture_out") is None and sent()[-1] == ("/camera/open", "start")


def test_the_timeline_leads_timecode_and_beat(
    connected: ComponentRig, engine: RunningEngine, until: Until
) -> None:
    class Timeline:
        """It plays in real time, from 01:00:00."""

        tempo = 90.0
        began_s = time.perf_counter()
        seconds = property(lambda self: 3600.0 + time.perf_counter() - self.began_s)

    connected.program.time = timeline = Timeline()
    connected.set("Temposource", "timecode")  # as in a saved project whose engine was restarted
    engine.engine.params.set("/tempo/source", "beat")
    connected.set("Timeto", "beat")
    status = lambda: engine.engine.status()  # noqa: E731
    until(lambda: status().timecode.state == "locked", "the timecode")
    until(lambda: status().beat.state == "following" and status().beat.bpm == 90.0, "the tempo")
    offsets_s = []

    def compare() -> bool:
        offsets_s.append(status().timecode.seconds - timeline.seconds)
        return len(offsets_s) >= 40

    until(compare, "the position")
    # Both are those of a newest frame, which may be late here; a wrong rate would be 3.6 s off.
    assert min(map(abs, offsets_s)) < 0.1 and abs(np.median(offsets_s)) < 1.0, offsets_s
    assert status().timecode.rate == "30" and status().timecode.position.startswith("01:00:")
    assert (connected.value("Tcsource"), connected.value("Temposource")) == ("mtc", "timecode")
    until(lambda: connected.value("Tempo") == "90.0 bpm, follows timecode", "the tempo here")
    assert connected.comp.op("out8_status")["tempo_free"] == 0.0
    connected.set("Timeto", "off")  # a clock that is gone
    free = "90.0 bpm, FREE: timecode is silent or unsure, the tempo runs on"
    until(lambda: connected.value("Tempo") == free, "that the tempo has lost its clock")
    assert connected.comp.op("out8_status")["tempo_free"] == 1.0
    for address, value in (("/timecode/source", "off"), ("/tempo/source", "beat")):
        engine.engine.params.set(address, value)


def test_two_components_from_the_saved_tox_play_one_engine(
    connected: ComponentRig, engine: RunningEngine, until: Until, tmp_path: Path
) -> None:
    program, first = connected.program, connected.comp
    tox = tmp_path / "multiverse.tox"
    assert (
        program.printed[-2] == f"multiverse: 6/6 saved: {tmp_path}/multiverse.tox" and tox.is_file()
    )
    second = program.project.loadTox(str(tox))
    assert second.name == "multiverse1" and second.par.Callbackdat.eval() is None
    ports = [
        [getattr(comp.par, name).eval() for name in ("Listenport", "Featport")]
        for comp in (first, second)
    ]
    assert not set(ports[0]) & set(ports[1])
    second.ext.MultiverseExt.now_s = first.ext.MultiverseExt.now_s
    second.par.Port, second.par.Picturein = engine.osc_port, "local"
    first.par.Picturein = "local"
    until(
        lambda: second.par.Connected.eval() and second.par.Engwidth.eval() == 64,
        "all values in the second",
    )
    names = [comp.op("picture_out").par.sendername.eval() for comp in (first, second)]
    assert names[0] != names[1]
    second.par.L1angle = 44.0
    until(lambda: first.par.L1angle.eval() == 44.0, "a move of the second in the first")
    first.par.L1angle = -44.0
    until(lambda: second.par.L1angle.eval() == -44.0, "a move of the first in the second")
    second.par.Createcb.pulse()
    program.frame()
    assert second.par.Callbackdat.eval() is program.project.op("multiverse1_callbacks")
    assert first.par.Callbackdat.eval() is program.project.op("multiverse_callbacks")
    assert [comp.errors() for comp in (first, second)] == ["", ""]
