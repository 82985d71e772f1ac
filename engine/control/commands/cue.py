"""The cue list over OSC: go, back, jump, edit; and the cue that follows by itself.

A cue goes on the thread that asks for it: OSC's for a command, the frame loop's for one that follows. Neither meets the
disk: presets are in memory, and going to one takes a quarter of a millisecond. The list is written by a thread of its
own. What is in the file and does not fit is reported and left out; before the list is written over it, the file is put
aside as `cues.previous.toml`.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.control import CommandTable, Reply
from engine.control.commands.preset import PresetControl, Tell, answer
from engine.errors import CueError, PresetError
from engine.params import Cue, CueList, ParamStore, read_cues, write_cues
from engine.params.crossfade import Ended
from engine.params.store import PANIC
from engine.system.atomic_file import replace_file
from engine.system.disk_store import DiskThread
from engine.system.reporting import Report
from engine.telemetry import report_problems

FILE_NAME = "cues.toml"
PREVIOUS_NAME = "cues.previous.toml"


@dataclass(slots=True, kw_only=True, eq=False)
class _Follow:
    """The next cue goes `seconds` after the first frame with this one."""

    seconds: float
    panics: object
    due_s: float | None = None


class CueControl:
    """Commands on OSC's threads, `step` on the frame loop's."""

    def __init__(self, path: Path, *, presets: PresetControl, store: ParamStore, report: Report, tell: Tell) -> None:
        """Reads the list; `path` need not exist."""
        self._path = path
        self._presets = presets
        self._store = store
        self._report = report
        self._tell = tell
        self._cues, problems = read_cues(path)
        report_problems(report, "cues", problems)
        self._is_put_aside = not problems
        self._written = self._cues
        self._current = 0
        """Number of the cue that the list stands on; 0: none has gone. Belongs, as what is to follow it, to who holds
        `_going`."""
        self._shown = 0
        """Number of the cue whose look is on; 0: none. Another than `_current` where that one failed."""
        self._failure = ""
        """Why the cue that the list stands on failed; "" where it did not."""
        self._follow: _Follow | None = None
        self._going = threading.Lock()  # a cue that follows against one that is asked for
        self._disk = DiskThread("cues", report)
        presets.on_deleted = self._on_preset_deleted
        self._watchers: tuple[Callable[[CueList], object], ...] = ()

    def watch(self, watcher: Callable[[CueList], object]) -> None:
        """Have `watcher(cues)` called after each edit, on the thread that made it: must not wait."""
        self._watchers = (*self._watchers, watcher)

    @property
    def cues(self) -> CueList:
        """As it is now. Any thread."""
        return self._cues

    def close(self) -> None:
        with self._going:
            self._follow = None
        self._disk.close()

    def add_commands(self, table: CommandTable) -> None:
        table.add("/cue/go", self._command(lambda: self._cues.after(self._current)))
        table.add("/cue/back", self._command(lambda: self._cues.before(self._current)))
        table.add("/cue/<n>", self._on_number)
        table.add("/cue/set", self._on_set)
        table.add("/cue/insert", self._on_insert)
        table.add("/cue/delete", self._on_delete)
        table.add("/cue/list", self._on_list, is_listing=True)

    # -- going ---------------------------------------------------------------------------------

    def _command(self, chosen: Callable[[], Cue]) -> Callable[[tuple, Reply], None]:
        def on_command(args: tuple, reply: Reply) -> None:
            if args and args[0] == 0:  # a button let go
                return
            with self._going:
                cue = chosen()
                self._go(cue, answer(reply, cue.number, cue.preset))

        return on_command

    def _on_number(self, args: tuple, reply: Reply) -> None:
        number, *rest = args
        self._command(lambda: self._cues.at(number))(tuple(rest), reply)

    def _go(self, cue: Cue, ended: Ended) -> None:
        """CueError, and no value changed, when its preset cannot be had. The caller holds `_going`.

        The list stands on the cue then all the same, its `follow_s` too: one preset that is gone must not hold up the
        rest of the show.
        """
        self._current = cue.number
        self._follow = _Follow(seconds=cue.follow_s, panics=self._store.get(PANIC)) if cue.follow_s else None
        try:
            go_to = self._presets.glide if cue.glide else self._presets.load
            go_to(cue.preset, cue.fade_s, ended)
        except PresetError as error:
            self._failure = str(error)
            self._tell("/cue/failed", cue.number, cue.preset, self._failure)
            raise CueError(f"cue {cue.number}: {error}") from None
        self._shown, self._failure = cue.number, ""
        self._tell("/cue/current", cue.number, cue.preset)

    def step(self, now_s: float) -> None:
        """Let the next cue go when its time has come. Frame loop's thread."""
        if self._follow is None or not self._going.acquire(blocking=False):
            return  # a command is at it, and the next frame sees what it did
        try:
            follow = self._follow
            if follow is not None and follow.panics != self._store.get(PANIC):
                follow = self._follow = None
            if follow is not None and follow.due_s is not None and now_s >= follow.due_s:
                self._go_on()
                follow = self._follow
            if follow is not None and follow.due_s is None:
                follow.due_s = now_s + follow.seconds
        finally:
            self._going.release()

    def _go_on(self) -> None:
        """The caller holds `_going`."""
        self._follow, stood_on = None, self._current
        try:
            self._go(self._cues.after(stood_on), lambda superseded_by: None)
        except CueError as error:
            self._report("cues", f"no cue follows {stood_on}: {error}")

    # -- editing -------------------------------------------------------------------------------

    def _on_set(self, args: tuple, reply: Reply) -> None:
        cue = _cue_of(args)
        self._replace(self._cues.with_cue(cue), cue.number, reply, cue)

    def _on_insert(self, args: tuple, reply: Reply) -> None:
        cue = _cue_of(args)
        with self._going:
            before, cues = self._cues, self._cues.with_inserted(cue)
            if cues.cues.get(self._current) is not before.cues.get(self._current):
                self._current += 1  # the cue that went last has moved up
            if cues.cues.get(self._shown) is not before.cues.get(self._shown):
                self._shown += 1
            self._cues = cues
        self._replace(cues, cue.number, reply, cue)

    def _on_delete(self, args: tuple, reply: Reply) -> None:
        if len(args) != 1:
            raise CueError("takes the cue's number")
        gone = self._cues.at(args[0])
        self._replace(self._cues.without(gone), gone.number, reply)

    def _on_list(self, args: tuple, reply: Reply) -> None:
        with self._going:
            cues, current, shown = self._cues, self._cues.cues.get(self._current), self._cues.cues.get(self._shown)
            failure = self._failure
        for cue in cues:
            reply.send("/cue/entry", cue.number, cue.preset, cue.fade_s, cue.follow_s, int(cue.glide))
        if shown is not None:
            reply.send("/cue/current", shown.number, shown.preset)
        if current is not None and failure:
            reply.send("/cue/failed", current.number, current.preset, failure)
        reply.done()

    def _replace(self, cues: CueList, number: int, reply: Reply, made: Cue | None = None) -> None:
        """In force at once; answered when it is in the file. `made`: the cue whose preset is looked for."""
        self._cues = cues
        self._tell("/cue/changed", len(cues))
        for watcher in self._watchers:
            watcher(cues)
        if made is not None:  # a show may be written before its presets are; a name that was mistyped looks the same
            missing = f"cue {number}: there is no preset {made.preset!r} yet"
            self._presets.if_missing(made.preset, lambda: self._report(f"cues.{number}", missing))

        def save() -> None:
            self._save()
            reply.done(number)

        self._disk.post(save, lambda reason: reply.fail(f"in force, but not kept: {reason}"))

    def _save(self) -> None:
        """The disk's thread. Of many edits in a row the newest is written, once."""
        cues = self._cues
        if cues is self._written:
            return
        if not self._is_put_aside and self._path.exists():
            try:
                replace_file(self._path, self._path.with_name(PREVIOUS_NAME))
            except OSError as error:
                raise CueError(f"{self._path}: cannot be put aside ({error.strerror or error})") from None
        self._is_put_aside = True
        write_cues(self._path, cues)
        self._written = cues

    def _on_preset_deleted(self, name: str) -> None:
        numbers = [cue.number for cue in self._cues if cue.preset == name]
        if numbers:
            users = f"cue{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
            self._report("cues.deleted", f"preset {name!r} is deleted, and {users} would load it")


def _cue_of(args: tuple) -> Cue:
    if not 2 <= len(args) <= 5:
        raise CueError("takes a number, a preset and, if wanted, fade_s, follow_s and glide")
    return Cue.checked(*args)
