"""Every result finds its source picture, however long the child takes."""

import numpy as np
import pytest

from engine.live.kit.fed_pictures import MAX_MARKED, NEWEST, FedPictures
from engine.live.kit.picture_loop import ask_from_s
from engine.values import VideoFrame

POLL_S = 0.002


def picture(number: int) -> VideoFrame:
    return VideoFrame(
        pixels=np.zeros((1, 1, 3), np.uint8), index=number, time_s=0.0, source="camera"
    )


def play(
    calls_s: list[float], fps: float, *, rest_s: float = 0.0
) -> list[tuple[int, int | None, int]]:
    """Simulate a child that takes the newest picture, works for these times, answers and rests, and
    asks as `ask_from_s` says. The engine polls once a frame. Returns (answered, found, most kept)
    of each answer."""
    fed, newest, last_read, call_s, began_s, cached = FedPictures(), -1, -1, 0.0, float("-inf"), 0
    answers: list[int] = []
    results: list[tuple[int, int | None, int]] = []
    calls = iter(calls_s)
    answers_at_s = free_at_s = float("-inf")
    is_working, now_s, frame_s = False, 0.0, 0.0
    while len(results) < len(calls_s):
        now_s += POLL_S
        if is_working and now_s >= answers_at_s:
            answers.append(last_read)
            is_working = False
        if (
            not is_working
            and now_s >= free_at_s
            and newest > last_read
            and (work_s := next(calls, None)) is not None
        ):
            call_s, began_s, last_read, is_working = (
                now_s - began_s if last_read >= 0 else 0.0,
                now_s,
                newest,
                True,
            )
            answers_at_s, free_at_s = now_s + work_s, now_s + work_s + rest_s
        if now_s < frame_s:
            continue
        frame_s += 1 / fps
        while answers:
            number = answers.pop(0)
            found = fed.answered(number)
            results.append((number, found and found.index, cached))
        is_asking = now_s >= ask_from_s(call_began_s=began_s, call_s=call_s, due_s=began_s)
        fed.follow_wish(is_asking)
        if is_asking:
            newest += 1
            fed.add(newest, picture(newest))
        cached = max(cached, len(fed._pictures))
    return results


@pytest.mark.parametrize("fps", [30.0, 60.0, 120.0])
@pytest.mark.parametrize(
    ("calls_s", "rest_s"),
    [
        ([0.03] * 20, 0.0),  # as fast as possible
        ([2.0, 0.03, 1.5, 0.03, 0.3] * 4, 0.0),  # unpredictable durations
        ([1.0 + 0.2 * (n % 3) for n in range(20)], 0.0),  # occasionally a little longer
        ([0.3 + 0.1 * (n % 4) for n in range(20)], 0.7),  # with rests
    ],
)
def test_a_result_finds_its_picture_however_many_were_sent_since(
    fps: float, calls_s: list[float], rest_s: float
) -> None:
    results = play(calls_s, fps, rest_s=rest_s)
    assert [found for _, found, _ in results] == [number for number, _, _ in results]
    assert max(cached for *_, cached in results) <= MAX_MARKED + NEWEST


def test_the_first_picture_of_a_new_process_is_found_although_the_last_process_sent_no_result() -> (
    None
):
    fed = FedPictures()
    for number, is_asking in (
        (0, True),
        (1, True),
        (1, False),
        *((number, True) for number in range(2, 100)),
    ):
        fed.follow_wish(is_asking)
        if is_asking:
            fed.add(number, picture(number))
    found = fed.answered(2)
    assert found is not None and found.index == 2
