"""Presets that were saved over or deleted, kept so that the last of each can be had back.

    presets/replaced/000017 Night.toml, and 000017 Night.jpg where it had a picture

The number grows with every file that is put aside: it orders them whatever the clock does, and the file's own time
tells when it was saved. Bounded: the newest 10 of a name and the newest 200 in all.
"""

import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.system.atomic_file import remove_file

FOLDER = "replaced"
MAX_KEPT_A_NAME = 10
MAX_KEPT = 200
SUFFIX, PICTURE_SUFFIX = ".toml", ".jpg"

_KEPT = re.compile(r"(?P<number>\d{6,9}) (?P<name>.+)\.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """One preset that was put aside."""

    number: int
    name: str
    path: Path

    @property
    def picture(self) -> Path:
        """Where its picture is, if it had one."""
        return self.path.with_suffix(PICTURE_SUFFIX)


class ReplacedPresets:
    """Every method uses the disk and raises OSError. One thread, or one process, at a time."""

    def __init__(self, presets: Path) -> None:
        self.path = presets / FOLDER

    def put_aside(self, name: str, path: Path, picture: Path) -> None:
        """Keep a copy of a preset's file and of its picture; both stay where they are, for whoever reads them now."""
        kept = self._kept()
        newest = self.newest(name)
        if newest is not None and newest.path.samefile(path):  # a save that failed after this had put it aside already
            return
        number = max((entry.number for entry in kept), default=0) + 1
        self.path.mkdir(parents=True, exist_ok=True)
        entry = Replaced(number=number, name=name, path=self.path / f"{number:06} {name}{SUFFIX}")
        if picture.is_file():
            _copy(picture, entry.picture)
        _copy(path, entry.path)
        self._forget_old([*kept, entry])

    def newest(self, name: str) -> Replaced | None:
        """The one of that name that was put aside last."""
        return max(
            (entry for entry in self._kept() if entry.name == name), key=lambda entry: entry.number, default=None
        )

    def _kept(self) -> list[Replaced]:
        try:
            paths = [Path(entry.path) for entry in os.scandir(self.path) if entry.is_file()]
        except FileNotFoundError:
            return []
        found = ((path, _KEPT.fullmatch(path.name)) for path in paths)
        return [Replaced(number=int(match["number"]), name=match["name"], path=path) for path, match in found if match]

    def _forget_old(self, kept: list[Replaced]) -> None:
        newest_first = sorted(kept, key=lambda entry: entry.number, reverse=True)
        of_a_name: dict[str, int] = {}
        for place, entry in enumerate(newest_first):
            of_a_name[entry.name] = of_a_name.get(entry.name, 0) + 1
            if place >= MAX_KEPT or of_a_name[entry.name] > MAX_KEPT_A_NAME:
                for path in (entry.path, entry.picture):
                    with suppress(OSError):  # one too many, until the next is put aside
                        remove_file(path, missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    """Another name for the same file, which a save replaces as a whole; a copy where the disk has no such links, or the
    file is a link to one elsewhere, which others may write into."""
    remove_file(target, missing_ok=True)  # of a process that was killed between a picture and its preset
    try:
        if source.is_symlink():
            shutil.copy2(source, target)
        else:
            os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
