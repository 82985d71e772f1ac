"""A renderer lost during a show: a real one, closed while it is in use."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from engine.errors import RenderError
from engine.params import ParamStore
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.look import Look, PostLook
from engine.render.opening import open_renderer
from engine.render.picture import DeckPicture, OutgoingLook, PictureInput, Renderer
from engine.system.clock import SteppedClock
from engine.values import (
    ChannelFeatures,
    FoundObject,
    LazyPicture,
    Segmentation,
    VideoFrame,
    silent_waves,
)
from osc_schema.declare import number
from tests.support.needed import needs
from tests.support.pictures import on_air


class Driver:
    """Opens real renderers, fails on request, and can close the newest one."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.opened: list[Renderer] = []
        self.refuses = False

    def open(self, width: int, height: int) -> Renderer:
        if self.refuses:
            raise RenderError("the driver is not back yet")
        self.opened.append(open_renderer(self.kind, width, height))
        return self.opened[-1]

    def reset(self) -> None:
        self.opened[-1].close()


@pytest.fixture(params=[pytest.param("gl", marks=needs("OpenGL")), "numba"])
def driver(request: pytest.FixtureRequest) -> Driver:
    return Driver(request.param)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def drawing(driver: Driver, clock: SteppedClock, reports: Callable):
    drawing = GuardedRenderer(driver.open, (64, 48), clock=clock, report=reports)
    yield drawing
    drawing.close()


@pytest.fixture
def picture() -> PictureInput:
    """The picture of silence: uniform grey."""
    return PictureInput(
        on_air=DeckPicture(
            deck=1,
            look=Look.from_values(ParamStore().snapshot()),
            waves=silent_waves(),
            features=(ChannelFeatures(),) * 4,
            layer5=None,
            region=None,
            time_s=0.0,
        )
    )


def test_a_lost_renderer_is_reopened_and_draws_the_same(
    drawing: GuardedRenderer, driver: Driver, picture: PictureInput, reports: Callable
) -> None:
    drawing.draw(picture)
    before = drawing.reader()()
    renewals = []
    drawing.add_context_user(
        SimpleNamespace(renew_context=lambda: renewals.append(len(driver.opened)))
    )
    driver.reset()
    drawing.draw(picture)  # the loss happens here
    assert np.array_equal(drawing.reader()(), before)  # the last picture is held
    assert drawing.texture is None
    drawing.draw(picture)  # reopens here
    assert np.array_equal(drawing.reader()(), before)
    assert (len(driver.opened), renewals) == (2, [2])
    assert [key for key, _ in reports.lines] == ["renderer", "renderer.opened"]


def test_while_it_cannot_be_opened_the_picture_freezes_and_retries_back_off(
    drawing: GuardedRenderer,
    driver: Driver,
    clock: SteppedClock,
    picture: PictureInput,
    reports: Callable,
) -> None:
    drawing.draw(picture)
    before = drawing.reader()()
    driver.reset()
    driver.refuses = True
    drawing.draw(picture)
    with pytest.raises(RenderError, match="is lost"):
        drawing.resize(32, 32)
    for _ in range(40):
        drawing.draw(picture)
        assert np.array_equal(drawing.reader()(), before)
        clock.advance(0.1)
    tries = [line for _, line in reports.lines if "not back yet" in line]
    assert len(tries) == 4  # at 0.0, 0.5, 1.5 and 3.5 s
    driver.refuses = False
    clock.advance(30.0)
    drawing.draw(picture)
    assert len(driver.opened) == 2
    assert np.array_equal(drawing.reader()(), before)


def test_a_renderer_lost_while_it_is_read_back_holds_what_was_read_last(
    drawing: GuardedRenderer, driver: Driver, picture: PictureInput
) -> None:
    drawing.draw(picture)
    before = drawing.reader()()
    drawing.draw(picture)
    driver.reset()
    assert np.array_equal(drawing.reader()(), before)
    drawing.draw(picture)
    assert len(driver.opened) == 2


def test_a_reader_of_an_overwritten_picture_raises_and_a_rejected_size_leaves_the_old_one(
    drawing: GuardedRenderer, picture: PictureInput
) -> None:
    drawing.draw(picture)
    reader, unread = drawing.reader(), drawing.reader()
    pixels = reader()
    drawing.draw(picture)
    assert reader() is pixels
    with pytest.raises(RenderError, match="this picture is gone"):
        unread()
    with pytest.raises(RenderError):
        drawing.resize(0, 48)
    drawing.draw(picture)
    assert drawing.reader()().shape == (48, 64, 4)


def test_an_effect_that_only_opengl_draws_is_reported_each_time_it_is_switched_on_with_numba(
    driver: Driver, clock: SteppedClock, picture: PictureInput, reports: Callable
) -> None:
    effect = number("/post/glow", 0, 0, 1, "As if Numba did not draw it.", needs_opengl=True)
    drawing = GuardedRenderer(
        driver.open, (64, 48), clock=clock, report=reports, opengl_only=(effect,)
    )
    counts = []
    for glow, bloom in ((0.0, 0.5), (0.4, 0.0), (0.6, 0.5), (0.0, 0.0), (0.2, 0.0)):
        drawing.draw(
            on_air(
                picture, look=replace(picture.on_air.look, post=PostLook(glow=glow, bloom=bloom))
            )
        )
        counts.append(len(reports.lines))
    for blend in ("dissolve", "add", "add"):
        drawing.draw(
            replace(picture, outgoing=OutgoingLook(number=1, mix=0.5, picture=None, blend=blend))
        )
    drawing.close()
    assert counts == ([0, 1, 1, 1, 2] if driver.kind == "numba" else [0] * 5)
    assert all(
        line.startswith("/post/glow 0.") and "--renderer gl" in line
        for _, line in reports.lines[:2]
    )
    assert [line[:18] for _, line in reports.lines[2:]] == ["/preset/blend add:"] * (
        driver.kind == "numba"
    )


