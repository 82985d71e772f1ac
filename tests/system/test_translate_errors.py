"""Errors of libraries as ours: the first type that matches decides, and our own and unlisted ones pass."""

import pytest

from engine.errors import ConfigError, SinkError
from engine.system.translate_errors import translate_errors


def test_a_listed_error_is_told_with_what_was_done_and_others_pass() -> None:
    lines = {FileNotFoundError: "gone", MemoryError: lambda error: "full", OSError: "/x: cannot be read"}
    for error, kind, said in (
        (FileNotFoundError(2, "No such file"), SinkError, "gone: No such file"),
        (PermissionError(13, "Permission\ndenied"), SinkError, "/x: cannot be read: Permission denied"),
        (OSError(), SinkError, "/x: cannot be read: OSError"),
        (MemoryError(), SinkError, "full"),
        (ConfigError("as it was"), ConfigError, "as it was"),
        (KeyError("k"), KeyError, "'k'"),
    ):
        with pytest.raises(kind) as caught, translate_errors(lines, as_=SinkError):
            raise error
        assert str(caught.value) == said and (caught.value.__cause__ is error) == (kind is SinkError)
