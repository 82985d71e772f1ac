"""Stores presets that were overwritten or deleted, so that the last one of each name can be
restored."""

import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.system.atomic_file import remove_file
from engine.system.file_names import folded

FOLDER = "replaced"
MAX_FILES_PER_NAME = 10
MAX_FILES = 200
SUFFIX = ".toml"
PICTURE_SUFFIX = ".jpg"

_FILE_NAME = re.compile(r"(?P<number>\d{6,9}) (?P<name>.+)\.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """One overwritten or deleted preset."""

    number: int
    name: str
    path: Path

    @property
    def picture(self) -> Path:
        return self.path.with_suffix(PICTURE_SUFFIX)


class ReplacedPresets:
    """The folder of overwritten and deleted presets, which are numbered.

        presets/replaced/000017 Night.toml, and 000017 Night.jpg where it had a picture

    The number grows with every file, so the order is right even if the clock is changed. The file's
    own time is the time when it was saved. Bounded: the newest 10 of a name and the newest 200 in
    all.

    Every method uses the disk and raises OSError. One thread at a time."""

    def __init__(self, presets: Path) -> None:
        self.path = presets / FOLDER

    def put_aside(self, name: str, path: Path, picture: Path) -> None:
        """Copy a preset's file and picture here. Both also stay in place, because others may be
        reading them."""
        entries = self._entries()
        newest = self.newest(name)
        # an earlier save copied it, then failed
        if newest is not None and newest.path.samefile(path):
            return
        number = max((entry.number for entry in entries), default=0) + 1
        self.path.mkdir(parents=True, exist_ok=True)
        entry = Replaced(number=number, name=name, path=self.path / f"{number:06} {name}{SUFFIX}")
        if picture.is_file():
            _copy(picture, entry.picture)
        _copy(path, entry.path)
        self._forget_old([*entries, entry])

    def newest(self, name: str) -> Replaced | None:
        """The last one of this name; if there is none, of one that differs in case only."""
        folded_name = folded(name)
        alike = [each for each in self._entries() if folded(each.name) == folded_name]
        return max(alike, key=lambda entry: (entry.name == name, entry.number), default=None)

    def _entries(self) -> list[Replaced]:
        try:
            paths = [Path(entry.path) for entry in os.scandir(self.path) if entry.is_file()]
        except FileNotFoundError:
            return []
        found = ((path, _FILE_NAME.fullmatch(path.name)) for path in paths)
        return [
            Replaced(number=int(match["number"]), name=match["name"], path=path)
            for path, match in found
            if match
        ]

    def _forget_old(self, entries: list[Replaced]) -> None:
        newest_first = sorted(entries, key=lambda entry: entry.number, reverse=True)
        of_a_name: dict[str, int] = {}
        for rank, entry in enumerate(newest_first):
            of_a_name[entry.name] = of_a_name.get(entry.name, 0) + 1
            if rank >= MAX_FILES or of_a_name[entry.name] > MAX_FILES_PER_NAME:
                for path in (entry.path, entry.picture):
                    with suppress(OSError):  # tried again with the next one
                        remove_file(path, missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    """Make a hard link, which is safe because a save replaces the whole file. A copy if the file
    system has no hard links, or if the file is a symbolic link, whose target other programs may
    write into."""
    # left by a process that was killed between picture and preset
    remove_file(target, missing_ok=True)
    try:
        if source.is_symlink():
            shutil.copy2(source, target)
        else:
            os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
