"""Chooses, tests and plays the shaders of the slots: /fx.

    /fx/<slot>/file ─► found in the catalog ─► read ─► parsed, tested in a process of its own
                            └─ not found                 ├─► played
                                                         └─ refused or too slow: the last plays on

A look is taken once its shaders are tested (`awaited_by`). Where one is on screen without (the
first of a run, one whose shader is refused), its fallback stands in for the shader: that of the
look before plays under no other name.

Everything slow is on other threads: files on their folder's disk thread, the rest on `shaders`,
which also follows the store. The frame loop only takes the finished shader (`ShaderPlayer`). A text
that has passed is not tested again, not in later runs either. `shader_test_scheduler.py` decides
what is tested when.

The shaders of a look that is prepared, or waits for its beat, are read, tested and compiled
(`prepare`). So they are on screen in the frame of the beat. One that cannot be shown is listed as a
fault of its preset from then on.

When a shader is played, the aliases of its slot are set to its defaults. Exceptions are those that
were set in the same group (bundle, preset, cue) as the file, or later. After a file is saved, each
input keeps its value.
"""

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

import osc_schema
from engine.control import CommandTable, Reply
from engine.control.commands import CommandContext
from engine.control.commands.shader_mixing import prepared_slot, slot_of
from engine.control.commands.shader_player import ShaderPlayer
from engine.control.commands.shader_slots import (
    PlayingShader,
    PreparedShader,
    ShaderStatus,
    Slot,
    lost_routes,
    wrong_kind,
)
from engine.control.commands.shader_test_scheduler import Outcome, ShaderTestScheduler, ShaderText
from engine.control.commands.slow_shaders import first_quality
from engine.errors import IsfError
from engine.params import Snapshot
from engine.params.input_views import InputViews
from engine.params.shader_catalog import ShaderCatalog, ShaderEntry, ShaderSource
from engine.params.shader_inputs import ShaderInput, carry_over, inputs_of, rearrange
from engine.render.isf.isf_file import SECOND_SUFFIX, IsfFile, ShaderSlot, ShaderState
from engine.system.guarded_thread import Guard, GuardedThread
from osc_schema import Value, fx

log = logging.getLogger(__name__)

BY: Final = "shader"
"""Source name of the aliases that are set for a new shader."""
POLL_S: Final = 0.02  # while a shader is tested
IDLE_S: Final = 0.25
CLOSED_WITHIN_S: Final = 2.0
CPU_RIVALS: Final = (
    2.0  # live on a CPU: the bare picture, the sound and the camera take the same cores
)
SETTLED_WITHIN_S: Final = 60.0  # offline: until a line says that the video waits
MAX_REASON: Final = 300
_SWITCHED: Final = ("playing", "bypassed")


