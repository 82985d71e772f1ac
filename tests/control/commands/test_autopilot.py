"""The autopilot on real presets and a real launch queue; the test is the clock, and the sound at 120 per minute."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.params.autopilot import FITS, distance
from engine.params.looks import ENERGIES as LOOK_ENERGIES
from engine.params.looks import LOOKS
from engine.values import BeatFeatures, Section
from osc_schema.fx import LOOK_SLOTS, file_address
from tests.control.commands.show_rig import BRIGHTNESS, AutopilotRig

BAR_S = 2.0


class Rig(AutopilotRig):
    now_s = 0.0

    def hear(self, section: Section, bars: float, **more: float) -> list[tuple[float, str]]:
        """Play that section for some bars. Returns the bars in which looks were taken, and their names."""
        takes, end_s = [], self.now_s + bars * BAR_S
        while self.now_s < end_s - 1e-6:
            self.now_s += 0.02
            features: dict[str, Any] = {"beat": self.now_s * 2.0, "bpm": 120.0, "confidence": 1.0, **more}
            beat = BeatFeatures(section=section, **features)
            if name := self.frame(self.now_s, self.now_s, beat):
                takes.append((round(self.now_s / BAR_S, 1), name))
        return takes


@pytest.fixture
def rig(tmp_path: Path, reports: Any) -> Iterator[Rig]:
    rig = Rig(tmp_path, reports)
    rig.store.set("/autopilot/enable", 1)
    yield rig
    rig.close()


def test_a_look_that_fits_comes_on_the_bar_after_a_section_has_begun(rig: Rig) -> None:
    assert rig.hear("drop", 3.2) + rig.hear("break", 0.2) + rig.hear("drop", 0.2) == [], "it was mistaken"
    for bar, section in ((4.0, "quiet"), (6.0, "drop")):
        ((take_bar, name),) = rig.hear(section, 2.0)
        assert take_bar == bar and distance(LOOK_ENERGIES[name], section) <= FITS
        assert rig.store.get("/beat/section") == section


def test_it_cuts_to_a_drop_and_dissolves_to_anything_else(rig: Rig) -> None:
    rig.store.set("/autopilot/bars", 4)
    dissolves = []
    for section in ("quiet", "drop", "quiet", "drop", "drop"):
        while not rig.hear(section, 0.01):
            pass
        dissolves.append(rig.crossfade.is_fading)
    assert dissolves == [True, False, True, False, True], "the last one is another look in the same drop"


def test_no_look_comes_again_while_another_that_fits_was_on_air_longer_ago(rig: Rig) -> None:
    rig.store.set("/autopilot/bars", 2)
    names = [name for _, name in rig.hear("quiet", 41.0)]
    assert len(names) == 21 and all(names[at : at + 5].count(name) == 1 for at, name in enumerate(names))


@pytest.mark.parametrize("touch", [BRIGHTNESS, "/preset/prepare", "/preset/load", "/preset/flash"])
def test_a_hand_has_the_show_for_a_minute(rig: Rig, touch: str) -> None:
    rig.hear("drop", 3.6)
    rig.hear("quiet", 0.2)  # a take waits
    if touch == BRIGHTNESS:
        rig.store.set(touch, 2.0, by="desk")
    else:
        rig.done(touch, "Thunder", *[1] * (touch == "/preset/flash"))
    assert rig.autopilot.policy.breath > 0.05  # of the macros
    assert rig.hear("quiet", 1.0) == [] and 57.0 < (rig.autopilot.waits_s or 0.0) < 59.0
    assert rig.hear("quiet", 29.0) == [] and rig.autopilot.policy.breath == 0.0
    assert [bar for bar, _ in rig.hear("quiet", 2.0)] == [34.0]


def test_a_bank_without_another_look_is_told_in_one_line_and_the_show_goes_on(rig: Rig, reports: Any) -> None:
    rig.store.set("/autopilot/bank", 3)
    rig.hear("quiet", 0.1)
    assert reports.lines[-1][1].startswith("/autopilot: there is no bank 3: it waits until there is one")
    assert rig.hear("quiet", 4.5) == []
    rig.done("/bank/name", 3, "One")
    rig.done("/bank/put", 3, 1, "Silk")
    rig.store.set("/autopilot/bars", 1)
    assert [name for _, name in rig.hear("quiet", 6.0)] == ["Silk"]
    line = "/autopilot: no other look of bank 3 can be shown (/autopilot/bank chooses another bank)"
    assert [message for key, message in reports.lines if key == "autopilot"][1:] == [line]


def test_a_look_whose_shader_fails_is_told_and_another_is_taken(rig: Rig, reports: Any) -> None:
    for slot in LOOK_SLOTS:
        rig.faults[str(LOOKS["Aurora"][file_address(slot)])] = "does not compile"
    rig.store.set("/autopilot/bars", 2)
    assert len(names := {name for _, name in rig.hear("quiet", 13.0)}) > 3 and "Aurora" not in names
    assert sum("'Aurora' left out: does not compile" in message for _, message in reports.lines) == 1


def test_a_drop_tells_where_bars_begin_unless_a_hand_has(rig: Rig) -> None:
    rig.hear("quiet", 4.0)
    rig.hear("drop", 0.01, bar_age_s=0.5)  # the drop began a beat ago
    assert rig.tempo.beat_at(rig.now_s) == pytest.approx(1.0, abs=0.1)
    rig.store.set("/tempo/reset", True)
    rig.hear("drop", 0.01, bar_age_s=0.5)
    assert rig.tempo.beat_at(rig.now_s) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(("tracked_beat", "counted"), [(0.5, 0.5), (0.0, 0.0)])
def test_a_drop_between_counted_beats_begins_a_bar_only_if_the_tracker_has_a_beat_there(
    rig: Rig, tracked_beat: float, counted: float
) -> None:
    """While the tracker is not sure of a new tempo, the count runs on as before."""
    rig.hear("quiet", 4.0)
    rig.hear("drop", 0.01, bar_age_s=0.25, beat=16.0 + tracked_beat, confidence=0.0)
    assert rig.tempo.beat_at(rig.now_s) % 4.0 == pytest.approx(counted, abs=0.1)
