"""Parameters as in TouchDesigner: legal names, accepted values, and the lifetime of a Par.

From docs.derivative.ca: Par Class, Page Class, COMP Class, Custom Parameters.
"""

import enum
import re
from collections.abc import Callable, Iterator
from typing import Any

NAME = re.compile(r"[A-Z][a-z0-9]*")
SUFFIXES = {"RGB": "rgb", "RGBA": "rgba", "XY": "xy", "XYZ": "xyz"}
STYLES = (
    "Float",
    "Int",
    "Str",
    "StrMenu",
    "Menu",
    "DAT",
    "Toggle",
    "Pulse",
    "Momentary",
    "File",
    "Header",
    *SUFFIXES,
)
NUMBERS = ("Float", "Int", *SUFFIXES)
CUSTOM_ONLY = frozenset(
    "name label startSection readOnly help min max clampMin clampMax default normMin normMax "
    "enable order page"
    " menuNames menuLabels".split()
)
SETTABLE = CUSTOM_ONLY | {"val", "expr", "mode", "menuIndex", "enableExpr"}


class tdError(Exception):
    pass


class tdAttributeError(tdError, AttributeError):
    pass


class ParMode(enum.Enum):
    CONSTANT = 0
    EXPRESSION = 1


class Slot:
    """The data of one parameter; a Par is a handle to it."""

    def __init__(self, owner: Any, name: str, style: str, is_custom: bool, default: Any) -> None:
        self.owner, self.name, self.style, self.is_custom = owner, name, style, is_custom
        self.page: Page | None = None
        self.label = name
        self.default = default
        self.value = default
        self.expr = ""
        self.mode = ParMode.CONSTANT
        self.min = self.normMin = 0.0
        self.max = self.normMax = 1.0
        self.clampMin = self.clampMax = self.readOnly = self.startSection = False
        self.enable = True
        self.order = 0.0
        self.help = self.enableExpr = ""
        self.menuNames: list[str] = []
        self.menuLabels: list[str] = []
        self.evaluated: Any = None
        self.live_menu: Callable[[], list[str]] | None = None

    def evaluate(self) -> Any:
        value = self.value
        if self.mode is ParMode.EXPRESSION:
            value = self.coerced(self.owner.evaluate(self.expr))
        if self.style in ("OP", "DAT"):
            return self.owner.find(value)
        return value

    def coerced(self, value: Any) -> Any:
        """The value as TouchDesigner stores it. Raises tdError or TypeError like TouchDesigner."""
        if isinstance(value, Par):
            value = value.eval()
        if self.style in NUMBERS:
            if not isinstance(value, int | float):
                raise TypeError(f"{self.name}: a number is needed, not {value!r}")
            value = int(value) if self.style == "Int" else float(value)
            value = max(value, self.min) if self.clampMin else value
            return min(value, self.max) if self.clampMax else value
        if self.style == "Toggle":
            if not isinstance(value, int | float):
                raise TypeError(f"{self.name}: on or off is needed, not {value!r}")
            return bool(value)
        if self.style == "Menu":
            if isinstance(value, int) and not isinstance(value, bool):
                return self.menuNames[value]
            if value not in self.menuNames:
                raise tdError(f"{self.name}: {value!r} is none of {self.menuNames}")
            return value
        if self.style in ("Pulse", "Header"):
            raise tdError(f"{self.name}: has no value")
        return value.path if self.style in ("OP", "DAT") and hasattr(value, "path") else str(value)


