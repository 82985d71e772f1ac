"""The autopilot on synthetic songs whose sections and bars are known: which changes it answers
within a bar.

The songs are arranged as their kind usually is, with what misleads beside it: fills, a bar of
silence before a drop, risers without a snare roll. A take answers a change of section from that
beat until a bar and half a beat later, as the tracker may count the off-beat; each take answers
one. A take that answers none is false: there is no longest stay.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from engine.audio.analyser import Analyser
from engine.audio.settings import AudioSettings
from engine.jobs.kit.options import option
from engine.values import BeatFeatures
from tests.benchmarks import beat_songs
from tests.benchmarks.beat_passages import FILL
from tests.benchmarks.beat_songs import FOUR, LEAD_S, RATE_HZ, ROCK, TECHNO, Score, Sheet
from tests.benchmarks.measuring import Progress
from tests.control.commands.show_rig import AutopilotRig

TWO_STEP: Final = {
    "kick": "x.........x.....",
    "snare": "....x.......x...",
    "hat": "x.x.x.x.x.x.x.x.",
}
GROOVES: Final = {
    "four": FOUR,
    "techno": TECHNO,
    "two_step": TWO_STEP,
    "rock": ROCK,
    "hats": {"hat": "..x."},
}
FPS: Final = 30
# of a take: frames, and the beat as tracked; and as for beats (beat_score)
NEAR_S, ON_BAR_S = (0.1, 0.07)
OPENING_BARS: Final = 2.0  # in which the look that opens the song comes: it answers no change
FIRST_SEED: Final = 21  # the detector was made with others
CLUB: Final = "quiet 12 build 8 drop 32 break 16 build 8 drop 32 quiet 12"
BALLAD: Final = "quiet 12 soft 8 quiet 12 soft 8 quiet 8 soft 12 quiet 6"
VERSE: Final = {"voice": 0.5, "pad": 0.25}
HATS: Final = {"pad": 0.25, "hats": 0.5}
BASS: Final = {"bass": 0.35, "pad": 0.2}
KINDS: Final[dict[str, tuple[float, str, dict[str, float], dict[str, float], dict[str, float]]]] = {
    "techno": (136.0, CLUB, HATS, {"techno": 1.0, "bass": 0.35}, {"pad": 0.4, "bass": 0.2}),
    "house": (124.0, CLUB, HATS, {"four": 1.0, **BASS}, {"pad": 0.5, "voice": 0.5}),
    "drum and bass": (174.0, CLUB, HATS, {"two_step": 1.0, **BASS}, {"pad": 0.5, "voice": 0.4}),
    "ambient": (70.0, "quiet 64", {"pad": 0.5, "hum": 0.02}, {}, {}),
    "ballad": (76.0, BALLAD, VERSE, {"rock": 0.5, "bass": 0.3, **VERSE}, VERSE),
}
"""Tempo; sections with their bars; what plays in quiet, drop and break, with its loudness. Soft:
quiet, with drums."""


class Song(NamedTuple):
    sound: np.ndarray
    bars_s: np.ndarray
    sections: list[tuple[float, str]]


def compose(kind: str, seed: int, parts: str = "") -> Song:
    """A song of that kind: its tempo within 3 %, other lengths, and some risers without a roll."""
    bpm, usual_parts, quiet, drop, breakdown = KINDS[kind]
    rng, tokens = np.random.default_rng(seed), (parts or usual_parts).split()
    bars = [count + 4 * int(rng.integers(-1, 2)) * (count > 8) for count in map(int, tokens[1::2])]
    firsts = 16 * np.cumsum([0, *bars])
    steps_s = LEAD_S + 15.0 / bpm / rng.uniform(0.97, 1.03) * np.arange(firsts[-1] + 1)
    sound = np.zeros(round(steps_s[-1] * RATE_HZ), np.float32)
    sheet = Sheet(
        score=Score(name="", pattern={}, bpm=bpm, bass=1.0), sound=sound, rng=rng, steps_s=steps_s
    )
    for section, first, end in zip(tokens[::2], firsts, firsts[1:], strict=False):
        riser = {"pad": 0.35, ("riser" if rng.random() < 0.7 else "noise"): 1.0}
        plays = {"quiet": quiet, "build": riser, "drop": drop, "soft": drop, "break": breakdown}
        for name, loudness in plays[section].items():
            before, sheet.sound = sheet.sound, np.zeros_like(sound)
            _play(sheet, name, steps_s[first : end + 1 - 16 * (section == "build" and seed % 2)])
            sheet.sound = before + loudness * sheet.sound
    names = ["quiet" if section == "soft" else section for section in tokens[::2]]
    sections = [
        (float(steps_s[firsts[n]]), each)
        for n, each in enumerate(names)
        if not n or each != names[n - 1]
    ]
    return Song(sheet.sound * (0.5 / np.abs(sheet.sound).max()), steps_s[:-1:16], sections)


def _play(sheet: Sheet, name: str, steps: np.ndarray) -> None:
    """Play one thing from the first of `steps` until the last; a groove with a fill every eight
    bars."""
    from_s, to_s = float(steps[0]), float(steps[-1])
    noise = sheet.rng.standard_normal(round((to_s - from_s) * RATE_HZ)).astype(np.float32)
    swell = np.linspace(0.02, 0.5, len(noise), dtype=np.float32)
    {
        "bass": lambda: beat_songs.play_bass(sheet, steps[:-1]),
        "pad": lambda: beat_songs.play_pad(
            sheet, 1.0, steps[:-1:16], 16.0 * float(steps[1] - steps[0])
        ),
        "voice": lambda: beat_songs.play_voice(sheet, 1.0, from_s, to_s - 1.0),
        "riser": lambda: beat_songs.play_riser(sheet, steps),
        "noise": lambda: sheet.add(from_s, noise * swell),
        "hum": lambda: sheet.add(from_s, noise),
    }.get(name, lambda: None)()
    for first in range(0, len(steps) - 1, 16) if name in GROOVES else ():
        pattern = FILL if name != "hats" and first // 16 % 8 == 7 else GROOVES[name]
        beat_songs.play_drums(sheet, pattern, steps[first : min(first + 16, len(steps) - 1)])


def hear(sound: np.ndarray) -> Iterator[tuple[float, BeatFeatures]]:
    """When each hop of a mono sound ends, and what the analysis has heard then."""
    analyser, settings = Analyser(RATE_HZ), AudioSettings()
    while (first := analyser.samples_analysed) + analyser.hop_frames <= len(sound):
        analyser.hop(sound[first : first + analyser.hop_frames, None], settings)
        yield analyser.samples_analysed / RATE_HZ, analyser.features(settings).beat


def takes_of(sound: np.ndarray) -> list[float]:
    """When the autopilot takes looks, if it plays to this sound; without a picture."""
    hops = list(hear(sound))
    with tempfile.TemporaryDirectory() as folder:
        rig = AutopilotRig(Path(folder), lambda key, line: None)
        rig.store.set_many([("/autopilot/enable", 1), ("/autopilot/bars", 0)], by="test")
        times = np.arange(1, int(hops[-1][0] * FPS)) / FPS
        takes = [now_s for now_s in times.tolist() if rig.frame(now_s, *hops[int(now_s * 100) - 1])]
        rig.close()
    return takes


def judge(song: Song, takes_s: list[float]) -> dict[str, float]:
    bar_s = float(np.median(np.diff(song.bars_s)))
    takes_s = [at_s for at_s in takes_s if at_s > OPENING_BARS * bar_s]
    free = takes_s.copy()
    for change_s, _ in song.sections[1:]:
        if answers := [at for at in free if -NEAR_S <= at - change_s <= 1.125 * bar_s + NEAR_S]:
            free.remove(answers[0])
    on_bar = sum(bool(np.abs(song.bars_s - at_s).min() <= ON_BAR_S) for at_s in takes_s)
    counts = {
        "changes": len(song.sections) - 1,
        "answered": len(takes_s) - len(free),
        "false": len(free),
    }
    return {
        **counts,
        "takes": len(takes_s),
        "on_true_bar": on_bar,
        "minutes": len(song.sound) / RATE_HZ / 60.0,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionsBench:
    """Let the autopilot play synthetic songs: changes of section answered within a bar, false
    takes."""

    variants: int = option(2, "Songs of each kind.", low=1, high=20, metavar="COUNT")


def run(options: SectionsBench, progress: Progress) -> dict[str, Any]:
    result: dict[str, Any] = progress.begin({})
    for number, kind in enumerate(KINDS):
        progress(kind, number / len(KINDS))
        songs = [compose(kind, seed) for seed in range(FIRST_SEED, FIRST_SEED + options.variants)]
        counts = [judge(song, takes_of(song.sound)) for song in songs]
        result[kind] = {key: round(sum(each[key] for each in counts), 1) for key in counts[0]}
    return result
