"""Material that lies about: piles, stacks, tubes, boards, bags, debris, bars, covers, solar
modules."""

import numpy as np

from engine.dataset.geometry.batches import Mesh, Surface
from engine.dataset.geometry.kit import Kit, both_sides, model_of
from engine.dataset.geometry.meshes import around, moved, put, standing, turned
from engine.dataset.geometry.primitives import (
    beam,
    box,
    cylinder,
    loft,
    ring,
    stacked_rings,
    tube,
    waves,
)
from engine.dataset.scene.things import DistractorKind as Kind

PHC_BORE = 0.55  # share of the diameter, as in pile_parts.py
ALONG_X = np.array([[0, 0, 1, -0.5], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1]], np.float64)
"""Lays the own z axis along x, the middle of a unit solid at the origin."""
MODULE_M = (1.13, 2.28)
TABLE_TILT = 0.26  # radians; the lower edge is towards -y
TABLE_LOW_M = 0.25  # height of the middle of the modules' lower edge above the piles' heads
LEG_M = 1.6
_MOUNTED = (
    (0, 1, 2, 3),
    (0, 1),
    (),
    (0, 2, 3),
    (1, 2),
    (3,),
)  # mounted ones of a table's four modules, by variant


@model_of(Kind.BAG, shapes=6)
def bag(kit: Kit, variant: int) -> None:
    """A bulk bag of about a cubic metre: full, slumped or half empty. Radius at most 0.6 m."""
    rng = np.random.default_rng([11, variant])
    height = (0.95, 0.85, 0.6)[variant % 3]
    angles = around(32)
    squarish = 0.5 * (np.abs(np.cos(angles)) ** 4 + np.abs(np.sin(angles)) ** 4) ** -0.25
    levels = np.array([0.0, 0.12, 0.4, 0.7, 0.9, 0.98, 0.96, 0.93, 1.06, 1.1])
    relative_radii = np.array([0.84, 0.93, 0.97, 0.95, 0.88, 0.72, 0.45, 0.16, 0.11, 0.06])
    folds = 1 + 0.03 * waves(rng, angles, (5, 7, 11)) * np.linspace(0.3, 1.6, len(levels))[:, None]
    sag = 0.04 * waves(rng, angles, (1, 2, 3)) * np.clip(levels, 0, 1)[:, None] ** 2
    radii = np.minimum(squarish * relative_radii[:, None] * folds, 0.585)
    kit.add(Surface.BAG, stacked_rings(radii, (levels[:, None] + sag) * height - 0.05))
    for corner in range(4):
        angle = np.pi / 4 + corner * np.pi / 2
        lean = rng.uniform(-0.12, 0.02)
        arc = [(-0.13, -0.06), (-0.1, 0.12), (0.0, 0.18), (0.1, 0.12), (0.13, -0.06)]
        at = (0.44 * np.cos(angle), 0.44 * np.sin(angle), 0.9 * height - 0.05)
        matrix = put((1, 1, 1), at, angle - np.pi / 2)  # its y axis points away from the centre
        matrix[:3, 2] += matrix[:3, 1] * lean * 4
        kit.add(Surface.BAG, moved(beam(arc, 0.07, 0.02), matrix))


@model_of(Kind.DEBRIS, shapes=8)
def broken_concrete(kit: Kit, variant: int) -> None:
    """A few angular pieces, flat and oblong, some with a bar in them. Radius at most 0.8 m."""
    rng = np.random.default_rng([12, variant])
    count = int(rng.integers(2, 6))
    for k in range(count):
        size = rng.uniform(0.4, 0.58) if k == 0 else rng.uniform(0.14, 0.25)
        reach = 0.0 if k == 0 else rng.uniform(0.38, 0.52)
        away = rng.uniform(0, 2 * np.pi)
        at = (reach * np.cos(away), reach * np.sin(away), 0.0)
        axis = np.array([[*rng.uniform(-0.25, 0.25, 2), 1.0]])
        transform = standing(np.array([at]), axis, rng.uniform(0, 2 * np.pi, 1))[0]
        kit.add(Surface.CONCRETE, moved(_piece(rng, size), transform))
        if k == 0 and variant % 2:
            lie = np.array([[1.0, rng.uniform(-0.4, 0.4), 0.3]])
            bar = standing(np.array([[0.1, 0.0, 0.5 * size]]), lie, np.zeros(1))[0]
            kit.add(
                Surface.RUST,
                moved(cylinder(6), transform @ bar @ put((0.02, 0.02, 0.5), (0, 0, 0))),
            )


