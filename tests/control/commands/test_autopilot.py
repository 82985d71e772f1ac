"""The autopilot on real presets and a real launch queue; the test is the clock, and the sound at
120 per minute."""

import itertools
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
    taken_s = 0.0
    streams: tuple[str, ...] = ()
    """Addresses that a program changes with every frame."""

    def hear(self, section: Section, bars: float, **more: float) -> list[tuple[float, str]]:
        """Play that section for some bars. Returns the bars in which looks were taken, and their
        names."""
        takes, end_s = [], self.now_s + bars * BAR_S
        while self.now_s < end_s - 1e-6:
            self.now_s += 0.02
            for address in self.streams:
                self.store.set(address, self.now_s % 1.0, by="map desk")
            features: dict[str, Any] = {
                "beat": self.now_s * 2.0,
                "bpm": 120.0,
                "confidence": 1.0,
                **more,
            }
            beat = BeatFeatures(section=section, **features)
            if name := self.frame(self.now_s, self.now_s, beat):
                self.taken_s = self.now_s
                takes.append((round(self.now_s / BAR_S, 1), name))
        return takes


@pytest.fixture
def rig(tmp_path: Path, reports: Any) -> Iterator[Rig]:
    rig = Rig(tmp_path, reports)
    rig.store.set("/autopilot/enable", 1)
    yield rig
    rig.close()


def test_a_look_that_fits_comes_on_the_bar_after_a_section_has_begun(rig: Rig) -> None:
    assert rig.hear("drop", 3.2) + rig.hear("break", 0.2) + rig.hear("drop", 0.2) == [], (
        "it was mistaken"
    )
    for bar, section in ((4.0, "quiet"), (6.0, "drop")):
        ((take_bar, name),) = rig.hear(section, 2.0)
        assert take_bar == bar and distance(LOOK_ENERGIES[name], section) <= FITS
        assert [args for at, *args in rig.messages if at == "/beat/section"][-1] == [section]


def test_it_cuts_to_a_drop_and_dissolves_to_anything_else(rig: Rig) -> None:
    rig.store.set("/autopilot/bars", 4)
    dissolves = []
    for section in ("quiet", "drop", "quiet", "drop", "drop"):
        while not rig.hear(section, 0.01):
            pass
        dissolves.append(rig.crossfade.is_fading)
    assert dissolves == [True, False, True, False, True], (
        "the last one is another look in the same drop"
    )


def test_looks_come_in_another_order_each_time_and_none_again_soon(rig: Rig) -> None:
    rig.store.set("/autopilot/bars", 1)
    names = [name for _, name in rig.hear("quiet", 81.0)]
    assert len(names) > 60 and all(
        names[at : at + 4].count(name) == 1 for at, name in enumerate(names)
    )
    followers = {
        name: {after for before, after in itertools.pairwise(names) if before == name}
        for name in names
    }
    assert all(len(each) > 1 for each in followers.values()), followers


def test_a_drop_whose_build_was_heard_is_cut_to_on_the_next_beat_by_the_look_that_was_prepared(
    rig: Rig,
) -> None:
    rig.hear("quiet", 3.9)
    assert [bar for bar, _ in rig.hear("build", 2.0)] == [4.0]
    prepared = rig.presets.mixer.prepared
    assert distance(LOOK_ENERGIES[prepared], "drop") <= FITS
    rig.hear("build", 2.0)
    rig.hear("build", 0.01)  # the drop begins at bar 8, and is heard half a beat later
    rig.now_s = 8 * BAR_S + 0.24
    ((_, name),) = rig.hear("drop", 0.3, bar_age_s=0.25)
    assert name == prepared and not rig.crossfade.is_fading
    assert 0.49 <= rig.taken_s - 8 * BAR_S <= 0.53, "one beat after it"


