"""Reads the header of an ISF file: JSON in the first comment that opens with a brace.

The specification is https://docs.isf.video/ref_json. Files in the wild are less strict, so these
are accepted, too: comments before the header, trailing commas, tabs in texts, numbers and switches
as texts, a minimum above the maximum, and files of version 1 (PERSISTENT_BUFFERS, IMPORTED as a
list). Everything is bounded, since a file may be hostile.
"""

import io
import json
import math
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np

from engine.errors import IsfError
from engine.render.isf.expression import Expression
from engine.render.isf.isf_file import (
    MAX_CHARS,
    MAX_IMPORT_PX,
    Input,
    InputType,
    IsfFile,
    IsfImport,
    IsfInput,
    IsfPass,
)
from engine.render.isf.translate import translate
from engine.system.small_file import read_small
from engine.system.translate_errors import reason_of

MAX_INPUTS: Final = 128
MAX_VALUES: Final = 256  # of a long
MAX_LABEL_CHARS: Final = 100

_TYPES: Final[Mapping[str, InputType]] = {
    **{name.lower(): name for name in get_args(InputType)},
    "int": "long",
}
_COUNTS = {"point2D": 2, "color": 4}
_WHITE = (1.0, 1.0, 1.0, 1.0)
MAX_FILE_BYTES: Final = 32 << 20
MAX_BYTES: Final = 512 << 20  # of all images of a shader, 4 bytes a pixel: eight of the largest
FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
BYTES_PER_PX: Final = 4
MAX_PASSES: Final = 64
MAX_IMPORTS: Final = 16
MAX_CATEGORIES: Final = 64

_PLAIN = re.compile(r"[^\x00-\x08\x0e-\x1f\x7f]*")
_BLANK = re.compile(r"\s*")
# A text that is not closed ends at the end, so that it is not looked for again from each of its
# quotes.
_TEXT_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|,\s*+(?=[}\]])', re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)
_DIVIDED = re.compile(r"\b(?P<name>[A-Za-z_]\w*+)(?:\.\w++)?+\s*+/\s*+RENDERSIZE\b", re.ASCII)


def parse_inputs(declarations: Any) -> tuple[IsfInput, ...]:
    """Parse INPUTS, in the file's order. IsfError."""
    if declarations is None:
        return ()
    if not isinstance(declarations, list):
        raise IsfError("INPUTS is no list")
    if len(declarations) > MAX_INPUTS:
        raise IsfError(f"INPUTS has {len(declarations)} entries: at most {MAX_INPUTS}")
    return tuple(_input(number, each) for number, each in enumerate(declarations))


def _input(number: int, entry: Any) -> IsfInput:
    if not isinstance(entry, dict):
        raise IsfError(f"INPUTS: entry {number} is no object in braces")
    name = entry.get("NAME")
    type_ = _TYPES.get(str(entry.get("TYPE", "")).lower())
    if not isinstance(name, str) or not is_name(name):
        raise IsfError(
            f"INPUTS: NAME {str(name)[:40]!r} of entry {number} is no name that GLSL takes"
        )
    if type_ is None:
        raise IsfError(
            f"input {name}: TYPE {str(entry.get('TYPE'))[:40]!r} is not one of "
            f"{', '.join(_TYPES.values())}"
        )
    label = entry.get("LABEL")
    common: dict[str, Any] = {
        "name": name,
        "type": type_,
        "label": " ".join(label.split())[:MAX_LABEL_CHARS]
        if isinstance(label, str) and label.strip()
        else name,
    }
    if type_ == "long":
        return _long(entry, common)
    if type_ in ("event", "bool"):
        default = type_ == "bool" and _number(entry.get("DEFAULT"), 0.0, name) != 0
        return IsfInput(
            default=default,
            minimum=False,
            maximum=True,
            identity=_identity(entry, type_, name),
            **common,
        )
    if type_ in ("image", "audio", "audioFFT"):
        columns = int(_number(entry.get("MAX"), 0.0, name)) if type_ != "image" else 0
        return IsfInput(default=0, minimum=0, maximum=max(0, columns), **common)
    return _ranged(entry, common)


