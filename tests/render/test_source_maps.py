"""Maps of layer 5's source: people, movement, crop and mirror, with known answers."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.render import source_maps
from engine.render.learned_room import LearnedRoom
from engine.render.masks import SourceRequest
from engine.render.source_analysis import MIN_FLOW_PX, RESTART_S, SourceAnalysis
from engine.render.source_maps import SourceMapper
from engine.system import frame_budget
from engine.values import FoundObject, Segmentation, VideoFrame

SHOW_PX = 320, 180
FPS = 30.0


def textured(seed: int = 1) -> np.ndarray:
    """A wall with a fine grain, (240, 400, 3) uint8."""
    import cv2

    grain = cv2.GaussianBlur(
        np.random.default_rng(seed).normal(0, 1, (240, 400, 1)).astype(np.float32), (0, 0), 2
    )
    return np.repeat((60 + 90 * grain).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def request(pixels: np.ndarray, number: int = 0, **changes: object) -> SourceRequest:
    frame = VideoFrame(
        pixels=np.ascontiguousarray(pixels), index=number, time_s=number / FPS, source="camera"
    )
    plain = {"segmentation": None, "size_px": SHOW_PX, "is_mirrored": False, "time_s": number / FPS}
    return SourceRequest(picture=frame, **{**plain, **changes})  # type: ignore[arg-type]


def overlap(mask: np.ndarray, box: tuple[int, int, int, int]) -> float:
    """Intersection over union of a mask (180, 320) with left, top, right, bottom."""
    left, top, right, bottom = box
    true = np.zeros(mask.shape, bool)
    true[top:bottom, left:right] = True
    return float(((mask > 127) & true).sum() / ((mask > 127) | true).sum())


@pytest.mark.parametrize("pan_px", [0, 2])
def test_a_person_who_moves_is_found_whole_and_stays_when_it_stands_still(pan_px: int) -> None:
    wall, analysis, found = textured(), SourceAnalysis(), []
    for number in range(75):
        shift = pan_px * min(number, 30)
        picture = wall[20:200, shift : shift + 320].copy()
        left = 60 + 3 * min(number, 45)
        picture[60:160, left : left + 50] = 200, 60, 40
        found.append(
            overlap(
                analysis.compute(request(picture, number)).mask[..., 0], (left, 60, left + 50, 160)
            )
        )
    assert min(found[30:45]) > 0.7 and min(found[50:]) > 0.7


def test_an_empty_room_has_nobody() -> None:
    wall, analysis = textured()[20:200, :320], SourceAnalysis()
    noisy = (
        np.clip(wall + np.random.default_rng(number).normal(0, 3, wall.shape), 0, 255).astype(
            np.uint8
        )
        for number in range(12)
    )
    covered = [
        (analysis.compute(request(each, number)).mask[..., 0] > 127).mean()
        for number, each in enumerate(noisy)
    ]
    assert max(covered) < 0.01


def test_a_lamp_that_moves_is_nobody_and_who_dances_in_its_light_is_found() -> None:
    wall, analysis, seen = textured()[20:200, :320].astype(np.float32), SourceAnalysis(), []
    wall[150:] *= 0.5  # a dark floor
    columns = np.arange(320)
    for number in range(240):
        picture, left = wall.copy(), round(110 + 80 * np.sin(number / 30))
        if number >= 90:
            picture[50:100, left : left + 40] = 90, 60, 40
            picture[100:160, left + 10 : left + 30] = 45, 45, 60
        lamp = 0.6 + 0.6 * np.exp(-(((columns - 160 - 110 * np.sin(number / 20)) / 60) ** 2))
        picture *= lamp[None, :, None] * [1.0, 0.9 + 0.1 * np.sin(number / 25), 0.8]
        mask = (
            analysis.compute(request(picture.clip(0, 255).astype(np.uint8), number)).mask[..., 0]
            > 127
        )
        true = np.zeros(mask.shape, bool)
        if number >= 90:
            true[50:100, left : left + 40] = true[100:160, left + 10 : left + 30] = True
        seen.append(mask.mean() if number < 90 else (mask & true).sum() / (mask | true).sum())
    assert max(seen[:90]) < 0.01 and min(seen[110:]) > 0.5 and np.mean(seen[110:]) > 0.65


def test_the_flow_is_the_shift_in_widths_and_heights_with_y_up() -> None:
    wall, analysis = textured(), SourceAnalysis()
    analysis.compute(request(wall[20:200, 20:340]))
    # the wall moves 8 px to the right and 4 px down
    maps = analysis.compute(request(wall[16:196, 12:332], 1))
    across, up = np.median(maps.flow.reshape(-1, 2), axis=0)
    assert across == pytest.approx(8 / 320, rel=0.1) and up == pytest.approx(-4 / 180, rel=0.1)
    assert (
        maps.interval_s == pytest.approx(1 / FPS)
        and (maps.previous[..., :3] == wall[20:200, 20:340]).all()
    )


def test_the_analysis_begins_again_after_a_gap_and_for_another_size() -> None:
    wall, analysis = textured(), SourceAnalysis()
    analysis.compute(request(wall[20:200, 20:340]))
    for late in (
        request(wall[16:196, 12:332], 1, time_s=RESTART_S + 1.0),
        request(wall[:200, :333], 2),
    ):
        maps = analysis.compute(late)
        assert maps.interval_s == 0.0 and not maps.flow.any() and maps.previous is maps.picture


def found_at(ids: list[int]) -> Segmentation:
    """Objects of a picture of 400 x 240: the first in its left third, the second over its right
    half."""
    masks = np.zeros((2, 60, 60), np.uint8)
    masks[0, :, :20] = masks[1, :, 30:] = 255
    boxes = (1 / 6, 0.5, 1 / 3, 1.0), (0.75, 0.5, 0.5, 1.0)
    objects = tuple(
        FoundObject(id=id, prompt=1, score=0.9, box=box) for id, box in zip(ids, boxes, strict=True)
    )
    return Segmentation(objects=objects, masks=masks, picture_px=(400, 240), index=0, time_s=0.0)


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_found_objects_lie_where_the_cropped_and_mirrored_picture_shows_them(
    is_mirrored: bool,
) -> None:
    square = 240, 240  # shows the middle 240 of 400 px: from 80 to 320
    cropped = request(
        textured(), segmentation=found_at([7, 3]), size_px=square, is_mirrored=is_mirrored
    )
    maps = SourceAnalysis().compute(cropped)
    row = maps.mask[len(maps.mask) // 2]
    row = row[::-1] if is_mirrored else row
    assert (row[:50, 1] == 7).all() and not row[60:115, 1].any() and (row[125:, 1] == 3).all()
    assert (row[:50, 0] == 255).all() and (row[..., 2:] == 255).all()
    x = (1 / 6 - 0.2) / 0.6
    assert maps.objects[2, 0] == pytest.approx(
        [1 - x if is_mirrored else x, 0.5, 1 / 3 / 0.6, 1.0], abs=1e-6
    )
    assert maps.objects[1, 0] == pytest.approx([7, 0.9, 1, 1]) and maps.objects[1, 2:].any() == 0


def test_a_model_that_finds_nobody_gives_an_empty_mask_and_no_side_is_a_power_of_two() -> None:
    nobody = Segmentation(
        objects=(),
        masks=np.zeros((0, 60, 60), np.uint8),
        picture_px=(400, 240),
        index=0,
        time_s=0.0,
    )
    maps = SourceAnalysis().compute(
        request(textured()[:128, :256], segmentation=nobody, size_px=(512, 256))
    )
    assert not maps.mask[..., :2].any() and (maps.mask[..., 2] == 255).all()
    sides = {
        side
        for plane in (maps.picture, maps.mask, maps.flow, maps.echo)
        for side in plane.shape[:2]
    }
    assert all(side & (side - 1) for side in sides)


def test_masks_that_come_between_two_pictures_do_not_shorten_the_time_between_them() -> None:
    analysis, first, second = SourceAnalysis(), request(textured()), request(textured(), 15)
    for at_s, found in ((0.0, None), (0.2, found_at([2, 1])), (0.4, found_at([1, 2]))):
        analysis.compute(replace(first, segmentation=found, time_s=at_s))
    assert analysis.compute(second).interval_s == pytest.approx(0.5)


@pytest.mark.parametrize("change", ["mirror", "source"])
def test_a_mirrored_picture_or_one_of_another_source_is_no_movement(change: str) -> None:
    analysis, pixels = SourceAnalysis(), textured()
    pixels[40:160, 40:100] = 200, 60, 40
    for number in range(10):
        analysis.compute(request(pixels, number))
    other = request(pixels, 10, is_mirrored=True)
    if change == "source":
        other = replace(
            request(pixels[:, ::-1], 10), picture=replace(other.picture, source="another camera")
        )
    maps = analysis.compute(other)
    assert (
        not maps.flow.any() and (maps.mask[..., 0] > 127).mean() < 0.01 and maps.interval_s == 0.0
    )


def test_only_a_live_mapper_rests_after_a_picture(
    reports: Any, monkeypatch: pytest.MonkeyPatch, wait_for: Callable
) -> None:
    rests: list[float] = []
    monkeypatch.setattr(frame_budget, "SLOW_S", 0.0)
    monkeypatch.setattr(
        source_maps, "time", SimpleNamespace(sleep=rests.append, perf_counter=time.perf_counter)
    )
    with closing(SourceMapper(reports)) as mapper:
        assert (
            mapper.maps(request(textured(), 0), readers=(), time_s=0.0, is_offline=True) is not None
        )
        assert rests == [], "a video waits for nothing"
        for number in (1, 2):
            before = mapper.maps(
                request(textured(), number), readers=(), time_s=number / FPS, is_offline=False
            )
        mapper.begin()
        wait_for(lambda: rests, "the rest, after drawing")
        after = mapper.maps(request(textured(), 2), readers=(), time_s=3 / FPS, is_offline=False)
    assert (before.time_s, after.time_s) == (0.0, 2 / FPS), (
        "the newest is mapped, and none while a picture is drawn"
    )
    assert 0.0 < rests[0] <= frame_budget.MAX_REST_S


def test_what_a_look_misses_is_told_once_after_two_seconds_and_again_when_the_camera_is_lost(
    reports: Any,
) -> None:
    mapper, camera = SourceMapper(reports), request(textured())
    scenes = (
        [None] * 100
        + [camera] * 200
        + [replace(camera, segmentation=found_at([1, 2]))] * 100
        + [None] * 100
    )
    for number, scene in enumerate(scenes):
        # which misses the same, and is no news
        readers = ["Silhouette"] if number % 100 < 70 else ["Echo"]
        maps = mapper.maps(scene, readers=readers, time_s=number / FPS, is_offline=True)
        assert (maps is None) is (scene is None)
    lines = [line for _, line in reports.lines]
    assert [line.split(" ", 3)[:3] for line in lines] == [
        ["Silhouette:", "layer", "5"], ["Silhouette:", "people", "are"], ["Silhouette:", "layer",
            "5"],
    ]  # fmt: skip
    mapper.close()


def test_the_room_is_followed_while_the_camera_zooms_turns_and_leaves_where_it_began() -> None:
    import cv2

    wall = cv2.resize(textured(), (800, 480))
    pictures, there = [], []
    for number in range(60):
        zoom, turn = 1.0 + 0.008 * number, 0.002 * number
        matrix = cv2.getRotationMatrix2D((250.0 + 5.0 * number, 240.0), np.degrees(turn), zoom)
        matrix[:, 2] += np.array([80.0, 45.0]) - (250.0 + 5.0 * number, 240.0)
        there.append(np.vstack([cv2.invertAffineTransform(matrix), [0, 0, 1]]))  # to the wall
        pictures.append(np.log(cv2.warpAffine(wall, matrix, (160, 90)).astype(np.float32) + 5.0))
    room, nobody = LearnedRoom(pictures[0]), np.zeros((90, 160), np.float32)
    corners = np.array([[0, 160, 0, 160], [0, 0, 90, 90], [1, 1, 1, 1]])
    for number in range(1, 60):
        motion, seen = room.follow(pictures[number], nobody)
        true = np.linalg.inv(there[number - 1]) @ there[number]
        assert np.abs((motion - true[:2]) @ corners).max() < 0.7
        difference = np.abs(seen - pictures[number])
        assert difference[10:-10, 10:-10].mean() < 0.1, number


@pytest.mark.parametrize("show_px", [(5760, 1080), (1920, 100), (64, 2000)])
def test_a_wide_or_tall_show_is_mapped_like_any_other(show_px: tuple[int, int]) -> None:
    wall, analysis = textured(), SourceAnalysis()
    for number in range(4):
        maps = analysis.compute(request(np.roll(wall, 3 * number, axis=1), number, size_px=show_px))
        assert np.isfinite(maps.flow).all() and min(maps.flow.shape[:2]) >= MIN_FLOW_PX


def test_people_stay_found_when_a_loop_gives_smaller_pictures() -> None:
    wall, analysis, found = textured(), SourceAnalysis(), []
    for number in range(45):
        picture = wall[20:200, :320].copy()
        picture[60:160, 60 + 3 * number : 110 + 3 * number] = 200, 60, 40
        picture = picture if number < 40 else picture[::2, ::2]
        maps = analysis.compute(request(picture, number))
        assert maps.previous.shape == maps.picture.shape
        found.append((maps.mask[..., 0] > 127).mean())
    assert min(found[30:]) > 0.05