def sd_picture(level: int, side: int = 16) -> VideoFrame:
    return VideoFrame(
        pixels=np.full((side, side, 3), level, np.uint8), index=level, time_s=0.0, source="sd"
    )


def seen(level: int) -> Segmentation:
    """A segmentation of one object that covers all (255) or nothing (0)."""
    whole = FoundObject(id=7, prompt=1, score=0.6, box=(0.5, 0.5, 1.0, 1.0))
    masks = np.full((1, 32, 32), level, np.uint8)
    return Segmentation(objects=(whole,), masks=masks, picture_px=(16, 16), index=0, time_s=0.0)


def show_masks(
    drawing: GuardedRenderer, source: VideoFrame | None, found: Segmentation | None
) -> LazyPicture:
    return drawing.overlay_picture(source, found, is_hard=True, opacity=1.0, size_px=(24, 12))


def test_before_the_first_result_masks_show_the_source_alone(
    drawing: GuardedRenderer, picture: PictureInput
) -> None:
    drawing.draw(picture)
    nothing = show_masks(drawing, None, seen(255))
    assert (
        nothing.read_rgba().shape == (12, 24, 4) and (nothing.read_rgba() == (0, 0, 0, 255)).all()
    )
    source = show_masks(drawing, sd_picture(90), None)
    assert (source.width, source.height) == (16, 16) and (
        source.read_rgba() == (90, 90, 90, 255)
    ).all()
    nobody = drawing.id_picture(None, size_px=(24, 12))
    assert nobody.read_rgba().shape == (12, 24, 4) and (nobody.read_rgba() == (0, 0, 0, 255)).all()


def extra_pictures(drawing: GuardedRenderer, found: Segmentation) -> list[LazyPicture]:
    source = sd_picture(90)
    return [
        show_masks(drawing, source, found),
        drawing.id_picture(found, size_px=(16, 16)),
        drawing.layer5_picture(source, sd_picture(130), 0.25, size_px=(512, 512)),
    ]


def test_extra_pictures_are_read_once_and_invalid_after_the_next_draw(
    drawing: GuardedRenderer, driver: Driver, picture: PictureInput
) -> None:
    drawing.draw(picture)
    found = seen(255)
    extras, unread = extra_pictures(drawing, found), extra_pictures(drawing, found)
    masks, ids, layer5 = first = [one.read_rgba() for one in extras]
    assert (ids == (7, 153, 255, 255)).all() and (layer5 == (120, 120, 120, 255)).all()
    assert (masks == masks[0, 0]).all() and masks[0, 0].tolist() != [90, 90, 90, 255]
    for one in extras:
        texture = one.draw_texture()
        assert (
            texture is None
            if driver.kind == "numba"
            else (texture.width, texture.height) == (16, 16)
        )
        assert (one.width, one.height) == (16, 16)
    drawing.draw(picture)
    assert all(one.read_rgba() is rgba for one, rgba in zip(extras, first, strict=True))
    for one in unread:
        for ask in (one.read_rgba, one.draw_texture):
            with pytest.raises(RenderError, match="this picture is gone"):
                ask()


def test_while_the_renderer_is_lost_each_extra_picture_freezes(
    drawing: GuardedRenderer, driver: Driver, clock: SteppedClock, picture: PictureInput
) -> None:
    drawing.draw(picture)
    found = seen(255)
    before = [one.read_rgba() for one in extra_pictures(drawing, found)]
    driver.reset()
    driver.refuses = True
    for _ in range(2):
        extras = extra_pictures(drawing, seen(0))
        assert all(one.read_rgba() is rgba for one, rgba in zip(extras, before, strict=True))
        assert [one.draw_texture() for one in extras] == [None] * 3
        drawing.draw(picture)
    larger = drawing.layer5_picture(sd_picture(50, 32), size_px=(16, 16)).read_rgba()
    assert larger.shape == (32, 32, 4) and (larger == (0, 0, 0, 255)).all()
    assert drawing.id_picture(found, size_px=(9, 9)).read_rgba().shape == (9, 9, 4)
    driver.refuses = False
    clock.advance(30.0)
    drawing.draw(picture)
    again = [one.read_rgba() for one in extra_pictures(drawing, found)]
    assert all((rgba == one).all() for rgba, one in zip(again, before, strict=True))


def test_before_its_first_frame_an_extra_picture_is_black_of_its_size(
    drawing: GuardedRenderer, picture: PictureInput
) -> None:
    drawing.draw(picture)
    for width, height in ((32, 16), (16, 16), (16, 16)):
        black = drawing.layer5_picture(None, size_px=(width, height))
        assert (black.width, black.height) == (width, height)
        assert (
            black.read_rgba().shape == (height, width, 4)
            and (black.read_rgba() == (0, 0, 0, 255)).all()
        )
