"""Tests texts and the logo: position, equality of the renderers, no feedback trail, rendering on a
thread."""

import os
import shutil
import signal
import sys
import threading
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
from engine.render.graphic import (
    Graphic,
    GraphicImage,
    interpolate_graphics,
    letter_ink,
    picture_ink,
)
from engine.render.graphics_maker import GraphicsMaker
from engine.render.picture import OutgoingLook, Renderer
from tests.render.test_golden import FOLDER
from tests.support.hostile_fonts import FAN_OUT, hostile_fonts, hostile_logos, write_hostile
from tests.support.pictures import on_air

SIZE = (160, 90)
DEFAULTS = {param.address: param.default for param in osc_schema.PARAMS}


def block(red: int, green: int = 0, side: int = 20) -> GraphicImage:
    """A square with this coverage by letters and by outline."""
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[..., 0], pixels[..., 1] = red, green
    return GraphicImage(pixels=pixels, height_px=side)


def graphic(image: GraphicImage, **more: Any) -> Graphic:
    defaults = {
        "slot": 1,
        "x": 0.5,
        "y": 0.5,
        "angle_deg": 0.0,
        "height_px": image.height_px,
        "ink": letter_ink((1.0, 0.5, 0.25), (0.0, 0.0, 0.0), 1.0),
        "blend": "over",
    }
    return Graphic(image=image, **(defaults | more))


@pytest.fixture
def draw_all(picture: Callable) -> Callable[..., np.ndarray]:
    """Fixture: `draw_all(renderer, graphics, {address: value})` draws a picture with graphics, not
    dithered."""

    def draw(renderer: Renderer, graphics: Any, changes: Any = None, frames: int = 1) -> np.ndarray:
        renderer.resize(*SIZE)
        for frame in range(frames):
            renderer.draw(
                on_air(picture(changes or {}, time_s=frame / 30), graphics=tuple(graphics))
            )
            renderer.wait()
        return np.round(renderer.read_rgba16() / 257).astype(int)

    return draw


@pytest.fixture
def new_maker(tmp_path: Path) -> Iterator[Callable[..., GraphicsMaker]]:
    """Fixture: `new_maker(is_offline=...)` creates a GraphicsMaker with its reports in `.lines` and
    `.has_reported`."""
    makers = []

    def make(*, is_offline: bool = True) -> GraphicsMaker:
        lines: list[str] = []
        one = GraphicsMaker(
            tmp_path, print, lambda key, line: lines.append(line), is_offline=is_offline
        )
        one.lines = lines  # type: ignore[attr-defined]  # for the test
        makers.append(one)
        return one

    yield make
    for each in makers:
        each.close()


def show(
    maker: GraphicsMaker, changes: dict[str, Any], beat: float = 0.0, **more: Any
) -> tuple[Graphic, ...]:
    values = DEFAULTS | changes
    return maker.graphics(values, values, beat=beat, size_px=SIZE, **more)


def test_both_renderers_lay_turned_and_scaled_graphics_alike(
    gl: Renderer, cpu: Renderer, draw_all: Callable
) -> None:
    random = np.random.default_rng(5)
    soft = random.integers(0, 256, (6, 9, 1), np.uint8).repeat(5, 0).repeat(5, 1) // np.array(
        [1, 2, 3, 1], np.uint8
    )
    logo = GraphicImage(pixels=np.minimum(soft, soft[..., 3:]), height_px=30)
    for blend in osc_schema.lookup("/logo/blend").menu:
        laid = [
            graphic(
                logo, slot=0, x=0.3, angle_deg=33, height_px=47.0, ink=picture_ink(0.8), blend=blend
            ),
            graphic(block(180, 60), x=0.95, y=0.1, angle_deg=-70, height_px=31.0, blend=blend),
        ]
        one, other = (draw_all(renderer, laid, {"/post/vignette": 0.3}) for renderer in (gl, cpu))
        assert (np.abs(one - other) <= 2).mean() > 0.995, blend
        assert np.abs(one - draw_all(gl, [], {"/post/vignette": 0.3})).mean() > 0.5, (
            f"{blend}: nothing is seen"
        )


def test_a_text_leaves_no_trail_behind_it(renderer: Renderer, draw_all: Callable) -> None:
    trail = {"/feedback/amount": 0.95, "/multiverse/brightness": 0.0, "/multiverse/bias": 0.0}
    draw_all(renderer, [graphic(block(255))], trail, frames=3)
    assert draw_all(renderer, [], trail)[..., :3].max() == 0


