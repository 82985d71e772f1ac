"""Presets in memory: edits take effect at once, changes on the disk are found, and a hung disk
blocks nothing."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.errors import PresetError
from engine.params import ParamStore, PresetFolder
from engine.params.preset_cache import MAX_READ, PresetCache
from tests.support.hung_file import hung

NIGHT, DAY = {"/mode": "simple"}, {"/mode": "multiverse"}


@pytest.fixture
def folder(tmp_path: Path) -> PresetFolder:
    return PresetFolder(tmp_path)


@pytest.fixture
def cache(folder: PresetFolder) -> PresetCache:
    return PresetCache(folder)


def test_a_saved_preset_equals_the_one_read_back(
    folder: PresetFolder, cache: PresetCache, store: ParamStore
) -> None:
    store.set_many([("/layer/1/angle", 1 / 3), ("/multiverse/brightness", 1.1)], by="test")
    change = cache.save("Ko\u0308ln", store.snapshot())
    saved = cache.get("K\u00f6ln")
    cache.write(change)
    assert folder.load("K\u00f6ln") == saved
    assert cache.poll() == [], "its own file is not a change"
    assert cache.get("K\u00f6ln") == saved


def test_a_save_in_another_case_replaces_the_preset_at_once(
    folder: PresetFolder, cache: PresetCache
) -> None:
    values = ParamStore().snapshot()
    cache.write(cache.save("Night", values))
    change = cache.save("night", {**values, "/mode": "simple"})
    assert cache.names()[-1] == "Night" and cache.get("NIGHT").by_address()["/mode"] == "simple"
    assert cache.write(change) and cache.names()[-1] == "Night" and "night" not in cache.names()
    assert cache.poll() == [] and folder.load("Night") == cache.get("night")
    cache.write(cache.delete("nIGHT"))
    assert not cache.has("night") and cache.poll() == []


def test_a_failing_save_does_not_undo_a_later_one(folder: PresetFolder, cache: PresetCache) -> None:
    values = ParamStore().snapshot()
    first, second = cache.save("night", values), cache.save("night", {**values, "/mode": "simple"})
    cache.drop(first)
    assert cache.get("night").by_address()["/mode"] == "simple"
    cache.write(second)
    deletion = cache.delete("night")
    assert not cache.has("night") and folder.has("night")
    cache.write(deletion)
    assert not folder.has("night")


def test_a_damaged_file_is_reported_and_may_be_repaired(
    folder: PresetFolder, cache: PresetCache
) -> None:
    (folder.path / "bad.toml").write_text("[values")
    cache.poll()
    assert cache.has("bad") and cache.find("bad") is None
    for _ in range(2):
        with pytest.raises(PresetError, match=r"bad\.toml: is not valid TOML"):
            cache.get("bad")
    folder.save("bad", NIGHT)
    assert cache.poll() == ["bad"] and cache.find("bad") is not None


def test_an_unreadable_folder_leaves_the_presets_that_were_read(
    folder: PresetFolder, cache: PresetCache
) -> None:
    folder.save("night", NIGHT)
    cache.poll()
    folder.path.rename(folder.path.with_name("away"))
    folder.path.write_text("in the way")
    assert cache.poll() == [] and "cannot be read" in cache.problem
    assert cache.get("night").by_address() == {"/mode": "simple"}
    with pytest.raises(PresetError, match="cannot be read"):
        cache.get("day")


def test_names_are_known_although_a_file_hangs(
    folder: PresetFolder, cache: PresetCache, wait_for: Any
) -> None:
    for name in ("night", "day"):
        folder.save(name, NIGHT)
    with hung(folder.path / "night.toml"):
        os.mkfifo(folder.path / "pipe.toml")
        looking = threading.Thread(target=cache.poll)
        looking.start()
        wait_for(lambda: cache.names()[-2:] == ("day", "night"), "the names")
        assert cache.find("night") is None and cache.get("Default").name == "default"
        with pytest.raises(PresetError, match=r"'night': has not been read yet; .* is being read$"):
            cache.get("night")
        assert looking.is_alive()
    looking.join(120.0)
    assert cache.get("night").by_address() == cache.get("day").by_address() == {"/mode": "simple"}


def test_the_wanted_one_of_many_presets_is_read_first(
    folder: PresetFolder, cache: PresetCache
) -> None:
    folder.path.mkdir(exist_ok=True)
    for number in range(2 * MAX_READ):
        (folder.path / f"{number:03}.toml").write_text("[values]\n'/mode' = 'simple'\n")
    cache.poll("099")
    assert cache.has_more and cache.find("099") is not None
    cache.poll()
    cache.poll()
    assert not cache.has_more and all(cache.find(name) for name in cache.names())