def _ranged(entry: Mapping[str, Any], common: dict[str, Any]) -> IsfInput:
    """Parse a float, or a vector with a range for each number."""
    name = common["name"]
    type_ = common["type"]
    count = _COUNTS.get(type_, 1)
    low = _numbers(entry.get("MIN"), (0.0,) * count, name)
    high = _numbers(entry.get("MAX"), (1.0,) * count, name)
    middle = tuple((a + b) / 2 for a, b in zip(low, high, strict=True))
    low, high = tuple(map(min, low, high)), tuple(map(max, low, high))
    default = _numbers(entry.get("DEFAULT"), _WHITE if type_ == "color" else middle, name)
    if "MIN" not in entry:
        low = tuple(map(min, low, default))
    if "MAX" not in entry:
        high = tuple(map(max, high, default))
    default = tuple(min(max(each, a), b) for each, a, b in zip(default, low, high, strict=True))
    ends: dict[str, Any] = {"default": default, "minimum": low, "maximum": high}
    if count == 1:
        ends = {
            end: numbers[0]
            for end, numbers in (("default", default), ("minimum", low), ("maximum", high))
        }
    return IsfInput(identity=_identity(entry, type_, name), **ends, **common)


def _long(entry: Mapping[str, Any], common: dict[str, Any]) -> IsfInput:
    name = common["name"]
    raw_values = entry.get("VALUES")
    labels = entry.get("LABELS")
    if isinstance(raw_values, list) and raw_values:
        values = [int(_number(each, 0.0, name)) for each in raw_values[: MAX_VALUES + 1]]
    else:
        low, high = (
            int(_number(entry.get(key), fallback, name))
            for key, fallback in (("MIN", 0.0), ("MAX", 1.0))
        )
        if isinstance(labels, list) and labels and "MAX" not in entry:
            high = low + len(labels) - 1
        values = list(range(min(low, high), min(max(low, high), min(low, high) + MAX_VALUES) + 1))
    if len(values) > MAX_VALUES:
        raise IsfError(f"input {name}: more than {MAX_VALUES} values")
    values = list(dict.fromkeys(values))
    named = [str(each)[:MAX_LABEL_CHARS] for each in labels] if isinstance(labels, list) else []
    named = named[: len(values)] + [str(value) for value in values[len(named) :]]
    default = int(_number(entry.get("DEFAULT"), values[0], name))
    return IsfInput(
        default=default if default in values else values[0],
        minimum=min(values),
        maximum=max(values),
        values=tuple(values),
        labels=tuple(named),
        identity=_identity(entry, "long", name),
        **common,
    )


def _identity(entry: Mapping[str, Any], type_: str, name: str) -> Input | None:
    raw_value = entry.get("IDENTITY")
    if raw_value is None:
        return None
    if type_ in _COUNTS:
        return _numbers(raw_value, (0.0,) * _COUNTS[type_], name)
    number = _number(raw_value, 0.0, name)
    return number != 0 if type_ in ("bool", "event") else int(number) if type_ == "long" else number


def _number(raw_value: Any, fallback: float, name: str) -> float:
    if raw_value is None:
        return fallback
    if isinstance(raw_value, list):
        raw_value = raw_value[0] if raw_value else fallback
    if isinstance(raw_value, str):
        switches = {"true": "1", "false": "0", "yes": "1", "no": "0"}
        raw_value = switches.get(raw_value.strip().lower(), raw_value)
    try:
        number = float(raw_value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) < 1e30:  # not a number, or infinite
        raise IsfError(f"input {name}: {str(raw_value)[:40]!r} is no number")
    return number


