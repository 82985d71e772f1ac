"""Round things that look like piles from the air: barrels, buckets, concrete rings, tyres, drums, lids."""

from functools import cache
from itertools import pairwise

import numpy as np

from engine.jobs.dataset.geometry.batches import Surface
from engine.jobs.dataset.geometry.kit import Kit, Model
from engine.jobs.dataset.geometry.meshes import moved
from engine.jobs.dataset.geometry.placing import put, sideways
from engine.jobs.dataset.geometry.primitives import cylinder, revolve, tube, uneven_disc

BARREL_SHAPES = 5
BUCKET_SHAPES = 4
RING_SHAPES = 6
TYRE_SHAPES = 6
CABLE_DRUM_SHAPES = 4
LID_SHAPES = 5
SUNK_M = 0.04


@cache
def barrel(variant: int) -> Model:
    """A 200 l drum, 0.58 m wide and 0.88 m high: closed, domed, open and empty, full of water, or on its side."""
    kit = Kit()
    wall = [(0.28, 0), (0.285, 0.3), (0.295, 0.31), (0.285, 0.33), (0.285, 0.58), (0.295, 0.59), (0.285, 0.61)]
    is_open = variant in (2, 3)
    if is_open:
        top = [(0.285, 0.86), (0.292, 0.88), (0.272, 0.88), (0.268, 0.1), (0, 0.1)]
    elif variant == 1:
        top = [(0.285, 0.8), (0.25, 0.87), (0.1, 0.89), (0, 0.89)]
    else:
        top = [(0.285, 0.86), (0.292, 0.88), (0.27, 0.88), (0.265, 0.862), (0, 0.862)]
    body = revolve([(0, 0), *wall, *top], 24)
    if variant == 4:
        lying = Kit()
        lying.add(Surface.PAINT, moved(body, sideways((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))))
        kit.include(lying, put((1, 1, 1), (0, 0.06, 0.285 - SUNK_M)))
        return kit.model()
    kit.solid(Surface.PAINT, body, (1, 1, 1), (0, 0, -SUNK_M))
    if variant == 2:
        kit.solid(Surface.DARK, cylinder(20), (0.5, 0.5, 0.2), (0, 0, 0))
    elif variant == 3:
        kit.solid(Surface.WATER, cylinder(20), (0.545, 0.545, 0.6), (0, 0, 0.1))
    else:
        for x, wide in ((0.19, 0.07), (-0.2, 0.035)):
            kit.solid(Surface.DARK_PAINT, cylinder(8), (wide, wide, 0.05), (x, 0.02, 0.84 - SUNK_M))
    return kit.model()


@cache
def bucket(variant: int) -> Model:
    """A 20 l bucket, 0.31 m wide: empty, with mortar, with a lid, or fallen over."""
    kit = Kit()
    if variant == 2:
        body = revolve([(0, 0), (0.13, 0), (0.15, 0.36), (0.158, 0.36), (0.158, 0.385), (0.14, 0.385), (0, 0.38)], 20)
    else:
        body = revolve([(0, 0), (0.13, 0), (0.15, 0.37), (0.157, 0.38), (0.145, 0.38), (0.12, 0.03), (0, 0.03)], 20)
    if variant == 3:
        kit.add(Surface.PAINT, moved(body, sideways((1.0, 1.0, 1.0), (0.0, 0.3, 0.12))))
        return kit.model()
    kit.solid(Surface.PAINT, body, (1, 1, 1), (0, 0, -0.03))
    if variant == 1:
        kit.solid(Surface.CONCRETE, cylinder(16), (0.27, 0.27, 0.2), (0, 0, 0.03))
    elif variant == 0:
        kit.solid(Surface.DARK, cylinder(16), (0.24, 0.24, 0.03), (0, 0, 0.0))
    arc = np.linspace(0.15, np.pi - 0.15, 7)
    points = [(0.15 * np.cos(a), -0.06 - 0.1 * np.sin(a), 0.33) for a in arc]  # the handle, folded down
    for start, end in pairwise(points):
        kit.stick(Surface.STEEL, start, end, 0.012)
    return kit.model()


