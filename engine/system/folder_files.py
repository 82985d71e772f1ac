"""The files of a folder, and of its subfolders if wanted, as the jobs list their inputs."""

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path


def list_files(
    folder: Path,
    suffixes: Collection[str],
    on_problem: Callable[[str], object],
    *,
    is_recursive: bool,
    but: Collection[Path] = (),
) -> list[Path]:
    """The files with these suffixes, in lower case, in natural order: 2 before 10, a subfolder among the files.

    `but`: subfolders to leave out, such as the output. Hidden files and folders (beside `x.jpg` macOS puts `._x.jpg`,
    without a picture) and links to folders, which may form a circle, are left out too. `on_problem` gets one line for
    each folder that cannot be read.
    """

    def in_order(file: Path) -> tuple[list[list[tuple[int, str]]], str]:
        pieces = [
            [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d+)", part.lower())]
            for part in file.relative_to(folder).parts
        ]
        return pieces, str(file)  # 1 and 01, a and A are equal, and the folder lists them in any order

    return sorted(walk_files(folder, suffixes, on_problem, is_recursive=is_recursive, but=but), key=in_order)


def walk_files(
    folder: Path,
    suffixes: Collection[str],
    on_problem: Callable[[str], object],
    *,
    is_recursive: bool,
    but: Collection[Path] = (),
) -> Iterator[Path]:
    """The files of `list_files` in no order, as they are found."""

    def tell(error: OSError) -> None:
        on_problem(f"{error.filename}: cannot be read ({error.strerror})")

    left_out = {os.path.realpath(path) for path in but}
    for at, folders, names in os.walk(folder, onerror=tell):
        here = Path(at)
        folders[:] = [
            name
            for name in folders
            if is_recursive and not name.startswith(".") and os.path.realpath(here / name) not in left_out
        ]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                yield here / name


def left_out_line(files: Iterable[Path]) -> str:
    """One line about these files of a folder, which are pictures that cannot be read; "" if there are none."""
    counts = Counter(file.suffix.lower() for file in files)
    if not counts:
        return ""
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(counts.items()))
    return f"left out: {kinds}, which cannot be read here; convert them to .png or .tif"


def missing_line(files: Sequence[Path]) -> str:
    """One line about gaps in the numbers of a sequence (`shot_0001.png`, `shot_0002.png`), or "". Names of which less
    than half are there, such as a camera's photographs, are no sequence."""
    found: dict[tuple[Path, str], dict[int, str]] = {}
    for file in files:
        name = file.stem.rstrip("0123456789")
        if digits := file.stem[len(name) :]:
            found.setdefault((file.parent, name), {})[int(digits)] = digits
    for (_, name), there in found.items():
        first, last = min(there), max(there)
        if len(there) <= last - first < 2 * len(there):
            missing = next(number for number in range(first, last) if number not in there)
            count, gap = last - first + 1 - len(there), f"{missing:0{len(there[first])}}"
            span = f"{name}{there[first]}..{there[last]}"
            if count == 1:
                return f"1 number of {span} is missing: {gap}"
            return f"{count} numbers of {span} are missing, the first is {gap}"
    return ""