@pytest.mark.parametrize("is_on", [True, False])
def test_a_hand_tells_the_drop_and_the_break_at_once_until_another_section_is_heard(
    rig: Rig, is_on: bool
) -> None:
    rig.store.set("/autopilot/enable", is_on)
    rig.hear("quiet", 3.3)
    rig.store.set(BRIGHTNESS, 2.0, by="desk")  # a hand has the show
    presses: list[tuple[Section, bool]] = [("drop", False), ("drop", False), ("break", True)]
    for section, is_fading in presses:
        rig.store.set(f"/autopilot/{section}", True, by="desk")
        before = rig.presets.current.name
        rig.hear("quiet", 0.02)
        name = rig.presets.current.name
        assert name != before and distance(LOOK_ENERGIES[name], section) <= FITS
        assert rig.crossfade.is_fading == is_fading
    assert rig.hear("quiet", 6.0) == [], "a break, whatever is heard"
    assert [bar for bar, _ in rig.hear("drop", 2.0)] == ([10.0] if is_on else [])


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


def test_a_stream_on_a_parameter_is_no_hand_and_a_hand_beside_it_is(rig: Rig) -> None:
    rig.store.set("/autopilot/hands_off", 4.0)
    rig.streams = ("/layer/1/angle", "/master/fade")
    assert [bar for bar, _ in rig.hear("quiet", 7.3)] == [5.0], (
        "5 s until it is known as a program, and 4 s"
    )
    rig.store.set(BRIGHTNESS, 2.0, by="map desk")
    assert rig.hear("drop", 1.9) == [] and [bar for bar, _ in rig.hear("drop", 1.2)] == [10.0]


def test_a_bank_without_another_look_is_told_in_one_line_and_the_show_goes_on(
    rig: Rig, reports: Any
) -> None:
    rig.store.set("/autopilot/bank", 3)
    rig.hear("quiet", 0.1)
    assert reports.lines[-1][1].startswith(
        "/autopilot: there is no bank 3: it waits until there is one"
    )
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
    assert (
        sum("'Aurora' left out: does not compile" in message for _, message in reports.lines) == 1
    )


def test_only_looks_whose_shaders_are_tested_are_taken(rig: Rig, reports: Any) -> None:
    shaders = {str(look[file_address(slot)]) for look in LOOKS.values() for slot in LOOK_SLOTS}
    rig.untested |= shaders - {"", "Silk"}
    ready = {
        name
        for name, look in LOOKS.items()
        if not rig.untested & {look[file_address(s)] for s in LOOK_SLOTS}
    }
    rig.store.set("/autopilot/bars", 2)
    names = [name for _, name in rig.hear("quiet", 21.0)]
    assert len(names) > 8 and set(names) <= ready
    rig.done("/bank/name", 3, "Three")
    rig.done("/bank/put", 3, 1, "Prism")
    rig.store.set("/autopilot/bank", 3)
    rig.hear("quiet", 4.0)
    line = "no other look of bank 3 can be shown yet: their shaders are being tested"
    assert [message for key, message in reports.lines if line in message]
    rig.untested.clear()
    assert [name for _, name in rig.hear("quiet", 3.0)] == ["Prism"]


def test_a_drop_tells_where_bars_begin_unless_a_hand_has_and_forget_gives_it_back(rig: Rig) -> None:
    def first_beat(section: Section = "drop") -> float:
        """The beat that is counted half a second, one beat, after a drop has begun."""
        rig.hear("quiet", 0.75)
        rig.hear(section, 0.01, bar_age_s=0.5)
        return rig.tempo.beat_at(rig.now_s) % 4.0

    rig.hear("quiet", 4.0)
    assert first_beat() == pytest.approx(1.0, abs=0.25)
    rig.store.set("/tempo/tap", True)  # a stray one
    assert first_beat() == pytest.approx(1.0, abs=0.25)
    rig.store.set("/tempo/reset", True)
    assert first_beat() == pytest.approx(3.0, abs=0.25), "as the hand has it"
    rig.store.set("/tempo/forget", True)
    assert first_beat() == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize(("tracked_beat", "counted"), [(0.5, 0.5), (0.0, 0.0)])
def test_a_drop_between_counted_beats_begins_a_bar_only_if_the_tracker_has_a_beat_there(
    rig: Rig, tracked_beat: float, counted: float
) -> None:
    """While the tracker is not sure of a new tempo, the count runs on as before."""
    rig.hear("quiet", 4.0)
    rig.hear("drop", 0.01, bar_age_s=0.25, beat=16.0 + tracked_beat, confidence=0.0)
    assert rig.tempo.beat_at(rig.now_s) % 4.0 == pytest.approx(counted, abs=0.1)
