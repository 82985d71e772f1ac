"""Sound stays in sync with the pictures."""

import av
import numpy as np
import pytest
import soundfile

from engine.audio.open import open_audio
from engine.sinks.record import SoundTrack, stereo
from engine.system.clock import SteppedClock
from engine.values import AudioBlock

RATE_HZ = 48_000
FPS = 30
BY_BS775 = [0.1 + 0.7071 * (0.2 + 0.04), 0.01 + 0.7071 * (0.2 + 0.02)]


def block(count: int, value: float = 0.25, channels: int = 2) -> AudioBlock:
    samples = np.full((count, channels), value, np.float32)
    return AudioBlock(samples=samples, sample_rate_hz=RATE_HZ, first_sample=0)


def live_track(channels: int = 2) -> SoundTrack:
    return SoundTrack(sample_rate_hz=RATE_HZ, channels=channels, is_offline=False)


def run(track: SoundTrack, blocks, start: int = 0) -> np.ndarray:
    """Place one block per frame, from frame `start` on; returns the track's samples."""
    return np.concatenate([track.align(sound, (start + n) / FPS) for n, sound in enumerate(blocks)])


def test_live_the_track_begins_with_the_first_frame_and_offline_every_sample_is_appended_unchanged() -> (
    None
):
    track = live_track()
    assert track.align(block(9999), 5.0).shape == (0, 2)
    assert track.align(block(1600), 5.0 + 1 / FPS).shape == (1600, 2)
    track = SoundTrack(sample_rate_hz=RATE_HZ, channels=2, is_offline=True)
    assert len(run(track, [block(1600), block(0), None, block(99_999)])) == 101_599


def test_a_late_frame_changes_nothing_and_a_disconnected_device_leaves_silence_of_the_same_length() -> (
    None
):
    track = live_track()
    late = [block(1600)] * 10 + [block(1600 + 9600)] + [block(0)] * 6 + [block(1600)] * 60
    assert len(run(track, late)) == 76 * 1600
    assert track.corrections == 0
    track = live_track()
    blocks = [block(1600)] * 31 + [None] * 60 + [block(1600)] * 90
    sound = run(track, blocks)
    assert track.corrections == 1
    assert len(sound) == 180 * 1600
    for first, last, value in ((0, 30, 0.25), (30, 90, 0), (90, 180, 0.25)):
        assert (sound[first * 1600 : last * 1600] == value).all()


@pytest.mark.parametrize("drift", [-0.02, 0.02])
def test_a_drifting_sound_card_stays_within_a_tenth_of_a_second(drift: float) -> None:
    track = live_track()
    written = 0
    for number in range(FPS * 60):
        written += len(track.align(block(round(1600 * (1 + drift))), number / FPS))
        expected = number / FPS * RATE_HZ
        # a tenth of a second, plus the drift within a second
        assert abs(written - expected) <= (0.1 + 0.025) * RATE_HZ
    assert track.corrections > 3


def test_mono_stays_mono_and_more_than_two_channels_are_panned_alternately() -> None:
    assert live_track(channels=1).align(block(10, channels=1), 0).shape == (0, 1)
    one = np.eye(4, dtype=np.float32)  # channel n alone in row n
    mixed = stereo(one)
    assert mixed.dtype == np.float32
    level = np.sqrt(2)  # of four channels: half their number, square root
    assert mixed == pytest.approx(
        np.array([[0.8, 0.6], [0.6, 0.8], [0.8, 0.6], [0.6, 0.8]]) / level
    )
    track = live_track(channels=4)
    track.align(None, 0)
    assert track.align(block(1600, 0.5, channels=1), 1 / FPS).tolist() == [[0.5, 0.5]] * 1600, (
        "it becomes mono"
    )


def mixed_offline(path, reports) -> tuple[np.ndarray, str]:
    """The first 50 ms of a recording's sound, and the description of the sound in use."""
    audio = open_audio(str(path), offline=True, clock=SteppedClock(), report=reports)
    audio.advance_to(0.05)
    track = SoundTrack(sample_rate_hz=RATE_HZ, channels=6, is_offline=True)
    samples = track.align(audio.read_block(0), 0.0)
    audio.close()
    return samples, audio.choice


def test_a_video_in_51_is_mixed_to_stereo_by_the_gains_of_bs775(tmp_path, reports) -> None:
    """L + 0.71 C + 0.71 Ls (BS.775-3, table 2), wherever the format keeps its centre, and if it
    names none."""
    parts = np.full((6, 4800), 0.0, np.float32)
    parts += np.float32([[0.1], [0.01], [0.2], [0.4], [0.04], [0.02]])
    for name, order in (("a.wav", range(6)), ("a.aiff", range(6)), ("a.ogg", (0, 2, 1, 4, 5, 3))):
        soundfile.write(tmp_path / name, parts.T[:, list(order)], RATE_HZ)
        sound, choice = mixed_offline(tmp_path / name, reports)
        assert sound[500:] == pytest.approx(
            np.tile(BY_BS775, (1900, 1)), abs=0.02 if name == "a.ogg" else 1e-3
        ), name
        assert choice.endswith(", mixed to stereo as 5.1")
    soundfile.write(tmp_path / "stems.wav", parts.T[:, :4], RATE_HZ)
    assert mixed_offline(tmp_path / "stems.wav", reports)[0] == pytest.approx(
        np.tile(stereo(parts.T[:1, :4]), (2400, 1)), abs=1e-3
    )
    for suffix, layout in ((".mov", "5.1(side)"), (".wav", "5.1"), (".flac", "5.1")):
        with av.open(str(tmp_path / f"film{suffix}"), "w") as container:
            codec = "flac" if suffix == ".flac" else "pcm_s16le"
            stream = container.add_stream(codec, rate=RATE_HZ, layout=layout)
            frame = av.AudioFrame.from_ndarray(
                np.round(parts * 32767).astype(np.int16).T.reshape(1, -1), "s16", layout
            )
            frame.rate = RATE_HZ
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        sound, _ = mixed_offline(tmp_path / f"film{suffix}", reports)
        assert sound == pytest.approx(np.tile(BY_BS775, (2400, 1)), abs=1e-3), suffix
