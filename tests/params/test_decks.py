"""The old look during a fade: it keeps moving, or freezes if there is no time to draw two looks."""

import pytest

from engine.params import Crossfade, Deck, Decks, Modulation, ParamStore, Slew
from engine.params.decks import BOTH, MAX_LATE_FRAMES
from engine.params.expected_look import TRAIL_FRAMES, ExpectedLook
from engine.params.fade_time import FadeTime
from engine.params.store import entries_of
from engine.system.frame_budget import FrameBudget
from engine.values import AudioFeatures, ChannelFeatures
from osc_schema.modulation import ROUTES

BRIGHTNESS, ANGLE, MIRROR, FADE = (
    "/multiverse/brightness",
    "/layer/1/angle",
    "/mirror/mode",
    "/master/fade",
)
QUIET = [(f"/mod/{n}/source", "off") for n in ROUTES]
PERIOD_S = 1 / 30
SILENCE = AudioFeatures(channels=(ChannelFeatures(),) * 4)


class Show:
    """The part of the frame loop that computes values, at 30 frames per second."""

    def __init__(self) -> None:
        self.store = ParamStore()
        self.store.set_many([(BRIGHTNESS, 2.5), (MIRROR, "off"), *QUIET], by="test")
        self.crossfade = Crossfade(self.store)
        self.waiting = self.prepared = ""
        self.waiting_values = dict[str, object]()
        self.budget = FrameBudget()
        self.decks = Decks(
            Deck(Slew(), Modulation()),
            self.budget,
            ExpectedLook(
                lambda frames: self.waiting, lambda: self.prepared, lambda name: self.waiting_values
            ),
        )
        self.late = 0
        self.now_s = 0.0
        self.values = self.frame()

    def frame(self, *, period_s: float | None = PERIOD_S) -> dict:
        """All values to draw the new look with."""
        self.crossfade.step(self.now_s)
        moves_old = self.decks.outgoing is not None
        snapshot, self.event = self.crossfade.take_event(moves_old=moves_old)
        self.budget.begin_frame(period_s=period_s, late=self.late, next_due_s=0.0)
        self.decks.follow(self.event, snapshot)
        self.decks.glide(snapshot, PERIOD_S)
        self.decks.modulate(SILENCE, time_s=self.now_s, beat=0.0)
        self.now_s += PERIOD_S
        return self.decks.on_air.values

    def load(self, *values: tuple[str, object], seconds: float = 2.0) -> None:
        self.crossfade.start(entries_of(values), FadeTime(seconds), by="preset x", is_picture=True)


@pytest.fixture
def show() -> Show:
    return Show()


def test_the_old_look_keeps_its_menus_and_the_new_one_has_its_own_at_once(show: Show) -> None:
    show.store.set(MIRROR, "kaleidoscope")
    show.frame()
    show.load((MIRROR, "off"), (BRIGHTNESS, 4.0))
    values = show.frame()
    assert (values[MIRROR], values[BRIGHTNESS]) == ("off", 4.0), (
        "without the 30 ms glide of a fader"
    )
    assert (show.decks.outgoing.values[MIRROR], show.decks.outgoing.values[BRIGHTNESS]) == (
        "kaleidoscope",
        2.5,
    )
    show.store.set_many([(BRIGHTNESS, 1.0), (FADE, 0.5)], by="udp hand")
    for _ in range(30):
        values = show.frame()
    assert (values[BRIGHTNESS], show.decks.outgoing.values[BRIGHTNESS]) == (1.0, 2.5)
    assert values[FADE] == show.decks.outgoing.values[FADE] == 0.5, "both looks share the master"
    for _ in range(32):
        show.frame()
    assert show.decks.outgoing is None and show.event.fade is None


def test_glides_and_lfos_of_the_old_look_continue(show: Show) -> None:
    undisturbed = Show()
    for each in (show, undisturbed):
        each.store.set_many(
            [
                ("/lfo/1/rate_hz", 0.7),
                ("/lfo/1/tempo_sync", "free"),
                ("/lfo/1/shape", "sine"),
                ("/mod/1/source", "lfo1"),
                ("/mod/1/target", ANGLE),
                ("/mod/1/amount", 0.5),
                ("/mod/1/offset", 0.0),
            ],
            by="test",
        )
        for _ in range(20):
            each.frame()
        each.store.set(BRIGHTNESS, 0.5)
        each.frame()
    show.load(("/mod/1/source", "off"), (ANGLE, 90.0), (BRIGHTNESS, 4.0))
    angles = []
    for _ in range(30):
        show.frame()
        expected = undisturbed.frame()
        for address in (ANGLE, BRIGHTNESS):
            assert show.decks.outgoing.values[address] == pytest.approx(expected[address])
        angles.append(expected[ANGLE])
    assert max(angles) - min(angles) > 90.0, "it turned"


