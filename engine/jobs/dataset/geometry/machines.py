"""Yellow machines, recognisable from the air at 4 cm per pixel. Tracks and wheels sink a little into the ground."""

from functools import cache

import numpy as np

from engine.jobs.dataset.geometry.batches import Surface
from engine.jobs.dataset.geometry.kit import Kit, Model, both_sides
from engine.jobs.dataset.geometry.placing import put
from engine.jobs.dataset.geometry.primitives import slab

SUNK_M = 0.08
RIG_SHAPES = 2
SWINGS = (0.0, 0.7, -1.2, 2.7)
"""Rotation of an excavator's house on its tracks in radians, by variant."""


@cache
def excavator(variant: int) -> Model:
    """A 20 t excavator. Radius 4.7 m."""
    kit = Kit()
    for y in both_sides(1.15, 0.6):
        ends = np.linspace(-np.pi / 2, np.pi / 2, 6)
        front = [(1.65 + 0.45 * np.cos(a), 0.45 + 0.45 * np.sin(a) - SUNK_M) for a in ends]
        rear = [(-1.65 - 0.45 * np.cos(a), 0.45 - 0.45 * np.sin(a) - SUNK_M) for a in ends]
        kit.prism(Surface.BLACK_RUBBER, front + rear, y)
        for x in np.arange(-1.6, 1.7, 0.4):
            kit.box(Surface.STEEL, (x - 0.06, x + 0.06), (y[0] - 0.02, y[1] + 0.02), (0.8, 0.85))
    kit.box(Surface.DARK_PAINT, (-1.2, 1.2), (-0.9, 0.9), (0.3, 0.75))
    kit.pipe(Surface.DARK_PAINT, (0.0, 0.0), 0.6, (0.7, 1.05))
    house = Kit()
    _add_house(house)
    _add_arm(house)
    kit.include(house, put((1, 1, 1), (0, 0, 0), SWINGS[variant % len(SWINGS)]))
    return kit.model()


def _add_house(kit: Kit) -> None:
    kit.add(Surface.DARK_PAINT, slab([(-1.9, -1.3), (1.4, -1.3), (1.4, 1.3), (-1.9, 1.3)], 1.0, 1.25))
    counterweight = [(-2.75, -0.6), (-2.35, -1.25), (-1.85, -1.3), (-1.85, 1.3), (-2.35, 1.25), (-2.75, 0.6)]
    kit.add(Surface.DARK_PAINT, slab(counterweight, 0.95, 1.5))
    kit.add(Surface.YELLOW_PAINT, slab(counterweight, 1.5, 2.0))
    kit.add(Surface.YELLOW_PAINT, slab([(-1.87, -1.3), (-0.45, -1.3), (-0.45, 1.3), (-1.87, 1.3)], 1.2, 2.2))
    kit.box(Surface.YELLOW_PAINT, (-0.5, 0.9), (-1.3, -0.5), (1.2, 1.75))  # tank and tool box
    kit.box(Surface.DARK_PAINT, (-1.6, -0.8), (-1.0, -0.1), (2.15, 2.24))  # grille
    kit.box(Surface.DARK_PAINT, (-1.5, -0.9), (0.3, 1.0), (2.15, 2.22))
    kit.pipe(Surface.STEEL, (-1.2, 0.1), 0.08, (2.2, 2.75))
    kit.cab((-0.35, 1.5), (0.3, 1.3), (1.2, 2.95))


def _add_arm(kit: Kit) -> None:
    boom, side = (-0.35, 0.1), (-0.28, 0.03)
    kit.beam(Surface.YELLOW_PAINT, [(0.5, 1.5), (2.1, 4.1), (4.1, 4.0)], boom, (0.5, 0.8, 0.45))
    kit.beam(Surface.YELLOW_PAINT, [(4.35, 4.6), (4.05, 3.7), (3.75, 1.2)], side, (0.3, 0.5, 0.3))
    kit.beam(Surface.STEEL, [(2.3, 4.75), (4.3, 4.6)], (-0.2, -0.05), 0.15)  # hydraulic ram of the stick
    for y in ((-0.5, -0.37), (0.12, 0.25)):
        kit.beam(Surface.STEEL, [(1.1, 1.4), (2.0, 3.6)], y, 0.14)
    bucket = [(3.3, 0.25), (3.7, -0.05), (4.25, 0.05), (4.55, 0.6), (4.1, 1.25), (3.55, 1.25)]
    kit.prism(Surface.DARK_PAINT, bucket, (-0.7, 0.45))


