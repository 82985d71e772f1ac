"""Scenes of `scenes/*.json` that are drawn again: found, read and checked when they are named."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from engine.dataset.assets.reading import read_asset
from engine.dataset.frozen import thaw
from engine.dataset.ground_picture import read_ground_picture
from engine.dataset.scene.description import SiteScene
from engine.errors import SourceError, UsageError
from engine.system.file_names import escaped, names_device
from engine.system.small_file import read_small

OPTION = "--scene"
MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenFile:
    path: str
    sha256: str
    size_px: tuple[int, int]  # width and height of its picture
    sensor_width_px: int  # more than the picture's width if that is a window
    gsd_cm: float  # ground sample distance
    classes: tuple[str, ...]  # classes of the models in it
    site: tuple[int, ...] = ()  # seed of the scene that it is a view of; () if the file does not tell

    def __str__(self) -> str:
        return escaped(Path(self.path).name)


def parse_frozen(text: str) -> tuple[FrozenFile, ...]:
    """`FILE,FILE` or a folder of .json files -> the scenes, in order, read and checked with the files they need.

    UsageError, in one line, for the first that cannot be drawn.
    """
    named = Path(text).expanduser()
    # Not Path.exists, which raises an OSError for a list that is too long for a name.
    is_list = "," in text and not os.path.exists(named)
    paths = [Path(part).expanduser() for part in text.split(",")] if is_list else [named]
    found: list[FrozenFile] = []
    for path in paths:
        if not os.path.isdir(path):
            found.append(_checked(path))
            continue
        inside = sorted(path.glob("*.json"))
        if not inside:
            raise UsageError(f"{OPTION} {escaped(str(path))}: has no .json files")
        found += map(_checked, inside)
    return tuple(found)


def read_frozen(file: FrozenFile) -> SiteScene:
    """The scene. UsageError if the file has changed since it was named."""
    content = _content(Path(file.path))
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise UsageError(f"{OPTION} {escaped(file.path)}: has changed since the run began; start the run again")
    return _thawed(content, file.path)


def _checked(path: Path) -> FrozenFile:
    content = _content(path)
    scene = _thawed(content, str(path))
    named = [asset.path for asset in scene.assets] + ([scene.ground.picture.path] if scene.ground.picture else [])
    for foreign in named:
        if names_device(PureWindowsPath(foreign).name):
            words = f"{OPTION} {escaped(str(path))}: names {escaped(foreign)}"
            raise UsageError(f"{words}, which Windows reserves for a device; rename it")
    for asset in scene.assets:
        read_asset(asset)
    if scene.ground.picture is not None:
        read_ground_picture(scene.ground.picture)
    return FrozenFile(
        path=str(path.absolute()),
        sha256=hashlib.sha256(content).hexdigest(),
        size_px=(scene.camera.width_px, scene.camera.height_px),
        sensor_width_px=scene.camera.sensor_width_px,
        gsd_cm=100 * scene.camera.gsd_m,
        classes=tuple(dict.fromkeys(asset.category for asset in scene.assets)),
        site=scene.effects_seed[:-1],
    )


def _thawed(content: bytes, path: str) -> SiteScene:
    try:
        return thaw(content, f"{OPTION} {escaped(path)}")
    except SourceError as error:
        raise UsageError(str(error)) from error


def _content(path: Path) -> bytes:
    try:
        return read_small(path, max_bytes=MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{OPTION} {escaped(str(path))}: cannot be read ({error.strerror or error})") from None
