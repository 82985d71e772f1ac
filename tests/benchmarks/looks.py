"""What each look does with music, a drone, a voice and silence, and whether that meets the law for
looks.

`python -m tests.benchmarks.looks [--sheets FOLDER] [NAME ...]` plays a song of 23 s offline to each
look (or to those named), writes the figures into tests/benchmarks/results, the table into
docs/reference/looks.md, and contact sheets into FOLDER. Everything is seeded: the same engine gives
the same figures. Run it on a quiet machine: a shader must pass its trial in time.
"""

import argparse
import json
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from PIL import Image

from engine import Config, open_engine
from engine.params.looks import LOOKS
from tests.benchmarks.beat_songs import RATE_HZ, SCORES, Score, Sheet, compose, play_pad, play_voice
from tests.benchmarks.on_gpu import RESULTS, ROOT
from tests.support.drum_loop import correlation, motion_energy, onset_envelope

FILE: Final = RESULTS / "looks.json"
PAGE: Final = ROOT / "docs" / "reference" / "looks.md"
MARKER: Final = re.compile(r"<!-- measured looks -->\n.*?<!-- end -->", re.DOTALL)
WIDTH, HEIGHT, FPS = 256, 144, 30
SECTIONS: Final = {
    "techno": (0.0, 7.0),
    "drone": (7.0, 12.0),
    "voice": (12.0, 18.0),
    "silence": (18.0, 23.0),
}
"""From and to, in seconds."""
MUSIC: Final = tuple(SECTIONS)[:-1]
SETTLED_S: Final = 1.5
"""After the begin of a section: before, the trails of the last one are still seen."""
CELLS: Final = 9, 16
LEAST_MOTION, LEAST_CHANGE, LEAST_FOLLOWED, MOST_ALIKE = 0.4, 0.5, 0.4, 0.9
LAW: Final = (
    f"moves by {LEAST_MOTION} or more in silence",
    f"is brighter or moves more by {LEAST_CHANGE:.0%} or more in each kind of music than in "
    "silence",
    f"follows the drums and the voice: correlation {LEAST_FOLLOWED} or more",
    "has more light in music than in silence",
    f"is unlike every other look in silence: correlation below {MOST_ALIKE}",
)
Figures = dict[str, Any]


def song() -> np.ndarray:
    """(samples,) float32 at RATE_HZ: a section after the other, each at its own seeded notes."""
    lengths = {name: end - start for name, (start, end) in SECTIONS.items()}
    techno = compose(
        next(score for score in SCORES if score.name == "techno"), lengths["techno"]
    ).sound
    drone, voice = _sheet("drone", lengths["drone"]), _sheet("voice", lengths["voice"])
    play_pad(drone, 1.0, np.array([0.0]), lengths["drone"] / 1.2)
    for from_s in np.arange(0.0, lengths["voice"], 2.0):  # phrases, with a breath between them
        play_voice(voice, 1.0, float(from_s), float(from_s) + 0.7)
    parts = [techno, *(0.3 * sheet.sound / np.abs(sheet.sound).max() for sheet in (drone, voice))]
    parts.append(np.zeros(round(lengths["silence"] * RATE_HZ), np.float32))
    return np.concatenate(parts)


def _sheet(name: str, seconds: float) -> Sheet:
    sound = np.zeros(round(seconds * RATE_HZ), np.float32)
    rng = np.random.default_rng([1, *name.encode()])
    return Sheet(
        score=Score(name=name, pattern={}, bpm=120), sound=sound, rng=rng, steps_s=np.array([0.0])
    )


