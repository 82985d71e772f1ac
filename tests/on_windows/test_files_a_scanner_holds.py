"""Nothing is lost while another program holds a file open, as virus scanners and OneDrive briefly
do."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from engine.errors import PresetError, SinkError
from engine.jobs.convert.formats import FORMS
from engine.jobs.convert.writing import open_writer
from engine.jobs.segment.coco import CocoFile
from engine.jobs.segment.pictures import PngFolder
from engine.params import Autosave, ParamStore, PresetFolder
from engine.sinks.record import RecordSink
from engine.sinks.sink import OutputFormat
from engine.sinks.snapshot import SnapshotSink
from engine.system import atomic_file
from engine.system.atomic_file import (
    FileInUseError,
    remove_file,
    remove_folder,
    retry_delays_s,
    when_free,
    write_atomic,
)
from engine.system.small_file import read_small
from engine.system.work_folder import WorkFolder
from engine.values import FrameId, PublishedFrame
from tests.jobs.folders import names
from tests.jobs.segment.disc_movie import disc_picture, pictures_of, write_movie
from tests.jobs.video.writing.written import write
from tests.support.scanner import Scanner

pytestmark = pytest.mark.only_on("win32", reason="other systems replace and delete open files")

BRIGHTNESS = "/multiverse/brightness"
LOCKED = "another program has had it open for"
TIMES = 3


@pytest.fixture
def scanner(monkeypatch: pytest.MonkeyPatch) -> Scanner:
    return Scanner.installed(monkeypatch)


def brightness_of(folder: PresetFolder, name: str) -> Any:
    return folder.load(name).by_address()[BRIGHTNESS]


def publish_to(sink: RecordSink | SnapshotSink, folder: Path, count: int = 3) -> None:
    """Start, use and close a sink, offline."""
    options: dict[str, Any] = {
        "width": 64,
        "height": 48,
        "fps": 30.0,
        "sample_rate_hz": 0,
        "audio_channels": 0,
    }
    sink.start(OutputFormat(**options, is_offline=True, record_folder=folder))
    pixels = np.full((48, 64, 4), 200, np.uint8)
    for index in range(count):
        frame = FrameId(index=index, time_s=index / 30)
        sink.publish(
            PublishedFrame(id=frame, width=64, height=48, texture=None, read_rgba=lambda: pixels)
        )
    sink.close()


# -- the atomic file ---------------------------------------------------------------------------


def test_a_briefly_locked_file_is_still_replaced(scanner: Scanner, tmp_path: Path) -> None:
    write_atomic(tmp_path / "file", "old")
    scanner.hold("file", TIMES)
    write_atomic(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new" and names(tmp_path) == ["file"]
    assert len(scanner.refused) == TIMES and scanner.waited_s == pytest.approx(0.01 + 0.02 + 0.04)


def test_a_permanently_locked_file_is_an_error_that_names_the_new_content(
    scanner: Scanner, tmp_path: Path
) -> None:
    write_atomic(tmp_path / "file", "old")
    scanner.hold("file")
    with pytest.raises(FileInUseError, match=LOCKED) as caught:
        write_atomic(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"
    assert scanner.waited_s == pytest.approx(2.0)
    backup = str(caught.value.strerror).rpartition("is kept in ")[2]
    assert (tmp_path / backup).read_text() == "new"
    scanner.hold("file", 0)
    write_atomic(tmp_path / "file", "newer")
    assert names(tmp_path) == ["file"], "the next successful write removes the kept file"


def test_what_another_process_has_open_is_replaced_when_it_closes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomic(tmp_path / "file", "old")
    program = (
        "import sys; file = open(sys.argv[1]); print(flush=True); input(); file.close(); "
        "print(flush=True); input()"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "file")]
    waits: list[float] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as player:
        assert player.stdin is not None and player.stdout is not None and player.stdout.readline()

        def close_it(seconds: float) -> None:
            waits.append(seconds)
            player.stdin.write(b"\n")
            player.stdin.flush()
            player.stdout.readline()

        with monkeypatch.context() as patched:
            patched.setattr(atomic_file, "time", SimpleNamespace(sleep=close_it))
            write_atomic(tmp_path / "file", "new")
        player.communicate(b"\n")
    assert (tmp_path / "file").read_text() == "new" and waits == [0.01]


def test_a_write_protected_file_is_an_error_at_once_and_new_content_is_kept(
    scanner: Scanner, tmp_path: Path
) -> None:
    """Windows reports the same error as for an open file: WinError 5, permanently."""
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o444)
    with pytest.raises(FileInUseError, match="write-protected"):
        remove_file(tmp_path / "file")
    scanner.hold("file")  # because Wine replaces what is only write-protected
    with pytest.raises(
        FileInUseError, match=r"write-protected: .*; the new content is kept in \.file-"
    ):
        write_atomic(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old" and scanner.waited_s == 0.0


def test_other_errors_do_not_wait(scanner: Scanner, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        when_free((tmp_path / "none").unlink, tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        read_small(tmp_path)
    assert scanner.waited_s == 0.0


def test_a_long_wait_is_logged_with_its_reason(scanner: Scanner, tmp_path: Path, caplog) -> None:
    scanner.hold("video.mp4", 20)
    (tmp_path / "new").write_bytes(b"video")
    (tmp_path / "video.mp4").touch()
    atomic_file.move_into_place(tmp_path / "new", tmp_path / "video.mp4", timeout_s=60.0)
    assert (tmp_path / "video.mp4").read_bytes() == b"video"
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'video.mp4'}: another program has it open; trying again for 60 s"
    ]


def test_reading_retries_while_a_file_is_being_replaced(scanner: Scanner, tmp_path: Path) -> None:
    """Go's own tools retry here too, for the same errors (ReadFile in cmd/internal/robustio,
    golang/go)."""
    (tmp_path / "file").write_bytes(b"whole")
    scanner.hold("file", TIMES, from_opening=True)
    assert read_small(tmp_path / "file") == b"whole"
    assert scanner.refused == ["open file"] * TIMES


def test_a_folder_with_files_still_being_deleted_is_removed(
    scanner: Scanner, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "part").touch()
    scanner.hold("part", 1)
    scanner.hold("work", 1)
    remove_folder(tmp_path / "work")
    assert names(tmp_path) == [] and scanner.refused == ["unlink part", "rmdir work"]


# -- saves ------------------------------------------------------------------------------------


def test_a_preset_is_saved_restored_and_deleted_while_its_picture_is_open(
    scanner: Scanner, tmp_path: Path
) -> None:
    """Otherwise it would be reported as failed, and the page would restore values that the file no
    longer has."""
    folder = PresetFolder(tmp_path)
    folder.save("Night", {BRIGHTNESS: 1.0})
    folder.save_picture("Night", b"jpeg")
    scanner.hold("Night.jpg")
    assert folder.replace("Night", {BRIGHTNESS: 2.0})
    assert brightness_of(folder, "Night") == 2.0
    assert folder.restore("Night").by_address()[BRIGHTNESS] == 1.0
    folder.delete("Night")
    assert not folder.has("Night")


def test_a_preset_is_saved_while_the_oldest_that_it_replaced_is_locked(
    scanner: Scanner, tmp_path: Path
) -> None:
    folder = PresetFolder(tmp_path)
    for brightness in range(13):
        if brightness == 2:
            scanner.hold("000001 Night.toml")
        folder.save("Night", {BRIGHTNESS: brightness / 10})
    assert brightness_of(folder, "Night") == 1.2
    backups = names(tmp_path / "replaced")
    assert len(backups) == 11 and backups[:2] == ["000001 Night.toml", "000003 Night.toml"]


def test_a_preset_that_cannot_be_saved_is_kept_beside_it_with_an_error(
    scanner: Scanner, tmp_path: Path
) -> None:
    folder = PresetFolder(tmp_path)
    folder.save("Night", {BRIGHTNESS: 1.0})
    scanner.hold("Night.toml")
    with pytest.raises(
        PresetError, match=f"Night.toml: cannot be written .{LOCKED} 2 s.* is kept in"
    ) as caught:
        folder.save("Night", {BRIGHTNESS: 2.0})
    assert "\n" not in str(caught.value)
    backup = str(caught.value).rpartition("is kept in ")[2].rstrip(")")
    assert (
        f"{BRIGHTNESS}" in (tmp_path / backup).read_text()
        and "2.0" in (tmp_path / backup).read_text()
    )
    assert brightness_of(folder, "Night") == 1.0 and "Night" in folder.list()
    folder.save_picture("Night", b"jpeg")  # a frame later, on the same thread
    assert f"{BRIGHTNESS}" in (tmp_path / backup).read_text()


def test_shutdown_waits_for_the_disk_less_than_its_limit(
    scanner: Scanner, tmp_path: Path, reports
) -> None:
    from engine.system import disk_store

    store = ParamStore()
    write_atomic(tmp_path / ".autosave.toml", "[values]\n")
    autosave = Autosave(tmp_path, store, report=reports)
    scanner.hold(".autosave*.toml", 1 + len(list(retry_delays_s(2.0))))
    store.set("/layer/1/angle", 30)
    autosave.save_if_changed()
    assert LOCKED in reports.lines[0][1]
    assert scanner.waited_s < disk_store.MAX_S
    autosave.save_if_changed()
    assert autosave.load().by_address()["/layer/1/angle"] == 30.0, "the next interval saves it"


# -- movies, pictures -------------------------------------------------------------------------


def test_a_recording_is_finished_while_its_file_is_locked(scanner: Scanner, tmp_path: Path) -> None:
    scanner.hold("video.mp4", TIMES, from_opening=True)  # the empty file that reserves its name
    publish_to(RecordSink(str(tmp_path / "video.mp4")), tmp_path)
    assert len(scanner.refused) == TIMES
    assert len(pictures_of(tmp_path / "video.mp4")) == 3


@pytest.mark.parametrize("is_locked_for_good", [False, True])
def test_a_recording_plays_whether_or_not_its_index_could_be_moved(
    scanner: Scanner, is_locked_for_good: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner.hold(".video.mp4.partial", float("inf") if is_locked_for_good else TIMES)
    sink = RecordSink(str(tmp_path / "video.mp4"))
    publish_to(sink, tmp_path)
    detail = sink.status().detail
    assert len(pictures_of(tmp_path / "video.mp4")) == 3
    data = (tmp_path / "video.mp4").read_bytes()
    assert (data.index(b"moov") > data.index(b"mdat")) == is_locked_for_good
    assert (f"its index was not moved to the front: {LOCKED} 2 s" in detail) == is_locked_for_good


def test_a_snapshot_that_cannot_be_renamed_is_kept_under_another_name(
    scanner: Scanner, tmp_path: Path
) -> None:
    scanner.hold("shot.png")
    with pytest.raises(SinkError, match=f"{LOCKED} 2 s.* the picture is kept in .shot.png.partial"):
        publish_to(SnapshotSink(str(tmp_path / "shot.png")), tmp_path)
    with Image.open(tmp_path / ".shot.png.partial") as picture:
        assert picture.size == (64, 48)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_movie(
        tmp_path / "in.mp4", [disc_picture(number, 96, 64, 12) for number in range(6)]
    )


def test_a_video_with_a_locked_target_resumes_from_its_pictures(
    scanner: Scanner, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.mp4").write_bytes(b"of before, and open in a player")
    scanner.hold("out.mp4")
    with pytest.raises(
        SinkError, match=f"{LOCKED} 60 s.*finished work is kept: continue with --resume"
    ):
        write(clip, tmp_path / "out.mp4", overwrite=True)
    assert (tmp_path / "out.mp4").read_bytes() == b"of before, and open in a player"
    scanner.hold("out.mp4", 0)
    assert write(clip, tmp_path / "out.mp4", overwrite=True, resume=True).resumable == 6
    assert len(pictures_of(tmp_path / "out.mp4")) == 6


def test_a_segmented_output_that_cannot_be_renamed_is_kept(
    scanner: Scanner, tmp_path: Path
) -> None:
    pictures = SimpleNamespace(kind="video", path=Path("in.mp4"))
    (tmp_path / "out.json").write_text("of before")
    output = CocoFile(tmp_path / "out.json", pictures, ("dog",), None, has_ids=False)  # type: ignore[arg-type]
    scanner.hold("out.json")
    with pytest.raises(SinkError, match=f"{LOCKED} 60 s.*; the new file is") as caught:
        output.finish(lambda unfinished: None)
    output.discard()
    backup = Path(str(caught.value).rpartition("the new file is ")[2])
    assert '"dog"' in backup.read_text() and (tmp_path / "out.json").read_text() == "of before"
    scanner.hold("out.json", TIMES)
    again = CocoFile(tmp_path / "out.json", pictures, ("cat",), None, has_ids=False)  # type: ignore[arg-type]
    again.finish(lambda unfinished: None)
    assert '"cat"' in (tmp_path / "out.json").read_text() and names(tmp_path) == ["out.json"]


def test_a_locked_picture_hides_no_error_and_does_not_block_cleanup(
    scanner: Scanner, tmp_path: Path
) -> None:
    """An unfinished picture is discarded after an error or Ctrl-C; that error must be reported."""
    output = PngFolder(tmp_path / "frames", None, lambda result: result.picture.pixels)
    for name in ("a", "b", "c"):
        output.add(
            SimpleNamespace(
                picture=SimpleNamespace(name=name, pixels=np.zeros((4, 4, 3), np.uint8))
            )
        )  # type: ignore[arg-type]
    scanner.hold("b.png")
    output.discard()
    assert names(tmp_path / "frames") == ["b.png"]


def test_a_converted_voice_is_complete_even_if_its_tags_could_not_be_added(
    scanner: Scanner, tmp_path: Path
) -> None:
    with soundfile.SoundFile(tmp_path / "song.flac", "w", 48_000, 1) as song:
        song.title = "Early"
        song.write(np.zeros(480, np.float32))
    source = SimpleNamespace(
        path=tmp_path / "song.flac", subtype="PCM_16", has_video=False, index=0
    )
    writer = open_writer(tmp_path / "new.flac", FORMS[".flac"], 48_000, source)  # type: ignore[arg-type]
    writer.write(np.zeros(480, np.float32))
    scanner.hold("tagged.flac")
    writer.close()
    assert "its title, cover and the like are left out" in writer.notes[0]
    assert soundfile.info(tmp_path / "new.flac").frames == 480


# -- working folders --------------------------------------------------------------------------


def test_a_work_folder_is_locked_while_its_lock_file_is_read(
    scanner: Scanner, tmp_path: Path
) -> None:
    WorkFolder(tmp_path / "out").close()
    scanner.hold("lock", TIMES, from_opening=True)
    WorkFolder(tmp_path / "out").remove()
    assert names(tmp_path) == []


def test_a_run_continues_while_its_journal_and_pieces_are_locked(
    scanner: Scanner, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.jobs.video.writing.segmented_video.SEGMENT_PICTURES", 2)
    write(clip, tmp_path / "out.mp4", stop=4, end="abandon")
    for name in ("journal.jsonl", "segment_000000.mp4"):
        scanner.hold(name, TIMES, from_opening=True)
    assert write(clip, tmp_path / "out.mp4", resume=True).done == 4
    assert len(pictures_of(tmp_path / "out.mp4")) == 6 and len(scanner.refused) == 2 * TIMES


def test_a_locked_picture_log_does_not_end_a_run(scanner: Scanner, tmp_path: Path) -> None:
    """A disk error such as EACCES ends a run, as the next picture would fail too; a held file does
    not."""
    from engine.system.worker_process import WorkerProcess

    log = tmp_path / "image_000000.log"
    log.touch()
    scanner.hold(log.name, TIMES, from_opening=True)
    WorkerProcess("engine.dataset.running.attempt", "main()", log=log).end(60.0)
    assert len(scanner.refused) == TIMES


def test_every_picture_of_a_dataset_is_written_while_files_are_locked(
    scanner: Scanner, tmp_path: Path
) -> None:
    from engine.dataset.running.folder import DatasetFolder
    from tests.dataset.running.test_folder import commit, opened

    folder = DatasetFolder(tmp_path / "out")
    opened(folder, range(2))
    for name in ("000000.png", "000001.txt", "manifest.jsonl"):
        scanner.hold(name, TIMES, from_opening=name == "manifest.jsonl")
    for index in range(2):
        commit(folder, index)
    folder.close()
    assert names(tmp_path / "out" / "images") == ["000000.png", "000001.png"]
    assert len(scanner.refused) == 3 * TIMES
    assert os.path.exists(tmp_path / "out" / "manifest.jsonl")
