"""Live pictures for a slow job, as Motion JPEG through a socket: always the newest; dropped ones
are counted."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.sources.live_pictures import MAX_AWAY_S, LivePictures
from engine.sources.pictures import InputPicture
from engine.system.clock import SteppedClock
from tests.sources.conftest import PipedCamera

# The parser emits a picture when the next one starts, so two are sent on opening.
Open = Callable[..., LivePictures]


@pytest.fixture
def open_live(device: PipedCamera, clock: SteppedClock) -> Iterator[Open]:
    opened = []

    def open_it(**options: Any) -> LivePictures:
        opened.append(LivePictures("piped", device.open, clock=clock, **options))
        return opened[-1]

    yield open_it
    device.close()
    for live in opened:
        live.close()


def level_of(picture: InputPicture) -> int:
    return int(picture.pixels.mean() + 0.5)


def test_pictures_are_timed_by_their_arrival(
    open_live: Open, device: PipedCamera, clock: SteppedClock
) -> None:
    live = open_live()
    assert (live.kind, live.expected, live.video_format.has_tracks) == ("live", None, False)
    assert live.first.pixels.shape == (32, 48, 3)
    clock.advance(60)
    read = live.read(1, None)
    times = []
    for level, wait_s in [(10, 0), (20, 0.25), (30, 0.5), (40, 0)]:
        clock.advance(wait_s)
        device.send(level)
        picture = next(read)
        times.append((level_of(picture), float(picture.start_s), float(picture.end_s)))
    assert times == [
        (1, 0, float(1 / live.video_format.rate)),
        (10, 0.25, 0.5),
        (20, 0.75, 1.25),
        (30, 0.751, 0.752),
    ]


@pytest.mark.parametrize(("every", "dropped", "passed_over"), [(1, 40, 0), (3, 12, 28)])
def test_a_slow_job_gets_the_newest_picture_and_dropped_ones_are_counted(
    every: int, dropped: int, passed_over: int, open_live: Open, device: PipedCamera, wait_for: Any
) -> None:
    live = open_live()
    read = live.read(every, None)
    device.send(100)
    assert level_of(next(read)) == 1
    for level in range(101, 141):
        device.send(level)
    device.unplug()
    wait_for(
        lambda: all(thread.name != live.label for thread in threading.enumerate()),
        "the end of the stream",
    )
    (last,) = read
    counts = live.counts
    assert level_of(last) == {1: 140, 3: 138}[every]
    assert last.number == {1: 41, 3: 39}[every]
    assert (counts.decoded, counts.dropped, counts.passed_over) == (42, dropped, passed_over)
    assert counts.decoded == counts.dropped + counts.passed_over + 2
    assert counts.notes == ["camera piped: ended; the run stops here"]


def test_closing_ends_a_job_that_waits_for_a_picture(
    open_live: Open, device: PipedCamera, wait_for: Any
) -> None:
    live = open_live()
    read: list[InputPicture] = []
    job = threading.Thread(target=lambda: read.extend(live.read(1, None)))
    job.start()
    device.send(10)
    wait_for(lambda: read or live.counts.decoded, "the first picture")
    closing = threading.Thread(target=live.close)  # waits for the silent device
    closing.start()
    job.join(timeout=5)
    assert not job.is_alive()
    device.close()
    closing.join()
    assert len(read) == live.counts.decoded == 1
    assert live.counts.notes == []


def test_a_reconnected_camera_continues_in_time_and_the_gap_is_noted(
    open_live: Open, device: PipedCamera, clock: SteppedClock
) -> None:
    live = open_live(comes_back=True)
    read = live.read(1, None)
    device.send(10)
    next(read)
    clock.advance(MAX_AWAY_S / 2)
    device.close()
    before, back = next(read), next(read)
    assert (level_of(before), before.start_s) == (10, MAX_AWAY_S / 2)
    assert (level_of(back), back.number) == (1, 2)
    assert live.counts.notes == [
        "camera piped: disconnected; reconnected 0.0 s after its last picture"
    ]


def test_a_camera_that_stays_disconnected_ends_the_job_and_its_pictures_are_kept(
    open_live: Open, device: PipedCamera, clock: SteppedClock
) -> None:
    live = open_live(comes_back=True)
    read = live.read(1, None)
    device.send(10)
    next(read)
    device.unplug()
    last = next(read)
    clock.advance(MAX_AWAY_S + 0.1)
    assert (level_of(last), list(read)) == (10, [])
    (note,) = live.counts.notes
    assert note.startswith("camera piped: ") and note.endswith("; the run stops here")
    assert live.counts.decoded == 2
