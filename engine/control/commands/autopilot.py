"""The autopilot: hears the section, and takes looks on the bar while no hand is on the controls.

It takes as a performer does: prepares the look, and lets the take wait for the bar in the launch
queue; for the next beat, if it is a drop whose build was heard. What waits is taken back when the
section was mistaken, and when a hand comes. A drop tells where bars begin, unless a hand has.
`/autopilot/drop` and `/autopilot/break` tell the section instead of the sound, until that changes,
and the look comes at once.
"""

import math
from typing import Final

import osc_schema
from engine.control.commands import CommandContext
from engine.control.commands.bank import BankControl
from engine.control.commands.preset import PresetControl
from engine.control.commands.shader import BY as SHADER
from engine.control.launch_queue import LaunchQueue
from engine.errors import PresetError
from engine.params import Tempo, macros
from engine.params.autopilot import Autopilot
from engine.params.banks import sorted_pads
from engine.params.crossfade import BY as FADE
from engine.params.fade_time import AT_ONCE, FadeTime
from engine.params.looks import LOOKS
from engine.params.motions import STREAM_S, Motions
from engine.params.store import Change
from engine.values import BeatFeatures, Section
from osc_schema import Rejected
from osc_schema.live_models import NAMES

SECTION: Final = "/beat/section"
# after a drop has begun; how far from a counted beat it may then have begun
SETTLING_S = 6.0
ON_BEAT = 0.25
_BY_ITSELF: Final = frozenset({macros.BY, FADE, SHADER, "fx", "window", *NAMES})
"""Sources of changes that follow from others, or from no hand."""


