"""Synthetic songs whose beats and drum hits are known to the sample: the test material of the beat
tracker.

Each song is a drum pattern in sixteenths, played along a tempo curve, with what makes beats hard to
find beside it: bass lines, pads, a sung voice with vibrato whose notes avoid the beat, noise,
reverb, uneven playing, a break. Everything is seeded: the same name gives the same samples.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

RATE_HZ: Final = 44_100
SECONDS: Final = 32.0
LEAD_S: Final = 0.35  # before the first beat

FOUR = {"kick": "x...x...x...x...", "snare": "....x.......x...", "hat": "..x...x...x...x."}
ROCK = {"kick": "x.......x.x.....", "snare": "....x.......x...", "hat": "x.x.x.x.x.x.x.x."}
BREAK = {"kick": "x.x.......xx....", "snare": "....x..x.x..x..x", "hat": "x.x.x.x.x.x.x.x."}
HALF = {"kick": "x.....x.........", "snare": "........x.......", "hat": "x.x.x.x.x.x.x.x."}
SPARSE = {"kick": "x.......x.......", "snare": "....x.......x...", "hat": "................"}
WALTZ = {"kick": "x...........", "snare": "....x...x...", "hat": "x.x.x.x.x.x."}
# twelve eighth triplets
SHUFFLE = {"kick": "x.....x.....", "snare": "...x.....x..", "hat": "x.xx.xx.xx.x"}
LATIN = {"kick": "x..x..x.x..x..x.", "snare": "....x.......x...", "hat": "xxxxxxxxxxxxxxxx"}
DISCO = {"kick": "x...x...x...x...", "snare": "....x.......x...", "hat": "x.x.x.x.x.x.x.x."}
TECHNO = {"kick": "x...x...x...x...", "snare": "................", "hat": "xxx.xxx.xxx.xxx."}
CHORDS = ((0, 3, 7), (-4, 0, 3), (3, 7, 10), (-2, 2, 5))  # semitones, a chord a bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """A synthetic song with its true beats and drum hits. Times in seconds from its first
    sample."""

    name: str
    sound: np.ndarray
    """(frames,) or in stereo (frames, 2) float32 in [-1, 1], at RATE_HZ."""
    beats_s: np.ndarray
    hits_s: dict[str, np.ndarray]
    """Times of kick, snare and hat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The score of a synthetic song: pattern, tempo and instruments."""

    name: str
    pattern: dict[str, str]
    bpm: float
    steps_per_beat: int = 4
    drift: float = 0.0
    """Share by which the tempo swings around its mean, over 20 s."""
    jitter_s: float = 0.0
    bass: float = 0.0
    pad: float = 0.0
    voice: float = 0.0
    noise: float = 0.0
    reverb: float = 0.0
    level_db: float = -6.0
    break_s: tuple[float, float] | None = None
    """From and to: only pad and voice play."""
    later_bpm: float | None = None
    """The tempo of the second half."""


SCORES: Final = (
    Score(name="house", pattern=FOUR, bpm=124, bass=0.3),
    Score(name="techno", pattern=TECHNO, bpm=138, bass=0.2, noise=0.01),
    Score(name="rock", pattern=ROCK, bpm=104, bass=0.3, voice=0.25),
    Score(name="breakbeat", pattern=BREAK, bpm=168, bass=0.3),
    Score(name="halftime", pattern=HALF, bpm=140, bass=0.35),
    Score(name="shuffle", pattern=SHUFFLE, bpm=96, steps_per_beat=3, bass=0.3),
    Score(name="sparse", pattern=SPARSE, bpm=84),
    Score(name="reverb", pattern=ROCK, bpm=112, reverb=0.5, bass=0.2),
    Score(name="pads", pattern=FOUR, bpm=118, pad=0.5, bass=0.2),
    Score(name="waltz", pattern=WALTZ, bpm=150, pad=0.2, bass=0.2),
    Score(name="drift", pattern=DISCO, bpm=120, drift=0.05, bass=0.3),
    Score(name="live", pattern=ROCK, bpm=92, jitter_s=0.01, bass=0.3, voice=0.3),
    Score(name="quiet", pattern=DISCO, bpm=128, bass=0.3, level_db=-36),
    Score(name="drop", pattern=FOUR, bpm=128, bass=0.3, pad=0.3, break_s=(14.0, 22.0)),
    Score(name="latin", pattern=LATIN, bpm=108, bass=0.3, pad=0.1),
    Score(name="sung", pattern=ROCK, bpm=76, voice=0.7, pad=0.3, noise=0.01),
    Score(name="two_songs", pattern=DISCO, bpm=122, later_bpm=95, bass=0.3),
)


@dataclass(slots=True)
class Sheet:
    """A song that is being composed: its score, and the sound so far."""

    score: Score
    sound: np.ndarray
    rng: np.random.Generator
    steps_s: np.ndarray
    """Time of each step of the pattern."""
    hits: dict[str, list[float]] = field(default_factory=dict)

    def add(self, at_s: float, note: np.ndarray) -> None:
        start = round(at_s * RATE_HZ)
        if 0 <= start < len(self.sound):
            note = note[: len(self.sound) - start]
            self.sound[start : start + len(note)] += note

    def is_break(self, at_s: float) -> bool:
        span = self.score.break_s
        return span is not None and span[0] <= at_s < span[1]


def compose(score: Score, seconds: float = SECONDS, seed: int = 1) -> Song:
    steps_s = _steps_s(score, seconds)
    sheet = _blank_sheet(score, steps_s, seconds, seed)
    play_drums(sheet, score.pattern, steps_s)
    play_bass(sheet, steps_s)
    if score.reverb:
        sheet.sound += score.reverb * _add_reverb(sheet.sound, sheet.rng)
    if score.pad:
        bar_s = 4 * score.steps_per_beat * float(np.median(np.diff(steps_s)))
        play_pad(sheet, score.pad, bar_s * np.arange(int(seconds / bar_s) + 1), bar_s)
    if score.voice:
        play_voice(sheet, score.voice, 0.0, seconds)
    sheet.sound += score.noise * sheet.rng.standard_normal(len(sheet.sound)).astype(np.float32)
    sheet.sound *= 10.0 ** (score.level_db / 20.0) / np.abs(sheet.sound).max()
    beats_s = steps_s[:: score.steps_per_beat]
    hits = {name: np.array(times) for name, times in sheet.hits.items()}
    return Song(name=score.name, sound=sheet.sound, beats_s=beats_s[beats_s < seconds], hits_s=hits)


STEMS: Final = ("drums", "bass", "voice", "rest")


def compose_stems(score: Score, seconds: float) -> tuple[Song, np.ndarray]:
    """A song in stereo, and its stems, (4, frames, 2) float32. Of the rest, chords are left and
    plucks right."""
    steps_s = _steps_s(score, seconds)
    bar_s = 4 * score.steps_per_beat * float(np.median(np.diff(steps_s)))
    sheets = {
        name: _blank_sheet(score, steps_s, seconds, seed)
        for seed, name in enumerate((*STEMS, "arpeggio"))
    }
    play_drums(sheets["drums"], score.pattern, steps_s)
    play_bass(sheets["bass"], steps_s)
    play_voice(sheets["voice"], score.voice, 0.0, seconds)
    play_pad(sheets["rest"], score.pad, bar_s * np.arange(int(seconds / bar_s) + 1), bar_s)
    for number, at_s in enumerate(steps_s[::2]):
        semitones = CHORDS[int((at_s - LEAD_S) / bar_s) % 4][number % 3]
        note = _tone(440.0 * 2.0 ** (semitones / 12.0), 0.35, 0.004, 5)
        fall = np.exp(-np.arange(len(note)) / (0.15 * RATE_HZ)).astype(np.float32)
        sheets["arpeggio"].add(float(at_s), 0.5 * score.pad * note * fall)
    *centre, chord, arpeggio = (sheet.sound for sheet in sheets.values())
    left, right = 1.2 * chord + 0.3 * arpeggio, 0.3 * chord + 1.2 * arpeggio
    stems = np.stack(
        [*(np.stack([sound, sound], axis=1) for sound in centre), np.stack([left, right], axis=1)]
    )
    stems *= 0.5 / np.abs(stems.sum(axis=0)).max()
    hits = {name: np.array(times) for name, times in sheets["drums"].hits.items()}
    beats_s, mix = steps_s[:: score.steps_per_beat], stems.sum(axis=0)
    return Song(name=score.name, sound=mix, beats_s=beats_s, hits_s=hits), stems


def clicks(
    bpm: float, seconds: float, *, later_bpm: float | None = None, change_s: float = 0.0
) -> Song:
    """A metronome: 5 ms of a decaying 1.5 kHz tone on each beat; another tempo from `change_s`
    on."""
    beats, now_s = [], LEAD_S
    while now_s < seconds:
        beats.append(now_s)
        now_s += 60.0 / (later_bpm if later_bpm is not None and now_s >= change_s else bpm)
    sound = np.zeros(round(seconds * RATE_HZ), np.float32)
    t = np.arange(round(0.02 * RATE_HZ)) / RATE_HZ
    tick = (0.5 * np.sin(2 * np.pi * 1500 * t) * np.exp(-t / 0.005)).astype(np.float32)
    for beat_s in beats:
        start = round(beat_s * RATE_HZ)
        sound[start : start + len(tick)] += tick[: len(sound) - start]
    return Song(name=f"clicks {bpm:g}", sound=sound, beats_s=np.array(beats), hits_s={})


def _blank_sheet(score: Score, steps_s: np.ndarray, seconds: float, seed: int) -> Sheet:
    sound = np.zeros(round(seconds * RATE_HZ), np.float32)
    return Sheet(
        score=score,
        sound=sound,
        rng=np.random.default_rng([seed, *score.name.encode()]),
        steps_s=steps_s,
    )


def _steps_s(score: Score, seconds: float) -> np.ndarray:
    steps, now_s = [], LEAD_S
    while now_s < seconds:
        steps.append(now_s)
        bpm = score.later_bpm if score.later_bpm is not None and now_s >= seconds / 2 else score.bpm
        bpm *= 1.0 + score.drift * np.sin(2 * np.pi * now_s / 20.0)
        now_s += 60.0 / bpm / score.steps_per_beat
    return np.array(steps)


def play_drums(sheet: Sheet, pattern: dict[str, str], steps_s: np.ndarray) -> None:
    make: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
        "kick": _kick,
        "snare": _snare,
        "hat": _hat,
    }
    for name, row in pattern.items():
        played = sheet.hits.setdefault(name, [])
        for number, at_s in enumerate(steps_s):
            if row[number % len(row)] == "x" and not sheet.is_break(at_s):
                at_s = float(at_s + sheet.score.jitter_s * sheet.rng.standard_normal())
                sheet.add(at_s, make[name](sheet.rng) * (0.85 + 0.15 * sheet.rng.random()))
                played.append(at_s)


def play_bass(sheet: Sheet, steps_s: np.ndarray) -> None:
    """Eighths on a minor pentatonic, with gaps."""
    hertz = 55.0 * 2.0 ** (np.array([0, 3, 5, 7, 10]) / 12.0)
    half = max(1, sheet.score.steps_per_beat // 2)
    for number, at_s in enumerate(steps_s):
        if (
            sheet.score.bass
            and number % half == 0
            and sheet.rng.random() < 0.7
            and not sheet.is_break(at_s)
        ):
            sheet.add(
                float(at_s),
                sheet.score.bass * _tone(float(sheet.rng.choice(hertz)), 0.28, 0.006, 4),
            )


def play_pad(sheet: Sheet, loudness: float, starts_s: np.ndarray, bar_s: float) -> None:
    """A chord at each of `starts_s` that swells, so that it has no attack."""
    for number, at_s in enumerate(starts_s):
        for semitones in CHORDS[number % 4]:
            sheet.add(
                float(at_s),
                loudness * _tone(220.0 * 2.0 ** (semitones / 12.0), bar_s * 1.2, 0.5, 6) / 3,
            )


def play_voice(sheet: Sheet, loudness: float, from_s: float, to_s: float) -> None:
    """Sung vowels of 0.3 to 1.2 s at times that have nothing to do with the beat."""
    now_s = from_s + 0.2
    while now_s < to_s:
        length_s = 0.3 + 0.9 * float(sheet.rng.random())
        hertz = float(sheet.rng.choice([196.0, 220.0, 262.0, 294.0, 330.0]))
        sheet.add(now_s, loudness * _vowel(hertz, length_s, sheet.rng))
        now_s += length_s + 0.4 * float(sheet.rng.random())


def play_riser(sheet: Sheet, steps_s: np.ndarray) -> None:
    """Noise that swells, and a snare roll in quarters, eighths, sixteenths, and at last
    thirty-seconds."""
    t = np.arange(round((steps_s[-1] - steps_s[0]) * RATE_HZ))
    swell = 0.2 * (t / len(t)) ** 2 * sheet.rng.standard_normal(len(t))
    sheet.add(float(steps_s[0]), swell.astype(np.float32))
    halves_s = np.interp(np.arange(0.0, len(steps_s) - 1, 0.5), np.arange(len(steps_s)), steps_s)
    for number, at_s in enumerate(halves_s):
        if number % (8, 4, 2, 1)[min(3, 4 * number // len(halves_s))] == 0:
            loudness = 0.4 + 0.6 * number / len(halves_s)
            sheet.add(float(at_s), loudness * _snare(sheet.rng))
            sheet.hits.setdefault("snare", []).append(float(at_s))


def _kick(rng: np.random.Generator) -> np.ndarray:
    t = np.arange(round(0.3 * RATE_HZ)) / RATE_HZ
    cycles = 48.0 * t + 110.0 * 0.03 * (1.0 - np.exp(-t / 0.03))
    body = np.sin(2 * np.pi * cycles) * np.exp(-t / 0.1)
    return (body + 0.15 * rng.standard_normal(len(t)) * np.exp(-t / 0.003)).astype(np.float32)


def _snare(rng: np.random.Generator) -> np.ndarray:
    t = np.arange(round(0.25 * RATE_HZ)) / RATE_HZ
    body = (
        0.5 * (np.sin(2 * np.pi * 185 * t) + 0.6 * np.sin(2 * np.pi * 330 * t)) * np.exp(-t / 0.05)
    )
    return (body + 0.45 * rng.standard_normal(len(t)) * np.exp(-t / 0.06)).astype(np.float32)


def _hat(rng: np.random.Generator) -> np.ndarray:
    t = np.arange(round(0.09 * RATE_HZ)) / RATE_HZ
    noise = rng.standard_normal(len(t) + 2)
    bright = noise[2:] - 2 * noise[1:-1] + noise[:-2]  # second difference: rises 12 dB an octave
    return (0.12 * bright * np.exp(-t / 0.02)).astype(np.float32)


def _tone(hertz: float, seconds: float, attack_s: float, partials: int) -> np.ndarray:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = np.sum([np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, partials + 1)], axis=0)
    tone: np.ndarray = (
        wave * np.minimum(1.0, t / attack_s) * np.minimum(1.0, (t[-1] - t) / attack_s)
    ).astype("f4")
    return tone


def _vowel(hertz: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A harmonic tone with vibrato, shaped by two formants (Peterson and Barney 1952), attack 60
    ms."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(hertz * (1.0 + 0.02 * np.sin(2 * np.pi * 5.5 * t))) / RATE_HZ
    first, second = ((730, 1090), (270, 2290), (300, 870), (530, 1840))[int(rng.integers(4))]
    wave = np.zeros(len(t))
    for k in range(1, int(4000 / hertz)):
        f = k * hertz
        gain = 1 / (1 + ((f - first) / 90) ** 2) + 0.5 / (1 + ((f - second) / 120) ** 2) + 0.01
        wave += gain * np.sin(k * phase)
    vowel: np.ndarray = (
        wave * np.minimum(1.0, t / 0.06) * np.minimum(1.0, (t[-1] - t) / 0.08)
    ).astype(np.float32)
    return vowel


def _add_reverb(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The sound in a hall: 1.8 s of decaying noise, after 15 ms."""
    t = np.arange(round(1.8 * RATE_HZ)) / RATE_HZ
    hall = rng.standard_normal(len(t)) * np.exp(-t * 6.9 / 1.8) * (t > 0.015) / 60.0
    size = 1 << (len(sound) + len(hall) - 1).bit_length()
    wet: np.ndarray = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(hall, size), size)
    return wet[: len(sound)].astype(np.float32)
