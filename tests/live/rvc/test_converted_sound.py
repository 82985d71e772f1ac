"""The output of a sound child by sample number, across its processes, over real rings."""

from collections.abc import Iterator

import numpy as np
import pytest

from engine.ipc import AudioRing, AudioRingWriter
from engine.live.rvc.converted_sound import ConvertedSound

RATE_HZ = 1000
FADE = 10  # samples


class Processes:
    """Rings of successive processes, listed like a supervisor does."""

    def __init__(self) -> None:
        self.outputs: dict[str, str] = {}
        self.rings: list[AudioRingWriter] = []

    def begin(self, first: int, frames: int, value: float) -> AudioRingWriter:
        """Let another process take over, which has written these samples."""
        ring = AudioRing.create("converted", channels=2, rate_hz=RATE_HZ, seconds=0.5)
        self.rings.append(ring)
        go_on(ring, first, frames, value)
        self.outputs = {"converted": ring.segment}
        return ring


def go_on(ring: AudioRingWriter, first: int, frames: int, value: float) -> None:
    ring.skip_to(first)
    ring.write(np.tile(np.array([value, 1.0], np.float32), (frames, 1)))


@pytest.fixture
def processes() -> Iterator[Processes]:
    processes = Processes()
    yield processes
    for ring in processes.rings:
        ring.close()


@pytest.fixture
def converted(processes: Processes) -> Iterator[ConvertedSound]:
    converted = ConvertedSound(processes, "converted")
    yield converted
    converted.close()


def test_missing_samples_are_silent_and_not_present(
    processes: Processes, converted: ConvertedSound
) -> None:
    for part in converted.read(0, 50):
        assert part.dtype == np.float32 and part.shape == (50,) and not part.any()
    go_on(processes.begin(100, 50, 0.5), 170, 30, 0.25)
    sound, presence = converted.read(90, 130)
    expected = np.zeros(130)
    expected[10:60], expected[80:110] = 0.5, 0.25
    assert np.array_equal(sound, expected.astype(np.float32))
    assert np.array_equal(presence, (expected > 0).astype(np.float32))


def test_a_missing_sample_may_arrive_later_and_overwritten_ones_are_missing(
    processes: Processes, converted: ConvertedSound
) -> None:
    ring = processes.begin(0, 20, 1.0)
    assert converted.read(10, 20)[1].sum() == 10
    go_on(ring, 20, 1180, 1.0)
    assert converted.read(650, 100)[1].sum() == 50, "the oldest of what it holds is sample 700"
    assert converted.read(750, 20)[1].sum() == 20


def test_a_takeover_between_processes_loses_no_sample(
    processes: Processes, converted: ConvertedSound
) -> None:
    processes.begin(0, 100, 1.0)
    converted.read(0, 10)
    processes.begin(60, 100, -1.0)
    parts = [converted.read(first, 10) for first in range(10, 160, 10)]
    sound, presence = (np.concatenate(each) for each in zip(*parts, strict=True))
    assert presence.all()
    assert (sound[:50] == 1.0).all() and (sound[60:] == -1.0).all()
    assert np.allclose(np.diff(sound[49:61])[:FADE], -2.0 / FADE, atol=1e-6), "crossfaded evenly"


def test_the_old_process_is_heard_to_its_end_if_the_next_begins_later(
    processes: Processes, converted: ConvertedSound
) -> None:
    processes.begin(0, 40, 1.0)
    converted.read(0, 10)
    processes.begin(70, 50, -1.0)
    sound, presence = converted.read(10, 100)
    assert (sound[:30] == 1.0).all() and (sound[60:] == -1.0).all(), (
        "at once: there is nothing to fade from"
    )
    assert np.array_equal(presence, np.repeat([1.0, 0.0, 1.0], [30, 30, 40]).astype(np.float32))


def test_checking_for_a_late_sample_does_not_move_a_takeover(
    processes: Processes, converted: ConvertedSound
) -> None:
    processes.begin(0, 100, 1.0)
    converted.read(20, 10)
    assert (
        converted.has(15)
        and converted.has(99)
        and not converted.has(100)
        and not converted.has(5000)
    )
    newest = processes.begin(20, 0, -1.0)
    converted.read(30, 10)
    go_on(newest, 20, 100, -1.0)
    assert converted.has(25)
    sound, _ = converted.read(40, 20)
    assert np.allclose(
        sound[: FADE + 1], 1.0 - 2.0 * np.minimum(np.arange(1, FADE + 2) / FADE, 1.0)
    ), "faded in here"


def test_the_end_is_that_of_the_newest_process_and_all_can_be_read_after_they_have_ended(
    processes: Processes, converted: ConvertedSound
) -> None:
    assert converted.end == 0
    ring = processes.begin(100, 50, 0.5)
    converted.read(100, 10)
    assert converted.end == 150
    go_on(ring, 150, 20, 0.5)
    assert converted.end == 170
    processes.begin(150, 50, 0.25)
    converted.read(110, 10)
    assert converted.end == 200
    processes.outputs = {}
    for each in processes.rings:
        each.close()
    assert converted.read(130, 100)[1].sum() == 70