@cache
def concrete_ring(variant: int) -> Model:
    """A manhole ring 1 m wide: low, tall, filled with earth, two of them, on its side, or under its cover."""
    kit = Kit()
    high = (0.5, 0.95, 0.4, 0.5, 0.6, 0.45)[variant % RING_SHAPES]
    bore = (0.8, 0.8, 0.76, 0.8, 0.8, 0.7)[variant % RING_SHAPES]
    if variant == 4:
        lying = moved(tube(bore, 28), sideways((1.0, high, 1.0), (0.0, 0.0, 0.5 - SUNK_M)))
        kit.add(Surface.CONCRETE, lying)
        return kit.model()
    kit.solid(Surface.CONCRETE, tube(bore, 28), (1.0, 1.0, high + SUNK_M), (0, 0, -SUNK_M))
    if variant == 3:
        kit.solid(Surface.CONCRETE, tube(bore, 28), (1.0, 1.0, 0.49), (0.06, -0.03, high + 0.01))
        kit.solid(Surface.DARK, cylinder(20), (0.78, 0.78, 0.2), (0, 0, -SUNK_M))
    elif variant == 2:
        rng = np.random.default_rng([31, variant])
        earth = uneven_disc(rng, 0.1, shares=(1.0, 1.0, 0.8, 0.4), levels=(0.0, 0.7, 0.9, 1.0))
        kit.solid(Surface.SPOIL, earth, (0.8, 0.8, 0.34), (0, 0, 0.0))
    elif variant == 5:
        cover = revolve([(0, 0), (0.5, 0), (0.5, 0.14), (0.33, 0.14), (0.33, 0.12), (0, 0.12)], 28)
        kit.solid(Surface.CONCRETE, cover, (1.0, 1.0, 1.0), (0, 0, high))
        kit.solid(Surface.DARK_PAINT, cylinder(20), (0.6, 0.6, 0.02), (0, 0, high + 0.115))
    else:
        kit.solid(Surface.DARK, cylinder(20), (0.82, 0.82, SUNK_M + 0.03), (0, 0, -SUNK_M))
    return kit.model()


def _tyre(kit: Kit, surface: Surface, at: tuple[float, float, float], has_rim: bool) -> None:
    """A tyre 0.64 m wide and 0.2 m thick, flat on the ground."""
    profile = [(0.2, 0.03), (0.26, 0.0), (0.3, 0.02), (0.32, 0.06), (0.32, 0.15), (0.3, 0.19), (0.26, 0.21)]
    profile += [(0.2, 0.18), (0.19, 0.1), (0.2, 0.03)]
    kit.solid(surface, revolve(profile, 24), (1, 1, 1), at)
    if has_rim:
        rim = revolve([(0, 0.06), (0.205, 0.04), (0.205, 0.165), (0.17, 0.16), (0.15, 0.1), (0, 0.11)], 20)
        kit.solid(Surface.STEEL, rim, (1, 1, 1), at)
        kit.solid(Surface.DARK, cylinder(10), (0.1, 0.1, 0.06), (at[0], at[1], at[2] + 0.07))
    elif at[2] < 0.1:
        kit.solid(Surface.DARK, cylinder(16), (0.385, 0.385, 0.06), (at[0], at[1], at[2] - 0.01))


@cache
def tyre(variant: int) -> Model:
    """Tyres: bare, on a rim, a stack, a large one of a loader, upright, or painted as a marker."""
    kit = Kit()
    if variant == 2:
        rng = np.random.default_rng([32, variant])
        for level in range(4):
            x, y = rng.uniform(-0.05, 0.05, 2) if level else (0.0, 0.0)
            _tyre(kit, Surface.BLACK_RUBBER, (x, y, 0.2 * level - SUNK_M), False)
    elif variant == 3:
        large = Kit()
        _tyre(large, Surface.BLACK_RUBBER, (0, 0, 0), False)
        for angle in np.arange(20) * (np.pi / 10):
            lug = put((0.05, 0.04, 0.2), (0.315 * np.cos(angle), 0.315 * np.sin(angle), 0.005), angle)
            large.add(Surface.BLACK_RUBBER, moved(cylinder(4), lug))
        kit.include(large, put((2.0, 2.0, 2.0), (0, 0, -SUNK_M)))
    elif variant == 4:
        standing = Kit()
        _tyre(standing, Surface.BLACK_RUBBER, (0, 0, 0.1), False)
        kit.include(standing, sideways((1.0, 1.0, 1.0), (0.0, 0.3, 0.32 - SUNK_M)))
    else:
        _tyre(kit, Surface.PAINT if variant == 5 else Surface.BLACK_RUBBER, (0, 0, -SUNK_M), variant == 1)
    return kit.model()


