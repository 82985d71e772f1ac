"""Turns errors of libraries into ours, in one line that says what was being done."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from engine.errors import MultiverseError

Description = str | Callable[[Any], str]
"""Text put before the error's reason, or a function from the error to the whole line."""


@contextmanager
def translate_errors(
    messages: Mapping[type[Exception], Description], *, as_: type[MultiverseError]
) -> Iterator[None]:
    """Context that raises `as_` for each listed error; the first matching type decides. Our own
    errors pass unchanged.

        with translate_errors({OSError: f"{path}: cannot be read"}, as_=SourceError):

    turns FileNotFoundError into SourceError("clip.mov: cannot be read: No such file or
    directory")."""
    try:
        yield
    except MultiverseError:
        raise
    except tuple(messages) as error:
        message = next(message for kind, message in messages.items() if isinstance(error, kind))
        text = message(error) if callable(message) else f"{message}: {reason_of(error)}"
        raise as_(text) from error


@contextmanager
def refused(doing: str, error: type[MultiverseError]) -> Iterator[None]:
    """Context that raises `error` for an OSError, in one line: `doing` and the system's reason, as
    in "clip.mov: cannot be read (No such file or directory)"."""
    try:
        yield
    except OSError as reason:
        raise error(f"{doing} ({reason_of(reason)})") from reason


def reason_of(error: Exception) -> str:
    """The text of the system or the library in one line; the error's type if there is no text."""
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split()) or type(error).__name__