class AutopilotControl:
    """Plays by itself while `/autopilot/enable` is on. Render thread."""

    def __init__(
        self,
        context: CommandContext,
        *,
        presets: PresetControl,
        banks: BankControl,
        queue: LaunchQueue,
        tempo: Tempo,
    ) -> None:
        self._store = context.store
        self._report = context.report
        self._tempo = tempo
        self._presets = presets
        self._mixer = presets.mixer
        self._banks = banks
        self._queue = queue
        self.policy = Autopilot()
        self._section: Section = "quiet"
        """The section for which it plays: as heard, or as told by a hand until another one is
        heard."""
        self._sound_section: Section = "quiet"
        self._earlier_section: Section = "quiet"
        self._hand_section: Section | None = None
        """The section that a hand has told since the last frame. Any thread."""
        self._next = ""
        """The look that was prepared for the drop of a build; "" if none was."""
        self._version: int | None = None
        self._prepares = 0
        """Version of the store, and `PresetMixer.prepares`, up to which hands were noticed."""
        self._waiting = ""
        """The look that waits for its bar; "" if none does."""
        self._waits_for: Section = "quiet"
        self._faults: dict[str, str] = {}
        """Why looks of the bank were left out, as reported, by their names."""
        self._take_origin = ""
        self._problem = ""
        """The source of the values that the last take has set, and the line that was reported
        last."""
        self._has_untested = False
        """True if looks of the bank were left out because their shaders are being tested."""
        self._is_taken_back = False
        """True if somebody else has taken back or replaced what waited. Any thread."""
        self._motions = Motions()
        self._next_try_bar = -math.inf
        self.waits_s: float | None = None
        """Seconds until it plays again after a hand; 0 while it plays, None while it is off. Any
        thread."""
        self._notify = context.notify
        self._notify(SECTION, self._section)
        context.store.on_trigger("/autopilot/drop", lambda arrived_s: self._set_by_hand("drop"))
        context.store.on_trigger("/autopilot/break", lambda arrived_s: self._set_by_hand("break"))

    def follow(self, beat: BeatFeatures, at_s: float | None, now_s: float) -> None:
        """Tell the section that was heard at `at_s`, and let a take wait if one is due in the frame
        due at `now_s`."""
        if beat.section != self._sound_section:
            self._earlier_section = self._sound_section
            self._sound_section = beat.section
            self._section = self._sound_section
            self._next = self._next if beat.section == "drop" else ""
            self._notify(SECTION, beat.section)
        by_hand = self._hand_section
        self._hand_section = None
        self._section = by_hand or self._section
        values = self._store.snapshot()
        pulse = self._tempo.read_pulse()
        policy = self.policy
        if self._is_touched(now_s):
            policy.touched_s = now_s
            self._take_origin = ""
        if values["/autopilot/enable"] and at_s is not None and beat.bar_age_s < SETTLING_S:
            self._count_bars(at_s - beat.bar_age_s, beat.beat - beat.bar_age_s * beat.bpm / 60.0)
        bar = (pulse.beat - pulse.jumped) / pulse.beats_a_bar
        on_air = self._presets.current.name
        policy.show(on_air, bar)
        waits_s = max(0.0, policy.touched_s + values.number("/autopilot/hands_off") - now_s)
        self.waits_s = waits_s if values["/autopilot/enable"] else None
        plays = self.waits_s == 0.0
        policy.breathe(now_s, values.number("/autopilot/breath") if plays else 0.0)
        policy.section = policy.section if plays else None
        bank = int(values.number("/autopilot/bank"))
        has_bank = bank <= len(self._banks.banks.banks)
        if (values["/autopilot/enable"] or by_hand) and not has_bank:
            self._say(
                f"there is no bank {bank}: it waits until there is one (/bank/put) or "
                "/autopilot/bank is another"
            )
        if by_hand and has_bank:
            policy.touched_s = -math.inf
            policy.section = None
            self._take_back()
            self._queue_take(bank, "now")
            return
        on = self._presets.cache.find(on_air) if on_air else None
        energy = None if on is None else on.energy
        longest_bars = values.number("/autopilot/bars")
        is_due = (
            plays and has_bank and policy.wants_change(self._section, bar, longest_bars, energy)
        )
        if not is_due or self._waits_for != self._section:
            self._take_back()
            self._next_try_bar = -math.inf
        if is_due and not self._waiting and bar >= self._next_try_bar:
            self._next_try_bar = bar + 1.0
            is_late = self._section == "drop" != policy.section and self._earlier_section == "build"
            self._queue_take(bank, "beat" if is_late else "bar")
        elif plays and has_bank and policy.section == self._section == "build" and not self._next:
            self._next = self._prepare(bank, "drop")

    def _set_by_hand(self, section: Section) -> None:
        """Take a section from a hand. Any thread, under the store's lock."""
        self._hand_section = section

    def _queue_take(self, bank: int, quantum: str) -> None:
        """Let the look that fits wait for the next bar or beat, or take it now."""
        self._waits_for = self._section
        name = self._waiting = self._prepare(bank, self._section)
        try:
            if name and quantum == "now":
                self._take(name)
            elif name:
                is_cut = self._fade().is_at_once
                self._queue.add_look(
                    name, quantum, self._take, self._on_drop, preset=name, is_cut=is_cut
                )
        except Rejected as error:
            self._waiting = ""
            self._say(str(error))

    def _prepare(self, bank: int, section: Section) -> str:
        """Prepare the look that fits a section. Returns its name; "", and a line, if there is
        none."""
        looks = self._looks(bank)
        is_ready = section == "drop" and self._next in looks
        name = self._next if is_ready else self.policy.choose(looks, section)
        try:
            if not name:
                where = f"bank {bank}" if bank else "the built-in looks"
                yet = " yet: their shaders are being tested" if self._has_untested else ""
                raise PresetError(
                    f"no other look of {where} can be shown{yet} (/autopilot/bank chooses another "
                    "bank)"
                )
            self._mixer.prepare(name)
        except PresetError as error:
            self._say(str(error))
            name = ""
        self._prepares = self._mixer.prepares
        return name

    def _take(self, name: str) -> None:
        """Take what waited: its bar begins."""
        self._waiting = ""
        self._problem = ""
        self._next = ""
        try:
            self._take_origin = (
                f"preset {self._mixer.take(self._fade(), name=name, is_by_hand=False)}"
            )
            self.policy.section = self._waits_for
        except PresetError as error:
            self._say(str(error))
        self._prepares = self._mixer.prepares

    def _fade(self) -> FadeTime:
        """The time of the take that waits: a drop that has just begun is cut to."""
        return (
            AT_ONCE if self._waits_for == "drop" != self.policy.section else self._mixer.take_fade
        )

    def _looks(self, bank: int) -> dict[str, float | None]:
        """The looks of the bank that can be shown now, with their energies; a line for each that
        never can."""
        banks = self._banks.banks.banks
        names = [pad.preset for _, pad in sorted_pads(banks[bank - 1])] if bank else []
        looks: dict[str, float | None] = {}
        self._has_untested = False
        for name in names if bank else LOOKS:
            loaded = self._presets.cache.find(name)
            fault = self._presets.faults.reason(name) if loaded is not None else ""
            if loaded is not None and self._presets.awaited_shader(name):
                self._has_untested = True
            elif loaded is not None and not fault:
                looks[loaded.name] = loaded.energy
            elif fault and self._faults.get(name) != fault:
                self._report(f"autopilot.{name}", f"/autopilot: preset {name!r} left out: {fault}")
            self._faults[name] = fault
        return looks

    # -- hands -------------------------------------------------------------------------------------

    def _is_touched(self, now_s: float) -> bool:
        """True if a hand has changed, prepared, queued or taken back something since the last
        frame."""
        version = self._store.version if self._version is None else self._version
        changes, self._version = self._store.changes_since(version)
        has_prepared = self._mixer.prepares != self._prepares
        self._prepares = self._mixer.prepares
        was_taken_back = self._is_taken_back
        self._is_taken_back = False
        has_queued = self._queue.waiting_preset not in ("", self._waiting)
        has_moved = [self._is_by_hand(change, now_s) for change in changes]  # each has its times
        return has_prepared or was_taken_back or has_queued or any(has_moved)

    def _is_by_hand(self, change: Change, now_s: float) -> bool:
        param = osc_schema.lookup(change.address)
        by = change.by
        if param is None or not (param.stored or param.area in ("preset", "master")):
            return False
        if by in _BY_ITSELF or by == self._take_origin:
            return False
        return self._motions.move(by, change.address, now_s)[0] < STREAM_S

    def _take_back(self) -> None:
        name = self._waiting
        self._waiting = ""
        if name:
            self._queue.take_back(name)
            self._is_taken_back = False

    def _on_drop(self, reason: str) -> None:
        self._waiting = ""
        self._is_taken_back = True

    # ------------------------------------------------------------------------------------------

    def _count_bars(self, first_s: float, tracked: float) -> None:
        """Count bars from that time, where a drop began, if a beat is counted there, or the tracker
        has one there: its beat was `tracked`. Until it is sure again, the count may run on between
        the beats."""
        beat = self._tempo.beat_at(first_s)
        is_near, is_tracked = (abs(each - round(each)) <= ON_BEAT for each in (beat, tracked))
        is_right = is_near and round(beat) % self._tempo.read_pulse().beats_a_bar == 0
        has_bar = is_right or self._tempo.has_hand_bar or self._store.get("/tempo/source") != "beat"
        if (is_near or is_tracked) and not has_bar:
            self._tempo.reset(first_s, is_exact=not is_near)

    def _say(self, line: str) -> None:
        """Report a line, once until a look is taken."""
        if line != self._problem:
            self._problem = line
            self._report("autopilot", f"/autopilot: {line}")
