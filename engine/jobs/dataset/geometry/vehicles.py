"""Road vehicles, x to the front: cars, a van, pickups, lorries. Wheels sink a little into the ground."""

from functools import cache

import numpy as np

from engine.jobs.dataset.geometry.batches import Surface
from engine.jobs.dataset.geometry.kit import Kit, Model, Span, both_sides
from engine.jobs.dataset.geometry.meshes import moved
from engine.jobs.dataset.geometry.placing import put, sideways
from engine.jobs.dataset.geometry.primitives import loft, revolve, uneven_disc

CAR_SHAPES = 3
VAN_SHAPES = 2
PICKUP_SHAPES = 3
TRUCK_SHAPES = 3
SUNK_M = 0.05

_ROUNDED = ((0.0, 0.0, 0.82), (0.06, 0.0, 1.0), (0.94, 0.0, 1.0), (1.0, 0.0, 0.84))


def _body(kit: Kit, surface: Surface, x: Span, half: float, z: Span, narrow: float = 1.0) -> None:
    """A box with cut corners, its top `narrow` times as large as its bottom."""
    long_m, middle = x[1] - x[0], (x[0] + x[1]) / 2
    outline = [(x[0] + share * long_m, -half * wide) for share, _, wide in _ROUNDED]
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
    _body(kit, Surface.PAINT, (roof[0] - 0.06, roof[1] + 0.06), top + 0.03, (z[1] - 0.03, z[1] + 0.05), 0.95)


def _wheels(kit: Kit, places: tuple[float, ...], half: float, radius: float, wide: float) -> None:
    for x in places:
        for y in both_sides(half - wide / 2, wide):
            kit.wheel(Surface.BLACK_RUBBER, (x, radius - SUNK_M), radius, y, 18)


def _trim(kit: Kit, x: Span, half: float, z: float) -> None:
    """Bumpers, lamps, mirrors."""
    for end, way in ((x[0], -1), (x[1], 1)):
        kit.box(Surface.DARK_PAINT, (end - 0.04, end + 0.04), (-0.8 * half, 0.8 * half), (0.3, 0.5))
        for y in both_sides(0.72 * half, 0.26):
            lamp = (end - 0.16 if way > 0 else end - 0.01, end + 0.01 if way > 0 else end + 0.12)
            kit.box(Surface.GLASS if way > 0 else Surface.RUST, lamp, y, (z - 0.14, z - 0.02))


@cache
def car(variant: int) -> Model:
    """A car: saloon, hatchback, estate. Radius at most 2.45 m."""
    kit = Kit()
    half = 0.9
    back, front = ((-2.25, 2.25), (-1.95, 2.0), (-2.3, 2.3))[variant % 3]
    _body(kit, Surface.PAINT, (back, front), half, (0.22, 0.62))
    _body(kit, Surface.PAINT, (back + 0.03, front - 0.03), half * 0.98, (0.6, 0.86), 0.95)
    cabin = ((-1.75, 1.1), (-1.85, 1.0), (-2.15, 1.1))[variant % 3]
    roof = ((-0.95, 0.3), (-1.45, 0.3), (-1.85, 0.35))[variant % 3]
    _cabin(kit, cabin, roof, 0.78, (0.84, (1.42, 1.5, 1.6)[variant % 3]))
    _wheels(kit, (back + 0.75, front - 0.85), half, 0.32, 0.2)
    _trim(kit, (back, front), half, 0.8)
    for y in both_sides(0.98, 0.16):
        kit.box(Surface.PAINT, (0.75, 0.88), y, (0.9, 1.02))
    if variant == 2:
        for y in both_sides(0.58, 0.05):
            kit.box(Surface.DARK_PAINT, (-1.7, 0.2), y, (1.64, 1.7))
    kit.box(Surface.DARK_PAINT, (cabin[1] - 0.1, cabin[1] + 0.05), (-0.6, 0.6), (0.845, 0.875))  # wipers' gap
    return kit.model()


@cache
def van(variant: int) -> Model:
    """A van with a box behind, or a minibus. Radius at most 2.95 m."""
    kit = Kit()
    half, back, front = 1.0, -2.7, 2.7
    _body(kit, Surface.PAINT, (back, front), half, (0.3, 1.0))
    roof = (back + 0.05, 1.35)
    _cabin(kit, (back + 0.02, 2.15), roof, 0.96, (0.98, 2.15))
    if variant == 0:
        kit.box(Surface.PAINT, (back + 0.02, 0.7), (-1.0, 1.0), (0.9, 2.16))
    for x in np.linspace(back + 0.3, 1.0, 6):
        kit.box(Surface.PAINT, (x - 0.04, x + 0.04), (-0.8, 0.8), (2.1, 2.225))
    _wheels(kit, (-1.75, 1.85), half, 0.35, 0.22)
    _trim(kit, (back, front), half, 0.95)
    for y in both_sides(1.1, 0.2):
        kit.box(Surface.DARK_PAINT, (1.7, 1.85), y, (1.2, 1.5))
    return kit.model()


