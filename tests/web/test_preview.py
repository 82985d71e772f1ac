import numpy as np

from engine.web import PreviewTap

PICTURE = np.zeros((4, 4, 4), np.uint8)


def shown(tap, times):
    """Which of the frames at `times` are offered, with an encoder that is done at once."""
    offered = []
    for index, now_s in enumerate(times):
        if tap.wants_frame(now_s):
            tap.offer(PICTURE)
            assert tap.read_offered() is PICTURE
            tap.finish_offered()
            offered.append(index)
    return offered


def test_no_picture_is_wanted_while_nobody_watches():
    tap = PreviewTap()
    assert shown(tap, [index / 30 for index in range(30)]) == []
    tap.add_watcher()
    assert shown(tap, [2.0]) == [0]
    tap.remove_watcher()
    assert shown(tap, [3.0]) == []


def test_every_second_picture_of_sixty_is_wanted():
    tap = PreviewTap()
    tap.add_watcher()
    assert shown(tap, [10 + index / 60 for index in range(60)]) == list(range(0, 60, 2))


def test_every_picture_of_a_jittering_thirty_is_wanted():
    tap = PreviewTap()
    tap.add_watcher()
    jitter_s = np.random.default_rng(1).uniform(-0.004, 0.004, 300)
    assert shown(tap, 5 + np.arange(300) / 30 + jitter_s) == list(range(300))


def test_after_a_pause_there_is_no_burst():
    tap = PreviewTap()
    tap.add_watcher()
    assert shown(tap, [1.0]) == [0]
    assert shown(tap, [100 + index / 240 for index in range(24)]) == [0, 6, 14, 22]


def test_nothing_is_wanted_while_the_encoder_is_busy_and_offering_never_waits():
    tap = PreviewTap()
    tap.add_watcher()
    assert tap.wants_frame(1.0)
    tap.offer(PICTURE)
    assert not any(tap.wants_frame(1.0 + index) for index in range(1, 10))
    assert tap.read_offered() is PICTURE
    assert not tap.wants_frame(20.0)  # it is being encoded
    tap.finish_offered()
    assert tap.wants_frame(30.0)