def _piece(rng: np.random.Generator, size: float) -> Mesh:
    """A slab with five or six uneven corners, `size` from centre to tip; its lower face is below
    the ground."""
    corners = int(rng.integers(4, 7))
    angles = (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) * (2 * np.pi / corners)
    narrow = rng.uniform(0.45, 0.7)
    outline = np.stack([size * np.cos(angles), narrow * size * np.sin(angles)], axis=1)
    thick = size * rng.uniform(0.35, 0.65)
    top = outline * rng.uniform(0.75, 0.95) + rng.uniform(-0.08, 0.08, 2) * size
    tops = thick * (1 + rng.uniform(-0.15, 0.15) * outline[:, :1] / size)
    bottom = np.concatenate([outline, np.full((corners, 1), -0.15)], axis=1)
    return loft(np.stack([bottom, np.concatenate([top, tops], axis=1)]))


@model_of(Kind.REBAR, shapes=3)
def rebar(kit: Kit, variant: int) -> None:
    """Fourteen 6 m bars along x on two sleepers. Radius at most 3.2 m."""
    rng = np.random.default_rng([13, variant])
    kit.bars(Surface.TIMBER, (-1.7, 1.7), 0.07, (-0.4, 0.4), (-0.1, 0.06))
    upright = standing(np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0]]), np.zeros(1))[0]
    for x in (-1.1, 0.2, 1.3):  # wire ties
        tie = put((1, 1, 1), (x, 0, 0.11)) @ upright @ put((0.14, 0.3, 0.3), (0, 0, 0))
        kit.add(Surface.STEEL, moved(ring(0.1, 16), tie))
    for k in range(14):
        layer, column = divmod(k, 6)
        y = (column - 2.5) * 0.042 + rng.uniform(-0.012, 0.012)
        along = np.array([[1.0, rng.uniform(-0.012, 0.012), rng.uniform(-0.003, 0.003)]])
        foot = np.array(
            [[-3.0 + rng.uniform(-0.12, 0.12), y - 3.0 * along[0, 1], 0.075 + 0.03 * layer]]
        )
        bar = standing(foot, along, np.zeros(1))[0]
        kit.add(Surface.RUST, moved(cylinder(6), bar @ put((0.03, 0.03, 6.0), (0, 0, 0))))


def _lay(
    mesh: Mesh, diameter: float, length: float, at: tuple[float, float, float], turn: float = 0.0
) -> Mesh:
    """A round solid on its side, along x; `at`: its middle."""
    matrix = turned(np.array([turn]))[0] @ np.diag([length, diameter, diameter, 1.0]) @ ALONG_X
    matrix[:3, 3] += at
    return moved(mesh, matrix)


def _phc(
    kit: Kit, diameter: float, length: float, at: tuple[float, float, float], turn: float = 0.0
) -> None:
    """A concrete tube with steel plates at its ends and the dark bore."""
    kit.add(Surface.CONCRETE, _lay(tube(PHC_BORE, 18), diameter, length - 0.02, at, turn))
    kit.add(Surface.DARK, _lay(cylinder(12), diameter * PHC_BORE * 1.02, length - 0.3, at, turn))
    for end in (-1, 1):
        away = end * (length / 2 - 0.07)
        position = (at[0] + away * np.cos(turn), at[1] + away * np.sin(turn), at[2])
        kit.add(Surface.STEEL, _lay(tube(0.96, 18), diameter * 1.015, 0.15, position, turn))


@model_of(Kind.LYING_PILE, shapes=5)
def lying_pile(kit: Kit, variant: int) -> None:
    """One to three piles on their sides, 2.5 to 6.5 m long, along x. Radius at most 3.4 m."""
    rng = np.random.default_rng([41, variant])
    diameter, length, count = (
        (0.4, 6.0, 1),
        (0.3, 4.5, 2),
        (0.5, 6.5, 1),
        (0.4, 5.0, 3),
        (0.3, 2.5, 1),
    )[variant % 5]
    top = 0.08 if variant % 2 else -0.03
    if top > 0:
        half = count * diameter / 2 + 0.2
        kit.bars(Surface.TIMBER, (-length * 0.3, length * 0.3), 0.06, (-half, half), (-0.12, top))
    for k in range(count):
        y = (k - (count - 1) / 2) * (diameter + 0.03)
        at = (float(rng.uniform(-0.2, 0.2)) if count > 1 else 0.0, y, top + diameter / 2)
        _phc(kit, diameter, length, at, 0.0 if count > 1 else float(rng.uniform(-0.02, 0.02)))


