"""Reads the header of an ISF file: JSON in the first comment that opens with a brace.

The specification is https://docs.isf.video/ref_json. Files in the wild are less strict, so these are accepted, too:
comments before the header, trailing commas, tabs in texts, numbers and switches as texts, a minimum above the maximum,
and files of version 1 (PERSISTENT_BUFFERS, IMPORTED as a list). Everything is bounded, since a file may be hostile.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from engine.errors import IsfError
from engine.render.isf.expression import Expression
from engine.render.isf.images import read_image
from engine.render.isf.inputs import parse_inputs
from engine.render.isf.isf_file import IsfFile, IsfImport, IsfInput, IsfPass
from engine.system.small_file import read_small

MAX_CHARS: Final = 256 * 1024  # the largest of 321 public shaders has 24 KB
MAX_PASSES: Final = 64
MAX_IMPORTS: Final = 16

_BEFORE = re.compile(r"\ufeff?(?:\s|//[^\n]*\n|/\*(?!\s*\{).*?\*/|#[^\n]*\n)*", re.DOTALL)
_OPENING = re.compile(r"/\*\s*(?=\{)")
_TEXT_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)


def parse_isf(text: str, *, path: Path | None) -> IsfFile:
    """The shader in this text. IsfError with the line and one clear reason.

    `path` is the file it was read from: beside it lies a vertex shader with the suffix .vs, in its folder the IMPORTED
    images. Both are read here, so call this on a thread that may wait for a disk.
    """
    _require_plain(text)
    header, fragment = _split(text)
    inputs = parse_inputs(header.get("INPUTS"))
    passes = _passes(header, inputs)
    imports = _imports(header.get("IMPORTED"), path)
    names = [*(each.name for each in inputs), *(each.name for each in imports)]
    twice = [name for name in names if names.count(name) > 1]
    targets = {each.target for each in passes if each.target is not None}
    twice += [name for name in names if name in targets]
    if twice:
        raise IsfError(f"the name {twice[0]!r} is used twice; inputs, targets and images need different ones")
    vertex = _read_vertex(path)
    inputs = tuple(_in_pixels(each, header, fragment + (vertex or "")) for each in inputs)
    return IsfFile(
        path=path,
        title=path.stem if path is not None else "shader",
        description=_words(header.get("DESCRIPTION")),
        credit=_words(header.get("CREDIT")),
        categories=tuple(_words(each) for each in _list(header.get("CATEGORIES", []), "CATEGORIES")),
        inputs=inputs,
        passes=passes,
        imports=imports,
        fragment=fragment,
        vertex=vertex,
    )


def _require_plain(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise IsfError(f"the file has {len(text)} characters: at most {MAX_CHARS}")
    damaged = re.search(r"[\x00-\x08\x0e-\x1f\x7f]", text)
    if damaged is not None:
        raise IsfError(f"character {ord(damaged[0]):#04x} is no text", _line_of(text, damaged.start()))


def _line_of(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _split(text: str) -> tuple[dict[str, Any], str]:
    """The header, and the text with empty lines in its place."""
    before = _BEFORE.match(text)
    opening = _OPENING.match(text, before.end() if before else 0)
    if opening is None:
        raise IsfError("no JSON header: an ISF file begins with /*{ ... }*/", 1)
    start = opening.end()
    header, end = _decode(text, start)
    closing = re.compile(r"\s*\*/").match(text, end)
    if closing is None:
        raise IsfError("the header's comment is not closed with */ after its last brace", _line_of(text, end))
    end = closing.end()
    return header, text[: opening.start()] + "\n" * text.count("\n", opening.start(), end) + text[end:]


def _decode(text: str, start: int) -> tuple[dict[str, Any], int]:
    decoder = json.JSONDecoder(strict=False)
    try:
        return decoder.raw_decode(text, start)
    except RecursionError:
        raise IsfError("the header is nested too deeply", _line_of(text, start)) from None
    except ValueError as error:
        # Trailing commas become spaces, so that the length stays the same.
        mended = _TEXT_OR_COMMA.sub(lambda found: " " if found[0] == "," else found[0], text[start:])
        try:
            header, end = decoder.raw_decode(mended)
        except (ValueError, RecursionError):
            place = error.pos if isinstance(error, json.JSONDecodeError) else start
            message = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise IsfError(f"the header is no JSON: {message}", _line_of(text, place)) from None
        return header, start + end


def _passes(header: Mapping[str, Any], inputs: tuple[IsfInput, ...]) -> tuple[IsfPass, ...]:
    persistent = _version_1_buffers(header.get("PERSISTENT_BUFFERS", {}))
    told = _list(header.get("PASSES") or [{}], "PASSES")
    if len(told) > MAX_PASSES:
        raise IsfError(f"PASSES has {len(told)} entries: at most {MAX_PASSES}")
    names = {"WIDTH", "HEIGHT", *(each.name for each in inputs if each.type in ("float", "long", "bool", "event"))}
    passes: list[IsfPass] = []
    for number, entry in enumerate(told):
        if not isinstance(entry, dict):
            raise IsfError(f"PASSES: entry {number} is no object in braces")
        target = entry.get("TARGET") or None
        if target is not None and not is_name(target):
            raise IsfError(f"PASSES: TARGET {str(target)[:40]!r} is no name")
        old = persistent.get(target, {}) if target is not None else {}
        told_here = {**old, **entry}
        is_persistent = _is_on(told_here.get("PERSISTENT", told_here.get("persistent", False))) or target in persistent
        passes.append(
            IsfPass(
                target=target,
                is_persistent=is_persistent,
                is_float=_is_on(told_here.get("FLOAT", told_here.get("float", False))),
                width=_size(told_here.get("WIDTH", told_here.get("width")), names),
                height=_size(told_here.get("HEIGHT", told_here.get("height")), names),
            )
        )
    return tuple(passes)


def _version_1_buffers(told: Any) -> dict[str, dict[str, Any]]:
    if isinstance(told, list):
        return {name: {} for name in told if isinstance(name, str)}
    if not isinstance(told, dict):
        raise IsfError("PERSISTENT_BUFFERS is neither a list nor an object")
    return {name: each if isinstance(each, dict) else {} for name, each in told.items()}


def _size(told: Any, names: set[str]) -> Expression | None:
    if told is None or told == "":
        return None
    if isinstance(told, bool) or not isinstance(told, (str, int, float)):
        raise IsfError('PASSES: WIDTH and HEIGHT are numbers or texts like "$WIDTH / 2"')
    return Expression(str(told), names)


def _imports(told: Any, path: Path | None) -> tuple[IsfImport, ...]:
    if told is None:
        return ()
    if isinstance(told, list):  # version 1
        told = {each.get("NAME"): each for each in told if isinstance(each, dict)}
    if not isinstance(told, dict):
        raise IsfError("IMPORTED is neither an object nor a list")
    if len(told) > MAX_IMPORTS:
        raise IsfError(f"IMPORTED has {len(told)} images: at most {MAX_IMPORTS}")
    images = []
    for name, entry in told.items():
        if not is_name(name):
            raise IsfError(f"IMPORTED: {str(name)[:40]!r} is no name")
        file = entry.get("PATH") if isinstance(entry, dict) else entry
        if not isinstance(file, str):
            raise IsfError(f"IMPORTED: {name} has no PATH of one image (cube maps are not supported)")
        found, pixels = read_image(file, path)
        images.append(IsfImport(name=name, path=found, pixels=pixels))
    return tuple(images)


def read_shader_text(path: Path) -> str:
    """The text of a shader file; characters that are not UTF-8 become question marks. IsfError. Waits for the disk."""
    try:
        return read_small(path, max_bytes=4 * MAX_CHARS).decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        raise IsfError(f"{path.name} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _read_vertex(path: Path | None) -> str | None:
    file = path.with_suffix(".vs") if path is not None else None
    if file is None or not file.exists():
        return None
    text = read_shader_text(file)
    _require_plain(text)
    return text


def _in_pixels(each: IsfInput, header: Mapping[str, Any], text: str) -> IsfInput:
    """A point without a range that the shader divides by RENDERSIZE is meant in pixels, as in version 1."""
    if each.type != "point2D" or (each.minimum, each.maximum) != ((0.0, 0.0), (1.0, 1.0)):
        return each
    has_range = any(told.get("NAME") == each.name and ("MIN" in told or "MAX" in told) for told in header["INPUTS"])
    is_divided = re.search(rf"\b{each.name}(\.\w+)?\s*/\s*RENDERSIZE\b", text) is not None
    return replace(each, is_in_pixels=is_divided and not has_range)


def is_name(text: Any) -> bool:
    """True for a text that GLSL takes as an identifier."""
    return isinstance(text, str) and len(text) <= 64 and _NAME.match(text) is not None and not text.startswith("gl_")


def _list(told: Any, key: str) -> list[Any]:
    if isinstance(told, str):
        return [told]
    if not isinstance(told, list):
        raise IsfError(f"{key} is no list")
    return told


def _words(told: Any) -> str:
    return " ".join(told.split())[:1000] if isinstance(told, str) else ""


def _is_on(told: Any) -> bool:
    return told.strip().lower() in ("true", "yes", "1") if isinstance(told, str) else bool(told)
