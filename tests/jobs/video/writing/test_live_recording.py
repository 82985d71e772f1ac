"""A live recording cannot be repeated: its closed segments are never lost, however the run ends."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ModelError, MultiverseError, SinkError, UsageError
from engine.jobs.video.backend import PaintedBatch, VideoBatch
from engine.jobs.video.run import OpenedJob, run_job
from engine.jobs.video.writing.outputs import VideoOutput, open_output
from engine.models.sd.painting import GOOD
from tests.jobs.folders import names
from tests.jobs.segment.disc_movie import pictures_of
from tests.jobs.video.cluster_toys import Toy
from tests.jobs.video.writing.written import Live, job_of, packets_of, write
from tests.support.full_disk import no_file_over

Clip = Callable[..., Path]
SEGMENT, SIZE = 6, (96, 64)


@pytest.fixture
def source(clip: Clip) -> Path:
    noise = np.random.default_rng(0)
    return clip(
        pictures=[noise.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(20)], sound=None
    )


def recorded(source: Path, out: Path, count: int) -> VideoOutput:
    """A live run, interrupted after a number of pictures."""
    pictures = Live(source)
    output = open_output(job_of(source, out), pictures, SIZE)
    for picture in islice(pictures.read(1, None), count):
        output.add(picture, np.ascontiguousarray(255 - picture.pixels))
    return output


class FailingBackend(Toy):
    """Paints some batches, and then the model fails."""

    def __init__(self, whole: int) -> None:
        super().__init__()
        self._whole = whole

    def paint(self, batches: Iterator[VideoBatch]) -> Iterator[PaintedBatch]:
        for batch in islice(batches, self._whole):
            yield PaintedBatch(
                batch=batch, pixels=255 - batch.pixels, outcomes=np.full(len(batch.pixels), GOOD)
            )
        raise ModelError("the model has failed")


def test_a_failed_live_run_publishes_its_finished_pictures_with_a_note(
    source: Path, tmp_path: Path
) -> None:
    out, pictures = tmp_path / "out.mp4", Live(source)
    job = job_of(source, out)
    opened = OpenedJob(pictures=pictures, size=SIZE, output=open_output(job, pictures, SIZE))
    with pytest.raises(ModelError) as caught:
        run_job(job, opened, FailingBackend(9))
    count = len(pictures_of(out))
    assert count >= SEGMENT and count % SEGMENT == 0
    assert str(caught.value) == "the model has failed"
    assert caught.value.__notes__ == [
        f"{out}: contains the {count} pictures finished before the error"
    ]
    assert names(tmp_path) == ["in.mp4", "out.mp4"]


def test_a_live_run_without_a_closed_segment_leaves_nothing(source: Path, tmp_path: Path) -> None:
    output = recorded(source, tmp_path / "out.mp4", SEGMENT - 1)
    output.abandon()
    assert output.notes == [] and names(tmp_path) == ["in.mp4"]


@pytest.mark.only_on("linux", "darwin", reason="needs a limit on the size of files")
@pytest.mark.parametrize("end", ["finish", "abandon"])
def test_a_recording_that_cannot_be_joined_is_kept_in_segments_and_named(
    source: Path, tmp_path: Path, end: str
) -> None:
    out, folder = tmp_path / "out.mp4", tmp_path / ".out.mp4.partial"
    output = recorded(source, out, 3 * SEGMENT)
    biggest = max(file.stat().st_size for file in folder.iterdir())
    lines = []
    with no_file_over(2 * biggest):
        if end == "finish":
            with pytest.raises(SinkError) as caught:
                output.finish(is_whole=False)
            lines.append(str(caught.value))
        output.abandon()
    segments = [f"segment_{number:06d}.mp4" for number in range(3)]
    assert lines + output.notes == [
        f"{out}: cannot be written (File too large); the recording is kept as videos in {folder}"
    ]
    assert names(folder) == ["journal.jsonl", "lock", *segments], (
        "half a joined video takes no room"
    )
    assert [len(pictures_of(folder / name)) for name in segments] == [SEGMENT] * 3
    with pytest.raises(UsageError) as refused:  # by any other run of that name
        write(source, out)
    assert str(refused.value) == (
        f"{out}: videos of an earlier live recording are still in {folder}; move them elsewhere, "
        "--overwrite removes them"
    )
    assert names(folder) == ["journal.jsonl", "lock", *segments]
    write(source, out, overwrite=True)
    assert len(packets_of(out)) == 20 and names(tmp_path) == ["in.mp4", "out.mp4"]


def test_a_recording_whose_name_is_taken_meanwhile_stays_in_segments(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    output = recorded(source, out, SEGMENT + 1)
    out.write_text("somebody else's")
    with pytest.raises(MultiverseError) as caught:
        output.finish(is_whole=False)
    output.abandon()
    folder = tmp_path / ".out.mp4.partial"
    assert str(caught.value) == (
        f"{out}: was created meanwhile by another program, and was not replaced; the recording is "
        "kept as videos in "
        f"{folder}"
    )
    assert out.read_text() == "somebody else's" and "segment_000001.mp4" in names(folder)
