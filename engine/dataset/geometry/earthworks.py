"""Works on the ground: bored holes, pads and heaps without a pile, trenches, puddles."""

from itertools import pairwise

import numpy as np

from engine.dataset.geometry.batches import Surface
from engine.dataset.geometry.kit import Kit, model_of
from engine.dataset.geometry.meshes import around
from engine.dataset.geometry.primitives import (
    cylinder,
    faceted,
    rough_ring,
    star_slab,
    uneven_disc,
    waves,
)
from engine.dataset.scene.things import DistractorKind as Kind

TRENCH_M = 3.0  # length of one piece
FLAT_M = 0.012  # height of a hole or of water above the ground it is drawn on


@model_of(Kind.HOLE, shapes=6)
def hole(kit: Kit, variant: int) -> None:
    """A bored hole 0.4 m wide: spoil around it or on one side, none, or water in it."""
    rng = np.random.default_rng([33, variant])
    inside = Surface.WATER if variant == 4 else Surface.DARK
    kit.solid(inside, cylinder(24), (0.42, 0.42, 0.15 + FLAT_M), (0, 0, -0.15))
    if variant in (0, 1, 4):
        wide = rng.uniform(0.9, 1.3)
        kit.solid(Surface.SPOIL, rough_ring(rng, 0.42 / wide, 0.5), (wide, wide, 0.15))
    elif variant in (2, 5):
        rim = rough_ring(rng, 0.78, 0.4)
        kit.solid(Surface.SPOIL, rim, (0.54, 0.54, 0.05))
        for _ in range(3 if variant == 5 else 1):
            away = rng.uniform(0.5, 0.56)
            angle = rng.uniform(0, 2 * np.pi)
            wide = rng.uniform(0.4, 0.6)
            heap = uneven_disc(
                rng, 0.4, rings=(1.0, 1.0, 0.75, 0.35), levels=(0.0, 0.45, 0.75, 1.0)
            )
            at = (away * np.cos(angle), away * np.sin(angle), -0.12)
            kit.solid(Surface.SPOIL, faceted(heap), (wide, wide, rng.uniform(0.2, 0.32)), at)
    else:
        kit.solid(Surface.SPOIL, rough_ring(rng, 0.8, 0.3), (0.53, 0.53, 0.04))


@model_of(Kind.PAD, shapes=5)
def pad(kit: Kit, variant: int) -> None:
    """Concrete on the ground, 1.2 m wide, without a pile: poured, spilt, a slab, or around a
    hole."""
    rng = np.random.default_rng([34, variant])
    if variant in (0, 1):
        disc = uneven_disc(
            rng, (0.06, 0.16)[variant], rings=(1.0, 1.0, 0.97, 0.85), levels=(0.0, 0.9, 1.0, 1.0)
        )
        kit.solid(Surface.CONCRETE, disc, (1.2, 1.2, 0.28), (0, 0, -0.2))
    elif variant == 2:
        angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        edge = 0.42 + 0.14 * waves(rng, angles, (2, 3)) + 0.05 * waves(rng, angles, (5, 8))
        kit.solid(Surface.CONCRETE, star_slab(edge, -0.2, 0.025), (1, 1, 1))
    elif variant == 3:
        kit.box(Surface.CONCRETE, (-0.42, 0.42), (-0.42, 0.42), (-0.2, 0.09))
        for x in (-0.2, 0.2):
            for y in (-0.2, 0.2):
                kit.stick(Surface.RUST, (x, y, 0.0), (x, y, 0.2), 0.03)
    else:
        collar = rough_ring(rng, 0.38, 0.1)
        kit.solid(Surface.CONCRETE, collar, (1.1, 1.1, 0.1))
        kit.solid(Surface.DARK, cylinder(24), (0.46, 0.46, 0.1 + FLAT_M), (0, 0, -0.1))


