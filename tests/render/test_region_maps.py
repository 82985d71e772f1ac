"""Region maps of pictures with known answers."""

import colorsys
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from engine.render import RegionMapper, RegionSettings, Renderer
from engine.render.region_maps import brightness_regions, colour_regions, edge_regions, quadrant_regions, reduce_picture
from engine.values import VideoFrame


def grey_ramp(levels: np.ndarray) -> np.ndarray:
    return np.repeat(levels.astype(np.uint8)[None, :, None], 3, axis=2).repeat(4, axis=0)


def frame_of(pixels: np.ndarray, index: int = 0) -> VideoFrame:
    return VideoFrame(pixels=pixels, index=index, time_s=0.0, source="test")


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


def test_plain_brightness_is_split_at_the_quarters() -> None:
    picture = grey_ramp(np.array([0, 63, 64, 127, 128, 191, 192, 255]))
    assert brightness_regions(picture, is_equalised=False)[0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_brightness_is_bt601_luma() -> None:
    primaries = np.array([[(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]], np.uint8)  # 0.30, 0.59, 0.11, 0.89
    assert brightness_regions(primaries, is_equalised=False)[0].tolist() == [1, 2, 0, 3]


def test_equalised_brightness_gives_each_region_a_quarter() -> None:
    dark = np.random.default_rng(1).normal(30, 5, (90, 160, 1)).clip(0, 255).astype(np.uint8).repeat(3, axis=2)
    assert (brightness_regions(dark, is_equalised=False) == 0).all()
    shares = np.bincount(brightness_regions(dark, is_equalised=True).ravel(), minlength=4) / dark[..., 0].size
    assert np.abs(shares - 0.25).max() < 0.06


@pytest.mark.parametrize("dominant", [0, 1, 2, 3])
def test_four_regions_exist_where_one_level_fills_nearly_all(dominant: int) -> None:
    levels = np.full(1000, (10, 80, 150, 220)[dominant])
    levels[:3] = [level for n, level in enumerate((10, 80, 150, 220)) if n != dominant]
    regions = brightness_regions(grey_ramp(levels), is_equalised=True)[0]
    assert sorted(set(regions.tolist())) == [0, 1, 2, 3]
    assert (np.diff(regions[np.argsort(levels, kind="stable")].astype(int)) >= 0).all()  # never lower for brighter ones


def test_a_picture_of_two_levels_has_a_darkest_and_a_brightest_region() -> None:
    assert brightness_regions(grey_ramp(np.array([7, 9, 7, 9])), is_equalised=True)[0].tolist() == [0, 3, 0, 3]


@pytest.mark.parametrize(("level", "region"), [(0, 0), (100, 1), (255, 3)])
def test_a_flat_picture_is_one_region_by_its_brightness(level: int, region: int) -> None:
    assert (brightness_regions(grey_ramp(np.full(9, level)), is_equalised=True) == region).all()


def hues(count: int) -> np.ndarray:
    return np.array([[colorsys.hsv_to_rgb((n + 0.5) / count, 1, 1) for n in range(count)]]) * 255


@pytest.mark.parametrize("hue_offset", [0.0, 0.1, 0.6, 1.0])
def test_colour_regions_are_quarters_of_the_hue_circle(hue_offset: float) -> None:
    regions = colour_regions(hues(40).round().astype(np.uint8), hue_offset=hue_offset, sat_min=0.2, is_equalised=True)
    expected = [int(((n + 0.5) / 40 - hue_offset) % 1 * 4) for n in range(40)]
    assert regions[0].tolist() == expected


def test_pixels_below_sat_min_are_assigned_by_brightness() -> None:
    pale_red = np.array([[(200, 170, 170)] * 2 + [(40, 36, 36)] * 2], np.uint8)  # saturation 0.15 and 0.1
    by_brightness = colour_regions(pale_red, hue_offset=0.0, sat_min=0.2, is_equalised=False)
    assert by_brightness[0].tolist() == [2, 2, 0, 0]
    by_hue = colour_regions(pale_red, hue_offset=0.0, sat_min=0.05, is_equalised=False)
    assert by_hue[0].tolist() == [0, 0, 0, 0]


def test_grey_has_no_hue_even_with_sat_min_0() -> None:
    grey = grey_ramp(np.array([0, 100, 150, 255]))
    assert colour_regions(grey, hue_offset=0.0, sat_min=0.0, is_equalised=False)[0].tolist() == [0, 1, 2, 3]


def test_quadrants_are_numbered_in_reading_order() -> None:
    assert quadrant_regions().tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    ("size", "reduced"), [((1920, 1080), (320, 180)), ((320, 240), (320, 240)), ((641, 7), (320, 3)), ((9, 9), (9, 9))]
)
def test_pictures_are_reduced_to_320_wide_at_most(size: tuple[int, int], reduced: tuple[int, int]) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    small = reduce_picture(pixels)
    assert small.shape == (reduced[1], reduced[0], 3)
    assert np.abs(small.mean() - pixels.mean()) < 2


def test_a_mirrored_picture_has_a_mirrored_map(mapper: RegionMapper) -> None:
    picture = frame_of(grey_ramp(np.array([0, 100, 150, 255])))
    plain = mapper.compute(picture, settings("brightness"))
    flipped = mapper.compute(picture, settings("brightness", is_mirrored=True))
    assert (flipped.indices == plain.indices[:, ::-1]).all() and flipped.indices.flags.c_contiguous


def test_quadrants_need_no_picture_and_stay_where_they_are_when_it_is_mirrored(mapper: RegionMapper) -> None:
    assert mapper.compute(None, settings("quadrant", is_mirrored=True)).indices.tolist() == [[0, 1], [2, 3]]
    assert mapper.compute(None, settings("brightness")) is None


def two_boxes(left_width: int, right_width: int) -> np.ndarray:
    """(180, 320, 3): a red box on the left and a green one on the right, on dark ground."""
    pixels = np.full((180, 320, 3), 30, np.uint8)
    pixels[40:140, 80 - left_width // 2 : 80 + left_width // 2] = (200, 50, 50)
    pixels[40:140, 240 - right_width // 2 : 240 + right_width // 2] = (50, 200, 50)
    return pixels


LEFT, RIGHT, GROUND = (90, 80), (90, 240), (5, 160)


def test_outlines_enclose_regions_that_meet_at_the_outline() -> None:
    regions = edge_regions(two_boxes(100, 60))
    assert regions.shape == (180, 320) and regions.dtype == np.uint8 and regions.max() <= 3
    assert len({regions[LEFT], regions[RIGHT], regions[GROUND]}) == 3
    # Each box is one region to within the outline's own width.
    red, green = (slice(44, 136), slice(34, 126)), (slice(44, 136), slice(214, 266))
    assert (regions[red] == regions[LEFT]).all() and (regions[green] == regions[RIGHT]).all()
    outside = np.ones((180, 320), bool)
    outside[36:144, 26:134] = outside[36:144, 206:274] = False
    assert (regions[outside] == regions[GROUND]).all()


def test_regions_of_outlines_keep_their_numbers_when_their_sizes_change_places() -> None:
    before = edge_regions(two_boxes(100, 60))
    alone = edge_regions(two_boxes(60, 100))
    assert alone[LEFT] != before[LEFT], "numbered by size, as for a first picture"
    after = edge_regions(two_boxes(60, 100), before)
    for place in (LEFT, RIGHT, GROUND):
        assert after[place] == before[place]


def test_a_picture_without_outlines_is_cut_into_quadrants(mapper: RegionMapper, reports: Callable) -> None:
    even = np.full((90, 160, 3), 128, np.uint8)
    assert edge_regions(even) is None
    assert mapper.compute(frame_of(even), settings("edges")).indices.tolist() == [[0, 1], [2, 3]]
    assert mapper.compute(None, settings("edges")) is None
    assert reports.lines == []


def test_noise_gives_a_map_too() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    regions = edge_regions(noise)
    assert regions is None or (regions.shape == (90, 160) and regions.max() <= 3)


def test_a_texture_with_free_pixels_only_at_the_border_gives_a_map_too() -> None:
    texture = np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    texture[:6, :6] = 128  # outlines leave only a few pixels of this plain corner, at the very border
    thin = np.zeros((2, 320, 3), np.uint8)
    thin[:, 100:200] = 255
    for pixels in (texture, thin):
        regions = edge_regions(pixels)
        assert regions.shape == pixels.shape[:2] and regions.max() <= 3


def test_the_mapper_keeps_the_numbers_of_outlines_from_the_previous_picture(mapper: RegionMapper) -> None:
    before = mapper.compute(frame_of(two_boxes(100, 60)), settings("edges")).indices
    after = mapper.compute(frame_of(two_boxes(60, 100), 1), settings("edges")).indices
    assert [after[place] for place in (LEFT, RIGHT)] == [before[place] for place in (LEFT, RIGHT)]


def test_the_thread_maps_the_newest_picture(mapper: RegionMapper, wait_for: Callable) -> None:
    assert mapper.latest() is None
    for index in range(50):
        picture = frame_of(grey_ramp(np.roll([0, 100, 150, 255], index % 4)), index)
        mapper.submit(picture, settings("brightness"))
    expected = brightness_regions(picture.pixels, is_equalised=True)
    wait_for(lambda: mapper.latest() is not None and (mapper.latest().indices == expected).all(), "the newest map")


def test_submitting_never_waits_for_an_unfinished_map(reports: Callable, wait_for: Callable) -> None:
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
    wait_for(lambda: mapper.latest() is not None and mapper.latest().indices.shape == (4, 2), "a map by brightness")
    mapper.close()


def test_the_same_picture_is_mapped_once(mapper: RegionMapper, wait_for: Callable) -> None:
    picture = frame_of(grey_ramp(np.array([0, 255])))
    mapper.submit(picture, settings("brightness"))
    first = wait_for(mapper.latest, "a map")
    for _ in range(20):
        mapper.submit(picture, settings("brightness"))
    mapper.submit(picture, settings("brightness", is_mirrored=True))
    wait_for(lambda: mapper.latest().indices[0].tolist() == first.indices[0].tolist()[::-1], "the mirrored map")


def test_a_picture_that_cannot_be_mapped_is_reported_and_the_thread_goes_on(
    mapper: RegionMapper, reports: Callable, wait_for: Callable
) -> None:
    mapper.submit(frame_of(np.zeros((4, 4), np.uint8)), settings("brightness"))
    wait_for(lambda: reports.lines, "a report")
    assert reports.lines[0][1].startswith("region map failed")
    mapper.submit(frame_of(grey_ramp(np.array([0, 255]))), settings("brightness"))
    wait_for(mapper.latest, "a map")


def test_closing_ends_the_thread(reports: Callable) -> None:
    mapper = RegionMapper(reports)
    mapper.close()
    mapper = RegionMapper(reports)
    mapper.submit(frame_of(grey_ramp(np.array([0, 255]))), settings("brightness"))
    mapper.close()
    assert "regions" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("side", [64, 512])
def test_a_square_sd_picture_is_mapped_where_it_is_shown(
    renderer: Renderer, mapper: RegionMapper, draw: Callable, side: int
) -> None:
    """Four bands from dark to bright, each shown by the layer with its number, while the camera is wide."""
    painted = np.repeat(np.array([10, 80, 150, 220], np.uint8), side // 4)[None, :, None].repeat(side, 0).repeat(3, 2)
    frame = VideoFrame(pixels=np.ascontiguousarray(painted), index=0, time_s=0.0, source="sd")
    seen = draw(renderer, {"/mode": "simple"}, size=(160, 90), layer5=frame.pixels)
    region = mapper.compute(frame, settings("brightness"))
    assert region is not None
    alone = {"/region/enable": True, "/multiverse/bias": 0.5, "/colour/mode": "fixed"}
    for layer in range(4):
        led = draw(renderer, alone | {f"/layer/{layer + 1}/solo": True}, region=region.indices)
        is_led = led[..., :3].max(axis=-1) > 0
        assert (is_led == (np.digitize(seen[..., 0], (45, 115, 185)) == layer)).mean() > 0.99
