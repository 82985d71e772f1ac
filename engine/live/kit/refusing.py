"""Conditions and look-ups that the entries of the live models share.

The command line and the configuration may name any file. Over OSC only files in the configured
folders are allowed, so that no sender can make the engine read the rest of the disk.
"""

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import osc_schema
from engine.live.kit.live_model import Check
from engine.system.file_names import clean_name
from osc_schema import Rejected, Value

MAX_COMPARED = 200  # 4 ms: this runs on a thread that the picture shares the interpreter with
WITHOUT_CAMERA = (
    "no camera is open: choose one (/camera/open), or start with `multiverse run "
    "--camera INDEX` or a file"
)


def refusing(address: str, reason: str, *values: Value) -> tuple[str, Check]:
    """A condition that refuses these values of a parameter; without any, all but the default, which
    presets contain."""
    param = osc_schema.lookup(address)
    assert param is not None

    def check(value: Value) -> None:
        if value in values if values else value != param.default:
            raise Rejected(f"{address}: {reason}")

    return address, check


def refuse_missing_source(
    name: str, video: str, has_camera: Callable[[], bool]
) -> tuple[str, Check]:
    """A condition that refuses the items `video` and `camera` of `/NAME/source` while there is
    none."""
    address = f"/{name}/source"
    without_video = (
        f"no video is configured: start with `multiverse run --{name}-video FILE`, or "
        f"set video under [{name}]"
    )

    def check(source: Value) -> None:
        if source == "video" and not video:
            raise Rejected(f"{address}: {without_video}")
        if source == "camera" and not has_camera():  # it may be opened later
            raise Rejected(f"{address}: {WITHOUT_CAMERA}")

    return address, check


def refuse_unresolved(address: str, find: Callable[[str], object]) -> tuple[str, Check]:
    """A condition that refuses names for which `find` raises ValueError."""

    def check(name: Value) -> None:
        try:
            find(str(name))
        except ValueError as reason:
            raise Rejected(f'{address}: "{name}": {reason}') from None

    return address, check


def find_named(
    name: str,
    folders: Iterable[str | Path],
    *,
    may_be_folder: bool = True,
    searched: Iterable[str | Path] = (),
) -> Path:
    """Path of the named file or folder in the first of `folders` that contains it; else ValueError,
    which names `searched` instead of them if that is given."""
    name = clean_name(name)
    seen = []
    for folder in folders:
        seen.append(folder)
        path = Path(folder).expanduser() / name
        if path.is_file() or (may_be_folder and path.exists()):
            return path.absolute()
    beside = (path.name for folder in seen for path in _inside(Path(folder).expanduser()))
    alike = difflib.get_close_matches(name, islice(beside, MAX_COMPARED), 3)
    nearest = f" (nearest: {', '.join(alike)})" if alike else ""
    raise ValueError(f"is not in {', '.join(map(str, searched or seen))}{nearest}")


def _inside(folder: Path) -> Iterator[Path]:
    """The entries of a folder; none if it cannot be read."""
    with suppress(OSError):
        yield from folder.iterdir()


def names_in(
    folders: Iterable[str | Path], suffixes: Collection[str], holding: str = ""
) -> list[str]:
    """The names for `find_named`: files with these suffixes, folders with a file named `holding`.
    Reads the disk."""
    found: dict[str, None] = {}
    for folder in folders:
        with suppress(OSError):  # a drive that is not connected
            for path in sorted(Path(folder).expanduser().iterdir()):
                is_folder = bool(holding) and (path / holding).is_file()
                if is_folder or (path.suffix.lower() in suffixes and path.is_file()):
                    with suppress(ValueError):
                        found[clean_name(path.name)] = None
    return list(found)
