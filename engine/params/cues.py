"""The list of cues, and the file that keeps it: TOML that a person can read, edit and mail.

    cue = [
        { number = 1, preset = "Night", fade_s = 3.0, follow_s = 20.0 },
        { number = 2, preset = "Day" },                                     # at once, and waits for go
        { number = 3, preset = "Day, brighter", fade_s = 3.0, glide = true },
        { number = 4, preset = "Finale", fade_s = 0.0, timecode = "01:03:20:00" },
    ]

TOML's other notation, `[[cue]]` before each, is read as well. Lists are immutable: each edit makes a new one, so any
thread may read one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeGuard

import tomli_w

from engine.errors import CueError, PresetError
from engine.params.presets import clean_name
from engine.params.timecode import checked_label
from engine.params.toml_file import read_toml
from engine.system.atomic_file import write_atomic
from osc_schema.cues import MAX_FADE_S, MAX_FOLLOW_S

MAX_NUMBER = 999
_KEYS = ("number", "preset", "fade_s", "follow_s", "glide", "timecode")
_LEFT_OUT = {"glide": False, "timecode": ""}
"""Keys that are not written while they have this value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    number: int
    """1..999."""
    preset: str
    fade_s: float = 0.0
    """Duration of the change."""
    follow_s: float = 0.0
    """Seconds from the start of this cue to the automatic start of the next one; 0: waits for `/cue/go`."""
    glide: bool = False
    """True if the values glide; False if the pictures crossfade."""
    timecode: str = ""
    """Timecode at which it starts, `01:00:10:05`; "" for none."""

    @classmethod
    def checked(
        cls,
        number: object,
        preset: object,
        fade_s: object = 0.0,
        follow_s: object = 0.0,
        glide: object = False,
        timecode: object = "",
    ) -> Self:
        """A cue from values of OSC or a file. Raises CueError if one of them is invalid."""
        if not isinstance(preset, str):
            raise CueError(f"preset {_shown(preset)} is not a name")
        if glide not in (0, 1):
            raise CueError(f"glide {_shown(glide)} is neither true nor false")
        try:
            name = clean_name(preset)
        except PresetError as reason:
            raise CueError(str(reason)) from None
        return cls(
            number=_checked_number(number),
            preset=name,
            fade_s=_checked_seconds("fade_s", fade_s, MAX_FADE_S),
            follow_s=_checked_seconds("follow_s", follow_s, MAX_FOLLOW_S),
            glide=bool(glide),
            timecode=checked_label(timecode),
        )


@dataclass(frozen=True, slots=True)
class CueList:
    """Cues by number. Deleting one does not renumber the others."""

    cues: Mapping[int, Cue]

    def __iter__(self) -> Iterator[Cue]:
        """The cues, sorted by number."""
        return iter(sorted(self.cues.values(), key=lambda cue: cue.number))

    def __len__(self) -> int:
        return len(self.cues)

    def at(self, number: object) -> Cue:
        """The cue with this number, or CueError."""
        cue = self.cues.get(_checked_number(number))
        if cue is None:
            numbers = [str(cue.number) for cue in self]
            known = ", ".join(numbers[:12] + ["..."] * (len(numbers) > 12))
            raise CueError(f"there is no cue {number} ({f'known: {known}' if numbers else '/cue/set makes one'})")
        return cue

    def after(self, number: int) -> Cue:
        """The next cue; the first one for 0. CueError if there is none."""
        later = [at for at in self.cues if at > number]
        if not later:
            raise CueError(f"no cue comes after {number}" if self.cues else "there are no cues (/cue/set makes one)")
        return self.cues[min(later)]

    def before(self, number: int) -> Cue:
        """The previous cue, or CueError."""
        earlier = [at for at in self.cues if at < number]
        if not earlier:
            raise CueError(f"no cue comes before {number}" if number else "no cue has been started yet")
        return self.cues[max(earlier)]

    def with_cue(self, cue: Cue) -> "CueList":
        return CueList({**self.cues, cue.number: cue})

    def without(self, gone: Cue) -> "CueList":
        return CueList({at: cue for at, cue in self.cues.items() if cue is not gone})

    def with_inserted(self, cue: Cue) -> "CueList":
        """Insert `cue`; the cue with its number and those after it, up to the first gap, move up by one."""
        free = cue.number
        while free in self.cues:
            free += 1
        if free > MAX_NUMBER:
            raise CueError(f"no number is free from {cue.number} to {MAX_NUMBER}")
        moved = {at + 1: replace(other, number=at + 1) for at, other in self.cues.items() if cue.number <= at < free}
        return CueList({**self.cues, **moved, cue.number: cue})


NO_CUES = CueList({})


def write_cues(path: Path, cues: CueList) -> None:
    """Write the file. Raises CueError if that fails. Waits for the disk."""
    entries = [{key: getattr(cue, key) for key in _KEYS if getattr(cue, key) != _LEFT_OUT.get(key)} for cue in cues]
    try:
        write_atomic(path, tomli_w.dumps({"cue": entries}))
    except OSError as error:
        raise CueError(f"{path}: cannot be written ({error.strerror or error})") from None


def read_cues(path: Path) -> tuple[CueList, list[str]]:
    """The cues in a file, and one line for each invalid entry, which is left out. Never raises; a missing file has no
    cues."""
    try:
        content = read_toml(path, "cue list", CueError)
    except FileNotFoundError:
        return NO_CUES, []
    except CueError as reason:
        return NO_CUES, [str(reason)]
    problems = [f"{path}: {key!r}: unknown key of a cue list (known: cue)" for key in content if key != "cue"]
    entries = content.get("cue", [])
    if not isinstance(entries, list):
        return NO_CUES, [*problems, f"{path}: cue is not a list of cues"]
    cues: dict[int, Cue] = {}
    for place, entry in enumerate(entries, start=1):
        try:
            if not isinstance(entry, dict):
                raise CueError("is not a table")
            for key in entry:
                if key not in _KEYS:
                    raise CueError(f"{key!r}: unknown key of a cue (known: {', '.join(_KEYS)})")
            for key in ("number", "preset"):
                if key not in entry:
                    raise CueError(f"has no {key}")
            cue = Cue.checked(**entry)
            if cue.number in cues:
                raise CueError(f"number {cue.number} occurs twice")
        except CueError as reason:
            problems.append(f"{path}: entry {place}: {reason} (left out)")
        else:
            cues[cue.number] = cue
    return CueList(cues), problems


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _checked_number(number: object) -> int:
    if not _is_number(number) or number % 1 != 0 or not 1 <= number <= MAX_NUMBER:
        raise CueError(f"number {_shown(number)} is not a whole number 1..{MAX_NUMBER}")
    return int(number)


def _checked_seconds(key: str, seconds: object, max_s: float) -> float:
    if not _is_number(seconds) or not 0.0 <= seconds <= max_s:
        raise CueError(f"{key} {_shown(seconds)} is not a time of 0..{max_s:g} s")
    return float(seconds)


def _shown(value: object) -> str:
    return f"{value:.7g}" if isinstance(value, float) else repr(value)[:40]