class Par:
    """Valid until a parameter of its operator is destroyed."""

    __slots__ = ("_generation", "_slot")
    _slot: Slot

    def __init__(self, slot: Slot) -> None:
        object.__setattr__(self, "_slot", slot)
        object.__setattr__(self, "_generation", slot.owner.par_generation)

    def _living(self) -> Slot:
        slot = object.__getattribute__(self, "_slot")
        if object.__getattribute__(self, "_generation") != slot.owner.par_generation:
            raise tdError(
                f"{slot.name}: this Par is not valid any more: a parameter was destroyed since"
            )
        return slot

    def __getattr__(self, name: str) -> Any:
        slot = self._living()
        if name == "val":
            return slot.value
        if name == "menuNames" and slot.live_menu is not None:
            return list(slot.live_menu())
        if name == "isPulse":
            return slot.style == "Pulse"
        if name == "isCustom":
            return slot.is_custom
        if name in SETTABLE or name in ("owner", "style"):
            return getattr(slot, name)
        raise tdAttributeError(f"Par has no member {name}")

    def __setattr__(self, name: str, value: Any) -> None:
        slot = self._living()
        if name not in SETTABLE:
            raise tdAttributeError(f"Par has no member {name} that can be set")
        if name in CUSTOM_ONLY and not slot.is_custom:
            raise tdError(f"{slot.name}: {name} can only be set on custom parameters")
        before = slot.evaluate()
        if name == "val":
            slot.value, slot.mode = slot.coerced(value), ParMode.CONSTANT
        elif name == "expr":
            slot.expr, slot.mode = str(value), ParMode.EXPRESSION
        elif name == "default":
            slot.default = slot.coerced(value)
        elif name in ("menuNames", "menuLabels"):
            if slot.style != "Menu" or not all(isinstance(item, str) for item in value):
                raise tdError(f"{slot.name}: {name} takes the names of a menu")
            setattr(slot, name, list(value))
        else:
            setattr(slot, name, value)
        slot.owner.note_change(slot, before)

    def eval(self) -> Any:
        return self._living().evaluate()

    def pulse(self, value: Any = 1, frames: int = 0, seconds: float = 0) -> None:
        slot = self._living()
        if slot.style != "Pulse":
            raise tdError(f"{slot.name}: is no pulse")
        slot.owner.note_pulse(slot)

    def destroy(self) -> None:
        slot = self._living()
        if not slot.is_custom:
            raise tdError(f"{slot.name}: only custom parameters can be destroyed")
        slot.owner.forget_parameter(slot)


class ParCollection:
    def __init__(self, owner: Any) -> None:
        object.__setattr__(self, "_owner", owner)

    def __getattr__(self, name: str) -> Par:
        slot = object.__getattribute__(self, "_owner").slots.get(name)
        if slot is None:
            raise tdAttributeError(f"{self._owner.path}: no parameter {name}")
        return Par(slot)

    def __setattr__(self, name: str, value: Any) -> None:
        getattr(self, name).val = value

    def __getitem__(self, name: str) -> Par | None:
        slot = self._owner.slots.get(name)
        return None if slot is None else Par(slot)


class ParGroup:
    def __init__(self, slots: list[Slot]) -> None:
        self._slots = slots

    def __getitem__(self, at: int) -> Par:
        return Par(self._slots[at])

    def __len__(self) -> int:
        return len(self._slots)

    def __iter__(self) -> Iterator[Par]:
        return iter([Par(slot) for slot in self._slots])


class Page:
    def __init__(self, owner: Any, name: str) -> None:
        self.owner, self.name = owner, name

    @property
    def pars(self) -> list[Par]:
        return [Par(slot) for slot in self.owner.slots.values() if slot.page is self]

    def __getattr__(self, name: str) -> Callable[..., ParGroup]:
        style = name.removeprefix("append")
        if not name.startswith("append") or style not in STYLES:
            raise tdAttributeError(f"Page has no member {name}")
        return lambda *args, **named: self._append(style, *args, **named)

    def _append(
        self, style: str, name: str, *, label: str | None = None, size: int = 1,
        order: float | None = None,
        replace: bool = True,
    ) -> ParGroup:  # fmt: skip
        # of any length: docs.derivative.ca/Custom_Parameters only advises below 12
        if not NAME.fullmatch(name):
            raise tdError(f"{name!r}: not a name for a custom parameter")
        suffixes = list(SUFFIXES.get(style, "")) or (
            [str(n + 1) for n in range(size)] if size > 1 else [""]
        )
        slots = []
        for suffix in suffixes:
            whole = name + suffix
            if whole in self.owner.slots and not replace:
                raise tdError(f"{whole}: exists")
            default = {
                "Str": "",
                "StrMenu": "",
                "DAT": "",
                "File": "",
                "Menu": "",
                "Toggle": False,
                "Int": 0,
            }.get(style, 0.0)
            slot = Slot(
                self.owner, whole, style, True, None if style in ("Pulse", "Header") else default
            )
            slot.page, slot.label = self, label or name
            self.owner.slots[whole] = slot
            slots.append(slot)
        return ParGroup(slots)
