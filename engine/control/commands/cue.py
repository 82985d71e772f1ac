"""The cue list over OSC: go, back, jump, edit; and cues that follow automatically.

A cue starts on the calling thread: OSC's for a command, the frame loop's for an automatic follow. Neither uses the
disk: presets are in memory, and loading one takes 0.25 ms. The disk store writes the list. Invalid entries of the file
are reported and left out; the file is then renamed to `cues.previous.toml` before the first write.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from engine.control import Args, CommandTable, Handler, Reply, Tell
from engine.control.commands.preset import PresetControl, answer
from engine.errors import CueError, PresetError
from engine.params import Cue, CueList, ParamStore, read_cues, write_cues
from engine.params.crossfade import Ended
from engine.params.cue_chase import DueCue
from engine.params.store import PANIC
from engine.system.atomic_file import replace_file
from engine.system.disk_store import DiskStore
from engine.system.reporting import Report
from engine.telemetry import report_problems

FILE_NAME = "cues.toml"
PREVIOUS_NAME = "cues.previous.toml"
MAX_CUE_ARGUMENTS = 6
MIN_FOLLOW_S = 0.001  # of a recalled cue whose follow time has passed: the next one starts in the next frame


@dataclass(slots=True, kw_only=True, eq=False)
class _Follow:
    """An automatic follow: the next cue starts `seconds` after the first frame of the current one."""

    seconds: float
    panics: object
    due_s: float | None = None


class CueControl:
    """Commands on OSC's threads, `step` on the frame loop's."""

    def __init__(
        self,
        path: Path,
        *,
        presets: PresetControl,
        store: ParamStore,
        report: Report,
        tell: Tell,
        disk: DiskStore,
    ) -> None:
        """Reads the list; `path` need not exist."""
        self._path = path
        self._presets = presets
        self._store = store
        self._report = report
        self._tell = tell
        self.cues, problems = read_cues(path)
        """The present list. Any thread."""
        report_problems(report, "cues", problems)
        self._is_put_aside = not problems
        self._written = self.cues
        self._current = 0
        """Number of the current cue in the list; 0 before the first. `_lock` protects this and `_follow`."""
        self._shown = 0
        """Number of the cue whose preset is showing; 0 if none. Differs from `_current` if that one failed."""
        self._failure = ""
        """Why the current cue failed, or ""."""
        self._follow: _Follow | None = None
        self.chased = 0
        """Number of the cue that the timecode started last; 0 if a person has started another one since. Any thread."""
        self._lock = threading.Lock()  # an automatic follow may coincide with a command
        self._disk = disk.open("cues", path.parent)
        presets.watch_deletions(self._on_preset_deleted)
        self._watchers: tuple[Callable[[CueList], object], ...] = ()

    def watch(self, watcher: Callable[[CueList], object]) -> None:
        """Call `watcher(cues)` after each edit, on the editing thread; it must not block."""
        self._watchers = (*self._watchers, watcher)

    def close(self) -> None:
        with self._lock:
            self._follow = None
        self._disk.close()

    def add_commands(self, table: CommandTable) -> None:
        table.add("/cue/go", self._command(lambda: self.cues.after(self._current)))
        table.add("/cue/back", self._command(lambda: self.cues.before(self._current)))
        table.add("/cue/<n>", self._on_number)
        table.add("/cue/set", self._on_set)
        table.add("/cue/insert", self._on_insert)
        table.add("/cue/delete", self._on_delete)
        table.add("/cue/list", self._on_list, is_listing=True)

    # -- starting cues -------------------------------------------------------------------------

    def _command(self, chosen: Callable[[], Cue]) -> Handler:
        def on_command(args: Args, reply: Reply) -> None:
            if args and args[0] == 0:  # a button was released
                return
            with self._lock:
                cue = chosen()
                self.chased = 0
                self._go(cue, answer(reply, cue.number, cue.preset))

        return on_command

    def _on_number(self, args: Args, reply: Reply) -> None:
        number, *rest = args
        self._command(lambda: self.cues.at(number))(tuple(rest), reply)

    def _go(self, cue: Cue, ended: Ended) -> None:
        """Start a cue. Raises CueError, without changing any value, if its preset is missing. The caller holds `_lock`.

        A failed cue still becomes the current one, and its `follow_s` counts: a missing preset must not stop the show.
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
        """Start the next cue if it is due. Render thread."""
        if self._follow is None or not self._lock.acquire(blocking=False):
            return  # a command is running; the next frame tries again
        try:
            follow: _Follow | None = self._follow
            if follow is not None and follow.panics != self._store.get(PANIC):
                follow = self._follow = None
            if follow is not None and follow.due_s is not None and now_s >= follow.due_s:
                self._start_next()
                follow = self._follow
            if follow is not None and follow.due_s is None:
                follow.due_s = now_s + follow.seconds
        finally:
            self._lock.release()

    def _start_next(self) -> None:
        """Start the cue after the current one. The caller holds `_lock`."""
        self._follow = None
        try:
            self._go(self.cues.after(self._current), lambda superseded_by: None)
        except CueError as error:
            self._report("cues", f"automatic follow: {error}")

    def chase(self, due: DueCue) -> bool:
        """Start a cue that the timecode has reached. Render thread; False if a command is running: try again."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            cue = self.cues.at(due.number)
            follow_s = max(cue.follow_s - due.passed_s, MIN_FOLLOW_S) if cue.follow_s else 0.0
            self.chased = cue.number
            self._go(
                replace(cue, fade_s=max(cue.fade_s - due.passed_s, 0.0), follow_s=follow_s), lambda superseded_by: None
            )
        except CueError as error:
            self._report("cues", f"timecode: {error}")
        finally:
            self._lock.release()
        return True

    # -- editing -------------------------------------------------------------------------------

    def set_timecode(self, number: object, timecode: str, reply: Reply) -> None:
        """Set the timecode of a cue, "" to remove it, and answer. CueError if there is no such cue, or for the text."""
        known = self.cues.at(number)
        cue = Cue.checked(known.number, known.preset, known.fade_s, known.follow_s, known.glide, timecode)
        self._replace(self.cues.with_cue(cue), cue.number, reply)

    def _on_set(self, args: Args, reply: Reply) -> None:
        cue = _cue_of(args)
        known = self.cues.cues.get(cue.number)
        if known is not None and len(args) < MAX_CUE_ARGUMENTS:
            cue = replace(cue, timecode=known.timecode)
        self._replace(self.cues.with_cue(cue), cue.number, reply, cue)

    def _on_insert(self, args: Args, reply: Reply) -> None:
        cue = _cue_of(args)
        with self._lock:
            before, cues = self.cues, self.cues.with_inserted(cue)
            if cues.cues.get(self._current) is not before.cues.get(self._current):
                self._current += 1  # the current cue has moved one place up
            if cues.cues.get(self._shown) is not before.cues.get(self._shown):
                self._shown += 1
            if cues.cues.get(self.chased) is not before.cues.get(self.chased):
                self.chased += 1
            self.cues = cues
        self._replace(cues, cue.number, reply, cue)

    def _on_delete(self, args: Args, reply: Reply) -> None:
        if len(args) != 1:
            raise CueError("takes the cue's number")
        gone = self.cues.at(args[0])
        self._replace(self.cues.without(gone), gone.number, reply)

    def _on_list(self, args: Args, reply: Reply) -> None:
        with self._lock:
            cues, current, shown = self.cues, self.cues.cues.get(self._current), self.cues.cues.get(self._shown)
            failure = self._failure
        for cue in cues:
            timecode = (cue.timecode,) if cue.timecode else ()
            reply.send("/cue/entry", cue.number, cue.preset, cue.fade_s, cue.follow_s, int(cue.glide), *timecode)
        if shown is not None:
            reply.send("/cue/current", shown.number, shown.preset)
        if current is not None and failure:
            reply.send("/cue/failed", current.number, current.preset, failure)
        reply.done()

    def _replace(self, cues: CueList, number: int, reply: Reply, made: Cue | None = None) -> None:
        """Replace the list at once, and answer when it is written. `made`: a new cue, whose preset is checked."""
        self.cues = cues
        self._tell("/cue/changed", len(cues))
        for watcher in self._watchers:
            watcher(cues)
        if made is not None:  # only a warning: the cue list may be written before the presets
            missing = f"cue {number}: there is no preset {made.preset!r} yet"
            self._presets.if_missing(made.preset, lambda: self._report(f"cues.{number}", missing))

        def save() -> None:
            self._save()
            reply.done(number)

        self._disk.post(save, lambda reason: reply.fail(f"changed, but not saved: {reason}"))

    def _save(self) -> None:
        """Write the list, once for several edits in a row. The disk's thread."""
        cues = self.cues
        if cues is self._written:
            return
        if not self._is_put_aside and self._path.exists():
            try:
                replace_file(self._path, self._path.with_name(PREVIOUS_NAME))
            except OSError as error:
                raise CueError(f"{self._path}: cannot be renamed ({error.strerror or error})") from None
        self._is_put_aside = True
        write_cues(self._path, cues)
        self._written = cues

    def _on_preset_deleted(self, name: str) -> None:
        numbers = [cue.number for cue in self.cues if cue.preset == name]
        if numbers:
            users = f"cue{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
            self._report("cues.deleted", f"preset {name!r} was deleted, but {users} would load it")


def _cue_of(args: Args) -> Cue:
    if not 2 <= len(args) <= MAX_CUE_ARGUMENTS:
        raise CueError("takes a number, a preset and optionally fade_s, follow_s, glide and timecode")
    return Cue.checked(*args)
