"""The text of --asset: NAME=FILE and its settings."""

import re
from dataclasses import dataclass
from pathlib import Path

from engine.dataset.assets.reading import OPTION, read_model
from engine.dataset.scene.description import Asset, UpAxis
from engine.dataset.scene.things import CATEGORIES, DistractorKind, PileKind
from engine.errors import UsageError
from engine.jobs.kit import parse_span
from engine.system.file_names import escaped

Count = tuple[int, int]
SETTINGS = ("scale", "count", "class", "up")
MAX_COUNT = 1000
MIN_SIZE_M, MAX_SIZE_M = 0.02, 60.0
UP_OF: dict[str, UpAxis] = {".ply": "z", ".stl": "z"}
"""Formats of measuring and of machine parts have z up; glTF by its standard, and OBJ by custom,
have y up."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenAsset:
    """A model, and how many of it a scene has."""

    asset: Asset
    count: Count | None = None  # lowest and highest number; None: the recipe's, or as many as fit

    def __str__(self) -> str:
        """The option's text, without the folder."""
        own = self.asset
        count = "" if self.count is None else f",count={self.count[0]}..{self.count[1]}"
        file = Path(own.path).name
        text = f"{own.name}={file},scale={own.scale:g}{count},class={own.category},up={own.up}"
        return escaped(text)


def parse_asset(text: str) -> ChosenAsset:
    """`crane=crane.glb,scale=0.01,count=1..3,class=machine` -> the model, read and measured.
    UsageError in one line."""
    quoted = escaped(text)
    name, equals, rest = text.partition("=")
    if not equals or not rest:
        raise UsageError(f"{OPTION} {quoted}: is not NAME=FILE, such as crane=crane.glb")
    _check_name(name, f"{OPTION} {quoted}")
    if name in CATEGORIES or name in (*DistractorKind, *PileKind):
        raise UsageError(
            f"{OPTION} {quoted}: {name} is a thing that there is already; give another name, or "
            f"class={name}"
        )
    file, settings = _settings(rest, quoted)
    path = Path(file).expanduser().absolute()
    prefix = f"{OPTION} {name}: {escaped(str(path))}"
    category = settings.get("class", name)
    _check_name(category, f"{OPTION} {quoted}: class")
    up = UP_OF.get(path.suffix.lower(), "y")
    if "up" in settings:
        if settings["up"] not in ("y", "z"):
            raise UsageError(f"{OPTION} {quoted}: up is y or z")
        up = "z" if settings["up"] == "z" else "y"
    scale = _scale(settings.get("scale", "1"), quoted)
    count = _count(settings["count"], quoted) if "count" in settings else None
    model = read_model(path, up, scale, prefix)
    if not MIN_SIZE_M <= max(model.size_m) <= MAX_SIZE_M:
        raise UsageError(
            f"{prefix}: is {' x '.join(f'{side_m:.3g}' for side_m in model.size_m)} m; its "
            "longest side may be "
            f"{MIN_SIZE_M:g} to {MAX_SIZE_M:g} m; give scale=, such as scale=0.01 for a file in "
            "centimetres"
        )
    asset = Asset(
        name=name,
        path=str(path),
        sha256=model.sha256,
        category=category,
        scale=scale,
        up=up,
        size_m=model.size_m,
    )
    return ChosenAsset(asset=asset, count=count)


def _settings(text: str, quoted: str) -> tuple[str, dict[str, str]]:
    settings: dict[str, str] = {}
    while True:
        before, comma, last = text.rpartition(",")
        name, equals, value = last.partition("=")
        if not (comma and equals) or not name.isidentifier() or Path(text).exists():
            return text, settings
        if name not in SETTINGS:
            raise UsageError(f"{OPTION} {quoted}: {name} is not one of {', '.join(SETTINGS)}")
        if name in settings:
            raise UsageError(f"{OPTION} {quoted}: {name} is given twice")
        settings[name] = value
        text = before


def _check_name(name: str, prefix: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{prefix}: {escaped(name)!r} is no name; use up to 40 letters, digits, _ and -, "
            "beginning with a letter"
        )


def _scale(text: str, quoted: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 1e-6 <= scale <= 1e6:
        raise UsageError(f"{OPTION} {quoted}: scale={text} is not a factor of 0.000001 to 1000000")
    return scale


def _count(text: str, quoted: str) -> Count:
    try:
        low, high = parse_span(text)
    except UsageError as error:
        raise UsageError(f"{OPTION} {quoted}: count: {error}") from None
    if low != int(low) or high != int(high) or low < 0 or high > MAX_COUNT:
        raise UsageError(
            f"{OPTION} {quoted}: count={text} is not a whole number or range within 0..{MAX_COUNT}"
        )
    return int(low), int(high)
