"""Banks of pads, and their file: TOML that a person can read, edit and mail.

    [[bank]]
    name = "Friday"
    pads = [
        { pad = 1, preset = "Night" },
        { pad = 6, preset = "Finale", colour = "#ff8800" },
    ]

Pads are numbered 1 to 16, four to a row, from the top left; banks from 1 in the order of the file.
A pad may name a preset that does not exist: it counts as empty until that preset comes (back).
Banks whose name begins with `Looks` hold the built-in looks at first; new presets go to the others.
Banks are immutable: any thread may read them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, Self

import tomli_w

from engine.errors import BankError, PresetError
from engine.params.checks import check_table, short_repr, whole_number
from engine.params.preset_cache import FACTORY
from engine.params.presets import clean_name
from engine.system.stored_file import StoredFile
from osc_schema.banks import MAX_BANKS, NAME_CHARACTERS, PADS

LOOKS_BANK: Final = "Looks"
_PAD_KEYS: Final = ("pad", "preset", "colour")
_BANK_KEYS: Final = ("name", "pads")
_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad:
    """A pad that starts a preset."""

    preset: str
    colour: str = ""
    """`#rrggbb`; "" for none."""

    @classmethod
    def parse(cls, preset: object, colour: object = "") -> Self:
        """A pad from values of OSC or a file. Raises BankError if one of them is invalid."""
        if not isinstance(preset, str):
            raise BankError(f"preset {short_repr(preset)} is not a name")
        if not isinstance(colour, str) or (colour and not _COLOUR.fullmatch(colour.lower())):
            raise BankError(f"colour {short_repr(colour)} is not #rrggbb")
        try:
            built_in = FACTORY.get(preset.casefold())
            return cls(
                preset=built_in.name if built_in else clean_name(preset), colour=colour.lower()
            )
        except PresetError as reason:
            raise BankError(str(reason)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    name: str
    pads: Mapping[int, Pad] = field(default_factory=lambda: MappingProxyType({}))
    """By number, 1..16."""

    @property
    def takes_new(self) -> bool:
        """True if newly saved presets may be put here."""
        return not self.name.startswith(LOOKS_BANK)

    def with_pad(self, number: int, pad: Pad | None) -> "Bank":
        """Replace a pad; None empties it."""
        others = {at: other for at, other in self.pads.items() if at != number}
        return replace(self, pads=others if pad is None else {**others, number: pad})


@dataclass(frozen=True, slots=True)
class Banks:
    banks: tuple[Bank, ...] = ()

    def bank_at(self, number: int) -> Bank:
        """The bank of that number, from 1. BankError if there is none."""
        if number > len(self.banks):
            raise BankError(
                f"there is no bank {number} (/bank/name {len(self.banks) + 1} NAME makes the next "
                "one)"
            )
        return self.banks[number - 1]

    def pad_at(self, bank: int, pad: int) -> Pad | None:
        """The pad, or None if it is empty or there is no such bank."""
        return self.banks[bank - 1].pads.get(pad) if bank <= len(self.banks) else None

    def with_pad(self, bank: int, pad: int, content: Pad | None) -> "Banks":
        return self._with_bank(bank, self.bank_at(bank).with_pad(pad, content))

    def with_swapped(self, bank: int, pad: int, to_bank: int, to_pad: int) -> "Banks":
        """Exchange two pads, of which one or both may be empty."""
        here = self.bank_at(bank).pads.get(pad)
        there = self.bank_at(to_bank).pads.get(to_pad)
        return self.with_pad(bank, pad, there).with_pad(to_bank, to_pad, here)

    def with_name(self, number: int, name: str) -> "Banks":
        """Rename a bank; the next free number makes one. BankError if another bank has that
        name."""
        name = require_bank_name(name)
        existing = self.named_like(name, but=number)
        if existing:
            raise BankError(f"bank {existing!r}: exists already; choose another name")
        if number == len(self.banks) + 1:
            return Banks((*self.banks, Bank(name=name)))
        return self._with_bank(number, replace(self.bank_at(number), name=name))

    def named_like(self, name: str, but: int = 0) -> str:
        """The name of another bank than number `but` that differs from this name in capitals at
        most; "" for none."""
        others = (bank.name for at, bank in enumerate(self.banks, start=1) if at != but)
        return next((other for other in others if other.casefold() == name.casefold()), "")

    def without(self, number: int) -> "Banks":
        """Remove a bank; those after it move up."""
        removed = self.bank_at(number)
        return Banks(tuple(bank for bank in self.banks if bank is not removed))

    def with_renamed(self, preset: str, new: str) -> "Banks":
        """Let the pads of a preset follow its new name."""

        def follow(bank: Bank) -> Bank:
            pads = {
                at: replace(pad, preset=new) if pad.preset == preset else pad
                for at, pad in bank.pads.items()
            }
            return replace(bank, pads=pads)

        return Banks(tuple(map(follow, self.banks))) if self.holds(preset) else self

    def holds(self, preset: str) -> bool:
        return any(pad.preset == preset for bank in self.banks for pad in bank.pads.values())

    def with_new(self, preset: str, exists: Callable[[str], bool]) -> tuple["Banks", int, bool]:
        """Put a preset on the first free pad of the banks that take new ones; a bank is added
        before the first other one when all are full. Also returns the bank's number, and True if it
        was added. A pad whose preset does not exist is free. BankError if there is room for no more
        banks."""
        pad = Pad(preset=preset)
        for number, bank in enumerate(self.banks, start=1):
            used = {
                at
                for at, other in bank.pads.items()
                if other.preset != preset and exists(other.preset)
            }
            free = next((at for at in range(1, PADS + 1) if at not in used), None)
            if bank.takes_new and free is not None:
                return self._with_bank(number, bank.with_pad(free, pad)), number, False
        if len(self.banks) >= MAX_BANKS:
            raise BankError(f"preset {preset!r} has no pad: all {MAX_BANKS} banks are full")
        index = next(
            (at for at, bank in enumerate(self.banks) if not bank.takes_new), len(self.banks)
        )
        own = sum(bank.takes_new for bank in self.banks)
        name = next(
            name for name in (f"Presets {n}" for n in count(own + 1)) if not self.named_like(name)
        )
        return (
            Banks((*self.banks[:index], Bank(name=name, pads={1: pad}), *self.banks[index:])),
            index + 1,
            True,
        )

    def _with_bank(self, number: int, bank: Bank) -> "Banks":
        return Banks((*self.banks[: number - 1], bank, *self.banks[number:]))


PadState = Literal["empty", "idle", "faulty", "prepared", "queued", "on_air"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BankState:
    """The state of the displayed bank, which lights the pads of controllers."""

    bank: int
    """1..16."""
    banks: int
    """How many banks there are."""
    pads: tuple[tuple[PadState, str], ...]
    """16 states, each with the pad's colour, `#rrggbb` or ""."""