def test_both_looks_are_drawn_if_they_fit_into_four_fifths_of_a_frame() -> None:
    for draw_ms, rest_ms, expected in (
        (5.0, 3.0, ""), (12.0, 2.6, ""), (12.0, 3.0, "27 of 33 ms"), (30.0, 1.0, "61 of 33 ms"),
    ):  # fmt: skip
        budget = FrameBudget()
        budget.begin_frame(period_s=PERIOD_S, late=0, next_due_s=0.0)
        for _ in range(60):
            budget.add_frame(work_s=(draw_ms + rest_ms) / 1000, draw_s=draw_ms / 1000, looks=1)
        refusal = budget.refuse_two_looks()
        assert expected in refusal and bool(expected) == bool(refusal)
    assert budget.usual_look_s == 0.03
    unmeasured = FrameBudget()
    unmeasured.begin_frame(period_s=PERIOD_S, late=0, next_due_s=0.0)
    assert unmeasured.refuse_two_looks() == "" and unmeasured.usual_look_s == 0.0


def test_without_time_for_two_looks_a_still_dissolves_but_never_offline(show: Show) -> None:
    show.budget.add_frame(work_s=0.030, draw_s=0.028, looks=1)
    show.load((BRIGHTNESS, 4.0))
    show.frame()
    assert show.event.fade is not None and show.decks.outgoing is None
    assert (
        show.decks.fade_note
        == "the old look is frozen (drawing both looks would take 58 of 33 ms per frame)"
    )
    offline = Show()
    offline.budget.add_frame(work_s=9.0, draw_s=9.0, looks=1)
    offline.load((BRIGHTNESS, 4.0))
    offline.frame(period_s=None)
    assert offline.decks.outgoing is not None and offline.decks.fade_note == BOTH


def test_late_frames_during_the_fade_freeze_the_old_look(show: Show) -> None:
    show.late = 7  # late frames before the fade do not count
    show.load((BRIGHTNESS, 4.0))
    show.frame()
    show.late += MAX_LATE_FRAMES
    show.frame()
    assert show.decks.outgoing is not None and show.decks.fade_note == BOTH
    show.late += 1
    show.frame()
    assert (
        show.decks.outgoing is None
        and show.decks.fade_note == "the old look is frozen (3 frames were late)"
    )
    show.frame()
    assert show.decks.outgoing is None


TRAIL = {"/feedback/amount": 0.9, MIRROR: "xy"}


def expect(show: Show, name: str, values: dict[str, object] = TRAIL, *, late: int = 0) -> bool:
    """Draw one frame while this look is expected; True if its trail is drawn."""
    show.waiting, show.waiting_values, show.late = name, values, late
    show.frame()
    return show.decks.draws_upcoming


def test_an_expected_look_comes_with_its_own_values_until_its_beat_or_another_look_is_expected(
    show: Show,
) -> None:
    assert [expect(show, "Silk") for _ in range(3)] == [False, True, True]
    assert (show.decks.upcoming.values[MIRROR], show.decks.on_air.values[MIRROR]) == ("xy", "off")
    assert show.decks.upcoming.values[BRIGHTNESS] == 2.5, "what the look does not hold stays"
    assert [expect(show, "Prism") for _ in range(2)] == [False, True], (
        "a frame without one drops the trail"
    )
    assert not expect(show, "")


def test_no_look_comes_without_a_trail_without_time_or_after_a_late_frame(show: Show) -> None:
    assert not any(expect(show, "Poster", {"/feedback/amount": 0.0}) for _ in range(3))
    assert [expect(show, "Silk", late=late) for late in (3, 3, 4, 4, 4)] == [
        False,
        True,
        False,
        False,
        False,
    ]
    for _ in range(60):
        show.budget.add_frame(work_s=0.020, draw_s=0.018, looks=1)
    assert not any(expect(show, "Mandala") for _ in range(3))


def test_a_prepared_look_gets_a_trail_once_and_keeps_it_until_it_or_nothing_is_prepared(
    show: Show,
) -> None:
    def frames(count: int, prepared: str = "Silk") -> list[tuple[bool, bool]]:
        show.prepared, rendered = prepared, []
        for _ in range(count):
            comes = expect(show, "", late=show.late)
            rendered.append((comes, (show.decks.upcoming is not None)))
        return rendered

    assert frames(TRAIL_FRAMES + 3) == [
        (False, False),
        *[(True, True)] * TRAIL_FRAMES,
        *[(False, True)] * 2,
    ]
    assert expect(show, "Silk") and (show.decks.upcoming is not None), (
        "again before its beat, on the same trail"
    )
    show.load((BRIGHTNESS, 4.0), seconds=0.1)
    assert frames(2) == [(False, True), (False, False)], "another look begins beside it"
    assert frames(20)[-1] == (True, True), "after the fade"
    show.late += 1
    assert frames(2) == [(False, True)] * 2, "without time it keeps what it has"
    assert frames(1, "") == [(False, False)], "it is on screen"


def test_a_cut_shows_the_new_values_in_its_first_frame(show: Show) -> None:
    show.decks.on_air.slew.set_smoothing(BRIGHTNESS, 1000.0)
    show.crossfade.start(entries_of([(BRIGHTNESS, 4.0)]), by="preset x", is_picture=True)
    snapshot, event = show.crossfade.take_event()
    show.decks.follow(event, snapshot)
    show.decks.glide(snapshot, PERIOD_S)
    assert show.decks.on_air.values[BRIGHTNESS] == 4.0
