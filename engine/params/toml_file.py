"""Reads TOML files that people edit, with one-line errors."""

from pathlib import Path
from typing import Any

from engine.errors import MultiverseError
from engine.system import small_file


def read_toml(path: Path, what: str, error: type[MultiverseError]) -> dict[str, Any]:
    """The content of the file. Blocks on the disk.

    Raises FileNotFoundError, and `error` for a file that cannot be used. `what`: the kind of file, for the message.
    """
    try:
        return small_file.read_toml(path)
    except FileNotFoundError:
        raise
    except OSError as reason:
        raise error(f"{path}: cannot be read as a {what} ({reason.strerror or reason})") from None
    except ValueError as reason:
        raise error(f"{path}: is not valid TOML ({' '.join(str(reason).split())})") from None