@model_of(Kind.PILE_STACK, shapes=3)
def pile_stack(kit: Kit, variant: int) -> None:
    """Piles stacked on sleepers, along x: four, three and two. Radius at most 3.4 m."""
    rng = np.random.default_rng([42, variant])
    diameter, length, wide, layers = ((0.4, 6.0, 4, 3), (0.3, 5.0, 6, 2), (0.5, 6.0, 3, 2))[
        variant % 3
    ]
    half = wide * diameter / 2 + 0.25
    kit.bars(Surface.TIMBER, (-length * 0.3, 0.0, length * 0.3), 0.06, (-half, half), (-0.12, 0.1))
    for layer in range(layers):
        for k in range(wide - layer):
            y = (k - (wide - layer - 1) / 2) * (diameter + 0.01)
            z = 0.1 + diameter / 2 + layer * diameter * 0.88
            _phc(kit, diameter, length, (float(rng.uniform(-0.08, 0.08)), y, z))


@model_of(Kind.CUT_OFF, shapes=5)
def cut_off(kit: Kit, variant: int) -> None:
    """A piece of a pile 0.35 to 1.2 m long on its side, half in the ground. Radius at most 0.75
    m."""
    diameter, length = ((0.4, 0.5), (0.4, 0.9), (0.3, 0.35), (0.5, 0.7), (0.3, 1.2))[variant % 5]
    at = (0.0, 0.0, diameter * 0.4)
    kit.add(Surface.CONCRETE, _lay(tube(PHC_BORE, 16), diameter, length, at))
    kit.add(Surface.DARK, _lay(cylinder(12), diameter * PHC_BORE * 1.02, length - 0.06, at))
    rng = np.random.default_rng([43, variant])
    for _ in range(5):  # strands that stick out of the end
        angle = rng.uniform(0, 2 * np.pi)
        y, z = 0.38 * diameter * np.cos(angle), 0.4 * diameter + 0.38 * diameter * np.sin(angle)
        start = (length / 2 - 0.02, y, z)
        kit.stick(Surface.RUST, start, (length / 2 + rng.uniform(0.04, 0.1), y * 1.1, z), 0.014)


@model_of(Kind.STEEL_TUBES, shapes=4)
def steel_tubes(kit: Kit, variant: int) -> None:
    """A bundle of steel tubes, galvanised or rusty, 3 m long, along x. Radius at most 1.8 m."""
    rng = np.random.default_rng([44, variant])
    surface = (Surface.STEEL, Surface.RUST, Surface.STEEL, Surface.RUST)[variant % 4]
    diameter, wide, layers = ((0.114, 7, 4), (0.159, 5, 2), (0.089, 4, 1), (0.114, 3, 1))[
        variant % 4
    ]
    half = wide * diameter / 2 + 0.12
    kit.bars(Surface.TIMBER, (-0.9, 0.9), 0.06, (-half, half), (-0.12, 0.1))
    for layer in range(layers):
        for k in range(wide - layer % 2):
            y = (k - (wide - layer % 2 - 1) / 2) * (diameter + 0.004)
            at = (float(rng.uniform(-0.06, 0.06)), y, 0.1 + diameter / 2 + layer * diameter * 0.88)
            turn = float(rng.uniform(-0.04, 0.04)) if layers == 1 else 0.0
            kit.add(surface, _lay(tube(0.9, 10), diameter, 3.0, at, turn))
            kit.add(Surface.DARK, _lay(cylinder(8), diameter * 0.9, 2.9, at, turn))
            if variant == 2:
                end = (at[0] + 1.5 * np.cos(turn), at[1] + 1.5 * np.sin(turn), at[2])
                kit.add(surface, _lay(tube(0.4, 12), 0.22, 0.016, end, turn))


