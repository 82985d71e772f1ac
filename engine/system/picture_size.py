"""Reads a picture's size as users write it: `1280x720`."""

from engine.errors import UsageError


def parse_size(text: str, option: str = "--size: ") -> tuple[int, int]:
    """Parse a size, (width, height) in px. `option`: the beginning of the error."""
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise UsageError(f"{option}{text!r} is not WxH (for example 1280x720)")
    return int(width), int(height)
