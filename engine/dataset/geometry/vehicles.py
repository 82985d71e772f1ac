"""Machines and road vehicles as seen from the air, at 4 cm per pixel; x to the front. They sink in
a little."""

import numpy as np

from engine.dataset.geometry.batches import Surface
from engine.dataset.geometry.kit import Kit, Span, both_sides, model_of
from engine.dataset.geometry.meshes import moved, put, sideways
from engine.dataset.geometry.primitives import loft, revolve, slab, uneven_disc
from engine.dataset.scene.things import DistractorKind as Kind

SUNK_M = 0.08
# rotation of an excavator's house on its tracks in radians, by variant
SWINGS = (0.0, 0.7, -1.2, 2.7)
CAR_SUNK_M = 0.05
_ROUNDED = ((0.0, 0.0, 0.82), (0.06, 0.0, 1.0), (0.94, 0.0, 1.0), (1.0, 0.0, 0.84))


@model_of(Kind.EXCAVATOR, shapes=4)
def excavator(kit: Kit, variant: int) -> None:
    """A 20 t excavator. Radius 4.7 m."""
    for y in both_sides(1.15, 0.6):
        kit.prism(Surface.BLACK_RUBBER, _crawler(1.65, 0.45), y)
        kit.bars(
            Surface.STEEL, np.arange(-1.6, 1.7, 0.4), 0.06, (y[0] - 0.02, y[1] + 0.02), (0.8, 0.85)
        )
    kit.box(Surface.DARK_PAINT, (-1.2, 1.2), (-0.9, 0.9), (0.3, 0.75))
    kit.pipe(Surface.DARK_PAINT, (0.0, 0.0), 0.6, (0.7, 1.05))
    house = Kit()
    _add_house(house)
    _add_arm(house)
    kit.include(house, put((1, 1, 1), (0, 0, 0), SWINGS[variant % len(SWINGS)]))


def _crawler(half_m: float, radius_m: float) -> list[tuple[float, float]]:
    """The outline of a crawler's track from the side, (x, z)."""
    ends = np.linspace(-np.pi / 2, np.pi / 2, 6)
    front = [
        (half_m + radius_m * np.cos(a), radius_m + radius_m * np.sin(a) - SUNK_M) for a in ends
    ]
    rear = [
        (-half_m - radius_m * np.cos(a), radius_m - radius_m * np.sin(a) - SUNK_M) for a in ends
    ]
    return front + rear


def _add_house(kit: Kit) -> None:
    kit.add(
        Surface.DARK_PAINT, slab([(-1.9, -1.3), (1.4, -1.3), (1.4, 1.3), (-1.9, 1.3)], 1.0, 1.25)
    )
    counterweight = [
        (-2.75, -0.6),
        (-2.35, -1.25),
        (-1.85, -1.3),
        (-1.85, 1.3),
        (-2.35, 1.25),
        (-2.75, 0.6),
    ]
    kit.add(Surface.DARK_PAINT, slab(counterweight, 0.95, 1.5))
    kit.add(Surface.YELLOW_PAINT, slab(counterweight, 1.5, 2.0))
    kit.add(
        Surface.YELLOW_PAINT,
        slab([(-1.87, -1.3), (-0.45, -1.3), (-0.45, 1.3), (-1.87, 1.3)], 1.2, 2.2),
    )
    kit.box(Surface.YELLOW_PAINT, (-0.5, 0.9), (-1.3, -0.5), (1.2, 1.75))  # tank and tool box
    kit.box(Surface.DARK_PAINT, (-1.6, -0.8), (-1.0, -0.1), (2.15, 2.24))  # grille
    kit.box(Surface.DARK_PAINT, (-1.5, -0.9), (0.3, 1.0), (2.15, 2.22))
    kit.pipe(Surface.STEEL, (-1.2, 0.1), 0.08, (2.2, 2.75))
    kit.cab((-0.35, 1.5), (0.3, 1.3), (1.2, 2.95))


def _add_arm(kit: Kit) -> None:
    boom = (-0.35, 0.1)
    side = (-0.28, 0.03)
    kit.beam(Surface.YELLOW_PAINT, [(0.5, 1.5), (2.1, 4.1), (4.1, 4.0)], boom, (0.5, 0.8, 0.45))
    kit.beam(Surface.YELLOW_PAINT, [(4.35, 4.6), (4.05, 3.7), (3.75, 1.2)], side, (0.3, 0.5, 0.3))
    # hydraulic ram of the stick
    kit.beam(Surface.STEEL, [(2.3, 4.75), (4.3, 4.6)], (-0.2, -0.05), 0.15)
    for y in ((-0.5, -0.37), (0.12, 0.25)):
        kit.beam(Surface.STEEL, [(1.1, 1.4), (2.0, 3.6)], y, 0.14)
    bucket = [(3.3, 0.25), (3.7, -0.05), (4.25, 0.05), (4.55, 0.6), (4.1, 1.25), (3.55, 1.25)]
    kit.prism(Surface.DARK_PAINT, bucket, (-0.7, 0.45))


