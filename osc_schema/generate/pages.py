"""Layout of all control surfaces: one page per area, with panels of labelled controls.

Derived from the declarations, so that a new area becomes a new page without a change here. Pages
also have controls for the commands that are used in a show: those a button can send (their first
argument is `pressed`), and those in `BARE` and `TYPED`.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from osc_schema.declare import NAME_CHARACTERS, text, trigger
from osc_schema.types import Area, Command, Param, ParamType

BARE = ("/preset/take", "/preset/cut")
"""Commands that a button sends without an argument: a 1 would be a time of one second."""
TYPED = ("/preset/load", "/camera/open")
"""Commands with a name that people type during a show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceControl:
    """A control of a surface for one parameter."""

    label: str
    """The address without the parts in the titles of page and panel: `angle` for /layer/1/angle."""
    param: Param
    is_momentary: bool = False
    """True for a button whose release counts: it sends 1 and 0, or only its address if a program
    sends no release."""
    is_bare: bool = False
    """True for a button that sends its address without an argument."""

    @property
    def caption(self) -> str:
        """The label, with the unit if the label does not end in it: `angle (deg)`, `window ms`."""
        unit = self.param.unit
        has_unit = not unit or unit == "characters" or self.label.split()[-1] == unit.lower()
        return self.label if has_unit else f"{self.label} ({unit})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    title: str
    controls: tuple[SurfaceControl, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    title: str
    description: str
    panels: tuple[Panel, ...]


def pages(areas: Iterable[Area]) -> tuple[Page, ...]:
    """One page per area that has controls. Parameters with the same number (/layer/2/...) share a
    panel, or a page."""
    return tuple(page for area in areas for page in _pages_of(area))


def columns(page: Page, max_rows: int) -> tuple[Panel, ...]:
    """The page's panels; those with more than `max_rows` controls are split."""
    return tuple(
        Panel(title=panel.title, controls=panel.controls[start : start + max_rows])
        for panel in page.panels
        for start in range(0, len(panel.controls), max_rows)
    )


def hint(param: Param) -> str:
    """Tooltip of the control, one line: address, description, values and default."""
    return f"{param.address}: {param.description} {_values(param)}, default {default_text(param)}."


def default_text(param: Param) -> str:
    """The default as people would type it; `empty` for no text, `-` for a trigger."""
    if param.type is ParamType.TRIGGER:
        return "-"
    if isinstance(param.default, str):
        return param.default or "empty"
    if isinstance(param.default, tuple):
        return " ".join(f"{part:g}" for part in param.default)
    return f"{param.default:.10g}"


def decimals(param: Param) -> int:
    """Number of decimals to display: enough for ten thousand steps of the range, at most 6; 0 for
    an int."""
    if param.type is ParamType.INT:
        return 0
    smallest = abs(param.low) if param.scale == "exponential" else param.high - param.low
    return next((digits for digits in range(6) if smallest * 10**digits >= 10_000), 6)


def _pages_of(area: Area) -> Iterator[Page]:
    fixed = tuple(each for command in area.commands for each in command.fixed())
    momentary = frozenset(
        each.address for command in area.commands if command.last for each in command.fixed()
    )
    panels = tuple(_panels(area.title, (*area.params, *_played(fixed)), momentary))
    if not panels:
        return
    if not area.is_page_per_number:
        yield Page(title=area.title, description=area.description, panels=panels)
        return
    for panel in panels:
        number = panel.title.rpartition(" ")[2]
        title = f"{area.title} {number}" if number.isdecimal() else area.title
        yield Page(title=title, description=area.description, panels=(panel,))


def _played(commands: Iterable[Command]) -> Iterator[Param]:
    """Commands as parameters that send them: a trigger, or a text."""
    for command in commands:
        is_pressed = command.arguments[:1] and command.arguments[0].name == "pressed"
        if is_pressed or command.address in BARE:
            yield trigger(command.address, command.description)
        elif command.address in TYPED:
            yield text(command.address, "", command.description, fewest=1, most=NAME_CHARACTERS)


def _panels(
    area_title: str, params: Iterable[Param], momentary: Collection[str]
) -> Iterator[Panel]:
    params = tuple(params)
    numbered = [_numbered(param.address) for param in params]
    families: dict[str, list[Param]] = {}
    for param, prefix in zip(params, numbered, strict=True):
        # A single parameter with a number (/sd/lora/1/weight) needs no panel of its own.
        families.setdefault(prefix if numbered.count(prefix) > 1 else "", []).append(param)
    for prefix, family in families.items():
        title = " ".join(prefix.split("/")[-2:]) if prefix else area_title
        yield Panel(
            title=title,
            controls=tuple(
                SurfaceControl(
                    label=_label(each.address, prefix),
                    param=each,
                    is_momentary=each.address in momentary,
                    is_bare=each.address in BARE,
                )
                for each in family
            ),
        )


def _numbered(address: str) -> str:
    """`/layer/1` for /layer/1/angle; empty for an address without a number."""
    match = re.match(r".*/\d+(?=/)", address)
    return match[0] if match else ""


def _label(address: str, prefix: str) -> str:
    parts = address.removeprefix(prefix).strip("/").split("/")
    if not prefix and len(parts) > 1 and not parts[1].isdecimal():
        del parts[0]
    return " ".join(parts).replace("_", " ")


def _values(param: Param) -> str:
    if param.type is ParamType.MENU:
        return "|".join(param.menu)
    if param.type in (ParamType.BOOL, ParamType.TRIGGER):
        return "0|1"
    span = f"{param.low:.10g}..{param.high:.10g}{' ' if param.unit else ''}{param.unit}"
    return f"{span} ({', '.join(param.stops)})" if param.stops else span
