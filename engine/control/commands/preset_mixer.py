"""The vision mixer of looks: one is on screen, one is prepared; a take, a cut or a hand brings that
in.

    /preset/prepare Day          Night is on screen, Day waits
    /preset/take 2bars           Day comes in two bars; Night is the prepared one then
    /preset/crossfader 0.4       40 % of Night, by hand; at 1 it is on screen, back at 0 all is as
                                 it was

A flash shows another look while its button is pressed. It changes only the look, no sound and no
model; the release restores the look before, with what others have set meanwhile.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from engine.control import CommandTable, Reply
from engine.control.command_runner import LaunchPlan
from engine.control.commands import CommandContext
from engine.control.commands.fade_answer import answer
from engine.errors import PresetError
from engine.params import Crossfade, LoadedPreset
from engine.params.crossfade import UNDONE, Ended
from engine.params.fade_time import AT_ONCE, FadeTime
from engine.params.hand import Hand
from engine.params.history import GestureHistory
from engine.params.preset_cache import CurrentPreset, PresetCache
from engine.params.store import LOOK_DEFAULTS, PANIC
from osc_schema import Rejected, Value

PREPARED: Final = "/preset/prepared"
TAKE_FADE: Final = "/preset/take_fade"
CROSSFADER: Final = "/preset/crossfader"
FLASH: Final = "preset flash"
"""Source name of a flash, in the store."""
NOTHING_PREPARED: Final = "nothing is prepared (/preset/prepare NAME prepares a preset)"


def conditions() -> Iterator[tuple[str, Callable[[Value], None]]]:
    """Conditions for `ParamStore.add_condition`: reject a length of a take that is no time."""

    def check(value: Value) -> None:
        try:
            FadeTime.of(value)
        except ValueError as reason:
            raise Rejected(f"{TAKE_FADE}: {str(value)!r} {reason}") from None

    yield TAKE_FADE, check


@dataclass(slots=True, kw_only=True, eq=False)
class _Flash:
    """A look that is on screen while its button is pressed."""

    name: str
    pressed_as: str
    """Its name when it was pressed; it may have been renamed since."""
    by: str
    before: dict[str, Value]
    """The look before all flashes that are pressed."""
    since: int
    """Version of the store when it came on; what others set later stays."""
    panics: Value
    current: str
    """The current preset before, or ""."""


class PresetMixer:
    """The mixer of looks: prepares, takes, cuts and flashes presets. Any thread; `step` the render
    thread."""

    def __init__(
        self,
        context: CommandContext,
        *,
        cache: PresetCache,
        get: Callable[[str], LoadedPreset],
        current: CurrentPreset,
        history: GestureHistory,
        crossfade: Crossfade,
        load: Callable[..., None],
        apply: Callable[..., None],
        expect: Callable[[str], None],
        require_ready: Callable[[str], None],
    ) -> None:
        """`get(name)`: the preset arranged for the current inputs of the shaders, else PresetError;
        `load`, `apply`, `expect`, `require_ready`: those of `PresetControl`."""
        self._store = context.store
        self._notify = context.notify
        self._report = context.report
        self._cache = cache
        self._get = get
        self._current = current
        self._crossfade = crossfade
        self._load = load
        self._apply = apply
        self._expect = expect
        self._history = history
        self._require_ready = require_ready
        self.prepared = ""
        """Name of the preset that the next take loads; "" if there is none. Any thread."""
        self._awaited = ""
        """`prepared` as of the newest `step`: a later take in that frame begins in the next one."""
        self.prepares = 0
        """How often a preset, or none, was prepared."""
        self.changes = 0
        """How often the prepared preset has changed."""
        self._begin = self._position
        """Where a fade by hand begins: the crossfader as it stood when the look was prepared or the
        last fade ended."""
        self._has_hand = False
        """True while a fade by hand runs."""
        self._is_undone = False
        """True if the last fade by hand was undone; if the old look dissolves back, the hand waits
        for it."""
        self._flash: _Flash | None = None
        self.lock = threading.RLock()
        """Locked for no longer than a preset is loaded from memory; while another look is loaded,
        no flash begins."""

    @property
    def awaited(self) -> str:
        """The preset that was prepared at the newest `step`, unless a hand is already fading to it.
        Any thread."""
        return "" if self._has_hand else self._awaited

    @property
    def _position(self) -> float:
        return self._store.number(CROSSFADER)

    def prepare(self, name: str) -> None:
        """Prepare a preset for the next take, with its shaders; "": none. PresetError if it cannot
        be loaded."""
        if name:
            name = self._cache.get(name).name
            self._expect(name)
        self._set_prepared(name)

    def take(
        self,
        time: FadeTime,
        ended: Ended = lambda superseded_by: None,
        *,
        name: str = "",
        is_by_hand: bool = True,
    ) -> str:
        """Crossfade to the prepared preset, or to the one that was prepared when the take was
        queued. Returns its name.

        The preset that was on screen is the prepared one afterwards, unless another one was
        prepared while the take was queued, or waited for its shader. Raises PresetError if none is
        prepared."""
        with self.lock:
            preset = name or self.prepared
            before = self.on_screen
            if not preset:
                raise PresetError(NOTHING_PREPARED)

            def begun() -> None:
                if preset == self.prepared:
                    self._set_prepared(self._if_exists(before))

            self._load(preset, time, ended, is_by_hand=is_by_hand, begun=begun)
        return preset

    def follow_change(self, name: str, new: str) -> None:
        """Follow the renaming or deletion (`new` is "") of a preset."""
        with self.lock:
            flash = self._flash
            if flash is not None:
                flash.current = new if flash.current == name else flash.current
                flash.name = new if new and flash.name == name else flash.name
            if self.prepared == name:
                self._set_prepared(new)

    def step(self, now_s: float) -> None:
        """Begin a fade by hand when the crossfader has been moved; `Crossfade` steps it. Render
        thread."""
        self._awaited = self.prepared
        if self._has_hand or self._position == self._begin or not self.lock.acquire(blocking=False):
            return  # a command is running: the next frame tries again
        try:
            if self._is_flashing:
                return
            if self.prepared and not self._crossfade.is_fading:
                self._begin_by_hand()
            elif not self._is_undone:
                self._begin = self._position
        finally:
            self.lock.release()

    def _begin_by_hand(self, at: float | None = None) -> None:
        """Let the hand fade to the prepared preset, from `at` on. The caller holds the lock."""
        try:
            self._require_ready(self.prepared)
            loaded = self._get(self.prepared)
        except PresetError as error:
            self._begin = self._position
            self._report("preset.crossfader", f"{CROSSFADER}: {error}")
            return
        hand = Hand(self._begin, lambda: self._position, at)
        self._has_hand = True
        self._is_undone = False
        resume = self._current.pause()

        def on_end(superseded_by: str) -> None:
            with self.lock:
                self._has_hand = False
                self._is_undone = superseded_by == UNDONE
                self._begin = hand.begin if superseded_by == UNDONE else self._position
                resume()
                if not superseded_by:
                    gliding = [entry for entry in loaded.values if not entry[0].is_look]
                    self._history.arrive(loaded.name, gliding, self._current.name)
                    self.swap(loaded.name)
                elif superseded_by == UNDONE:
                    self._history.come_back()

        self._history.leave()
        self._apply(loaded, f"preset {loaded.name}", ended=on_end, hand=hand)

    def swap(self, name: str) -> None:
        """A hand or an undo has brought another preset on screen. The caller holds the lock."""
        before = self._current.name
        self._begin = self._position
        self.show_current(name)
        if name and self.prepared == name:  # else another one was prepared meanwhile
            self._set_prepared(self._if_exists(before))

    # -- flash -----------------------------------------------------------------------------------

    def flash(self, name: str, is_pressed: bool, by: str = "") -> None:
        """Show the picture of a preset while it is pressed, then the look before. PresetError if it
        cannot be loaded.

        Of several, the last one pressed is shown; its release returns to the look before all. `by`:
        the sender, for `release_of`."""
        with self.lock:
            if is_pressed:
                self._press(name, by)
            elif self._flash is not None and self._own_spelling(name) in (
                self._flash.name,
                self._flash.pressed_as,
            ):
                self._release(self._flash)

    def release_of(self, sender: str) -> None:
        """Release the flash of a sender that has disconnected."""
        with self.lock:
            if sender and self._flash is not None and self._flash.by == sender:
                self._release(self._flash)

    def end_flash(self) -> None:
        """Forget the flash because another look is loaded: its release changes nothing. The caller
        holds the lock."""
        self._flash = None
        self._is_undone = False

    @property
    def _is_flashing(self) -> bool:
        return self._flash is not None and self._flash.panics == self._store.get(PANIC)

    @property
    def on_screen(self) -> str:
        """The current preset, without a flash. Any thread."""
        return (
            self._flash.current
            if self._flash is not None and self._is_flashing
            else self._current.name
        )

    def _press(self, name: str, by: str) -> None:
        """Cut to a preset's picture. The caller holds the lock."""
        self._require_ready(name)
        loaded = self._get(name)
        flash = self._flash
        current = self.on_screen
        if flash is not None and self._is_flashing:
            if flash.name == loaded.name:
                return
            before = flash.before | self._set_by_others(flash)
        else:
            if self._has_hand:  # it continues after the flash
                self._crossfade.undo()
            before = self._store.snapshot().to_dict()
        self._history.leave()
        self._current.begin(loaded)
        self._apply(
            replace(loaded, values=[entry for entry in loaded.values if entry[0].is_look]), FLASH
        )
        panics = self._store.get(PANIC)
        since = self._store.version
        self._flash = _Flash(
            name=loaded.name,
            pressed_as=loaded.name,
            by=by,
            before=before,
            since=since,
            panics=panics,
            current=current,
        )

    def _release(self, flash: _Flash) -> None:
        """Cut back to the look before. The caller holds the lock."""
        is_flashing = self._is_flashing
        self._flash = None
        if not is_flashing:
            return
        values = flash.before | self._set_by_others(flash)
        self.show_current(flash.current)  # first: the frame in which it begins reads its name
        look = [(param, values[param.address]) for param, _ in LOOK_DEFAULTS]
        self._crossfade.start(look, by=FLASH, is_picture=True)
        self._history.come_back()
        if self.prepared and self._position != self._begin:
            self._begin_by_hand(at=self._position)

    def _set_by_others(self, flash: _Flash) -> dict[str, Value]:
        changes, _ = self._store.changes_since(flash.since)
        return {change.address: change.value for change in changes if change.by != FLASH}

    def show_current(self, name: str) -> None:
        """Make a preset the current one, or none if it is missing."""
        if self._if_exists(name):
            self._current.begin(self._get(name))
        else:
            self._current.forget(self._current.name)

    # -- commands ----------------------------------------------------------------------------------

    def add_commands(self, table: CommandTable) -> None:
        table.add("/preset/take", self._on_take, plan_launch=self._plan_take)
        table.add(
            "/preset/cut",
            partial(self._on_take, time=AT_ONCE),
            plan_launch=partial(self._plan_take, AT_ONCE),
        )
        table.add("/preset/flash", self._on_flash)

    @property
    def take_fade(self) -> FadeTime:
        """The time of a take that names none. Any thread."""
        return FadeTime.of(self._store.get(TAKE_FADE))

    def _on_take(self, reply: Reply, time: FadeTime | None, name: str = "") -> None:
        self.take(time or self.take_fade, answer(reply, name or self.prepared), name=name)

    def _plan_take(self, time: FadeTime | None) -> LaunchPlan:
        """Plan to take the look that is prepared now, whatever is prepared when the beat comes."""
        if not self.prepared:
            raise PresetError(NOTHING_PREPARED)
        name = self._cache.get(self.prepared).name
        self._expect(name)
        return LaunchPlan(
            name=name,
            preset=name,
            is_cut=(time or self.take_fade).is_at_once,
            run=lambda reply, new_name: self._on_take(reply, time, new_name),
        )

    def _on_flash(self, reply: Reply, name: str, is_pressed: bool) -> None:
        self.flash(name, is_pressed, reply.sender)
        reply.done(name)

    # ------------------------------------------------------------------------------------------

    def _set_prepared(self, name: str) -> None:
        with self.lock:
            is_new = name != self.prepared
            self.prepared = name
            self.prepares += 1
            if is_new and not self._has_hand and not self._is_flashing:
                self._begin = self._position
            if is_new:
                self.changes += 1
                self._notify(PREPARED, name)

    def _if_exists(self, name: str) -> str:
        """The name if such a preset still exists, else ""."""
        return name if name and self._cache.find(name) is not None else ""

    def _own_spelling(self, name: str) -> str:
        found = self._cache.find(name)
        return name if found is None else found.name
