"""The inputs of a shader as aliases, and as parameters with their own names. Pure.

Presets, MIDI maps, smoothing and modulation use a fixed list of parameters. So each slot has
sixteen, its aliases /fx/<slot>/<1..16>, floats 0..1, and they alone have a value. An input takes as
many as it has numbers, in the order of the file: a point two, a colour four. /fx/<slot>/<input> is
a view of them, with range, type and label.

    /fx/1/glow 3.5 ─► alias /fx/1/2 = 0.35 ─► smoothing, modulation, presets ─► glow = 3.5

- float: linear from MIN to MAX; without them 0..1. bool: on from 0.5 up. long: the aliases' range
  is divided evenly among its values. event: true for one frame when the alias rises to 0.5; the
  engine then sets it back to 0.
- A name that is one of `osc_schema.fx.RESERVED` gets an underscore (`mix_`). Any character other
  than letters, digits, `.` and `-` becomes an underscore. Of two equal names the second gets `_2`.
- Inputs that do not fit keep the shader's default. Images and sound have no alias, nor have the
  `osc_schema.fx.FED_INPUTS`, which follow /colour/palette and the beat, and a transition's
  progress.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import osc_schema
from osc_schema import Param, ParamType, Rejected, Value
from osc_schema.fx import ALIASES, FED_INPUTS, PROGRESS, RESERVED, SLOTS, TRANSITION, alias_address
from osc_schema.scale import nearest_step

WIDTHS: Final = {"event": 1, "bool": 1, "long": 1, "float": 1, "point2D": 2, "color": 4}
"""Number of aliases of an input, by its type; other types have none."""
PARTS: Final = {"point2D": ("x", "y"), "color": ("red", "green", "blue", "alpha")}
ON_FROM: Final = 0.5
MAX_NAME: Final = 64

_INPUT: Final = re.compile(r"/fx/(?P<slot>[^/]+)/(?P<name>[A-Za-z0-9_.-]+)")

InputValue = bool | int | float | tuple[float, ...]

_TYPES: Final = {
    "event": ParamType.TRIGGER,
    "bool": ParamType.BOOL,
    "long": ParamType.MENU,
    "float": ParamType.FLOAT,
    "color": ParamType.COLOUR,
}


class InputShape(Protocol):
    """An input as a shader's header declares it, checked and complete
    (`engine.render.isf.isf_file.IsfInput`)."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def default(self) -> Any: ...
    @property
    def minimum(self) -> Any: ...
    @property
    def maximum(self) -> Any: ...
    @property
    def values(self) -> Sequence[int]: ...
    @property
    def labels(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShaderInput:
    """An input of the shader in a slot: a view of its aliases."""

    address: str
    """/fx/<slot>/<input>."""
    name: str
    """As in the file."""
    type: str
    label: str
    aliases: tuple[str, ...]
    """Addresses of its aliases."""
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    default: tuple[float, ...]
    """Positions 0..1 of the aliases."""
    values: tuple[int, ...] = ()
    """For a long."""
    param: Param | None = field(repr=False)
    """The view as a declaration, which checks and describes its values; None for a point."""

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each alias: the input's, with the part's name if there are several."""
        return tuple(f"{self.name} {part}" for part in PARTS.get(self.type, ())) or (self.name,)

    def value_at(self, positions: Sequence[float]) -> InputValue:
        """The value that the shader gets for these positions of its aliases; an event is true from
        0.5 up."""
        if self.type in ("bool", "event"):
            return positions[0] >= ON_FROM
        if self.type == "long":
            return self.values[nearest_step(positions[0] * (len(self.values) - 1))]
        numbers = tuple(
            low + (high - low) * at
            for low, high, at in zip(self.lows, self.highs, positions, strict=True)
        )
        return numbers[0] if self.type == "float" else numbers

    def display_value(self, positions: Sequence[float]) -> Value | tuple[float, ...]:
        """The displayed value of the view: as `value_at`, but the item of a menu, and on or off of
        an event."""
        value = self.value_at(positions)
        if self.type == "long":
            assert self.param is not None
            return self.param.menu[self.values.index(int(value))]  # type: ignore[arg-type]
        return value

    def positions_of(self, value: object) -> tuple[tuple[float, ...], str]:
        """The positions that set the view to `value`, as for `osc_schema.accept`, and a note on
        changes. Rejected."""
        if self.param is None:
            return self._point(value)
        accepted = osc_schema.accept(self.param, value)
        result = accepted.value
        if self.type == "long":
            at = self.param.menu.index(str(result)) / max(1, len(self.values) - 1)
            return (at,), accepted.note
        if isinstance(result, tuple):
            return self._positions(result), accepted.note
        number = osc_schema.as_number(result)
        positions = (float(number),) if isinstance(result, bool) else self._positions((number,))
        return positions, accepted.note

    def _point(self, value: object) -> tuple[tuple[float, ...], str]:
        parts = value if isinstance(value, list | tuple) else (value,)
        if len(parts) != len(self.aliases):
            raise Rejected(f"{self.address}: takes {len(self.aliases)} numbers, not {len(parts)}")
        numbers = []
        notes = []
        for name, part, low, high in zip(
            PARTS[self.type], parts, self.lows, self.highs, strict=True
        ):
            number = Param(
                address=f"{self.address} ({name})",
                type=ParamType.FLOAT,
                default=low,
                low=low,
                high=high,
                description=name,
                out_of_range="clip",
            )
            accepted = osc_schema.accept(number, part)
            numbers.append(osc_schema.as_number(accepted.value))
            notes += [accepted.note] if accepted.note else []
        return self._positions(numbers), "; ".join(notes)

    def _positions(self, numbers: Sequence[float]) -> tuple[float, ...]:
        return tuple(map(_position, numbers, self.lows, self.highs))


def is_input_address(address: str) -> bool:
    """True for `/fx/<slot>/<name>` with a name that an input may have; no shader needs to have
    it."""
    found = _INPUT.fullmatch(address)
    return found is not None and found["slot"] in SLOTS and found["name"] not in RESERVED


def inputs_of(
    slot: str, shapes: Sequence[InputShape]
) -> tuple[tuple[ShaderInput, ...], tuple[str, ...]]:
    """The inputs of a shader in that slot, and the names of those for which no alias is left."""
    inputs: list[ShaderInput] = []
    left_out: list[str] = []
    names: set[str] = set()
    first = 1
    for shape in shapes:
        width = WIDTHS.get(shape.type, 0)
        follows_fade = slot == TRANSITION and shape.name == PROGRESS
        if (
            not width
            or follows_fade
            or (shape.type in ("color", "float") and shape.name in FED_INPUTS)
        ):
            continue
        if first + width - 1 > len(ALIASES):
            left_out.append(shape.name)
            continue
        name = _own_name(shape.name, names)
        names.add(name)
        aliases = tuple(alias_address(slot, number) for number in range(first, first + width))
        inputs.append(_input(f"/fx/{slot}/{name}", shape, aliases))
        first += width
    return tuple(inputs), tuple(left_out)


def rearrange(
    now: Sequence[ShaderInput], saved: Mapping[str, str], positions: Mapping[str, float]
) -> dict[str, float]:
    """Reorder the positions of a preset for a shader whose inputs had other aliases when it was
    saved. `saved`: the name of the input by alias, as it was then; `positions`: as saved. An input
    that was not there then has its default, unless its alias belonged to none."""
    stood = {name: alias for alias, name in saved.items()}
    result = {}
    for each in now:
        for alias, label, default in zip(each.aliases, each.labels, each.default, strict=True):
            if label in stood:
                result[alias] = positions.get(stood[label], default)
            elif alias in saved:
                result[alias] = default
    return result


def carry_over(
    before: Sequence[ShaderInput], now: Sequence[ShaderInput], positions: Mapping[str, float]
) -> dict[str, float]:
    """The positions of all aliases after a shader was saved again: each input keeps its value, if
    it still exists. An input that was at its default before follows a new default. `positions`:
    those of the aliases before."""
    known = {each.name: each for each in before}
    result: dict[str, float] = {}
    for each in now:
        old = known.get(each.name)
        carried = each.default
        if old is not None and old.type == each.type:
            at = tuple(positions[alias] for alias in old.aliases)
            if at != old.default:
                carried = _carry_position(old, each, at)
        result |= zip(each.aliases, carried, strict=True)
    return result


def _carry_position(old: ShaderInput, new: ShaderInput, at: tuple[float, ...]) -> tuple[float, ...]:
    if (old.lows, old.highs, old.values) == (new.lows, new.highs, new.values):
        return at
    try:
        return new.positions_of(old.display_value(at))[0]
    except Rejected:  # a menu item that does not exist any more
        return new.default


def _input(address: str, shape: InputShape, aliases: tuple[str, ...]) -> ShaderInput:
    width = len(aliases)
    kind = shape.type
    lows = (0.0,) * width
    highs = (1.0,) * width
    values: tuple[int, ...] = ()
    positions: tuple[float, ...]
    declared: dict[str, Any] = {"low": 0.0, "high": 1.0}
    if kind in ("bool", "event"):
        positions = (float(shape.default),)
        declared["default"] = bool(shape.default)
    elif kind == "long":
        values = tuple(shape.values)
        items = _items(shape)
        index = values.index(shape.default)
        positions = (index / max(1, len(values) - 1),)
        declared = {"low": 0.0, "high": len(items) - 1, "default": items[index], "menu": items}
    else:
        if kind != "color":
            lows = _numbers(shape.minimum)
            highs = _numbers(shape.maximum)
        highs = tuple(
            high if high > low else low + 1.0 for low, high in zip(lows, highs, strict=True)
        )
        middle = tuple(map(min, highs, map(max, lows, _numbers(shape.default))))
        positions = tuple(map(_position, middle, lows, highs))
        declared = {
            "low": lows[0],
            "high": highs[0],
            "default": middle if kind == "color" else middle[0],
        }
    param = None
    if kind != "point2D":
        param = Param(
            address=address,
            type=_TYPES[kind],
            description=shape.label,
            out_of_range="clip" if kind == "float" else "reject",
            stored=False,
            resumed=False,
            **declared,
        )
    return ShaderInput(
        address=address,
        name=shape.name,
        type=kind,
        label=shape.label,
        aliases=aliases,
        lows=lows,
        highs=highs,
        default=positions,
        values=values,
        param=param,
    )


def _items(shape: InputShape) -> tuple[str, ...]:
    """The menu items of a long: its labels, distinct and in lower case."""
    items: list[str] = []
    for at, (value, label) in enumerate(zip(shape.values, shape.labels, strict=True)):
        item = " ".join(label.lower().split())
        item = item if item and item not in items else f"{item} {value}".strip()
        items.append(item if item not in items else f"{item} ({at})")
    return tuple(items)


def _own_name(name: str, used: set[str]) -> str:
    """The last part of an input's address."""
    own = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:MAX_NAME] or "_"
    if own in RESERVED:
        own += "_"
    number = 2
    unique = own
    while unique in used:
        unique = f"{own}_{number}"
        number = number + 1
    return unique


def _numbers(value: float | tuple[float, ...]) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,)


def _position(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
