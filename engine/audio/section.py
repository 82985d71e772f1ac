"""Detects the section of a song: quiet, build, drop or break. Causal, from the levels and drums of
the hops so far.

    drop    kicks, and a low band that is near its loudest and holds nearly half of the sound; after
            a build, an eighth
    build   no drums with a bass for a while, and the highs rise far above the usual: noise that
            swells, a snare roll
    break   no drop, in a song that has had one
    quiet   no drop, far below the loudest, or in a song that has had none yet

A section begins when it has been heard for a beat or so: that leaves time to act on the next bar. A
build ends by a drop at once, by anything else later, because the bar of silence before a drop is
part of it. Times are in beats of the tracked tempo; levels are compared with the loudest of the
last minutes. After some seconds of silence another song begins.

A drop after at least four bars of another section begins on the first beat of a bar: `bar_age_s`
tells when that was.
"""

import math
from collections import deque
from typing import Final

import numpy as np

from engine.values import Section

LOW_HZ, HIGH_HZ = 160.0, 4000.0
# of the levels now, and of the loudest
SHORT_BEATS = 0.75
LOUD_BEATS = 4.0
# a beat of the tracked tempo, which may be half or double, is taken to be within these
BEAT_S: Final = (0.35, 0.8)
FALL_DB_S: Final = 4.0 / 60.0  # of the loudest
# memory of kicks; how many begin a drop, and below how many it may end
KICK_BEATS = 2.0
KICKS = 1.2
FEW_KICKS = 0.55
KICK_AFTER_BUILD: Final = 0.6  # one is enough
KICK_POWER: Final = (
    0.1  # of a kick to the strongest, in the low band: a bass note that passes for one is weaker
)
# low band to its loudest, for a drop to begin, and to stay
BEGIN_DB = -4.0
KICKLESS_DB = -6.0
STAY_DB = -10.0
LOW_SHARE_DB: Final = -9.0  # low band to all, for drums with a bass
# low band to all, for them to be a drop
SHARE_BEATS = 3.0
DROP_SHARE_DB = -3.5
# of a build, for them to be a drop; after soft ones, without a build: fills
BUILD_BEATS = 8.0
FILL_BEATS = 8.0
USUAL_BEATS: Final = (64.0, 8.0)  # of the usual highs, upward and downward
# highs to the usual, for a build to begin and to stay; highs to all
RISE_DB = 6.0
STILL_DB = 2.0
HIGH_SHARE_DB = -20.0
# all to its loudest, for quiet to begin and to end
QUIET_DB = -10.0
LOUD_DB = -7.0
CONFIRM_BEATS: Final = {"drop": 0.5, "build": 1.5, "break": 1.4, "quiet": 1.4}
SWELL_BEATS: Final = 16.0  # from break to quiet and back: a swell is no section
AFTER_BUILD_BEATS: Final = 6.0
FLOOR: Final = 1e-7  # power, -70 dBFS
SILENCE_S: Final = 3.0
# how long ago the first kick of a drop may be, and its power to that of the loudest since
ENTRY_S = 2.5
ENTRY = 0.25
SURE_BEATS: Final = 16.0  # of the section before, for a drop to begin a bar


