"""Sites of recipe 2."""

import numpy as np

from engine.jobs.dataset.layout.build import levelled
from engine.jobs.dataset.layout.settling import settle
from engine.jobs.dataset.options import SceneOptions


def heights_m(options: SceneOptions) -> np.ndarray:
    """(200,) heights of the terraces of as many sites."""
    return np.array([levelled(options, settle(options, seed), seed).terrace_height for seed in range(200)])


def test_some_sites_are_nearly_level_and_others_as_terraced_as_those_of_the_first_recipe() -> None:
    found = heights_m(SceneOptions())
    assert 0.1 < (found < 0.2).mean() < 0.3
    assert 0.25 < (found >= 1.5).mean() < 0.65
    assert found.max() <= 3


def test_terraces_that_were_asked_for_stay() -> None:
    assert (heights_m(SceneOptions(terrace_height=2.0)) == 2.0).all()