def _numbers(raw_value: Any, fallback: tuple[float, ...], name: str) -> tuple[float, ...]:
    """Parse as many numbers as the fallback has; missing ones come from it."""
    if raw_value is None:
        return fallback
    each = raw_value if isinstance(raw_value, list) else [raw_value] * len(fallback)
    numbers = tuple(_number(number, 0.0, name) for number in each[: len(fallback)])
    return numbers + fallback[len(numbers) :]


def read_images(files: Iterable[str], shader: Path | None) -> dict[str, np.ndarray]:
    """Read images by their names in the header, (height, width, 4) uint8 RGBA. IsfError. Waits for
    the disk.

    Row 0 is the top. A file that is named twice, in whatever way, is read once: both names get the
    same array."""
    by_path: dict[str, np.ndarray] = {}
    by_name: dict[str, np.ndarray] = {}
    for file in files:
        if file not in by_name:
            if shader is None:
                raise IsfError(
                    f"IMPORTED image {file[:80]!r}: a text without a file has no folder to find "
                    "it in"
                )
            try:
                path = os.path.realpath(shader.parent / file)
            except (OSError, ValueError) as error:
                raise _unreadable(file, error) from error
            if path not in by_path:
                by_path[path] = _read(
                    file, shader.parent, sum(each.nbytes for each in by_path.values())
                )
            by_name[file] = by_path[path]
    return by_name


def _read(file: str, folder: Path, used_bytes: int) -> np.ndarray:
    """Read one image. used_bytes: Size of the shader's other images."""
    from PIL import Image, ImageOps  # not needed by the frame loop

    try:
        raw = io.BytesIO(read_small(folder / file, max_bytes=MAX_FILE_BYTES, inside=folder))
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(raw, formats=FORMATS) as image:
                width, height = image.size
                if max(width, height) > MAX_IMPORT_PX:
                    size = f"{width}x{height} px"
                    raise IsfError(
                        f"IMPORTED image {file[:80]!r} has {size}: at most {MAX_IMPORT_PX} a side"
                    )
                if used_bytes + width * height * BYTES_PER_PX > MAX_BYTES:
                    most = f"at most {MAX_BYTES >> 20} MB"
                    raise IsfError(
                        f"with IMPORTED image {file[:80]!r} the images take too much memory: "
                        f"{most} together"
                    )
                return np.array(ImageOps.exif_transpose(image).convert("RGBA"))
    except (IsfError, MemoryError):
        raise
    except Exception as error:
        # decoders raise whatever a damaged file makes them trip over: struct.error, KeyError
        raise _unreadable(file, error) from error


def _unreadable(file: str, error: Exception) -> IsfError:
    return IsfError(f"IMPORTED image {file[:80]!r} cannot be read: {reason_of(error)}")


def parse_isf(text: str, *, path: Path | None, vertex: str | None = None) -> IsfFile:
    """Parse and translate a shader. IsfError with the line and one clear reason.

    Not in the engine's own process, except for texts of its own: a file may be anything. `path` is
    the file that it was read from, in whose folder the IMPORTED images lie; `vertex` the text of
    its vertex shader. Waits for the disk."""
    _require_plain(text)
    header, fragment = _split(text)
    if vertex is not None:
        _require_plain(vertex)
    inputs = parse_inputs(header.get("INPUTS"))
    passes = _passes(header, inputs)
    if vertex is None and any(each.points is not None for each in passes):
        raise IsfError(
            "PASSES: POINTS need a vertex shader, which places them: a .vs file of the same name"
        )
    images = _imports(header.get("IMPORTED"))
    names = Counter(
        [*(each.name for each in inputs), *images, *{each.target for each in passes if each.target}]
    )
    if twice := [name for name, count in names.items() if count > 1]:
        raise IsfError(
            f"the name {twice[0]!r} is used twice; inputs, targets and images need different ones"
        )
    inputs = tuple(_in_pixels(inputs, header, fragment + (vertex or "")))
    texts = translate(fragment, vertex, inputs=inputs, passes=passes, images=images)
    pixels = read_images(images.values(), path)
    return IsfFile(
        path=path,
        title=path.stem if path is not None else "shader",
        description=_text(header.get("DESCRIPTION")),
        credit=_text(header.get("CREDIT")),
        categories=tuple(
            _text(each)
            for each in _list(header.get("CATEGORIES", []), "CATEGORIES")[:MAX_CATEGORIES]
        ),
        inputs=inputs,
        passes=passes,
        imports=tuple(IsfImport(name=name, pixels=pixels[file]) for name, file in images.items()),
        texts=texts,
    )


