import numpy as np
import pytest

from engine.jobs.dataset.layout.recipe_1 import MACHINES
from engine.jobs.dataset.options import SceneOptions
from tests.jobs.dataset.scene.scenes import CLUSTERED, IN_ROWS, plan, scenes

BOTH = [CLUSTERED, IN_ROWS]


@pytest.mark.parametrize("options", BOTH)
def test_a_crawler_has_driven_to_every_machine(options: SceneOptions) -> None:
    for one in scenes(options):
        ends = np.array([track.points[-1] for track in one.tracks])
        machines = [found for found in one.distractors if found.kind in MACHINES]
        for machine in machines:
            assert np.hypot(*(ends - (machine.x_m, machine.y_m)).T).min() < 1e-9
        assert len(one.tracks) > len(machines)


@pytest.mark.parametrize("options", BOTH)
def test_tracks_are_those_of_a_crawler_and_turn_smoothly(options: SceneOptions) -> None:
    for one in scenes(options):
        for track in one.tracks:
            assert (track.width_m, track.gauge_m) == (0.7, 1.8) and 0 < track.depth <= 1
            steps = np.diff(track.points, axis=0)
            length = np.hypot(*steps.T)
            assert length.min() > 1e-3
            turns = np.abs(np.angle(np.exp(1j * np.diff(np.arctan2(steps[:, 1], steps[:, 0])))))
            assert np.degrees(turns).max() < 30


@pytest.mark.parametrize("options", BOTH)
def test_tracks_along_roads_and_tables_avoid_the_piles(options: SceneOptions) -> None:
    for one in scenes(options):
        machines = sum(found.kind in MACHINES for found in one.distractors)
        for track in one.tracks[: len(one.tracks) - machines]:
            away = np.hypot(*(np.array(track.points)[:, None] - plan(one.piles)[None]).transpose(2, 0, 1))
            assert away.min() > 1.2


def test_most_tracks_to_machines_avoid_the_piles() -> None:
    room = []
    for one in (*scenes(CLUSTERED), *scenes(IN_ROWS)):
        for track in one.tracks[-15:]:
            away = np.hypot(*(np.array(track.points)[3:, None] - plan(one.piles)[None]).transpose(2, 0, 1))
            room.append(away.min())
    assert np.mean(np.array(room) > 1.0) > 0.99


@pytest.mark.parametrize("options", BOTH)
def test_lime_lines_run_beside_some_rows(options: SceneOptions) -> None:
    lines = [(one, line) for one in scenes(options) for line in one.lime_lines]
    assert 1 < len(lines) / len(scenes(options)) < 8
    for one, line in lines:
        inner = np.array(line.points)[1:-1]
        away = np.hypot(*(inner[:, None] - plan(one.piles)[None]).transpose(2, 0, 1)).min(axis=1)
        assert (away > 0.8).all() and (away < 2.8).all()
        assert 0.5 <= line.strength <= 1
