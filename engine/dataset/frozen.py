"""A scene as JSON text, to be read, edited by hand, and drawn again: `freeze` and `thaw`.

Every field of description.py under its own name, one thing per line. `multiverse dataset OUT --scene FILE` draws it
again: the same bytes with the same engine, effects and labels, by `seed`, with which Cycles samples, and
`effects_seed`, with which effects are drawn (if it is [], by --seed and the picture's number). A moved thing gets the
ground's height if its `ground_m` is null or left out; a copy without `number` is given a new one. The user's models are
in `assets`, with path and SHA-256, and stand where `placed_assets` says.

Arrays are {"shape", "dtype", "coding", "data"}, compressed by zlib, in Base64. Coding `plain` holds the bytes, rows
first, little endian; `steps` heights in whole tenths of a millimetre, int32, each row as difference to the row before
it and of that to the column before it, bytes of equal significance together: terrain is smooth, and takes 0.3 MB
instead of 0.8.
"""

import base64
import hashlib
import json
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import msgspec
import numpy as np

from engine.dataset.assets.reading import read_asset
from engine.dataset.ground_picture import read_ground_picture
from engine.dataset.scene.description import SiteScene, Terrain
from engine.dataset.scene.limits import check_scene, check_terrain
from engine.errors import UsageError
from engine.system.file_names import escaped, names_device
from engine.system.foreign_data import inflated
from engine.system.small_file import read_small

FORMAT = 1
TENTHS_OF_MM = 1e4
MAX_VALUES = 4097 * 4097  # of one array: heights of the largest terrain
MAX_TENTHS = 2**29  # so that differences fit into 32 bits
OPTION = "--scene"
MAX_BYTES = 256 << 20


def freeze(scene: SiteScene) -> bytes:
    """The scene as JSON in ASCII. The same scene gives the same bytes with the same zlib."""
    values = {"format": FORMAT, **plain(scene)}
    lines = [f"{json.dumps(name)}: {_lines_of(value)}" for name, value in values.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode("ascii")


def thaw(content: bytes, name: str = "scene.json") -> SiteScene:
    """The scene from `freeze`, equal but for the sign of a height of 0. UsageError, with `name`, for anything else."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name}: is no JSON: {error}") from error
    if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
        raise UsageError(f'{name}: is no scene with "format": {FORMAT}')
    try:
        _stand(values)
        _number(values)
        scene = msgspec.convert(values, SiteScene, dec_hook=_unpacked)
        _require_known(values, msgspec.to_builtins(scene, enc_hook=lambda array: {}), "$")
        check_scene(scene)
        return scene
    except (ValueError, RecursionError, MemoryError) as error:
        reason, at, path = str(error).rpartition(" - at `")
        raise UsageError(f"{name}: {path.rstrip('`')}: {reason}" if at else f"{name}: {error}") from error


def plain(value: Any) -> Any:
    """A dataclass, with arrays and numbers of NumPy in it, as JSON values."""
    return msgspec.to_builtins(value, enc_hook=_packed)


def _stand(values: dict[str, Any]) -> None:
    """Give things without `ground_m`, or with null, that of the terrain."""
    lifted = [thing for thing in _things(values) if thing.get("ground_m") is None]
    lifted = [thing for thing in lifted if isinstance(thing.get("x_m"), (int, float, str))]
    if lifted:
        terrain = msgspec.convert(values.get("terrain"), Terrain, dec_hook=_unpacked)
        check_terrain(terrain)
        for thing in lifted:
            place = (msgspec.convert(thing.get(name), float) for name in ("x_m", "y_m"))
            thing["ground_m"] = float(terrain.height_at(*(np.array(metres) for metres in place)))


def _number(values: dict[str, Any]) -> None:
    """Give things without `number`, or with null, numbers above all others."""
    things = _things(values)
    known = [number for thing in things if isinstance(number := thing.get("number"), int)]
    unnumbered = (thing for thing in things if thing.get("number") is None)
    for number, thing in enumerate(unnumbered, max(known, default=0) + 1):
        thing["number"] = number


def _things(values: dict[str, Any]) -> list[dict[str, Any]]:
    lists = [values.get(name) for name in ("piles", "distractors", "placed_assets")]
    return [thing for each in lists if isinstance(each, list) for thing in each if isinstance(thing, dict)]


def _require_known(values: Any, known: Any, where: str) -> None:
    """Raise ValueError for a field that is not one of the scene's, such as a misspelt one. Arrays are not entered."""
    if isinstance(values, dict) and isinstance(known, dict) and known:
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"{where} has no field {name!r}, but {', '.join(known)}")
            _require_known(value, known[name], f"{where}.{name}")
    elif isinstance(values, list) and isinstance(known, (list, tuple)):
        for place, (value, other) in enumerate(zip(values, known, strict=True)):
            if isinstance(value, (dict, list)):
                _require_known(value, other, f"{where}[{place}]")