def test_the_same_text_of_two_looks_moves_over_and_another_one_fades() -> None:
    same = block(255)
    old, new = graphic(same, x=0.2, angle_deg=170.0), graphic(same, x=0.6, angle_deg=-170.0)
    (moved,) = interpolate_graphics([old], [new], 0.5)
    assert (moved.x, moved.angle_deg) == pytest.approx((0.4, 180.0))
    one, other = interpolate_graphics([old], [graphic(block(255))], 0.25)
    assert (one.ink[3][0], other.ink[3][0]) == pytest.approx((0.75, 0.25))
    assert interpolate_graphics([], [new], 1.0)[0].ink == new.ink


def test_texts_and_logo_equal_the_checked_golden_image(
    renderer: Renderer, draw_all: Callable, new_maker: Callable, tmp_path: Path
) -> None:
    (tmp_path / "logos").mkdir()
    ring = np.zeros((64, 64, 4), np.uint8)
    y, x = np.mgrid[:64, :64] - 31.5
    ring[abs(np.hypot(x, y) - 24) < 6] = (255, 120, 0, 255)
    Image.fromarray(ring).save(tmp_path / "logos" / "ring.png")
    text = {
        "/text/1/text": "AIM|low",
        "/text/1/size": 30.0,
        "/text/1/y": 0.45,
        "/text/1/outline": 8.0,
    }
    rest = {
        "/text/1/outline_colour": "hue",
        "/text/1/hue": 0.6,
        "/text/2/text": "invert",
        "/text/2/blend": "invert",
    }
    maker = new_maker()
    laid = show(
        maker, text | rest | {"/text/2/size": 20.0, "/logo/file": "ring.png", "/logo/size": 30.0}
    )
    assert maker.lines == []
    pixels = draw_all(renderer, laid)
    assert 0.03 < (pixels[10:70, 30:130, :3].min(axis=2) > 250).mean() < 0.4, "white letters"
    if renderer.is_software:
        if renderer.kind == "gl" and os.environ.get("MULTIVERSE_UPDATE_GOLDEN") == "1":
            Image.fromarray(pixels.astype(np.uint8)).save(FOLDER / "graphics.png", optimize=True)
        golden = np.asarray(Image.open(FOLDER / "graphics.png")).astype(int)
        assert (np.abs(pixels - golden) <= 2).all(axis=-1).mean() >= 0.99


def test_words_come_one_after_another_from_the_beat_of_the_text_on(new_maker: Callable) -> None:
    maker, seen = new_maker(), []
    text = {"/text/1/text": "one two|three", "/text/1/show": "word"}
    for beat in (7.5, 7.9, 8.1, 9.0, 10.0):
        (graphic,) = show(maker, text, beat)
        seen.append(graphic.image)
    assert seen[0] is seen[1] and seen[4] is seen[0] and len({id(image) for image in seen}) == 3
    (first,) = show(maker, text | {"/text/1/step": "bar"}, 11.0)
    assert first.image is seen[2], "one bar has begun since"
    (lines,) = show(maker, text | {"/text/1/show": "line"}, 8.0)
    assert lines.image.pixels.shape[1] > seen[4].pixels.shape[1], "a whole line"


def test_a_text_that_comes_around_its_beat_begins_with_its_first_word_each_time(
    new_maker: Callable,
) -> None:
    maker = new_maker()
    text = {"/text/1/text": "one two three", "/text/1/show": "word"}

    def first_line(beat: float, changes: dict[str, Any] = text) -> str:
        show(maker, changes, beat)
        return " ".join(maker._in_use[1, False][0].lines[0].split()) if changes else ""

    assert [first_line(beat) for beat in (7.9, 8.0, 8.9, 9.0)] == ["one", "one", "one", "two"], (
        "a little early"
    )
    first_line(10.0, {})
    assert [first_line(beat) for beat in (12.02, 11.98, 12.5, 13.0)] == [
        "one",
        "one",
        "one",
        "two",
    ], "the tempo was put right"
    assert first_line(1.0) != first_line(2.0), (
        "the words continue when the beats are counted from one"
    )


def test_the_letters_of_a_prepared_look_are_there_when_it_is_taken(
    new_maker: Callable, wait_for: Callable
) -> None:
    maker = new_maker(is_offline=False)
    show(maker, {"/text/1/text": "before"})
    wait_for(lambda: show(maker, {"/text/1/text": "before"}), "the text that plays")
    maker.prepare(DEFAULTS | {"/text/1/text": "after now", "/text/1/show": "word"})
    wait_for(lambda: any(each.lines == ("after",) for each in maker._cache), "the first word")
    (graphic,) = show(maker, {"/text/1/text": "after now", "/text/1/show": "word"})
    (first,) = (image for each, image in maker._cache.items() if each.lines == ("after",))
    assert graphic.image is first


