"""Material that lies about: piles on their sides, stacks, tubes, formwork, boards, and what is laid over things."""

from functools import cache

import numpy as np

from engine.jobs.dataset.geometry.batches import Mesh, Surface
from engine.jobs.dataset.geometry.kit import Kit, Model
from engine.jobs.dataset.geometry.meshes import moved
from engine.jobs.dataset.geometry.placing import turned
from engine.jobs.dataset.geometry.primitives import cylinder, stacked_rings, tube, waves

LYING_PILE_SHAPES = 5
PILE_STACK_SHAPES = 3
CUT_OFF_SHAPES = 5
STEEL_TUBES_SHAPES = 4
FORMWORK_SHAPES = 3
BOARDS_SHAPES = 4
COVER_SHAPES = 6
PHC_BORE = 0.55  # share of the diameter, as in pile_parts.py
ALONG_X = np.array([[0, 0, 1, -0.5], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1]], np.float64)
"""Lays the own z axis along x, the middle of a unit solid at the origin."""


def _laid(mesh: Mesh, diameter: float, length: float, at: tuple[float, float, float], turn: float = 0.0) -> Mesh:
    """A round solid on its side, along x; `at`: its middle."""
    matrix = turned(np.array([turn]))[0] @ np.diag([length, diameter, diameter, 1.0]) @ ALONG_X
    matrix[:3, 3] += at
    return moved(mesh, matrix)


def _phc(kit: Kit, diameter: float, length: float, at: tuple[float, float, float], turn: float = 0.0) -> None:
    """A concrete tube with steel plates at its ends and the dark bore."""
    kit.add(Surface.CONCRETE, _laid(tube(PHC_BORE, 18), diameter, length - 0.02, at, turn))
    kit.add(Surface.DARK, _laid(cylinder(12), diameter * PHC_BORE * 1.02, length - 0.3, at, turn))
    for end in (-1, 1):
        away = end * (length / 2 - 0.07)
        place = (at[0] + away * np.cos(turn), at[1] + away * np.sin(turn), at[2])
        kit.add(Surface.STEEL, _laid(tube(0.96, 18), diameter * 1.015, 0.15, place, turn))


def _sleepers(kit: Kit, places: tuple[float, ...], half: float, top: float = 0.1) -> None:
    for x in places:
        kit.box(Surface.TIMBER, (x - 0.06, x + 0.06), (-half, half), (-0.12, top))


@cache
def lying_pile(variant: int) -> Model:
    """One to three piles on their sides, 2.5 to 6.5 m long, along x. Radius at most 3.4 m."""
    rng = np.random.default_rng([41, variant])
    kit = Kit()
    diameter, length, count = ((0.4, 6.0, 1), (0.3, 4.5, 2), (0.5, 6.5, 1), (0.4, 5.0, 3), (0.3, 2.5, 1))[variant % 5]
    top = 0.08 if variant % 2 else -0.03
    if top > 0:
        _sleepers(kit, (-length * 0.3, length * 0.3), count * diameter / 2 + 0.2, top)
    for k in range(count):
        y = (k - (count - 1) / 2) * (diameter + 0.03)
        at = (float(rng.uniform(-0.2, 0.2)) if count > 1 else 0.0, y, top + diameter / 2)
        _phc(kit, diameter, length, at, 0.0 if count > 1 else float(rng.uniform(-0.02, 0.02)))
    return kit.model()


@cache
def pile_stack(variant: int) -> Model:
    """Piles stacked on sleepers, along x: four, three and two. Radius at most 3.4 m."""
    rng = np.random.default_rng([42, variant])
    kit = Kit()
    diameter, length, wide, layers = ((0.4, 6.0, 4, 3), (0.3, 5.0, 6, 2), (0.5, 6.0, 3, 2))[variant % 3]
    _sleepers(kit, (-length * 0.3, 0.0, length * 0.3), wide * diameter / 2 + 0.25)
    for layer in range(layers):
        for k in range(wide - layer):
            y = (k - (wide - layer - 1) / 2) * (diameter + 0.01)
            z = 0.1 + diameter / 2 + layer * diameter * 0.88
            _phc(kit, diameter, length, (float(rng.uniform(-0.08, 0.08)), y, z))
    return kit.model()


@cache
def cut_off(variant: int) -> Model:
    """A piece of a pile 0.35 to 1.2 m long on its side, half in the ground. Radius at most 0.75 m."""
    diameter, length = ((0.4, 0.5), (0.4, 0.9), (0.3, 0.35), (0.5, 0.7), (0.3, 1.2))[variant % 5]
    kit = Kit()
    at = (0.0, 0.0, diameter * 0.4)
    kit.add(Surface.CONCRETE, _laid(tube(PHC_BORE, 16), diameter, length, at))
    kit.add(Surface.DARK, _laid(cylinder(12), diameter * PHC_BORE * 1.02, length - 0.06, at))
    rng = np.random.default_rng([43, variant])
    for _ in range(5):  # strands that stick out of the end
        angle = rng.uniform(0, 2 * np.pi)
        y, z = 0.38 * diameter * np.cos(angle), 0.4 * diameter + 0.38 * diameter * np.sin(angle)
        start = (length / 2 - 0.02, y, z)
        kit.stick(Surface.RUST, start, (length / 2 + rng.uniform(0.04, 0.1), y * 1.1, z), 0.014)
    return kit.model()


