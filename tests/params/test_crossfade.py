"""Fades with known times; the last source to touch a parameter owns it."""

import threading
from collections.abc import Iterable
from typing import Any

import pytest

import osc_schema
from engine.params import Crossfade, ParamStore
from engine.params.fade_time import FadeProgress, FadeTime, Pulse
from engine.params.hand import Hand
from engine.params.store import entries_of
from osc_schema import Rejected, Value

ANGLE, BRIGHTNESS, WINDOW, MUTE, BLEND = (
    "/layer/1/angle", "/multiverse/brightness", "/multiverse/window_ms", "/layer/1/mute",
    "/multiverse/blend"
)  # fmt: skip


@pytest.fixture
def store() -> ParamStore:
    store = ParamStore()
    store.set_many([(ANGLE, 170.0), (BRIGHTNESS, 1.0), (WINDOW, 10.0), (BLEND, 0.0)], by="test")
    return store


class Fade(Crossfade):
    def start(
        self, values: Iterable[tuple[str, Value]], *args: Any, **options: Any
    ) -> list[Rejected]:  # type: ignore[override]
        return super().start(entries_of(values), *args, **options)


@pytest.fixture
def fade(store: ParamStore) -> Fade:
    return Fade(store)


@pytest.fixture
def ends() -> list[str]:
    """Records the arguments of `ended`, one per finished fade."""
    return []


def test_floats_glide_evenly_on_their_own_scale_and_everything_else_changes_at_the_start(
    store: ParamStore, fade: Fade, ends: list[str]
) -> None:
    values = [
        (ANGLE, -170.0),
        (BRIGHTNESS, 3.0),
        (WINDOW, 1000.0),
        (BLEND, 2.0),
        (MUTE, True),
        ("/mirror/mode", "xy"),
    ]
    assert fade.start(values, FadeTime(4.0), by="preset x", ended=ends.append) == []
    assert (store.get(MUTE), store.get("/mirror/mode"), store.get(BRIGHTNESS)) == (True, "xy", 1.0)
    seen = {}
    for now_s in (100.0, 101.0, 102.0, 103.0):
        fade.step(now_s)
        seen[now_s - 100] = [store.get(address) for address in (ANGLE, BRIGHTNESS, WINDOW, BLEND)]
    assert seen[0] == pytest.approx([170.0, 1.0, 10.0, 0.0])
    assert seen[1] == pytest.approx([175.0, 1.5, 10 * 100**0.25, 0.5]), (
        "the short way round, in the logarithm"
    )
    assert seen[2] == pytest.approx([-180.0, 2.0, 100.0, 1.0]) or seen[2] == pytest.approx(
        [180.0, 2.0, 100.0, 1.0]
    )
    assert seen[3] == pytest.approx([-175.0, 2.5, 10 * 100**0.75, 1.5])
    assert ends == []
    fade.step(104.0)
    assert [store.get(address) for address in (ANGLE, BRIGHTNESS, WINDOW, BLEND)] == [
        -170.0,
        3.0,
        1000.0,
        2.0,
    ]
    assert ends == [""]
    version = store.version
    fade.step(105.0)
    assert store.version == version


def test_a_moved_fader_leaves_a_fade_and_others_arrive(
    store: ParamStore, fade: Fade, ends: list[str]
) -> None:
    fade.start(
        [(BRIGHTNESS, 3.0), (WINDOW, 1000.0)], FadeTime(2.0), by="preset x", ended=ends.append
    )
    fade.step(0.0)
    fade.step(1.0)
    store.set(BRIGHTNESS, 0.5, by="udp hand")
    for now_s in (1.5, 2.0):
        fade.step(now_s)
        assert store.get(BRIGHTNESS) == 0.5
    assert store.get(WINDOW) == 1000.0 and ends == [""]


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_another_load_takes_over_from_there(
    store: ParamStore, fade: Fade, ends: list[str], seconds: float
) -> None:
    fade.start([(BRIGHTNESS, 3.0)], FadeTime(2.0), by="preset x", ended=ends.append)
    fade.step(0.0)
    fade.step(1.0)
    fade.start(
        [(BRIGHTNESS, 0.0)],
        FadeTime(seconds),
        by="preset y",
        ended=lambda reason: ends.append(f"y {reason}"),
    )
    assert ends == (["preset y", "y "] if seconds == 0.0 else ["preset y"])
    for now_s in (1.5, 2.0, 2.5):
        fade.step(now_s)
    assert store.get(BRIGHTNESS) == 0.0 and ends == ["preset y", "y "]


