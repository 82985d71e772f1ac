"""The journal of a job: complete entries are read after a kill, and invalid ones are ignored."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.errors import SinkError
from engine.jobs.convert.file_work import SHAPES as convert_shapes
from engine.jobs.kit.job_folder import FORMAT, NAME, JobFolder
from engine.jobs.segment.finished import SHAPES as segment_shapes
from engine.jobs.video.writing.frame_folder import FRAMES
from engine.jobs.video.writing.segmented_video import SEGMENTS

FINGERPRINT = {"--steps": 5}
SHAPES = ({"a": int}, {"b": list[float | None]}, {"c": int})
HEAD = f'{{"format": {FORMAT}, "fingerprint": {{"--steps": 5}}}}\n'


@pytest.fixture
def work(tmp_path: Path) -> Iterator[JobFolder]:
    work = JobFolder(tmp_path / "out.mp4", FINGERPRINT, shapes=SHAPES)
    yield work
    work.leave()


def test_entries_come_back_in_order_and_with_the_fingerprint(work: JobFolder) -> None:
    work.begin()
    for entry in ({"a": 1}, {"b": [2.5, None]}):
        work.append(entry)
    work.close()
    again = JobFolder(work.output, {"--steps": 6}, shapes=SHAPES)
    assert (again.stored_fingerprint, list(again.entries())) == (
        FINGERPRINT,
        [{"a": 1}, {"b": [2.5, None]}],
    )
    again.leave()


@pytest.mark.parametrize("torn", ['{"b": 2', '{"b": 2}', "\x00\x00", "[1]\n", "["])
def test_a_truncated_last_line_is_ignored_and_removed_on_resume(torn: str, work: JobFolder) -> None:
    (work.path / NAME).write_text(HEAD + '{"a": 1}\n' + torn, encoding="utf-8")
    assert list(work.entries()) == [{"a": 1}]
    work.resume(work.entries())
    work.append({"c": 3})
    assert list(work.entries()) == [{"a": 1}, {"c": 3}]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        HEAD[:20],
        "[]\n",
        '{"format": 0, "fingerprint": {}}\n',
        "[" * 100_000,
        f'{{"format": {FORMAT}}}\n',
    ],
)
def test_a_journal_that_cannot_be_read_has_no_fingerprint(content: str, work: JobFolder) -> None:
    (work.path / NAME).write_text(content, encoding="utf-8")
    assert work.stored_fingerprint is None


@pytest.mark.only_on("linux", "darwin", reason="Windows removes no folder of which a file is open")
def test_a_journal_that_cannot_be_written_names_the_output_in_one_line(work: JobFolder) -> None:
    work.begin()
    work.close()  # nothing to resume: its folder goes
    with pytest.raises(
        SinkError, match=r"out\.mp4: cannot be written \(No such file or directory\)$"
    ):
        work.append({})


OTHER_ENTRIES: dict[str, list[dict[str, Any]]] = {
    "video": [
        {"segment": ["segment_000000.mp4"]},
        {"segment": {"name": 3}},
        {"published": "yesterday"},
        {},
    ],
    "frames": [
        {"frames": ["frame_000001.png"]},
        {"frames": {"frame_000001.png": None}},
        {"frames": 3},
    ],
    "segment": [
        {"pictures": [0]},
        {"pictures": [0], "masks": [-5, 1, 2], "not_finite": 0, "found": []},
        {"pictures": [0], "masks": [0, 1, 2], "not_finite": 0, "found": [{"objects": []}]},
        {"tracker": ["../../out.pt", 1, 2]},
        {"published": [1, 2]},
    ],
    "convert": [{"heard": [1]}, {"done": {"0": "x"}}, {"done": 3}, {"published": "yesterday"}],
}


@pytest.mark.parametrize("job", OTHER_ENTRIES)
def test_an_entry_of_another_shape_ends_a_journal_in_one_line(
    job: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shapes = {
        "video": SEGMENTS,
        "frames": (FRAMES,),
        "segment": segment_shapes,
        "convert": convert_shapes,
    }[job]
    with closing(JobFolder(tmp_path / "out.mp4", FINGERPRINT, shapes=shapes)) as work:
        for other in OTHER_ENTRIES[job]:
            caplog.clear()
            work._is_logged = False
            good = (
                {"frames": {"a.png": "00"}} if job == "frames" else {"published": {"out": [1, 2]}}
            )
            good = {"published": [1, 2]} if job in ("video", "convert") else good
            lines = "".join(json.dumps(each) + "\n" for each in (good, other, good))
            (work.path / NAME).write_text(HEAD + lines, encoding="utf-8")
            assert list(work.entries()) == [good] and list(work.entries()) == [good], other
            (line,) = caplog.messages
            assert line.endswith(
                "journal.jsonl: line 3 is no entry of this job; the work from there on is done "
                "again"
            )