def first_banks(presets: Iterable[str], looks: Iterable[str]) -> Banks:
    """The banks of a first start: the user's own presets in their order, then the built-in
    looks."""
    filled = [*_fill_banks("Presets", list(presets)), *_fill_banks(LOOKS_BANK, list(looks))]
    return Banks(tuple(filled[:MAX_BANKS]))


def _fill_banks(name: str, presets: list[str]) -> Iterable[Bank]:
    for number, first in enumerate(range(0, len(presets), PADS), start=1):
        pads = {
            at: Pad(preset=preset)
            for at, preset in enumerate(presets[first : first + PADS], start=1)
        }
        yield Bank(name=f"{name} {number}", pads=pads)


def banks_text(banks: Banks) -> str:
    """The banks as the text of their file."""
    entries = [
        {"name": bank.name, "pads": [_entry_of(*each) for each in sorted_pads(bank)]}
        for bank in banks.banks
    ]
    return tomli_w.dumps({"bank": entries})


def read_banks(path: Path) -> tuple[Banks | None, list[str]]:
    """The banks in a file, and one line per invalid entry, which is left out. Never raises; None
    without a file."""
    entries, problems = StoredFile(path, "list of banks", BankError).read_list("bank")
    if entries is None:
        return None, []
    banks: list[Bank] = []
    for number, entry in enumerate(entries, start=1):
        where = f"{path}: bank {number}"
        try:
            check_table(entry, _BANK_KEYS, "bank", BankError)
            if len(banks) == MAX_BANKS:
                raise BankError(f"{MAX_BANKS} banks are the limit")
            pads, wrong = _read_pads(entry.get("pads", []))
            problems += [f"{where}: {reason} (left out)" for reason in wrong]
            name = free = require_bank_name(entry.get("name", f"Bank {number}"))
            numbers = count(2)
            while Banks(tuple(banks)).named_like(free):
                free = f"{name[: NAME_CHARACTERS - 3]} {next(numbers)}"
            if free != name:
                problems.append(f"{where}: the name {name!r} is taken (named {free!r})")
            banks.append(Bank(name=free, pads=pads))
        except BankError as reason:
            problems.append(f"{where}: {reason} (left out)")
    return Banks(tuple(banks)), problems


def _read_pads(entries: object) -> tuple[dict[int, Pad], list[str]]:
    """The pads of a bank, and a reason for each one that is left out."""
    if not isinstance(entries, list):
        raise BankError("pads is not a list")
    pads: dict[int, Pad] = {}
    problems = []
    for index, entry in enumerate(entries, start=1):
        try:
            check_table(entry, _PAD_KEYS, "pad", BankError)
            number = whole_number("pad", entry.get("pad"), PADS, BankError)
            if number in pads:
                raise BankError(f"pad {number} occurs twice")
            pads[number] = Pad.parse(entry.get("preset"), entry.get("colour", ""))
        except BankError as reason:
            problems.append(f"entry {index} of pads: {reason}")
    return pads, problems


def require_bank_name(name: object) -> str:
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= NAME_CHARACTERS:
        raise BankError(
            f"name {short_repr(name)} is not a text of 1 to {NAME_CHARACTERS} characters"
        )
    return name.strip()


def sorted_pads(bank: Bank) -> list[tuple[int, Pad]]:
    return sorted(bank.pads.items(), key=lambda item: item[0])


def _entry_of(number: int, pad: Pad) -> dict[str, object]:
    """The pad as in the file. A colour is written only if there is one."""
    return {"pad": number, "preset": pad.preset, **({"colour": pad.colour} if pad.colour else {})}
