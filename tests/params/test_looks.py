"""The built-in looks: moved by the drums, on a ground of their own, about as bright as each other,
in few hues, never still and never repeating, and equal to their pictures."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import osc_schema
from engine import Config, open_engine
from engine.cli.doc_tables import LOOKS as LIST
from engine.cli.doc_tables import PICTURES, looks_json
from engine.cli.preset_picture import FPS, MAX_BYTES, PICTURE_MS
from engine.cli.preset_picture import PICTURES as LOOP_PICTURES
from engine.control.commands.control_hub import OWN_SHADERS
from engine.params.fade_time import AT_ONCE
from engine.params.looks import LOOKS, WORLDS
from engine.params.macros import moves_of
from engine.params.presets import FACTORY_NAMES
from engine.params.shader_inputs import inputs_of
from engine.render.isf.parse import parse_isf
from engine.render.isf.vetter import VetProcess, VetResult
from engine.values import PublishedFrame
from osc_schema.fx import LOOK_SLOTS, QUALITY, file_address
from tests.support.drum_loop import (
    correlation,
    drum_loop,
    motion_energy,
    onset_envelope,
    write_drum_loop,
    write_silence,
)
from tests.support.long_form import IS_SOAK, in_long_form
from tests.support.needed import needs

pytestmark = needs("OpenGL")

LOOP_SIZE = 240, 135
# correlations are the same within 0.07, but lines are wider
MOTION_SIZE = LOOP_SIZE if IS_SOAK else (128, 72)
STILL_SIZE = 320, 180
WARM_UP_S, DRUMS_S, SONG_S = 2.0, 6.0 if IS_SOAK else 3.2, 7.0
SILENCE_S, SILENCE_FPS = 60.0 if IS_SOAK else 6.0, 2
PICTURE_S = 4.7
MOMENT_FRAMES = (
    5  # from one moment of the demo to the next: the pictures between are drawn, but not read
)
LIT = 40  # of 255: anything darker is ground
LEAST = ("Horizon", "Riso")
WEAKEST = [*LEAST, *in_long_form(*(name for name in LOOKS if name not in LEAST))]
"""Those that follow the drums or live in silence the least: what harms all looks is seen there
first."""
EXAMPLES = ("Djinn", "Cathedral")  # one of each kind: with a shader and without
MACROS_OF = [*EXAMPLES, *in_long_form(*(name for name in LOOKS if name not in EXAMPLES))]
MACRO_SIZE, MACRO_FPS, MACRO_FRAMES = (112, 64), 8, 10
FOLLOWS = {"Neume": 0.3}
"""Instead of 0.5: it writes the melody of a singer, and finds one in drums, too."""
BUILDING = dict.fromkeys(WORLDS["space"], 26)
"""Frames before a look of many passes plays: one step of building it a frame."""
BRIGHT = ("Riso", "Marble")
"""Looks that fill the picture with light; all others have a dark ground."""
MEANS = {False: (24, 46), True: (95, 190)}
"""By that, the mean of all pixels, 0..255: within a factor of 2, so that the next one neither
blinds nor is black."""


def test_every_look_plays_the_full_form_of_its_shaders() -> None:
    qualities = {}
    for name, look in LOOKS.items():
        for slot in LOOK_SLOTS:
            file = OWN_SHADERS / f"{look[file_address(slot)]}.fs"
            if not file.is_file():
                continue
            corners = file.with_suffix(".vs")
            shader = parse_isf(
                file.read_text(),
                path=file,
                vertex=corners.read_text() if corners.is_file() else None,
            )
            inputs = inputs_of(slot, shader.inputs)[0]
            for each in inputs:
                if each.name == QUALITY:
                    qualities[name] = look[each.aliases[0]]
    assert {*WORLDS["space"], *WORLDS["body"]} == {*qualities} and {*qualities.values()} == {1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """A look played with the demo sound until the moment of its pictures."""

    name: str
    demo: np.ndarray = field(repr=False)
    """In STILL_SIZE after WARM_UP_S, every MOMENT_FRAMES at 25 fps."""
    still: np.ndarray = field(repr=False)
    """(height, width, 3) uint8: the demo at the moment of its pictures, PICTURE_S."""


def draw(
    name: str,
    folder: Path,
    audio: str,
    fps: int,
    seconds: float,
    size: tuple[int, int] = MOTION_SIZE,
) -> Iterator[PublishedFrame]:
    """The look's frames, as an offline run draws them."""
    width, height = size
    config = Config(
        width=width,
        height=height,
        fps=fps,
        audio=audio,
        offline=True,
        preset=name,
        presets=str(folder),
    )
    with open_engine(config) as engine:
        yield from engine.frames(count=round(seconds * fps))


def read(frames: Iterator[PublishedFrame]) -> np.ndarray:
    """All frames as pixels, (n, height, width, 3) uint8."""
    return np.stack([frame.read_rgba()[..., :3].copy() for frame in frames])


