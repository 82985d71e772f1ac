"""Region maps of pictures with known answers, and of found objects, also as the input of a
segmentation ControlNet."""

import colorsys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from engine.render.control_picture import ade20k_class, segmentation_picture
from engine.render.masks import object_colours
from engine.render.picture import Renderer
from engine.render.region_mapper import RegionMapper, RegionSettings
from engine.render.region_maps import (
    ObjectRegions,
    brightness_regions,
    colour_regions,
    edge_regions,
    object_numbers,
    quadrant_regions,
    reduce_picture,
    small_size,
)
from tests.support.pictures import frame_of

LEFT, RIGHT, BACKGROUND = (90, 80), (90, 240), (5, 160)
SIDE = 32
AREAS = [(slice(4, 12), slice(4 + 6 * n, 9 + 6 * n)) for n in range(4)] + [
    (slice(20, 28), slice(10, 22))
]
"""Five separate boxes of texels."""
FREE = (0, 0, 0, 0)


def grey_ramp(levels: np.ndarray) -> np.ndarray:
    return np.repeat(levels.astype(np.uint8)[None, :, None], 3, axis=2).repeat(4, axis=0)


def settings(mode: str, **changes: object) -> RegionSettings:
    values = {
        "is_enabled": True,
        "mode": mode,
        "is_equalised": True,
        "hue_offset": 0.0,
        "sat_min": 0.2,
        "is_mirrored": False,
        "background": 3,
    }
    return RegionSettings(**(values | changes))


@pytest.fixture
def mapper(reports: Callable) -> Iterator[RegionMapper]:
    mapper = RegionMapper(reports)
    yield mapper
    mapper.close()