def test_panic_ends_every_fade_also_of_what_it_does_not_reset(
    store: ParamStore, fade: Fade, ends: list[str]
) -> None:
    fade.start(
        [(BRIGHTNESS, 3.0), ("/sd/prompt_mix", 1.0)],
        FadeTime(2.0),
        by="preset x",
        ended=ends.append,
    )
    fade.step(0.0)
    fade.step(1.0)
    store.set("/master/panic", 1)
    fade.step(1.5)
    assert (
        store.get(BRIGHTNESS) == osc_schema.lookup(BRIGHTNESS).default
        and store.get("/sd/prompt_mix") == 0.5
    )
    assert ends == ["/master/panic"]


def test_unusable_values_are_left_out_and_returned(store: ParamStore, fade: Fade) -> None:
    def refuse(value: object) -> None:
        raise Rejected("/multiverse/brightness: not in this run")

    store.add_condition(BRIGHTNESS, refuse)
    rejected = fade.start([(BRIGHTNESS, 3.0), (WINDOW, 100.0)], FadeTime(1.0), by="preset x")
    assert [str(item) for item in rejected] == ["/multiverse/brightness: not in this run"]
    for now_s in (0.0, 1.0):
        fade.step(now_s)
    assert (store.get(BRIGHTNESS), store.get(WINDOW)) == (1.0, 100.0)


def test_a_picture_fade_sets_the_look_at_once_and_others_glide(
    store: ParamStore, fade: Fade, ends: list[str]
) -> None:
    values = [(BRIGHTNESS, 3.0), (MUTE, True), ("/sd/prompt_mix", 1.0)]
    assert (
        fade.start(values, FadeTime(4.0), by="preset x", ended=ends.append, is_picture=True) == []
    )
    for now_s, mix in ((10.0, 0.0), (11.0, 0.25), (13.0, 0.75)):
        fade.step(now_s)
        snapshot, event = fade.take_event()
        picture = event.fade
        assert (snapshot[BRIGHTNESS], snapshot[MUTE], snapshot["/sd/prompt_mix"]) == (
            3.0,
            True,
            mix,
        )
        assert (picture.before[BRIGHTNESS], picture.before[MUTE], picture.mix) == (1.0, False, mix)
    store.set(BRIGHTNESS, 0.5, by="udp hand")
    store.set("/sd/prompt_mix", 0.1, by="udp hand")
    fade.step(13.5)
    snapshot, event = fade.take_event()
    picture = event.fade
    assert (snapshot[BRIGHTNESS], snapshot["/sd/prompt_mix"]) == (0.5, 0.1), (
        "a fader changes the new look"
    )
    assert picture.mix == 0.875 and ends == []
    fade.step(14.0)
    assert fade.take_event()[1].fade is None and ends == [""]


def test_a_load_during_a_fade_fades_from_the_current_look_and_one_without_a_time_ends_it(
    store: ParamStore, fade: Fade, ends: list[str]
) -> None:
    fade.start(
        [(BRIGHTNESS, 3.0)], FadeTime(4.0), by="preset x", ended=ends.append, is_picture=True
    )
    fade.step(0.0)
    first = fade.take_event()[1].fade
    fade.step(1.0)
    fade.start(
        [(BRIGHTNESS, 2.0)], FadeTime(4.0), by="preset y", ended=ends.append, is_picture=True
    )
    fade.step(2.0)
    second = fade.take_event()[1].fade
    assert (second.before[BRIGHTNESS], second.revealed, second.mix) == (3.0, 0.25, 0.0)
    assert first.revealed == 1.0 and second.number > first.number
    assert ends == ["preset y"]
    fade.start([(BRIGHTNESS, 1.0)], FadeTime(0.0), by="preset z", is_picture=True)
    assert fade.take_event()[1].fade is None and ends == ["preset y", "preset z"]


def test_no_frame_has_the_old_look_with_the_cut_to_the_new_one(
    store: ParamStore, fade: Fade
) -> None:
    before, event = fade.take_event()
    # on another thread, before the frame is drawn
    fade.start([(BRIGHTNESS, 3.0)], FadeTime(0.0), by="preset x", is_picture=True)
    assert (before[BRIGHTNESS], event.is_cut) == (1.0, False), "its trail stays"
    after, event = fade.take_event()
    assert (after[BRIGHTNESS], event.is_cut) == (3.0, True)
    assert not fade.take_event()[1].is_cut, "once"


