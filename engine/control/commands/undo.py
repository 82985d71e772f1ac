"""`/undo`, `/redo` and `/gesture`: take back what hands have changed, whichever page or controller
they used."""

from functools import partial

from engine.control import CommandTable, Reply
from engine.control.commands import CommandContext
from engine.control.commands.preset import PresetControl
from engine.params import Crossfade
from osc_schema import Rejected


class UndoControl:
    """The commands for the history of `PresetControl`. OSC's threads."""

    def __init__(
        self, context: CommandContext, *, presets: PresetControl, crossfade: Crossfade
    ) -> None:
        self._report = context.report
        self._presets = presets
        self._crossfade = crossfade

    def add_commands(self, table: CommandTable) -> None:
        table.add("/undo", partial(self._on_command, True))
        table.add("/redo", partial(self._on_command, False))
        table.add("/gesture", self._on_gesture)

    def _on_command(self, is_undo: bool, reply: Reply) -> None:
        mixer = self._presets.mixer
        with mixer.lock:
            found = self._presets.history.take(is_undo=is_undo)
            if found is None:
                raise Rejected("no step is left of this look")
            gesture, entries, absent = found
            if is_picture := bool(gesture.preset):
                mixer.end_flash()
                mixer.swap(gesture.previous if is_undo else gesture.preset)
            problems = [*map(str, self._crossfade.start(entries, by="undo", is_picture=is_picture))]
        if absent:
            shaders = ", ".join(sorted(set(absent.values())))
            problems.append(f"{', '.join(absent)}: left out, because {shaders} no longer plays")
        for problem in problems:
            self._report("undo", f"{reply.command}: {problem}")
        if gesture.edit is not None:
            gesture.edit[1](is_undo, reply)
        else:
            reply.done(str(gesture))

    def _on_gesture(self, reply: Reply, is_touched: bool) -> None:
        self._presets.history.hold(reply.sender, is_pressed=is_touched)
        reply.done(int(is_touched))
