"""What a child is told of how fast it may work: the parameters that all children of pictures have. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import osc_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildPace:
    is_paused: bool
    """Or switched off: the model stays loaded."""
    interval_s: float
    """Least time from the beginning of one call to that of the next; 0: as fast as it can."""
    duty: float | None
    """Share of the time, 0.05..1; None: found by itself."""
    slice_ms: float
    has_gate: bool


def value_reader(values: Mapping[str, Any], area: str) -> Callable[[str], Any]:
    """`read(name)`: the value at `area`/`name` as `osc_schema` accepted it; what is missing has its default."""

    def read(name: str) -> Any:
        address = f"{area}/{name}"
        if address in values:
            return values[address]
        param = osc_schema.lookup(address)
        assert param is not None
        return param.default

    return read


def read_pace(values: Mapping[str, Any], area: str) -> ChildPace:
    """The pace of the child whose addresses begin with `area`."""
    read = value_reader(values, area)
    return ChildPace(
        is_paused=not read("enable") or bool(values.get(f"{area}/paused")),
        interval_s=read("interval_s"),
        duty=None if read("duty_auto") else read("duty"),
        slice_ms=read("slice_ms"),
        has_gate=read("gate"),
    )
