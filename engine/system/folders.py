"""Default folders of the user's files."""

import os
from pathlib import Path


def data_folder() -> Path:
    """Folder of the presets and the autosave: the system's usual place, or `MULTIVERSE_HOME` if that is set."""
    if home := os.environ.get("MULTIVERSE_HOME"):
        return Path(home)
    import platformdirs

    return Path(platformdirs.user_data_dir("Multiverse", appauthor=False))


def presets_folder() -> Path:
    """Folder of the presets."""
    return data_folder() / "presets"


def recordings_folder() -> Path:
    """Folder of recordings and snapshots: `recordings` in the current folder, where the artist works."""
    return Path("recordings")
