"""The desk with the real voice child: a tone is converted to an octave higher; the child is killed in mid-phrase."""

import os
import signal

import numpy as np
import pytest

import osc_schema
from engine.audio.feed import LoopFeed, Playback
from engine.ipc import Gate
from engine.live.rvc.desk import VoiceDesk
from engine.live.rvc.entry import RvcConfig
from engine.live.rvc.link import VoiceLink
from engine.live.rvc.mix import FADE_S
from engine.system.clock import SystemClock
from tests.audio.clicks import click_db
from tests.support.long_form import IS_SOAK

RATE_HZ = 16_000
TONE_HZ = 200.0  # RATE_HZ / PERIOD
VALUES = {param.address: param.default for param in osc_schema.PARAMS} | {
    "/rvc/enable": True,
    "/rvc/pitch": 12.0,
    "/rvc/f0": "yin",
    "/rvc/block_ms": 100.0,
    "/rvc/crossfade_ms": 20.0,
    "/rvc/extra_ms": 300.0,
}


PERIOD = 80  # samples; a delivery of 10 ms is two of them: sample n is the phrase's n % PERIOD, wherever it began


def phrase(numbers: np.ndarray) -> np.ndarray:
    phase = 2 * np.pi * (numbers % PERIOD) / PERIOD
    return (0.15 * sum(np.sin(n * phase) / n for n in range(1, 5))).astype(np.float32)


def share_of_octave(sound: np.ndarray) -> float:
    """0 where `sound` has its energy at the tone's pitch, 1 where an octave above."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    at = [power[round(hz * len(sound) / RATE_HZ)] for hz in (TONE_HZ, 2 * TONE_HZ)]
    return at[1] / sum(at)


# Five seconds: a model is loaded twice.
@pytest.mark.soak
@pytest.mark.skipif(not IS_SOAK, reason="takes seconds: MULTIVERSE_SOAK=1")
def test_speech_after_a_child_was_killed_is_heard_dry_without_a_click(singing_voice, reports, wait_for) -> None:
    clock = SystemClock()
    config = RvcConfig(model=str(singing_voice / "voice.pth"), content=str(singing_voice / "content"), device="cpu")
    gate = Gate.create()
    link = VoiceLink(config, gate=gate, report=reports, set_value=lambda address, value: None)
    capture = Playback(LoopFeed(phrase(np.arange(RATE_HZ))[:, None], RATE_HZ, "a phrase"), clock, reports)
    link.open_voice(RATE_HZ)
    desk = VoiceDesk(link, capture, None, clock=clock, report=reports)
    desk.follow(VALUES)
    link.start(VALUES)
    link.follow(VALUES)
    try:
        capture.start()
        desk.start()
        window = RATE_HZ // 5

        def newest() -> np.ndarray:
            return desk.heard.read(desk.heard.newest - window)[1][:, 0]

        wait_for(lambda: desk.heard.newest > window and share_of_octave(newest()) > 0.95, "the converted voice")
        before = desk.heard.newest
        os.kill(link.status().pid, signal.SIGKILL)
        killed_at = link.heard_samples
        wait_for(lambda: desk.heard.newest > killed_at + RATE_HZ // 10, "what is heard after it")
        underruns = desk.facts()["underruns"]
        wait_for(lambda: share_of_octave(newest()) > 0.95, "the next child")
        first, heard = desk.heard.read(before - RATE_HZ)
    finally:
        desk.close()
        capture.close()
        link.close()
        gate.close()
    assert underruns == 1
    assert click_db(heard[:, 0]) < -30.0  # the voice itself, whose fourth partial is at 800 Hz, has -33 dB
    numbers = np.arange(killed_at + round(FADE_S * RATE_HZ), killed_at + RATE_HZ // 20)
    assert np.abs(heard[numbers - first, 0] - phrase(numbers)).max() < 1e-6
