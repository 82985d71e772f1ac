"""Apply a client's changes to its settings, or explain in one line why not. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.jobs.video.live.controls import MINE, Knob, LiveSettings, PageControl
from engine.jobs.video.live.protocol import ProtocolError, shortened

NO_OWN_PICTURE = "ip_image: mine: you have not sent a picture yet; choose one first"


def changed(
    settings: LiveSettings, knobs: tuple[Knob, ...], values: Mapping[str, Any]
) -> tuple[LiveSettings, list[str]]:
    """The settings with all valid `values` applied, and an error line for each of the others."""
    by_name = {knob.control.name: knob for knob in knobs}
    wrong = []
    for name, value in values.items():
        try:
            knob = by_name.get(name)
            if knob is None:
                raise ProtocolError(
                    f"{shortened(name)} is not a setting of this server; there are {', '.join(by_name)}"
                )
            settings = knob.write(settings, accepted(knob.control, value, settings))
        except ProtocolError as error:
            wrong.append(str(error))
    return settings, wrong


def with_picture(settings: LiveSettings, file: str) -> LiveSettings:
    """The settings with the client's own reference picture."""
    return replace(settings, mine=file, painting=replace(settings.painting, ip_image=file))


def values_of(settings: LiveSettings, knobs: tuple[Knob, ...]) -> dict[str, Any]:
    """The value of every control, by name."""
    return {knob.control.name: knob.read(settings) for knob in knobs}


def accepted(control: PageControl, value: Any, settings: LiveSettings) -> Any:
    """The validated value; ProtocolError if the control does not accept it."""
    match control.kind:
        case "text":
            return _text(control, value)
        case "choice":
            if not isinstance(value, str) or value not in control.choices:
                raise ProtocolError(f"{control.name}: {_quoted(value)} is not one of {', '.join(control.choices)}")
            if control.name == "ip_image" and value == MINE and not settings.mine:
                raise ProtocolError(NO_OWN_PICTURE)
            return value
        case "whole":
            return _whole(control, value)
        case _:
            return _number(control, value)


def _text(control: PageControl, value: Any) -> str:
    if not isinstance(value, str):
        raise ProtocolError(f"{control.name}: {_quoted(value)} is not a text")
    if len(value) > control.most_characters:
        raise ProtocolError(f"{control.name}: {len(value)} characters; at most {control.most_characters} are accepted")
    return value


def _whole(control: PageControl, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ProtocolError(f"{control.name}: {_quoted(value)} is not a whole number")
    _check_range(control, value)
    if value != control.default and (value - control.low) % control.step:
        raise ProtocolError(f"{control.name}: {value} is not one of {control.low:g}, {control.low + control.step:g}, …")
    return value


def _number(control: PageControl, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ProtocolError(f"{control.name}: {_quoted(value)} is not a number")
    _check_range(control, value)
    return float(value)


def _check_range(control: PageControl, value: float) -> None:
    if not control.low <= value <= control.high:  # False for NaN, too
        raise ProtocolError(f"{control.name}: {_quoted(value)} is not {control.low:.12g} to {control.high:.12g}")


def _quoted(value: Any) -> str:
    match value:
        case str():
            return shortened(value)
        case dict() | list():
            return "an object" if isinstance(value, dict) else "a list"
    return repr(value)[:40]