@cache
def cable_drum(variant: int) -> Model:
    """A wooden drum 1.4 m wide and 0.76 m long: lying with and without cable, standing with and without."""
    kit = Kit()
    is_wound = variant % 2 == 0
    drum = Kit()
    for low in (0.0, 0.7):
        drum.solid(Surface.TIMBER, cylinder(28), (1.4, 1.4, 0.06), (0, 0, low))
    drum.solid(Surface.TIMBER, cylinder(20), (0.6, 0.6, 0.64), (0, 0, 0.06))
    if is_wound:
        for level in range(6):
            profile = [(0.29, 0), (0.555, 0), (0.575, 0.05), (0.555, 0.1), (0.29, 0.1), (0.29, 0)]
            drum.solid(Surface.BLACK_RUBBER, revolve(profile, 24), (1, 1, 1), (0, 0, 0.07 + 0.105 * level))
    for low in (-0.006, 0.756):
        for y in np.linspace(-0.58, 0.58, 9):  # gaps between planks
            half = float(np.sqrt(0.68**2 - y * y))
            drum.box(Surface.DARK_PAINT, (-half, half), (y - 0.008, y + 0.008), (low, low + 0.01))
        drum.solid(Surface.DARK, cylinder(12), (0.12, 0.12, 0.012), (0, 0, low))
        for angle in np.arange(6) * (np.pi / 3):
            at = (0.26 * np.cos(angle), 0.26 * np.sin(angle), low)
            drum.solid(Surface.RUST, cylinder(6), (0.05, 0.05, 0.016), at)
    if variant < 2:
        kit.include(drum, put((1, 1, 1), (0, 0, -SUNK_M)))
    else:
        kit.include(drum, sideways((1.0, 1.0, 1.0), (0.0, 0.12, 0.7 - SUNK_M)))
    return kit.model()


@cache
def lid(variant: int) -> Model:
    """A cover 0.7 m wide: cast iron, iron in a concrete collar, plastic, square; or a vent with its cap."""
    kit = Kit()
    if variant == 4:
        kit.solid(Surface.PAINT, cylinder(14), (0.2, 0.2, 0.55), (0, 0, -0.1))
        cap = revolve([(0, 0), (0.2, 0), (0.2, 0.04), (0.06, 0.13), (0, 0.14)], 20)
        kit.solid(Surface.PAINT, cap, (1, 1, 1), (0, 0, 0.44))
        return kit.model()
    plate = Surface.PAINT if variant == 2 else Surface.DARK_PAINT
    if variant == 3:
        kit.box(Surface.CONCRETE, (-0.4, 0.4), (-0.4, 0.4), (-0.1, 0.08))
        kit.box(Surface.RUST, (-0.31, 0.31), (-0.31, 0.31), (0.0, 0.09))
        for x in np.linspace(-0.25, 0.25, 6):
            kit.box(Surface.DARK_PAINT, (x - 0.015, x + 0.015), (-0.28, 0.28), (0.0, 0.1))
        return kit.model()
    collar = 0.95 if variant == 1 else 0.74
    around = Surface.CONCRETE if variant == 1 else plate
    kit.solid(around, tube(0.66 / collar, 28), (collar, collar, 0.18), (0, 0, -0.1))
    kit.solid(plate, cylinder(28), (0.65, 0.65, 0.16), (0, 0, -0.1))
    for turn in np.arange(4) * (np.pi / 4):
        kit.solid(Surface.RUST if variant != 2 else Surface.PAINT, cylinder(4), (0.5, 0.05, 0.02), (0, 0, 0.055), turn)
    for x in (-0.22, 0.22):
        kit.solid(Surface.DARK, cylinder(8), (0.05, 0.05, 0.02), (x, 0, 0.06))
    return kit.model()
