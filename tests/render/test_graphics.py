"""Texts and the logo: where they lie, alike in both renderers, above the look and out of its trail; made beside the
picture."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

import osc_schema
from engine.render import graphics_maker
from engine.render.graphic import Graphic, GraphicImage, graphics_between, letter_ink, picture_ink
from engine.render.graphics_maker import GraphicsMaker
from engine.render.picture import Leaving, Renderer
from tests.render.test_golden import FOLDER
from tests.support.hostile_fonts import FAN_OUT, hostile_fonts, hostile_logos, write_hostile

SIZE = (160, 90)
DEFAULTS = {param.address: param.default for param in osc_schema.PARAMS}


def block(red: int, green: int = 0, side: int = 20) -> GraphicImage:
    """A square with this coverage by letters and by outline."""
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[..., 0], pixels[..., 1] = red, green
    return GraphicImage(pixels=pixels, height_px=side)


def graphic(image: GraphicImage, **more: Any) -> Graphic:
    given = {
        "slot": 1,
        "x": 0.5,
        "y": 0.5,
        "angle_deg": 0.0,
        "height_px": image.height_px,
        "ink": letter_ink((1.0, 0.5, 0.25), (0.0, 0.0, 0.0), 1.0),
        "blend": "over",
    }
    return Graphic(image=image, **(given | more))


@pytest.fixture
def drawn(picture: Callable) -> Callable[..., np.ndarray]:
    """`drawn(renderer, graphics, {address: value})`: the picture with these, not dithered."""

    def draw(renderer: Renderer, graphics: Any, changes: Any = None, frames: int = 1) -> np.ndarray:
        renderer.resize(*SIZE)
        for frame in range(frames):
            renderer.draw(replace(picture(changes or {}, time_s=frame / 30), graphics=tuple(graphics)))
            renderer.wait()
        return np.round(renderer.read_rgba16() / 257).astype(int)

    return draw


@pytest.fixture
def maker(tmp_path: Path) -> Iterator[Callable[..., GraphicsMaker]]:
    """`maker(is_offline=...)`: with its reports in `.lines`, and an event `.has_reported`."""
    made = []

    def make(*, is_offline: bool = True) -> GraphicsMaker:
        lines: list[str] = []
        one = GraphicsMaker(tmp_path, print, lambda key, line: lines.append(line), is_offline=is_offline)
        one.lines = lines  # type: ignore[attr-defined]  # for the test
        made.append(one)
        return one

    yield make
    for each in made:
        each.close()


def asked(maker: GraphicsMaker, changes: dict[str, Any], beat: float = 0.0, **more: Any) -> tuple[Graphic, ...]:
    values = DEFAULTS | changes
    return maker.graphics(values, values, beat=beat, size_px=SIZE, **more)


def test_both_renderers_lay_turned_and_scaled_graphics_alike(gl: Renderer, cpu: Renderer, drawn: Callable) -> None:
    random = np.random.default_rng(5)
    soft = random.integers(0, 256, (6, 9, 1), np.uint8).repeat(5, 0).repeat(5, 1) // np.array([1, 2, 3, 1], np.uint8)
    logo = GraphicImage(pixels=np.minimum(soft, soft[..., 3:]), height_px=30)
    for blend in osc_schema.lookup("/logo/blend").menu:
        laid = [
            graphic(logo, slot=0, x=0.3, angle_deg=33, height_px=47.0, ink=picture_ink(0.8), blend=blend),
            graphic(block(180, 60), x=0.95, y=0.1, angle_deg=-70, height_px=31.0, blend=blend),
        ]
        one, other = (drawn(renderer, laid, {"/post/vignette": 0.3}) for renderer in (gl, cpu))
        assert (np.abs(one - other) <= 2).mean() > 0.995, blend
        assert np.abs(one - drawn(gl, [], {"/post/vignette": 0.3})).mean() > 0.5, f"{blend}: nothing is seen"


def test_a_text_leaves_no_trail_behind_it(renderer: Renderer, drawn: Callable) -> None:
    trail = {"/feedback/amount": 0.95, "/multiverse/brightness": 0.0, "/multiverse/bias": 0.0}
    drawn(renderer, [graphic(block(255))], trail, frames=3)
    assert drawn(renderer, [], trail)[..., :3].max() == 0


def test_the_same_text_of_two_looks_moves_over_and_another_one_fades() -> None:
    same = block(255)
    old, new = graphic(same, x=0.2, angle_deg=170.0), graphic(same, x=0.6, angle_deg=-170.0)
    (moved,) = graphics_between([old], [new], 0.5)
    assert (moved.x, moved.angle_deg) == pytest.approx((0.4, 180.0))
    one, other = graphics_between([old], [graphic(block(255))], 0.25)
    assert (one.ink[3][0], other.ink[3][0]) == pytest.approx((0.75, 0.25))
    assert graphics_between([], [new], 1.0)[0].ink == new.ink


def test_texts_and_logo_equal_the_checked_golden_image(
    renderer: Renderer, drawn: Callable, maker: Callable, tmp_path: Path
) -> None:
    (tmp_path / "logos").mkdir()
    ring = np.zeros((64, 64, 4), np.uint8)
    y, x = np.mgrid[:64, :64] - 31.5
    ring[abs(np.hypot(x, y) - 24) < 6] = (255, 120, 0, 255)
    Image.fromarray(ring).save(tmp_path / "logos" / "ring.png")
    words = {"/text/1/text": "AIM|low", "/text/1/size": 30.0, "/text/1/y": 0.45, "/text/1/outline": 8.0}
    rest = {"/text/1/outline_colour": "hue", "/text/1/hue": 0.6, "/text/2/text": "invert", "/text/2/blend": "invert"}
    made = maker()
    laid = asked(made, words | rest | {"/text/2/size": 20.0, "/logo/file": "ring.png", "/logo/size": 30.0})
    assert made.lines == []
    shown = drawn(renderer, laid)
    light = shown[10:70, 30:130, :3].min(axis=2)
    assert 0.03 < (light > 250).mean() < 0.4, "white letters"
    if renderer.is_software:
        if renderer.kind == "gl" and os.environ.get("MULTIVERSE_UPDATE_GOLDEN") == "1":
            Image.fromarray(shown.astype(np.uint8)).save(FOLDER / "graphics.png", optimize=True)
        golden = np.asarray(Image.open(FOLDER / "graphics.png")).astype(int)
        assert (np.abs(shown - golden) <= 2).all(axis=-1).mean() >= 0.99


def test_words_come_one_after_another_from_the_beat_of_the_text_on(maker: Callable) -> None:
    made, seen = maker(), []
    words = {"/text/1/text": "one two|three", "/text/1/show": "word"}
    for beat in (7.5, 7.9, 8.1, 9.0, 10.0):
        (shown,) = asked(made, words, beat)
        seen.append(shown.image)
    assert seen[0] is seen[1] and seen[4] is seen[0] and len({id(image) for image in seen}) == 3
    (first,) = asked(made, words | {"/text/1/step": "bar"}, 11.0)
    assert first.image is seen[2], "one bar has begun since"
    (lines,) = asked(made, words | {"/text/1/show": "line"}, 8.0)
    assert lines.image.pixels.shape[1] > seen[4].pixels.shape[1], "a whole line"


def test_a_text_that_comes_around_its_beat_begins_with_its_first_word_each_time(maker: Callable) -> None:
    made = maker()
    text = {"/text/1/text": "one two three", "/text/1/show": "word"}

    def word(beat: float, changes: dict[str, Any] = text) -> str:
        asked(made, changes, beat)
        return " ".join(made._needed[1, False][0].lines[0].split()) if changes else ""

    assert [word(beat) for beat in (7.9, 8.0, 8.9, 9.0)] == ["one", "one", "one", "two"], "a little early"
    word(10.0, {})
    assert [word(beat) for beat in (12.02, 11.98, 12.5, 13.0)] == ["one", "one", "one", "two"], (
        "the tempo was put right"
    )
    assert word(1.0) != word(2.0), "the words go on when the beats are counted anew"


def test_the_letters_of_a_prepared_look_are_there_when_it_is_taken(maker: Callable, wait_for: Callable) -> None:
    made = maker(is_offline=False)
    asked(made, {"/text/1/text": "before"})
    wait_for(lambda: asked(made, {"/text/1/text": "before"}), "the text that plays")
    made.prepare(DEFAULTS | {"/text/1/text": "after now", "/text/1/show": "word"})
    wait_for(lambda: any(each.lines == ("after",) for each in made._made), "the first word")
    (shown,) = asked(made, {"/text/1/text": "after now", "/text/1/show": "word"})
    (first,) = (image for each, image in made._made.items() if each.lines == ("after",))
    assert shown.image is first


def test_a_text_that_is_too_wide_is_made_smaller(maker: Callable) -> None:
    (shown,) = asked(maker(), {"/text/1/text": "a long long text for a small picture", "/text/1/size": 90.0})
    assert 0.85 * SIZE[0] < shown.image.pixels.shape[1] <= SIZE[0]


def test_what_is_missing_is_said_in_one_line_and_the_last_picture_stays(maker: Callable, tmp_path: Path) -> None:
    made = maker()
    (before,) = asked(made, {"/text/1/text": "A"})
    (after,) = asked(made, {"/text/1/text": "A", "/text/1/font": "No Such Font", "/logo/file": "none.png"})
    assert after.image is before.image
    font, logo = sorted(made.lines, reverse=True)
    assert font.startswith("/text/1/font: font 'No Such Font' is not among the ") and "fonts" in font
    assert logo == f"/logo/file: {tmp_path / 'logos' / 'none.png'}: not found (put it into {tmp_path / 'logos'})"
    asked(made, {"/text/1/text": "Жук"})
    assert made.lines[-1].startswith("/text/1/font: the built-in font lacks 'Жку'; ")
    assert all("\n" not in line for line in made.lines)
    (tmp_path / "logos").mkdir()
    Image.new("RGBA", (8, 8), (255, 0, 0, 255)).save(tmp_path / "logos" / "none.png")
    asked(made, {})
    assert len(asked(made, {"/logo/file": "none.png"})) == 1, "chosen again, it is tried again"


def test_a_font_that_hangs_stops_neither_the_picture_nor_the_other_texts(
    maker: Callable, tmp_path: Path, wait_for: Callable
) -> None:
    write_hostile(tmp_path)
    made, pictures = maker(is_offline=False), []
    made._process.deadline_s = 0.5
    hangs = {"/text/1/text": "A", "/text/1/font": "fan"}
    wait_for(lambda: made.lines or pictures.append(asked(made, hangs)), "the line about the font")
    assert len(pictures) > 20 and set(pictures) == {()}, "they never wait"
    (shown,) = wait_for(lambda: asked(made, {"/text/2/text": "B"} | hangs), "the other text")
    assert asked(made, hangs | {"/text/2/text": "C"})[0].image is shown.image, "the last one until the next is finished"
    wait_for(lambda: asked(made, {"/text/2/text": "C"} | hangs)[0].image is not shown.image, "the next one")
    first = made._process.pid
    asked(made, hangs | {"/text/1/text": "B"})
    wait_for(lambda: len(made.lines) == 2, "the same line for another text with this font")
    assert made._process.pid == first, "which was not tried"
    assert made.lines == ["/text/1/font: fan: not drawn in 0.5 s; choose another"] * 2
    assert asked(made, {}) == (), "and nothing without a text"


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for Python is a program of Unix")
def test_a_process_that_cannot_start_is_no_fault_of_the_font(
    maker: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, cannot = (
        maker(),
        "/text/1/font: the process that draws letters cannot be started ({}); the next text tries again",
    )
    for program, why in ((str(tmp_path / "none"), "No such file or directory"), (shutil.which("false"), "exit code 1")):
        with monkeypatch.context() as broken:
            broken.setattr(sys, "executable", program)
            assert asked(made, {"/text/1/text": why}) == () and made.lines.pop() == cannot.format(why)
        assert len(asked(made, {"/text/1/text": f"after {why}"})) == 1
        asked(made, {})
        made._process.kill()


def test_each_hostile_font_and_logo_is_drawn_small_or_named_in_one_line(maker: Callable, tmp_path: Path) -> None:
    write_hostile(tmp_path)
    made = maker()
    for name in (hostile_fonts() | hostile_logos()).keys() - {FAN_OUT}:
        of = {"/text/1/text": "AB", "/text/1/font": name} if name in hostile_fonts() else {"/logo/file": name}
        made.lines.clear()
        before = psutil.Process().memory_info().rss
        shown = asked(made, of | {"/text/1/size": 100.0, "/logo/size": 100.0})
        assert len(shown) or len(made.lines) == 1, name
        assert not shown or max(shown[0].image.pixels.shape) <= 4096
        assert psutil.Process().memory_info().rss - before < 80 << 20, name
        assert all(name in line and "\n" not in line and len(line) < 300 for line in made.lines), made.lines
        asked(made, {})


def test_what_is_kept_of_all_sizes_together_is_limited(
    maker: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logos").mkdir()
    Image.new("RGBA", (64, 64), (255, 0, 0, 255)).save(tmp_path / "logos" / "a.png")
    made = maker()
    monkeypatch.setattr(graphics_maker, "MAX_KEPT_BYTES", 2 * 4 * 90 * 90)
    for size in (100.0, 98.0, 96.0, 94.0):
        asked(made, {"/logo/file": "a.png", "/logo/size": size})
    assert [each.height_px for each in made._made.values()] == [86, 85], "the shown one, and the one before it"
    monkeypatch.setattr(graphics_maker, "MAX_KEPT_BYTES", 0)
    words = {"/text/1/text": "one two", "/text/1/show": "word", "/logo/file": "a.png"}
    assert len({id(asked(made, words, beat=beat)[0].image) for beat in (0.0, 0.3, 0.6)}) == 1, "what is shown is kept"
    leaves = {"/text/1/text": "leaves"}
    asked(made, leaves)
    for text in ("one", "two"):
        asked(made, {"/text/1/text": text})
        assert asked(made, leaves, is_leaving=True), "while it dissolves"
    for text in ("three", "four"):
        asked(made, {"/text/1/text": text})
    assert [each.lines for each in made._made] == [("four",)], "after the dissolve"


def test_texts_dissolve_with_their_looks_also_in_a_fade_of_three(renderer: Renderer, picture: Callable) -> None:
    dark = {"/multiverse/brightness": 0.0, "/multiverse/bias": 0.0}
    looks = [replace(picture(dark), graphics=(graphic(block(255), x=x),)) for x in (0.2, 0.5, 0.8)]
    first = Leaving(number=1, mix=0.5, picture=looks[0])
    second = Leaving(number=2, mix=0.5, picture=looks[1], revealed=0.5)
    renderer.resize(*SIZE)
    for shown, leaving, shares in (
        (looks[0], None, (1, 0, 0)),
        (looks[1], first, (0.5, 0.5, 0)),
        (looks[1], first, (0.5, 0.5, 0)),
        (looks[2], second, (0.25, 0.25, 0.5)),
        (looks[2], second, (0.25, 0.25, 0.5)),
        (looks[2], None, (0, 0, 1)),
    ):
        renderer.draw(replace(shown, leaving=leaving))
        renderer.wait()
        reds = renderer.read_rgba16()[45, [32, 80, 128], 0] / 65535
        assert reds == pytest.approx(shares, abs=0.01)
