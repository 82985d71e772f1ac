"""Presets and layers over OSC: saved, loaded, faded to, copied.

A preset is written by a worker thread, because a disk may take its time, and read by the thread its command came on:
a small file, within a millisecond, so that what stands after the command in its bundle comes after it.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import osc_schema
from engine.control import CommandTable, Reply
from engine.errors import MultiverseError, PresetError
from engine.params import Crossfade, LoadedPreset, ParamStore, PresetFolder
from engine.params.crossfade import Ended
from engine.params.presets import clean_name
from osc_schema.cues import LONGEST_FADE_S
from osc_schema.layers import LAYERS

log = logging.getLogger(__name__)

Report = Callable[[str, str], None]
Tell = Callable[..., None]
"""`tell(address, *args)`: a message to every subscriber, from any thread."""

LONGEST_SAVE_S = 5.0
_PARTS = tuple(param.address.removeprefix("/layer/1/") for param in osc_schema.match("/layer/1/*"))


class PresetControl:
    def __init__(
        self, *, store: ParamStore, presets: PresetFolder, crossfade: Crossfade, report: Report, tell: Tell
    ) -> None:
        self._store = store
        self._presets = presets
        self._crossfade = crossfade
        self._report = report
        self._tell = tell
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="presets")
        self._last_save: Future[None] = Future()
        self._last_save.set_result(None)
        self.on_deleted: Callable[[str], None] = lambda name: None
        """Called with the name of a preset that was deleted, on an OSC thread: must not wait."""

    def close(self) -> None:
        self._disk.shutdown()

    def add_commands(self, table: CommandTable) -> None:
        table.add("/preset/save", self._on_save)
        table.add("/preset/load", self._on_load)
        table.add("/preset/list", self._on_list)
        table.add("/preset/delete", self._on_delete)
        table.add("/layer/copy", self._on_copy)

    # -- any thread ----------------------------------------------------------------------------

    def load(self, name: str, fade_s: float = 0.0, ended: Ended = lambda superseded_by: None) -> None:
        """Go to a preset within `fade_s`; every entry that does not fit is reported. Waits for the disk.

        PresetError, and nothing changed, when there is no such preset. `ended`: as `Crossfade.start` tells it.
        """
        self._wait_for_saves()
        self.apply(self._presets.load(name), f"preset {name}", fade_s, ended)

    def has(self, name: str) -> bool:
        """Whether there is a preset of this name, what is being saved counted in. Waits for the disk; PresetError when
        the disk does not answer."""
        self._wait_for_saves()
        return self._presets.has(name)

    def apply(
        self, loaded: LoadedPreset, origin: str, fade_s: float = 0.0, ended: Ended = lambda superseded_by: None
    ) -> None:
        problems = [*loaded.problems, *self._crossfade.start(loaded.values, fade_s, by=origin, ended=ended)]
        for problem in problems:
            self._report("preset", f"{origin}: {problem}")

    def _wait_for_saves(self) -> None:
        """What was to be saved before is in its file, or PresetError."""
        try:
            self._last_save.result(LONGEST_SAVE_S)
        except TimeoutError:
            raise PresetError("the disk is still busy with the preset before") from None

    # -- OSC's threads -------------------------------------------------------------------------

    def _on_save(self, args: tuple, reply: Reply) -> None:
        """The values of now: what was set, without modulation."""
        name, values = only_name(args), self._store.snapshot()

        def save() -> None:
            try:
                self._presets.save(name, values)
            except MultiverseError as error:
                reply.fail(str(error))
            except Exception as error:  # the top of the worker's thread
                log.exception("a preset cannot be saved")
                self._report("preset", f"preset {name}: {error}")
                reply.fail(f"an error of the engine itself: {type(error).__name__}", is_logged=False)
            else:
                reply.done(name)
                self._tell("/preset/changed", name)

        self._last_save = self._disk.submit(save)

    def _on_load(self, args: tuple, reply: Reply) -> None:
        name, fade_s = only_name(args[:1]), args[1] if len(args) > 1 else 0.0
        if len(args) > 2 or not isinstance(fade_s, int | float) or not 0.0 <= fade_s <= LONGEST_FADE_S:
            raise PresetError(f"takes the preset's name and, if wanted, a fade of 0..{LONGEST_FADE_S:g} s")
        self.load(name, float(fade_s), answer(reply, name))

    def _on_delete(self, args: tuple, reply: Reply) -> None:
        name = only_name(args)
        self._wait_for_saves()
        self._presets.delete(name)
        reply.done(name)
        self._tell("/preset/changed", name)
        self.on_deleted(clean_name(name))

    def _on_list(self, args: tuple, reply: Reply) -> None:
        self._wait_for_saves()
        for name in self._presets.list():
            reply.send("/preset/name", name)
        reply.done()

    def _on_copy(self, args: tuple, reply: Reply) -> None:
        if len(args) != 2 or not all(number in LAYERS for number in args) or args[0] == args[1]:
            reply.fail(f"takes two different layers, from and to, {LAYERS[0]}..{LAYERS[-1]}")
            return
        source, target = map(int, args)
        values = self._store.snapshot()
        copies = [(f"/layer/{target}/{part}", values[f"/layer/{source}/{part}"]) for part in _PARTS]
        self._crossfade.start(copies, 0.0, by="/layer/copy")
        reply.done(source, target)


def only_name(args: tuple) -> str:
    if len(args) != 1 or not isinstance(args[0], str):
        raise PresetError("takes the preset's name")
    return args[0]


def answer(reply: Reply, *values: object) -> Ended:
    """`/done` when a fade has arrived, else `/fail` with what it was superseded by."""

    def ended(superseded_by: str) -> None:
        if superseded_by:
            reply.fail(f"superseded by {superseded_by}", is_logged=False)
        else:
            reply.done(*values)

    return ended