@model_of(Kind.RIG, shapes=2)
def rig(kit: Kit, variant: int) -> None:
    """A crawler that drives piles, its mast upright in front or lowered over its back. Radius at
    most 4.3 m."""
    for y in both_sides(0.95, 0.5):
        kit.prism(Surface.BLACK_RUBBER, _crawler(1.3, 0.38), y)
        kit.bars(
            Surface.STEEL,
            np.arange(-1.2, 1.3, 0.35),
            0.05,
            (y[0] - 0.02, y[1] + 0.02),
            (0.66, 0.72),
        )
    kit.box(Surface.DARK_PAINT, (-1.1, 1.1), (-0.75, 0.75), (0.35, 0.85))
    kit.add(
        Surface.YELLOW_PAINT, slab([(-1.7, -1.0), (0.6, -1.0), (0.6, 0.1), (-1.7, 0.1)], 0.85, 1.7)
    )
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


@model_of(Kind.LOADER)
def loader(kit: Kit, variant: int) -> None:
    """A wheel loader with an open bucket. Radius 4 m."""
    for x in (-1.5, 1.4):
        for y in both_sides(1.05, 0.55):
            kit.wheel(Surface.BLACK_RUBBER, (x, 0.72 - SUNK_M), 0.72, y)
            kit.wheel(
                Surface.YELLOW_PAINT, (x, 0.72 - SUNK_M), 0.34, (y[0] - 0.03, y[1] + 0.03), 12
            )
    hood = [(-3.5, 0.8), (-0.8, 0.8), (-0.8, 2.15), (-3.0, 2.05), (-3.5, 1.6)]
    kit.prism(Surface.YELLOW_PAINT, hood, (-0.75, 0.75))
    kit.box(Surface.DARK_PAINT, (-3.7, -3.4), (-1.05, 1.05), (0.6, 1.2))  # counterweight
    kit.box(Surface.DARK_PAINT, (-2.8, -1.9), (-0.5, 0.5), (2.05, 2.15))  # grille
    kit.pipe(Surface.STEEL, (-1.3, -0.5), 0.08, (2.1, 2.8))
    for y in both_sides(1.0, 0.6):
        kit.beam(
            Surface.YELLOW_PAINT, [(-2.3, 1.25), (-1.9, 1.5), (-1.0, 1.5), (-0.7, 1.2)], y, 0.08
        )  # mudguards
    kit.box(Surface.DARK_PAINT, (-0.9, 0.9), (-0.5, 0.5), (0.6, 1.2))
    kit.cab((-0.8, 0.75), (-0.75, 0.75), (1.2, 3.2))
    kit.box(Surface.YELLOW_PAINT, (0.8, 2.1), (-0.4, 0.4), (0.6, 1.5))
    for y in both_sides(0.6, 0.2):
        kit.beam(Surface.YELLOW_PAINT, [(0.9, 1.7), (2.1, 1.5), (2.85, 0.6)], y, (0.3, 0.45, 0.3))
    kit.beam(Surface.STEEL, [(1.0, 1.6), (2.75, 1.0)], (-0.08, 0.08), 0.16)
    width = (-1.32, 1.32)  # of the bucket
    kit.box(Surface.DARK_PAINT, (2.75, 3.6), width, (-0.02, 0.08))
    kit.box(Surface.STEEL, (3.6, 3.72), width, (-0.02, 0.06))  # cutting edge
    kit.beam(Surface.YELLOW_PAINT, [(2.85, 0.02), (2.7, 0.5), (2.85, 1.15)], width, 0.1)
    for y in both_sides(1.28, 0.08):
        kit.prism(Surface.YELLOW_PAINT, [(2.75, 0.05), (3.6, 0.05), (3.3, 0.9), (2.85, 1.15)], y)


@model_of(Kind.ROLLER)
def roller(kit: Kit, variant: int) -> None:
    """A roller: one steel drum in front, two tyres behind. Radius 3.1 m."""
    drum = (1.65, 0.75 - SUNK_M)
    kit.wheel(Surface.STEEL, drum, 0.75, (-1.0, 1.0), 32)
    kit.pair(Surface.YELLOW_PAINT, (0.4, 2.75), both_sides(1.08, 0.12), (0.5, 0.9))
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


def _body(kit: Kit, surface: Surface, x: Span, half: float, z: Span, narrow: float = 1.0) -> None:
    """A box with cut corners, its top `narrow` times as large as its bottom."""
    long_m = x[1] - x[0]
    middle = (x[0] + x[1]) / 2
    outline = [(x[0] + fraction * long_m, -half * wide) for fraction, _, wide in _ROUNDED]
    outline += [(far, -y) for far, y in reversed(outline)]
    low = np.array([(far, y, z[0]) for far, y in outline])
    high = np.array([(middle + (far - middle) * narrow, y * narrow, z[1]) for far, y in outline])
    kit.add(surface, loft(np.stack([low, high])))


