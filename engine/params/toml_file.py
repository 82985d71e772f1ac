"""A TOML file that people edit: read whole and bounded, and what is wrong with it is one line."""

import tomllib
from pathlib import Path
from typing import Any

from engine.errors import MultiverseError

LARGEST_FILE_BYTES = 1 << 20  # a hundred times a full preset


def read_toml(path: Path, what: str, error: type[MultiverseError]) -> dict[str, Any]:
    """The file's content. Waits for the disk.

    Raises FileNotFoundError, and `error` for a file that cannot be used; `what` it should have been is named there.
    """
    try:
        with open(path, "rb") as file:
            raw = file.read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as reason:
        raise error(f"{path}: cannot be read ({reason.strerror or reason})") from None
    if len(raw) > LARGEST_FILE_BYTES:
        raise error(f"{path}: is no {what} (larger than {LARGEST_FILE_BYTES >> 20} MiB)")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as reason:
        raise error(f"{path}: is not valid TOML ({' '.join(str(reason).split())})") from None