class ShaderControl:
    """The shaders of all slots and the command `/fx/list`."""

    def __init__(
        self,
        context: CommandContext,
        *,
        catalog: Callable[..., ShaderCatalog],
        views: InputViews,
        player: ShaderPlayer,
        testing: Callable[..., ShaderTestScheduler],
        is_offline: bool,
        has_driver: bool = True,
        threads: int = 0,
    ) -> None:
        """`catalog(post=..., on_changed=..., on_saved=...)` and `testing(post=...)` build these
        parts. `threads`: number of threads that draw on a CPU during the show, of which a test has
        one; 0 on a GPU. `has_driver`: shaders can be drawn."""
        self._store = context.store
        self._notify = context.notify
        self._report = context.report
        self._views = views
        self._player = player
        self._is_offline = is_offline
        self._threads = threads
        self._tests_first = has_driver and not is_offline
        """Looks wait for their shaders; offline the video does."""
        self.catalog = catalog(
            post=self._post, on_changed=self._on_list_changed, on_saved=self._on_saved
        )
        self._slots = {slot: Slot(name=slot) for slot in fx.SLOTS}
        self._prepared: dict[str, PreparedShader] = {}
        """The prepared shaders by slot; with SECOND_SUFFIX those of the second output, which are
        read alike; with that and a name those for which looks wait."""
        self._second_files: dict[str, str] = {}
        self._faults: dict[str, str] = {}
        """Why shaders were refused or bypassed in this run, by `_key`; replaced as a whole."""
        self._has_played: set[str] = set()
        """Shaders, by `_key`, whose drawing time is known because they have played."""
        # locked by its thread during a step; the render thread only tries it
        self._step_lock = threading.Lock()
        self._files = {slot: "" for slot in fx.SLOTS}
        """The chosen file of each slot as of the newest frame."""
        self._failing: dict[str, tuple[PlayingShader | None, str]] = {}
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._settled = threading.Condition()
        self._is_closing = False
        self._begins_video = is_offline
        """True offline until the first frame is drawn: a shader that fails then ends the video."""
        self._testing = testing(post=self._post)
        self._guard = Guard(log, context.report, "fx", "shaders")
        self._thread = GuardedThread("shaders", self._run, self._guard)
        store = context.store
        store.remember_groups(fx.file_address(slot) for slot in fx.SLOTS)
        store.count_sets(
            address(slot) for slot in fx.SLOTS for address in (fx.enable_address, fx.file_address)
        )
        for slot in fx.SLOTS:
            store.add_condition(fx.file_address(slot), partial(self._check_file, slot))

    def start(self) -> None:
        for slot in fx.LOOK_SLOTS if self._tests_first else ():
            # no look was before, and its layers alone may be black
            if fx.chosen_file(slot, self._store.snapshot()):
                self._player.stand_in(slot)
        self.catalog.start()
        self._thread.start()

    def close(self) -> None:
        self._is_closing = True
        self._wake.set()
        self._thread.join(CLOSED_WITHIN_S)
        self.catalog.close()
        self._testing.close()

    def add_commands(self, table: CommandTable) -> None:
        table.add("/fx/list", self._on_list, is_listing=True)

    # -- any thread ----------------------------------------------------------------------------

    def status(self) -> tuple[ShaderStatus, ...]:
        snapshot = self._store.snapshot()
        return tuple(
            ShaderStatus(
                slot=slot.name,
                file=slot.chosen_name,
                state="off"
                if slot.state in _SWITCHED and not snapshot[fx.enable_address(slot.name)]
                else slot.state,
                detail=slot.detail or self._player.quality_line(slot.playing),
                shown=slot.playing.name if slot.playing is not None else "",
                draw_ms=self._player.draw_ms.get(slot.name, 0.0),
            )
            for slot in self._slots.values()
        )

    def prepare(self, values: Mapping[str, Value]) -> None:
        """Read, test and compile the shaders of a look with these values before it is on. Replaces
        the last one."""
        self._post(
            partial(
                self._on_prepare,
                {slot: str(values[fx.file_address(slot)]) for slot in fx.LOOK_SLOTS},
            )
        )

    def awaited_by(self, values: Mapping[str, Value]) -> str:
        """The shader for whose test a look with these values waits, since this machine has not
        drawn it yet; "" for none. It is tested soon. Any thread; never waits."""
        for slot in fx.LOOK_SLOTS if self._tests_first else ():
            name = (
                str(values.get(fx.file_address(slot), ""))
                if values.get(fx.enable_address(slot))
                else ""
            )
            entry = self.catalog.find(name) if name else None
            if not name or (entry is None and self.catalog.has_read_all):
                continue
            if entry is not None and (
                entry.name in self._testing.passed or self._key(name) in self._faults
            ):
                continue
            at = f"{slot}{SECOND_SUFFIX}{name}"
            if at not in self._prepared:
                self._post(partial(self._on_prepare, {at: name}))
            return name
        return ""

    def fault_of(self, name: str) -> str:
        """Why the shader of that name cannot be shown (missing, refused, too slow in this run); or
        "". Any thread."""
        if self.catalog.has_read_all and self.catalog.find(name) is None:
            return f"{name}: is missing"
        return self._faults.get(self._key(name), "")

    @property
    def pictures(self) -> Mapping[str, np.ndarray]:
        return self._testing.pictures

    def _check_file(self, slot: str, value: Value) -> None:
        address = fx.file_address(slot)
        try:
            self.catalog.check(fx.chosen_file(slot, {address: value}))
        except osc_schema.Rejected as rejection:
            raise osc_schema.Rejected(f"{address}: {rejection}") from None

    def _on_list(self, reply: Reply) -> None:
        self._testing.request_all()
        entries = self.catalog.entries
        for entry in entries:
            reply.send("/fx/name", entry.name, entry.folder)
        for slot in self.status():
            reply.send("/fx/slot", slot.slot, slot.file, slot.state, slot.detail)
        for view in self._views.every:
            reply.send("/fx/input", view.address, view.label)
        reply.done(len(entries))

    def _post(self, action: Callable[[], None]) -> None:
        self._inbox.put(action)
        self._wake.set()

    # -- the render thread -------------------------------------------------------------------------

    def before_frame(self) -> None:
        """Detect chosen files, and bypassed shaders that are to be tried again. Call it before the
        values are read.

        Offline: wait until it plays or has failed, so that a video does not depend on time.

        Raises IsfError if a video begins with a shader that fails: nobody wants to render it
        without. Later failures are reported."""
        for slot_name in self._player.retry_bypassed():
            self._post(partial(self._try_again, slot_name))
        snapshot = self._store.snapshot()
        files = {slot: fx.chosen_file(slot, snapshot) for slot in fx.SLOTS}
        if files == self._files:
            return
        self._files = files
        self._play_prepared(files)
        self._wake.set()
        if self._is_offline:
            with self._settled:
                while not self._settled.wait_for(
                    partial(self._is_settled, files), SETTLED_WITHIN_S
                ):
                    names = ", ".join(filter(None, files.values()))
                    self._report(
                        "fx.settled",
                        f"{names}: still being tested; this machine is busy, the video waits",
                    )
            for slot in self._slots.values():
                if slot.state == "failed" and self._begins_video:
                    raise IsfError(
                        f"{fx.file_address(slot.name)}: {slot.chosen_name}: {slot.detail}"
                    )

    def _play_prepared(self, files: Mapping[str, str]) -> None:
        """Play the shaders that were prepared for these files. If the thread is busy, it plays them
        a little later."""
        if not self._prepared or not self._step_lock.acquire(blocking=False):
            return
        try:
            for slot_name, prepared in list(self._prepared.items()):
                if files.get(slot_name) == prepared.name and self._outcome_of(prepared) is not None:
                    self._choose(self._slots[slot_name], prepared.name)
        finally:
            self._step_lock.release()

    def second_shaders(
        self, values: Mapping[str, Any], snapshot: Snapshot
    ) -> tuple[ShaderSlot, ...]:
        """The shaders of the second output's look, as soon as they are read and tested. Render
        thread."""
        names = {
            slot: str(values[fx.file_address(slot)])
            for slot in fx.LOOK_SLOTS
            if values[fx.enable_address(slot)]
        }
        files = {slot + SECOND_SUFFIX: names.get(slot, "") for slot in fx.LOOK_SLOTS}
        if files != self._second_files and self.catalog.has_read_all:
            self._second_files = files
            self._post(partial(self._on_prepare, files))
        shaders = []
        for slot in names:
            prepared = self._prepared.get(slot + SECOND_SUFFIX)
            outcome = prepared and self._outcome_of(prepared)
            if prepared and outcome and (file := outcome.file) and not wrong_kind(slot, file):
                shader = PlayingShader(
                    name=prepared.name, file=file, inputs=inputs_of(slot, file.inputs)[0], version=0
                )
                shaders.append(
                    slot_of(slot, shader, values, snapshot, values, clock=self._player.clock)
                )
        return tuple(shaders)

    def after_frame(self, state: ShaderState, period_s: float, draw_s: float = 0.0) -> None:
        """Bypass shaders that take too much of a frame's time, unless an offline video waits for
        each; note those that are not drawn. draw_s: Of the whole picture. Raises IsfError if the
        first frame of a video lacks one."""
        begins_video = self._begins_video
        self._begins_video = False
        self._player.note_frame(self._store.snapshot(), state.building)
        for render_slot, reason in state.failures.items() if begins_video else ():
            failed = self._slots[render_slot.removesuffix(SECOND_SUFFIX)]
            raise IsfError(f"{fx.file_address(failed.name)}: {failed.chosen_name}: {reason}")
        slow = self._player.note_costs(
            state.costs_ms,
            period_s,
            state.overruns,
            picture_ms=draw_s * 1000,
            is_offline=self._is_offline,
        )
        too_slow = {each.slot: each.draw_ms for each in slow if each.quality is None}
        for slot_name in self._player.bypass(too_slow):
            self._post(partial(self._bypass, slot_name, too_slow[slot_name], period_s))
        for each in slow:
            if (
                each.quality is not None
                and (shader := self._player.shader_at(each.slot)) is not None
            ):
                self._tell_quality(each.slot, shader)
        if not state.failures and not self._failing:
            return
        failing = {
            slot: (self._player.shader_at(slot), reason) for slot, reason in state.failures.items()
        }
        for render_slot, (shader, reason) in failing.items():
            if shader is not None and self._failing.get(render_slot) != (shader, reason):
                self._post(
                    partial(
                        self._fail_drawing, render_slot.removesuffix(SECOND_SUFFIX), shader, reason
                    )
                )
        self._failing = failing
        # The last good shader may play on; if nothing does, the look's fallback holds the picture.
        self._player.bypass(
            slot.removesuffix(SECOND_SUFFIX)
            for slot in state.missing
            if failing[slot][0] is not None
        )

    def _is_settled(self, files: Mapping[str, str]) -> bool:
        return all(
            slot.chosen_name == files[slot.name] and slot.state not in ("waiting", "testing")
            for slot in self._slots.values()
        )

    # -- the thread `shaders` ------------------------------------------------------------------

    def _run(self) -> None:
        while not self._is_closing:
            self._wake.wait(POLL_S if self._testing.is_running else IDLE_S)
            self._wake.clear()
            with self._step_lock:
                self._guard.attempt(self.step)

    def step(self) -> None:
        """Run posted actions, follow chosen files and test what is due. Called on its thread; never
        waits."""
        for _ in range(self._inbox.qsize()):
            self._guard.attempt(self._inbox.get_nowait())
        snapshot = self._store.snapshot()
        for slot in self._slots.values():
            chosen = fx.chosen_file(slot.name, snapshot)
            if chosen != slot.chosen_name:
                self._choose(slot, chosen)
            elif slot.state == "waiting" and slot.entry is None:
                self._find(slot)
        self._test()
        with self._settled:
            self._settled.notify_all()

    def _choose(self, slot: Slot, name: str) -> None:
        slot.chosen_name = name
        slot.is_reload = False
        slot.entry = None
        slot.text = None
        slot.ticket = None
        version, together = self._store.group_of(fx.file_address(slot.name))
        slot.version = version
        slot.together = together
        slot.is_reported = False
        if not name:
            slot.playing = None
            self._set_state(slot, "off")
            self._views.show(slot.name, ())
            self._notify("/fx/playing", slot.name, "")
            self._watch()
            return
        self._set_state(slot, "waiting")
        self._find(slot)

    def _find(self, slot: Slot) -> None:
        slot.entry = self.catalog.find(slot.chosen_name)
        if slot.entry is not None:
            self._read(slot)
        elif self.catalog.has_read_all:
            self._fail(slot, self.catalog.not_found_message(slot.chosen_name))

    def _on_list_changed(self, count: int) -> None:
        """A file that was missing may be there now."""
        self._notify("/fx/changed", count)
        for slot in self._slots.values():
            if slot.chosen_name and slot.entry is None:
                self._find(slot)

    def _on_saved(self, path: Path) -> None:
        for slot in self._slots.values():
            if slot.entry is not None and slot.entry.path == path:
                slot.is_reload = slot.playing is not None and slot.playing.name == slot.chosen_name
                self._read(slot)

        for slot_name, prepared in list(self._prepared.items()):
            if prepared.entry.path == path:
                self._read_prepared(slot_name, prepared.name, prepared.entry)

    def _on_prepare(self, files: Mapping[str, str]) -> None:
        for slot_name, name in files.items():
            self._prepared.pop(slot_name, None)
            entry = self.catalog.find(name) if name else None
            if entry is not None and (
                slot_name not in fx.SLOTS or name != self._slots[slot_name].chosen_name
            ):
                self._read_prepared(slot_name, name, entry)
        self._watch()

    def _read_prepared(self, slot_name: str, name: str, entry: ShaderEntry) -> None:
        prepared = self._prepared[slot_name] = PreparedShader(name=name, entry=entry)

        def accept(source: ShaderSource) -> None:
            prepared.text = ShaderText(entry=entry, source=source)

        self.catalog.read(entry, accept, partial(self._set_fault, name))

    def _outcome_of(self, prepared: PreparedShader) -> Outcome | None:
        return self._testing.outcome_of(prepared.text) if prepared.text is not None else None

    def _read(self, slot: Slot) -> None:
        entry = slot.entry
        ticket = object()
        assert entry is not None
        slot.ticket = ticket
        if not slot.is_reload:
            self._set_state(slot, "waiting", slot.detail)
        prepared = self._prepared.pop(slot.name, None)
        self._watch()
        if prepared is not None and prepared.entry.path == entry.path and prepared.text is not None:
            self._on_text(slot, ticket, prepared.text)
            return

        def accept(source: ShaderSource) -> None:
            self._on_text(slot, ticket, ShaderText(entry=entry, source=source))

        self.catalog.read(entry, accept, partial(self._on_refused, slot, ticket))

    def _on_refused(self, slot: Slot, ticket: object, reason: str) -> None:
        if slot.ticket is ticket:
            self._fail(slot, reason)

    def _on_text(self, slot: Slot, ticket: object, text: ShaderText) -> None:
        if slot.ticket is not ticket:
            return
        slot.text = text
        self._set_state(slot, "testing", slot.detail)
        self._play_if_known(slot)

    def _test(self) -> None:
        """Play the shaders whose test has ended, and begin the next test."""
        texts = [
            slot.text
            for slot in self._slots.values()
            if slot.state == "testing" and slot.text is not None
        ]
        # newest first
        texts += [each.text for each in reversed(self._prepared.values()) if each.text is not None]
        for tested, outcome in self._testing.step(texts, self.catalog):
            if outcome.is_late:
                line = f"{tested.entry.name}: {outcome.reason}; its test begins again"
                self._report(f"fx.late.{tested.entry.name}", line)
                continue
            if outcome.file is None:  # reported when it is chosen
                refused = [
                    name
                    for name, each in self._prepared.items()
                    if each.text and each.text.key == tested.key
                ]
                for name in refused:
                    self._set_fault(self._prepared[name].name, outcome.reason)
                    del self._prepared[name]
            for slot in self._slots.values():
                if slot.state != "testing" or slot.text is None or slot.text.key != tested.key:
                    continue
                if outcome.file is None:
                    self._fail(slot, outcome.reason)
                    continue
                self._play(slot, outcome.file, outcome.draw_ms)
                if outcome.note:
                    line = f"{fx.file_address(slot.name)}: {slot.chosen_name}: {outcome.note}"
                    self._report(f"fx.{slot.name}.note", line)
        for slot in self._slots.values():
            self._play_if_known(slot)
            self._stand_in(slot)
        passed = {name: self._outcome_of(prepared) for name, prepared in self._prepared.items()}
        for slot_name, known in passed.items():
            if known is not None and known.file is not None:
                self._judge(
                    slot_name.partition(SECOND_SUFFIX)[0],
                    self._prepared[slot_name],
                    known,
                    known.file,
                )
                if slot_name.partition(SECOND_SUFFIX)[2]:  # nothing else waits for it
                    del self._prepared[slot_name]
        self._player.upcoming = tuple(
            prepared_slot(name, outcome.file)
            for name, outcome in passed.items()
            if name in fx.SLOTS
            and outcome is not None
            and outcome.file
            and not wrong_kind(name, outcome.file)
        )

    def _stand_in(self, slot: Slot) -> None:
        """Tell once what is drawn while a chosen shader is tested for the first time."""
        is_testing = (
            slot.state == "testing" and slot.text is not None and self._testing.must_test(slot.text)
        )
        if slot.is_reported or not is_testing or self._is_offline:
            return
        slot.is_reported = True
        holds = self._let_stand_in(slot) or (
            "until then looks dissolve without it" if slot.name == fx.TRANSITION else ""
        )
        if holds:
            line = (
                f"{fx.file_address(slot.name)}: {slot.chosen_name}: is tested for the first "
                "time on this machine"
            )
            self._report(f"fx.{slot.name}", f"{line}; {holds}")

    def _let_stand_in(self, slot: Slot) -> str:
        """If a look has chosen this slot's file, draw no shader of another look in it. Returns what
        is drawn, or ""."""
        own = f"/fx/{slot.name}/"
        if (
            slot.is_reload
            or slot.name == fx.TRANSITION
            or all(each.startswith(own) for each in slot.together)
        ):
            return ""
        slot.playing = None
        self._player.stand_in(slot.name)
        return (
            f"{self._stand_in_name()} holds the picture"
            if slot.name == fx.GENERATOR
            else "it is left out"
        )

    def _stand_in_name(self) -> str:
        fallback = str(self._store.get(fx.FALLBACK))
        return (
            "the picture beneath"
            if fallback == fx.OWN_LAYERS
            else f"{fallback.capitalize()} (/fx/fallback)"
        )

    def _judge(
        self, slot_name: str, prepared: PreparedShader, outcome: Outcome, file: IsfFile
    ) -> None:
        """Note, once, if a prepared shader that has passed will not be shown, judging by its
        test."""
        if prepared.is_judged:
            return
        prepared.is_judged = True
        reason = wrong_kind(slot_name, file)
        quality, draw_ms, period_ms = self._first_form(file, outcome.draw_ms)
        if not reason and draw_ms * quality > period_ms and not self._is_offline:
            reason = (
                f"its test took {draw_ms:.0f} ms of the {period_ms:.0f} ms of a frame; "
                "it will be bypassed, at a smaller /engine/size or lower /engine/fps it may pass"
            )
        if reason or self._key(prepared.name) not in self._has_played:
            self._set_fault(prepared.name, reason)

    def _play_if_known(self, slot: Slot) -> None:
        """Play the slot's shader if it has passed before, in this run or an earlier one."""
        if slot.state == "testing" and slot.text is not None:
            outcome = self._testing.outcome_of(slot.text)
            if outcome is not None and outcome.file is not None:
                self._play(slot, outcome.file, outcome.draw_ms)

    def _play(self, slot: Slot, file: IsfFile, tested_ms: float) -> None:
        if wrong := wrong_kind(slot.name, file):
            self._fail(slot, wrong)
            return
        inputs, left_out = inputs_of(slot.name, file.inputs)
        version = self._set_aliases(slot, inputs)
        slot.playing = PlayingShader(
            name=slot.chosen_name, file=file, inputs=inputs, version=version
        )
        self._has_played.add(self._key(slot.chosen_name))
        self._player.play(slot.name, slot.playing, *self._first_form(file, tested_ms))
        self._views.show(slot.name, inputs, slot.chosen_name)
        if left_out:
            reason = (
                f"{slot.chosen_name}: {', '.join(left_out)}: no alias is left; these inputs "
                "keep their defaults"
            )
            self._report(f"fx.{slot.name}.inputs", f"/fx/{slot.name}: {reason}")
        self._notify("/fx/playing", slot.name, slot.chosen_name)
        for line in lost_routes(slot.name, self._store.snapshot(), self._views):
            self._report(f"fx.{slot.name}.mod", line)
        self._set_state(slot, "playing")
        self._tell_quality(slot.name, slot.playing)

    def _first_form(self, file: IsfFile, tested_ms: float) -> tuple[float, float, float]:
        """Return the quality with which a shader begins, the time of its full form, and a
        frame's."""
        period_ms = 1000.0 / self._store.snapshot().number("/engine/fps")
        draw_ms = tested_ms / max(1, self._threads)
        expected_ms = draw_ms * (CPU_RIVALS if self._threads else 1.0)
        return (
            1.0 if self._is_offline else first_quality(file, expected_ms, period_ms),
            draw_ms,
            period_ms,
        )

    def _set_aliases(self, slot: Slot, inputs: tuple[ShaderInput, ...]) -> int:
        """Set the aliases of a shader that is about to play; returns the version of the store that
        has them."""
        snapshot = self._store.snapshot()
        aliases = [fx.alias_address(slot.name, number) for number in fx.ALIASES]
        if slot.is_reload and slot.playing is not None:
            at = {alias: snapshot.number(alias) for alias in aliases}
            positions = carry_over(slot.playing.inputs, inputs, at)
            since = snapshot.version
        else:
            positions = dict.fromkeys(aliases, 0.0)
            since = slot.version
            positions |= {
                alias: at
                for each in inputs
                for alias, at in zip(each.aliases, each.default, strict=True)
            }
            positions = {alias: at for alias, at in positions.items() if alias not in slot.together}
            names = self._views.expected(slot.name, slot.chosen_name)
            positions_by_name = {
                alias: snapshot.number(alias) for alias in slot.together if alias in names
            }
            if positions_by_name:
                positions |= rearrange(inputs, names, positions_by_name)
        params = [(osc_schema.lookup(alias), position) for alias, position in positions.items()]
        values = [(param, position) for param, position in params if param is not None]
        return self._store.glide(values, by=BY, since=since)[1]

    def _fail(self, slot: Slot, reason: str) -> None:
        reason = reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]}..."
        self._player.keep_last(slot.name, slot.chosen_name)
        holds = self._let_stand_in(slot) or (
            f"{slot.playing.name} plays on as it was" if slot.playing is not None else ""
        )
        last = f"; {holds}" if holds else ""
        if not self._begins_video:  # else it is raised
            self._report(
                f"fx.{slot.name}",
                f"{fx.file_address(slot.name)}: {slot.chosen_name}: {reason}{last}",
            )
        self._set_state(slot, "failed", reason)

    def _fail_drawing(self, slot_name: str, shader: PlayingShader, reason: str) -> None:
        """The renderer cannot draw a shader that has passed the test."""
        slot = self._slots[slot_name]
        if slot.playing is shader and slot.state == "playing":
            self._report(
                f"fx.{slot_name}", f"{fx.file_address(slot_name)}: {slot.chosen_name}: {reason}"
            )
            self._set_state(slot, "failed", reason)

    def _bypass(self, slot_name: str, draw_ms: float, period_s: float) -> None:
        slot = self._slots[slot_name]
        # emptied, or another was chosen meanwhile
        if not slot.chosen_name or slot.state in ("waiting", "testing"):
            return
        holds = {
            fx.GENERATOR: f"; {self._stand_in_name()} holds the picture",
            fx.TRANSITION: "; looks dissolve without it",
        }
        reason = (
            f"takes {draw_ms:.0f} ms of the {period_s * 1000:.0f} ms of a "
            f"frame{holds.get(slot_name, '')}; "
            f"/fx/{slot_name}/enable 1 tries it again, at a smaller /engine/size or lower "
            "/engine/fps it may pass"
        )
        self._report(f"fx.{slot_name}", f"/fx/{slot_name}: {slot.chosen_name}: bypassed: {reason}")
        self._set_state(slot, "bypassed", reason)

    def _tell_quality(self, slot_name: str, shader: PlayingShader) -> None:
        """Report that a smaller form of the shader is drawn, if one is. Any thread."""
        if line := self._player.quality_line(shader):
            self._report(f"fx.{slot_name}.quality", f"/fx/{slot_name}: {shader.name}: {line}")

    def _try_again(self, slot_name: str) -> None:
        slot = self._slots[slot_name]
        if slot.state in ("bypassed", "failed"):
            self._set_state(slot, "playing")

    def _set_state(self, slot: Slot, state: str, detail: str = "") -> None:
        if slot.detail != detail:
            self._notify(f"/fx/{slot.name}/error", detail)
        slot.state = state
        slot.detail = detail
        if state in ("playing", "failed", "bypassed"):
            self._set_fault(slot.chosen_name, detail)

    def _set_fault(self, name: str, reason: str) -> None:
        """Remember why a shader cannot be shown; "" if it can."""
        known = {at: text for at, text in self._faults.items() if at != self._key(name)}
        self._faults = known | ({self._key(name): f"{name}: {reason}"} if reason else {})

    def _key(self, name: str) -> str:
        """Identifies a shader, whether its file is named with or without its suffix."""
        entry = self.catalog.find(name)
        return (name if entry is None else entry.name).casefold()

    def _watch(self) -> None:
        playing = [slot.entry.path for slot in self._slots.values() if slot.entry is not None]
        self.catalog.watch(
            [*playing, *(prepared.entry.path for prepared in self._prepared.values())]
        )
