"""A scene as JSON text, to be read, edited by hand, and drawn again: `freeze` and `thaw`.

The file has every field of description.py under its own name, one thing per line. `multiverse
dataset OUT --scene FILE` draws it again, to the same bytes with the same engine, effects and
labels. Cycles samples by `seed`; effects are drawn by `effects_seed`, or if that is [] by --seed
and the picture's number. A moved thing gets the terrain's height if its `ground_m` is null or left
out; a copy without `number` gets a new one. The user's models are in `assets`, with path and
SHA-256; `placed_assets` has their positions.

Arrays are {"shape", "dtype", "coding", "data"}, compressed by zlib, in Base64. Coding `plain` holds
bytes, row-major, little endian. Coding `steps` holds heights in whole tenths of a millimetre,
int32, as differences between rows and then between columns, with bytes of equal significance
together: smooth terrain takes 0.3 MB instead of 0.8.
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
from engine.dataset.ground_texture import read_ground_texture
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
    """Encode the scene as JSON in ASCII. The same scene gives the same bytes with the same zlib."""
    values = {"format": FORMAT, **plain(scene)}
    lines = [f"{json.dumps(name)}: {_lines_of(value)}" for name, value in values.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode("ascii")


def thaw(content: bytes, name: str = "scene.json") -> SiteScene:
    """Decode the scene from `freeze`, equal but for the sign of a height of 0. UsageError, with
    `name`, if invalid."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name}: is no JSON: {error}") from error
    if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
        raise UsageError(f'{name}: is no scene with "format": {FORMAT}')
    try:
        _fill_ground_heights(values)
        _fill_numbers(values)
        scene = msgspec.convert(values, SiteScene, dec_hook=_decode_array)
        _require_known_fields(values, msgspec.to_builtins(scene, enc_hook=lambda array: {}), "$")
        check_scene(scene)
        return scene
    except (ValueError, RecursionError, MemoryError) as error:
        reason, at, path = str(error).rpartition(" - at `")
        raise UsageError(
            f"{name}: {path.rstrip('`')}: {reason}" if at else f"{name}: {error}"
        ) from error


def plain(value: Any) -> Any:
    """Convert a dataclass, with arrays and numbers of NumPy in it, to JSON values."""
    return msgspec.to_builtins(value, enc_hook=_encode_array)


def _fill_ground_heights(values: dict[str, Any]) -> None:
    """Set the `ground_m` of things that have none, or null, to the terrain's height."""
    unplaced = [thing for thing in _things(values) if thing.get("ground_m") is None]
    unplaced = [thing for thing in unplaced if isinstance(thing.get("x_m"), (int, float, str))]
    if unplaced:
        terrain = msgspec.convert(values.get("terrain"), Terrain, dec_hook=_decode_array)
        check_terrain(terrain)
        for thing in unplaced:
            position = (msgspec.convert(thing.get(name), float) for name in ("x_m", "y_m"))
            thing["ground_m"] = float(terrain.height_at(*(np.array(metres) for metres in position)))


def _fill_numbers(values: dict[str, Any]) -> None:
    """Number the things that have no `number`, or null, above all others."""
    things = _things(values)
    known = [number for thing in things if isinstance(number := thing.get("number"), int)]
    unnumbered = (thing for thing in things if thing.get("number") is None)
    for number, thing in enumerate(unnumbered, max(known, default=0) + 1):
        thing["number"] = number


def _things(values: dict[str, Any]) -> list[dict[str, Any]]:
    lists = [values.get(name) for name in ("piles", "distractors", "placed_assets")]
    return [
        thing
        for each in lists
        if isinstance(each, list)
        for thing in each
        if isinstance(thing, dict)
    ]


def _require_known_fields(values: Any, known_fields: Any, where: str) -> None:
    """Raise ValueError for a field that is not one of the scene's, such as a misspelt one. Arrays
    are not entered."""
    if isinstance(values, dict) and isinstance(known_fields, dict) and known_fields:
        for name, value in values.items():
            if name not in known_fields:
                raise ValueError(f"{where} has no field {name!r}, but {', '.join(known_fields)}")
            _require_known_fields(value, known_fields[name], f"{where}.{name}")
    elif isinstance(values, list) and isinstance(known_fields, (list, tuple)):
        for index, (value, other) in enumerate(zip(values, known_fields, strict=True)):
            if isinstance(value, (dict, list)):
                _require_known_fields(value, other, f"{where}[{index}]")


