"""Found objects as regions, and as the input of a segmentation ControlNet."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from engine.render import RegionMapper, RegionSettings, Renderer
from engine.render.control_picture import class_named, segmentation_picture
from engine.render.mask_look import object_colours
from engine.render.region_maps import ObjectRegions, objects_seen, small_size
from engine.values import Segmentation, VideoFrame

SIDE = 32
PLACES = [(slice(4, 12), slice(4 + 6 * n, 9 + 6 * n)) for n in range(4)] + [(slice(20, 28), slice(10, 22))]
"""Five separate boxes of texels."""


def boxes(*numbers: int) -> np.ndarray:
    masks = np.zeros((len(numbers), SIDE, SIDE), np.uint8)
    for mask, number in zip(masks, numbers, strict=True):
        mask[PLACES[number]] = 255
    return masks


def region_at(indices: np.ndarray, number: int) -> int:
    """The region in the middle of a box."""
    rows, columns = PLACES[number]
    height, width = indices.shape
    return int(
        indices[(rows.start + rows.stop) * height // (2 * SIDE), (columns.start + columns.stop) * width // (2 * SIDE)]
    )


def settings(**changes: object) -> RegionSettings:
    values = {"is_enabled": True, "mode": "sam3", "is_equalised": True, "hue_offset": 0.0, "sat_min": 0.2}
    return RegionSettings(**(values | {"is_mirrored": False, "background": 3} | changes))


@pytest.fixture
def mapper(reports: Callable) -> Iterator[RegionMapper]:
    mapper = RegionMapper(reports)
    yield mapper
    mapper.close()
    assert reports.lines == []


@pytest.mark.parametrize(
    ("picture_px", "widest", "small"),
    [
        ((1920, 1080), 320, (320, 180)),
        ((300, 200), 320, (300, 200)),
        ((720, 1280), 512, (512, 910)),
        ((900, 1), 320, (320, 1)),
    ],
)
def test_maps_have_the_proportions_of_the_picture(
    found: Callable, picture_px: tuple[int, int], widest: int, small: tuple[int, int]
) -> None:
    assert small_size(picture_px, widest) == small
    seen = objects_seen(found(boxes(0), picture_px=picture_px), widest)
    assert seen.shape == small[::-1] and seen.dtype == np.uint8


def test_masks_are_scaled_before_thresholding(found: Callable) -> None:
    """A slope of 0 to 255 across a few texels: thresholded after scaling, its edge is between them."""
    slope = np.tile(np.clip(np.arange(SIDE) * 20.0 - 205, 0, 255), (SIDE, 1))
    seen = objects_seen(found([slope], picture_px=(320, 320)), 320)
    edge = (127.5 + 205) / 20  # in texel centres from 0
    assert abs(np.argmax(seen[160]) - (edge + 0.5) * 10) <= 1 and (np.diff(seen[160].astype(int)) >= 0).all()


def test_the_best_four_objects_are_regions_0_to_3_and_the_rest_is_background(found: Callable) -> None:
    result = found(boxes(3, 2, 1, 0, 4), picture_px=(640, 360))
    for background in (0, 1, 3):
        indices = ObjectRegions().compute(result, background=background)
        assert indices.shape == (180, 320) and indices.dtype == np.uint8 and indices.flags.c_contiguous
        assert [region_at(indices, number) for number in (3, 2, 1, 0, 4)] == [0, 1, 2, 3, background]
        assert indices[0, 0] == indices[-1, -1] == background


def test_where_objects_overlap_the_one_in_front_leads(found: Callable) -> None:
    masks = np.zeros((2, SIDE, SIDE), np.uint8)
    masks[0, :, 8:20] = 255
    masks[1, :, 12:] = 255
    indices = ObjectRegions().compute(found(masks, picture_px=(32, 32)), background=3)
    assert indices[16].tolist() == [3] * 8 + [0] * 12 + [1] * 12


def test_without_objects_everything_is_background(found: Callable) -> None:
    indices = ObjectRegions().compute(found([], picture_px=(64, 36)), background=2)
    assert indices.shape == (36, 64) and (indices == 2).all()


def test_followed_objects_keep_their_regions_when_scores_cross(found: Callable) -> None:
    regions = ObjectRegions()
    first = regions.compute(found(boxes(0, 1, 2), ids=(5, 6, 7)), background=3)
    crossed = regions.compute(found(boxes(2, 0, 1), ids=(7, 5, 6)), background=3)
    for indices in (first, crossed):
        assert [region_at(indices, number) for number in (0, 1, 2)] == [0, 1, 2]


def test_a_newcomer_takes_the_first_free_region_even_when_it_is_the_best(found: Callable) -> None:
    regions = ObjectRegions()
    regions.compute(found(boxes(0, 1, 2), ids=(5, 6, 7)), background=3)
    gone = regions.compute(found(boxes(0, 2), ids=(5, 7)), background=3)
    assert [region_at(gone, number) for number in (0, 1, 2)] == [0, 3, 2]
    come = regions.compute(found(boxes(3, 4, 2, 0), ids=(9, 8, 7, 5)), background=0)
    assert [region_at(come, number) for number in (0, 1, 2, 3, 4)] == [0, 0, 2, 1, 3]
    assert come[0, 0] == 0


def test_an_object_without_a_region_gets_the_next_that_is_free(found: Callable) -> None:
    regions = ObjectRegions()
    full = regions.compute(found(boxes(0, 1, 2, 3, 4), ids=(1, 2, 3, 4, 5)), background=3)
    assert region_at(full, 4) == 3
    after = regions.compute(found(boxes(0, 2, 3, 4), ids=(1, 3, 4, 5)), background=3)
    assert [region_at(after, number) for number in (0, 2, 3, 4)] == [0, 2, 3, 1]


def test_if_ids_are_ranks_regions_follow_the_rank(found: Callable) -> None:
    regions = ObjectRegions()
    for numbers in ((0, 1, 2, 3), (3, 0), (2, 1, 0, 3, 4), (4,)):
        indices = regions.compute(found(boxes(*numbers)), background=3)
        assert [region_at(indices, number) for number in numbers[:4]] == list(range(len(numbers[:4])))


def test_the_mapper_maps_found_objects_and_quadrants_before_the_first_result(
    mapper: RegionMapper, found: Callable
) -> None:
    picture = VideoFrame(pixels=np.zeros((9, 16, 3), np.uint8), index=0, time_s=0.0, source="test")
    for _ in range(2):
        assert mapper.compute(picture, settings()).indices.tolist() == [[0, 1], [2, 3]]
    result = found(boxes(0, 4))
    plain = mapper.compute(picture, settings(), result).indices
    assert (region_at(plain, 0), region_at(plain, 4), plain[0, 0]) == (0, 1, 3)
    flipped = mapper.compute(None, settings(is_mirrored=True, background=2), result).indices
    assert flipped[0, 0] == 2 and flipped.flags.c_contiguous
    assert ((flipped == 0) == (plain == 0)[:, ::-1]).all()


def test_the_thread_maps_each_result_once_regardless_of_the_number_of_pictures(
    mapper: RegionMapper, found: Callable, wait_for: Callable
) -> None:
    first, second = found(boxes(0, 1), ids=(1, 2)), found(boxes(1, 0), ids=(2, 1))

    def submit(result: Segmentation | None, index: int, **changes: object) -> None:
        picture = VideoFrame(pixels=np.zeros((9, 16, 3), np.uint8), index=index, time_s=0.0, source="test")
        mapper.submit(picture, settings(**changes), result)

    submit(None, 0)
    wait_for(lambda: mapper.latest() is not None and mapper.latest().indices.shape == (2, 2), "quadrants")
    submit(first, 1)
    mapped = wait_for(lambda: mapper.latest().indices.shape == (48, 64) and mapper.latest(), "a map")
    for index in range(20):
        submit(first, index)
    submit(second, 0, background=0)
    after = wait_for(lambda: mapper.latest() is not mapped and mapper.latest(), "the next map")
    assert after.indices[0, 0] == 0, "the first one was not mapped again in between"
    assert [region_at(after.indices, number) for number in (0, 1)] == [0, 1]


def test_settings_come_from_the_parameters(values: Callable) -> None:
    asked = RegionSettings.from_values(values({"/region/mode": "sam3", "/region/background": 1}))
    assert (asked.mode, asked.background) == ("sam3", 1)


def test_a_found_object_shows_its_layer_at_its_position(
    renderer: Renderer, draw: Callable, mapper: RegionMapper, found: Callable
) -> None:
    """The square picture of Stable Diffusion covers a wide one, its top and bottom cropped."""
    seen = found(boxes(4, 1), picture_px=(512, 512))
    shown = np.zeros((SIDE, SIDE, 3), np.uint8)
    shown[PLACES[4]], shown[PLACES[1]] = (255, 0, 0), (0, 255, 0)
    shown = np.ascontiguousarray(shown.repeat(16, 0).repeat(16, 1))
    picture = draw(renderer, {"/mode": "simple"}, size=(160, 90), layer5=shown)
    indices = mapper.compute(None, settings(), seen).indices
    look = {"/region/enable": True, "/multiverse/bias": 0.5, "/colour/mode": "fixed"}
    for layer in (0, 1):
        led = draw(renderer, look | {f"/layer/{layer + 1}/solo": True}, region=indices)[..., :3].max(axis=-1) > 0
        assert (led == (picture[..., layer] > 127)).mean() > 0.98 and led.any()


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
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
    ],
)
def test_a_prompt_names_a_class_by_its_last_noun(prompt: str, name: str | None) -> None:
    assert class_named(prompt) == name


def test_a_controlnet_sees_each_class_in_its_colour(found: Callable) -> None:
    """Colours from ADE20K's palette: person, stage; the object's own colour for a word that is no class."""
    result = found(boxes(0, 1, 4), ids=(11, 12, 13), prompts=(1, 3, 4), picture_px=(1280, 720))
    picture = segmentation_picture(result, ("woman", "", "the stage", "theremin"))
    assert picture.shape == (288, 512, 3) and picture.dtype == np.uint8
    own = np.rint(255 * object_colours([13])[0]).astype(int).tolist()
    for number, colour in ((0, [150, 5, 61]), (1, [82, 0, 255]), (4, own)):
        rows, columns = PLACES[number]
        centre = picture[
            (rows.start + rows.stop) * 288 // (2 * SIDE), (columns.start + columns.stop) * 512 // (2 * SIDE)
        ]
        assert centre.tolist() == colour
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 4  # edges are hard
    assert not picture[0].any()


def test_a_controlnet_sees_black_where_nothing_is_found(found: Callable) -> None:
    assert not segmentation_picture(found([], picture_px=(64, 36)), ("person",)).any()
