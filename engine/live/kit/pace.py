"""The rate parameters that all picture children share. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import osc_schema

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildPace:
    """The rate and the part of the device's time that a child may use."""

    is_paused: bool
    """Paused or switched off: the model stays loaded."""
    interval_s: float
    """Minimum time between the beginnings of two calls; 0: as fast as possible."""
    duty: float | None
    """Fraction of the device's time that the child may use, 0.05..1; None: automatic."""
    slice_ms: float
    has_gate: bool


def value_reader(values: Mapping[str, Any], area: str) -> Callable[[str], Any]:
    """Return `read(name)`: the value at `area`/`name` as `osc_schema` accepted it, or its default
    if it is missing."""

    def read(name: str) -> Any:
        address = f"{area}/{name}"
        if address in values:
            return values[address]
        param = osc_schema.lookup(address)
        assert param is not None
        return param.default

    return read


def build_settings(kind: type[T], read: Callable[[str], Any], **others: Any) -> T:
    """Build a dataclass of type `kind`: each field is the parameter of its name, unless it is among
    `others`."""
    return kind(
        **{name: read(name) for name in kind.__annotations__ if name not in others}, **others
    )


def read_pace(values: Mapping[str, Any], area: str) -> ChildPace:
    """The pace of the child whose addresses begin with `area`."""
    read = value_reader(values, area)
    is_paused = not read("enable") or bool(values.get(f"{area}/paused"))
    duty = None if read("duty_auto") else read("duty")
    return build_settings(ChildPace, read, is_paused=is_paused, duty=duty, has_gate=read("gate"))
