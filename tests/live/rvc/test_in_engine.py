"""Voice conversion in a running engine: a tone an octave higher, and the dry voice while the child
is down."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile

from engine import open_engine
from engine.config import build_config
from engine.errors import ConfigError, ModelError
from tests.support.drawing_engine import DrawingEngine, opened_once, small_config

RATE_HZ = 48_000
TONE_HZ = 220.0
OCTAVE_HZ = 2 * TONE_HZ
CENTS = 50.0  # a quarter tone: the analyser follows a pitch, and the picture shows what it follows


def write_voice(path: Path) -> str:
    """Write two seconds of a reedy tone, in whole periods so that it loops without a gap."""
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    tone = sum(np.sin(2 * np.pi * n * TONE_HZ * time_s) / n for n in range(1, 8))
    soundfile.write(path, (0.2 * tone).astype(np.float32), RATE_HZ)
    return str(path)


def voice_config(folder: Path, model: Path, **more: Any) -> dict[str, Any]:
    rvc = {
        "model": str(model / "voice.pth"),
        "index": str(model / "voice.index"),
        "content": str(model / "content"),
        "input": write_voice(folder / "voice.wav"),
        "folders": [str(folder / "models")],
    }
    params = {"/rvc/f0": "yin", "/rvc/channel": 1, "/rvc/block_ms": 100, "/rvc/extra_ms": 500}
    return small_config(folder, sinks=["null"], rvc=rvc, params=params, **more)


@pytest.fixture(scope="module")
def open_drawing(
    tmp_path_factory: pytest.TempPathFactory, fork_server: None, singing_voice: Path
) -> Iterator[Callable[..., DrawingEngine]]:
    """One engine with a voice for all tests of this file: a model is loaded once."""
    yield from opened_once(
        voice_config(tmp_path_factory.mktemp("voice"), singing_voice), child="rvc", plays_sound=True
    )


@pytest.fixture
def rig(open_drawing: Callable[..., DrawingEngine], wait_for: Callable[..., Any]) -> DrawingEngine:
    """The engine with its voice converted an octave higher."""
    rig = open_drawing(wait_for)
    rig.reset(
        {
            "/rvc/enable": True,
            "/rvc/pitch": 12.0,
            "/rvc/monitor": 1.0,
            "/rvc/fallback": "dry",
            "/rvc/model": "",
        }
    )
    wait_for(lambda: rig.child.is_at_work, "the child", ceiling_s=180.0)
    hears(rig, OCTAVE_HZ)
    return rig


def hears(rig: DrawingEngine, pitch_hz: float) -> None:
    """Wait until the Multiverse's first channel has this pitch."""

    def is_audible() -> bool:
        channel = rig.features[0]
        return channel.rms > 0.01 and abs(1200 * np.log2(channel.pitch_hz / pitch_hz)) < CENTS

    rig.wait_for(is_audible, f"{pitch_hz:g} Hz in channel 1 (now {rig.features[0]}; {rig.child})")


def test_the_converted_voice_is_a_channel_of_the_multiverse_and_its_delays_are_in_the_status(
    rig: DrawingEngine,
) -> None:
    rig.set(rvc__pitch=7.0)
    hears(rig, TONE_HZ * 2 ** (7 / 12))
    rig.set(rvc__channel=0)
    rig.wait_for(lambda: rig.features[0].pitch_hz < 100.0, "the demo loop's kick drum again")
    rig.set(rvc__channel=1)
    hears(rig, TONE_HZ * 2 ** (7 / 12))
    rig.set(rvc__monitor=0.0)
    hears(rig, TONE_HZ)
    status = {message.address: message.args for message in rig.ask("/engine/status")}
    at = "/engine/status/child/rvc"
    parts = [status[f"{at}/{part}_ms"][0] for part in ("algorithmic", "compute", "device")]
    assert status[f"{at}/delay_ms"][0] == pytest.approx(sum(parts), abs=0.2)
    assert parts[0] == pytest.approx(100 + 50 + 10)
    rig.wait_for(lambda: "rtf" in rig.child.facts, "the share of the time that converting takes")
    facts = rig.child.facts  # not whether it keeps up: that depends on the machine
    assert facts["rtf"] == pytest.approx(facts["work_p50_ms"] / 100.0, abs=1e-3)
    rig.wait_for(lambda: rig.child.facts.get("transposed_semitones") == 7.0, "the transposition")
    assert rig.child.facts["speaker_hz"] == pytest.approx(TONE_HZ, rel=0.02)
    assert min(rig.child.facts[level] for level in ("input_db", "output_db")) > -40.0


def test_the_dry_voice_is_heard_while_the_child_is_killed_and_pictures_continue(
    rig: DrawingEngine,
) -> None:
    frames, pid = rig.engine.times.frames, rig.child.pid
    psutil.Process(pid).kill()
    hears(rig, TONE_HZ)
    rig.wait_for(
        lambda: rig.child.pid not in (0, pid) and rig.child.is_at_work,
        "another child",
        ceiling_s=180.0,
    )
    hears(rig, OCTAVE_HZ)
    assert rig.engine.times.frames > frames
    assert rig.child.facts["underruns"] >= 1


def test_a_missing_file_ends_the_start_in_one_line(tmp_path: Path, singing_voice: Path) -> None:
    config = voice_config(tmp_path, singing_voice)
    config["rvc"]["model"] = str(tmp_path / "gone.pth")
    with pytest.raises(ModelError, match=r"gone\.pth"), open_engine(build_config(config)):
        pass
    with (
        pytest.raises(ConfigError, match="multiverse convert"),
        open_engine(build_config(voice_config(tmp_path, singing_voice, offline=True))),
    ):
        pass
