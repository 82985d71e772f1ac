"""The journal of a job: complete entries are read after a kill, and invalid ones are ignored."""

from pathlib import Path

import pytest

from engine.errors import SinkError
from engine.jobs.kit.job_folder import FORMAT, NAME, Journal

HEAD = f'{{"format": {FORMAT}, "fingerprint": {{"--steps": 5}}}}\n'


def test_entries_come_back_in_order_and_with_the_fingerprint(tmp_path: Path) -> None:
    journal = Journal(tmp_path, tmp_path / "out")
    journal.begin({"--steps": 5}, [{"a": 1}])
    journal.add({"b": [2.5, None]})
    again = Journal(tmp_path, tmp_path / "out")
    assert (again.fingerprint, list(again.entries())) == ({"--steps": 5}, [{"a": 1}, {"b": [2.5, None]}])


@pytest.mark.parametrize("torn", ['{"b": 2', '{"b": 2}', "\x00\x00", "[1]\n", "["])
def test_a_truncated_last_line_is_ignored_and_removed_on_resume(torn: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(HEAD + '{"a": 1}\n' + torn, encoding="utf-8")
    journal = Journal(tmp_path, tmp_path / "out")
    assert list(journal.entries()) == [{"a": 1}]
    journal.begin({"--steps": 5}, journal.entries())
    journal.add({"c": 3})
    assert list(journal.entries()) == [{"a": 1}, {"c": 3}]


@pytest.mark.parametrize(
    "content",
    ["", "{", HEAD[:20], "[]\n", '{"format": 0, "fingerprint": {}}\n', "[" * 100_000, f'{{"format": {FORMAT}}}\n'],
)
def test_a_journal_that_cannot_be_read_has_no_fingerprint(content: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(content, encoding="utf-8")
    assert Journal(tmp_path, tmp_path / "out").fingerprint is None


def test_a_journal_that_cannot_be_written_names_the_output_in_one_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "gone", tmp_path / "out.mp4")
    with pytest.raises(SinkError, match=r"out\.mp4: cannot be written \(No such file or directory\)$"):
        journal.begin({})
