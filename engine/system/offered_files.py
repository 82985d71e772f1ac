"""Files that may be named over OSC: those below folders that the person who starts the engine names, because anybody on
the network can send a message."""

import os
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from engine.errors import MultiverseError
from engine.system.file_names import names_device
from engine.system.folder_files import list_files

MAX_ENTRIES: Final = 2000
MAX_WORD_CHARACTERS: Final = 4096  # the longest path of Linux


class OfferedFiles:
    """Reads the disk: not for threads that must not wait."""

    def __init__(self, kind: str, folders: Iterable[Path], suffixes: Collection[str], listing: str) -> None:
        """`suffixes`: of the files that are listed, in lower case, with their dot. For messages: the kind of the
        folders, and the address that lists."""
        self._kind, self._listing = kind, listing
        self._folders = tuple(dict.fromkeys(Path(os.path.abspath(folder.expanduser())) for folder in folders))
        self._suffixes = suffixes

    def listed(self) -> dict[str, bool]:
        """The word of each file and subfolder, at most 2000; True for a folder. Folders first, as they hold a whole
        set."""
        listed: dict[str, bool] = {}
        for folder in self._folders:
            found = list_files(folder, self._suffixes, lambda line: None, is_recursive=True) if folder.is_dir() else []
            names = [path.relative_to(folder) for path in found]
            parents = dict.fromkeys(name.parent for name in names if name.parent.parts)
            for name in (*parents, *names):
                if len(listed) < MAX_ENTRIES:
                    listed.setdefault(name.as_posix(), name in parents)
        return listed

    def path_of(self, word: str) -> Path:
        """The file or folder of this name. MultiverseError for what would not be listed, whether it exists or not."""
        if not names_device(word):
            for folder in self._folders:
                path = Path(os.path.normpath(folder / word))
                parts = path.relative_to(folder).parts if path.is_relative_to(folder) else ()
                is_hidden = not parts or any(part.startswith(".") for part in parts)
                is_of_kind = os.path.isdir(path) or path.suffix.lower() in self._suffixes
                if is_of_kind and not is_hidden and os.path.exists(path):
                    return path
        near = "".join(f"; nearest: {each}" for each in get_close_matches(word[:80], self.listed(), 1))
        raise MultiverseError(
            f"{word[:80]!r} is not offered in the {self._kind} folders{near}; {self._listing} shows what is"
        )

    def without_folders(self, reason: str) -> str:
        """The reason with each file as its word: where the folders lie is no sender's business."""
        for folder in self._folders:
            reason = reason.replace(f"{folder}{os.sep}", "")
        return reason


def folders_offered(configured: Iterable[str], own: str, started_with: str | None) -> list[Path]:
    """The configured folders, else the user's `own`; and the folder of the file, or the folder, that the run began
    with."""
    folders = [Path(folder) for folder in configured] or [Path(own)]
    if started_with is not None:
        path = Path(started_with)
        folders.append(path if os.path.isdir(path) else path.parent)
    return folders
