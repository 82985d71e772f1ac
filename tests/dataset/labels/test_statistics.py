"""A data set's figures, compared with values computed by hand."""

import json

import numpy as np
import pytest

from engine.dataset.labels.statistics import measure

NONE = np.zeros((0, 4))


def boxes(*sizes: tuple[float, float]) -> np.ndarray:
    return np.array([(10, 20, 10 + width, 20 + height) for width, height in sizes])


def test_figures_equal_those_computed_by_hand() -> None:
    # 2640 px wide: everything counts twice as large at 5280. Sizes are whole px but for rounding in
    # the file.
    figures = measure(
        [boxes((10.004, 20), (20, 39.996)), NONE, boxes((60, 12)), boxes((14, 16))], 2640
    )
    assert (figures.pictures, figures.piles) == (4, 4)
    assert (figures.piles_mean, figures.piles_min, figures.piles_max) == (1.0, 0, 2)
    assert (figures.box_width_mean_px, figures.box_height_mean_px) == (52.0, 44.0)
    assert (figures.box_width_median_px, figures.box_height_median_px) == (34.0, 36.0)
    assert figures.empty_share == 0.25


@pytest.mark.parametrize("count", [1, 2, 7, 400, 401])
def test_means_and_medians_of_many_pictures_are_exact(count: int) -> None:
    rng = np.random.default_rng(count)
    sizes = [rng.integers(1, 90, (5, 2)) for _ in range(count)]
    figures = measure((boxes(*one.tolist()) for one in sizes), 1320)
    every = np.concatenate(sizes) * 4
    assert [figures.box_width_mean_px, figures.box_height_mean_px] == pytest.approx(
        every.mean(axis=0), rel=1e-12
    )
    assert [figures.box_width_median_px, figures.box_height_median_px] == np.median(
        every, axis=0
    ).tolist()


def test_a_terminal_shows_the_real_figures_beside_them() -> None:
    lines = measure([boxes((35, 38)), NONE], 5280).lines()
    assert [line[24:].split() for line in lines] == [
        *(["these", "real"], ["2"], ["0.5", "322.7"], ["0..1", "14..768"]),
        *(["35.0", "x", "38.0"] * 2, ["35.0", "x", "38.0"], ["50.0%"]),
    ]


def test_figures_without_data_are_none() -> None:
    for pictures, empty_share in (([], None), ([NONE], 1.0)):
        figures = measure(pictures, 5280)
        assert figures.box_width_mean_px is figures.box_height_median_px is None
        assert figures.empty_share == empty_share and len(figures.lines()) == 7


def test_json_holds_the_figures_and_the_real_ones() -> None:
    figures = json.loads(json.dumps(measure([boxes((35, 38))], 5280).as_json()))
    assert figures["piles_mean"] == 1.0 and figures["box_height_median_px"] == 38.0
    assert (figures["real"]["piles_mean"], figures["real"]["box_height_mean_px"]) == (322.7, 38.0)