def test_a_text_that_is_too_wide_is_made_smaller(new_maker: Callable) -> None:
    (graphic,) = show(
        new_maker(), {"/text/1/text": "a long long text for a small picture", "/text/1/size": 90.0}
    )
    assert 0.85 * SIZE[0] < graphic.image.pixels.shape[1] <= SIZE[0]


def test_what_is_missing_is_reported_in_one_line_and_the_last_picture_stays(
    new_maker: Callable, tmp_path: Path
) -> None:
    maker = new_maker()
    (before,) = show(maker, {"/text/1/text": "A"})
    (after,) = show(
        maker, {"/text/1/text": "A", "/text/1/font": "No Such Font", "/logo/file": "none.png"}
    )
    assert after.image is before.image
    font, logo = sorted(maker.lines, reverse=True)
    assert (
        font.startswith("/text/1/font: font 'No Such Font' is not among the ") and "fonts" in font
    )
    assert (
        logo == f"/logo/file: {tmp_path / 'logos' / 'none.png'}: not found (put it into "
        f"{tmp_path / 'logos'})"
    )
    show(maker, {"/text/1/text": "Жук"})
    assert maker.lines[-1].startswith("/text/1/font: the built-in font lacks 'Жку'; ")
    assert all("\n" not in line for line in maker.lines)
    (tmp_path / "logos").mkdir()
    Image.new("RGBA", (8, 8), (255, 0, 0, 255)).save(tmp_path / "logos" / "none.png")
    show(maker, {})
    assert len(show(maker, {"/logo/file": "none.png"})) == 1, "chosen again, it is tried again"


def test_a_font_that_hangs_stops_neither_the_picture_nor_the_other_texts(
    new_maker: Callable, tmp_path: Path, wait_for: Callable
) -> None:
    write_hostile(tmp_path)
    maker, pictures = new_maker(is_offline=False), []
    maker._process.deadline_s = 0.5
    hangs = {"/text/1/text": "A", "/text/1/font": "fan"}
    wait_for(lambda: maker.lines or pictures.append(show(maker, hangs)), "the line about the font")
    assert len(pictures) > 20 and set(pictures) == {()}, "they never wait"
    (graphic,) = wait_for(lambda: show(maker, {"/text/2/text": "B"} | hangs), "the other text")
    assert show(maker, hangs | {"/text/2/text": "C"})[0].image is graphic.image, (
        "the last one until the next is finished"
    )
    wait_for(
        lambda: show(maker, {"/text/2/text": "C"} | hangs)[0].image is not graphic.image,
        "the next one",
    )
    first = maker._process.pid
    show(maker, hangs | {"/text/1/text": "B"})
    wait_for(lambda: len(maker.lines) == 2, "the same line for another text with this font")
    assert maker._process.pid == first, "which was not tried"
    assert maker.lines == ["/text/1/font: fan: not drawn in 0.5 s; choose another"] * 2
    assert show(maker, {}) == (), "and nothing without a text"


