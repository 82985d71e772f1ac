"""Fences and trenches: rows of pieces along a line that bends a little."""

from collections.abc import Container
from dataclasses import replace

import numpy as np

from engine.jobs.dataset.scene.streams import Seed, stream
from engine.jobs.dataset.scene.things import Distractor, DistractorKind
from engine.jobs.dataset.varied.habits import CABIN_PAINTS, FENCE_FOOTPRINT_M, TRENCH_FOOTPRINT_M, Habit
from engine.jobs.dataset.varied.placer import Placer, stand

PIECE_M = 3.0
FENCE_SHARE = 0.3
TRENCH_SHARE = 0.3
USUAL_LINES = 2.0
"""In a picture of the usual size."""
PIECES = (3, 28)
BEND = 0.06
"""Largest change of direction from piece to piece, radians."""
FENCE = Habit(footprint_m=FENCE_FOOTPRINT_M, usual=0, share=0, tints=CABIN_PAINTS, max_slope=0.45)
TRENCH = Habit(footprint_m=TRENCH_FOOTPRINT_M, usual=0, share=0, max_slope=0.2, is_flat=True)
FENCE_CLEAR_M, TRENCH_CLEAR_M = 1.1, 2.0
"""Distance of the line from any pile's axis."""


def lay_fences(
    placer: Placer, heading: float, amount: float, seed: Seed, certain: Container[str] | None
) -> list[Distractor]:
    """Fences across the extent, in some scenes; in all if `certain` names them, in none if it names others."""
    draw = stream(seed, "clutter fences")
    share = FENCE_SHARE if certain is None else float(DistractorKind.FENCE in certain)
    return _lay(placer, DistractorKind.FENCE, FENCE, share, FENCE_CLEAR_M, 0.7, heading, amount, draw)


def lay_trenches(
    placer: Placer, heading: float, amount: float, seed: Seed, certain: Container[str] | None
) -> list[Distractor]:
    """Trenches along or across the rows, in some scenes."""
    draw = stream(seed, "clutter trenches")
    share = TRENCH_SHARE if certain is None else float(DistractorKind.TRENCH in certain)
    return _lay(placer, DistractorKind.TRENCH, TRENCH, share, TRENCH_CLEAR_M, 1.7, heading, amount, draw)


def _lay(
    placer: Placer,
    kind: DistractorKind,
    habit: Habit,
    share: float,
    clear_m: float,
    wide_m: float,
    heading: float,
    amount: float,
    draw: np.random.Generator,
) -> list[Distractor]:
    is_there, rounding = draw.random(2).tolist()
    placed: list[Distractor] = []
    if is_there >= share:
        return placed
    for _ in range(min(int(USUAL_LINES * amount + rounding), 12)):
        across, size, shape = draw.random(3).tolist()
        tint = habit.tints[int(draw.random() * len(habit.tints))]
        along = heading + (np.pi / 2 if across < 0.4 else 0.0) + 0.2 * float(draw.random() - 0.5)
        at = (draw.random(2) * 2 - 1) * placer.half_m
        shape_seed = int(shape * 2**31)
        line = []
        for _ in range(PIECES[0] + int(size * (PIECES[1] - PIECES[0]))):
            along += BEND * float(draw.random() * 2 - 1)
            forth = np.array([np.cos(along), np.sin(along)])
            middle = at + forth * PIECE_M / 2
            reach = middle + forth * np.linspace(-0.5, 0.5, 5)[:, None] * PIECE_M
            seat = None
            if placer.is_clear(reach, clear_m, wide_m):
                seat = placer.seat(float(middle[0]), float(middle[1]), PIECE_M / 2, habit)
            if seat is not None:
                x, y = middle.tolist()
                piece = stand(kind, x, y, seat, draw, scale=1.0, turn=float(along), tint=tint)
                line.append((replace(piece, shape_seed=shape_seed), reach))
            at = at + forth * PIECE_M
        for piece, reach in line:
            placer.take(reach, wide_m - 0.3)
            placed.append(piece)
    return placed
