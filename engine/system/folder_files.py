"""Lists the files of a folder, optionally with its subfolders: the inputs of jobs, and what may be
named over OSC."""

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from engine.errors import MultiverseError
from engine.system.file_names import names_device

MAX_ENTRIES: Final = 2000
MAX_PATH_CHARACTERS: Final = 4096  # the longest path of Linux


def list_files(
    folder: Path,
    suffixes: Collection[str],
    on_problem: Callable[[str], object],
    *,
    is_recursive: bool,
    but: Collection[Path] = (),
) -> list[Path]:
    """The files with these suffixes, in lower case, in natural order: 2 before 10, a subfolder
    among the files.

    `but`: subfolders to leave out, such as the output. Hidden files and folders (beside `x.jpg`
    macOS puts `._x.jpg`, without a picture) and links to folders, which may form a circle, are left
    out too. `on_problem` gets one line for each folder that cannot be read."""

    def in_order(file: Path) -> tuple[list[list[tuple[int, str]]], str]:
        pieces = [
            [
                (int(piece), "") if piece.isdecimal() else (-1, piece)
                for piece in re.split(r"(\d+)", part.lower())
            ]
            for part in file.relative_to(folder).parts
        ]
        # 1 and 01, a and A are equal, and the folder lists them in any order
        return pieces, str(file)

    return sorted(
        walk_files(folder, suffixes, on_problem, is_recursive=is_recursive, but=but), key=in_order
    )


def walk_files(
    folder: Path,
    suffixes: Collection[str],
    on_problem: Callable[[str], object],
    *,
    is_recursive: bool,
    but: Collection[Path] = (),
) -> Iterator[Path]:
    """The files of `list_files` in no order, as they are found."""

    def report_error(error: OSError) -> None:
        on_problem(f"{error.filename}: cannot be read ({error.strerror})")

    left_out = {os.path.realpath(path) for path in but}
    for at, folders, names in os.walk(folder, onerror=report_error):
        here = Path(at)
        folders[:] = [
            name
            for name in folders
            if is_recursive
            and name[0] != "."
            and not (left_out and os.path.realpath(here / name) in left_out)
        ]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                yield here / name


def left_out_line(files: Iterable[Path]) -> str:
    """One line about these files of a folder, which are pictures that cannot be read; "" if there
    are none."""
    counts = Counter(file.suffix.lower() for file in files)
    if not counts:
        return ""
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(counts.items()))
    return f"left out: {kinds}, which cannot be read here; convert them to .png or .tif"


def missing_line(files: Sequence[Path]) -> str:
    """One line about gaps in the numbers of a sequence (`shot_0001.png`, `shot_0002.png`), or "".
    Names of which less than half are there, such as a camera's photographs, are no sequence."""
    found: dict[tuple[Path, str], dict[int, str]] = {}
    for file in files:
        name = file.stem.rstrip("0123456789")
        if digits := file.stem[len(name) :]:
            found.setdefault((file.parent, name), {})[int(digits)] = digits
    for (_, name), there in found.items():
        first, last = min(there), max(there)
        if len(there) <= last - first < 2 * len(there):
            missing = next(number for number in range(first, last) if number not in there)
            count = last - first + 1 - len(there)
            gap = f"{missing:0{len(there[first])}}"
            span = f"{name}{there[first]}..{there[last]}"
            if count == 1:
                return f"1 number of {span} is missing: {gap}"
            return f"{count} numbers of {span} are missing, the first is {gap}"
    return ""


class OfferedFiles:
    """Files that may be named over OSC: those below folders that the person who starts the engine
    names, because anybody on the network can send a message. Reads the disk: not for threads that
    must not wait."""

    def __init__(
        self, kind: str, folders: Iterable[Path], suffixes: Collection[str], listing: str
    ) -> None:
        """`suffixes`: of the files that are listed, in lower case, with their dot. For messages:
        the kind of the folders, and the address that lists."""
        self._kind = kind
        self._listing = listing
        self._folders = tuple(
            dict.fromkeys(Path(os.path.abspath(folder.expanduser())) for folder in folders)
        )
        self._suffixes = suffixes

    def listed(self) -> dict[str, bool]:
        """The name of each file and subfolder, at most 2000; True for a folder. Folders first: they
        are whole sets."""
        listed: dict[str, bool] = {}
        for folder in self._folders:
            found = (
                list_files(folder, self._suffixes, lambda line: None, is_recursive=True)
                if folder.is_dir()
                else []
            )
            names = [path.relative_to(folder) for path in found]
            parents = dict.fromkeys(name.parent for name in names if name.parent.parts)
            for name in (*parents, *names):
                if len(listed) < MAX_ENTRIES:
                    listed.setdefault(name.as_posix(), name in parents)
        return listed

    def path_of(self, name: str) -> Path:
        """The file or folder of this name. MultiverseError for what would not be listed, whether it
        exists or not."""
        if not names_device(name):
            for folder in self._folders:
                path = Path(os.path.normpath(folder / name))
                parts = path.relative_to(folder).parts if path.is_relative_to(folder) else ()
                is_hidden = not parts or any(part.startswith(".") for part in parts)
                is_of_kind = os.path.isdir(path) or path.suffix.lower() in self._suffixes
                if is_of_kind and not is_hidden and os.path.exists(path):
                    return path
        near = "".join(
            f"; nearest: {each}" for each in get_close_matches(name[:80], self.listed(), 1)
        )
        raise MultiverseError(
            f"{name[:80]!r} is not offered in the {self._kind} folders{near}; {self._listing} "
            "shows what is"
        )

    def without_folders(self, reason: str) -> str:
        """The reason with each file as its name only: senders must not learn the folders' paths."""
        for folder in self._folders:
            reason = reason.replace(f"{folder}{os.sep}", "")
        return reason


def folders_offered(configured: Iterable[str], own: str, started_with: str | None) -> list[Path]:
    """The configured folders, else the user's `own`; and the folder that the run began with, or its
    file's."""
    folders = [Path(folder) for folder in configured] or [Path(own)]
    if started_with is not None:
        path = Path(started_with)
        folders.append(path if os.path.isdir(path) else path.parent)
    return folders
