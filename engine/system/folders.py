"""Where the user's files live when nobody says otherwise."""

import os
from pathlib import Path


def data_folder() -> Path:
    """The folder of presets and the autosave; `MULTIVERSE_HOME` overrides the system's place for such files."""
    if home := os.environ.get("MULTIVERSE_HOME"):
        return Path(home)
    import platformdirs

    return Path(platformdirs.user_data_dir("Multiverse", appauthor=False))


def presets_folder() -> Path:
    return data_folder() / "presets"


def recordings_folder() -> Path:
    """Recordings and snapshots land beside where the artist works: `recordings` in the current folder."""
    return Path("recordings")
