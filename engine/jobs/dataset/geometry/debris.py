"""Debris on a site: bulk bags, broken concrete, bundles of bars. Each is sunk a little into the ground."""

from functools import cache

import numpy as np

from engine.jobs.dataset.geometry.batches import Mesh, Surface
from engine.jobs.dataset.geometry.kit import Kit, Model
from engine.jobs.dataset.geometry.meshes import moved
from engine.jobs.dataset.geometry.placing import put, standing
from engine.jobs.dataset.geometry.primitives import beam, cylinder, loft, ring, stacked_rings, waves

BAG_SHAPES = 6
DEBRIS_SHAPES = 8
REBAR_SHAPES = 3


@cache
def bag(variant: int) -> Model:
    """A bulk bag of about a cubic metre: full, slumped or half empty. Radius at most 0.6 m."""
    rng = np.random.default_rng([11, variant])
    height = (0.95, 0.85, 0.6)[variant % 3]
    sides = 32
    angles = np.arange(sides) * (2 * np.pi / sides)
    squarish = 0.5 * (np.abs(np.cos(angles)) ** 4 + np.abs(np.sin(angles)) ** 4) ** -0.25
    levels = np.array([0.0, 0.12, 0.4, 0.7, 0.9, 0.98, 0.96, 0.93, 1.06, 1.1])
    shares = np.array([0.84, 0.93, 0.97, 0.95, 0.88, 0.72, 0.45, 0.16, 0.11, 0.06])
    folds = 1 + 0.03 * waves(rng, angles, (5, 7, 11)) * np.linspace(0.3, 1.6, len(levels))[:, None]
    sag = 0.04 * waves(rng, angles, (1, 2, 3)) * np.clip(levels, 0, 1)[:, None] ** 2
    radii = np.minimum(squarish * shares[:, None] * folds, 0.585)
    kit = Kit()
    kit.add(Surface.BAG, stacked_rings(radii, (levels[:, None] + sag) * height - 0.05))
    for corner in range(4):
        angle = np.pi / 4 + corner * np.pi / 2
        lean = rng.uniform(-0.12, 0.02)
        arc = [(-0.13, -0.06), (-0.1, 0.12), (0.0, 0.18), (0.1, 0.12), (0.13, -0.06)]
        at = (0.44 * np.cos(angle), 0.44 * np.sin(angle), 0.9 * height - 0.05)
        matrix = put((1, 1, 1), at, angle - np.pi / 2)  # its y axis points away from the centre
        matrix[:3, 2] += matrix[:3, 1] * lean * 4
        kit.add(Surface.BAG, moved(beam(arc, 0.07, 0.02), matrix))
    return kit.model()


@cache
def broken_concrete(variant: int) -> Model:
    """A few angular pieces, flat and oblong, some with a bar in them. Radius at most 0.8 m."""
    rng = np.random.default_rng([12, variant])
    kit = Kit()
    count = int(rng.integers(2, 6))
    for k in range(count):
        size = rng.uniform(0.4, 0.58) if k == 0 else rng.uniform(0.14, 0.25)
        reach = 0.0 if k == 0 else rng.uniform(0.38, 0.52)
        away = rng.uniform(0, 2 * np.pi)
        at = (reach * np.cos(away), reach * np.sin(away), 0.0)
        axis = np.array([[*rng.uniform(-0.25, 0.25, 2), 1.0]])
        place = standing(np.array([at]), axis, rng.uniform(0, 2 * np.pi, 1))[0]
        kit.add(Surface.CONCRETE, moved(_piece(rng, size), place))
        if k == 0 and variant % 2:
            lie = np.array([[1.0, rng.uniform(-0.4, 0.4), 0.3]])
            bar = standing(np.array([[0.1, 0.0, 0.5 * size]]), lie, np.zeros(1))[0]
            kit.add(Surface.RUST, moved(cylinder(6), place @ bar @ put((0.02, 0.02, 0.5), (0, 0, 0))))
    return kit.model()


def _piece(rng: np.random.Generator, size: float) -> Mesh:
    """A slab with five or six uneven corners, `size` from centre to tip; its lower face is below the ground."""
    corners = int(rng.integers(4, 7))
    angles = (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) * (2 * np.pi / corners)
    narrow = rng.uniform(0.45, 0.7)
    outline = np.stack([size * np.cos(angles), narrow * size * np.sin(angles)], axis=1)
    thick = size * rng.uniform(0.35, 0.65)
    top = outline * rng.uniform(0.75, 0.95) + rng.uniform(-0.08, 0.08, 2) * size
    tops = thick * (1 + rng.uniform(-0.15, 0.15) * outline[:, :1] / size)
    bottom = np.concatenate([outline, np.full((corners, 1), -0.15)], axis=1)
    return loft(np.stack([bottom, np.concatenate([top, tops], axis=1)]))


@cache
def rebar(variant: int) -> Model:
    """Fourteen 6 m bars along x on two sleepers. Radius at most 3.2 m."""
    rng = np.random.default_rng([13, variant])
    kit = Kit()
    for x in (-1.7, 1.7):
        kit.box(Surface.TIMBER, (x - 0.07, x + 0.07), (-0.4, 0.4), (-0.1, 0.06))
    upright = standing(np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0]]), np.zeros(1))[0]
    for x in (-1.1, 0.2, 1.3):  # wire ties
        tie = put((1, 1, 1), (x, 0, 0.11)) @ upright @ put((0.14, 0.3, 0.3), (0, 0, 0))
        kit.add(Surface.STEEL, moved(ring(0.1, 16), tie))
    for k in range(14):
        layer, place = divmod(k, 6)
        y = (place - 2.5) * 0.042 + rng.uniform(-0.012, 0.012)
        along = np.array([[1.0, rng.uniform(-0.012, 0.012), rng.uniform(-0.003, 0.003)]])
        foot = np.array([[-3.0 + rng.uniform(-0.12, 0.12), y - 3.0 * along[0, 1], 0.075 + 0.03 * layer]])
        bar = standing(foot, along, np.zeros(1))[0]
        kit.add(Surface.RUST, moved(cylinder(6), bar @ put((0.03, 0.03, 6.0), (0, 0, 0))))
    return kit.model()
