"""Presets in memory: changes at once, changes on the disk, and use while the disk hangs."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.errors import PresetError
from engine.params import ParamStore, PresetFolder
from engine.params.preset_shelf import PresetShelf
from tests.support.hung_file import hung

NIGHT, DAY = {"/mode": "simple"}, {"/mode": "multiverse"}


@pytest.fixture
def folder(tmp_path: Path) -> PresetFolder:
    return PresetFolder(tmp_path)


@pytest.fixture
def shelf(folder: PresetFolder) -> PresetShelf:
    return PresetShelf(folder)


def test_a_saved_preset_equals_the_one_read_back(folder: PresetFolder, shelf: PresetShelf) -> None:
    store = ParamStore()
    store.set_many([("/layer/1/angle", 1 / 3), ("/multiverse/brightness", 1.1)], by="test")
    change = shelf.save("Ko\u0308ln", store.snapshot())
    saved = shelf.get("K\u00f6ln")
    shelf.write(change)
    assert folder.load("K\u00f6ln") == saved
    assert shelf.poll() == [], "its own file is not a change"
    assert shelf.get("K\u00f6ln") == saved


def test_a_failing_save_does_not_undo_a_later_one(folder: PresetFolder, shelf: PresetShelf) -> None:
    values = ParamStore().snapshot()
    first, second = shelf.save("night", values), shelf.save("night", {**values, "/mode": "simple"})
    shelf.drop(first)
    assert shelf.get("night").by_address()["/mode"] == "simple"
    shelf.write(second)
    gone = shelf.delete("night")
    assert not shelf.has("night") and folder.has("night")
    shelf.write(gone)
    assert not folder.has("night")


def test_a_damaged_file_is_reported_and_may_be_repaired(folder: PresetFolder, shelf: PresetShelf) -> None:
    (folder.path / "bad.toml").write_text("[values")
    shelf.poll()
    assert shelf.has("bad") and shelf.find("bad") is None
    for _ in range(2):
        with pytest.raises(PresetError, match=r"bad\.toml: is not valid TOML"):
            shelf.get("bad")
    folder.save("bad", NIGHT)
    assert shelf.poll() == ["bad"] and shelf.find("bad") is not None


def test_an_unreadable_folder_leaves_the_presets_that_were_read(folder: PresetFolder, shelf: PresetShelf) -> None:
    folder.save("night", NIGHT)
    shelf.poll()
    folder.path.rename(folder.path.with_name("away"))
    folder.path.write_text("in the way")
    assert shelf.poll() == [] and "cannot be read" in shelf.problem
    assert shelf.get("night").by_address() == {"/mode": "simple"}
    with pytest.raises(PresetError, match="cannot be read"):
        shelf.get("day")


def test_names_are_known_although_a_file_hangs(folder: PresetFolder, shelf: PresetShelf, wait_for: Any) -> None:
    for name in ("night", "day"):
        folder.save(name, NIGHT)
    with hung(folder.path / "night.toml"):
        os.mkfifo(folder.path / "pipe.toml")
        looking = threading.Thread(target=shelf.poll)
        looking.start()
        wait_for(lambda: shelf.names()[-2:] == ("day", "night"), "the names")
        assert shelf.find("night") is None and shelf.get("Default").name == "default"
        with pytest.raises(PresetError, match=r"'night': has not been read yet; .* does not respond$"):
            shelf.get("night")
        assert looking.is_alive()
    looking.join(120.0)
    assert shelf.get("night").by_address() == shelf.get("day").by_address() == {"/mode": "simple"}
