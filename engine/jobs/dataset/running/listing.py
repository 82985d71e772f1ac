"""Lists the files of pictures in a dataset's folders."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# 000005.png, and 000005_1_2.png for a part of picture 5. Anything else is the user's and is never removed.
_NUMBERED = re.compile(r"(\d{6,})(?:_\d+)*\.[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class NumberedFile:
    path: str
    """In the dataset, with `/`."""
    index: int


def numbered_files(root: Path, folders: tuple[str, ...]) -> Iterator[NumberedFile]:
    """Files named after a picture in these folders and their subfolders, folder by folder. Raises OSError.

    Folders that do not exist are skipped; links to folders are not followed.
    """
    for folder in folders:
        yield from _files_in(root, folder)


def _files_in(root: Path, folder: str) -> Iterator[NumberedFile]:
    inner = []
    try:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    inner.append(entry.name)
                elif match := _NUMBERED.fullmatch(entry.name):
                    yield NumberedFile(f"{folder}/{entry.name}", int(match[1]))
    except FileNotFoundError:
        return
    for name in inner:
        yield from _files_in(root, f"{folder}/{name}")