@cache
def rig(variant: int) -> Model:
    """A crawler that drives piles, its mast upright in front or lowered over its back. Radius at most 4.3 m."""
    kit = Kit()
    for y in both_sides(0.95, 0.5):
        ends = np.linspace(-np.pi / 2, np.pi / 2, 6)
        front = [(1.3 + 0.38 * np.cos(a), 0.38 + 0.38 * np.sin(a) - SUNK_M) for a in ends]
        rear = [(-1.3 - 0.38 * np.cos(a), 0.38 - 0.38 * np.sin(a) - SUNK_M) for a in ends]
        kit.prism(Surface.BLACK_RUBBER, front + rear, y)
        for x in np.arange(-1.2, 1.3, 0.35):
            kit.box(Surface.STEEL, (x - 0.05, x + 0.05), (y[0] - 0.02, y[1] + 0.02), (0.66, 0.72))
    kit.box(Surface.DARK_PAINT, (-1.1, 1.1), (-0.75, 0.75), (0.35, 0.85))
    kit.add(Surface.YELLOW_PAINT, slab([(-1.7, -1.0), (0.6, -1.0), (0.6, 0.1), (-1.7, 0.1)], 0.85, 1.7))
    kit.box(Surface.DARK_PAINT, (-1.5, -0.6), (-0.85, -0.1), (1.65, 1.75))  # grille
    kit.pipe(Surface.STEEL, (-0.3, -0.5), 0.06, (1.7, 2.2))
    kit.box(Surface.DARK_PAINT, (-1.7, -0.5), (0.15, 1.0), (0.85, 1.3))
    kit.cab((-0.45, 0.75), (0.2, 1.05), (0.85, 2.5))
    if variant == 0:
        kit.box(Surface.YELLOW_PAINT, (1.75, 2.05), (-0.35, -0.05), (0.05, 7.0))
        kit.beam(Surface.STEEL, [(0.7, 1.2), (1.8, 1.6)], (-0.3, -0.1), 0.25)
        kit.beam(Surface.STEEL, [(0.2, 1.6), (1.8, 3.6)], (-0.25, -0.15), 0.12)
        kit.box(Surface.DARK_PAINT, (2.05, 2.5), (-0.42, 0.02), (2.2, 3.4))  # hammer
        kit.box(Surface.STEEL, (1.7, 2.55), (-0.3, -0.1), (6.95, 7.15))  # head of the mast
    else:
        kit.box(Surface.YELLOW_PAINT, (-3.9, 2.6), (-0.35, -0.05), (2.35, 2.65))
        kit.box(Surface.DARK_PAINT, (1.0, 2.2), (-0.45, 0.05), (2.6, 3.0))
        kit.beam(Surface.STEEL, [(0.9, 1.0), (1.6, 2.4)], (-0.28, -0.12), 0.22)
        kit.beam(Surface.STEEL, [(-1.6, 1.6), (-1.6, 2.4)], (-0.28, -0.12), 0.2)
    return kit.model()


