"""Lines of the log that contain text of strangers."""

import io
import logging

import pytest

from engine.system.plain_text import MAX_LINE_BYTES, LineFormatter, one_line


def test_control_characters_are_written_as_python_writes_them() -> None:
    for character in map(chr, range(0x3000)):
        escaped_line = one_line(character)
        assert escaped_line == (
            character if escaped_line == character else character.encode("unicode_escape").decode()
        )
    for text, escaped_line in (
        ("\x00\x07\x7f\x9b2J", r"\x00\x07\x7f\x9b2J"),
        ("\u2028\u202egnp.exe\u2066", r"\u2028\u202egnp.exe\u2066"),
        ("name\udcff", r"name\udcff"),
        ("Über 5 °C, 日本, 🎛", "Über 5 °C, 日本, 🎛"),
    ):
        assert one_line(text) == escaped_line


@pytest.mark.parametrize("character", ["x", "\x1b", "é", "🎛"])
def test_a_long_line_ends_at_2_kb_with_the_size_of_the_rest(character: str) -> None:
    start, _, rest = one_line(character * 10_000).partition(" … (")
    size = len(one_line(character).encode())
    assert len(start.encode()) == MAX_LINE_BYTES // size * size
    assert rest == f"{10_000 - MAX_LINE_BYTES // size} characters left out)"
    assert one_line("x" * MAX_LINE_BYTES) == "x" * MAX_LINE_BYTES


def test_a_message_and_a_traceback_cannot_forge_a_line() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(LineFormatter("12:00:00 %(message)s"))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        raise ValueError("a\x1b[2J\n12:00:01 forged")
    except ValueError:
        logger.exception("file %s", "b\n12:00:01 forged")
    text = written.getvalue()
    assert "\x1b" not in text and r"a\x1b[2J" in text
    assert [line for line in text.splitlines() if not line.startswith("    ")] == [
        r"12:00:00 file b\n12:00:01 forged"
    ]
