"""Preset commands over OSC: save, load, fade, copy layers. Those of the vision mixer are in
`preset_mixer.py`.

Presets are loaded at once, from memory (`PresetCache`), so that later messages of the same bundle
act on the loaded values. Only the disk store uses the disk, so a slow or hung disk blocks no
command, such as a panic.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice

import osc_schema
from engine.control import CommandTable, Handler, Reply
from engine.control.command_runner import DiskLookup, LaunchPlan
from engine.control.commands import CommandContext
from engine.control.commands.fade_answer import answer
from engine.control.commands.preset_mixer import PREPARED, PresetMixer
from engine.control.commands.upcoming import PresetFaults, Upcoming
from engine.control.launch_queue import NOW, TAKEN_BACK, LaunchQueue
from engine.control.look_order import LookOrder, Ticket
from engine.errors import PresetError
from engine.params import Crossfade, LoadedPreset, PresetFolder
from engine.params.crossfade import Ended
from engine.params.fade_time import AT_ONCE, FadeTime
from engine.params.hand import Hand
from engine.params.history import GestureHistory
from engine.params.input_views import InputViews
from engine.params.looks import LOOKS, WORDED
from engine.params.preset_cache import CURRENT, CurrentPreset, PresetCache, PresetChange
from engine.params.presets import is_factory
from engine.params.store import entries_of
from engine.system.disk_store import POLL_INTERVAL_S
from engine.system.guarded_thread import Guard
from osc_schema import Rejected, Value
from osc_schema.fx import LOOK_SLOTS, file_address

log = logging.getLogger(__name__)

TakePicture = Callable[[Callable[[bytes], None]], None]
"""`take(deliver)` calls `deliver(jpeg)` with the next picture on screen, on any thread, or
never."""

MAX_START_S = 2.0
"""Timeout for reading the folder at the start; presets that are read later can be loaded later."""
TOLD_AFTER_FRAMES = 10  # a shader that is only read is ready earlier
WAITS_FOR = "waits for the first test of its shader {shader} on this machine"
READ_ON_S = 0.02  # between two parts of a folder, in which what waits for the disk is done
_SHADER_FILES = frozenset(map(file_address, LOOK_SLOTS))
_TEXT = "/text/1/text"
_OWN_TEXT = "/text/words"
_PARTS = tuple(param.address.removeprefix("/layer/1/") for param in osc_schema.match("/layer/1/*"))


class PresetControl:
    """The presets of one folder, the current one, and the commands for both."""

    def __init__(
        self,
        context: CommandContext,
        *,
        presets: PresetFolder,
        crossfade: Crossfade,
        views: InputViews,
        upcoming: Upcoming,
        take_picture: TakePicture | None = None,
    ) -> None:
        """Reads the folder, for at most 2 s. `views`: the inputs of the shaders, whose names are
        saved. `take_picture` None: saved presets get no pictures."""
        self._store = context.store
        self._notify = context.notify
        self._report = context.report
        self._views = views
        self._upcoming = upcoming
        self.cache = PresetCache(presets)
        self._crossfade = crossfade
        self._take_picture = take_picture
        self.current = CurrentPreset(context.store, context.notify)
        self.history = GestureHistory(context.store, context.clock.now_s)
        self.faults = PresetFaults(self.cache, upcoming.fault_of, context.notify)
        self.mixer = PresetMixer(
            context,
            cache=self.cache,
            get=self._get,
            current=self.current,
            history=self.history,
            crossfade=crossfade,
            load=self.load,
            apply=self.apply,
            expect=self.expect,
            require_ready=self._require_ready,
        )
        self._is_open = False
        self.queue: LaunchQueue | None = None
        """Where looks wait for their shaders; set before the engine starts."""
        self._deferred = ""
        """The look that `load` has put there last."""
        self._held_frames: dict[str, int] = {}
        """By the look that waits for its shader: how often it was asked for."""
        self._guard = Guard(
            log, context.report, "preset.trail", "the look that waits gets no trail"
        )
        self._order = LookOrder(context.store)
        self._watchers: list[Callable[[str, str], None]] = []
        self._disk = context.disk.open("presets", presets.path, poll=self._read_folder)
        if not self._disk.has_polled.wait(MAX_START_S):
            line = f"{presets.path}: still being read after {MAX_START_S:g} s; until it has been"
            self._report("presets", f"{line} only the presets already read can be loaded")
        self._is_open = True

    def close(self) -> None:
        self._disk.close()

    def watch(self, changed: Callable[[str, str], None]) -> None:
        """Call `changed(name, new)` on the disk's thread after a preset was renamed, deleted (`new`
        is ""), or saved as a new one or restored (`name` is ""). It must not block. Before the
        engine starts."""
        self._watchers.append(changed)

    def add_commands(self, table: CommandTable) -> None:
        self.mixer.add_commands(table)
        table.add("/preset/prepare", self._on_prepare)
        table.add("/preset/save", self._on_save)
        for verb in ("load", "glide"):
            handler = partial(self._on_load, verb == "load")
            table.add(f"/preset/{verb}", handler, plan_launch=partial(self._plan_launch, handler))
        table.add("/preset/list", self._on_list, is_listing=True)
        table.add("/preset/delete", self._on_delete)
        table.add("/preset/restore", self._on_restore)
        table.add("/preset/rename", self._on_rename)
        table.add("/preset/current", self._on_current)
        table.add("/layer/copy", self._on_copy)

    # -- any thread ----------------------------------------------------------------------------

    def load(
        self,
        name: str,
        time: FadeTime = AT_ONCE,
        ended: Ended = lambda superseded_by: None,
        *,
        keep: str = "",
        ticket: Ticket | None = None,
        is_picture: bool = True,
        is_by_hand: bool = True,
        may_wait: bool = True,
        begun: Callable[[], object] = lambda: None,
    ) -> None:
        """Crossfade to a preset's picture within that time; invalid entries are reported. Does not
        use the disk. One whose shader is still being tested waits in the launch queue, if it
        `may_wait`; `begun()` is called when its values are set.

        Raises PresetError, without any change, if there is no such preset. `ended`: as in
        `Crossfade.start`. `keep`: the beginning of addresses that stay as they are. `ticket`: of a
        preset that had to be read first. Not `is_picture`: interpolates the values instead of two
        pictures; menus change at the beginning. `is_by_hand`: `/undo` restores the values
        before."""
        loaded = self._get(name)
        ticket = ticket or self._order.new_ticket()
        if may_wait and self.queue is not None and self.awaited_shader(loaded.name):
            again = partial(
                self.load, time=time, ended=ended, keep=keep, ticket=ticket, begun=begun
            )
            run = partial(again, is_picture=is_picture, is_by_hand=is_by_hand)
            is_cut = is_picture and time.is_at_once
            self.expect(loaded.name)
            self._deferred = loaded.name
            self.queue.add_look(
                loaded.name, NOW, run, partial(_drop, ended), preset=loaded.name, is_cut=is_cut
            )
            return
        if keep:
            loaded = replace(
                loaded,
                values=[entry for entry in loaded.values if not entry[0].address.startswith(keep)],
            )
        with self.mixer.lock:
            if by := self._order.arrive(ticket, f"preset {loaded.name}"):
                ended(by)
                return
            deferred = self._deferred
            self._deferred = ""
            if deferred and self.queue is not None:
                self.queue.take_back(deferred, f"superseded by preset {loaded.name}")
            previous = self.mixer.on_screen
            self.history.leave()
            self.mixer.end_flash()
            arrive = self.current.begin(loaded, is_fading=True)

            def on_end(superseded_by: str) -> None:
                arrive()
                ended(superseded_by)

            self.apply(loaded, f"preset {loaded.name}", time, on_end, is_picture=is_picture)
            self.history.arrive(loaded.name, loaded.values, previous, is_step=is_by_hand)
            begun()

    def awaited_shader(self, name: str) -> str:
        """The shader for whose test this preset waits; "" if it can be shown, or there is none. Any
        thread."""
        loaded = self.cache.find(name)
        return "" if loaded is None else self._upcoming.awaited_by(loaded.by_address())

    def _require_ready(self, name: str) -> None:
        if shader := self.awaited_shader(name):
            raise PresetError(f"preset {name}: {WAITS_FOR.format(shader=shader)}")

    def must_wait(self, name: str, was_expected: bool) -> bool:
        """True while a preset whose beat has come waits for its shader, which is told. Render
        thread.

        `was_expected`: Its shader was read before, so it is not that which takes some frames."""
        shader = self.awaited_shader(name)
        frames = self._held_frames.get(name, 0) + 1 if shader else 0
        self._held_frames = {name: frames} if shader else {}
        if frames == (1 if was_expected else TOLD_AFTER_FRAMES):
            self._report(
                "preset.waits",
                f"preset {name}: {WAITS_FOR.format(shader=shader)}; the look before plays on",
            )
        return bool(shader)

    def numbered(self, number: int) -> str | None:
        """The name of the preset with this number: that begins with it, else the built-in look at
        that position."""
        is_it = re.compile(rf"0*{number}(?!\d)")
        own = next((name for name in self.cache.names() if is_it.match(name)), None)
        return own or next(islice(LOOKS, number - 1, number), None)

    def _get(self, name: str) -> LoadedPreset:
        """The preset with its values arranged. PresetError if it is missing or cannot be used."""
        loaded = self.cache.get(name)
        text = self._store.get(_TEXT)
        if self.current.name in WORDED and text not in ("", self.current.loaded_value(_TEXT)):
            # somebody has written it into the look that goes
            self._store.set(_OWN_TEXT, text, by="preset")
        return self._arrange(loaded)

    def _arrange(self, loaded: LoadedPreset) -> LoadedPreset:
        """The preset with its values in the current order of the shaders' inputs, and with the
        performer's words."""
        values = self._views.arrange(loaded.values, loaded.inputs)
        text = self._store.get(_OWN_TEXT)
        if text and loaded.name in WORDED:
            values = [(param, text if param.address == _TEXT else value) for param, value in values]
        return replace(loaded, values=values)

    def resume(self, loaded: LoadedPreset) -> None:
        """Restore the values of the last run, and the name of its current preset."""
        self.apply(self._arrange(loaded), "resume")
        on = self.cache.find(loaded.current) if loaded.current else None
        if on is not None:
            self.current.begin(on)
        elif loaded.values:
            self.current.forget(self.current.name)

    def if_missing(self, name: str, warn: Callable[[], None]) -> None:
        """Read the folder again, on the disk's thread, and call `warn()` if it has no preset of
        that name."""
        if self.cache.has(name):
            return

        def look_again() -> None:
            self._read_folder()
            if not self.cache.has(name):
                warn()

        self._disk.post(
            look_again, lambda reason: self._report("preset", f"preset {name}: {reason}")
        )

    def apply(
        self,
        loaded: LoadedPreset,
        origin: str,
        time: FadeTime = AT_ONCE,
        ended: Ended = lambda superseded_by: None,
        *,
        is_picture: bool = True,
        hand: Hand | None = None,
    ) -> None:
        """Start a crossfade (or a glide, if not `is_picture`) to loaded values, and report invalid
        entries.

        `hand`: as in `Crossfade.start`.

        A slot whose shader is missing is emptied: the one of the look before does not belong to
        this look."""
        missing = self._missing_shaders(loaded)
        values = [
            (param, "" if param.address in missing else value) for param, value in loaded.values
        ]
        rejected = self._crossfade.start(
            values, time, by=origin, ended=ended, is_picture=is_picture, hand=hand
        )
        for problem in (*loaded.problems, *missing.values(), *rejected):
            self._report("preset", f"{origin}: {problem}")

    def _missing_shaders(self, loaded: LoadedPreset) -> dict[str, Rejected]:
        """The reason by address, for each slot whose shader is missing."""
        missing = {}
        for param, value in loaded.values:
            if param.address in _SHADER_FILES:
                try:
                    self._store.require(param, value)
                except Rejected as rejection:
                    missing[param.address] = rejection
        return missing

    # -- the disk's thread ---------------------------------------------------------------------

    def _read_folder(self, name: str = "") -> None:
        """Poll the folder for changes by other programs, and read the file of the preset `name` in
        any case."""
        self._read_some(name)
        while self.cache.has_more and not self._is_open:
            self._read_some()
        if self._is_open:
            self._disk.interval_s = READ_ON_S if self.cache.has_more else POLL_INTERVAL_S

    def _read_some(self, name: str = "") -> None:
        last_problem = self.cache.problem
        changed = self.cache.poll(name)
        if self.cache.problem and self.cache.problem != last_problem:
            self._report("presets", self.cache.problem)
        if self._is_open:
            for name in changed:
                self._notify("/preset/changed", name)
                if self.current.name == name and (loaded := self.cache.find(name)) is not None:
                    self.current.follow(loaded)
                if not self.cache.has(name):
                    self.mixer.follow_change(name, "")
            self.faults.step()

    # -- OSC's threads -------------------------------------------------------------------------

    def _on_save(self, reply: Reply, name: str) -> None:
        """Save the current values without modulation."""
        values = self._store.snapshot()
        change = self.cache.save(name, values, self._views.names_in(values))
        assert change.content is not None
        self.current.begin(change.content)
        self._write_change(change, reply)
        if self._take_picture is not None:
            self._take_picture(lambda jpeg: self._save_still(change.name, jpeg))

    def add(self, name: str, values: Mapping[str, Value], reply: Reply) -> None:
        """Save a preset with these values, and the picture on screen as its picture. Any thread."""
        self._write_change(self.cache.save(name, values), reply)
        if self._take_picture is not None:
            self._take_picture(partial(self.save_picture, name))

    def _save_still(self, name: str, jpeg: bytes) -> None:
        """Save the frame that follows a save as the preset's picture, if the preset is still
        current. Any thread."""
        if self.current.name == name:
            self.save_picture(name, jpeg)

    def needs_picture(self, preset: LoadedPreset) -> bool:
        """True if it is one of the folder's presets, as it is now, and has no picture. Any
        thread."""
        name = preset.name
        return (
            not is_factory(name)
            and name not in self.cache.pictures
            and self.cache.find(name) is preset
        )

    def save_picture(self, name: str, jpeg: bytes) -> None:
        """Save the picture of a preset. Any thread."""

        def write() -> None:
            self.cache.write_picture(name, jpeg)
            self._notify("/preset/changed", name)

        self._disk.post(
            write, lambda reason: self._report("presets", f"the picture of preset {name}: {reason}")
        )

    def _on_delete(self, reply: Reply, name: str) -> None:
        self._write_change(self.cache.delete(name), reply)

    def _write_change(self, change: PresetChange, reply: Reply) -> None:
        """Write a change to the disk, then answer."""

        def write() -> None:
            was_replaced = self.cache.write(change)
            reply.done(change.name)
            self._notify("/preset/changed", change.name)
            if change.content is None:
                self.current.forget(change.name)
                self.mixer.follow_change(change.name, "")
                self._notify_watchers(change.name, "")
            elif was_replaced:
                self._notify("/preset/replaced", change.name)
            else:
                self._notify_watchers("", change.name)

        def fail(reason: str) -> None:
            self.cache.drop(change)
            stored = self.cache.find(change.name)
            if stored is None:
                self.current.forget(change.name)
            else:
                self.current.follow(stored)
            reply.fail(reason)

        self._disk.post(write, fail)

    def _notify_watchers(self, name: str, new: str) -> None:
        for changed in self._watchers:
            changed(name, new)

    def _plan_launch(self, handler: Handler, name: str, time: FadeTime) -> LaunchPlan | DiskLookup:
        """How a preset that a command names waits for its beat. Raises PresetError for an invalid
        name."""
        loaded = self.cache.find(name)
        if loaded is None:
            return partial(self._look_for, name)
        self.expect(name)
        return LaunchPlan(
            name=loaded.name,
            preset=loaded.name,
            is_cut=time.is_at_once,
            run=lambda reply, new_name: handler(reply, new_name, time),
        )

    def _look_for(self, name: str, then: Callable[[], None], fail: Callable[[str], None]) -> None:
        """Read the folder, on the disk's thread: the preset's file may be new or just repaired."""

        def look() -> None:
            self._read_folder(self.cache.spell(name))
            self.cache.get(name)  # or PresetError
            then()

        self._disk.post(look, fail)

    def expect(self, name: str) -> None:
        """Prepare the shaders and the letters of a preset that waits for its beat or is
        prepared."""
        loaded = self.cache.find(name)
        if loaded is not None:
            present = self._store.snapshot().to_dict()
            self._upcoming.prepare(present | self._arrange(loaded).by_address())

    def values_of(self, name: str) -> Mapping[str, Value] | None:
        """The values of the preset; None if there is none of that name. Render thread; raises
        nothing."""
        loaded = self.cache.find(name)
        return (
            None
            if loaded is None
            else self._guard.attempt(lambda: self._arrange(loaded).by_address())
        )

    def _on_load(self, is_picture: bool, reply: Reply, name: str, time: FadeTime) -> None:
        """Execute `/preset/load`, or `/preset/glide`."""
        ended = answer(reply, name)
        ticket = self._order.new_ticket()
        go = partial(self.load, name, time, ended, ticket=ticket, is_picture=is_picture)
        if self.cache.find(name) is not None:
            go()
        else:
            self._look_for(name, go, reply.fail)

    def _on_prepare(self, reply: Reply, name: str) -> None:
        mixer = self.mixer
        prepares = mixer.prepares

        def prepare() -> None:
            mixer.prepare(name)
            reply.done(mixer.prepared)

        def prepare_if_newest() -> None:
            if mixer.prepares != prepares:
                raise PresetError(
                    f"superseded by preset {mixer.prepared}" if mixer.prepared else "superseded"
                )
            prepare()

        if not name or self.cache.find(name) is not None:
            prepare()
        else:
            self._look_for(name, prepare_if_newest, reply.fail)

    def _on_restore(self, reply: Reply, name: str) -> None:
        def restore() -> None:
            loaded = self.cache.restore(name)
            self.current.follow(loaded)
            reply.done(loaded.name)
            self._notify("/preset/changed", loaded.name)
            self._notify_watchers("", loaded.name)

        self._disk.post(restore, reply.fail)

    def _on_rename(self, reply: Reply, name: str, new: str) -> None:
        def rename() -> None:
            old, renamed = self.cache.rename(name, new)
            self.current.rename(old, renamed)
            self.mixer.follow_change(old, renamed)
            self._notify_watchers(old, renamed)
            reply.done(renamed)
            for changed in (old, renamed):
                self._notify("/preset/changed", changed)

        self._disk.post(rename, reply.fail)

    def _on_current(self, reply: Reply) -> None:
        reply.send(CURRENT, *self.current.state)
        reply.send(PREPARED, self.mixer.prepared)
        reply.done()

    def _on_list(self, reply: Reply) -> None:
        reply.send(CURRENT, *self.current.state)
        reply.send(PREPARED, self.mixer.prepared)
        for name in self.cache.names():
            reply.send("/preset/name", name)
        self.faults.send(reply)
        reply.done()

    def _on_copy(self, reply: Reply, source: int, target: int) -> None:
        if source == target:
            raise PresetError(f"from and to are both {source}: name two different layers")
        values = self._store.snapshot()
        copies = [(f"/layer/{target}/{part}", values[f"/layer/{source}/{part}"]) for part in _PARTS]
        self._crossfade.start(entries_of(copies), by="/layer/copy")
        reply.done(source, target)


def _drop(ended: Ended, reason: str) -> None:
    """End a load that the launch queue drops for this reason."""
    ended("/launch/drop" if reason == TAKEN_BACK else reason.removeprefix("superseded by "))
