"""Switching from one source to another with a stepped clock; the sources are textures of other
programs."""

import threading
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from engine.sources import current
from engine.sources.current import MAX_WAIT_S, NOTHING, CurrentSource, SelectedSource
from engine.sources.test_card import MovingCard
from engine.sources.texture import TextureSource
from engine.system.clock import SteppedClock


class Texture(TextureSource):
    """A sender of this name that appears at `at_s` and sends one level of grey."""

    kind = "texture"
    at_s = 0.0
    level = 0
    is_open = False

    def names(self) -> list[str]:
        return [self.name] if self._clock.now_s() >= self.at_s else []

    def connect(self, name: str) -> None:
        self.is_open = True

    def receive(self) -> np.ndarray:
        return np.full((4, 4, 3), self.level, np.uint8)

    def disconnect(self) -> None:
        self.is_open = False


class Rig:
    """A CurrentSource that shows `before`, and the outcome of every choice."""

    def __init__(self, clock: SteppedClock, report: Callable[[str, str], None]) -> None:
        self.clock, self._report = clock, report
        self.ended: list[tuple[str, str]] = []
        self.before = self.texture("before", level=10)
        self.current = CurrentSource(SelectedSource(argument="before", source=self.before), clock)
        self.current.start()
        self.displayed_level()

    def texture(self, name: str, *, level: int, at_s: float = 0.0) -> Texture:
        texture = Texture(name, clock=self.clock, report=self._report)
        texture.level, texture.at_s = level, at_s
        return texture

    def choose(self, name: str, *, level: int, at_s: float = 0.0) -> Texture:
        texture = self.texture(name, level=level, at_s=at_s)
        texture.start()
        selected = SelectedSource(argument=name, source=texture)
        self.current.take(selected, lambda reason: self.ended.append((name, reason)))
        return texture

    def displayed_level(self) -> int | None:
        """The level of the next frame's picture."""
        self.current.poll()
        frame = self.current.latest_frame()
        return None if frame is None else int(frame.pixels[0, 0, 0])


@pytest.fixture
def rig(reports) -> Rig:
    return Rig(SteppedClock(), reports)


def test_the_old_source_plays_until_the_new_one_has_a_picture(rig: Rig) -> None:
    chosen = rig.choose("Arena", level=200, at_s=3.0)
    for _ in range(5):
        assert rig.displayed_level() == 10
        rig.clock.advance(0.5)
    assert rig.ended == [] and rig.current.argument == "before"
    rig.clock.advance(1.0)
    assert rig.displayed_level() == 200
    assert rig.ended == [("Arena", "")]
    assert rig.current.argument == "Arena" and chosen.is_open and not rig.before.is_open


def test_a_missing_sender_does_not_interrupt_the_picture_and_times_out_after_ten_seconds(
    rig: Rig,
) -> None:
    chosen = rig.choose("nobody", level=200, at_s=1000.0)
    for _ in range(int(MAX_WAIT_S * 2)):
        assert rig.displayed_level() == 10
        assert rig.ended == []
        rig.clock.advance(0.5)
    assert rig.displayed_level() == 10
    [(_, reason)] = rig.ended
    assert (
        reason.startswith("texture nobody: not found (available: none)")
        and "the picture is unchanged" in reason
    )
    rig.clock.advance(1000.0)
    rig.displayed_level()
    assert not chosen.is_open, "it is not reopened"
    assert rig.current.argument == "before"


def test_the_last_of_several_choices_is_shown(rig: Rig) -> None:
    rig.choose("first", level=100, at_s=2.0)
    rig.displayed_level()
    rig.choose("second", level=200)
    assert rig.displayed_level() == 200
    rig.clock.advance(5.0)
    assert rig.displayed_level() == 200
    assert rig.ended == [("first", "superseded by another choice"), ("second", "")]


def test_none_can_be_chosen_and_a_later_choice_replaces_it(rig: Rig) -> None:
    rig.current.take(NOTHING, lambda reason: rig.ended.append(("none", reason)))
    assert rig.displayed_level() is None
    assert rig.ended == [("none", "")]
    assert not rig.current.has_source and rig.current.status() is None and not rig.before.is_open
    rig.choose("Arena", level=200)
    assert rig.displayed_level() == 200 and rig.current.has_source


def test_a_source_chosen_during_shutdown_is_closed_and_answered(rig: Rig, reports) -> None:
    closed = []
    for name in ("early", "late"):
        card = MovingCard(offline=False, clock=rig.clock, report=reports)
        card.close = partial(closed.append, name)
        rig.current.take(
            SelectedSource(argument=name, source=card),
            lambda reason, name=name: rig.ended.append((name, reason)),
        )
        rig.current.close()
    assert rig.ended == [
        ("early", "the engine is shutting down"),
        ("late", "the engine is shutting down"),
    ]
    assert closed == ["early", "late"]


def test_several_sources_that_hang_delay_the_end_by_no_more_than_one(
    rig: Rig, monkeypatch, reports
) -> None:
    monkeypatch.setattr(current, "MAX_CLOSE_S", 0.2)
    answering = threading.Event()
    for name in ("first", "second", "third", "fourth"):
        card = MovingCard(offline=False, clock=rig.clock, report=reports)
        card.close = answering.wait
        rig.current.take(SelectedSource(argument=name, source=card), lambda reason: None)
    rig.current.poll()
    started_s = time.perf_counter()
    rig.current.close()
    assert time.perf_counter() - started_s < 0.6
    answering.set()


def test_a_waiting_source_gets_a_new_gl_context_and_the_shutdown_too(rig: Rig) -> None:
    chosen = rig.choose("Arena", level=200)
    chosen.receive = lambda: None  # connected, and no picture yet
    assert rig.displayed_level() == 10 and chosen.is_open
    rig.current.renew_context()
    assert not chosen.is_open and not rig.before.is_open
    rig.clock.advance(1.0)
    assert rig.displayed_level() == 10 and chosen.is_open
    rig.current.close()
    assert not chosen.is_open and not rig.before.is_open
    assert rig.ended == [("Arena", "the engine is shutting down")]
    rig.current.close()


def test_requesting_the_shown_source_again_cancels_the_waiting_one(rig: Rig) -> None:
    rig.choose("late", level=200, at_s=2.0)
    rig.displayed_level()
    assert rig.current.keep("before", lambda reason: rig.ended.append(("before", reason)))
    rig.clock.advance(5.0)
    assert rig.displayed_level() == 10
    assert rig.ended == [("late", "superseded by another choice"), ("before", "")]
    rig.current.take(NOTHING, lambda reason: None)
    assert not rig.current.keep("before", lambda reason: None), "in the next frame it is gone"