def _cabin(kit: Kit, x: Span, roof: Span, half: float, z: Span) -> None:
    """Glass all round that leans inwards, posts, and a painted roof."""
    top = 0.86 * half
    low = [(x[0], -half), (x[1], -half), (x[1], half), (x[0], half)]
    high = [(roof[0], -top), (roof[1], -top), (roof[1], top), (roof[0], top)]
    sections = np.array([[(*at, z[0]) for at in low], [(*at, z[1]) for at in high]])
    kit.add(Surface.GLASS, loft(sections))
    for (x0, y0), (x1, y1) in zip(low, high, strict=True):
        kit.stick(Surface.PAINT, (x0, y0, z[0]), (x1, y1, z[1]), 0.11)
    _body(
        kit,
        Surface.PAINT,
        (roof[0] - 0.06, roof[1] + 0.06),
        top + 0.03,
        (z[1] - 0.03, z[1] + 0.05),
        0.95,
    )


def _wheels(kit: Kit, centres: tuple[float, ...], half: float, radius: float, wide: float) -> None:
    for x in centres:
        for y in both_sides(half - wide / 2, wide):
            kit.wheel(Surface.BLACK_RUBBER, (x, radius - CAR_SUNK_M), radius, y, 18)


def _trim(kit: Kit, x: Span, half: float, z: float) -> None:
    for end, way in ((x[0], -1), (x[1], 1)):
        kit.box(Surface.DARK_PAINT, (end - 0.04, end + 0.04), (-0.8 * half, 0.8 * half), (0.3, 0.5))
        for y in both_sides(0.72 * half, 0.26):
            lamp = (end - 0.16 if way > 0 else end - 0.01, end + 0.01 if way > 0 else end + 0.12)
            kit.box(Surface.GLASS if way > 0 else Surface.RUST, lamp, y, (z - 0.14, z - 0.02))


@model_of(Kind.CAR, shapes=3)
def car(kit: Kit, variant: int) -> None:
    """A car: saloon, hatchback, estate. Radius at most 2.45 m."""
    half = 0.9
    back, front = ((-2.25, 2.25), (-1.95, 2.0), (-2.3, 2.3))[variant % 3]
    _body(kit, Surface.PAINT, (back, front), half, (0.22, 0.62))
    _body(kit, Surface.PAINT, (back + 0.03, front - 0.03), half * 0.98, (0.6, 0.86), 0.95)
    cabin = ((-1.75, 1.1), (-1.85, 1.0), (-2.15, 1.1))[variant % 3]
    roof = ((-0.95, 0.3), (-1.45, 0.3), (-1.85, 0.35))[variant % 3]
    _cabin(kit, cabin, roof, 0.78, (0.84, (1.42, 1.5, 1.6)[variant % 3]))
    _wheels(kit, (back + 0.75, front - 0.85), half, 0.32, 0.2)
    _trim(kit, (back, front), half, 0.8)
    kit.pair(Surface.PAINT, (0.75, 0.88), both_sides(0.98, 0.16), (0.9, 1.02))
    if variant == 2:
        kit.pair(Surface.DARK_PAINT, (-1.7, 0.2), both_sides(0.58, 0.05), (1.64, 1.7))
    # wipers' gap
    kit.box(Surface.DARK_PAINT, (cabin[1] - 0.1, cabin[1] + 0.05), (-0.6, 0.6), (0.845, 0.875))


@model_of(Kind.VAN, shapes=2)
def van(kit: Kit, variant: int) -> None:
    """A van with a box behind, or a minibus. Radius at most 2.95 m."""
    half = 1.0
    back = -2.7
    front = 2.7
    _body(kit, Surface.PAINT, (back, front), half, (0.3, 1.0))
    roof = (back + 0.05, 1.35)
    _cabin(kit, (back + 0.02, 2.15), roof, 0.96, (0.98, 2.15))
    if variant == 0:
        kit.box(Surface.PAINT, (back + 0.02, 0.7), (-1.0, 1.0), (0.9, 2.16))
    kit.bars(Surface.PAINT, np.linspace(back + 0.3, 1.0, 6), 0.04, (-0.8, 0.8), (2.1, 2.225))
    _wheels(kit, (-1.75, 1.85), half, 0.35, 0.22)
    _trim(kit, (back, front), half, 0.95)
    kit.pair(Surface.DARK_PAINT, (1.7, 1.85), both_sides(1.1, 0.2), (1.2, 1.5))