@cache
def loader() -> Model:
    """A wheel loader with an open bucket. Radius 4 m."""
    kit = Kit()
    for x in (-1.5, 1.4):
        for y in both_sides(1.05, 0.55):
            kit.wheel(Surface.BLACK_RUBBER, (x, 0.72 - SUNK_M), 0.72, y)
            kit.wheel(Surface.YELLOW_PAINT, (x, 0.72 - SUNK_M), 0.34, (y[0] - 0.03, y[1] + 0.03), 12)
    hood = [(-3.5, 0.8), (-0.8, 0.8), (-0.8, 2.15), (-3.0, 2.05), (-3.5, 1.6)]
    kit.prism(Surface.YELLOW_PAINT, hood, (-0.75, 0.75))
    kit.box(Surface.DARK_PAINT, (-3.7, -3.4), (-1.05, 1.05), (0.6, 1.2))  # counterweight
    kit.box(Surface.DARK_PAINT, (-2.8, -1.9), (-0.5, 0.5), (2.05, 2.15))  # grille
    kit.pipe(Surface.STEEL, (-1.3, -0.5), 0.08, (2.1, 2.8))
    for y in both_sides(1.0, 0.6):
        kit.beam(Surface.YELLOW_PAINT, [(-2.3, 1.25), (-1.9, 1.5), (-1.0, 1.5), (-0.7, 1.2)], y, 0.08)  # mudguards
    kit.box(Surface.DARK_PAINT, (-0.9, 0.9), (-0.5, 0.5), (0.6, 1.2))
    kit.cab((-0.8, 0.75), (-0.75, 0.75), (1.2, 3.2))
    kit.box(Surface.YELLOW_PAINT, (0.8, 2.1), (-0.4, 0.4), (0.6, 1.5))
    for y in both_sides(0.6, 0.2):
        kit.beam(Surface.YELLOW_PAINT, [(0.9, 1.7), (2.1, 1.5), (2.85, 0.6)], y, (0.3, 0.45, 0.3))
    kit.beam(Surface.STEEL, [(1.0, 1.6), (2.75, 1.0)], (-0.08, 0.08), 0.16)
    _add_loader_bucket(kit)
    return kit.model()


def _add_loader_bucket(kit: Kit) -> None:
    width = (-1.32, 1.32)
    kit.box(Surface.DARK_PAINT, (2.75, 3.6), width, (-0.02, 0.08))
    kit.box(Surface.STEEL, (3.6, 3.72), width, (-0.02, 0.06))  # cutting edge
    kit.beam(Surface.YELLOW_PAINT, [(2.85, 0.02), (2.7, 0.5), (2.85, 1.15)], width, 0.1)
    for y in both_sides(1.28, 0.08):
        kit.prism(Surface.YELLOW_PAINT, [(2.75, 0.05), (3.6, 0.05), (3.3, 0.9), (2.85, 1.15)], y)


@cache
def roller() -> Model:
    """A roller: one steel drum in front, two tyres behind. Radius 3.1 m."""
    kit = Kit()
    drum = (1.65, 0.75 - SUNK_M)
    kit.wheel(Surface.STEEL, drum, 0.75, (-1.0, 1.0), 32)
    for y in both_sides(1.08, 0.12):
        kit.box(Surface.YELLOW_PAINT, (0.4, 2.75), y, (0.5, 0.9))
    kit.box(Surface.YELLOW_PAINT, (2.5, 2.8), (-1.14, 1.14), (0.5, 0.95))
    kit.box(Surface.YELLOW_PAINT, (0.35, 0.75), (-1.14, 1.14), (0.5, 1.05))
    for y in both_sides(0.85, 0.5):
        kit.wheel(Surface.BLACK_RUBBER, (-1.5, 0.68 - SUNK_M), 0.68, y)
        kit.wheel(Surface.YELLOW_PAINT, (-1.5, 0.68 - SUNK_M), 0.3, (y[0] - 0.03, y[1] + 0.03), 12)
    kit.box(Surface.DARK_PAINT, (-0.7, 0.5), (-0.4, 0.4), (0.5, 1.0))
    hood = [(-2.75, 0.7), (-0.75, 0.7), (-0.75, 1.75), (-2.3, 1.65), (-2.75, 1.3)]
    kit.prism(Surface.YELLOW_PAINT, hood, (-0.65, 0.65))
    kit.box(Surface.DARK_PAINT, (-2.1, -1.2), (-0.42, 0.42), (1.65, 1.76))
    kit.box(Surface.DARK_PAINT, (-2.85, -2.7), (-0.8, 0.8), (0.6, 0.95))
    kit.pipe(Surface.STEEL, (-0.95, 0.5), 0.06, (1.7, 2.4))
    kit.cab((-0.75, 0.45), (-0.75, 0.75), (0.95, 2.8))
    return kit.model()
