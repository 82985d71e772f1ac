"""Translation of foreign errors into ours."""

from pathlib import Path

import pytest

from engine.errors import ConfigError, SinkError
from engine.system.translate_errors import translate_errors


def test_the_systems_reason_follows_our_text() -> None:
    with (
        pytest.raises(SinkError, match=r"^/x: cannot be read: No such file or directory$") as caught,
        translate_errors({OSError: "/x: cannot be read"}, as_=SinkError),
    ):
        Path("/nowhere/at/all").read_bytes()
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_function_makes_the_whole_line_and_the_first_matching_type_decides() -> None:
    full = translate_errors({MemoryError: lambda error: "full", Exception: "else"}, as_=SinkError)
    with pytest.raises(SinkError, match=r"^full$"), full:
        raise MemoryError
    other = translate_errors({MemoryError: "full", Exception: "else"}, as_=SinkError)
    with pytest.raises(SinkError, match=r"^else: ValueError$"), other:
        raise ValueError


def test_errors_of_ours_and_unlisted_ones_pass() -> None:
    with pytest.raises(ConfigError, match=r"^as it was$"), translate_errors({Exception: "else"}, as_=SinkError):
        raise ConfigError("as it was")
    with pytest.raises(KeyError), translate_errors({OSError: "disk"}, as_=SinkError):
        raise KeyError("k")
