"""Parts that are closed in the order opposite to that they were opened in."""

import contextlib
from typing import Protocol, TypeVar


class Closable(Protocol):
    def close(self) -> None: ...


Part = TypeVar("Part", bound=Closable)


class Closing(Protocol):
    def __call__(self, part: Part) -> Part: ...


def closer(stack: contextlib.ExitStack) -> Closing:
    """`closing(part)` returns the part, to be closed when the engine ends: last opened, first closed."""

    def closing(part: Part) -> Part:
        stack.callback(part.close)
        return part

    return closing
