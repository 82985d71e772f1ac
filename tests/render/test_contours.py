"""Tests contours: positions, stable numbers, publishing interval, and outlines that are not
detected again."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest

import osc_schema
from engine.app import open_engine
from engine.config import Config
from engine.render.contour_finder import ContourFinder
from engine.render.contours import camera_crop
from engine.render.graphic import Graphic, GraphicImage, picture_ink
from engine.render.numba_graphics import composite_graphics
from engine.render.picture import Renderer, fitted_size
from engine.values import FrameId, VideoFrame
from tests.support.pictures import draw_once, on_air

SIZE = WIDTH, HEIGHT = 960, 540
DEFAULTS = {param.address: param.default for param in osc_schema.PARAMS}
ON = {"/contour/count": 8}
WHITE = (255, 255, 255, 255)
Sent = list[tuple[str, tuple[float, ...]]]


def black() -> np.ndarray:
    picture = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    picture[..., 3] = 255
    return picture


def with_shapes(
    *, ellipse_at: tuple[int, int] = (240, 200), rectangle_at: tuple[int, int] = (700, 330)
) -> np.ndarray:
    """An ellipse of 120 x 60 px (semi-axes) turned by 30 degrees clockwise, and a rectangle 80 px
    wide and 200 high."""
    picture = black()
    cv2.ellipse(picture, ellipse_at, (120, 60), 30, 0, 360, WHITE, cv2.FILLED)
    x, y = rectangle_at
    picture[y - 100 : y + 100, x - 40 : x + 40] = 255
    return picture


@pytest.fixture
def finder() -> Iterator[Callable[..., Any]]:
    finders: list[ContourFinder] = []

    def make(
        publish: Callable[..., object] | None = None, *, is_offline: bool = True
    ) -> tuple[ContourFinder, Sent]:
        messages: Sent = []
        finders.append(
            ContourFinder(
                publish or (lambda address, *values: messages.append((address, values))),
                lambda key, line: pytest.fail(line),
                is_offline=is_offline,
            )
        )
        return finders[-1], messages

    yield make
    for each in finders:
        each.close()


@dataclass
class StubRenderer:
    """A renderer whose last picture is known."""

    picture: np.ndarray
    reads: int = 0

    @property
    def size_px(self) -> tuple[int, int]:
        return self.picture.shape[1], self.picture.shape[0]

    def read_look(self, longest_px: int) -> np.ndarray:
        self.reads += 1
        return cv2.resize(
            self.picture, fitted_size(self.size_px, longest_px), interpolation=cv2.INTER_AREA
        )


def tick(time_s: float = 0.0) -> FrameId:
    return FrameId(index=0, time_s=time_s)


def values(**changes: Any) -> dict[str, Any]:
    return DEFAULTS | ON | {f"/contour/{name}": value for name, value in changes.items()}


def test_an_ellipse_and_a_rectangle_are_published_with_centre_area_and_angle(finder) -> None:
    one, messages = finder()
    one.follow(values(), StubRenderer(with_shapes()), tick(), None)
    assert [address for address, _ in messages] == ["/contour/found", "/contour/1", "/contour/2"]
    assert messages[0][1] == (2,)
    ellipse, rectangle = (arguments for _, arguments in messages[1:])
    assert ellipse[:2] == pytest.approx((240.5 / WIDTH, 200.5 / HEIGHT), abs=0.002)
    assert ellipse[2] == pytest.approx(np.pi * 120.5 * 60.5 / (WIDTH * HEIGHT), rel=0.02)
    assert ellipse[4] == pytest.approx(30, abs=1) and ellipse[3] == ellipse[4] / 180
    assert rectangle[:2] == pytest.approx((700 / WIDTH, 330 / HEIGHT), abs=0.001)
    assert rectangle[2] == pytest.approx(80 * 200 / (WIDTH * HEIGHT), rel=0.02)
    assert rectangle[4] == pytest.approx(90, abs=0.5)


def test_dark_shapes_small_ones_and_a_hole_follow_their_parameters(finder) -> None:
    picture = with_shapes()
    picture[300:360, 690:710] = 0  # in the rectangle: counted as filled
    picture[10:16, 10:16] = 255  # 0.007 percent
    inverted = 255 - picture
    for pixels, changes in ((picture, {}), (inverted, {"of": "dark"})):
        one, messages = finder()
        one.follow(values(**changes), StubRenderer(pixels), tick(), None)
        assert messages[0][1] == (2,)
        assert messages[2][1][2] == pytest.approx(80 * 200 / (WIDTH * HEIGHT), rel=0.02)
    grey = (picture * 0.4).astype(np.uint8)
    for threshold, min_area, number in (
        (0.5, 0.1, 0),
        (0.3, 0.1, 2),
        (0.3, 0.001, 3),
        (0.3, 4.0, 1),
        (0.3, 50.0, 0),
    ):
        one, messages = finder()
        one.follow(values(threshold=threshold, min_area=min_area), StubRenderer(grey), tick(), None)
        assert messages[0][1] == (number,)
    one, messages = finder()
    one.follow(values(count=1), StubRenderer(picture), tick(), None)
    assert [address for address, _ in messages] == ["/contour/found", "/contour/1"]


def test_a_contour_keeps_its_number_while_it_moves_and_another_becomes_the_largest(finder) -> None:
    one, messages = finder()
    for step in range(8):  # they cross at a distance
        picture = black()
        small, large = 100 + 90 * step, 800 - 90 * step
        cv2.circle(picture, (small, 120), 50 + 5 * step, WHITE, cv2.FILLED)
        cv2.circle(picture, (large, 400), 68, WHITE, cv2.FILLED)
        one.follow(values(), StubRenderer(picture), tick(step * 0.1), None)
        (_, first), (_, second) = messages[-2:]
        assert first[:2] == pytest.approx((large / WIDTH, 400 / HEIGHT), abs=0.005)
        assert second[:2] == pytest.approx((small / WIDTH, 120 / HEIGHT), abs=0.005)
    assert second[2] > first[2]
    messages.clear()
    one.follow(
        values(),
        StubRenderer(with_shapes(ellipse_at=(730, 120), rectangle_at=(480, 400))),
        tick(0.8),
        None,
    )
    one.follow(values(), StubRenderer(black()), tick(0.9), None)
    one.follow(values(), StubRenderer(black()), tick(1.0), None)
    assert messages[3:] == [
        ("/contour/found", (0,)), ("/contour/1", (0.0,) * 5), ("/contour/2", (0.0,) * 5),
        ("/contour/found", (0,)),
    ]  # fmt: skip


def test_results_come_once_in_an_interval_and_none_is_read_while_it_is_off(finder) -> None:
    one, messages = finder()
    renderer = StubRenderer(with_shapes())
    for number in range(120):  # 2 s
        one.follow(values(interval=100.0), renderer, tick(number / 60), None)
    assert (
        renderer.reads == 20 and sum(address == "/contour/found" for address, _ in messages) == 20
    )
    messages.clear()
    for number in range(120, 240):
        one.follow(values(count=0), renderer, tick(number / 60), None)
        assert one.outlines(values(count=0, overlay=1.0), SIZE) == ()
    assert renderer.reads == 20
    assert messages == [
        ("/contour/found", (0,)),
        ("/contour/1", (0.0,) * 5),
        ("/contour/2", (0.0,) * 5),
    ]


def test_the_frame_loop_does_not_wait_for_a_result_and_reads_nothing_meanwhile(
    finder, wait_for
) -> None:
    may_go_on, addresses = threading.Event(), []

    def publish(address: str, *arguments: float) -> None:
        assert may_go_on.wait(60)
        addresses.append(address)

    one, _ = finder(publish, is_offline=False)
    renderer = StubRenderer(with_shapes())
    for number in range(50):
        one.follow(values(interval=20.0), renderer, tick(number), None)
    assert renderer.reads == 1
    may_go_on.set()

    def is_read() -> bool:
        one.follow(values(interval=20.0), renderer, tick(100.0), None)
        return renderer.reads == 2

    wait_for(is_read, "the next one")
    wait_for(lambda: len(addresses) == 6, "both results")


def test_the_camera_counts_as_layer_5_shows_it(finder) -> None:
    camera = np.zeros((480, 640, 3), np.uint8)  # its upper and lower eighth are cut off
    camera[200:280, 0:160] = 255
    seen = VideoFrame(pixels=camera, index=0, time_s=0.0, source="test")
    for is_mirrored, x in ((False, 0.125), (True, 0.875)):
        one, messages = finder()
        settings = values(source="camera") | {"/layer/5/mirror": is_mirrored}
        renderer = StubRenderer(black())
        one.follow(settings, renderer, tick(), seen)
        assert messages[1][1][:3] == pytest.approx((x, 0.5, 160 * 80 / (640 * 360)), rel=0.02)
        assert not renderer.reads
    one, messages = finder()
    one.follow(values(source="camera"), StubRenderer(black()), tick(), None)
    assert messages == [("/contour/found", (0,))]
    assert camera_crop(camera, (540, 960), is_mirrored=False).shape == (480, 270, 3)


def laid(picture: np.ndarray, graphics: Any) -> np.ndarray:
    deep = picture.astype(np.uint16) * 257
    composite_graphics(deep, graphics)
    return np.rint(deep / 257).astype(np.uint8)


def test_outlines_have_their_width_and_opacity_and_scale_with_the_picture(finder) -> None:
    one, _ = finder()
    settings = partial(values, overlay=0.5, width=2.0)
    large = cv2.resize(with_shapes(), (1920, 1080), interpolation=cv2.INTER_NEAREST)
    one.follow(settings(), StubRenderer(large), tick(), None)
    rgba = laid(np.zeros_like(large), one.outlines(settings(), (1920, 1080)))
    edge = rgba[660, 1280:1360, 0].astype(int)  # across the left edge of the rectangle, at 1320
    assert edge.max() == pytest.approx(128, abs=2)
    assert edge.sum() / 127.5 == pytest.approx(0.02 * 1080, rel=0.25)
    assert (edge * np.arange(1280, 1360)).sum() / edge.sum() == pytest.approx(1320, abs=4)


def test_the_look_is_read_without_what_is_laid_on_it(renderer: Renderer, picture: Callable) -> None:
    renderer.resize(96, 54)
    bare = draw_once(renderer, picture({})).read_behind((96, 54), is_bare=True)
    assert np.abs(bare[..., :3].astype(int) - renderer.read_rgba()[..., :3]).max() <= 1, (
        "published ones are dithered"
    )
    assert bare[..., :3].max() > 100
    image = GraphicImage(pixels=np.full((54, 96, 4), 255, np.uint8), height_px=54.0)
    white = Graphic(
        slot=3,
        image=image,
        x=0.5,
        y=0.5,
        angle_deg=0.0,
        height_px=54.0,
        ink=picture_ink(1.0),
        blend="over",
    )
    changes = {
        "/master/blackout": True,
        "/post/bloom": 1.0,
        "/post/vignette": 1.0,
        "/multiverse/feedback": 0.0,
    }
    assert (
        draw_once(renderer, on_air(picture({}), graphics=(white,))).read_rgba()[..., :3].min() > 250
    )
    assert np.abs(renderer.read_behind((96, 54), is_bare=True).astype(int) - bare).max() < 40, (
        "a little further on its trail"
    )
    assert (
        draw_once(renderer, on_air(picture(changes), graphics=(white,))).read_rgba()[..., :3].max()
        == 0
    )
    assert renderer.read_behind((48, 27), is_bare=True)[..., :3].max() > 50


@pytest.mark.parametrize("renderer_kind", ["numba", "gl"])
def test_an_engine_publishes_contours_and_draws_their_outlines_in_its_video(
    renderer_kind: str,
) -> None:
    seen = {}
    for overlay in (0.0, 1.0):
        options = {"renderer": renderer_kind, "sinks": ("null",), "offline": True, "web": "off"}
        with open_engine(Config(width=192, height=108, audio="demo", **options)) as engine:
            changes = {"/contour/count": 4, "/contour/overlay": overlay, "/contour/threshold": 0.3}
            changes |= {"/contour/colour": "hue", "/contour/hue": 0.33, "/contour/width": 3.0}
            engine.params.set_many(list(changes.items()), by="test")
            *_, newest = (frame.read_rgba().astype(int) for frame in engine.frames(count=40))
            seen[overlay] = newest, dict(engine.control_hub.dispatcher.feedback.last_published)
    without, outlined = seen[0.0], seen[1.0]
    contours = {
        address: arguments
        for address, arguments in without[1].items()
        if address.startswith("/contour/")
    }
    assert contours["/contour/found"][0] >= 1 and contours["/contour/1"][2] > 0.001
    assert contours.items() <= outlined[1].items(), "outlines are not found"
    green = [(picture[..., 1] - picture[..., 0] > 100).sum() for picture, _ in seen.values()]
    assert green[1] > green[0] + 50
