"""Tempo and beat: from the sound, MIDI clock, Link, timecode, or tapped and set by hand.

`/tempo/source` names the one clock that moves the beat, a line in time (`BeatLine`): a change of
tempo changes its slope, so that synced LFOs continue without a jump. Only events that give the
position of a beat shift it: a tap moves to the nearest whole beat, reset and MIDI start go to 0,
MIDI continue resumes where it stopped. Other clocks call `follow`, from their own threads, and the
beat glides to them. If a clock ends, the beat runs on at the last tempo.

Taps (`Taps`) set the tempo while no clock does; while the beat is tracked in the sound, they choose
between its readings (`TapChoice`). After a MIDI stop the beat continues, because a picture without
movement looks broken; ticks that arrive then still set the tempo (`TickLine`), but not the
position. `/tempo/state` shows that.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import osc_schema
from engine.params.fade_time import Pulse
from engine.params.store import ParamStore
from engine.params.tempo_sources import (
    CLOCK_LOST_S,
    MAX_BEAT_S,
    TICKS_PER_BEAT,
    BeatLine,
    TapChoice,
    Taps,
    TickLine,
)
from engine.system.clock import Clock
from osc_schema import Rejected, Value

MIN_CONFIDENCE: Final = 0.3  # of a clock; below, the beat runs on at the last tempo
OUTSIDE_LOST_S: Final = (
    1.0  # after this long without a message from an outside clock, taps count again
)
JUMP_BEATS: Final = (
    0.5  # more between two frames than the tempo explains: the beat count has restarted
)
WRITE_INTERVAL_S: Final = 0.25  # between two updates of /tempo/bpm
WRITE_STEP_BPM: Final = 0.05
NUDGE_S: Final = 0.01
TRACKED_STEP_BPM: Final = (
    0.4  # a tracked tempo wavers; each update goes to every subscriber and into the autosave
)

_SOURCE = osc_schema.lookup("/tempo/source")
assert _SOURCE is not None
_DEFAULT_SOURCE: Final = _SOURCE.default
_BPM = osc_schema.lookup("/tempo/bpm")
assert _BPM is not None and isinstance(_BPM.default, float)
_DEFAULT_BPM = _BPM.default
_MIN_BPM = _BPM.low
_MAX_BPM = _BPM.high
_CLOCKS: Final = {"link": "Ableton Link", "midi": "MIDI clock"}
"""Clocks whose tempo may be outside the range of /tempo/bpm: Link allows 20..999."""


TempoState = Literal["free", "following", "stopped", "manual"]
"""The values of `/tempo/state`. In all of them the beat runs: free and stopped, at the last tempo
of the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TempoStatus:
    """The beat in use, and where it comes from."""

    source: str
    state: TempoState
    bpm: float
    heard_confidence: float
    """0..1, of the beat detected in the sound, followed or not."""


