"""An interrupted run is resumed, with the same output as an uninterrupted one."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from engine.errors import SinkError
from engine.jobs.convert.file_work import FileWork, read_state
from engine.jobs.convert.report import ConvertReport
from engine.jobs.convert.sounds import open_sound
from engine.jobs.convert.tasks import Task
from engine.jobs.kit import job_folder
from engine.models.rvc import VoiceSettings
from engine.system.work_folder import WorkFolder
from tests.jobs.convert.voices import spoken, write_sound
from tests.jobs.folders import names

Convert = Callable[..., ConvertReport]
LONG_S = 2.8


def stopped_after(batches: int) -> dict[str, Any]:
    """Options of a run that is stopped after `count` batches."""
    stop, reports = threading.Event(), []

    def on_progress(progress: Any) -> None:
        reports.append(progress)
        if len(reports) == batches:
            stop.set()

    return {"on_progress": on_progress, "stop": stop}


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    return [
        write_sound(tmp_path / "a.wav", spoken(0.3)),
        write_sound(tmp_path / "b.wav", spoken(LONG_S)),
        write_sound(tmp_path / "c.wav", spoken(0.4)),
    ]


def test_a_stopped_run_is_resumed_with_the_same_sound(
    convert: Convert, sources: list[Path], tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    convert(*sources, whole)
    report = convert(*sources, out, **stopped_after(3))
    assert [file.state for file in report.files] == ["converted", "interrupted", "not begun"]
    assert report.is_interrupted and not report.is_complete
    assert names(out) == [".b.wav.partial", "a.wav"]
    written = (out / "a.wav").stat().st_mtime_ns
    progress: list[Any] = []
    report = convert(*sources, out, resume=True, on_progress=progress.append)
    assert [file.state for file in report.files] == ["kept", "converted", "converted"]
    assert (out / "a.wav").stat().st_mtime_ns == written
    assert report.sound_s < LONG_S - 0.5, "it started again"
    assert progress[-1].done == pytest.approx(LONG_S + 0.4, abs=0.1)
    assert names(out) == ["a.wav", "b.wav", "c.wav"]
    for name in names(out):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_damage_of_the_right_size_is_found_named_and_made_again(
    convert: Convert, sources: list[Path], tmp_path: Path
) -> None:
    convert(sources[1], tmp_path / "whole.wav")
    convert(sources[1], tmp_path / "out.wav", **stopped_after(2))
    work = tmp_path / ".out.wav.partial"
    for name in ("heard.f32", "converted.f32"):  # as a power cut leaves them
        size = (work / name).stat().st_size
        with (work / name).open("r+b") as file:
            file.truncate(size // 3)
            file.truncate(size)
    report = convert(sources[1], tmp_path / "out.wav", resume=True)
    assert report.is_complete
    assert (tmp_path / "out.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()
    notes = report.files[0].notes
    assert f"{work / 'heard.f32'}: was damaged; the source was read again" in notes
    assert any("is damaged; it is converted again" in note for note in notes)


@pytest.mark.parametrize("change", ["settings", "source", "no --resume"])
def test_a_changed_option_restarts_a_file_with_a_note(
    convert: Convert, sources: list[Path], change: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.wav"
    assert convert(sources[1], out, **stopped_after(2)).files[0].state == "interrupted"
    options: dict[str, Any] = {"resume": True}
    if change == "settings":
        options["settings"] = VoiceSettings(pitch=7)
    elif change == "source":
        write_sound(sources[1], spoken(LONG_S - 0.1, hz=150))
    else:
        options = {}
    report = convert(sources[1], out, **options)
    assert report.is_complete and report.sound_s == pytest.approx(report.files[0].seconds, abs=0.1)
    assert names(tmp_path) == ["a.wav", "b.wav", "c.wav", "out.wav"]


def test_a_conversion_that_could_not_be_written_is_not_lost(
    convert: Convert, sources: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.wav"
    report = convert(
        sources[1], out, on_progress=lambda progress: out.write_bytes(b"somebody else's")
    )
    assert report.files[0].state == "failed"
    assert (
        report.files[0].reason
        == f"{out}: was created meanwhile by another program; it was not replaced"
    )
    assert report.files[0].notes == ("the converted part is kept; --resume continues from there",)
    assert out.read_bytes() == b"somebody else's"
    out.unlink()
    report = convert(sources[1], out, resume=True)
    assert report.is_complete and report.sound_s == 0.0
    assert np.abs(soundfile.read(out)[0]).max() > 0.1


def test_a_journal_write_error_affects_only_its_file(
    convert: Convert, sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Windows takes a folder for a file that is in use
    monkeypatch.setattr(job_folder, "MAX_JOB_WAIT_S", 0.1)
    out = tmp_path / "out"

    def hinder(progress: Any) -> None:
        if (out / ".b.wav.partial" / "journal.jsonl").is_file():
            (out / ".b.wav.partial" / "journal.jsonl").unlink()
            (out / ".b.wav.partial" / "journal.jsonl").mkdir()

    report = convert(*sources, out, on_progress=hinder)
    assert [file.state for file in report.files] == ["converted", "failed", "converted"]
    assert "b.wav: cannot be written (" in report.files[1].reason


@pytest.mark.parametrize(
    "entry", [{"heard": {"source_samples": "many"}}, {"done": 5}, {"done": {"x": 1}}, {"heard": 3}]
)
def test_foreign_journal_entries_are_ignored(entry: dict[str, Any]) -> None:
    assert read_state([entry]) is None


@pytest.mark.parametrize("resume", [False, True])
def test_a_second_run_on_the_same_output_is_refused_and_changes_nothing(
    sources: list[Path], resume: bool, tmp_path: Path
) -> None:
    task, sound = Task(source=sources[0], output=tmp_path / "out.wav"), open_sound(sources[0])
    # the model is not used before something is read
    first = FileWork(task, sound, None, None, {}, resume=False)
    before = names(tmp_path / ".out.wav.partial")
    with pytest.raises(SinkError) as reports:
        FileWork(task, sound, None, None, {}, resume=resume)
    assert str(reports.value) == f"{tmp_path / 'out.wav'}: another run is at work on it"
    assert names(tmp_path / ".out.wav.partial") == before
    first.close()
    FileWork(task, sound, None, None, {}, resume=resume).discard()
    assert ".out.wav.partial" not in names(tmp_path)


@pytest.mark.parametrize("end", ["made", "given up"])
def test_a_file_given_up_by_another_run_is_taken_over(
    convert: Convert, sources: list[Path], end: str, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    other = WorkFolder(tmp_path / "out" / "b.wav")
    reports: list[tuple[str, str]] = []

    def let_go_at_the_end(report: Any) -> None:
        reports.append((Path(report.output).name, report.state))
        if reports[-1] == ("c.wav", "converted"):
            if end == "made":
                (tmp_path / "out" / "b.wav").write_bytes(b"the other's")
            other.remove()

    report = convert(*sources, tmp_path / "out", on_file=let_go_at_the_end)
    state = "kept" if end == "made" else "converted"
    assert sorted(reports) == [
        ("a.wav", "converted"),
        ("b.wav", state),
        ("b.wav", "waiting"),
        ("c.wav", "converted"),
    ]
    assert reports[-1] == ("b.wav", state)
    assert report.is_complete and [file.state for file in report.files] == [
        "converted",
        state,
        "converted",
    ]
    assert names(tmp_path / "out") == ["a.wav", "b.wav", "c.wav"]
    assert ((tmp_path / "out" / "b.wav").read_bytes() == b"the other's") == (end == "made")


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_output_written_meanwhile_by_another_run_is_not_replaced(
    convert: Convert, sources: list[Path], overwrite: bool, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    if overwrite:
        (tmp_path / "out" / "c.wav").write_bytes(b"of long ago")
    output = tmp_path / "out" / "c.wav"
    other = WorkFolder(output)

    def make_it(report: Any) -> None:
        if Path(report.output).name == "a.wav":
            output.write_bytes(b"of now")
            other.remove()

    report = convert(*sources, tmp_path / "out", on_file=make_it, overwrite=overwrite)
    assert [file.state for file in report.files] == [
        "converted",
        "converted",
        "kept",
    ] and report.is_complete
    assert report.files[2].notes == ("another program wrote it meanwhile; left unchanged",)
    assert output.read_bytes() == b"of now"


@pytest.mark.only_on("linux", "darwin", reason="Windows removes no folder in which a file is open")
def test_a_lock_in_a_removed_folder_is_released(tmp_path: Path) -> None:
    first = WorkFolder(tmp_path / "out.wav")
    late = first._open()  # by a second run, which is about to lock it
    first.remove()
    assert names(tmp_path) == []
    third = WorkFolder(tmp_path / "out.wav")
    first._lock = late
    assert not first._acquire_lock(), "it would be at work in the third one's folder"
    first.close()
    third.remove()
    assert names(tmp_path) == []


def test_a_source_that_changes_while_it_is_read_affects_only_its_file(
    convert: Convert, sources: list[Path], tmp_path: Path
) -> None:
    stop = threading.Event()

    def change() -> bool:
        """Looked at by the reading thread, for each second that it has read."""
        os.utime(sources[0], ns=(0, sources[0].stat().st_mtime_ns + 1_000_000_000))
        return False

    stop.is_set = change  # type: ignore[method-assign]
    report = convert(sources[0], sources[2], tmp_path / "out", stop=stop)
    assert [file.state for file in report.files] == ["failed", "converted"]


def test_a_stop_ends_the_wait_for_another_run(
    convert: Convert, sources: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    other, stop = WorkFolder(tmp_path / "out" / "b.wav"), threading.Event()
    report = convert(
        sources[1],
        sources[0],
        tmp_path / "out",
        stop=stop,
        on_file=lambda report: report.state == "converted" and stop.set(),
    )
    other.remove()
    assert [file.state for file in report.files] == ["not begun", "converted"]
    assert report.is_interrupted and names(tmp_path / "out") == ["a.wav"]


def test_an_irreplaceable_output_affects_only_its_file(
    convert: Convert, sources: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def hinder(progress: Any) -> None:
        (out / "a.wav").mkdir(parents=True, exist_ok=True)

    report = convert(*sources, out, overwrite=True, on_progress=hinder, batch_size=4)
    assert [file.state for file in report.files] == ["failed", "converted", "converted"]
    assert report.files[0].reason.startswith(f"{out / 'a.wav'}: cannot be replaced (")