def _require_plain(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise IsfError(f"the file has {len(text)} characters: at most {MAX_CHARS}")
    plain = _PLAIN.match(text)
    assert plain is not None
    if plain.end() < len(text):
        raise IsfError(
            f"character {ord(text[plain.end()]):#04x} is no text", _line_of(text, plain.end())
        )


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _split(text: str) -> tuple[dict[str, Any], str]:
    """Return the header, and the text with empty lines instead of it."""
    text = text.removeprefix("\ufeff")
    opening, start = _opening(text)
    header, end = _decode(text, start)
    closing = _blank_end(text, end)
    if not text.startswith("*/", closing):
        raise IsfError(
            "the header's comment is not closed with */ after its last brace", _line_of(text, end)
        )
    end = closing + 2
    return header, text[:opening] + "\n" * text.count("\n", opening, end) + text[end:]


def _opening(text: str) -> tuple[int, int]:
    """Find the start of the header's comment and its first brace, after other comments and
    directives."""
    position = _blank_end(text, 0)
    while position < len(text):
        end = -1
        if text.startswith("/*", position):
            brace = _blank_end(text, position + 2)
            if text.startswith("{", brace):
                return position, brace
            end = text.find("*/", position + 2) + 1
        elif text.startswith("//", position) or text[position] == "#":
            end = text.find("\n", position)
        if end <= 0:
            break
        position = _blank_end(text, end + 1)
    raise IsfError("no JSON header: an ISF file begins with /*{ ... }*/", 1)


def _blank_end(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    assert match is not None
    return match.end()


def _decode(text: str, start: int) -> tuple[dict[str, Any], int]:
    decoder = json.JSONDecoder(strict=False)
    try:
        return decoder.raw_decode(text, start)
    except RecursionError:
        raise IsfError("the header is nested too deeply", _line_of(text, start)) from None
    except ValueError as error:
        # Trailing commas become spaces, so that the length stays the same.
        fixed = _TEXT_OR_COMMA.sub(
            lambda match: f" {match[0][1:]}" if match[0][0] == "," else match[0], text[start:]
        )
        try:
            header, end = decoder.raw_decode(fixed)
        except (ValueError, RecursionError):
            position = error.pos if isinstance(error, json.JSONDecodeError) else start
            message = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise IsfError(f"the header is no JSON: {message}", _line_of(text, position)) from None
        return header, start + end


def _passes(header: Mapping[str, Any], inputs: tuple[IsfInput, ...]) -> tuple[IsfPass, ...]:
    persistent = _version_1_buffers(header.get("PERSISTENT_BUFFERS", {}))
    declarations = _list(header.get("PASSES") or [{}], "PASSES")
    if len(declarations) > MAX_PASSES:
        raise IsfError(f"PASSES has {len(declarations)} entries: at most {MAX_PASSES}")
    numbers = (
        each.name
        for each in inputs
        if each.type in ("float", "long", "bool", "event") or each.is_source_map
    )
    names = {"WIDTH", "HEIGHT", *numbers}
    passes: list[IsfPass] = []
    for number, entry in enumerate(declarations):
        if not isinstance(entry, dict):
            raise IsfError(f"PASSES: entry {number} is no object in braces")
        target = entry.get("TARGET") or None
        if target is not None and not is_name(target):
            raise IsfError(f"PASSES: TARGET {str(target)[:40]!r} is no name")
        old = persistent.get(target, {}) if target is not None else {}
        settings = {**old, **entry}
        is_persistent = (
            _is_on(settings.get("PERSISTENT", settings.get("persistent", False)))
            or target in persistent
        )
        passes.append(
            IsfPass(
                target=target,
                is_persistent=is_persistent,
                is_float=_is_on(settings.get("FLOAT", settings.get("float", False))),
                width=_size(settings.get("WIDTH", settings.get("width")), names),
                height=_size(settings.get("HEIGHT", settings.get("height")), names),
                points=_size(settings.get("POINTS"), names),
            )
        )
        if target is None and passes[-1].points is not None:
            raise IsfError("PASSES: POINTS need a TARGET, which a later pass draws")
    return tuple(passes)


def _version_1_buffers(raw_value: Any) -> dict[str, dict[str, Any]]:
    if isinstance(raw_value, list):
        return {name: {} for name in raw_value if isinstance(name, str)}
    if not isinstance(raw_value, dict):
        raise IsfError("PERSISTENT_BUFFERS is neither a list nor an object")
    return {name: each if isinstance(each, dict) else {} for name, each in raw_value.items()}


def _size(raw_value: Any, names: set[str]) -> Expression | None:
    if raw_value is None or raw_value == "":
        return None
    if isinstance(raw_value, bool) or not isinstance(raw_value, (str, int, float)):
        raise IsfError('PASSES: WIDTH, HEIGHT and POINTS are numbers or texts like "$WIDTH / 2"')
    return Expression.compile(str(raw_value), names)


def _imports(declarations: Any) -> dict[str, str]:
    """Return the images' files by name."""
    if declarations is None:
        return {}
    if isinstance(declarations, list):  # version 1
        declarations = {each.get("NAME"): each for each in declarations if isinstance(each, dict)}
    if not isinstance(declarations, dict):
        raise IsfError("IMPORTED is neither an object nor a list")
    if len(declarations) > MAX_IMPORTS:
        raise IsfError(f"IMPORTED has {len(declarations)} images: at most {MAX_IMPORTS}")
    images: dict[str, str] = {}
    for name, entry in declarations.items():
        if not is_name(name):
            raise IsfError(f"IMPORTED: {str(name)[:40]!r} is no name")
        file = entry.get("PATH") if isinstance(entry, dict) else entry
        if not isinstance(file, str):
            raise IsfError(
                f"IMPORTED: {name} has no PATH of one image (cube maps are not supported)"
            )
        images[name] = file
    return images


def _in_pixels(
    inputs: tuple[IsfInput, ...], header: Mapping[str, Any], text: str
) -> Iterator[IsfInput]:
    """Mark points in pixels: without a range, and divided by RENDERSIZE in the shader, as in
    version 1."""
    with_range = {
        each["NAME"] for each in header.get("INPUTS") or () if "MIN" in each or "MAX" in each
    }
    divided = {match["name"] for match in _DIVIDED.finditer(text)}
    for each in inputs:
        is_plain = each.type == "point2D" and (each.minimum, each.maximum) == (
            (0.0, 0.0),
            (1.0, 1.0),
        )
        yield replace(
            each, is_in_pixels=is_plain and each.name in divided and each.name not in with_range
        )


def is_name(text: Any) -> bool:
    """Return True for a text that GLSL accepts as an identifier."""
    return (
        isinstance(text, str)
        and len(text) <= 64
        and _NAME.match(text) is not None
        and not text.startswith("gl_")
    )


def _list(raw_value: Any, key: str) -> list[Any]:
    if isinstance(raw_value, str):
        return [raw_value]
    if not isinstance(raw_value, list):
        raise IsfError(f"{key} is no list")
    return raw_value


def _text(raw_value: Any) -> str:
    return " ".join(raw_value.split())[:1000] if isinstance(raw_value, str) else ""


def _is_on(raw_value: Any) -> bool:
    return (
        raw_value.strip().lower() in ("true", "yes", "1")
        if isinstance(raw_value, str)
        else bool(raw_value)
    )
