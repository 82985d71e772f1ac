"""After a crash the show can be resumed as it was a few seconds before."""

import os
import threading
from pathlib import Path

import pytest

from engine.params import Autosave, ParamStore
from engine.system import disk_store
from engine.system.atomic_file import unfinished_path
from osc_schema import PARAMS


def test_values_come_back_with_resume(tmp_path: Path, wait_for, store: ParamStore) -> None:
    autosave = Autosave(tmp_path, store, interval_s=0.01)
    autosave.start()
    store.set_many(
        [("/layer/1/angle", 30), ("/audio/1/gain_db", -6), ("/master/blackout", 1)], by="desk"
    )
    wait_for(autosave.path.exists, "the autosave")
    loaded = Autosave(tmp_path, ParamStore()).load()
    autosave.close()
    assert loaded.problems == []
    values = loaded.by_address()
    assert (values["/layer/1/angle"], values["/audio/1/gain_db"]) == (30.0, -6.0)
    assert values.keys() == {param.address for param in PARAMS if param.resumed}
    assert "/master/blackout" not in values and "/engine/width" not in values


def test_later_changes_are_saved_too_and_the_last_ones_at_the_end(
    tmp_path: Path, wait_for, store: ParamStore
) -> None:
    autosave = Autosave(tmp_path, store, interval_s=0.01)
    autosave.start()
    for angle in (10.0, 20.0):
        store.set("/layer/1/angle", angle)
        wait_for(
            lambda angle=angle: autosave.load().by_address().get("/layer/1/angle") == angle,
            "the angle",
        )
    autosave.close()
    late = Autosave(tmp_path, store)
    late.start()
    store.set("/layer/1/angle", 77)
    late.close()
    assert late.load().by_address()["/layer/1/angle"] == 77.0


@pytest.mark.only_on(
    "linux", "darwin", reason="Windows' folders hold no pipes, which stand for a hung disk"
)
def test_a_hung_disk_does_not_delay_the_end(
    tmp_path: Path, reports, monkeypatch: pytest.MonkeyPatch, store: ParamStore
) -> None:
    monkeypatch.setattr(disk_store, "MAX_S", 0.05)
    saving = Autosave(tmp_path, store, report=reports)
    saving.start()
    (thread,) = [
        thread for thread in threading.enumerate() if thread.name == f"disk {tmp_path.name}"
    ]
    unfinished = unfinished_path(tmp_path / ".autosave.toml", thread.ident or 0)
    os.mkfifo(unfinished)  # opened for writing it waits for a reader
    store.set("/layer/1/angle", 5)
    saving.close()
    assert "has not answered" in reports.lines[0][1] and thread.is_alive()
    unfinished.read_bytes()
    thread.join(120.0)
    assert not thread.is_alive()


def test_a_missing_or_corrupt_autosave_is_reported_in_one_line(tmp_path: Path) -> None:
    autosave = Autosave(tmp_path / "new", ParamStore())
    assert autosave.load().problems == [f"nothing to resume: no {autosave.path}"]
    autosave.path.parent.mkdir()
    autosave.path.write_bytes(b"\x00\xff[")
    loaded = autosave.load()
    (problem,) = loaded.problems
    assert loaded.values == []
    assert (
        problem.startswith(f"nothing resumed: {autosave.path}: is not valid TOML")
        and "\n" not in problem
    )


def test_a_full_or_missing_disk_is_reported_and_retried(
    tmp_path: Path, reports, store: ParamStore
) -> None:
    folder = tmp_path / "state"
    folder.write_text("a file where the folder should be")
    autosave = Autosave(folder, store, report=reports)
    store.set("/layer/1/angle", 5)
    autosave.save_if_changed()
    assert reports.keys == ["autosave"] and "cannot be written" in reports.lines[0][1]
    folder.unlink()
    autosave.save_if_changed()
    assert autosave.load().by_address()["/layer/1/angle"] == 5.0


def test_a_run_without_changes_keeps_the_last_autosave(tmp_path: Path, store: ParamStore) -> None:
    crashed = Autosave(tmp_path, store)
    store.set("/layer/1/curve", 0.75)
    crashed.save_if_changed()
    hasty_store = ParamStore()
    hasty = Autosave(tmp_path, hasty_store)
    hasty_store.set("/engine/fps", 25.0)  # not resumed
    hasty.save_if_changed()
    assert Autosave(tmp_path, ParamStore()).load().by_address()["/layer/1/curve"] == 0.75
    hasty_store.set("/layer/1/curve", 0.25)
    hasty.save_if_changed()
    assert Autosave(tmp_path, ParamStore()).load().by_address()["/layer/1/curve"] == 0.25
    assert "0.75" in (tmp_path / ".autosave.previous.toml").read_text()


def test_a_resumed_run_saves_even_the_defaults(tmp_path: Path) -> None:
    first_store = ParamStore()
    first = Autosave(tmp_path, first_store)
    first_store.set("/layer/1/curve", 0.75)
    first.save_if_changed()
    resumed_store = ParamStore()
    resumed = Autosave(tmp_path, resumed_store)
    resumed_store.set_many(resumed.load().by_address().items(), by="resume")
    resumed_store.set("/master/panic", 1)
    resumed.save_if_changed()
    assert Autosave(tmp_path, ParamStore()).load().by_address()["/layer/1/curve"] == 1.0


def test_the_current_preset_is_saved_too(tmp_path: Path) -> None:
    on = [""]
    saving = Autosave(tmp_path, ParamStore(), current=lambda: on[0])
    saving.start()
    on[0] = "Night"  # with the same values
    saving.close()
    assert Autosave(tmp_path, ParamStore()).load().current == "Night"
