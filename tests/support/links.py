"""Files and folders under a second name, as links where everybody may make them."""

import os
import shutil
from pathlib import Path


def link_or_copy(path: Path, target: Path) -> None:
    """Make `path` a link to `target`, a file or a folder. On Windows, where links need a right, it
    is a copy."""
    if os.name == "posix":
        path.symlink_to(target)
    elif target.is_dir():
        shutil.copytree(target, path)
    else:
        shutil.copyfile(target, path)