class Tempo:
    """The current tempo and beat. Thread-safe; call `step` on the render thread. Times are those of
    the clock."""

    def __init__(
        self, store: ParamStore, clock: Clock, notice: Callable[[str], None] = lambda line: None
    ) -> None:
        """`notice`: takes a line for the performer that is no warning, on any thread."""
        self._store = store
        self._clock = clock
        self._notice = notice
        # a tap comes under the store's lock: never use the store while holding this one
        self._lock = threading.Lock()
        self._line = BeatLine(at_s=clock.now_s(), beat=0.0, bpm=_DEFAULT_BPM)
        """Replaced as a whole, so read without the lock."""
        self._taps = Taps()
        self._tap_choice = TapChoice()
        self._ticks = TickLine()
        self._tick_beat = 0.0
        self._tick_s = float("-inf")
        self._followed_s = float("-inf")
        """When the MIDI clock and when another clock last set the beat."""
        self._is_stopped = False
        """The transport of the MIDI clock or the Link session."""
        self._stopped_at = 0.0
        self._next_tick_beat: float | None = None
        """Beat of the next tick after start or continue, else None."""
        self._reset_beats = 0.0
        """Added to the beat of an outside clock: set by reset."""
        self._nudge_s = 0.0
        """Delay of the beat after its clock."""
        self._count = 0
        """The `count` of the outside clock, see `follow`."""
        self._state: TempoState = "free"
        self._ignored_ticks = 0
        """MIDI clock ticks that came while another source was chosen."""
        self._source = _DEFAULT_SOURCE
        self._has_reported_range = False
        """True once a line has reported that the clock's tempo is outside the range of
        /tempo/bpm."""
        self._written_bpm = _DEFAULT_BPM
        self._pulse = Pulse(bpm=_DEFAULT_BPM)
        self._pulse_s: float | None = None
        self._next_write_s = float("-inf")
        store.on_trigger("/tempo/tap", lambda arrived_s: self.tap(clock.time_of(arrived_s)))
        store.on_trigger(
            "/tempo/reset", lambda arrived_s: self.reset(clock.time_of(arrived_s), is_by_hand=True)
        )
        store.on_trigger("/tempo/forget", lambda arrived_s: self.forget(clock.now_s()))
        store.on_trigger("/tempo/earlier", lambda arrived_s: self.nudge(clock.now_s(), -NUDGE_S))
        store.on_trigger("/tempo/later", lambda arrived_s: self.nudge(clock.now_s(), NUDGE_S))
        store.add_condition("/tempo/state", self._require_state)

    @property
    def bpm(self) -> float:
        return self._line.bpm

    @property
    def has_hand_bar(self) -> bool:
        """True while a hand tells where the bar begins, by /tempo/reset or two taps a bar apart.
        Any thread."""
        return self._tap_choice.has_hand_bar

    def beat_at(self, now_s: float) -> float:
        """Beats since the last reset; whole numbers are beats. It increases, unless a tap or a
        clock moves it back."""
        return self._line.beat_at(now_s)

    def read_pulse(self) -> Pulse:
        """The beat of the newest frame. Any thread."""
        return self._pulse

    def status(self, now_s: float, heard_confidence: float) -> TempoStatus:
        """The beat in use at `now_s`, and the confidence of the beat detected in the sound,
        0..1."""
        source = self._current_source()
        return TempoStatus(
            source=source,
            state=self._state_of(source, now_s),
            bpm=self.bpm,
            heard_confidence=heard_confidence,
        )

    def _state_of(self, source: str, now_s: float) -> TempoState:
        if source == "manual":
            return "manual"
        is_fed = now_s - self._followed_s < OUTSIDE_LOST_S or self._has_clock(source, now_s)
        # A stopped MIDI clock may be silent.
        if self._is_stopped and (source == "midi" or (source == "link" and is_fed)):
            return "stopped"
        return "following" if is_fed else "free"

    def _require_state(self, state: Value) -> None:
        if state != self._state:
            raise Rejected(
                f"/tempo/state: shows how the beat runs ({self._state}); /tempo/source chooses "
                "its clock"
            )

    def tap(self, now_s: float) -> None:
        """Set the nearest beat to `now_s`, and the tempo; while the sound is followed, see
        `TapChoice`. Ignored while a MIDI clock, Link or timecode sets them."""
        source = self._current_source()
        with self._lock:
            if self._has_clock(source, now_s):
                return
            played = self._line
            beats_a_bar = self._beats_a_bar()
            if source == "beat" and self._tap_choice.is_tracked(now_s):
                self._taps.tap(now_s, max(MAX_BEAT_S, beats_a_bar * 60.0 / played.bpm))
                self._line = self._tap_choice.tap(self._taps.times_s, played, beats_a_bar) or played
                return
            bpm = self._taps.tap(now_s)
            if bpm is not None:
                self._tap_choice.choose(bpm, now_s, played, beats_a_bar)
            if bpm is not None or source != "beat":
                self._line = BeatLine(
                    at_s=now_s, beat=float(round(played.beat_at(now_s))), bpm=bpm or self.bpm
                )

    def forget(self, now_s: float) -> None:
        """Forget all taps and tempos set by hand: play the beat as tracked in the sound."""
        with self._lock:
            self._taps = Taps()
            self._tap_choice.forget(now_s, self._line, self._beats_a_bar())

    def reset(self, now_s: float, *, is_exact: bool = False, is_by_hand: bool = False) -> None:
        """Make this beat the first of bar one. Beat 0 is `now_s`; while a clock sets the beat, its
        nearest beat, unless `is_exact`."""
        source = self._current_source()
        with self._lock:
            self._tap_choice.recount()
            self._tap_choice.has_hand_bar |= is_by_hand
            beat = self.beat_at(now_s)
            is_followed = now_s - self._followed_s < OUTSIDE_LOST_S
            if is_exact or source == "midi" or not is_followed:
                self._tick_beat -= beat
                self._line = BeatLine(at_s=now_s, beat=0.0, bpm=self.bpm)
            else:
                self._reset_beats -= round(beat)
                self._line = BeatLine(at_s=now_s, beat=beat - round(beat), bpm=self.bpm)

    def nudge(self, now_s: float, by_s: float) -> None:
        """Delay all beats by this, until another clock is chosen. The beat glides there."""
        with self._lock:
            self._nudge_s = self._nudge_s + by_s
            line = self._line
            self._line = line.glide_to(
                beat=line.beat, bpm=line.bpm, at_s=line.at_s + by_s, now_s=now_s
            )

    def follow(
        self,
        source: str,
        *,
        beat: float,
        bpm: float,
        at_s: float,
        confidence: float = 1.0,
        is_playing: bool = True,
        count: int = 0,
    ) -> None:
        """Follow a clock: at `at_s` (the engine clock's seconds) the beat was `beat` at `bpm`. Any
        thread. Ignored unless `/tempo/source` names it, and below a confidence of MIN_CONFIDENCE
        (0..1). The beat glides to it without a jump back; if it is more than a bar away, it goes
        there at once. Of the beat tracker (`beat`) only the position within the beat counts.
        `is_playing`: False while the clock's transport is stopped. Another `count` than before: the
        clock's beat count restarted, so the beat goes there at once, and a reset before it is
        void."""
        if (
            source != self._current_source()
            or confidence < MIN_CONFIDENCE
            or not (math.isfinite(beat) and bpm > 0.0)
        ):
            return
        now_s = self._clock.now_s()
        with self._lock:
            if source == "beat":
                played = self._line.later(-self._nudge_s)
                read = self._tap_choice.read(
                    BeatLine(at_s=at_s, beat=beat, bpm=bpm), now_s, played, self._beats_a_bar()
                )
                if read is None:
                    return
                counted, is_moved = read
                beat = counted.beat
                bpm = counted.bpm
                if is_moved:
                    self._line = counted.later(self._nudge_s)
            else:
                self._is_stopped = not is_playing
                if count != self._count:
                    self._count = count
                    self._reset_beats = 0.0
                    self._line = BeatLine(at_s=at_s, beat=beat, bpm=bpm)
                beat += self._reset_beats
            self._followed_s = now_s
            self._line = self._line.glide_to(
                beat=beat, bpm=bpm, at_s=at_s + self._nudge_s, now_s=now_s
            )

    # -- MIDI clock ----------------------------------------------------------------------------

    def midi_clock(self, now_s: float) -> None:
        """Handle a tick of MIDI clock (0xF8), 24 per beat."""
        source = self._current_source()
        if source != "midi":
            self._ignored_ticks += 1
            if self._ignored_ticks == TICKS_PER_BEAT:  # a stray tick is no clock
                self._notice(
                    f"MIDI clock arrives and is ignored: the tempo comes from {source}; "
                    "/tempo/source midi follows it"
                )
            return
        with self._lock:
            self._ticks.tick(now_s)
            self._tick_s = now_s
            first = self.beat_at(now_s + self._nudge_s)
            self._tick_beat = (
                first if self._ticks.ticks == 1 else self._tick_beat + 1 / TICKS_PER_BEAT
            )
            if self._next_tick_beat is not None:
                self._tick_beat = self._next_tick_beat
                self._next_tick_beat = None
            bpm = self._ticks.bpm or self.bpm
            if self._is_stopped:
                self._line = self._line.at_tempo(bpm, now_s)
            else:
                self._line = BeatLine(
                    at_s=self._ticks.at_s + self._nudge_s, beat=self._tick_beat, bpm=bpm
                )

    def midi_start(self, now_s: float) -> None:
        """Handle MIDI start (0xFA): the next tick is beat 0."""
        with self._lock:
            self._next_tick_beat = 0.0
            self._is_stopped = False

    def midi_continue(self, now_s: float) -> None:
        """Handle MIDI continue (0xFB): the next tick is the first after the stop."""
        with self._lock:
            if self._is_stopped:
                self._next_tick_beat = self._stopped_at
                self._is_stopped = False

    def midi_song_position(self, sixteenths: int) -> None:
        """Handle 0xF2: where continue resumes. Ignored while the clock runs, as MIDI 1.0 has it."""
        with self._lock:
            if self._is_stopped:
                self._stopped_at = sixteenths / 4

    def midi_stop(self, now_s: float) -> None:
        """Handle MIDI stop (0xFC): the beat continues at its tempo; ticks no longer set its
        position."""
        with self._lock:
            if not self._is_stopped:
                self._stopped_at = self._tick_beat + 1 / TICKS_PER_BEAT
                self._is_stopped = True

    # -- the render thread ---------------------------------------------------------------

    def step(self, now_s: float) -> None:
        """Read the beat of this frame. Use a new value of `/tempo/bpm`, or write the tempo of taps
        or clock to it."""
        self._step_source(now_s)
        self._step_pulse(now_s)
        self._step_state(now_s)
        stored_bpm = self._store.number("/tempo/bpm")
        if stored_bpm != self._written_bpm:
            self._written_bpm = stored_bpm
            with self._lock:
                self._tap_choice.choose(stored_bpm, now_s, self._line, self._beats_a_bar())
                self._line = self._line.at_tempo(stored_bpm, now_s)
            return
        bpm = _within_range(self.bpm)
        self._report_range(self.bpm)
        step_bpm = TRACKED_STEP_BPM if self._source == "beat" else WRITE_STEP_BPM
        if abs(bpm - stored_bpm) >= step_bpm and now_s >= self._next_write_s:
            self._next_write_s = now_s + WRITE_INTERVAL_S
            self._written_bpm = bpm
            self._store.set("/tempo/bpm", bpm, by="tempo")

    def _step_pulse(self, now_s: float) -> None:
        """Read the beat of this frame, and distinguish a moving tempo from a count that begins
        again."""
        before = self._pulse
        beat = self.beat_at(now_s)
        jumped = self._pulse.jumped
        passed = 0.0 if self._pulse_s is None else (now_s - self._pulse_s) * before.bpm / 60.0
        if abs(beat - before.beat - passed) > max(JUMP_BEATS, passed):
            jumped += beat - before.beat - passed
        self._pulse = Pulse(
            beat=beat,
            jumped=jumped,
            step=max(passed, 0.0),
            bpm=self.bpm,
            beats_a_bar=self._beats_a_bar(),
        )
        self._pulse_s = now_s

    def _step_state(self, now_s: float) -> None:
        state = self._state_of(self._current_source(), now_s)
        if state != self._state:
            self._state = state
            self._store.set("/tempo/state", state, by="tempo")

    def _report_range(self, bpm: float) -> None:
        """Report once that the tempo of a clock is outside the range of /tempo/bpm; again after it
        was well inside."""
        if _MIN_BPM + 1.0 < bpm < _MAX_BPM - 1.0:
            self._has_reported_range = False
        elif (
            self._source in _CLOCKS
            and not self._has_reported_range
            and not _MIN_BPM - 0.01 < bpm < _MAX_BPM + 0.01
        ):
            self._has_reported_range = True
            self._notice(
                f"{_CLOCKS[self._source]} runs at {bpm:.2f} beats/min, outside "
                f"{_MIN_BPM:g}..{_MAX_BPM:g}: the beat "
                f"follows it, /tempo/bpm shows {_within_range(bpm):g}"
            )

    def _step_source(self, now_s: float) -> None:
        source = self._current_source()
        if source != self._source:
            with self._lock:
                self._source = source
                self._reset_beats = 0.0
                self._followed_s = float("-inf")
                self._is_stopped = False
                self._count = 0
                self._nudge_s = 0.0
                self._tap_choice = TapChoice()
                # run at the tempo that is shown
                if source not in _CLOCKS and not _MIN_BPM <= self.bpm <= _MAX_BPM:
                    self._line = self._line.at_tempo(_within_range(self.bpm), now_s)

    def _current_source(self) -> str:
        return str(self._store.get("/tempo/source"))

    def _beats_a_bar(self) -> int:
        return int(self._store.number("/tempo/beats_a_bar"))

    def _has_clock(self, source: str, now_s: float) -> bool:
        """True if a MIDI clock, Link or timecode sets the tempo now."""
        if source == "midi":
            return now_s - self._tick_s < CLOCK_LOST_S
        return source in ("link", "timecode") and now_s - self._followed_s < OUTSIDE_LOST_S


def _within_range(bpm: float) -> float:
    """The value that /tempo/bpm can show."""
    return min(_MAX_BPM, max(_MIN_BPM, round(bpm, 2)))
