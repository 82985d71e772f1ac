"""The tap's policy, with times as arguments."""

import numpy as np

from engine.web.preview import EncoderThread, PreviewTap, StillCamera

PICTURE = np.zeros((4, 4, 4), np.uint8)


class Watcher:
    """Takes each picture at once, and records the frame number."""

    def __init__(self, tap, fps=30, takes=True):
        self.seen = []
        self.viewer = tap.watch(fps, 1280, self.seen.append)
        self.takes = takes


def show(tap, watchers, times):
    """Which of the frames at `times` are offered, with an encoder that takes no time."""
    offered = []
    for index, now_s in enumerate(times):
        if not tap.wants_frame(now_s):
            continue
        tap.offer(PICTURE)
        picture = tap.read_offered()
        assert picture.rgba is PICTURE  # a reference, not a copy
        for watcher in watchers:
            if watcher.viewer in picture.viewers:
                watcher.seen.append(index)
                watcher.viewer.is_ready = watcher.takes
        tap.finish_offered()
        offered.append(index)
    return offered


def frames(tap, times, fps=30):
    return show(tap, [Watcher(tap, fps)], times)


def test_every_picture_of_a_jittering_thirty_is_requested():
    jitter_s = np.random.default_rng(1).uniform(-0.004, 0.004, 300)
    assert frames(PreviewTap(), 5 + np.arange(300) / 30 + jitter_s) == list(range(300))
    assert frames(PreviewTap(), [10 + index / 60 for index in range(60)]) == list(
        range(0, 60, 2)
    ), "half of 60 fps"


def test_the_rate_never_exceeds_the_requested_one():
    for fps in (1, 7, 25, 30, 59, 60):
        for frame_rate_hz in (24, 50, 60, 144, 240):
            times = [3 + index / frame_rate_hz for index in range(10 * frame_rate_hz)]
            assert (
                min(fps, frame_rate_hz) * 9 <= len(frames(PreviewTap(), times, fps)) <= fps * 10 + 1
            )


def test_after_a_pause_there_is_no_burst():
    tap = PreviewTap()
    watchers = [Watcher(tap)]
    assert show(tap, watchers, [1.0]) == [0]
    assert show(tap, watchers, [100 + index / 240 for index in range(24)]) == [0, 6, 14, 22]


def test_each_viewer_gets_its_rate_and_equal_rates_share_every_picture():
    tap = PreviewTap()
    first = Watcher(tap, 20)
    show(tap, [first], [1.0])
    second, slow = Watcher(tap, 20), Watcher(tap, 5)
    offered = show(tap, [first, second, slow], [1.01 + index / 60 for index in range(600)])
    assert first.seen[-199:] == second.seen[-199:]
    assert len(second.seen) == 200 and len(slow.seen) == 50
    assert len(offered) <= 250


def test_nothing_is_requested_while_the_encoder_is_busy_and_offering_never_blocks():
    tap = PreviewTap()
    watcher = Watcher(tap)
    assert tap.wants_frame(1.0)
    tap.offer(PICTURE)
    watcher.viewer.is_ready = True
    assert not any(tap.wants_frame(1.0 + index) for index in range(1, 10))
    assert tap.read_offered().rgba is PICTURE
    assert not tap.wants_frame(20.0)  # it is being encoded
    tap.finish_offered()
    assert tap.wants_frame(30.0)


def test_one_frame_serves_all_requests_for_a_still_and_a_dark_one_is_not_delivered(
    reports, wait_for
):
    tap = PreviewTap()
    camera, encoder, stills = StillCamera(tap), EncoderThread("main", tap, reports), []
    encoder.start()
    assert not tap.wants_frame(0.0)
    for grey, seen in ((0, 0), (9, 0), (200, 2)):
        for _ in range(2):
            camera.take(stills.append)
        assert tap.viewers == 1
        wait_for(lambda grey=grey: tap.wants_frame(float(grey)), "the encoder to be free again")
        tap.offer(np.full((36, 64, 4), grey, np.uint8))
        wait_for(lambda: tap.viewers == 0, "the picture to be taken")
        wait_for(lambda seen=seen: len(stills) == seen, "who gets it")
        assert not tap.wants_frame(grey + 0.5), "nothing is read back any more"
    encoder.close()
    assert stills[0].startswith(b"\xff\xd8") and stills[0] == stills[1]
