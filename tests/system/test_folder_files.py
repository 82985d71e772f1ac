"""Files of a folder and its subfolders, as the jobs list their inputs."""

from pathlib import Path

import pytest

from engine.system.folder_files import list_files


def listed(folder: Path, *, is_recursive: bool = True, but: tuple[Path, ...] = ()) -> list[str]:
    """Names that `list_files` finds, relative to the folder; no folder may be unreadable."""
    problems: list[str] = []
    found = list_files(
        folder, (".png", ".jpg"), problems.append, is_recursive=is_recursive, but=but
    )
    assert problems == []
    return [file.relative_to(folder).as_posix() for file in found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = (
        "10.png 2.JPG a/1.png a/b/3.png c2/x.png c10/x.png m²1.png notes.txt .hidden/1.png "
        "a/.hidden.png a/._1.png"
    )
    for name in names.split():
        file = tmp_path / "in" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path / "in"


def test_files_come_by_number_and_those_of_subfolders_only_on_request(folder: Path) -> None:
    flat = ["2.JPG", "10.png", "m²1.png"]
    assert listed(folder, is_recursive=False) == flat
    assert listed(folder) == [
        "2.JPG",
        "10.png",
        "a/1.png",
        "a/b/3.png",
        "c2/x.png",
        "c10/x.png",
        "m²1.png",
    ]


def test_the_output_in_a_folder_is_not_its_input(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert listed(folder, but=(Path("a"), folder / "c2")) == [
        "2.JPG",
        "10.png",
        "c10/x.png",
        "m²1.png",
    ]


@pytest.mark.only_on(
    "linux", "darwin", reason="Windows lets administrators make links, Wine makes none"
)
def test_links_that_form_a_circle_end(folder: Path) -> None:
    before = listed(folder)
    (folder / "a" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "a" / "self").symlink_to("self")
    assert listed(folder) == before
    (folder / "link.png").symlink_to(folder / "10.png")  # one to a picture counts
    assert listed(folder) == sorted(
        [*before, "link.png"], key=[*before[:6], "link.png", before[6]].index
    )
