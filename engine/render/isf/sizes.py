"""Sizes of a shader's own textures, from its WIDTH and HEIGHT expressions, within bounds."""

from collections.abc import Mapping
from typing import Final

from engine.errors import IsfError
from engine.render.isf.expression import Expression
from engine.render.isf.isf_file import Input, IsfFile, IsfPass

MAX_SIDE_PX: Final = 8192  # more than twice a 4K picture
MAX_BYTES: Final = 1 << 29  # of all textures of one shader: six of 1080p in floats
BYTES_PER_PX: Final = {False: 4, True: 16}  # by `is_float`
MAX_TARGET_BYTES: Final = 136 << 20  # of one texture: a 4K picture in floats
SIDES = 2  # each texture has a second one, which the next pass draws into


def target_sizes(file: IsfFile, values: Mapping[str, Input], size_px: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """(width, height) of each target for a picture of `size_px`. IsfError if one is too large, or all of them are."""
    names = _numbers(file, values, size_px)
    sizes: dict[str, tuple[int, int]] = {}
    total_bytes = 0
    for each in file.passes:
        if each.target is None or each.target in sizes:
            continue
        width, height = pass_size(each, names, size_px)
        if max(width, height) > MAX_SIDE_PX:
            raise IsfError(f"target {each.target} is {width}x{height} px: at most {MAX_SIDE_PX} a side")
        side_bytes = width * height * BYTES_PER_PX[is_float(file, each.target)]
        if side_bytes > MAX_TARGET_BYTES:
            most = MAX_TARGET_BYTES >> 20
            raise IsfError(
                f"target {each.target} of {width}x{height} px takes {side_bytes >> 20} MB: at most {most} MB"
            )
        sizes[each.target] = width, height
        total_bytes += side_bytes * SIDES
    if total_bytes > MAX_BYTES:
        raise IsfError(f"its targets take {total_bytes >> 20} MB: at most {MAX_BYTES >> 20} MB")
    return sizes


def output_size(file: IsfFile, values: Mapping[str, Input], size_px: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of the last pass, bounded like a target."""
    width, height = pass_size(file.passes[-1], _numbers(file, values, size_px), size_px)
    return min(width, MAX_SIDE_PX), min(height, MAX_SIDE_PX)


def is_float(file: IsfFile, target: str) -> bool:
    """True if any pass asks for this target in floats."""
    return any(each.is_float for each in file.passes if each.target == target)


def pass_size(each: IsfPass, names: Mapping[str, float], size_px: tuple[int, int]) -> tuple[int, int]:
    """At least 1 x 1. An expression without a number (a division by zero) gives the picture's side."""
    return _side(each.width, names, size_px[0]), _side(each.height, names, size_px[1])


def _side(expression: Expression | None, names: Mapping[str, float], side_px: int) -> int:
    number = expression.evaluate(names) if expression is not None else side_px
    return side_px if number is None else max(1, int(min(number, 1e9)))


def _numbers(file: IsfFile, values: Mapping[str, Input], size_px: tuple[int, int]) -> dict[str, float]:
    names: dict[str, float] = {"WIDTH": float(size_px[0]), "HEIGHT": float(size_px[1])}
    for each in file.controls:
        value = values.get(each.name, each.default)
        if not isinstance(value, tuple):
            names[each.name] = float(value)
    return names