def test_brightness_is_bt601_luma_split_at_the_quarters_or_into_darkest_and_brightest() -> None:
    picture = grey_ramp(np.array([0, 63, 64, 127, 128, 191, 192, 255]))
    assert brightness_regions(picture, is_equalised=False)[0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    # 0.30, 0.59, 0.11, 0.89
    primaries = np.array([[(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]], np.uint8)
    assert brightness_regions(primaries, is_equalised=False)[0].tolist() == [1, 2, 0, 3]
    assert brightness_regions(grey_ramp(np.array([7, 9, 7, 9])), is_equalised=True)[0].tolist() == [
        0,
        3,
        0,
        3,
    ]


def test_equalised_brightness_gives_each_region_a_quarter_or_one_level() -> None:
    dark = (
        np.random.default_rng(1)
        .normal(30, 5, (90, 160, 1))
        .clip(0, 255)
        .astype(np.uint8)
        .repeat(3, axis=2)
    )
    assert (brightness_regions(dark, is_equalised=False) == 0).all()
    fractions = (
        np.bincount(brightness_regions(dark, is_equalised=True).ravel(), minlength=4)
        / dark[..., 0].size
    )
    assert np.abs(fractions - 0.25).max() < 0.06
    for dominant in [0, 1, 2, 3]:
        levels = np.full(1000, (10, 80, 150, 220)[dominant])
        levels[:3] = [level for n, level in enumerate((10, 80, 150, 220)) if n != dominant]
        regions = brightness_regions(grey_ramp(levels), is_equalised=True)[0]
        assert sorted(set(regions.tolist())) == [0, 1, 2, 3], dominant
    for level, region in [(0, 0), (100, 1), (255, 3)]:
        assert (
            brightness_regions(grey_ramp(np.full(9, level)), is_equalised=True) == region
        ).all(), level


def hues(count: int) -> np.ndarray:
    return np.array([[colorsys.hsv_to_rgb((n + 0.5) / count, 1, 1) for n in range(count)]]) * 255


def test_colour_regions_are_quarters_of_the_hue_circle() -> None:
    for hue_offset in [0.0, 0.1, 0.6, 1.0]:
        regions = colour_regions(
            hues(40).round().astype(np.uint8), hue_offset=hue_offset, sat_min=0.2, is_equalised=True
        )
        expected = [int(((n + 0.5) / 40 - hue_offset) % 1 * 4) for n in range(40)]
        assert regions[0].tolist() == expected, hue_offset


def test_quadrants_are_numbered_in_reading_order_and_need_no_picture(mapper: RegionMapper) -> None:
    assert quadrant_regions().tolist() == [[0, 1], [2, 3]]
    assert mapper.compute(None, settings("quadrant", is_mirrored=True)).indices.tolist() == [
        [0, 1],
        [2, 3],
    ]
    assert mapper.compute(None, settings("brightness")) is None


def two_boxes(left_width: int, right_width: int) -> np.ndarray:
    """(180, 320, 3): a red box on the left and a green one on the right, on dark ground."""
    pixels = np.full((180, 320, 3), 30, np.uint8)
    pixels[40:140, 80 - left_width // 2 : 80 + left_width // 2] = (200, 50, 50)
    pixels[40:140, 240 - right_width // 2 : 240 + right_width // 2] = (50, 200, 50)
    return pixels


def test_outlines_enclose_regions_that_keep_their_numbers_when_their_sizes_are_swapped() -> None:
    regions = edge_regions(two_boxes(100, 60))
    assert regions.shape == (180, 320) and regions.dtype == np.uint8 and regions.max() <= 3
    assert len({regions[LEFT], regions[RIGHT], regions[BACKGROUND]}) == 3
    assert (regions[44:136, 34:126] == regions[LEFT]).all() and (
        regions[44:136, 214:266] == regions[RIGHT]
    ).all()
    before = edge_regions(two_boxes(100, 60))
    assert edge_regions(two_boxes(60, 100))[LEFT] != before[LEFT], (
        "numbered by size, as for a first picture"
    )
    after = edge_regions(two_boxes(60, 100), before)
    for position in (LEFT, RIGHT, BACKGROUND):
        assert after[position] == before[position]
    thin = np.zeros((2, 320, 3), np.uint8)
    thin[:, 100:200] = 255
    regions = edge_regions(thin)
    assert regions.shape == (2, 320) and regions.max() <= 3


def test_a_picture_without_outlines_is_cut_into_quadrants(
    mapper: RegionMapper, reports: Callable
) -> None:
    even = np.full((90, 160, 3), 128, np.uint8)
    assert edge_regions(even) is None
    assert mapper.compute(frame_of(even), settings("edges")).indices.tolist() == [[0, 1], [2, 3]]
    assert mapper.compute(None, settings("edges")) is None
    assert reports.lines == []


def test_submitting_never_waits_for_an_unfinished_map(
    reports: Callable, wait_for: Callable
) -> None:
    """A blocking report callback stops the mapping thread; `submit` must not wait for it."""
    is_reporting, may_go_on = threading.Event(), threading.Event()

    def blocking_report(key: str, message: str) -> None:
        is_reporting.set()
        assert may_go_on.wait(120)

    mapper = RegionMapper(blocking_report)
    picture = frame_of(grey_ramp(np.array([0, 255])))
    mapper.submit(frame_of(np.zeros((4, 4), np.uint8)), settings("brightness"))
    assert is_reporting.wait(120)
    for index in range(1000):
        mapper.submit(frame_of(picture.pixels, index), settings("brightness"))
    assert mapper.latest() is None
    may_go_on.set()
    wait_for(
        lambda: mapper.latest() is not None and mapper.latest().indices.shape == (4, 2),
        "a map by brightness",
    )
    mapper.close()


def test_a_picture_that_cannot_be_mapped_is_reported_once(
    mapper: RegionMapper, reports: Any, wait_for: Any
) -> None:
    mapper.submit(frame_of(np.zeros((4, 4), np.uint8)), settings("brightness"))
    wait_for(lambda: reports.lines, "a report")
    assert reports.lines[0][1].startswith("region map failed")
    mapper.submit(frame_of(grey_ramp(np.array([0, 255]))), settings("brightness"))
    wait_for(mapper.latest, "a map")


def boxes(*numbers: int) -> np.ndarray:
    masks = np.zeros((len(numbers), SIDE, SIDE), np.uint8)
    for mask, number in zip(masks, numbers, strict=True):
        mask[AREAS[number]] = 255
    return masks


def region_at(indices: np.ndarray, number: int) -> int:
    """Return the region in the middle of a box."""
    rows, columns = AREAS[number]
    height, width = indices.shape
    return int(
        indices[
            (rows.start + rows.stop) * height // (2 * SIDE),
            (columns.start + columns.stop) * width // (2 * SIDE),
        ]
    )


@pytest.fixture
def quiet_mapper(mapper: RegionMapper, reports: Callable) -> Iterator[RegionMapper]:
    yield mapper
    assert reports.lines == []


def test_maps_have_the_proportions_of_the_picture_and_masks_are_scaled_before_thresholding(
    found: Any,
) -> None:
    for picture_px, widest, small in [
        ((1920, 1080), 320, (320, 180)),
        ((300, 200), 320, (300, 200)),
        ((720, 1280), 512, (512, 910)),
        ((900, 1), 320, (320, 1)),
    ]:
        assert small_size(picture_px, widest) == small, picture_px
        seen = object_numbers(found(boxes(0), picture_px=picture_px), widest)
        assert seen.shape == small[::-1] and seen.dtype == np.uint8, picture_px
    # A slope of 0 to 255 across a few texels: thresholded after scaling, its edge is between them.
    slope = np.tile(np.clip(np.arange(SIDE) * 20.0 - 205, 0, 255), (SIDE, 1))
    seen = object_numbers(found([slope], picture_px=(320, 320)), 320)
    edge = (127.5 + 205) / 20  # in texel centres from 0
    assert (
        abs(np.argmax(seen[160]) - (edge + 0.5) * 10) <= 1
        and (np.diff(seen[160].astype(int)) >= 0).all()
    )


def test_the_best_four_objects_are_regions_in_front_of_each_other_and_of_the_background(
    found: Callable,
) -> None:
    result = found(boxes(3, 2, 1, 0, 4), picture_px=(640, 360))
    for background in (0, 1, 3):
        indices = ObjectRegions().compute(result, background, FREE)
        assert (
            indices.shape == (180, 320) and indices.dtype == np.uint8 and indices.flags.c_contiguous
        )
        assert [region_at(indices, number) for number in (3, 2, 1, 0, 4)] == [
            0,
            1,
            2,
            3,
            background,
        ]
        assert indices[0, 0] == indices[-1, -1] == background
    masks = np.zeros((2, SIDE, SIDE), np.uint8)
    masks[0, :, 8:20] = 255
    masks[1, :, 12:] = 255
    indices = ObjectRegions().compute(found(masks, picture_px=(32, 32)), 3, FREE)
    assert indices[16].tolist() == [3] * 8 + [0] * 12 + [1] * 12
    indices = ObjectRegions().compute(found([], picture_px=(64, 36)), 2, FREE)
    assert indices.shape == (36, 64) and (indices == 2).all()


def test_followed_objects_keep_their_regions_and_others_take_what_is_free(found: Callable) -> None:
    regions = ObjectRegions()
    first = regions.compute(found(boxes(0, 1, 2), ids=(5, 6, 7)), 3, FREE)
    crossed = regions.compute(found(boxes(2, 0, 1), ids=(7, 5, 6)), 3, FREE)
    for indices in (first, crossed):
        assert [region_at(indices, number) for number in (0, 1, 2)] == [0, 1, 2]
    regions = ObjectRegions()
    regions.compute(found(boxes(0, 1, 2), ids=(5, 6, 7)), 3, FREE)
    without_one = regions.compute(found(boxes(0, 2), ids=(5, 7)), 3, FREE)
    assert [region_at(without_one, number) for number in (0, 1, 2)] == [0, 3, 2]
    come = regions.compute(found(boxes(3, 4, 2, 0), ids=(9, 8, 7, 5)), 0, FREE)
    assert [region_at(come, number) for number in (0, 1, 2, 3, 4)] == [0, 0, 2, 1, 3]
    assert come[0, 0] == 0
    regions = ObjectRegions()
    assert (
        region_at(regions.compute(found(boxes(0, 1, 2, 3, 4), ids=(1, 2, 3, 4, 5)), 3, FREE), 4)
        == 3
    )
    after = regions.compute(found(boxes(0, 2, 3, 4), ids=(1, 3, 4, 5)), 3, FREE)
    assert [region_at(after, number) for number in (0, 2, 3, 4)] == [0, 2, 3, 1]


def test_a_layer_that_names_a_prompt_shows_all_that_is_found_for_it_whoever_comes(
    found: Callable,
) -> None:
    """Prompt 2 is the guitar, for layer 2; prompt 1 the dancers, for layers 1 and 4."""
    regions, prompts = ObjectRegions(), (1, 2, 0, 1)

    def map_of(numbers: tuple[int, ...], of: tuple[int, ...], ids: tuple[int, ...]) -> list[int]:
        indices = regions.compute(found(boxes(*numbers), ids=ids, prompts=of), 3, prompts)
        return [region_at(indices, number) for number in numbers]

    assert map_of((0, 1, 2), (2, 2, 1), (4, 5, 6)) == [1, 1, 0], (
        "both guitars, although they are the best"
    )
    assert map_of((3, 0, 2, 4), (1, 2, 1, 3), (7, 4, 6, 8)) == [3, 1, 0, 2], (
        "a second dancer, and a dog for layer 3"
    )
    assert map_of((3, 1, 0, 4), (1, 1, 3, 3), (7, 9, 10, 8)) == [3, 0, 3, 2], (
        "two dogs: the second is background"
    )
    assert map_of((4, 0), (2, 1), (11, 7)) == [1, 3], "the other dancer has gone"
    prompts = (0, 0, 2, 0)
    assert map_of((0, 1, 2), (1, 2, 3), (7, 11, 12)) == [3, 2, 0], (
        "a known object keeps its layer if that is not named"
    )


def test_the_mapper_maps_found_objects_and_before_them_quadrants(
    quiet_mapper: RegionMapper, found: Callable
) -> None:
    picture = frame_of(np.zeros((9, 16, 3), np.uint8))
    for _ in range(2):
        assert quiet_mapper.compute(picture, settings("sam3")).indices.tolist() == [[0, 1], [2, 3]]
    result = found(boxes(0, 4))
    plain = quiet_mapper.compute(picture, settings("sam3"), result).indices
    assert (region_at(plain, 0), region_at(plain, 4), plain[0, 0]) == (0, 1, 3)
    flipped = quiet_mapper.compute(
        None, settings("sam3", is_mirrored=True, background=2), result
    ).indices
    assert flipped[0, 0] == 2 and flipped.flags.c_contiguous
    assert ((flipped == 0) == (plain == 0)[:, ::-1]).all()
    named = quiet_mapper.compute(picture, settings("sam3", prompts=(2, 0, 1, 0)), result).indices
    assert (region_at(named, 0), region_at(named, 4)) == (2, 2)


def test_a_found_object_shows_its_layer(
    renderer: Renderer, draw: Any, quiet_mapper: RegionMapper, found: Any
) -> None:
    """The square picture of Stable Diffusion covers a wide one, its top and bottom cropped."""
    seen = found(boxes(4, 1), picture_px=(512, 512))
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[AREAS[4]], pixels[AREAS[1]] = (255, 0, 0), (0, 255, 0)
    pixels = np.ascontiguousarray(pixels.repeat(16, 0).repeat(16, 1))
    picture = draw(renderer, {"/mode": "simple"}, size=(160, 90), layer5=pixels)
    indices = quiet_mapper.compute(None, settings("sam3"), seen).indices
    look = {"/region/enable": True, "/multiverse/bias": 0.5, "/colour/mode": "fixed"}
    for layer in (0, 1):
        led = (
            draw(renderer, look | {f"/layer/{layer + 1}/solo": True}, region=indices)[..., :3].max(
                axis=-1
            )
            > 0
        )
        assert (led == (picture[..., layer] > 127)).mean() > 0.98 and led.any()


def test_a_prompt_names_a_class_by_its_last_noun() -> None:
    for prompt, name in [
        ("person", "person"),
        ("Dancers on stage", "person"),
        ("a man in a red coat", "person"),
        ("guitar player", "person"),
        ("the car door", "door"),
        ("stage lights", "light"),
        ("traffic lights", "traffic light"),
        ("street lamp", "streetlight"),
        ("cardboard boxes", "box"),
        ("a bottle of water", "bottle"),
        ("dress", "clothes"),
        ("guitar", None),
        ("in the dark", None),
        ("", None),
    ]:
        assert ade20k_class(prompt) == name, name


def test_a_controlnet_sees_each_class_in_its_colour_and_black_elsewhere(found: Callable) -> None:
    """Colours from ADE20K's palette: person, stage; the object's own colour for a word that is no
    class."""
    result = found(boxes(0, 1, 4), ids=(11, 12, 13), prompts=(1, 3, 4), picture_px=(1280, 720))
    picture = segmentation_picture(result, ("woman", "", "the stage", "theremin"))
    assert picture.shape == (288, 512, 3) and picture.dtype == np.uint8
    own = np.rint(255 * object_colours([13])[0]).astype(int).tolist()
    for number, colour in ((0, [150, 5, 61]), (1, [82, 0, 255]), (4, own)):
        rows, columns = AREAS[number]
        centre = picture[
            (rows.start + rows.stop) * 288 // (2 * SIDE),
            (columns.start + columns.stop) * 512 // (2 * SIDE),
        ]
        assert centre.tolist() == colour
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 4  # edges are hard
    assert not picture[0].any()
    assert not segmentation_picture(found([], picture_px=(64, 36)), ("person",)).any()


def test_grey_and_pixels_below_sat_min_are_assigned_by_brightness() -> None:
    # saturation 0.15 and 0.1
    pale_red = np.array([[(200, 170, 170)] * 2 + [(40, 36, 36)] * 2], np.uint8)
    grey = grey_ramp(np.array([0, 100, 150, 255]))
    for pixels, sat_min, expected in (
        (pale_red, 0.2, [2, 2, 0, 0]),
        (pale_red, 0.12, [0, 0, 0, 0]),
        (grey, 0.0, [0, 1, 2, 3]),
    ):
        found = colour_regions(pixels, hue_offset=0.0, sat_min=sat_min, is_equalised=False)
        assert found[0].tolist() == expected, sat_min


def test_pictures_are_reduced_to_320_wide_and_outlines_keep_the_numbers_of_the_previous_one(
    mapper: RegionMapper,
) -> None:
    for (width, height), reduced in [
        ((1920, 1080), (320, 180)),
        ((641, 7), (320, 3)),
        ((9, 9), (9, 9)),
    ]:
        assert reduce_picture(np.zeros((height, width, 3), np.uint8)).shape[1::-1] == reduced
    before, after = (
        mapper.compute(frame_of(two_boxes(*levels), number), settings("edges")).indices
        for number, levels in enumerate([(100, 60), (60, 100)])
    )
    assert [after[position] for position in (LEFT, RIGHT)] == [
        before[position] for position in (LEFT, RIGHT)
    ]
