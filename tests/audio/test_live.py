"""Live sound."""

import numpy as np
import pytest

from engine.audio.analyser import Analyser
from engine.audio.demo import synthesise_loop
from engine.audio.input import LiveAudio
from engine.audio.open import open_audio
from engine.audio.ring import SampleRing
from engine.audio.settings import AudioSettings
from engine.audio.steady_reader import SteadyReader
from engine.errors import UsageError
from engine.values import AudioBlock


class Hand:
    """A capture with samples written by the test."""

    def __init__(self, rate_hz: int = 48_000, channels: int = 4) -> None:
        self.ring = SampleRing(rate_hz, channels)
        self.description = "by hand"
        self.state = "playing"
        self.lost_blocks = 0
        self.is_closed = False

    def start(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def live(reports):
    hand = Hand()
    audio = LiveAudio(hand, "by hand", reports)
    audio.settings = AudioSettings(auto=(False,) * 4)
    audio.start()
    yield hand, audio
    audio.close()
    assert hand.is_closed


def test_the_demo_plays_live_and_is_analysed(play_live, reports, wait_for) -> None:
    audio = play_live(lambda clock: open_audio("demo", offline=False, clock=clock, report=reports))
    wait_for(
        lambda: audio.latest_features().channels[3].onset_count >= 4, "four notes of the arpeggio"
    )
    status = audio.status()
    assert status.state == "playing"
    assert status.description == "demo loop (4 channels, 48000 Hz), heard as direct"
    assert len(status.level) == 4
    assert max(status.level) > 0.05
    assert status.lost_blocks == 0
    recorded = audio.read_block(0)
    audio.close()
    assert np.array_equal(recorded.samples, rows_of(synthesise_loop(), recorded))
    assert audio.is_finished is False
    assert reports.lines == []


def rows_of(loop: np.ndarray, recorded: AudioBlock) -> np.ndarray:
    return loop[(recorded.first_sample + np.arange(len(recorded.samples))) % len(loop)]


def test_blocks_of_any_size_give_the_same_features(live, analyse, wait_for) -> None:
    hand, audio = live
    rng = np.random.default_rng(13)
    sound = rng.uniform(-0.5, 0.5, (24_000, 4)).astype(np.float32)
    cuts = np.sort(rng.choice(24_000, 97, replace=False))
    for block in np.split(sound, cuts):
        hand.ring.write(block)
    features = wait_for(
        lambda: (newest := audio.latest_features()).end_sample == 24_000 and newest, "all hops"
    )
    expected = analyse(*sound.T).features
    assert features.channels == expected.channels
    assert np.array_equal(features.waves, expected.waves)


def test_new_settings_take_effect_at_the_next_hop_and_live_sound_cannot_be_advanced(
    live, sine, wait_for
) -> None:
    hand, audio = live
    before, tone = audio.latest_features(), np.repeat(sine(440.0)[:, None], 4, axis=1)
    hand.ring.write(tone[:4800])
    after = wait_for(
        lambda: (newest := audio.latest_features()).end_sample == 4800 and newest, "the first hops"
    )
    assert (before.end_sample, before.waves.any()) == (0, False), (
        "features are published as a whole"
    )
    assert after.channels[0].peak == pytest.approx(0.5, rel=1e-3)
    with pytest.raises(UsageError):
        audio.advance_to(1.0)
    audio.settings = AudioSettings(auto=(False,) * 4, gain_db=(-60.0, 0.0, 6.0, 12.0))
    hand.ring.write(tone[4800:5280])
    wait_for(lambda: audio.latest_features().end_sample == 5280, "the next hop")
    assert [channel.gain_db for channel in audio.latest_features().channels] == [
        -60.0,
        0.0,
        6.0,
        12.0,
    ]


def test_an_analysis_slower_than_its_sound_follows_the_newest(
    reports, wait_for, monkeypatch
) -> None:
    hand, hop = Hand(), Analyser.hop
    audio = LiveAudio(hand, "by hand", reports)
    behind_s: list[float] = []

    def slow_hop(self, *args) -> None:
        hop(self, *args)
        hand.ring.write(np.full((960, 4), 0.05, np.float32))  # two hops
        behind_s.append((hand.ring.newest - audio.latest_features().end_sample) / 48_000)

    monkeypatch.setattr(Analyser, "hop", slow_hop)
    hand.ring.write(np.full((480, 4), 0.05, np.float32))
    audio.start()
    wait_for(lambda: audio.latest_features().end_sample > 21 * 48_000, "21 seconds of sound")
    audio.close()
    assert max(behind_s) < 1.1, "half a second, and what comes while that is analysed"
    assert (
        reports.lines
        == [("audio.late", "audio: 5.1 s not analysed: the machine is overloaded")] * 2
    ), "every 10 s"


def test_one_channel_may_be_the_voice_heard_at_that_time(reports, wait_for) -> None:
    """Source and voice have different clocks here; the voice is 100 ms late."""
    hand, recorded = Hand(), SampleRing(16_000, 1)
    audio = LiveAudio(hand, "by hand", reports)
    audio.voice = SteadyReader(recorded, hand.ring.sample_rate_hz, lag_s=0.1)
    audio.settings = AudioSettings(auto=(False,) * 4, layout="direct", voice_channel=2)
    audio.start()
    for hop in range(200):
        voice = np.full((160, 1), 0.25 if hop < 150 else 0.75, np.float32)
        recorded.set_mark(recorded.newest, hop / 100)
        recorded.write(voice)
        hand.ring.set_mark(hand.ring.newest, hop / 100)
        hand.ring.write(np.full((480, 4), 0.5, np.float32))
        wait_for(lambda hop=hop: audio.latest_features().end_sample == (hop + 1) * 480, "the hop")
        if hop == 155:  # 50 ms after the voice got louder, 50 ms before that is heard
            assert [channel.peak for channel in audio.latest_features().channels] == [
                0.5, pytest.approx(0.25), 0.5, 0.5,
            ]  # fmt: skip
    audio.close()
    assert [channel.peak for channel in audio.latest_features().channels] == [
        0.5,
        pytest.approx(0.75),
        0.5,
        0.5,
    ]
