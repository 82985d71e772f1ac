"""The list of cues, and its file: TOML that a person can read, edit and mail.

    cue = [
        { number = 1, preset = "Night", fade_s = 3.0, follow_s = 20.0 },
        { number = 2, preset = "Day" },  # at once, and waits for go
        { number = 3, preset = "Day, brighter", fade_s = 3.0, glide = true },
        # beats and bars of the tempo
        { number = 4, preset = "Finale", fade = "4b", follow = "8bars" },
        { number = 5, preset = "Night", timecode = "01:03:20:00" },
        { number = 6, preset = "Day", keep_layer5 = true },  # the camera's layer stays as it is
        { number = 7, preset = "Night", note = "when she lifts the guitar" },
    ]

TOML's other notation, `[[cue]]` before each, is read as well. Lists are immutable: any thread may
read one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import tomli_w

from engine.errors import CueError, PresetError
from engine.params.checks import check_table, short_repr, whole_number
from engine.params.fade_time import AT_ONCE, FadeTime
from engine.params.presets import clean_name
from engine.params.timecode import canonical_label
from engine.system.stored_file import StoredFile
from osc_schema.cues import MAX_NUMBER

MAX_NOTE_CHARS = 200
_KEYS = (
    "number",
    "preset",
    "fade_s",
    "follow_s",
    "fade",
    "follow",
    "glide",
    "timecode",
    "keep_layer5",
    "note",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """A numbered cue: a preset with its fade and its follow time."""

    number: int
    """1..999."""
    preset: str
    fade: FadeTime = AT_ONCE
    """Duration of the change."""
    follow: FadeTime = AT_ONCE
    """From the start of this cue to the automatic start of the next one; 0: waits for `/cue/go`."""
    glide: bool = False
    """True if the values glide; False if the pictures crossfade."""
    timecode: str = ""
    """Timecode at which it starts, `01:00:10:05`; "" for none."""
    keep_layer5: bool = False
    """True if layer 5 stays as it is."""
    note: str = ""
    """A line that the player reads before this cue, at most 200 characters."""

    @classmethod
    def parse(
        cls,
        number: object,
        preset: object,
        fade: object = 0.0,
        follow: object = 0.0,
        glide: object = False,
        timecode: object = "",
        keep_layer5: object = False,
        note: object = "",
    ) -> Self:
        """A cue from values of OSC or a file. Raises CueError if one of them is invalid."""
        if not isinstance(preset, str):
            raise CueError(f"preset {short_repr(preset)} is not a name")
        for key, flag in (("glide", glide), ("keep_layer5", keep_layer5)):
            if flag not in (0, 1):
                raise CueError(f"{key} {short_repr(flag)} is neither true nor false")
        try:
            name = clean_name(preset)
        except PresetError as reason:
            raise CueError(str(reason)) from None
        return cls(
            number=whole_number("number", number, MAX_NUMBER, CueError),
            preset=name,
            fade=_parse_time("fade", fade),
            follow=_parse_time("follow", follow),
            glide=bool(glide),
            timecode=canonical_label(timecode),
            keep_layer5=bool(keep_layer5),
            note=require_note(note),
        )


@dataclass(frozen=True, slots=True)
class CueList:
    """An immutable list of cues, by number. Deleting one does not renumber the others."""

    cues: Mapping[int, Cue]

    def __iter__(self) -> Iterator[Cue]:
        """The cues, sorted by number."""
        return iter(sorted(self.cues.values(), key=lambda cue: cue.number))

    def __len__(self) -> int:
        return len(self.cues)

    def at(self, number: int) -> Cue:
        """The cue with this number, or CueError."""
        cue = self.cues.get(number)
        if cue is None:
            numbers = [str(cue.number) for cue in self]
            known = ", ".join(numbers[:12] + ["..."] * (len(numbers) > 12))
            raise CueError(
                f"there is no cue {number} "
                f"({f'known: {known}' if numbers else '/cue/set makes one'})"
            )
        return cue

    def after(self, number: int) -> Cue:
        """The next cue; the first one for 0. CueError if there is none."""
        later = [at for at in self.cues if at > number]
        if not later:
            raise CueError(
                f"no cue comes after {number}"
                if self.cues
                else "there are no cues (/cue/set makes one)"
            )
        return self.cues[min(later)]

    def before(self, number: int) -> Cue:
        """The previous cue, or CueError."""
        earlier = [at for at in self.cues if at < number]
        if not earlier:
            raise CueError(
                f"no cue comes before {number}" if number else "no cue has been started yet"
            )
        return self.cues[max(earlier)]

    def with_cue(self, cue: Cue) -> "CueList":
        return CueList({**self.cues, cue.number: cue})

    def without(self, removed: Cue) -> "CueList":
        return CueList({at: cue for at, cue in self.cues.items() if cue is not removed})

    def with_renamed(self, preset: str, new: str) -> "CueList":
        """A list whose cues of one preset load it under its new name."""
        renamed = {
            at: replace(cue, preset=new) for at, cue in self.cues.items() if cue.preset == preset
        }
        return CueList({**self.cues, **renamed})

    def with_inserted(self, cue: Cue) -> "CueList":
        """Insert `cue`; the cue with its number and those after it, up to the first gap, move up by
        one."""
        free = cue.number
        while free in self.cues:
            free += 1
        if free > MAX_NUMBER:
            raise CueError(f"no number is free from {cue.number} to {MAX_NUMBER}")
        moved = {
            at + 1: replace(other, number=at + 1)
            for at, other in self.cues.items()
            if cue.number <= at < free
        }
        return CueList({**self.cues, **moved, cue.number: cue})


def cues_text(cues: CueList) -> str:
    """The cues as the text of their file."""
    return tomli_w.dumps({"cue": [_entry_of(cue) for cue in cues]})


def read_cues(path: Path) -> tuple[CueList, list[str]]:
    """The cues in a file, and one line for each invalid entry, which is left out. Never raises;
    none without a file."""
    entries, problems = StoredFile(path, "cue list", CueError).read_list("cue")
    cues: dict[int, Cue] = {}
    for number, entry in enumerate(entries or (), start=1):
        try:
            check_table(entry, _KEYS, "cue", CueError)
            for key in ("number", "preset"):
                if key not in entry:
                    raise CueError(f"has no {key}")
            cue = Cue.parse(**{key.removesuffix("_s"): value for key, value in entry.items()})
            if cue.number in cues:
                raise CueError(f"number {cue.number} occurs twice")
        except CueError as reason:
            problems.append(f"{path}: entry {number}: {reason} (left out)")
        else:
            cues[cue.number] = cue
    return CueList(cues), problems


def require_note(note: object) -> str:
    """The note in one line, or CueError."""
    line = " ".join(note.split()) if isinstance(note, str) else ""
    if (
        not isinstance(note, str)
        or len(line) > MAX_NOTE_CHARS
        or not all(map(str.isprintable, line))
    ):
        raise CueError(
            f"note {short_repr(note)} is not a text of at most {MAX_NOTE_CHARS} printable "
            "characters"
        )
    return line


def _entry_of(cue: Cue) -> dict[str, object]:
    """The cue as in the file. What comes after the times is written only if there is any."""
    entry: dict[str, object] = {"number": cue.number, "preset": cue.preset}
    for key, time in (("fade", cue.fade), ("follow", cue.follow)):
        entry[f"{key}_s" if time.unit == "s" else key] = time.written
    more = {
        "glide": cue.glide,
        "timecode": cue.timecode,
        "keep_layer5": cue.keep_layer5,
        "note": cue.note,
    }
    return entry | {key: value for key, value in more.items() if value}


def _parse_time(key: str, time: object) -> FadeTime:
    try:
        return FadeTime.of(time)
    except ValueError as reason:
        raise CueError(f"{key} {short_repr(time)} {reason}") from None