def _lines_of(value: Any) -> str:
    if isinstance(value, (list, tuple)) and value and not isinstance(value[0], (int, float)):
        return "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"
    if isinstance(value, dict) and value:
        return (
            "{\n"
            + ",\n".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in value.items())
            + "\n}"
        )
    return json.dumps(value)


def _encode_array(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray):
        raise NotImplementedError(f"{type(value).__name__} in a scene")
    steps = _second_differences(value)
    content = (
        np.ascontiguousarray(value.astype(value.dtype.newbyteorder("<"))).tobytes()
        if steps is None
        else steps
    )
    return {
        "shape": list(value.shape),
        "dtype": value.dtype.name,
        "coding": "plain" if steps is None else "steps",
        "data": base64.b64encode(zlib.compress(content, 1)).decode("ascii"),
    }


def _second_differences(heights: np.ndarray) -> bytes | None:
    """Differences of heights that are whole tenths of a millimetre, (rows, columns) float32; None
    for other arrays."""
    if heights.dtype != np.float32 or heights.ndim != 2 or not heights.size:
        return None
    if not (np.abs(heights) < MAX_TENTHS / TENTHS_OF_MM).all():
        return None
    tenths = np.rint(heights.astype(np.float64) * TENTHS_OF_MM).astype(np.int64)
    if not np.array_equal((tenths / TENTHS_OF_MM).astype(np.float32), heights):  # -0.0 equals 0.0
        return None
    steps = np.diff(np.diff(tenths, axis=0, prepend=0), axis=1, prepend=0).astype("<i4")
    return steps.reshape(-1).view(np.uint8).reshape(-1, 4).T.tobytes()


def _decode_array(kind: type, value: Any) -> Any:
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
    if value["coding"] != "plain" or value["dtype"] not in (
        "float32",
        "float64",
        "uint8",
        "uint16",
        "uint32",
        "int64",
    ):
        raise ValueError(
            f"an array of coding {value['coding']!r} and type {value['dtype']!r} is unknown"
        )
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
    site: tuple[int, ...] = ()  # seed of the scene that it is a view of; () if the file has none

    def __str__(self) -> str:
        return escaped(Path(self.path).name)


def parse_frozen(text: str) -> tuple[FrozenFile, ...]:
    """`FILE,FILE` or a folder of .json files -> the scenes in order, checked with the files they
    need. UsageError."""
    named = Path(text).expanduser()
    # Not Path.exists, which raises an OSError for a list that is too long for a name.
    is_list = "," in text and not os.path.exists(named)
    paths = [Path(part).expanduser() for part in text.split(",")] if is_list else [named]
    found: list[FrozenFile] = []
    for path in paths:
        if not os.path.isdir(path):
            found.append(_check_file(path))
            continue
        inside = sorted(path.glob("*.json"))
        if not inside:
            raise UsageError(f"{OPTION} {escaped(str(path))}: has no .json files")
        found += map(_check_file, inside)
    return tuple(found)


def read_frozen(file: FrozenFile) -> SiteScene:
    """Read the scene of a frozen file. UsageError if the file has changed since `parse_frozen`."""
    content = _content(Path(file.path))
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise UsageError(
            f"{OPTION} {escaped(file.path)}: has changed since the run began; start the run again"
        )
    return thaw(content, f"{OPTION} {escaped(file.path)}")


def _check_file(path: Path) -> FrozenFile:
    content = _content(path)
    scene = thaw(content, f"{OPTION} {escaped(str(path))}")
    named = [asset.path for asset in scene.assets] + (
        [scene.ground.picture.path] if scene.ground.picture else []
    )
    for foreign in named:
        if names_device(PureWindowsPath(foreign).name):
            text = f"{OPTION} {escaped(str(path))}: names {escaped(foreign)}"
            raise UsageError(f"{text}, which Windows reserves for a device; rename it")
    for asset in scene.assets:
        read_asset(asset)
    if scene.ground.picture is not None:
        read_ground_texture(scene.ground.picture)
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
        raise UsageError(
            f"{OPTION} {escaped(str(path))}: cannot be read ({error.strerror or error})"
        ) from None