@model_of(Kind.PICKUP, shapes=3)
def pickup(kit: Kit, variant: int) -> None:
    """A pickup: empty, with a load of earth, with boxes. Radius at most 2.85 m."""
    half = 0.93
    back = -2.65
    front = 2.65
    _body(kit, Surface.PAINT, (back, front), half, (0.35, 0.75))
    _body(kit, Surface.PAINT, (-0.6, front - 0.03), half * 0.98, (0.73, 1.02), 0.96)
    _cabin(kit, (-0.65, 1.45), (-0.5, 0.65), 0.8, (1.0, 1.72))
    kit.pair(Surface.PAINT, (back, -0.6), both_sides(0.9, 0.07), (0.7, 1.15))
    kit.box(Surface.PAINT, (back, back + 0.07), (-0.9, 0.9), (0.7, 1.15))
    kit.box(Surface.DARK_PAINT, (back + 0.05, -0.6), (-0.87, 0.87), (0.7, 0.78))
    if variant == 1:
        heap = uneven_disc(
            np.random.default_rng([61]), 0.3, (1.0, 1.0, 0.75, 0.35), (0.0, 0.45, 0.75, 1.0)
        )
        kit.solid(Surface.SPOIL, heap, (1.85, 1.6, 0.5), (-1.6, 0, 0.75))
    elif variant == 2:
        kit.box(Surface.TIMBER, (-1.6, -0.8), (-0.7, 0.1), (0.75, 1.25))
        kit.box(Surface.STEEL, (-2.4, -1.8), (-0.2, 0.7), (0.75, 1.05))
        kit.stick(Surface.STEEL, (-2.5, 0.5, 1.2), (0.6, 0.4, 1.85), 0.06)
    _wheels(kit, (-1.7, 1.7), half, 0.38, 0.25)
    _trim(kit, (back, front), half, 1.0)


@model_of(Kind.TRUCK, shapes=3)
def truck(kit: Kit, variant: int) -> None:
    """A lorry: a tipper with earth, a flat bed, a concrete mixer. Radius at most 4.4 m."""
    half = 1.22
    kit.box(Surface.DARK_PAINT, (-3.9, 3.6), (-0.45, 0.45), (0.6, 0.95))
    _body(kit, Surface.PAINT, (2.2, 4.05), half, (0.5, 1.6))
    _cabin(kit, (2.25, 4.0), (2.3, 3.7), 1.15, (1.55, 2.75))
    kit.box(Surface.DARK_PAINT, (2.0, 2.2), (-1.0, 1.0), (0.9, 2.4))
    kit.pair(Surface.DARK_PAINT, (3.7, 3.85), both_sides(1.32, 0.12), (1.7, 2.4))
    _wheels(kit, (-3.0, -1.7, 3.0), half, 0.5, 0.4)
    if variant == 0:
        for y in both_sides(1.18, 0.08):
            kit.box(Surface.PAINT, (-4.0, 1.9), y, (1.0, 2.3))
            kit.bars(
                Surface.PAINT,
                np.linspace(-3.6, 1.5, 6),
                0.06,
                (y[0] - 0.05, y[1] + 0.05),
                (1.0, 2.2),
            )
        kit.bars(Surface.PAINT, (-3.96, 1.86), 0.04, (-1.2, 1.2), (1.0, 2.4))
        kit.box(Surface.DARK_PAINT, (-4.0, 1.9), (-1.15, 1.15), (0.95, 1.3))
        heap = uneven_disc(
            np.random.default_rng([62]), 0.15, (1.0, 1.0, 0.75, 0.3), (0.0, 0.5, 0.8, 1.0)
        )
        kit.solid(Surface.SPOIL, heap, (5.5, 2.2, 0.9), (-1.05, 0, 1.35))
    elif variant == 1:
        kit.box(Surface.TIMBER, (-4.0, 1.9), (-1.2, 1.2), (0.95, 1.12))
        kit.pair(Surface.PAINT, (-4.0, 1.9), both_sides(1.2, 0.06), (1.0, 1.35))
        kit.bars(Surface.DARK_PAINT, np.linspace(-3.7, 1.6, 12), 0.012, (-1.17, 1.17), (1.1, 1.126))
    else:
        profile = [(0, 0), (0.55, 0), (1.1, 1.2), (1.15, 2.4), (0.8, 3.9), (0.5, 4.1), (0, 4.1)]
        drum = moved(revolve(profile, 24), sideways((1.0, 1.0, 1.0), (0.0, 0.5, 0.0)))
        kit.add(Surface.PAINT, moved(drum, put((1, 1, 1), (-3.5, 0, 2.05), -np.pi / 2)))
        kit.box(Surface.DARK_PAINT, (-4.1, -3.5), (-0.5, 0.5), (1.0, 2.9))
        kit.box(Surface.STEEL, (-4.2, -3.6), (-0.35, 0.35), (2.85, 3.1))
