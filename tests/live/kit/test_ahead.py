"""Values that are sent ahead of a beat, and the picture that is shown until then."""

from itertools import count

import numpy as np

from engine.ipc import RingFrame
from engine.live.kit.ahead import Ahead
from engine.values import UpcomingValues

PIXELS = np.zeros((1, 1, 3), np.uint8)


def picture(generation: int, index: int = 0) -> RingFrame:
    return RingFrame(
        pixels=PIXELS, index=index, time_s=0.0, generation=generation, sequence=index + 1
    )


def change(key: str, **values: object) -> UpcomingValues:
    return UpcomingValues(key=key, values={f"/sd/{name}": value for name, value in values.items()})


def due(key: str) -> UpcomingValues:
    return UpcomingValues(key=key, values={}, is_due=True)


def opened() -> Ahead:
    generations = count(1)
    return Ahead(lambda: next(generations))


def test_a_picture_with_a_value_that_was_sent_ahead_waits_for_the_frame_of_its_beat() -> None:
    ahead = opened()
    assert ahead.send([]) == {} and ahead.show(old := picture(0)) is old
    fire = change("fire", prompt="fire")
    assert ahead.send([fire]) == {"/sd/prompt": "fire"}
    last = picture(0, 1)
    assert ahead.show(last) is last, "painted before the value arrived"
    early, next_one = picture(1, 2), picture(1, 3)
    for newest in (early, None, next_one, None):
        assert ahead.send([fire]) == {"/sd/prompt": "fire"}
        assert ahead.show(newest) is None
    assert ahead.send([due("fire")]) == {} and ahead.show(None) is next_one
    assert ahead.send([]) == {}
    assert ahead.show(None) is None
    assert ahead.show(after := picture(1, 4)) is after


def test_a_late_picture_is_shown_when_it_comes() -> None:
    ahead = opened()
    ahead.send([change("fire", prompt="fire")])
    ahead.send([due("fire")])
    ahead.send([])
    assert ahead.show(None) is None
    assert ahead.show(late := picture(1)) is late


def test_two_changes_on_their_way_are_each_shown_on_their_own_beat() -> None:
    ahead = opened()
    fire, ice = change("fire", prompt="fire"), change("ice", prompt="ice", seed=3)
    ahead.send([fire])
    ahead.show(with_fire := picture(1, 1))
    assert ahead.send([fire, ice]) == {"/sd/prompt": "ice", "/sd/seed": 3}
    assert ahead.show(with_ice := picture(2, 2)) is None
    ahead.send([due("fire"), ice])
    assert ahead.show(None) is with_fire
    ahead.send([ice])
    assert ahead.show(newer := picture(2, 3)) is None
    ahead.send([due("ice")])
    assert ahead.show(None) is newer is not with_ice


def test_a_change_that_is_taken_back_is_never_seen() -> None:
    ahead = opened()
    fire, ice = change("fire", prompt="fire"), change("ice", prompt="ice")
    ahead.send([fire])
    assert ahead.show(picture(1, 1)) is None
    assert ahead.send([]) == {}, "its address is no longer among the values: the set one is sent"
    assert ahead.show(None) is None and ahead.show(picture(1, 2)) is None
    assert ahead.send([ice]) == {"/sd/prompt": "ice"}
    assert ahead.show(painted_back := picture(2, 3)) is painted_back
    assert ahead.show(with_ice := picture(3, 4)) is None
    ahead.send([due("ice")])
    assert ahead.show(None) is with_ice


def test_pictures_of_another_size_are_dropped_while_they_wait() -> None:
    ahead = opened()
    ahead.send([change("fire", prompt="fire")])
    ahead.show(picture(1))
    ahead.send([due("fire")])
    assert ahead.show(None, valid_from=2) is None


def test_two_changes_that_are_taken_back_at_once_are_never_seen() -> None:
    ahead = opened()
    fire, seed = change("fire", prompt="fire"), change("seed", seed=3)
    ahead.send([fire])
    ahead.send([fire, seed])
    ahead.send([])
    assert ahead.show(picture(1, 1)) is None and ahead.show(picture(2, 2)) is None
    assert ahead.show(without := picture(3, 3)) is without