@cache
def pickup(variant: int) -> Model:
    """A pickup: empty, with a load of earth, with boxes. Radius at most 2.85 m."""
    kit = Kit()
    half, back, front = 0.93, -2.65, 2.65
    _body(kit, Surface.PAINT, (back, front), half, (0.35, 0.75))
    _body(kit, Surface.PAINT, (-0.6, front - 0.03), half * 0.98, (0.73, 1.02), 0.96)
    _cabin(kit, (-0.65, 1.45), (-0.5, 0.65), 0.8, (1.0, 1.72))
    for y in both_sides(0.9, 0.07):
        kit.box(Surface.PAINT, (back, -0.6), y, (0.7, 1.15))
    kit.box(Surface.PAINT, (back, back + 0.07), (-0.9, 0.9), (0.7, 1.15))
    kit.box(Surface.DARK_PAINT, (back + 0.05, -0.6), (-0.87, 0.87), (0.7, 0.78))
    if variant == 1:
        heap = uneven_disc(np.random.default_rng([61]), 0.3, (1.0, 1.0, 0.75, 0.35), (0.0, 0.45, 0.75, 1.0))
        kit.solid(Surface.SPOIL, heap, (1.85, 1.6, 0.5), (-1.6, 0, 0.75))
    elif variant == 2:
        kit.box(Surface.TIMBER, (-1.6, -0.8), (-0.7, 0.1), (0.75, 1.25))
        kit.box(Surface.STEEL, (-2.4, -1.8), (-0.2, 0.7), (0.75, 1.05))
        kit.stick(Surface.STEEL, (-2.5, 0.5, 1.2), (0.6, 0.4, 1.85), 0.06)
    _wheels(kit, (-1.7, 1.7), half, 0.38, 0.25)
    _trim(kit, (back, front), half, 1.0)
    return kit.model()


@cache
def truck(variant: int) -> Model:
    """A lorry: a tipper with earth, a flat bed, a concrete mixer. Radius at most 4.4 m."""
    kit = Kit()
    half = 1.22
    kit.box(Surface.DARK_PAINT, (-3.9, 3.6), (-0.45, 0.45), (0.6, 0.95))
    _body(kit, Surface.PAINT, (2.2, 4.05), half, (0.5, 1.6))
    _cabin(kit, (2.25, 4.0), (2.3, 3.7), 1.15, (1.55, 2.75))
    kit.box(Surface.DARK_PAINT, (2.0, 2.2), (-1.0, 1.0), (0.9, 2.4))
    for y in both_sides(1.32, 0.12):
        kit.box(Surface.DARK_PAINT, (3.7, 3.85), y, (1.7, 2.4))
    _wheels(kit, (-3.0, -1.7, 3.0), half, 0.5, 0.4)
    if variant == 0:
        for y in both_sides(1.18, 0.08):
            kit.box(Surface.PAINT, (-4.0, 1.9), y, (1.0, 2.3))
            for x in np.linspace(-3.6, 1.5, 6):
                kit.box(Surface.PAINT, (x - 0.06, x + 0.06), (y[0] - 0.05, y[1] + 0.05), (1.0, 2.2))
        for x in ((-4.0, -3.92), (1.82, 1.9)):
            kit.box(Surface.PAINT, x, (-1.2, 1.2), (1.0, 2.4))
        kit.box(Surface.DARK_PAINT, (-4.0, 1.9), (-1.15, 1.15), (0.95, 1.3))
        heap = uneven_disc(np.random.default_rng([62]), 0.15, (1.0, 1.0, 0.75, 0.3), (0.0, 0.5, 0.8, 1.0))
        kit.solid(Surface.SPOIL, heap, (5.5, 2.2, 0.9), (-1.05, 0, 1.35))
    elif variant == 1:
        kit.box(Surface.TIMBER, (-4.0, 1.9), (-1.2, 1.2), (0.95, 1.12))
        for y in both_sides(1.2, 0.06):
            kit.box(Surface.PAINT, (-4.0, 1.9), y, (1.0, 1.35))
        for x in np.linspace(-3.7, 1.6, 12):
            kit.box(Surface.DARK_PAINT, (x - 0.012, x + 0.012), (-1.17, 1.17), (1.1, 1.126))
    else:
        profile = [(0, 0), (0.55, 0), (1.1, 1.2), (1.15, 2.4), (0.8, 3.9), (0.5, 4.1), (0, 4.1)]
        drum = moved(revolve(profile, 24), sideways((1.0, 1.0, 1.0), (0.0, 0.5, 0.0)))
        kit.add(Surface.PAINT, moved(drum, put((1, 1, 1), (-3.5, 0, 2.05), -np.pi / 2)))
        kit.box(Surface.DARK_PAINT, (-4.1, -3.5), (-0.5, 0.5), (1.0, 2.9))
        kit.box(Surface.STEEL, (-4.2, -3.6), (-0.35, 0.35), (2.85, 3.1))
    return kit.model()
