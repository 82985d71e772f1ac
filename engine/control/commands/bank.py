"""Banks of pads over OSC: press, list, edit; and the state of each pad, for the lights of
controllers.

    press ─► prepared;  a second press of the same pad ─► taken, on the beat
    long press ─► flashed until the release

Presses come on OSC's threads; `step` on the frame loop's detects long presses. Neither uses the
disk: presets are in memory, and the disk store writes the banks. Invalid entries of the file are
reported and left out; the file is then renamed to `banks.previous.toml` before the first write.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from engine.control import CommandTable, Reply
from engine.control.command_runner import LaunchPlan
from engine.control.commands import CommandContext
from engine.control.commands.fade_answer import answer
from engine.control.commands.preset import PresetControl
from engine.control.launch_queue import LaunchQueue
from engine.errors import BankError, PresetError
from engine.params.banks import (
    Banks,
    BankState,
    Pad,
    PadState,
    banks_text,
    first_banks,
    read_banks,
    sorted_pads,
)
from engine.params.looks import LOOKS
from engine.params.presets import FACTORY_NAMES
from engine.system.stored_file import StoredFile
from engine.system.telemetry import report_problems
from osc_schema import Value
from osc_schema.banks import MAX_BANKS, PADS

FILE_NAME = "banks.toml"
PREVIOUS_NAME = "banks.previous.toml"
SHOWN_BANK = "/bank/shown"
FLASH_AFTER_S: Final = 0.4
"""A pad that is pressed for longer flashes its look."""
BOUNCE_S: Final = 0.06  # presses of one pad within this time are one: a worn button closes twice


@dataclass(slots=True, kw_only=True, eq=False)
class _PressedPad:
    name: str
    since_s: float
    before: str
    """Name of the preset that was prepared before the press."""
    by: str
    """Name of the sender that pressed it."""
    may_flash: bool
    is_flashing: bool = False


class BankControl:
    """The banks and their commands. Commands on OSC's threads, `step` on the frame loop's,
    `displayed_bank` on any."""

    def __init__(
        self, context: CommandContext, path: Path, *, presets: PresetControl, queue: LaunchQueue
    ) -> None:
        """Reads the banks; if there is no file, fills them with the presets."""
        self._store = context.store
        self._clock = context.clock
        self._notify = context.notify
        self._report = context.report
        self._presets = presets
        self._mixer = presets.mixer
        self._launch_queue = queue
        read, problems = read_banks(path)
        own = [name for name in presets.cache.names() if name not in FACTORY_NAMES]
        self.banks = first_banks(own, LOOKS) if read is None else read
        """The current banks. Any thread."""
        report_problems(context.report, "banks", problems)
        self._file = StoredFile(
            path, "list of banks", BankError, previous=PREVIOUS_NAME if problems else ""
        )
        self._armed = ("", 0)
        """The preset that the next press of its pad takes, while `PresetMixer.changes` is still
        this."""
        self._pressed: dict[tuple[int, int], _PressedPad] = {}
        self._last_presses: dict[tuple[int, int], _PressedPad] = {}
        self._down: dict[int, int] = {}
        """The bank of each pad that `/pad/<n>` has pressed: another bank may be displayed when it
        is released."""
        self._lock = threading.Lock()  # protects these four and edits of `banks`
        self._disk = context.disk.open("banks", path.parent)
        presets.watch(self._on_preset)

    def close(self) -> None:
        self._disk.close()

    def add_commands(self, table: CommandTable) -> None:
        table.add("/pad/<n>", self._on_pad)
        for verb, step in (("next", 1), ("previous", -1)):
            table.add(
                f"/preset/{verb}",
                partial(self._on_walk, step),
                plan_launch=partial(self._plan_walk, step),
            )
        table.add("/bank/press", self._press)
        table.add("/bank/list", self._on_list, is_listing=True)
        table.add("/bank/put", self._on_put)
        table.add("/bank/swap", self._on_swap)
        table.add("/bank/name", self._on_name)
        table.add("/bank/remove", self._on_remove)

    # -- pressing ------------------------------------------------------------------------------

    def _on_pad(self, reply: Reply, pad: int, is_pressed: bool | None) -> None:
        if pad > PADS:
            raise BankError(f"pad {pad} is not a whole number 1..{PADS}")
        with self._lock:
            bank = self._down.get(pad, self._shown_bank)
            if is_pressed:
                self._down[pad] = bank
            else:
                self._down.pop(pad, None)
        self._press(reply, bank, pad, is_pressed)

    def _press(self, reply: Reply, bank: int, pad: int, is_pressed: bool | None) -> None:
        """Execute a press or a release; `is_pressed` None: a tap."""
        content = self.banks.pad_at(bank, pad)
        if content is not None and not self._presets.cache.has(content.preset):
            content = None
        with self._lock:
            pressed = self._pressed.get((bank, pad))
            if pressed is not None:
                if is_pressed is False:  # even if the pad was emptied meanwhile
                    del self._pressed[bank, pad]
                    self._release(pressed)
                reply.done(bank, pad, pressed.name)  # or the same press by another way
            elif content is None:
                reply.fail(f"pad {pad} of bank {bank} is empty", is_logged=False)
            elif is_pressed is False:
                reply.done(bank, pad, content.preset)
            else:
                self._press_down(bank, pad, content.preset, is_tap=is_pressed is None, reply=reply)

    def _press_down(self, bank: int, pad: int, preset: str, *, is_tap: bool, reply: Reply) -> None:
        """The caller holds `_lock`."""
        name = self._presets.cache.get(preset).name
        before = self._mixer.prepared
        is_second = (name, self._mixer.changes) == self._armed and name == before
        now_s = self._clock.now_s()
        pressed = self._last_presses.get((bank, pad))
        is_bounce = pressed is not None and now_s - pressed.since_s < BOUNCE_S
        if pressed is None or not is_bounce:
            pressed = _PressedPad(
                name=name, since_s=now_s, before=before, by=reply.sender, may_flash=not is_second
            )
            self._last_presses[bank, pad] = pressed
        if not is_tap:
            self._pressed[bank, pad] = pressed
        if is_bounce:
            reply.done(bank, pad, name)
        elif is_second:
            self._armed = ("", 0)
            self._take(name, bank, pad, reply)
        else:
            self._mixer.prepare(name)
            self._armed = (name, self._mixer.changes)
            reply.done(bank, pad, name)

    def _take(self, name: str, bank: int, pad: int, reply: Reply) -> None:
        time = self._mixer.take_fade

        def take(name: str) -> None:
            self._mixer.take(time, answer(reply, bank, pad, name), name=name)

        quantum = self._launch_queue.quantum()
        if quantum == "now":
            take(name)
        else:
            self._launch_queue.add_look(
                name,
                quantum,
                lambda name: reply.attempt(partial(take, name)),
                partial(reply.fail, is_logged=False),
                preset=name,
                is_cut=time.is_at_once,
            )

    def _walk(self, step: int) -> str:
        """The look `step` pads after the one that waits, else the one on screen, in the displayed
        bank. A look on several pads counts at the first of them."""
        number = self._shown_bank
        banks = self.banks.banks
        pads = sorted_pads(banks[number - 1]) if number <= len(banks) else []
        names = list(
            dict.fromkeys(pad.preset for _, pad in pads if self._presets.cache.has(pad.preset))
        )
        if not names:
            raise BankError(f"bank {number} is empty (/bank/shown chooses another)")
        on = self._launch_queue.waiting_preset or self._presets.current.name
        return names[(names.index(on) + step) % len(names)] if on in names else names[min(step, 0)]

    def _on_walk(self, step: int, reply: Reply) -> None:
        self._load(reply, self._walk(step))

    def _load(self, reply: Reply, name: str) -> None:
        self._presets.load(name, self._mixer.take_fade, answer(reply, name))

    def _plan_walk(self, step: int) -> LaunchPlan:
        name = self._walk(step)
        self._presets.expect(name)
        is_cut = self._mixer.take_fade.is_at_once
        return LaunchPlan(name=name, preset=name, is_cut=is_cut, run=self._load)

    def _release(self, pressed: _PressedPad) -> None:
        """The caller holds `_lock`."""
        if not pressed.is_flashing:
            return
        self._mixer.flash(pressed.name, is_pressed=False)
        # pressed while this one was: what was prepared before both stays
        for other in self._pressed.values():
            if other.before == pressed.name:
                other.before = pressed.before
        if self._mixer.prepared == pressed.name:  # a flash leaves what was prepared
            is_there = pressed.before and self._presets.cache.find(pressed.before) is not None
            self._mixer.prepare(pressed.before if is_there else "")

    def release_of(self, sender: str) -> None:
        """Release the pads of a sender that has disconnected."""
        with self._lock:
            for key in [each for each, pressed in self._pressed.items() if pressed.by == sender]:
                self._down.pop(key[1], None)
                self._release(self._pressed.pop(key))

    def step(self, now_s: float) -> None:
        """Flash the looks of long-pressed pads. Render thread."""
        if not self._pressed or not self._lock.acquire(blocking=False):
            return  # a command is running; the next frame tries again
        try:
            for pressed in self._pressed.values():
                is_long = pressed.may_flash and now_s - pressed.since_s > FLASH_AFTER_S
                # else it flashes once that is tested
                if is_long and not self._presets.awaited_shader(pressed.name):
                    pressed.may_flash = False
                    self._armed = ("", 0)
                    self._mixer.flash(pressed.name, is_pressed=True, by=pressed.by)
                    pressed.is_flashing = True
        except PresetError as error:
            self._report("banks", str(error))
        finally:
            self._lock.release()

    # -- their state ---------------------------------------------------------------------------

    @property
    def _shown_bank(self) -> int:
        return int(self._store.number(SHOWN_BANK))

    def shown_looks(self) -> list[str]:
        """The presets of the pads of the displayed bank, "" for an empty one. Any thread."""
        numbers = range(1, PADS + 1)
        pads = [self.banks.pad_at(self._shown_bank, number) for number in numbers]
        is_there = self._presets.cache.has
        return [pad.preset if pad is not None and is_there(pad.preset) else "" for pad in pads]

    def displayed_bank(self) -> BankState:
        """The pads of the displayed bank with their current states. Any thread."""
        banks = self.banks.banks
        number = self._shown_bank
        pads = banks[number - 1].pads if number <= len(banks) else {}
        faulty = self._presets.faults.last_published
        queued = self._launch_queue.waiting_preset
        on_air = self._presets.current.name
        prepared = self._mixer.prepared

        def state_of(pad: Pad | None) -> tuple[PadState, str]:
            if pad is None or not self.has_preset(pad.preset):
                return "empty", ""
            states: tuple[tuple[PadState, bool], ...] = (
                ("queued", pad.preset == queued),
                ("on_air", pad.preset == on_air),
                ("faulty", pad.preset in faulty),
                ("prepared", pad.preset == prepared),
                ("idle", True),
            )
            return next(state for state, is_so in states if is_so), pad.colour

        pad_states = tuple(state_of(pads.get(at)) for at in range(1, PADS + 1))
        return BankState(bank=number, banks=len(banks), pads=pad_states)

    def _on_list(self, reply: Reply) -> None:
        for number, bank in enumerate(self.banks.banks, start=1):
            reply.send("/bank/entry", number, bank.name)
            for at, pad in sorted_pads(bank):
                if self.has_preset(pad.preset):
                    reply.send("/bank/pad", number, at, pad.preset, pad.colour)
        reply.done()

    # -- editing -------------------------------------------------------------------------------

    def _on_put(self, reply: Reply, bank: int, pad: int, preset: str, colour: str | None) -> None:
        def put(banks: Banks) -> Banks:
            before = banks.pad_at(bank, pad)
            old_colour = before.colour if before is not None else ""
            new_colour = old_colour if colour is None else colour
            return banks.with_pad(bank, pad, Pad.parse(preset, new_colour) if preset else None)

        self._edit(put, bank, reply)
        if preset:  # only a warning: the banks may be written before the presets
            missing = f"bank {bank}: there is no preset {preset!r} yet"
            self._presets.if_missing(preset, lambda: self._report(f"banks.{bank}", missing))

    def has_preset(self, name: str) -> bool:
        return self._presets.cache.has(name)

    def save(self, name: str, values: Mapping[str, Value], pad: int, reply: Reply) -> None:
        """Save a preset on a pad of the shown bank; 0: on the next free one. Any thread."""
        if pad:
            with self._lock:
                self.banks = self.banks.with_pad(self._shown_bank, pad, Pad(preset=name))
        self._presets.add(name, values, reply)

    def _on_swap(self, reply: Reply, bank: int, pad: int, to_bank: int, to_pad: int) -> None:
        self._edit(lambda banks: banks.with_swapped(bank, pad, to_bank, to_pad), to_bank, reply)

    def _on_name(self, reply: Reply, bank: int, name: str) -> None:
        self._edit(lambda banks: banks.with_name(bank, name), bank, reply)

    def _on_remove(self, reply: Reply, bank: int) -> None:
        self._edit(lambda banks: banks.without(bank), bank, reply)
        displayed = self._shown_bank
        if bank < displayed or bank == displayed > max(len(self.banks.banks), 1):
            self._store.set(SHOWN_BANK, displayed - 1)

    def _edit(self, edit: Callable[[Banks], Banks], bank: int, reply: Reply) -> None:
        """Change the banks at once, and answer when they are written."""
        with self._lock:
            before = self.banks
            after = edit(before)
            self.banks = after
        title = f"{reply.command} {bank}"
        self._presets.history.add_edit(title, partial(self._exchange, before, after, title, bank))
        self._on_changed(bank, lambda: reply.done(bank), reply.fail)

    def _exchange(
        self, before: Banks, after: Banks, title: str, number: int, is_undo: bool, reply: Reply
    ) -> None:
        """Undo or redo an edit."""
        expected, new = (after, before) if is_undo else (before, after)
        with self._lock:
            if self.banks != expected:
                raise BankError(
                    f"{title}: the pads have changed since, as a preset was saved or renamed"
                )
            self.banks = new
        self._on_changed(number, lambda: reply.done(title), reply.fail)

    def _on_changed(
        self, bank: int, saved: Callable[[], None], fail: Callable[[str], None]
    ) -> None:
        self._notify("/bank/changed", bank)

        def save() -> None:
            self._file.write(banks_text(self.banks))  # once for several edits in a row
            saved()

        self._disk.post(save, lambda reason: fail(f"changed, but not saved: {reason}"))

    # -- added and renamed presets: the disk's thread ----------------------------------------------

    def _on_preset(self, name: str, new: str) -> None:
        if not name:
            self._on_saved(new)
        elif new:
            self._on_renamed(name, new)

    def _on_saved(self, name: str) -> None:
        """Put a new or restored preset on a pad."""
        with self._lock:
            number = self._shown_bank
            is_added = False
            if not self.banks.holds(name):
                try:
                    self.banks, number, is_added = self.banks.with_new(name, self.has_preset)
                except BankError as reason:
                    self._report("banks", str(reason))
                    return
        if is_added and number <= self._shown_bank:  # the performer keeps the bank that was shown
            self._store.set(SHOWN_BANK, min(self._shown_bank + 1, MAX_BANKS))
        self._follow_presets(number)

    def _on_renamed(self, name: str, new: str) -> None:
        with self._lock:
            self.banks = self.banks.with_renamed(name, new)
            for pressed in self._pressed.values():
                pressed.name = new if pressed.name == name else pressed.name
                pressed.before = new if pressed.before == name else pressed.before
        self._follow_presets(self._shown_bank)

    def _follow_presets(self, bank: int) -> None:
        self._on_changed(
            bank, lambda: None, lambda reason: self._report("banks", f"banks {reason}")
        )
