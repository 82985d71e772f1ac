"""The cue list over OSC: go, back, jump, edit; and cues that follow automatically.

A cue starts on the calling thread: OSC's for a command, the frame loop's for an automatic follow.
Neither uses the disk: presets are in memory, and loading one takes 0.25 ms. The disk store writes
the list. Invalid entries of the file are reported and left out; the file is then renamed to
`cues.previous.toml` before the first write.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from engine.control import CommandTable, Reply
from engine.control.command_runner import LaunchPlan
from engine.control.commands import CommandContext
from engine.control.commands.fade_answer import answer
from engine.control.commands.preset import PresetControl
from engine.errors import CueError, PresetError
from engine.params import Cue, CueList, cues_text, read_cues
from engine.params.crossfade import Ended
from engine.params.cue_chase import DueCue
from engine.params.cues import require_note
from engine.params.fade_time import AT_ONCE, FadeTime, FadeTimer, Pulse, ReadPulse
from engine.params.store import PANIC
from engine.params.timecode import canonical_label
from engine.system.stored_file import StoredFile
from engine.system.telemetry import report_problems

FILE_NAME = "cues.toml"
PREVIOUS_NAME = "cues.previous.toml"
GO_PAUSE = "/cue/go_pause_s"
LAYER_5 = "layer5"
"""Argument of commands, for a cue that leaves layer 5 as it is."""
# of a recalled cue whose follow time has passed: the next cue starts in the next frame
MIN_FOLLOW = FadeTime(0.001)


class CueControl:
    """The cue list and its commands. Commands on OSC's threads, `step` on the frame loop's."""

    def __init__(
        self,
        context: CommandContext,
        path: Path,
        *,
        presets: PresetControl,
        pulse: ReadPulse = Pulse,
        rename_waiting: Callable[[str, str], None] = lambda title, new: None,
    ) -> None:
        """Reads the list; `path` need not exist. `pulse()`: the beat of this frame.
        `rename_waiting` gets both names of a cue whose preset was renamed."""
        self._store = context.store
        self._clock = context.clock
        self._notify = context.notify
        self._report = context.report
        self._presets = presets
        self._go_s = float("-inf")
        """When the last cue was started by a go or an automatic follow."""
        self._pulse = pulse
        self._rename_waiting = rename_waiting
        self.cues, problems = read_cues(path)
        """The current list. Any thread."""
        report_problems(context.report, "cues", problems)
        self._file = StoredFile(
            path, "cue list", CueError, previous=PREVIOUS_NAME if problems else ""
        )
        self._current = 0
        """Number of the current cue; 0 before the first. `_lock` protects this, `_follow` and edits
        of `cues`."""
        self._on_screen = 0
        """Number of the cue whose preset is on screen; 0 if none. Differs from `_current` if that
        one failed."""
        self._failure = ""
        """Why the current cue failed, or ""."""
        self._follow: FadeTimer | None = None
        """Progress of the time from the first frame of the current cue to the automatic start of
        the next one."""
        self._panics: object = None
        """Value of the panic trigger when the current cue started."""
        self.chased = 0
        """Number of the cue that the timecode started last; 0 if a person has started another one
        since. Any thread."""
        self._lock = threading.Lock()  # an automatic follow may coincide with a command
        self._disk = context.disk.open("cues", path.parent)
        presets.watch(
            lambda name, new: (
                self._on_preset_renamed(name, new) if new else self._on_preset_deleted(name)
            )
        )
        self._watchers: list[Callable[[CueList], object]] = []

    def watch(self, changed: Callable[[CueList], object]) -> None:
        """Call `changed` after each edit, on the editing thread; it must not block. Before the
        engine starts."""
        self._watchers.append(changed)

    def close(self) -> None:
        with self._lock:
            self._follow = None
        self._disk.close()

    def add_commands(self, table: CommandTable) -> None:
        for verb, chosen in (("go", self._next), ("back", self._last)):
            table.add(
                f"/cue/{verb}",
                partial(self._start, chosen),
                plan_launch=partial(self._plan_launch, chosen),
            )
        table.add(
            "/cue/<n>",
            self._on_number,
            plan_launch=lambda number: self._plan_launch(lambda: self.cues.at(number)),
        )
        table.add("/cue/set", partial(self._on_edit, False))
        table.add("/cue/note", self._on_note)
        table.add("/cue/insert", partial(self._on_edit, True))
        table.add("/cue/delete", self._on_delete)
        table.add("/cue/list", self._on_list, is_listing=True)

    # -- starting cues -------------------------------------------------------------------------

    def _next(self) -> Cue:
        passed_s = self._clock.now_s() - self._go_s
        pause_s = self._store.number(GO_PAUSE)
        if passed_s < pause_s:
            needed = f"{pause_s:g} s are needed between two ({GO_PAUSE})"
            raise CueError(f"ignored, {passed_s:.2f} s after the last go: {needed}")
        return self.cues.after(self._current)

    def _last(self) -> Cue:
        return self.cues.before(self._current)

    def _plan_launch(self, chosen: Callable[[], Cue]) -> LaunchPlan:
        """The cue that a command starts when its beat comes."""
        cue = chosen()
        self._presets.expect(cue.preset)
        return LaunchPlan(name=_title(cue), preset=cue.preset, is_cut=cue.fade.is_at_once)

    def _on_number(self, reply: Reply, number: int) -> None:
        self._start(lambda: self.cues.at(number), reply)

    def _start(self, chosen: Callable[[], Cue], reply: Reply) -> None:
        with self._lock:
            cue = chosen()
            self.chased = 0
            if chosen == self._next:
                self._go_s = self._clock.now_s()
            self._go(cue, answer(reply, cue.number, cue.preset))

    def _go(self, cue: Cue, ended: Ended) -> None:
        """Start a cue. Raises CueError, without changing any value, if its preset is missing. The
        caller holds `_lock`.

        A failed cue still becomes the current one, and its follow time counts: a missing preset
        must not stop the show.
        """
        self._current = cue.number
        self._follow = None if cue.follow.is_at_once else FadeTimer(cue.follow, self._pulse)
        self._panics = self._store.get(PANIC)
        try:
            keep = "/layer/5/" if cue.keep_layer5 else ""
            self._presets.load(
                cue.preset, cue.fade, ended, keep=keep, is_picture=not cue.glide, is_by_hand=False
            )
        except PresetError as error:
            self._failure = str(error)
            self._notify("/cue/failed", cue.number, cue.preset, self._failure)
            raise CueError(f"cue {cue.number}: {error}") from None
        self._on_screen = cue.number
        self._failure = ""
        self._notify("/cue/current", cue.number, cue.preset)

    def step(self, now_s: float) -> None:
        """Start the next cue if it is due. Render thread."""
        if self._follow is None or not self._lock.acquire(blocking=False):
            return  # a command is running; the next frame tries again
        try:
            if self._panics != self._store.get(PANIC):
                self._follow = None
            follow: FadeTimer | None = self._follow
            if follow is not None and follow.fraction(now_s) >= 1.0:
                self._start_next()
                if self._follow is not None:
                    self._follow.fraction(now_s)  # its time begins with this frame
        finally:
            self._lock.release()

    def _start_next(self) -> None:
        """Start the cue after the current one. The caller holds `_lock`."""
        self._follow = None
        self._go_s = self._clock.now_s()
        try:
            self._go(self.cues.after(self._current), lambda superseded_by: None)
        except CueError as error:
            self._report("cues", f"automatic follow: {error}")

    def chase(self, due: DueCue) -> bool:
        """Start a cue that the timecode has reached. Render thread; False if a command is running:
        try again."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            cue = self.cues.at(due.number)
            pulse = self._pulse()
            fade, follow = (
                time.shortened(due.passed_s, pulse.bpm, pulse.beats_a_bar)
                for time in (cue.fade, cue.follow)
            )
            if follow.is_at_once:
                follow = AT_ONCE if cue.follow.is_at_once else MIN_FOLLOW
            self.chased = cue.number
            self._go(replace(cue, fade=fade, follow=follow), lambda superseded_by: None)
        except CueError as error:
            self._report("cues", f"timecode: {error}")
        finally:
            self._lock.release()
        return True

    # -- editing -------------------------------------------------------------------------------

    def set_timecode(self, number: int, timecode: str, reply: Reply) -> None:
        """Set the timecode of a cue, "" to remove it, and answer. CueError if there is no such cue,
        or for the text."""
        self._change(number, lambda cue: replace(cue, timecode=canonical_label(timecode)), reply)

    def _on_note(self, reply: Reply, number: int, note: str) -> None:
        self._change(number, lambda cue: replace(cue, note=require_note(note)), reply)

    def _change(self, number: int, changed: Callable[[Cue], Cue], reply: Reply) -> None:
        with self._lock:
            old = self.cues.at(number)
            self.cues = self.cues.with_cue(changed(old))
        self._on_changed(old.number, reply)

    def _on_edit(
        self,
        is_insert: bool,
        reply: Reply,
        number: int,
        preset: str,
        fade: FadeTime,
        follow: FadeTime,
        glide: bool,
        timecode: str | None,
        keep: str | None,
    ) -> None:
        if keep not in (None, "", LAYER_5):
            raise CueError(f"keep {keep!r} is neither {LAYER_5} nor empty")
        cue = Cue.parse(
            number,
            preset,
            fade.written,
            follow.written,
            glide,
            timecode or "",
            keep == LAYER_5,
        )
        with self._lock:
            old = self.cues.cues.get(number)
            if is_insert:
                self._insert(cue)
            elif old is None:
                self.cues = self.cues.with_cue(cue)
            else:
                cue = replace(
                    cue,
                    note=old.note,
                    timecode=old.timecode if timecode is None else cue.timecode,
                    keep_layer5=old.keep_layer5 if keep is None else cue.keep_layer5,
                )
                self.cues = self.cues.with_cue(cue)
        self._on_changed(number, reply, cue)

    def _insert(self, cue: Cue) -> None:
        """Insert a cue; the numbers of the current ones follow those that move up. The caller
        holds `_lock`."""
        before = self.cues.cues
        cues = self.cues.with_inserted(cue)

        def moved(number: int) -> int:
            has_moved = cues.cues.get(number) is not before.get(number)
            return number + 1 if has_moved else number

        self._current = moved(self._current)
        self._on_screen = moved(self._on_screen)
        self.chased = moved(self.chased)
        self.cues = cues

    def _on_delete(self, reply: Reply, number: int) -> None:
        with self._lock:
            deleted = self.cues.at(number)
            self.cues = self.cues.without(deleted)
        self._on_changed(deleted.number, reply)

    def _on_list(self, reply: Reply) -> None:
        with self._lock:
            cues = self.cues
            current = self.cues.cues.get(self._current)
            on_screen = self.cues.cues.get(self._on_screen)
            failure = self._failure
        for cue in cues:
            more = [cue.timecode, LAYER_5 if cue.keep_layer5 else "", cue.note]
            while more and not more[-1]:  # left out at the end
                more.pop()
            reply.send(
                "/cue/entry",
                cue.number,
                cue.preset,
                cue.fade.written,
                cue.follow.written,
                int(cue.glide),
                *more,
            )
        if on_screen is not None:
            reply.send("/cue/current", on_screen.number, on_screen.preset)
        if current is not None and failure:
            reply.send("/cue/failed", current.number, current.preset, failure)
        reply.done()

    def _on_changed(self, number: int, reply: Reply, new_cue: Cue | None = None) -> None:
        """Announce an edit, and answer when it is written. `new_cue`: a cue whose preset is
        checked."""
        self._notify_changed()
        if new_cue is not None:  # only a warning: the cue list may be written before the presets
            missing = f"cue {number}: there is no preset {new_cue.preset!r} yet"
            self._presets.if_missing(
                new_cue.preset, lambda: self._report(f"cues.{number}", missing)
            )

        def save() -> None:
            self._save()
            reply.done(number)

        self._disk.post(save, lambda reason: reply.fail(f"changed, but not saved: {reason}"))

    def _notify_changed(self) -> None:
        cues = self.cues
        self._notify("/cue/changed", len(cues))
        for changed in self._watchers:
            changed(cues)

    def _save(self) -> None:
        """Write the list, once for several edits in a row. The disk's thread."""
        self._file.write(cues_text(self.cues))

    def _on_preset_renamed(self, name: str, new: str) -> None:
        with self._lock:
            cues = self.cues.with_renamed(name, new)
            renamed = [cue for number, cue in cues.cues.items() if cue != self.cues.cues[number]]
            self.cues = cues
        for cue in renamed:
            self._rename_waiting(_title(replace(cue, preset=name)), _title(cue))
        if renamed:
            self._notify_changed()
            unsaved = f"cues now load {new!r} in place of {name!r}, but the list is not saved"
            self._disk.post(
                self._save, lambda reason: self._report("cues.renamed", f"{unsaved}: {reason}")
            )

    def _on_preset_deleted(self, name: str) -> None:
        if numbers := [cue.number for cue in self.cues if cue.preset == name]:
            users = f"cue{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
            self._report("cues.deleted", f"preset {name!r} was deleted, but {users} would load it")


def _title(cue: Cue) -> str:
    """Name of a cue that waits for its beat."""
    return f"cue {cue.number} {cue.preset}"
