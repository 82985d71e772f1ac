"""Default folders of the user's files."""

import os
import sys
from pathlib import Path


def data_folder() -> Path:
    """Folder of the presets and the autosave: the system's usual place, or `MULTIVERSE_HOME` if
    that is set."""
    if home := os.environ.get("MULTIVERSE_HOME"):
        return Path(home)
    import platformdirs

    return Path(platformdirs.user_data_dir("Multiverse", appauthor=False))


def presets_folder() -> Path:
    return data_folder() / "presets"


def stills_folder() -> Path:
    return data_folder() / "stills"


def isf_folders() -> tuple[Path, ...]:
    """Folders in which programs of this system look for ISF shaders, the user's own first. They
    need not exist. macOS and Windows: as https://docs.isf.video/ref_index says; Linux has no
    convention, so the XDG data folder."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Graphics" / "ISF", Path("/Library/Graphics/ISF")
    if sys.platform == "win32":
        return (Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "ISF",)
    return (Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "ISF",)


def recordings_folder() -> Path:
    """Folder of recordings and snapshots: `recordings` in the current folder, where the artist
    works."""
    return Path("recordings")
