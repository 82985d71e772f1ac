"""Preset commands over OSC: save, load, fade, copy layers.

Presets are loaded at once, from memory (`PresetShelf`), so that later messages of the same bundle act on the loaded
values. Only the disk store uses the disk, so a slow or hung disk blocks no command, such as a panic.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import osc_schema
from engine.control import Args, CommandTable, Handler, Reply, Tell
from engine.errors import PresetError
from engine.osc.encode import ReplyValue
from engine.params import Crossfade, LoadedPreset, ParamStore, PresetFolder
from engine.params.crossfade import Ended
from engine.params.input_views import InputViews
from engine.params.preset_shelf import CURRENT, CurrentPreset, PresetChange, PresetShelf
from engine.system.disk_store import DiskStore
from engine.system.reporting import Report
from osc_schema import Rejected
from osc_schema.cues import MAX_FADE_S
from osc_schema.fx import SLOTS, file_address
from osc_schema.layers import LAYERS

TakePicture = Callable[[Callable[[bytes], None]], None]
"""`take(deliver)` calls `deliver(jpeg)` with the next picture on screen, on any thread, or never."""

MAX_START_S = 2.0
"""Timeout for reading the folder at the start; presets that are read later can be loaded later."""
_SHADER_FILES = {address: osc_schema.lookup(address) for address in map(file_address, SLOTS)}
_PARTS = tuple(param.address.removeprefix("/layer/1/") for param in osc_schema.match("/layer/1/*"))


class PresetControl:
    """The presets of one folder, and the current one."""

    def __init__(
        self,
        *,
        store: ParamStore,
        presets: PresetFolder,
        crossfade: Crossfade,
        report: Report,
        tell: Tell,
        disk: DiskStore,
        take_picture: TakePicture | None = None,
        views: InputViews | None = None,
    ) -> None:
        """Reads the folder, for at most 2 s. `take_picture` None: saved presets get no pictures. `views`: the inputs of
        the shaders, whose names are saved."""
        self._store = store
        self._views = views or InputViews(store)
        self.shelf = PresetShelf(presets)
        self._crossfade = crossfade
        self._report = report
        self._tell = tell
        self._take_picture = take_picture
        self.current = CurrentPreset(store, tell)
        self._is_open = False
        self._deletion_watchers: tuple[Callable[[str], None], ...] = ()
        self._disk = disk.open("presets", presets.path, poll=self._read_folder)
        if not self._disk.has_polled.wait(MAX_START_S):
            report(
                "presets",
                f"{presets.path}: does not respond; until it does, only the presets already read can be loaded",
            )
        self._is_open = True

    def close(self) -> None:
        self._disk.close()

    def watch_deletions(self, watcher: Callable[[str], None]) -> None:
        """Call `watcher(name)` after a preset was deleted, on the disk's thread; it must not block."""
        self._deletion_watchers = (*self._deletion_watchers, watcher)

    def add_commands(self, table: CommandTable) -> None:
        table.add("/preset/save", self._on_save)
        table.add("/preset/load", self._fade_command(self.load))
        table.add("/preset/glide", self._fade_command(self.glide))
        table.add("/preset/list", self._on_list, is_listing=True)
        table.add("/preset/delete", self._on_delete)
        table.add("/preset/restore", self._on_restore)
        table.add("/preset/current", self._on_current)
        table.add("/layer/copy", self._on_copy)

    # -- any thread ----------------------------------------------------------------------------

    def load(self, name: str, fade_s: float = 0.0, ended: Ended = lambda superseded_by: None) -> None:
        """Crossfade to a preset's picture within `fade_s`; invalid entries are reported. Does not use the disk.

        Raises PresetError, without any change, if there is no such preset. `ended`: as in `Crossfade.start`.
        """
        self._go_to(name, fade_s, ended, is_picture=True)

    def glide(self, name: str, glide_s: float = 0.0, ended: Ended = lambda superseded_by: None) -> None:
        """Like `load`, but interpolates the values instead of two pictures; menus change at the beginning."""
        self._go_to(name, glide_s, ended, is_picture=False)

    def _go_to(self, name: str, seconds: float, ended: Ended, *, is_picture: bool) -> None:
        loaded = self._arranged(self.shelf.get(name))
        arrive = self.current.begin(loaded, is_fading=True)

        def over(superseded_by: str) -> None:
            arrive()
            ended(superseded_by)

        self.apply(loaded, f"preset {name}", seconds, over, is_picture=is_picture)

    def _arranged(self, loaded: LoadedPreset) -> LoadedPreset:
        """The preset, its values in the order that the shaders' inputs have now."""
        return replace(loaded, values=self._views.arrange(loaded.values, loaded.inputs))

    def resume(self, loaded: LoadedPreset) -> None:
        """Restore the values of the last run, and the name of its current preset."""
        self.apply(self._arranged(loaded), "resume")
        on = self.shelf.find(loaded.current) if loaded.current else None
        if on is not None:
            self.current.begin(on)

    def if_missing(self, name: str, tell: Callable[[], None]) -> None:
        """Call `tell()`, on the disk's thread, if the folder, read again, has no preset of that name."""
        if self.shelf.has(name):
            return

        def look_again() -> None:
            self._read_folder()
            if not self.shelf.has(name):
                tell()

        self._disk.post(look_again, lambda reason: self._report("preset", f"preset {name}: {reason}"))

    def apply(
        self,
        loaded: LoadedPreset,
        origin: str,
        fade_s: float = 0.0,
        ended: Ended = lambda superseded_by: None,
        *,
        is_picture: bool = True,
    ) -> None:
        """Start a crossfade (or a glide, if not `is_picture`) to loaded values, and report invalid entries.

        A slot whose shader is missing is emptied: the one of the look before does not belong to this look.
        """
        missing = self._missing_shaders(loaded)
        values = [(address, "" if address in missing else value) for address, value in loaded.values]
        rejected = self._crossfade.start(values, fade_s, by=origin, ended=ended, is_picture=is_picture)
        for problem in (*loaded.problems, *missing.values(), *rejected):
            self._report("preset", f"{origin}: {problem}")

    def _missing_shaders(self, loaded: LoadedPreset) -> dict[str, Rejected]:
        """Reasons by address."""
        missing = {}
        for address, value in loaded.values:
            param = _SHADER_FILES.get(address)
            if param is not None:
                try:
                    self._store.require(param, value)
                except Rejected as rejection:
                    missing[address] = rejection
        return missing

    # -- the disk's thread ---------------------------------------------------------------------

    def _read_folder(self) -> None:
        """Poll the folder for changes by other programs."""
        told = self.shelf.problem
        changed = self.shelf.poll()
        if self.shelf.problem and self.shelf.problem != told:
            self._report("presets", self.shelf.problem)
        if self._is_open:
            for name in changed:
                self._tell("/preset/changed", name)
                if self.current.name == name and (loaded := self.shelf.find(name)) is not None:
                    self.current.follow(loaded)

    # -- OSC's threads -------------------------------------------------------------------------

    def _on_save(self, args: Args, reply: Reply) -> None:
        """Save the current values without modulation."""
        name = preset_name(args)
        values = self._store.snapshot()
        change = self.shelf.save(name, values, self._views.names_in(values))
        assert change.content is not None
        self.current.begin(change.content)
        self._write_change(change, name, reply)
        if self._take_picture is not None:
            self._take_picture(lambda jpeg: self._save_picture(change.name, jpeg))

    def _save_picture(self, name: str, jpeg: bytes) -> None:
        """Save the frame that follows a save as the preset's picture, if the preset is still current. Any thread."""
        if self.current.name != name:
            return

        def write() -> None:
            self.shelf.write_picture(name, jpeg)
            self._tell("/preset/changed", name)

        self._disk.post(write, lambda reason: self._report("presets", f"the picture of preset {name}: {reason}"))

    def _on_delete(self, args: Args, reply: Reply) -> None:
        name = preset_name(args)
        self._write_change(self.shelf.delete(name), name, reply)

    def _write_change(self, change: PresetChange, name: str, reply: Reply) -> None:
        """Write a change to the disk, then answer."""

        def write() -> None:
            was_replaced = self.shelf.write(change)
            reply.done(name)
            self._tell("/preset/changed", name)
            if change.content is None:
                self.current.forget(change.name)
                for watcher in self._deletion_watchers:
                    watcher(change.name)
            elif was_replaced:
                self._tell("/preset/replaced", name)

        def fail(reason: str) -> None:
            self.shelf.drop(change)
            kept = self.shelf.find(change.name)
            if kept is None:
                self.current.forget(change.name)
            else:
                self.current.follow(kept)
            reply.fail(reason)

        self._disk.post(write, fail)

    def _fade_command(self, go_to: Callable[[str, float, Ended], None]) -> Handler:
        """The handler of a command that takes a name and a time."""

        def on_command(args: Args, reply: Reply) -> None:
            name, seconds = preset_name(args[:1]), args[1] if len(args) > 1 else 0.0
            if len(args) > 2 or not isinstance(seconds, int | float) or not 0.0 <= seconds <= MAX_FADE_S:
                raise PresetError(f"takes the preset's name and optionally a time of 0..{MAX_FADE_S:g} s")

            go = partial(go_to, name, float(seconds), answer(reply, name))

            def look_and_go() -> None:
                self._read_folder()
                go()

            if self.shelf.find(name) is not None:
                go()
            else:  # its file may be new or just repaired
                self._disk.post(look_and_go, reply.fail)

        return on_command

    def _on_restore(self, args: Args, reply: Reply) -> None:
        name = preset_name(args)

        def restore() -> None:
            loaded = self.shelf.restore(name)
            self.current.follow(loaded)
            reply.done(name)
            self._tell("/preset/changed", loaded.name)

        self._disk.post(restore, reply.fail)

    def _on_current(self, args: Args, reply: Reply) -> None:
        reply.send(CURRENT, *self.current.state)
        reply.done()

    def _on_list(self, args: Args, reply: Reply) -> None:
        reply.send(CURRENT, *self.current.state)
        for name in self.shelf.names():
            reply.send("/preset/name", name)
        reply.done()

    def _on_copy(self, args: Args, reply: Reply) -> None:
        numbers = [int(number) for number in args if isinstance(number, int | float) and number in LAYERS]
        if len(args) != 2 or len(set(numbers)) != 2:
            raise PresetError(f"takes two different layers, from and to, {LAYERS[0]}..{LAYERS[-1]}")
        source, target = numbers
        values = self._store.snapshot()
        copies = [(f"/layer/{target}/{part}", values[f"/layer/{source}/{part}"]) for part in _PARTS]
        self._crossfade.start(copies, 0.0, by="/layer/copy")
        reply.done(source, target)


def preset_name(args: Args) -> str:
    """The argument of a command that takes only a preset's name. Raises PresetError for anything else.

    A shell and most patches send the name 2 as an int.
    """
    if len(args) != 1 or not isinstance(args[0], str | int) or isinstance(args[0], bool):
        raise PresetError("takes the preset's name")
    return str(args[0])


def answer(reply: Reply, *values: ReplyValue) -> Ended:
    """An `ended` callback that answers `/done` after a fade, or `/fail` if the fade was superseded."""

    def ended(superseded_by: str) -> None:
        if superseded_by:
            reply.fail(f"superseded by {superseded_by}", is_logged=False)
        else:
            reply.done(*values)

    return ended
