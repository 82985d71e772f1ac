"""The lines between the engine and the process of a window, one JSON object each."""

from typing import Final, TypeVar

import msgspec

from osc_schema import Value, window

DEFAULTS: Final[dict[str, Value]] = {
    param.address: param.default
    for param in window.AREA.params
    if param.address != "/window/display"
}
UNSAVED: Final = ("/window/fullscreen", "/window/test_card")
Message = TypeVar("Message", bound=msgspec.Struct)


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """The first line to the process."""

    title: str
    segment: str
    """The ring of pictures."""
    display: str
    """As the user wrote it; "" for the second one."""
    values: dict[str, Value]
    """Addresses and values that count instead of the saved ones."""


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """Any later line to the process."""

    values: dict[str, Value] = {}
    is_end: bool = False


class WindowState(msgspec.Struct, frozen=True, kw_only=True):
    """A line from the process, whenever something in it changes."""

    number: int = 0
    display: str = ""
    """Its name; "" before the window is open."""
    detail: str = ""
    revision: int = 0
    """Raised when the process itself changes `values`: at the start, and for a key."""
    values: dict[str, Value] = {}
    problem: str = ""
    """One line while the window cannot be as it should; "" without a problem."""
    error: str = ""
    """Why there is no window; the process ends."""
    is_closed: bool = False
    """Somebody closed the window."""


class DisplayAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The line of the process that lists the displays."""

    names: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    """Number, name, size and position of each."""
    matched_name: str = ""
    error: str = ""
    """Why there are no displays, or not that one."""


def line_of(message: msgspec.Struct) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def message_of(line: bytes, kind: type[Message]) -> Message:
    return msgspec.json.decode(line, type=kind)
