"""`multiverse dataset check` beside `multiverse dataset OUT`."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.dataset.checking.folders import write_dataset


def test_a_sound_dataset_exits_with_0_and_shows_its_figures(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli("dataset", "check", write_dataset(tmp_path, [1, 2]))
    assert (code, out.splitlines()[-1]) == (0, "nothing is wrong")
    assert "  labels     COCO 2, YOLO 2" in out.splitlines() and "tiles" not in out


def test_a_fault_exits_with_1_and_is_named(cli: Cli, tmp_path: Path) -> None:
    write_dataset(tmp_path, [1, 2])
    (tmp_path / "labels/000002.txt").write_text("0 0.5 0.5 0.1 0\n", encoding="utf-8")
    code, out, _ = cli("dataset", "check", tmp_path)
    assert code == 1 and "    labels/000002.txt: box 1 is empty" in out.splitlines()
    code, out, err = cli("dataset", "check", tmp_path, "--json")
    result = json.loads(out)
    assert (code, err, result["is_sound"]) == (1, "", False)
    assert result["folders"][0]["problems"][0]["path"] == "labels/000002.txt"


def test_tiles_are_named_as_a_dataset_of_their_own(cli: Cli, tmp_path: Path) -> None:
    tiles = write_dataset(write_dataset(tmp_path, [1, 2]) / "tiles", [3, 4, 5])
    (tiles / "labels/000004.txt").write_text("0 0.5 0.5 0.1 0\n", encoding="utf-8")
    code, out, _ = cli("dataset", "check", tmp_path)
    assert (
        code == 0 and f"  tiles      a dataset of its own: check {tiles}, too" in out.splitlines()
    )
    assert cli("dataset", "check", tiles).code == 1


def test_like_prints_distances_and_proposals(cli: Cli, tmp_path: Path) -> None:
    own, real = (
        write_dataset(tmp_path / "a", [1, 2]),
        write_dataset(tmp_path / "b", [3, 4], side_px=16),
    )
    code, out, _ = cli("dataset", "check", own, "--like", real)
    assert code == 0 and "--altitude 20..80" in out
    result = json.loads(cli("dataset", "check", own, "--like", real, "--json").out)["like"]
    assert {each["figure"] for each in result["distances"]} >= {"box width", "brightness", "hue"}


def test_a_missing_folder_is_an_error_of_one_line(cli: Cli, tmp_path: Path) -> None:
    code, out, err = cli("dataset", "check", tmp_path / "none")
    assert (code, out, err) == (2, "", f"multiverse: {tmp_path / 'none'}: is missing\n")


def test_a_dataset_named_check_is_meant_with_its_folder(
    cli: Cli, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("dataset", "./check", "--jobs", "0").err.startswith(
        "multiverse: --jobs: 0 is not 1 to 1024"
    )
    write_dataset(tmp_path / "check", [1, 2])
    assert cli("dataset", "check", "check")[0] == 0


def test_view_writes_one_page_and_opens_it_by_default(
    cli: Cli, tmp_path: Path, monkeypatch: Any
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    folder, page = write_dataset(tmp_path / "a", [1, 2, 3]), tmp_path / "page.html"
    code, out, err = cli(
        "dataset", "view", folder, "--pictures", "1..2", "--out", page, "--no-open"
    )
    assert (code, out, err, opened) == (0, f"wrote       {page} (2 pictures, 10 boxes)\n", "", [])
    assert cli("dataset", "view", folder, "--out", page)[0] == 0 and opened == [page.as_uri()]
    picture = folder / "images/000001.png"
    before = picture.read_bytes()
    code, _, err = cli("dataset", "view", folder, "--out", picture)
    assert (code, err) == (
        2,
        f"multiverse: --out {picture}: is no name of a page; give one that ends in .html\n",
    )
    assert picture.read_bytes() == before
    code, _, err = cli("dataset", "view", folder, "--pictures", "2..1")
    assert (code, err) == (2, "multiverse: --pictures '2..1': is not a range such as 0..20\n")


@pytest.mark.only_on("linux", reason="only Linux has file names of any bytes")
def test_names_that_are_not_utf8_are_printed_escaped(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = write_dataset(tmp_path / os.fsdecode(b"caf\xe9"), [1])
    (folder / "images" / os.fsdecode(b"\xfc.png")).write_text("no picture", encoding="ascii")
    code, out, _ = cli("dataset", "check", folder)
    assert (
        code == 1
        and f"{tmp_path}/caf\\udce9" in out
        and "    images/\\udcfc.png: is no picture" in out
    )
    result = json.loads(cli("dataset", "check", folder, "--json").out)["folders"][0]
    assert os.fsencode(result["path"]) == os.fsencode(folder)
    code, out, _ = cli("dataset", "view", folder, "--pictures", "0", "--no-open")
    assert code == 0 and "multiverse-view-caf\\udce9.html (1 pictures, 5 boxes)" in out
    code, _, err = cli("dataset", "view", folder, "--pictures", "9")
    assert code == 2 and "caf\\udce9 has 2, counted from 0" in err


def test_view_shows_what_it_can_and_says_what_it_cannot(cli: Cli, tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "site", [1, 2])
    (folder / "images/000001.png").write_bytes(b"")
    code, out, err = cli("dataset", "view", folder, "--no-open", "--out", tmp_path / "page.html")
    assert (code, out) == (0, f"wrote       {tmp_path / 'page.html'} (1 pictures, 5 boxes)\n")
    assert err == (
        f"multiverse: {folder / 'images/000001.png'}: is no picture; 1 in all cannot be shown: "
        f"multiverse dataset check {folder} names all that is wrong\n"
    )