def _lines_of(value: Any) -> str:
    if isinstance(value, (list, tuple)) and value and not isinstance(value[0], (int, float)):
        return "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"
    if isinstance(value, dict) and value:
        return "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in value.items()) + "\n}"
    return json.dumps(value)


def _packed(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray):
        raise NotImplementedError(f"{type(value).__name__} in a scene")
    steps = _steps_of(value)
    content = np.ascontiguousarray(value.astype(value.dtype.newbyteorder("<"))).tobytes() if steps is None else steps
    return {
        "shape": list(value.shape),
        "dtype": value.dtype.name,
        "coding": "plain" if steps is None else "steps",
        "data": base64.b64encode(zlib.compress(content, 1)).decode("ascii"),
    }


def _steps_of(heights: np.ndarray) -> bytes | None:
    """Differences of heights that are whole tenths of a millimetre, (rows, columns) float32; None for other arrays."""
    if heights.dtype != np.float32 or heights.ndim != 2 or not heights.size:
        return None
    if not (np.abs(heights) < MAX_TENTHS / TENTHS_OF_MM).all():
        return None
    tenths = np.rint(heights.astype(np.float64) * TENTHS_OF_MM).astype(np.int64)
    if not np.array_equal((tenths / TENTHS_OF_MM).astype(np.float32), heights):  # -0.0 equals 0.0
        return None
    steps = np.diff(np.diff(tenths, axis=0, prepend=0), axis=1, prepend=0).astype("<i4")
    return steps.reshape(-1).view(np.uint8).reshape(-1, 4).T.tobytes()


def _unpacked(kind: type, value: Any) -> Any:
    if kind is not np.ndarray:
        raise NotImplementedError(f"{kind.__name__} in a scene")
    if not isinstance(value, dict) or set(value) != {"shape", "dtype", "coding", "data"}:
        raise ValueError("an array is not packed as shape, dtype, coding and data")
    shape = tuple(msgspec.convert(value["shape"], list[int]))
    size = 4 if value["coding"] == "steps" else 8  # a step has four bytes, the widest type eight
    count = math.prod(shape)
    if min(shape, default=0) < 0 or count > MAX_VALUES:
        raise ValueError(f"an array of {count} values; at most {MAX_VALUES} are possible")
    packed = base64.b64decode(msgspec.convert(value["data"], str), validate=True)
    if value["coding"] == "steps":
        data = np.frombuffer(inflated(packed, max_bytes=count * size), np.uint8)
        tenths = data.reshape(4, -1).T.copy().view("<i4").reshape(shape)
        del data
        np.cumsum(tenths, axis=1, out=tenths)  # in place and by rows: the largest terrain has 67 MB
        np.cumsum(tenths, axis=0, out=tenths)
        heights = np.empty(shape, np.float32)
        return np.divide(tenths, TENTHS_OF_MM, out=heights, dtype=np.float64, casting="unsafe")
    content = inflated(packed, max_bytes=count * size)
    if value["coding"] != "plain" or value["dtype"] not in ("float32", "float64", "uint8", "uint16", "uint32", "int64"):
        raise ValueError(f"an array of coding {value['coding']!r} and type {value['dtype']!r} is unknown")
    dtype = np.dtype(value["dtype"])
    return np.frombuffer(content, dtype.newbyteorder("<")).reshape(shape).astype(dtype)


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
    """`FILE,FILE` or a folder of .json files -> the scenes in order, checked with the files they need. UsageError."""
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
    return thaw(content, f"{OPTION} {escaped(file.path)}")


def _checked(path: Path) -> FrozenFile:
    content = _content(path)
    scene = thaw(content, f"{OPTION} {escaped(str(path))}")
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


def _content(path: Path) -> bytes:
    try:
        return read_small(path, max_bytes=MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{OPTION} {escaped(str(path))}: cannot be read ({error.strerror or error})") from None