@pytest.fixture(scope="module", autouse=True)
def each_shader_is_tried_once() -> Iterator[None]:
    """Test each shader once, not in each engine of an offline run: the trial's process takes longer
    than the frames."""
    vet, passed = VetProcess.vet, dict[str, VetResult]()

    def vet_once(process: VetProcess, text: str, *, ticket: int, **rest: Any) -> VetResult:
        if text not in passed:
            passed[text] = vet(process, text, ticket=ticket, **rest)
        return replace(passed[text], ticket=ticket)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VetProcess, "vet", vet_once)
        yield


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("sounds")
    return {
        "drums": str(write_drum_loop(folder / "drums.wav", SONG_S)),
        "silence": str(write_silence(folder / "silence.wav", SILENCE_S + 1)),
    }


@pytest.fixture(scope="module", params=WEAKEST)
def show(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Show:
    name, presets = request.param, tmp_path_factory.mktemp("presets")
    first, last, demo = round(WARM_UP_S * FPS), round(PICTURE_S * FPS) - 1, []
    for number, frame in enumerate(draw(name, presets, "demo", FPS, PICTURE_S, STILL_SIZE)):
        if number == last or (number >= first and (number - first) % MOMENT_FRAMES == 0):
            demo.append(frame.read_rgba()[..., :3].copy())
    return Show(name=name, demo=np.stack(demo[:-1]), still=demo[-1])


def followed(pictures: np.ndarray, fps: int) -> float:
    """Correlation of the pictures' motion with the drums' onsets after WARM_UP_S."""
    envelope = onset_envelope(drum_loop(SONG_S)[:, 0], fps)[: len(pictures)]
    warm = slice(round(WARM_UP_S * fps), None)
    return correlation(motion_energy(pictures)[warm], envelope[warm], fps)


def hue_fractions(pictures: np.ndarray) -> np.ndarray:
    """(12,): fraction of each twelfth of the hue circle in the colour of all pixels; sums to 1."""
    red, green, blue = np.moveaxis(pictures.reshape(-1, 3).astype(np.float32), 1, 0)
    x, y = red - (green + blue) / 2, (green - blue) * np.sqrt(3) / 2
    hues = np.floor(np.arctan2(y, x) / (2 * np.pi) * 12).astype(int) % 12
    fractions = np.bincount(hues, weights=np.hypot(x, y), minlength=12)
    return fractions / fractions.sum()


@pytest.mark.parametrize("name", WEAKEST)
def test_a_look_moves_with_the_drums(name: str, sounds: dict[str, str], tmp_path: Path) -> None:
    assert followed(read(draw(name, tmp_path, sounds["drums"], FPS, DRUMS_S)), FPS) > FOLLOWS.get(
        name, 0.5
    )


def test_a_look_is_as_bright_as_the_others_and_has_few_hues(show: Show) -> None:
    moments = show.demo.max(axis=3)
    dark, bright = (
        np.median(fraction.mean(axis=(1, 2))) for fraction in (moments < LIT, moments > 120)
    )
    if show.name in BRIGHT:
        assert dark < 0.05 and bright > 0.5
    else:
        assert dark > 0.33
        assert bright > 0.01, "and not much else"
    low, high = MEANS[show.name in BRIGHT]
    assert low < show.demo.mean() < high
    few = np.sort(hue_fractions(show.demo[::2]))[-5:].sum()
    assert few > 0.85, "five twelfths of the hue circle hold its colours"


def render_with(name: str, folder: Path, macro: int, position: float) -> np.ndarray:
    """The look's picture after a second with this macro at this position, (height, width, 3),
    0..255."""
    width, height = MACRO_SIZE
    config = Config(
        width=width,
        height=height,
        fps=MACRO_FPS,
        audio="demo",
        offline=True,
        preset=name,
        presets=str(folder),
    )
    with open_engine(config) as engine:
        engine.params.set(f"/macro/{macro}", position, by="test")
        *_, last = (
            frame.read_rgba() for frame in engine.frames(count=MACRO_FRAMES + BUILDING.get(name, 0))
        )
        return last[..., :3].astype(float)


@pytest.mark.parametrize("name", ["Pulsar", *in_long_form("Eclipse")])
def test_a_cut_to_a_prepared_look_begins_with_the_light_that_it_has_later(
    name: str, tmp_path: Path
) -> None:
    config = Config(
        width=128,
        height=72,
        fps=30,
        audio="demo",
        offline=True,
        preset="Riso",
        presets=str(tmp_path),
    )
    with open_engine(config) as engine:
        mixer, means = engine.control_hub.preset_control.mixer, []
        mixer.prepare(name)
        for frame in engine.frames(count=75):
            means.append(frame.read_rgba()[..., :3].mean())
            if frame.index == 40:
                mixer.take(AT_ONCE)
    assert means[41] > 0.6 * np.mean(means[60:])


@pytest.mark.parametrize("name", MACROS_OF)
def test_each_macro_of_a_look_changes_what_one_sees(name: str, tmp_path: Path) -> None:
    look, unseen = LOOKS[name], {}
    plain = render_with(name, tmp_path, 1, float(look["/macro/1"]))
    for n in range(1, 9, 1 if IS_SOAK else 3):
        moved = render_with(name, tmp_path, n, 0.0 if float(look[f"/macro/{n}"]) > 0.5 else 1.0)
        if (change := np.abs(moved - plain).mean()) <= 1:
            unseen[look[f"/macro/name/{n}"]] = change
    assert not unseen


def test_each_macro_of_a_look_stands_where_its_values_are() -> None:
    for name, look in LOOKS.items():
        for n in range(1, 9):
            for param, move in moves_of(str(look[f"/macro/moves/{n}"])):
                value = move.value(param, float(look[f"/macro/{n}"]))
                assert value == pytest.approx(look[param.address], rel=1e-3, abs=1e-3), (name, n)


def blocks(picture: np.ndarray) -> np.ndarray:
    """Means in 9 x 16 parts of the picture, (9, 16, 3): compression keeps them even for fine
    patterns."""
    high, wide = picture.shape[0] // 9, picture.shape[1] // 16
    return picture.reshape(9, high, 16, wide, 3).mean(axis=(1, 3))


@pytest.mark.parametrize("name", WEAKEST)
def test_a_look_lives_in_silence_and_never_stands_still_or_repeats(
    name: str, sounds: dict[str, str], tmp_path: Path
) -> None:
    first = round(WARM_UP_S * SILENCE_FPS) + BUILDING.get(name, 0)
    moments = read(draw(name, tmp_path, sounds["silence"], SILENCE_FPS, SILENCE_S))[first:]
    assert np.median((moments.max(axis=3) > 60).mean(axis=(1, 2))) > 0.01, "black in silence"
    small = np.stack([blocks(moment) for moment in moments])  # grain and dither do not count
    for apart in range(4, len(small)):
        change = np.abs(small[apart:] - small[:-apart]).mean(axis=(1, 2, 3))
        assert apart > 8 or change.min() > 0.05, f"it stands still for {apart / SILENCE_FPS:g} s"
        assert np.median(change) > 0.1, f"it repeats after {apart / SILENCE_FPS:g} s"


def test_a_look_is_like_its_still_and_its_loop(show: Show) -> None:
    # the lines of a loop are finer: it is drawn at 480 x 270
    for suffix, tolerance in (("jpg", 3), ("webp", 10)):
        file = PICTURES / f"{show.name}.{suffix}"
        with Image.open(file) as image:
            first, still = blocks(np.asarray(image.convert("RGB"))), blocks(show.still)
        off, alike = np.abs(first - still).mean(), np.corrcoef(first.ravel(), still.ravel())[0, 1]
        again = f"draw it again: multiverse preset picture {show.name!r} '{file}' --overwrite"
        assert off < tolerance and alike > 0.93, again


def test_the_looks_are_spread_over_the_hues() -> None:
    """CIELAB's hue of all light in each still."""
    hues_deg = []
    for name in LOOKS:
        with Image.open(PICTURES / f"{name}.jpg") as image:
            lab = cv2.cvtColor(
                np.asarray(image.convert("RGB"), np.float32) / 255, cv2.COLOR_RGB2LAB
            )
        _, a, b = lab.sum(axis=(0, 1))
        hues_deg.append(np.degrees(np.arctan2(b, a)))
    apart_deg = np.subtract.outer(hues_deg, hues_deg) % 360
    assert (apart_deg <= 30).sum(axis=0).max() <= 5, "of 28 within 30 degrees"


def test_every_built_in_preset_has_a_small_loop_that_moves_without_end() -> None:
    for name in FACTORY_NAMES:
        file = PICTURES / f"{name}.webp"
        assert file.stat().st_size <= MAX_BYTES, name
        with Image.open(file) as image:
            assert (image.size, image.n_frames, image.info["loop"]) == (
                LOOP_SIZE,
                LOOP_PICTURES,
                0,
            ), name
            pictures = []
            for index in range(image.n_frames):
                image.seek(index)
                pictures.append(np.asarray(image.convert("RGB")))
                assert image.info["duration"] == PICTURE_MS, name
        steps = motion_energy(np.stack([*pictures, pictures[0]]))[1:]
        assert steps[-1] <= 1.5 * np.median(steps) + 1, f"{name}: it jumps where it begins again"


def test_the_list_of_pictures_is_that_of_the_looks_by_worlds() -> None:
    assert LIST.read_text(encoding="utf-8") == looks_json(), "run `multiverse schema write`"
    for suffix in ("jpg", "webp"):
        assert {path.stem for path in PICTURES.glob(f"*.{suffix}")} == set(FACTORY_NAMES)
    assert (
        [name for looks in WORLDS.values() for name in looks]
        == list(LOOKS)
        == list(FACTORY_NAMES[2:])
    )


def test_every_value_of_a_look_is_in_range_and_its_routes_have_targets() -> None:
    for name, look in LOOKS.items():
        for address, value in look.items():
            accepted = osc_schema.accept(address, value)
            assert accepted.value == value and accepted.note == "", (name, address)
            assert osc_schema.lookup(address).stored, (name, address)
            if address.endswith("/target") and value:
                assert osc_schema.lookup(value).can_glide, (name, address)