def test_no_frame_has_the_values_of_a_picture_fade_without_the_fade(
    store: ParamStore, fade: Fade
) -> None:
    """Commands and frames in two threads: a frame without the fade would show the new look only."""
    is_over = threading.Event()

    def load() -> None:
        for n in range(300):
            fade.start(
                [(BRIGHTNESS, 2.0 + n / 1000), (MUTE, n % 2 == 0)],
                FadeTime(1e6),
                by="preset x",
                is_picture=True,
            )
        is_over.set()

    loader = threading.Thread(target=load)
    loader.start()
    torn = []
    while not is_over.is_set():
        snapshot, event = fade.take_event()
        picture = event.fade
        if (snapshot[BRIGHTNESS] == 1.0) != (picture is None):
            torn.append(snapshot[BRIGHTNESS])
        fade.step(0.0)
    loader.join()
    assert torn == []


def test_a_running_picture_fade_reports_its_progress_in_seconds_beats_or_by_hand(
    store: ParamStore,
) -> None:
    pulse, hand_at = Pulse(beat=8.0), 0.5
    fade = Fade(store, lambda: pulse)
    seen: list[FadeProgress | None] = []

    def draw(now_s: float) -> None:
        fade.step(now_s)
        fade.take_event()
        seen.append(fade.progress)

    fade.start([(WINDOW, 20.0)], FadeTime(9.0), by="a glide")
    draw(0.0)
    fade.start([(ANGLE, 10.0)], FadeTime(4.0), by="preset a", is_picture=True)
    draw(1.0)
    draw(2.0)
    assert seen == [None, FadeProgress(0.0, 4.0, "s"), FadeProgress(1.0, 4.0, "s")]
    fade.start([(ANGLE, 20.0)], FadeTime(1.0, "bars"), by="preset b", is_picture=True)
    draw(3.0)
    pulse = Pulse(beat=9.0)
    draw(3.1)
    pulse = Pulse(beat=12.0)
    draw(3.2)
    assert seen[3:] == [FadeProgress(0.0, 4.0, "beats"), FadeProgress(1.0, 4.0, "beats"), None]
    fade.start([(ANGLE, 30.0)], by="preset c", is_picture=True, hand=Hand(0.5, lambda: hand_at))
    draw(4.0)
    hand_at = 0.75
    draw(9.0)
    assert seen[-1] == FadeProgress(0.5, 1.0, "hand")
    store.set("/master/panic", 1)
    draw(9.1)
    assert seen[-1] is None


def test_a_frame_sets_all_values_of_a_fade_at_once_and_a_value_set_before_it_does_not_stop_it(
    store: ParamStore, fade: Fade, ends: list[str]
) -> None:
    fade.start([(WINDOW, 100.0)], FadeTime(9.0), by="preset x")
    fade.step(0.0)
    store.set(BRIGHTNESS, 2.0, by="udp hand")
    fade.start([(ANGLE, 100.0), (BRIGHTNESS, 3.0)], FadeTime(2.0), by="preset y", ended=ends.append)
    fade.step(0.0)
    before = store.version
    fade.step(1.0)
    changes, _ = store.changes_since(before)
    own = {
        (change.by, change.version) for change in changes if change.address in (ANGLE, BRIGHTNESS)
    }
    assert len(changes) == 3 and len(own) == 1 and own.pop()[0] == "fade"
    store.set_many([(ANGLE, 0.5), (BRIGHTNESS, 0.5)], by="udp hand")
    fade.step(1.5)
    assert ends == ["udp hand"] and (store.get(ANGLE), store.get(BRIGHTNESS)) == (0.5, 0.5), (
        "nothing of it is left"
    )


def test_two_loads_between_two_frames_fade_from_what_was_on_screen_and_panic_ends_that_in_the_same_frame(
    store: ParamStore, fade: Fade, ends: list[str]
) -> None:
    fade.start([(BRIGHTNESS, 3.0)], FadeTime(4.0), by="preset x", is_picture=True)
    fade.start(
        [(BRIGHTNESS, 2.0)], FadeTime(4.0), by="preset y", ended=ends.append, is_picture=True
    )
    fade.step(0.0)
    snapshot, event = fade.take_event()
    picture = event.fade
    assert (snapshot[BRIGHTNESS], picture.before[BRIGHTNESS], picture.revealed) == (2.0, 1.0, 1.0)
    store.set("/master/panic", 1)
    assert fade.take_event()[1].fade is None
    fade.step(0.1)
    assert ends == ["/master/panic"]
