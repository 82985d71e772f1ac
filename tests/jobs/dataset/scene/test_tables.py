import numpy as np
import pytest

from engine.jobs.dataset.layout.recipe_1 import TOP_M, UNEVEN_M, cut_tables, expose_m
from engine.jobs.dataset.layout.terrain import off_plane_m

RNG = np.random.default_rng(7)


def row(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([np.arange(count) * 4.0, np.zeros(count)], axis=1), np.arange(count)


def pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
    columns = np.arange(count) // 2
    return np.stack([columns * 4.0, np.arange(count) % 2 * 3.6], axis=1), columns


def stairs(points: np.ndarray, every_m: float = 17.0, high_m: float = 3.0) -> np.ndarray:
    return np.round(points[:, 0] / every_m) * high_m


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 11, 26, 31, 39])
def test_even_ground_carries_tables_of_up_to_ten_columns_none_of_them_alone(count: int) -> None:
    points, columns = row(count)
    tables = cut_tables(points, 0.1 * points[:, 0], columns)
    sizes = [table.stop - table.start for table in tables]
    assert sum(sizes) == count and max(sizes) <= 10
    assert len(sizes) == -(-count // 10)
    assert min(sizes) >= min(count, 2)


@pytest.mark.parametrize("line", [row, pairs])
@pytest.mark.parametrize("count", [8, 13, 20, 31, 39])
def test_uneven_ground_is_cut_into_tables_that_each_stand_even(line, count: int) -> None:
    points, columns = line(count)
    for shift_m in np.arange(0, 17, 1.5):
        moved = points + np.array([shift_m, 0])
        ground = stairs(moved) + RNG.uniform(-0.1, 0.1, count)
        tables = cut_tables(moved, ground, columns)
        assert tables[0].start == 0 and tables[-1].stop == count
        for table, after in zip(tables, [*tables[1:], None], strict=True):
            assert after is None or table.stop == after.start
            assert table.stop - table.start >= 2
            assert np.ptp(off_plane_m(moved[table], ground[table])) < UNEVEN_M


def test_two_piles_always_have_their_table() -> None:
    points, columns = row(2)
    assert cut_tables(points, np.array([0.0, 9.0]), columns) == [slice(0, 2)]
    points, columns = pairs(2)
    assert cut_tables(points, np.array([0.0, 9.0]), columns) == [slice(0, 2)]


def test_ground_too_uneven_for_longer_tables_gets_tables_of_one_pile() -> None:
    points, columns = row(3)
    tables = cut_tables(points, np.array([0.0, 9.0, 0.0]), columns)
    assert sorted(table.stop - table.start for table in tables) == [1, 2]


@pytest.mark.parametrize("line", [row, pairs])
@pytest.mark.parametrize("count", [4, 7, 20])
@pytest.mark.parametrize("turn", [0.0, 0.08, 1.2])
def test_the_plane_is_that_of_least_squares(line, count: int, turn: float) -> None:
    points, _ = line(count)
    points = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    ground = RNG.uniform(-1, 1, count)
    design = np.column_stack([points, np.ones(count)])
    expected = ground - design @ np.linalg.lstsq(design, ground, rcond=1e-9)[0]
    assert off_plane_m(points, ground) == pytest.approx(expected, abs=2e-3 if line is row else 1e-9)


def test_exposed_lengths_compensate_the_ground_and_stay_in_range() -> None:
    for level in (0.0, 0.5, 1.0):
        for _ in range(50):
            off = RNG.uniform(-1, 1, 12)
            off *= UNEVEN_M * 0.999 / np.ptp(off)
            misses = RNG.uniform(-TOP_M, TOP_M, 12)
            exposed = expose_m(off, level, misses)
            assert exposed.min() >= 0.3 - 1e-9 and exposed.max() <= 1.0 + 1e-9
            assert np.ptp(exposed + off) <= 2 * TOP_M + 1e-9
