r"""Makes foreign text safe for a line of the log or of an answer: no control characters, a limited
length.

A raw escape sequence in a log moves the cursor or renames the window; a line break forges a line; a
character that turns the direction of text (Unicode TR36, 2.9) shows a file name backwards. They are
written as \x1b, \n, \u202e.
"""

import logging
import re
from collections.abc import Iterable
from itertools import islice

MAX_LINE_BYTES = 2048  # in UTF-8
MAX_NAMES = 24
_INDENT = "    "
_SHORT = {9: r"\t", 10: r"\n", 13: r"\r"}

# C0, DEL and C1; marks and overrides of direction; line and paragraph separators; lone surrogates
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def one_line(text: str, max_bytes: int = MAX_LINE_BYTES) -> str:
    """`text` in one line of at most about `max_bytes` bytes, with the number of characters left
    out, if any."""
    start = text[:max_bytes]  # every character has a byte: bounds the time of the loop
    line = escaped(start)
    if len(start) == len(text) and len(line.encode()) <= max_bytes:
        return line
    left = max_bytes
    count = 0
    for character in start:
        left -= len(escaped(character).encode())
        if left < 0:
            break
        count += 1
    return f"{escaped(text[:count])} … ({len(text) - count} characters left out)"


def escaped(text: str) -> str:
    """`text` whole, without characters that would act on a terminal."""
    return _HIDDEN.sub(_escape, text)


def some_of(names: Iterable[str]) -> str:
    """The first 24 names, and how many more there are: `a, b, c and 9 more`."""
    rest = iter(names)
    first = ", ".join(islice(rest, MAX_NAMES))
    more = sum(1 for _ in rest)
    return f"{first} and {more} more" if more else first


class LineFormatter(logging.Formatter):
    """A record as one line; the lines of a traceback follow indented, so that they cannot be taken
    for records."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = one_line(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:
        lines = super().formatException(ei).split("\n")  # type: ignore[arg-type]  # as logging passes it
        return "\n".join(_INDENT + one_line(line) for line in lines)


def write_plain_lines(logger: logging.Logger) -> None:
    """Let the handlers of the logger write plain lines, in their own formats."""
    for handler in logger.handlers:
        before = handler.formatter or logging.Formatter()
        handler.setFormatter(LineFormatter(before._fmt, before.datefmt))


def _escape(match: re.Match[str]) -> str:
    # Not by the codec unicode_escape: its first use opens a file, for which there may be no
    # descriptor.
    code = ord(match[0])
    return _SHORT.get(code) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