@model_of(Kind.FORMWORK, shapes=3)
def formwork(kit: Kit, variant: int) -> None:
    """Panels of plywood 2.4 x 1.2 m: a neat stack, a slipped one, or some that lie about. Radius at
    most 1.8 m."""
    rng = np.random.default_rng([45, variant])
    count = (9, 6, 3)[variant % 3]
    loose = (0.01, 0.12, 0.3)[variant % 3]
    kit.bars(Surface.TIMBER, (-0.8, 0.8), 0.05, (-0.55, 0.55), (-0.1, 0.08))
    for k in range(count):
        x, y = rng.uniform(-loose, loose, 2)
        turn = float(rng.uniform(-loose, loose))
        low = 0.08 + 0.05 * k
        kit.solid(Surface.PAINT, box(), (2.4, 1.2, 0.03), (float(x), float(y), low), turn)
        if k == count - 1:
            continue
        kit.solid(Surface.TIMBER, box(), (2.38, 0.1, 0.02), (float(x), float(y), low + 0.03), turn)


@model_of(Kind.BOARDS, shapes=4)
def boards(kit: Kit, variant: int) -> None:
    """Boards or a pallet, flat, on what is below them: the lowest face is at z = 0. Radius at most
    0.95 m."""
    rng = np.random.default_rng([46, variant])
    if variant == 3:
        for y in np.linspace(-0.36, 0.36, 6):
            kit.box(Surface.TIMBER, (-0.6, 0.6), (y - 0.05, y + 0.05), (0.11, 0.135))
        kit.bars(Surface.TIMBER, (-0.55, 0.0, 0.55), 0.05, (-0.4, 0.4), (0.0, 0.11))
        return
    for k in range((1, 2, 4)[variant % 3]):
        turn = float(rng.uniform(-0.25, 0.25)) + (0.9 if k == 3 else 0.0)
        at = (float(rng.uniform(-0.08, 0.08)), (k % 3) * 0.22 - 0.1, 0.028 * (k // 3) + 0.002 * k)
        kit.solid(Surface.TIMBER, box(), (1.55, float(rng.uniform(0.14, 0.2)), 0.026), at, turn)


@model_of(Kind.COVER, shapes=6)
def cover(kit: Kit, variant: int) -> None:
    """A tarpaulin or straw over the head of something: its top is at z = 0, its hem 1.4 m below.
    Radius 0.8 m."""
    rng = np.random.default_rng([47, variant])
    sides = 36
    angles = around(sides)
    is_straw = variant % 2 == 1
    # Cloth hangs in folds from its corners; straw is a rough heap.
    if is_straw:
        edge = 1 + 0.15 * waves(rng, angles, (2, 3, 5)) + rng.uniform(-0.08, 0.08, sides)
    else:
        edge = (np.abs(np.cos(angles)) ** 4 + np.abs(np.sin(angles)) ** 4) ** -0.25 * (
            1 + 0.06 * waves(rng, angles, (7, 9))
        )
    relative_radii = np.array([0.62, 0.6, 0.54, 0.44, 0.3, 0.14])
    levels = np.array([-1.4, -0.55, -0.3, -0.12, -0.03, 0.0])
    folds = (
        1
        + 0.07
        * waves(rng, angles, (6, 8, 11))
        * np.linspace(1.2, 0.2, len(relative_radii))[:, None]
    )
    radii = np.minimum(relative_radii[:, None] * edge * folds, 0.8)
    heights = np.repeat(levels[:, None], sides, axis=1)
    heights[1:-1] += (
        0.05 * waves(rng, angles, (2, 3, 4)) * np.array([1.0, 1.0, 0.6, 0.2])[:, None] - 0.02
    )
    kit.add(Surface.CLOTH, stacked_rings(radii, np.minimum(heights, 0.0)))
    if is_straw:
        for _ in range(70):
            at = rng.uniform(0, 2 * np.pi)
            away = rng.uniform(0.05, 0.72)
            low = float(np.interp(away, relative_radii[::-1], levels[::-1]))
            lie = rng.uniform(0, np.pi)
            half = np.array([np.cos(lie), np.sin(lie), rng.uniform(-0.3, 0.3)]) * rng.uniform(
                0.05, 0.12
            )
            middle = np.array([away * np.cos(at), away * np.sin(at), max(low, -0.5) + 0.01])
            kit.stick(Surface.CLOTH, middle - half, middle + half, 0.016, 3)


@model_of(Kind.TABLE, shapes=6)
def table(kit: Kit, variant: int) -> None:
    """Part of a mounting table along x, 4.6 x 2.2 m, foot at the piles' heads, legs LEG_M below.
    Radius 2.7 m."""
    cos, sin = float(np.cos(TABLE_TILT)), float(np.sin(TABLE_TILT))
    half = MODULE_M[1] / 2

    def on_plane(x: float, along: float, over: float) -> tuple[float, float, float]:
        """A point `along` the slope from the middle, `over` the plane."""
        return x, along * cos - over * sin, TABLE_LOW_M + (half + along) * sin + over * cos

    reach = 2 * MODULE_M[0] + 0.04
    for along in (-0.65, 0.65):
        kit.stick(
            Surface.STEEL, on_plane(-reach, along, -0.07), on_plane(reach, along, -0.07), 0.09
        )
    for x in (-1.75, 1.75):
        kit.stick(Surface.STEEL, on_plane(x, -1.0, -0.14), on_plane(x, 1.0, -0.14), 0.1)
        for along in (-0.65, 0.65):
            foot = on_plane(x, along, -0.14)
            kit.stick(Surface.STEEL, (foot[0], foot[1], -LEG_M), foot, 0.09, 6)
    tilt = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    for column in _MOUNTED[variant % 6]:
        x = (column - 1.5) * (MODULE_M[0] + 0.02)
        matrix = np.eye(4)
        matrix[:3, :3] = tilt
        matrix[:3, 3] = on_plane(x, 0.0, 0.0)
        module = Kit()
        _add_module(module)
        kit.include(module, matrix)


def _add_module(kit: Kit) -> None:
    """A module around the origin: glass in a frame, a pale line across its middle between the two
    halves of cells."""
    wide = MODULE_M[0] / 2
    long_m = MODULE_M[1] / 2
    kit.box(
        Surface.MODULE, (-wide + 0.02, wide - 0.02), (-long_m + 0.02, long_m - 0.02), (0.0, 0.03)
    )
    kit.bars(
        Surface.STEEL, (-wide + 0.0125, wide - 0.0125), 0.0125, (-long_m, long_m), (-0.005, 0.034)
    )
    kit.pair(
        Surface.STEEL,
        (-wide + 0.02, wide - 0.02),
        both_sides(long_m - 0.0125, 0.025),
        (-0.005, 0.034),
    )
    kit.box(Surface.STEEL, (-wide + 0.02, wide - 0.02), (-0.008, 0.008), (0.01, 0.0305))


@model_of(Kind.MODULE_PALLET, shapes=3)
def module_pallet(kit: Kit, variant: int) -> None:
    """Modules on a pallet, 2.3 x 1.15 m: in cardboard, opened, or half empty. Radius at most 1.4
    m."""
    high = (1.25, 1.25, 0.55)[variant % 3]
    for y in (-0.5, 0.0, 0.42):
        kit.box(Surface.TIMBER, (-1.15, 1.15), (y, y + 0.09), (-0.05, 0.12))
    kit.bars(Surface.TIMBER, np.linspace(-1.05, 1.05, 6), 0.05, (-0.55, 0.55), (0.12, 0.14))
    if variant % 3 == 2:
        for k in range(7):
            kit.box(
                Surface.STEEL, (-1.14, 1.14), (-0.56, 0.56), (0.15 + 0.055 * k, 0.18 + 0.055 * k)
            )
        kit.box(Surface.MODULE, (-1.11, 1.11), (-0.53, 0.53), (0.5, 0.515))
        return
    kit.box(Surface.PAINT, (-1.14, 1.14), (-0.55, 0.55), (0.14, high))
    if variant % 3 == 1:
        kit.box(Surface.MODULE, (-1.1, 1.1), (-0.51, 0.51), (high - 0.05, high + 0.01))
        kit.box(Surface.STEEL, (-1.12, 1.12), (-0.53, 0.53), (high - 0.1, high))
    else:
        kit.bars(Surface.DARK_PAINT, (-0.6, 0.6), 0.012, (-0.555, 0.555), (0.14, high + 0.005))
        kit.solid(Surface.BAG, cylinder(4), (0.5, 0.35, 0.008), (0.1, 0.1, high))