@pytest.mark.only_on("linux", "darwin", reason="the stand-in for Python is a program of Unix")
def test_a_process_that_cannot_start_is_no_fault_of_the_font(
    new_maker: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker, cannot = (
        new_maker(),
        "/text/1/font: the process that draws letters cannot be started ({}); the next text tries "
        "again",
    )
    for program, why in (
        (str(tmp_path / "none"), "No such file or directory"),
        (shutil.which("false"), "exit code 1"),
    ):
        with monkeypatch.context() as broken:
            broken.setattr(sys, "executable", program)
            assert show(maker, {"/text/1/text": why}) == () and maker.lines.pop() == cannot.format(
                why
            )
        assert len(show(maker, {"/text/1/text": f"after {why}"})) == 1
        show(maker, {})
        maker._process.kill()
    once = tmp_path / "killed once"
    once.write_text(f'#!/bin/sh\nmkdir "$0 already" && kill -9 $$\nexec "{sys.executable}" "$@"\n')
    once.chmod(0o755)
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", str(once))
        assert len(show(maker, {"/text/1/text": "killed once"})) == 1 and maker.lines == []


def test_each_hostile_font_and_logo_is_drawn_small_or_named_in_one_line(
    new_maker: Callable, tmp_path: Path
) -> None:
    write_hostile(tmp_path)
    maker = new_maker()
    for name in (hostile_fonts() | hostile_logos()).keys() - {FAN_OUT}:
        of = (
            {"/text/1/text": "AB", "/text/1/font": name}
            if name in hostile_fonts()
            else {"/logo/file": name}
        )
        maker.lines.clear()
        before = psutil.Process().memory_info().rss
        graphics = show(maker, of | {"/text/1/size": 100.0, "/logo/size": 100.0})
        assert len(graphics) or len(maker.lines) == 1, name
        assert not graphics or max(graphics[0].image.pixels.shape) <= 4096
        assert psutil.Process().memory_info().rss - before < 80 << 20, name
        assert all(name in line and "\n" not in line and len(line) < 300 for line in maker.lines), (
            maker.lines
        )
        show(maker, {})


def test_the_cache_of_all_sizes_together_is_limited(
    new_maker: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logos").mkdir()
    Image.new("RGBA", (64, 64), (255, 0, 0, 255)).save(tmp_path / "logos" / "a.png")
    maker = new_maker()
    monkeypatch.setattr(graphics_maker, "MAX_CACHED_BYTES", 2 * 4 * 90 * 90)
    for size in (100.0, 98.0, 96.0, 94.0):
        show(maker, {"/logo/file": "a.png", "/logo/size": size})
    assert [each.height_px for each in maker._cache.values()] == [86, 85], (
        "the shown one, and the one before it"
    )
    monkeypatch.setattr(graphics_maker, "MAX_CACHED_BYTES", 0)
    texts = {"/text/1/text": "one two", "/text/1/show": "word", "/logo/file": "a.png"}
    assert len({id(show(maker, texts, beat=beat)[0].image) for beat in (0.0, 0.3, 0.6)}) == 1, (
        "what is shown is kept"
    )
    leaves = {"/text/1/text": "leaves"}
    show(maker, leaves)
    for text in ("one", "two"):
        show(maker, {"/text/1/text": text})
        assert show(maker, leaves, is_outgoing=True), "while it dissolves"
    for text in ("three", "four"):
        show(maker, {"/text/1/text": text})
    assert [each.lines for each in maker._cache] == [("four",)], "after the dissolve"


def test_texts_dissolve_with_their_looks_also_in_a_fade_of_three(
    renderer: Renderer, picture: Callable
) -> None:
    dark = {"/multiverse/brightness": 0.0, "/multiverse/bias": 0.0}
    looks = [
        on_air(picture(dark, deck=deck), graphics=(graphic(block(255), x=x),))
        for deck, x in enumerate((0.2, 0.5, 0.8))
    ]
    first = OutgoingLook(number=1, mix=0.5, picture=looks[0].on_air)
    second = OutgoingLook(number=2, mix=0.5, picture=looks[1].on_air, revealed=0.5)
    renderer.resize(*SIZE)
    for incoming, leaving, levels in (
        (looks[0], None, (1, 0, 0)),
        (looks[1], first, (0.5, 0.5, 0)),
        (looks[1], first, (0.5, 0.5, 0)),
        (looks[2], second, (0.25, 0.25, 0.5)),
        (looks[2], second, (0.25, 0.25, 0.5)),
        (looks[2], None, (0, 0, 1)),
    ):
        renderer.draw(replace(incoming, outgoing=leaving))
        renderer.wait()
        reds = renderer.read_rgba16()[45, [32, 80, 128], 0] / 65535
        assert reds == pytest.approx(levels, abs=0.01)


@pytest.mark.only_on("linux", "darwin", reason="Windows has no signal that stops a process")
def test_a_text_is_drawn_although_the_system_kills_the_process_that_draws_it(
    new_maker: Callable, wait_for: Callable
) -> None:
    maker = new_maker()
    assert len(show(maker, {"/text/1/text": "A"})) == 1
    pid, deadline_s = maker._process.pid, maker._process._end_s
    os.kill(pid, signal.SIGSTOP)
    counts: list[int] = []
    drawing = threading.Thread(
        target=lambda: counts.append(len(show(maker, {"/text/1/text": "B"})))
    )
    drawing.start()
    wait_for(lambda: maker._process._end_s > deadline_s, "the order")
    os.kill(pid, signal.SIGKILL)
    drawing.join(120.0)
    assert counts == [1] and maker.lines == [] and maker._process.pid != pid