@model_of(Kind.HEAP, shapes=5)
def heap(kit: Kit, variant: int) -> None:
    """A heap 1.2 m wide: of the ground's own earth, or of gravel and sand; round or long. Radius at
    most 0.75 m."""
    rng = np.random.default_rng([35, variant])
    surface = Surface.SPOIL if variant < 3 else Surface.CONCRETE
    wide, long_m, high = (
        (1.0, 1.0, 0.35),
        (0.8, 1.3, 0.3),
        (1.2, 1.1, 0.5),
        (1.2, 1.2, 0.5),
        (1.0, 1.3, 0.3),
    )[variant]
    is_gravel = surface is Surface.CONCRETE
    radii = (1.0, 1.0, 0.82, 0.55, 0.25)
    for _ in range(1 + variant % 3):
        disc = uneven_disc(
            rng, 0.15 if is_gravel else 0.35, radii, levels=(0.0, 0.3, 0.6, 0.85, 1.0), sides=26
        )
        size = (
            long_m * rng.uniform(0.8, 1.0),
            wide * rng.uniform(0.8, 1.0),
            (high + 0.2) * rng.uniform(0.8, 1.0),
        )
        x, y = rng.uniform(-0.12, 0.12, 2)
        mesh = disc if is_gravel else faceted(disc)
        kit.solid(surface, mesh, size, (float(x), float(y), -0.2), float(rng.uniform(0, 0.4)))


@model_of(Kind.TRENCH, shapes=3)
def trench(kit: Kit, variant: int) -> None:
    """A piece 3 m long of a trench 0.6 m wide, along x: a dark floor drawn on the ground between
    low banks, spoil on its left; variant 1 has cables in it. Radius at most 2.2 m."""
    rng = np.random.default_rng([71, variant])
    half = TRENCH_M / 2
    kit.box(Surface.DARK_SOIL, (-half - 0.02, half + 0.02), (-0.3, 0.3), (-0.2, FLAT_M))
    kit.box(Surface.DARK, (-half - 0.02, half + 0.02), (-0.22, 0.1), (-0.2, FLAT_M + 0.004))
    if variant == 1:
        for y, wide in ((-0.12, 0.05), (-0.03, 0.06), (0.08, 0.045)):
            bends = [(x, y + rng.uniform(-0.02, 0.02), 0.02) for x in np.linspace(-half, half, 6)]
            bends[0] = (-half - 0.02, y, 0.02)
            bends[-1] = (half + 0.02, y, 0.02)
            surface = Surface.PAINT if wide == 0.06 else Surface.BLACK_RUBBER
            for start, end in pairwise(bends):
                kit.stick(surface, start, end, wide, 6)
    for side, count, high in ((1, 7, 0.5), (-1, 6, 0.05)):
        for k in range(count):
            x = (k + 0.5) / count * (TRENCH_M - 0.2) - half + 0.1
            wide = rng.uniform(0.8, 1.2) if side > 0 else rng.uniform(0.2, 0.28)
            long_m = rng.uniform(1.0, 1.3) if side > 0 else 1.1
            heap = uneven_disc(
                rng, 0.4, rings=(1.0, 1.0, 0.75, 0.35), levels=(0.0, 0.4, 0.75, 1.0), sides=14
            )
            y = side * (0.32 + wide / 2)
            tall = high * rng.uniform(0.8, 1.1) + 0.2
            kit.solid(Surface.SPOIL, faceted(heap), (long_m, wide, tall), (x, y, -0.2))


@model_of(Kind.PUDDLE, shapes=6)
def puddle(kit: Kit, variant: int) -> None:
    """Water in a hollow, with a wet rim: irregular, 2 m wide. Radius at most 1.25 m."""
    rng = np.random.default_rng([72, variant])
    angles = around(80)
    narrow = (1.0, 0.6, 0.8, 0.45, 0.9, 0.7)[variant % 6]
    edge = 0.72 + 0.22 * waves(rng, angles, (2, 3)) + 0.12 * waves(rng, angles, (4, 5, 7))
    edge += 0.1 * waves(rng, angles, (9, 13, 19, 25))
    wet = edge + 0.07 + 0.06 * waves(rng, angles, (3, 6, 11))
    kit.solid(Surface.DARK_SOIL, star_slab(np.minimum(wet, 1.25), -0.2, FLAT_M), (1.0, narrow, 1.0))
    kit.solid(
        Surface.WATER, star_slab(np.minimum(edge, 1.24), -0.2, FLAT_M + 0.008), (1.0, narrow, 1.0)
    )
