"""The segmentation child at work: a real process with a tiny model, fed through real rings."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.live.kit.sent_values import GENERATION
from engine.values import Segmentation
from tests.live.sam3.rig import Sam3Rig, found_in, is_same, scene, segmenting_core

WaitFor = Callable[..., Any]
Segment = Callable[..., Segmentation]


@pytest.fixture(scope="module")
def random_rig(fork_server: None, small_sam3: Path) -> Iterator[Sam3Rig]:
    yield from running(small_sam3)


@pytest.fixture(scope="module")
def seeing_rig(fork_server: None, small_seeing_sam3: Path) -> Iterator[Sam3Rig]:
    yield from running(small_seeing_sam3)


def running(model: Path) -> Iterator[Sam3Rig]:
    rig = Sam3Rig(model)
    rig.supervisor.start()
    yield rig
    rig.close()


@pytest.fixture
def rig(random_rig: Sam3Rig, wait_for: WaitFor) -> Sam3Rig:
    """A running child that has found many objects in noise."""
    return fresh(random_rig, scene(), wait_for)


@pytest.fixture
def following(seeing_rig: Sam3Rig, wait_for: WaitFor) -> Sam3Rig:
    """A running child in mode track that follows two bright shapes."""
    fresh(seeing_rig, two_shapes(0), wait_for)
    seeing_rig.set({"/sam3/mode": "track"})
    seeing_rig.wait_until_applied(wait_for)
    assert len(seeing_rig.find_one(wait_for).objects) == 2
    return seeing_rig


def fresh(rig: Sam3Rig, picture: np.ndarray, wait_for: WaitFor) -> Sam3Rig:
    wait_for(lambda: rig.status.state in ("ready", "busy"), "the child")
    rig.show(picture)
    rig.reset({})
    rig.wait_until_applied(wait_for)
    wait_for(rig.finds, "a result")
    rig.find_one(wait_for)
    return rig


def two_shapes(step: int, width: int = 168) -> np.ndarray:
    """A red square going right and a green one going down, on black."""
    picture = np.zeros((168, width, 3), np.uint8)
    picture[20:60, 10 + 4 * step : 50 + 4 * step] = (255, 0, 0)
    picture[70 + 4 * step : 120 + 4 * step, 100:150] = (0, 255, 0)
    return picture


def ids(found: Segmentation) -> list[int]:
    return sorted(each.id for each in found.objects)


@pytest.fixture(scope="module")
def segment(small_sam3: Path) -> Segment:
    """The result of the core in this process."""
    return segmenting_core(small_sam3)


def test_it_finds_the_same_objects_as_the_core_with_the_index_and_generation_of_their_picture(
    rig: Sam3Rig, wait_for: WaitFor, segment: Segment
) -> None:
    expected = segment(scene())
    assert len(expected.objects) == 16
    assert not is_same(expected, segment(scene(1)))
    for _ in range(3):
        found = rig.find_one(wait_for)
        assert is_same(found, expected)
        assert (found.index, found.time_s) == (rig.fed - 1, float(rig.fed - 1))
    assert rig.newest().generation == 0
    rig.set({GENERATION: 3})
    rig.wait_until_applied(wait_for)
    assert rig.feed_one(wait_for).generation == 3


def test_prompts_change_while_it_runs_and_keep_their_numbers(
    rig: Sam3Rig, wait_for: WaitFor, segment: Segment
) -> None:
    for prompts in (("fire",), ("fire", "", "sea"), ("", "", "sea", "fire in the sea")):
        rig.set({f"/sam3/prompt/{n}": text for n, text in enumerate((*prompts, "", "", "")[:4], 1)})
        rig.wait_until_applied(wait_for)
        assert is_same(found_in(rig.feed_one(wait_for)), segment(scene(), prompts)), prompts


def test_without_a_prompt_it_finds_nothing_and_notes_why_once(
    rig: Sam3Rig, wait_for: WaitFor
) -> None:
    for blank in ("  ", ""):
        rig.set({"/sam3/prompt/1": blank})
        rig.wait_until_applied(wait_for)
        assert found_in(rig.feed_one(wait_for)).objects == ()
    lines = [line for key, line in rig.reports if key.startswith("child.sam3.asked")]
    assert lines.count("sam3: no prompt is set: /sam3/prompt/1 to 4 are empty") == 1
    rig.reset({})
    wait_for(lambda: rig.finds(lambda found: len(found.objects) == 16), "objects again")


def test_the_size_of_the_picture_may_change_in_mid_stream_and_alpha_is_ignored(
    rig: Sam3Rig, wait_for: WaitFor, segment: Segment
) -> None:
    for width, height, channels in (
        (1, 1, 3),
        (97, 33, 3),
        (33, 97, 4),
        (112, 112, 3),
        (640, 2, 4),
    ):
        picture = scene(2, width, height, channels)
        rig.show(picture)
        expected = segment(picture[..., :3])
        assert expected.picture_px == (width, height)
        wait_for(
            lambda: rig.finds(lambda found: is_same(found, expected)),
            f"what is in {width} x {height} px",
        )


def test_a_stale_picture_of_the_old_source_is_skipped(rig: Sam3Rig, wait_for: WaitFor) -> None:
    rig.set({"/sam3/enable": False})
    rig.wait_until_applied(wait_for)
    before = rig.newest()
    rig.feed()  # from where it looked until now
    rig.set({"/sam3/enable": True, "/sam3/source": "video"})
    rig.wait_until_applied(wait_for)
    rig.wait_until_applied(wait_for)
    assert rig.newest().sequence == before.sequence
    frame = rig.feed_one(wait_for)
    assert (frame.index, frame.sequence) == (rig.fed - 1, before.sequence + 1)


def test_it_reports_its_facts_and_what_emptying_the_cache_freed(
    rig: Sam3Rig, wait_for: WaitFor
) -> None:
    wait_for(
        lambda: rig.finds() and (rig.fact("fps") or 0) > 0 and rig.fact("objects") == 16,
        "its figures",
    )
    facts = rig.status.facts
    stage_keys = {"preprocess_ms", "backbone_ms", "decoder_ms", "masks_ms", "other_ms"}
    assert stage_keys | {"memory_mb", "duty", "slice_p99_ms", "nan"} <= set(facts)
    assert (facts["resolution"], facts["device"], facts["dtype"]) == (112, "cpu", "float32")
    assert (facts["mode"], facts["prompts"]) == ("image", 1)
    answers: list[tuple[bool, str]] = []
    rig.supervisor.call(
        "empty_cache", on_answer=lambda is_done, text: answers.append((is_done, text))
    )
    wait_for(lambda: answers, "the answer")
    assert answers == [(True, f"freed 0 MiB, {rig.fact('memory_mb')} MiB in use")]


def test_objects_keep_their_ids_while_they_move(following: Sam3Rig, wait_for: WaitFor) -> None:
    first = following.find_one(wait_for)
    red = next(each for each in first.objects if each.box[1] < 0.4)
    for step in range(1, 9):
        following.show(two_shapes(step))
        found = following.find_one(wait_for)
        assert ids(found) == ids(first)
        moved = next(each for each in found.objects if each.id == red.id)
        assert moved.box[0] == pytest.approx((30 + 4 * step) / 168, abs=0.03)
        assert moved.box[1] == pytest.approx(40 / 168, abs=0.03)


def test_objects_are_new_when_the_source_of_the_pictures_changes(
    following: Sam3Rig, wait_for: WaitFor
) -> None:
    def another_source() -> None:
        following.set({"/sam3/source": "video"})

    def another_ring() -> None:
        following.show(two_shapes(0), is_elsewhere=True)

    def another_size() -> None:
        following.show(two_shapes(0, width=200))

    def from_the_start() -> None:
        following.fed = 0

    for change in (another_source, another_ring, another_size, from_the_start):
        known = ids(following.find_one(wait_for))
        assert ids(following.find_one(wait_for)) == known
        change()
        following.wait_until_applied(wait_for)
        # the first answer may come before the values are looked at
        following.wait_until_applied(wait_for)
        found = following.find_one(wait_for)
        assert len(found.objects) == 2 and min(ids(found)) > max(known), change.__name__
