"""Contours: where they are, that they keep their numbers, how often they are told, and outlines that are not found
again."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest

import osc_schema
from engine.render.contour_finder import ContourFinder
from engine.render.contours import Contour, find_contours, followed, inside_of, luma_of, shown_part
from engine.render.numba_graphics import lay_graphics
from engine.values import FrameId, PublishedFrame, VideoFrame

SIZE = WIDTH, HEIGHT = 960, 540
DEFAULTS = {param.address: param.default for param in osc_schema.PARAMS}
ON = {"/contour/count": 8}
WHITE = (255, 255, 255, 255)
Told = list[tuple[str, tuple[float, ...]]]


def black() -> np.ndarray:
    picture = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    picture[..., 3] = 255
    return picture


def with_shapes(*, ellipse_at: tuple[int, int] = (240, 200), rectangle_at: tuple[int, int] = (700, 330)) -> np.ndarray:
    """An ellipse of 120 x 60 px (semi-axes) turned by 30 degrees clockwise, and a rectangle 80 px wide and 200 high."""
    picture = black()
    cv2.ellipse(picture, ellipse_at, (120, 60), 30, 0, 360, WHITE, cv2.FILLED)
    x, y = rectangle_at
    picture[y - 100 : y + 100, x - 40 : x + 40] = 255
    return picture


@pytest.fixture
def finder() -> Iterator[Callable[..., Any]]:
    made: list[ContourFinder] = []

    def make(tell: Callable[..., object] | None = None, *, is_offline: bool = True) -> tuple[ContourFinder, Told]:
        told: Told = []
        made.append(
            ContourFinder(
                tell or (lambda address, *values: told.append((address, values))),
                lambda key, line: pytest.fail(line),
                is_offline=is_offline,
            )
        )
        return made[-1], told

    yield make
    for each in made:
        each.close()


def frame(picture: np.ndarray, time_s: float = 0.0, reads: list[float] | None = None) -> PublishedFrame:
    def read() -> np.ndarray:
        if reads is not None:
            reads.append(time_s)
        return picture

    height, width = picture.shape[:2]
    return PublishedFrame(id=FrameId(index=0, time_s=time_s), width=width, height=height, texture=None, read_rgba=read)


def values(**changes: Any) -> dict[str, Any]:
    return DEFAULTS | ON | {f"/contour/{name}": value for name, value in changes.items()}


def test_an_ellipse_and_a_rectangle_are_told_with_centre_area_and_angle(finder) -> None:
    one, told = finder()
    one.follow(values(), frame(with_shapes()), None)
    assert [address for address, _ in told] == ["/contour/found", "/contour/1", "/contour/2"]
    assert told[0][1] == (2,)
    ellipse, rectangle = (arguments for _, arguments in told[1:])
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
    for given, changes in ((picture, {}), (inverted, {"of": "dark"})):
        one, told = finder()
        one.follow(values(**changes), frame(given), None)
        assert told[0][1] == (2,)
        assert told[2][1][2] == pytest.approx(80 * 200 / (WIDTH * HEIGHT), rel=0.02)
    grey = (picture * 0.4).astype(np.uint8)
    for threshold, min_area, number in ((0.5, 0.1, 0), (0.3, 0.1, 2), (0.3, 0.001, 3), (0.3, 4.0, 1), (0.3, 50.0, 0)):
        one, told = finder()
        one.follow(values(threshold=threshold, min_area=min_area), frame(grey), None)
        assert told[0][1] == (number,)
    one, told = finder()
    one.follow(values(count=1), frame(picture), None)
    assert [address for address, _ in told] == ["/contour/found", "/contour/1"]


def test_a_contour_keeps_its_number_while_it_moves_and_another_becomes_the_largest(finder) -> None:
    one, told = finder()
    for step in range(8):  # they cross at a distance
        picture = black()
        small, large = 100 + 90 * step, 800 - 90 * step
        cv2.circle(picture, (small, 120), 50 + 5 * step, WHITE, cv2.FILLED)
        cv2.circle(picture, (large, 400), 68, WHITE, cv2.FILLED)
        one.follow(values(), frame(picture, step * 0.1), None)
        (_, first), (_, second) = told[-2:]
        assert first[:2] == pytest.approx((large / WIDTH, 400 / HEIGHT), abs=0.005)
        assert second[:2] == pytest.approx((small / WIDTH, 120 / HEIGHT), abs=0.005)
    assert second[2] > first[2]
    told.clear()
    one.follow(values(), frame(with_shapes(ellipse_at=(730, 120), rectangle_at=(480, 400)), 0.8), None)
    one.follow(values(), frame(black(), 0.9), None)
    one.follow(values(), frame(black(), 1.0), None)
    assert told[3:] == [
        ("/contour/found", (0,)),
        ("/contour/1", (0.0,) * 5),
        ("/contour/2", (0.0,) * 5),
        ("/contour/found", (0,)),
    ]


def test_the_nearest_keep_their_numbers_and_new_ones_get_the_lowest_free() -> None:
    def at(x: float, area: float = 0.1) -> Contour:
        return Contour(x=x, y=0.5, area=area, angle_deg=0.0, points=np.zeros((0, 2), np.float32))

    before = {1: at(0.1), 3: at(0.9)}
    left, right, new, far = at(0.2), at(0.85), at(0.6), at(0.5)
    assert followed(before, [new, right, left, far], 1.0) == {1: left, 2: new, 3: right, 4: far}
    assert followed({1: at(0.1)}, [at(0.4)], 1.0).keys() == {1}
    assert followed({2: at(0.1)}, [at(0.4)], 1.0).keys() == {1}, "a quarter of the width away: another one"


def test_results_come_once_in_an_interval_and_none_is_read_while_it_is_off(finder) -> None:
    one, told = finder()
    reads: list[float] = []
    for number in range(120):  # 2 s
        one.follow(values(interval=100.0), frame(with_shapes(), number / 60, reads), None)
    assert len(reads) == 20 and sum(address == "/contour/found" for address, _ in told) == 20
    told.clear()
    for number in range(120, 240):
        one.follow(values(count=0), frame(with_shapes(), number / 60, reads), None)
        assert one.outlines(values(count=0, overlay=1.0), SIZE) == ()
    assert len(reads) == 20
    assert told == [("/contour/found", (0,)), ("/contour/1", (0.0,) * 5), ("/contour/2", (0.0,) * 5)]


def test_the_frame_loop_does_not_wait_for_a_result_and_reads_nothing_meanwhile(finder, wait_for) -> None:
    may_go_on, told = threading.Event(), []

    def tell(address: str, *arguments: float) -> None:
        assert may_go_on.wait(60)
        told.append(address)

    one, _ = finder(tell, is_offline=False)
    reads: list[float] = []
    for number in range(50):
        one.follow(values(interval=20.0), frame(with_shapes(), number, reads), None)
    assert reads == [0.0]
    may_go_on.set()

    def is_read() -> bool:
        one.follow(values(interval=20.0), frame(with_shapes(), 100.0, reads), None)
        return len(reads) == 2

    wait_for(is_read, "the next one")
    wait_for(lambda: len(told) == 6, "both results")


def test_the_camera_counts_as_layer_5_shows_it(finder) -> None:
    camera = np.zeros((480, 640, 3), np.uint8)  # its upper and lower eighth are cut off
    camera[200:280, 0:160] = 255
    seen = VideoFrame(pixels=camera, index=0, time_s=0.0, source="test")
    for is_mirrored, x in ((False, 0.125), (True, 0.875)):
        one, told = finder()
        given = values(source="camera") | {"/layer/5/mirror": is_mirrored}
        reads: list[float] = []
        one.follow(given, frame(black(), 0.0, reads), seen)
        assert told[1][1][:3] == pytest.approx((x, 0.5, 160 * 80 / (640 * 360)), rel=0.02)
        assert not reads
    one, told = finder()
    one.follow(values(source="camera"), frame(black()), None)
    assert told == [("/contour/found", (0,))]
    assert shown_part(camera, (540, 960), is_mirrored=False).shape == (480, 270, 3)


def laid(picture: np.ndarray, graphics: Any) -> np.ndarray:
    deep = picture.astype(np.uint16) * 257
    lay_graphics(deep, graphics)
    return np.rint(deep / 257).astype(np.uint8)


@pytest.mark.parametrize("colour", ["white", "black"])
def test_outlines_lie_on_the_edge_and_are_not_found_again(finder, colour: str) -> None:
    one, told = finder()
    given = values(overlay=1.0, colour=colour, width=1.0, threshold=0.6 if colour == "white" else 0.4)
    for number in range(20):
        x = 700 + 4 * max(number - 9, 0)
        picture = with_shapes(rectangle_at=(x, 330)) // 2 + (64 if colour == "black" else 127)
        picture[..., 3] = 255
        shown = laid(picture, one.outlines(given, SIZE))
        one.follow(given, frame(shown, number * 0.1), None)
        if number == 9:
            row, behind = (each[330, :, 0].astype(int) for each in (shown, picture))
            line = 255 if colour == "white" else 0
            assert all(np.abs(row[edge - 2 : edge + 2] - line).max() < 60 for edge in (660, 740)), "the rectangle's"
            assert row[700] == behind[700] and row[600] == behind[600]
    areas = {n: [each[2] for address, each in told if address == f"/contour/{n}"] for n in (1, 2)}
    assert areas[1] == pytest.approx([areas[1][0]] * 20, rel=0.001), "the ellipse stands still"
    assert areas[2][:10] == pytest.approx([areas[2][0]] * 10, rel=0.001)
    assert areas[2] == pytest.approx([areas[2][0]] * 20, rel=0.2), "the rectangle moves from the tenth on"
    across = [each[0] * WIDTH for address, each in told if address == "/contour/2"]
    assert across == pytest.approx([700 + 4 * max(number - 9, 0) for number in range(20)], abs=15)
    shown = laid(black(), one.outlines(given, SIZE))  # the shapes are gone, their outlines not yet
    assert (
        find_contours(inside_of(luma_of(shown), threshold=0.5, is_dark=False), min_area=0.001, count=8)
        or colour == "black"
    )
    told.clear()
    one.follow(given, frame(shown, 2.0), None)
    assert told[0] == ("/contour/found", (0,))


def test_outlines_have_their_width_and_opacity_and_scale_with_the_picture(finder) -> None:
    one, _ = finder()
    given = partial(values, overlay=0.5, width=2.0)
    large = cv2.resize(with_shapes(), (1920, 1080), interpolation=cv2.INTER_NEAREST)
    one.follow(given(), frame(large), None)
    shown = laid(np.zeros_like(large), one.outlines(given(), (1920, 1080)))
    edge = shown[660, 1280:1360, 0].astype(int)  # across the left edge of the rectangle, at 1320
    assert edge.max() == pytest.approx(128, abs=2)
    assert edge.sum() / 127.5 == pytest.approx(0.02 * 1080, rel=0.25)
    assert (edge * np.arange(1280, 1360)).sum() / edge.sum() == pytest.approx(1320, abs=4)