class SectionDetector:
    """Detects the section, one step per hop of `hop_s`. `centres_hz` (bands,): those of the levels.
    Analyser thread."""

    def __init__(self, hop_s: float, centres_hz: np.ndarray) -> None:
        self._hop_s = hop_s
        self._bands = np.array(
            [centres_hz < LOW_HZ, centres_hz >= HIGH_HZ, np.full(len(centres_hz), True)], np.float32
        )
        self._low = FLOOR
        self._high = FLOOR
        self._all = FLOOR
        """Powers now, smoothed."""
        self._even_low = FLOOR
        self._even_all = FLOOR
        """The same, smoothed over `SHARE_BEATS`: a kick alone does not show."""
        self._usual_high = FLOOR
        self._loudest_low = FLOOR
        self._loudest = FLOOR
        self._kicks = 0.0
        self._silent_s = 0.0
        self._peak_low = 0.0
        self._recent_low: deque[float] = deque([0.0], maxlen=round(ENTRY_S / hop_s))
        """Power of the low band in the last hops, not smoothed."""
        self._has_dropped = False
        self._candidate: Section = "quiet"
        self._soft_beats = math.inf
        """How long ago drums played that were no drop."""
        self._candidate_beats = 0.0
        self._section_beats = 0.0
        """How long the newest levels have sounded like the candidate, and how long the section
        is."""
        self.section: Section = "quiet"
        self.bar_age_s = math.inf
        """Seconds since the newest beat that surely began a bar."""

    def step(self, level: np.ndarray, *, is_kick: bool, bpm: float) -> None:
        """Update the section with the next hop. `level`, (bands,): linear RMS of each band."""
        beats = self._hop_s / min(BEAT_S[1], max(BEAT_S[0], 60.0 / bpm))
        self._measure(level, beats, is_kick=is_kick)
        candidate = self._sounds_like(beats)
        self._candidate_beats = (
            self._candidate_beats + beats if candidate == self._candidate else beats
        )
        self._candidate = candidate
        self._section_beats += beats
        self.bar_age_s += self._hop_s
        if candidate != self.section and self._candidate_beats >= self._needed_beats(candidate):
            if candidate == "drop" and self._section_beats >= SURE_BEATS:
                self.bar_age_s = self._entry_age_s()
            self._has_dropped |= candidate == "drop"
            self.section = candidate
            self._section_beats = 0.0

    def _measure(self, level: np.ndarray, beats: float, *, is_kick: bool) -> None:
        low, high, every = (self._bands @ (level * level)).tolist()
        now = beats / SHORT_BEATS
        slow = beats / LOUD_BEATS
        self._low += now * (low - self._low)
        self._high += now * (high - self._high)
        self._all += now * (every - self._all)
        self._even_low += beats / SHARE_BEATS * (low - self._even_low)
        self._even_all += beats / SHARE_BEATS * (every - self._even_all)
        usual = self._usual_high
        self._usual_high += (
            beats / USUAL_BEATS[0 if self._high > usual else 1] * (self._high - usual)
        )
        least = _power_ratio(-FALL_DB_S * self._hop_s)
        self._loudest_low = max(
            FLOOR, least * self._loudest_low, (1.0 - slow) * self._loudest_low + slow * self._low
        )
        self._loudest = max(
            FLOOR, least * self._loudest, (1.0 - slow) * self._loudest + slow * self._all
        )
        self._peak_low = max(low, least * self._peak_low)
        self._kicks += (
            is_kick and low > KICK_POWER * self._peak_low
        ) - beats / KICK_BEATS * self._kicks
        self._recent_low.append(low)
        self._silent_s = self._silent_s + self._hop_s if every < FLOOR else 0.0
        if self._silent_s > SILENCE_S:
            self._loudest_low = FLOOR
            self._loudest = FLOOR
            self._peak_low = FLOOR
            self._has_dropped = False

    def _sounds_like(self, beats: float) -> Section:
        """The section by the newest levels, `beats` after the last ones."""
        self._soft_beats += beats
        if self._has_drums():
            if self._are_drop():
                return "drop"
            self._soft_beats = 0.0
        usual = _power_ratio(STILL_DB if self.section == "build" else RISE_DB) * self._usual_high
        if self._soft_beats >= FILL_BEATS and self._high > max(
            FLOOR, usual, _power_ratio(HIGH_SHARE_DB) * self._all
        ):
            return "build"
        loud = _power_ratio(LOUD_DB if self.section == "quiet" else QUIET_DB) * self._loudest
        return "break" if self._has_dropped and self._all > loud else "quiet"

    def _has_drums(self) -> bool:
        """Return whether kicks play with a bass; in a drop, whether it goes on."""
        if self.section == "drop":
            stay_db = STAY_DB if self._kicks > FEW_KICKS else KICKLESS_DB
            return self._low > max(FLOOR, _power_ratio(stay_db) * self._loudest_low)
        begin = max(
            FLOOR,
            _power_ratio(BEGIN_DB) * self._loudest_low,
            _power_ratio(LOW_SHARE_DB) * self._all,
        )
        return (
            self._kicks > (KICK_AFTER_BUILD if self.section == "build" else KICKS)
            and self._low > begin
        )

    def _are_drop(self) -> bool:
        """Return whether drums with a bass are those of a drop: soft ones are below the voice and
        its chords."""
        if self.section == "drop" or (
            self.section == "build" and self._section_beats >= BUILD_BEATS
        ):
            return True
        return self._even_low > _power_ratio(DROP_SHARE_DB) * self._even_all

    def _needed_beats(self, candidate: Section) -> float:
        if self.section == "build" and candidate != "drop":
            return AFTER_BUILD_BEATS
        return (
            SWELL_BEATS
            if {self.section, candidate} == {"break", "quiet"}
            else CONFIRM_BEATS[candidate]
        )

    def _entry_age_s(self) -> float:
        """Seconds since the first kick of the drop that has just begun."""
        powers = list(self._recent_low)
        entry = next(at for at, power in enumerate(powers) if power >= ENTRY * max(powers))
        return (len(powers) - entry) * self._hop_s


def _power_ratio(decibels: float) -> float:
    return float(10.0 ** (0.1 * decibels))
