"""A TOML file that people edit: read whole and bounded, and what is wrong with it is one line."""

from pathlib import Path
from typing import Any

from engine.errors import MultiverseError
from engine.system import small_file


def read_toml(path: Path, what: str, error: type[MultiverseError]) -> dict[str, Any]:
    """The file's content. Waits for the disk.

    Raises FileNotFoundError, and `error` for a file that cannot be used; `what` it should have been is named there.
    """
    try:
        return small_file.read_toml(path)
    except FileNotFoundError:
        raise
    except OSError as reason:
        raise error(f"{path}: cannot be read as a {what} ({reason.strerror or reason})") from None
    except ValueError as reason:
        raise error(f"{path}: is not valid TOML ({' '.join(str(reason).split())})") from None
