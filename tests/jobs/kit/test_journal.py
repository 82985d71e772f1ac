"""The journal of a job: complete entries are read after a kill, and invalid ones are ignored."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import SinkError
from engine.jobs.kit.job_folder import FORMAT, NAME, JobFolder

FINGERPRINT = {"--steps": 5}
HEAD = f'{{"format": {FORMAT}, "fingerprint": {{"--steps": 5}}}}\n'


@pytest.fixture
def work(tmp_path: Path) -> Iterator[JobFolder]:
    work = JobFolder(tmp_path / "out.mp4", FINGERPRINT)
    yield work
    work.leave()


def test_entries_come_back_in_order_and_with_the_fingerprint(work: JobFolder) -> None:
    work.begin()
    for entry in ({"a": 1}, {"b": [2.5, None]}):
        work.append(entry)
    work.close()
    again = JobFolder(work.output, {"--steps": 6})
    assert (again.stored_fingerprint, list(again.entries())) == (FINGERPRINT, [{"a": 1}, {"b": [2.5, None]}])
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
    ["", "{", HEAD[:20], "[]\n", '{"format": 0, "fingerprint": {}}\n', "[" * 100_000, f'{{"format": {FORMAT}}}\n'],
)
def test_a_journal_that_cannot_be_read_has_no_fingerprint(content: str, work: JobFolder) -> None:
    (work.path / NAME).write_text(content, encoding="utf-8")
    assert work.stored_fingerprint is None


@pytest.mark.only_on("linux", "darwin", reason="Windows removes no folder of which a file is open")
def test_a_journal_that_cannot_be_written_names_the_output_in_one_line(work: JobFolder) -> None:
    work.begin()
    work.close()  # nothing to resume: its folder goes
    with pytest.raises(SinkError, match=r"out\.mp4: cannot be written \(No such file or directory\)$"):
        work.append({})
