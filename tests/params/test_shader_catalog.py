"""The list of shaders in some folders."""

import operator
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.params.shader_catalog import MAX_FILES, ShaderCatalog
from engine.system.disk_store import DiskStore
from osc_schema import Rejected

WaitFor = Callable[..., Any]
Open = Callable[..., ShaderCatalog]
OnSaved = Callable[[Path], None]


@pytest.fixture
def open_catalog(reports: Any, wait_for: WaitFor) -> Iterator[Open]:
    opened: list[ShaderCatalog] = []

    def open_catalog(
        *folders: Path, on_saved: OnSaved = lambda path: None, waits: bool = True
    ) -> ShaderCatalog:
        catalog = ShaderCatalog(
            folders,
            DiskStore(reports),
            post=operator.call,
            on_changed=lambda count: None,
            on_saved=on_saved,
        )
        opened.append(catalog)
        catalog.start()
        if waits:
            wait_for(lambda: catalog.has_read_all, "the scan")
        return catalog

    yield open_catalog
    for catalog in opened:
        catalog.close()


def names(catalog: ShaderCatalog) -> list[str]:
    return [entry.name for entry in catalog.entries]


def test_a_shader_is_found_by_its_name_suffix_or_path_in_any_case(
    tmp_path: Path, open_catalog: Open
) -> None:
    inner = tmp_path / "Sets" / "Live"
    inner.mkdir(parents=True)
    (inner / "Blue Wave.fs").write_text("")
    catalog = open_catalog(tmp_path)
    paths = (
        str(inner / "Blue Wave.fs"),
        (inner / "Blue Wave.fs").as_posix(),
        os.path.join("sets", "live", "blue wave"),
    )
    for name in ("Blue Wave", "blue wave", "BLUE WAVE.FS", "Sets/Live/Blue Wave", *paths):
        entry = catalog.find(name)
        assert entry is not None and entry.path == inner / "Blue Wave.fs", name
    assert catalog.entries[0].folder == "Sets/Live"


def test_no_file_outside_the_folders_can_be_named(tmp_path: Path, open_catalog: Open) -> None:
    secret = tmp_path / "secret.fs"
    secret.write_text("")
    folder = tmp_path / "shaders"
    folder.mkdir()
    (folder / "own.fs").write_text("")
    catalog = open_catalog(folder)
    for name in (
        str(secret),
        "../secret",
        "../secret.fs",
        str(folder / ".." / "secret.fs"),
        "/etc/passwd",
    ):
        assert catalog.find(name) is None
        with pytest.raises(Rejected):
            catalog.check(name)


def test_a_file_dropped_in_is_found_and_a_removed_one_gone(
    tmp_path: Path, open_catalog: Open, wait_for: Any
) -> None:
    catalog = open_catalog(tmp_path / "later")
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "new.fs").write_text("")
    wait_for(lambda: names(catalog) == ["new"], "the new file")
    (tmp_path / "later" / "new.fs").unlink()
    wait_for(lambda: names(catalog) == [], "the file to go")


@pytest.mark.only_on(
    "linux", "darwin", reason="Windows lets administrators make links, Wine makes none"
)
def test_a_circle_of_links_and_a_folder_without_end_hurt_nobody(
    tmp_path: Path, open_catalog: Open
) -> None:
    (tmp_path / "one.fs").write_text("")
    os.symlink(tmp_path, tmp_path / "again")
    os.symlink(tmp_path / "nowhere", tmp_path / "broken.fs")
    deep = tmp_path.joinpath(*["deep"] * 20)
    deep.mkdir(parents=True)
    (deep / "never.fs").write_text("")
    many = tmp_path / "many"
    many.mkdir()
    for number in range(MAX_FILES + 10):
        (many / f"{number}.fs").touch()
    catalog = open_catalog(tmp_path)
    assert len(catalog.entries) == MAX_FILES
    assert "one" in names(catalog) and catalog.find("never") is None


def test_a_hanging_folder_hides_no_other(
    tmp_path: Path, open_catalog: Open, wait_for: Any, monkeypatch: Any
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "Plasma.fs").write_text("")
    answer, stat = threading.Event(), os.stat

    def hanging_stat(path: Any, *args: Any, **options: Any) -> os.stat_result:
        if str(path).startswith(str(tmp_path / "net")):
            answer.wait(120.0)
        return stat(path, *args, **options)

    monkeypatch.setattr(os, "stat", hanging_stat)
    catalog = open_catalog(tmp_path / "net", tmp_path / "here", waits=False)
    wait_for(lambda: catalog.find("plasma") is not None, "the other folder")
    assert not catalog.has_read_all
    catalog.check("Unknown")  # it may be in the folder that has not answered
    assert "net has not answered yet" in catalog.not_found_message("Unknown")
    answer.set()


def test_a_saved_file_is_reported_once_if_it_is_watched(
    tmp_path: Path, open_catalog: Open, wait_for: WaitFor
) -> None:
    saved: list[Path] = []
    for name in ("a.fs", "a.vs", "b.fs"):
        (tmp_path / name).write_text("")
    catalog = open_catalog(tmp_path, on_saved=saved.append)
    looks = _count_looks(catalog)
    catalog.watch([tmp_path / "a.fs"])
    wait_for(lambda: len(looks) >= 2, "a look at it")
    (tmp_path / "b.fs").write_text("changed")
    (tmp_path / "a.vs").write_text("changed")
    wait_for(lambda: saved == [tmp_path / "a.fs"], "the vertex shader to be noticed")
    before = len(looks)
    wait_for(lambda: len(looks) >= before + 3, "three more looks")
    assert saved == [tmp_path / "a.fs"]
    catalog.close()


def _count_looks(catalog: ShaderCatalog) -> list[None]:
    """Grows by one with each look at the folder."""
    looks: list[None] = []
    (queue,) = catalog._queues.values()
    poll = queue.poll
    assert poll is not None

    def counted() -> None:
        poll()
        looks.append(None)

    queue.poll = counted
    return looks


def test_a_file_that_is_too_long_or_none_is_refused(
    tmp_path: Path, open_catalog: Open, wait_for: WaitFor
) -> None:
    (tmp_path / "huge.fs").write_bytes(b" " * (1 << 20) + b" ")
    (tmp_path / "folder.fs").mkdir()
    catalog = open_catalog(tmp_path)
    for name, reason in (("huge", "larger than 1 MiB"), ("folder", "Is a directory")):
        entry, answers = catalog.find(name), []
        assert entry is not None
        catalog.read(entry, lambda text: None, answers.append)
        wait_for(lambda answers=answers: answers, "the answer")
        assert reason in answers[0]
