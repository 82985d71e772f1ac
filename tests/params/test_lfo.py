"""LFO levels, cycle by cycle."""

import itertools
import statistics

import pytest

from engine.params import ParamStore
from engine.params.lfo import Lfos, random_level


def course(store: ParamStore, shape: str, positions: tuple[float, ...]) -> list[float]:
    """Levels of LFO 1 at these phases of its cycle of one beat."""
    store.set_many([("/lfo/1/shape", shape), ("/lfo/1/tempo_sync", "beat")], by="test")
    lfos, levels = Lfos(), []
    for position in positions:
        lfos.advance(store.snapshot(), 0.0, position)
        levels.append(lfos.level(1, store.snapshot()))
    return levels


def test_each_shape_is_known_at_the_quarters_of_its_cycle(store: ParamStore) -> None:
    for shape, levels in [
        ("sine", [0.0, 0.5, 1.0, 0.5]),
        ("triangle", [0.0, 0.5, 1.0, 0.5]),
        ("saw", [0.0, 0.25, 0.5, 0.75]),
        ("square", [1.0, 1.0, 0.0, 0.0]),
    ]:
        assert course(store, shape, (0.0, 0.25, 0.5, 0.75)) == pytest.approx(levels), shape
        assert course(store, shape, (7.0, 7.25, 7.5, 7.75)) == pytest.approx(levels), shape


def test_a_cycle_in_bars_has_the_beats_of_a_bar(store: ParamStore) -> None:
    store.set_many([("/lfo/1/shape", "saw"), ("/lfo/1/tempo_sync", "two_bars")], by="test")
    lfos = Lfos()
    lfos.advance(store.snapshot(), 0.0, 5.0)
    for beats_a_bar, level in [(4, 5 / 8), (3, 5 / 6), (7, 5 / 14)]:
        store.set("/tempo/beats_a_bar", beats_a_bar)
        assert lfos.level(1, store.snapshot()) == pytest.approx(level)


def test_random_levels_hold_a_cycle_are_the_same_in_every_run_and_spread_evenly(
    store: ParamStore,
) -> None:
    first, same, second = course(store, "random", (3.0, 3.9, 4.0))
    assert first == same != second
    assert course(store, "random", (3.5,)) == [first]
    values = [random_level(1, cycle) for cycle in range(4000)]
    assert statistics.fmean(values) == pytest.approx(0.5, abs=0.02)
    assert statistics.pstdev(values) == pytest.approx(12**-0.5, abs=0.01)
    assert 0.0 <= min(values) < 0.001 and 0.999 < max(values) <= 1.0
    neighbours = [(a - 0.5) * (b - 0.5) for a, b in itertools.pairwise(values)]
    others = [(a - 0.5) * (random_level(2, cycle) - 0.5) for cycle, a in enumerate(values)]
    assert abs(statistics.fmean(neighbours)) < 0.005 and abs(statistics.fmean(others)) < 0.005


def test_a_free_lfo_does_not_jump_when_its_rate_changes(store: ParamStore) -> None:
    store.set_many([("/lfo/1/shape", "saw"), ("/lfo/1/rate_hz", 0.5)], by="test")
    store.set_many(
        [("/lfo/2/shape", "saw"), ("/lfo/2/rate_hz", 0.25), ("/lfo/2/phase", 0.0)], by="test"
    )
    store.set("/lfo/2/tempo_sync", "free")
    lfos = Lfos()
    for _ in range(61):  # 61 s: 30.5 cycles
        lfos.advance(store.snapshot(), 1.0, 0.0)
    assert [lfos.level(n, store.snapshot()) for n in (1, 2)] == pytest.approx([0.5, 0.25])
    store.set("/lfo/1/rate_hz", 1.0)
    assert lfos.level(1, store.snapshot()) == pytest.approx(0.5)
    lfos.advance(store.snapshot(), 0.25, 0.0)
    assert lfos.level(1, store.snapshot()) == pytest.approx(0.75)


def test_a_synced_lfo_follows_the_bar(store: ParamStore) -> None:
    for sync, beats in [("sixteenth", 0.25), ("triplet", 1 / 3), ("bar", 4), ("eight_bars", 32)]:
        store.set_many(
            [("/lfo/2/shape", "saw"), ("/lfo/2/tempo_sync", sync), ("/lfo/2/phase", 0.0)], by="test"
        )
        lfos = Lfos()
        lfos.advance(store.snapshot(), 1.0, 100 * beats + 0.25 * beats)
        assert lfos.level(2, store.snapshot()) == pytest.approx(0.25), sync
        store.set("/lfo/2/phase", 0.5)
        assert lfos.level(2, store.snapshot()) == pytest.approx(0.75), sync