def play(name: str, sound: np.ndarray) -> np.ndarray:
    """The look's pictures with the sound, (n, HEIGHT, WIDTH, 3) uint8."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "song.wav"
        soundfile.write(file, sound, RATE_HZ, subtype="FLOAT")
        config = Config(
            width=WIDTH,
            height=HEIGHT,
            fps=FPS,
            audio=str(file),
            offline=True,
            preset=name,
            presets=folder,
        )
        with open_engine(config) as engine:
            frames = engine.frames(count=int(len(sound) / RATE_HZ * FPS))
            return np.stack([frame.read_rgba()[..., :3].copy() for frame in frames])


def section(each: np.ndarray, name: str) -> np.ndarray:
    """The part of something that has one value per picture."""
    start_s, end_s = SECTIONS[name]
    return each[round((start_s + SETTLED_S) * FPS) : round(end_s * FPS)]


def loudness(sound: np.ndarray) -> np.ndarray:
    """(pictures,): root mean square of the samples of each picture."""
    samples = RATE_HZ // FPS
    loud: np.ndarray = np.sqrt(
        (sound[: len(sound) // samples * samples].reshape(-1, samples) ** 2).mean(axis=1)
    )
    return loud


def measure(pictures: np.ndarray, sound: np.ndarray) -> Figures:
    """Light and motion in each section in levels 0..255, how far drums and voice are followed, and
    `layout`: how the light lies in silence, in CELLS."""
    light, motion = pictures.mean(axis=(1, 2, 3)), motion_energy(pictures)
    envelopes = {"techno": onset_envelope(sound, FPS), "voice": _smooth(loudness(sound))}
    follows = {}
    for name, envelope in envelopes.items():
        part = section(envelope, name)
        follows[name] = max(correlation(section(each, name), part, FPS) for each in (light, motion))
    grey = section(pictures, "silence").mean(axis=(0, 3))
    layout = grey.reshape(CELLS[0], HEIGHT // CELLS[0], CELLS[1], WIDTH // CELLS[1]).mean(
        axis=(1, 3)
    )
    return {
        "light": {name: round(float(section(light, name).mean()), 2) for name in SECTIONS},
        "motion": {name: round(float(section(motion, name).mean()), 2) for name in SECTIONS},
        "follows": {name: round(value, 2) for name, value in follows.items()},
        "layout": [round(float(value), 1) for value in layout.ravel()],
    }


def _smooth(values: np.ndarray) -> np.ndarray:
    return np.convolve(values, np.ones(5) / 5)[: len(values)]


def change(figures: Figures, name: str) -> float:
    """How much brighter the look is in this section than in silence, or how much more it moves, as
    a fraction."""
    return (
        max(
            float(figures[of][name] / max(figures[of]["silence"], 1e-6))
            for of in ("light", "motion")
        )
        - 1.0
    )


def nearest(name: str, results: Mapping[str, Figures]) -> tuple[str, float]:
    """The look whose light lies most as this one's does in silence, and the correlation of the
    two."""
    own = results[name]["layout"]
    others = {
        other: float(np.corrcoef(own, each["layout"])[0, 1])
        for other, each in results.items()
        if other != name
    }
    return max(others.items(), key=lambda item: item[1], default=("", 0.0))


def broken(name: str, results: Mapping[str, Figures]) -> list[str]:
    """The lines of LAW that the look does not meet."""
    figures = results[name]
    light = figures["light"]
    met = (
        figures["motion"]["silence"] >= LEAST_MOTION,
        min(change(figures, each) for each in MUSIC) >= LEAST_CHANGE,
        min(figures["follows"].values()) >= LEAST_FOLLOWED,
        np.mean([light[each] for each in MUSIC]) > light["silence"],
        nearest(name, results)[1] < MOST_ALIKE,
    )
    return [line for line, is_met in zip(LAW, met, strict=True) if not is_met]


def table(results: Mapping[str, Figures]) -> str:
    """Markdown: a row for each look."""
    motions = (f"motion, {each}" for each in SECTIONS)
    head = ["look", *motions, "light, music / silence", "follows drums", "follows voice"]
    lines = [f"| {' | '.join((*head, 'most like'))} |", "|---" * (len(head) + 1) + "|"]
    for name, figures in results.items():
        light, (other, alike) = figures["light"], nearest(name, results)
        cells = [name, *(f"{figures['motion'][each]:.1f}" for each in SECTIONS)]
        cells += [f"{np.mean([light[each] for each in MUSIC]):.0f} / {light['silence']:.0f}"]
        cells += [
            *(f"{value:.2f}" for value in figures["follows"].values()),
            f"{other} {alike:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def fill_table(text: str, results: Mapping[str, Figures]) -> str:
    """The page with a new table."""
    return MARKER.sub(lambda _: f"<!-- measured looks -->\n{table(results)}\n<!-- end -->", text)


def sheet(pictures: np.ndarray) -> Image.Image:
    """Six pictures of each section, a third of a second apart, one section below the other."""
    rows = [np.concatenate(section(pictures, name)[30 : 30 + 60 : 10], axis=1) for name in SECTIONS]
    return Image.fromarray(np.concatenate(rows))


def read_figures() -> dict[str, Figures]:
    results: dict[str, Figures] = (
        json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    )
    return {name: results[name] for name in LOOKS if name in results}


def write(results: Mapping[str, Figures]) -> None:
    rows = (f"{json.dumps(name)}: {json.dumps(figures)}" for name, figures in results.items())
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    PAGE.write_text(fill_table(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")


def run(names: Iterable[str], sheets: Path | None) -> None:
    results, sound = dict(read_figures()), song()
    for name in names:
        pictures = play(name, sound)
        results[name] = measure(pictures, sound)
        if sheets:
            sheets.mkdir(parents=True, exist_ok=True)
            sheet(pictures).save(sheets / f"{name}.png")
        print(
            name,
            {key: value for key, value in results[name].items() if key != "layout"},
            flush=True,
        )
    results = {name: results[name] for name in LOOKS if name in results}
    write(results)
    for name in results:
        for line in broken(name, results):
            print(f"{name}: not: {line}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", choices=[*LOOKS, []], help="looks; none: all"
    )
    parser.add_argument(
        "--sheets", type=Path, metavar="FOLDER", help="writes a contact sheet of each look"
    )
    options = parser.parse_args()
    run(options.names or LOOKS, options.sheets)


if __name__ == "__main__":
    main()
