"""Mixing of several channels to one voice. Loudness is measured by FFmpeg's ebur128, independently
of the engine."""

from pathlib import Path

import numpy as np
import pytest

from engine.jobs.convert.model_input import mono_blocks
from engine.jobs.convert.sounds import open_sound
from tests.jobs.convert.voices import ebur128, spoken, tone, write_sound, write_track

RATE_HZ = 48_000
SILENCE = np.zeros(3 * RATE_HZ, np.float32)
VOICE = 0.5 * spoken(3.0, RATE_HZ)
OTHER = 0.5 * spoken(3.0, RATE_HZ, hz=311.0)
NOISE = np.random.default_rng(0).normal(0, 0.02, (4, 3 * RATE_HZ)).astype(np.float32)


def lufs(channels: np.ndarray, layout: str) -> float:
    """Loudness of (channels, n) by EBU R 128; mono is measured as heard from two loudspeakers."""
    return ebur128(channels, RATE_HZ, "dualmono=true", "I", layout)[-1]


def write_named(path: Path, channels: list[np.ndarray], layout: str) -> Path:
    return write_track(path, np.stack(channels), RATE_HZ, layout=layout, codec="pcm_f32le")


def mixed(path: Path) -> tuple[np.ndarray, list[str]]:
    sound = open_sound(path)
    return np.concatenate(list(mono_blocks(sound))), sound.notes


@pytest.mark.parametrize(
    "sides",
    [
        (VOICE, VOICE),
        (VOICE, OTHER),
        (VOICE, SILENCE),
        (VOICE, 0.3 * VOICE),
        (VOICE + NOISE[0], VOICE + NOISE[1]),
    ],
    ids=["the same", "two singers", "left only", "off centre", "in a room"],
)
def test_stereo_mixed_to_mono_is_as_loud(
    sides: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    voice, notes = mixed(
        write_sound(tmp_path / "in.wav", np.stack(sides, 1), RATE_HZ, subtype="FLOAT")
    )
    assert lufs(voice[None], "mono") == pytest.approx(lufs(np.stack(sides), "stereo"), abs=0.2)
    assert notes == ["stereo, mixed to one voice that is as loud (ITU-R BS.775)"]


@pytest.mark.parametrize(
    "channels",
    [
        [SILENCE, SILENCE, VOICE, SILENCE, SILENCE, SILENCE],
        [*NOISE[:2], VOICE, tone(3.0, RATE_HZ, hz=50), *NOISE[2:]],
        [VOICE, VOICE, SILENCE, SILENCE, SILENCE, SILENCE],
        [SILENCE, SILENCE, SILENCE, SILENCE, VOICE, OTHER],
    ],
    ids=["dialogue", "film", "stereo within", "surround only"],
)
@pytest.mark.parametrize(("suffix", "layout"), [(".wav", "5.1"), (".mov", "5.1(side)")])
def test_surround_mixed_to_mono_is_as_loud(
    channels: list[np.ndarray], suffix: str, layout: str, tmp_path: Path
) -> None:
    voice, notes = mixed(write_named(tmp_path / f"in{suffix}", channels, layout))
    as_centre = lufs(voice[None], "mono") - 10 * np.log10(2)  # one loudspeaker
    assert as_centre == pytest.approx(lufs(np.stack(channels), layout), abs=0.2)
    assert notes == [f"{layout}, mixed to one voice that is as loud (ITU-R BS.775)"]


def test_dialogue_is_found_where_the_format_keeps_its_centre(tmp_path: Path) -> None:
    """libsndfile writes channels as they come; Vorbis has the centre second and the bass last, WAV
    third and fourth."""
    bass, silent = tone(3.0, RATE_HZ, hz=50), [SILENCE] * 3
    in_vorbis = write_sound(
        tmp_path / "in.ogg", np.stack([SILENCE, VOICE, *silent, bass], 1), RATE_HZ
    )
    in_wav = write_sound(
        tmp_path / "in.wav", np.stack([SILENCE] * 2 + [VOICE, bass] + [SILENCE] * 2, 1), RATE_HZ
    )
    for path, note in (
        (in_vorbis, "5.1, mixed"),
        (in_wav, "6 channels without names of loudspeakers, taken as 5.1, "),
    ):
        voice, notes = mixed(path)
        assert np.sqrt(np.mean((voice[: len(VOICE)] - VOICE) ** 2)) < 0.1 * VOICE.std(), path
        assert notes[0].startswith(note)


def test_microphones_without_names_are_mixed_in_equal_parts(tmp_path: Path) -> None:
    voice, notes = mixed(
        write_sound(tmp_path / "in.wav", np.stack([VOICE] * 4, 1), RATE_HZ, subtype="FLOAT")
    )
    np.testing.assert_allclose(voice, VOICE, atol=1e-5)
    assert notes == [
        "4 channels without names of loudspeakers, mixed in equal parts to one voice that is as "
        "loud"
    ]


@pytest.mark.parametrize(("right", "louder"), [(-1.0, "left"), (-0.7, "left"), (-1.4, "right")])
def test_of_two_sides_of_opposite_phase_the_louder_is_used_and_named(
    right: float, louder: str, tmp_path: Path
) -> None:
    sides = np.stack([VOICE, right * VOICE])
    voice, notes = mixed(write_sound(tmp_path / "in.wav", sides.T, RATE_HZ, subtype="FLOAT"))
    assert abs(np.corrcoef(voice, VOICE)[0, 1]) > 0.999
    assert lufs(voice[None], "mono") == pytest.approx(lufs(sides, "stereo"), abs=0.2)
    assert notes == [
        "left and right have opposite phase (correlation -1.00) and would cancel each other out: "
        "of the two only "
        f"{louder} is converted"
    ]