@cache
def steel_tubes(variant: int) -> Model:
    """A bundle of steel tubes, galvanised or rusty, 3 m long, along x. Radius at most 1.8 m."""
    rng = np.random.default_rng([44, variant])
    kit = Kit()
    surface = (Surface.STEEL, Surface.RUST, Surface.STEEL, Surface.RUST)[variant % 4]
    diameter, wide, layers = ((0.114, 7, 4), (0.159, 5, 2), (0.089, 4, 1), (0.114, 3, 1))[variant % 4]
    _sleepers(kit, (-0.9, 0.9), wide * diameter / 2 + 0.12)
    for layer in range(layers):
        for k in range(wide - layer % 2):
            y = (k - (wide - layer % 2 - 1) / 2) * (diameter + 0.004)
            at = (float(rng.uniform(-0.06, 0.06)), y, 0.1 + diameter / 2 + layer * diameter * 0.88)
            turn = float(rng.uniform(-0.04, 0.04)) if layers == 1 else 0.0
            kit.add(surface, _laid(tube(0.9, 10), diameter, 3.0, at, turn))
            kit.add(Surface.DARK, _laid(cylinder(8), diameter * 0.9, 2.9, at, turn))
            if variant == 2:
                end = (at[0] + 1.5 * np.cos(turn), at[1] + 1.5 * np.sin(turn), at[2])
                kit.add(surface, _laid(tube(0.4, 12), 0.22, 0.016, end, turn))
    return kit.model()


@cache
def formwork(variant: int) -> Model:
    """Panels of plywood 2.4 x 1.2 m: a neat stack, a slipped one, or some that lie about. Radius at most 1.8 m."""
    rng = np.random.default_rng([45, variant])
    kit = Kit()
    count = (9, 6, 3)[variant % 3]
    loose = (0.01, 0.12, 0.3)[variant % 3]
    for x in (-0.8, 0.8):
        kit.box(Surface.TIMBER, (x - 0.05, x + 0.05), (-0.55, 0.55), (-0.1, 0.08))
    for k in range(count):
        x, y = rng.uniform(-loose, loose, 2)
        turn = float(rng.uniform(-loose, loose))
        low = 0.08 + 0.05 * k
        kit.solid(Surface.PAINT, _unit_box(), (2.4, 1.2, 0.03), (float(x), float(y), low), turn)
        if k == count - 1:
            continue
        kit.solid(Surface.TIMBER, _unit_box(), (2.38, 0.1, 0.02), (float(x), float(y), low + 0.03), turn)
    return kit.model()


def _unit_box() -> Mesh:
    kit = Kit()
    kit.box(Surface.PAINT, (-0.5, 0.5), (-0.5, 0.5), (0.0, 1.0))
    return kit.model()[0][1]


@cache
def boards(variant: int) -> Model:
    """Boards or a pallet, flat, on what is below them: the lowest face is at z = 0. Radius at most 0.95 m."""
    rng = np.random.default_rng([46, variant])
    kit = Kit()
    if variant == 3:
        for y in np.linspace(-0.36, 0.36, 6):
            kit.box(Surface.TIMBER, (-0.6, 0.6), (y - 0.05, y + 0.05), (0.11, 0.135))
        for x in (-0.55, 0.0, 0.55):
            kit.box(Surface.TIMBER, (x - 0.05, x + 0.05), (-0.4, 0.4), (0.0, 0.11))
        return kit.model()
    for k in range((1, 2, 4)[variant % 3]):
        turn = float(rng.uniform(-0.25, 0.25)) + (0.9 if k == 3 else 0.0)
        at = (float(rng.uniform(-0.08, 0.08)), (k % 3) * 0.22 - 0.1, 0.028 * (k // 3) + 0.002 * k)
        kit.solid(Surface.TIMBER, _unit_box(), (1.55, float(rng.uniform(0.14, 0.2)), 0.026), at, turn)
    return kit.model()


@cache
def cover(variant: int) -> Model:
    """A tarpaulin or straw over the head of something: its top is at z = 0, its hem 1.4 m below. Radius 0.8 m."""
    rng = np.random.default_rng([47, variant])
    sides = 36
    angles = np.arange(sides) * (2 * np.pi / sides)
    is_straw = variant % 2 == 1
    # Cloth hangs in folds from its corners; straw is a rough heap.
    if is_straw:
        edge = 1 + 0.15 * waves(rng, angles, (2, 3, 5)) + rng.uniform(-0.08, 0.08, sides)
    else:
        edge = (np.abs(np.cos(angles)) ** 4 + np.abs(np.sin(angles)) ** 4) ** -0.25 * (
            1 + 0.06 * waves(rng, angles, (7, 9))
        )
    shares = np.array([0.62, 0.6, 0.54, 0.44, 0.3, 0.14])
    levels = np.array([-1.4, -0.55, -0.3, -0.12, -0.03, 0.0])
    folds = 1 + 0.07 * waves(rng, angles, (6, 8, 11)) * np.linspace(1.2, 0.2, len(shares))[:, None]
    radii = np.minimum(shares[:, None] * edge * folds, 0.8)
    heights = np.repeat(levels[:, None], sides, axis=1)
    heights[1:-1] += 0.05 * waves(rng, angles, (2, 3, 4)) * np.array([1.0, 1.0, 0.6, 0.2])[:, None] - 0.02
    kit = Kit()
    kit.add(Surface.CLOTH, stacked_rings(radii, np.minimum(heights, 0.0)))
    if is_straw:
        for _ in range(70):
            at, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.72)
            low = float(np.interp(away, shares[::-1], levels[::-1]))
            lie = rng.uniform(0, np.pi)
            half = np.array([np.cos(lie), np.sin(lie), rng.uniform(-0.3, 0.3)]) * rng.uniform(0.05, 0.12)
            middle = np.array([away * np.cos(at), away * np.sin(at), max(low, -0.5) + 0.01])
            start, end = (tuple(float(v) for v in middle + way) for way in (-half, half))
            kit.stick(Surface.CLOTH, (start[0], start[1], start[2]), (end[0], end[1], end[2]), 0.016, 3)
    return kit.model()
