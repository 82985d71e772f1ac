"""Equipment of a site, and what looks like piles from the air: barrels, tyres, lids, containers,
people, ..."""

from itertools import pairwise

import numpy as np

from engine.dataset.geometry.batches import Surface
from engine.dataset.geometry.kit import Kit, both_sides, model_of
from engine.dataset.geometry.meshes import around, moved, put, sideways
from engine.dataset.geometry.primitives import cylinder, extrude, loft, revolve, tube, uneven_disc
from engine.dataset.scene.things import DistractorKind as Kind

SUNK_M = 0.04
FENCE_M = 3.0  # length of one panel


@model_of(Kind.BARREL, shapes=5)
def barrel(kit: Kit, variant: int) -> None:
    """A 200 l drum, 0.58 m wide and 0.88 m high: closed, domed, open and empty, full of water, or
    on its side."""
    wall = [
        (0.28, 0),
        (0.285, 0.3),
        (0.295, 0.31),
        (0.285, 0.33),
        (0.285, 0.58),
        (0.295, 0.59),
        (0.285, 0.61),
    ]
    is_open = variant in (2, 3)
    if is_open:
        top = [(0.285, 0.86), (0.292, 0.88), (0.272, 0.88), (0.268, 0.1), (0, 0.1)]
    elif variant == 1:
        top = [(0.285, 0.8), (0.25, 0.87), (0.1, 0.89), (0, 0.89)]
    else:
        top = [(0.285, 0.86), (0.292, 0.88), (0.27, 0.88), (0.265, 0.862), (0, 0.862)]
    body = revolve([(0, 0), *wall, *top], 24)
    if variant == 4:
        lying = moved(body, sideways((1.0, 1.0, 1.0), (0.0, 0.0, 0.0)))
        kit.solid(Surface.PAINT, lying, (1, 1, 1), (0, 0.06, 0.285 - SUNK_M))
        return
    kit.solid(Surface.PAINT, body, (1, 1, 1), (0, 0, -SUNK_M))
    if variant == 2:
        kit.solid(Surface.DARK, cylinder(20), (0.5, 0.5, 0.2), (0, 0, 0))
    elif variant == 3:
        kit.solid(Surface.WATER, cylinder(20), (0.545, 0.545, 0.6), (0, 0, 0.1))
    else:
        for x, wide in ((0.19, 0.07), (-0.2, 0.035)):
            kit.solid(Surface.DARK_PAINT, cylinder(8), (wide, wide, 0.05), (x, 0.02, 0.84 - SUNK_M))


@model_of(Kind.BUCKET, shapes=4)
def bucket(kit: Kit, variant: int) -> None:
    """A 20 l bucket, 0.31 m wide: empty, with mortar, with a lid, or fallen over."""
    if variant == 2:
        body = revolve(
            [
                (0, 0),
                (0.13, 0),
                (0.15, 0.36),
                (0.158, 0.36),
                (0.158, 0.385),
                (0.14, 0.385),
                (0, 0.38),
            ],
            20,
        )
    else:
        body = revolve(
            [
                (0, 0),
                (0.13, 0),
                (0.15, 0.37),
                (0.157, 0.38),
                (0.145, 0.38),
                (0.12, 0.03),
                (0, 0.03),
            ],
            20,
        )
    if variant == 3:
        kit.add(Surface.PAINT, moved(body, sideways((1.0, 1.0, 1.0), (0.0, 0.3, 0.12))))
        return
    kit.solid(Surface.PAINT, body, (1, 1, 1), (0, 0, -0.03))
    if variant == 1:
        kit.solid(Surface.CONCRETE, cylinder(16), (0.27, 0.27, 0.2), (0, 0, 0.03))
    elif variant == 0:
        kit.solid(Surface.DARK, cylinder(16), (0.24, 0.24, 0.03), (0, 0, 0.0))
    arc = np.linspace(0.15, np.pi - 0.15, 7)
    # the handle, folded down
    points = [(0.15 * np.cos(a), -0.06 - 0.1 * np.sin(a), 0.33) for a in arc]
    for start, end in pairwise(points):
        kit.stick(Surface.STEEL, start, end, 0.012)


@model_of(Kind.RING, shapes=6)
def concrete_ring(kit: Kit, variant: int) -> None:
    """A manhole ring 1 m wide: low, tall, filled with earth, two of them, on its side, or under its
    cover."""
    high = (0.5, 0.95, 0.4, 0.5, 0.6, 0.45)[variant % 6]
    bore = (0.8, 0.8, 0.76, 0.8, 0.8, 0.7)[variant % 6]
    if variant == 4:
        lying = moved(tube(bore, 28), sideways((1.0, high, 1.0), (0.0, 0.0, 0.5 - SUNK_M)))
        kit.add(Surface.CONCRETE, lying)
        return
    kit.solid(Surface.CONCRETE, tube(bore, 28), (1.0, 1.0, high + SUNK_M), (0, 0, -SUNK_M))
    if variant == 3:
        kit.solid(Surface.CONCRETE, tube(bore, 28), (1.0, 1.0, 0.49), (0.06, -0.03, high + 0.01))
        kit.solid(Surface.DARK, cylinder(20), (0.78, 0.78, 0.2), (0, 0, -SUNK_M))
    elif variant == 2:
        rng = np.random.default_rng([31, variant])
        earth = uneven_disc(rng, 0.1, rings=(1.0, 1.0, 0.8, 0.4), levels=(0.0, 0.7, 0.9, 1.0))
        kit.solid(Surface.SPOIL, earth, (0.8, 0.8, 0.34), (0, 0, 0.0))
    elif variant == 5:
        cover = revolve([(0, 0), (0.5, 0), (0.5, 0.14), (0.33, 0.14), (0.33, 0.12), (0, 0.12)], 28)
        kit.solid(Surface.CONCRETE, cover, (1.0, 1.0, 1.0), (0, 0, high))
        kit.solid(Surface.DARK_PAINT, cylinder(20), (0.6, 0.6, 0.02), (0, 0, high + 0.115))
    else:
        kit.solid(Surface.DARK, cylinder(20), (0.82, 0.82, SUNK_M + 0.03), (0, 0, -SUNK_M))


def _tyre(kit: Kit, surface: Surface, at: tuple[float, float, float], has_rim: bool) -> None:
    """A tyre 0.64 m wide and 0.2 m thick, flat on the ground."""
    profile = [
        (0.2, 0.03),
        (0.26, 0.0),
        (0.3, 0.02),
        (0.32, 0.06),
        (0.32, 0.15),
        (0.3, 0.19),
        (0.26, 0.21),
    ]
    profile += [(0.2, 0.18), (0.19, 0.1), (0.2, 0.03)]
    kit.solid(surface, revolve(profile, 24), (1, 1, 1), at)
    if has_rim:
        rim = revolve(
            [(0, 0.06), (0.205, 0.04), (0.205, 0.165), (0.17, 0.16), (0.15, 0.1), (0, 0.11)], 20
        )
        kit.solid(Surface.STEEL, rim, (1, 1, 1), at)
        kit.solid(Surface.DARK, cylinder(10), (0.1, 0.1, 0.06), (at[0], at[1], at[2] + 0.07))
    elif at[2] < 0.1:
        kit.solid(Surface.DARK, cylinder(16), (0.385, 0.385, 0.06), (at[0], at[1], at[2] - 0.01))


@model_of(Kind.TYRE, shapes=6)
def tyre(kit: Kit, variant: int) -> None:
    """Tyres: bare, on a rim, a stack, a large one of a loader, upright, or painted as a marker."""
    if variant == 2:
        rng = np.random.default_rng([32, variant])
        for level in range(4):
            x, y = rng.uniform(-0.05, 0.05, 2) if level else (0.0, 0.0)
            _tyre(kit, Surface.BLACK_RUBBER, (x, y, 0.2 * level - SUNK_M), False)
    elif variant == 3:
        large = Kit()
        _tyre(large, Surface.BLACK_RUBBER, (0, 0, 0), False)
        for angle in around(20):
            lug = put(
                (0.05, 0.04, 0.2), (0.315 * np.cos(angle), 0.315 * np.sin(angle), 0.005), angle
            )
            large.add(Surface.BLACK_RUBBER, moved(cylinder(4), lug))
        kit.include(large, put((2.0, 2.0, 2.0), (0, 0, -SUNK_M)))
    elif variant == 4:
        standing = Kit()
        _tyre(standing, Surface.BLACK_RUBBER, (0, 0, 0.1), False)
        kit.include(standing, sideways((1.0, 1.0, 1.0), (0.0, 0.3, 0.32 - SUNK_M)))
    else:
        _tyre(
            kit,
            Surface.PAINT if variant == 5 else Surface.BLACK_RUBBER,
            (0, 0, -SUNK_M),
            variant == 1,
        )


@model_of(Kind.CABLE_DRUM, shapes=4)
def cable_drum(kit: Kit, variant: int) -> None:
    """A wooden drum 1.4 m wide and 0.76 m long: lying with and without cable, standing with and
    without."""
    is_wound = variant % 2 == 0
    drum = Kit()
    for low in (0.0, 0.7):
        drum.solid(Surface.TIMBER, cylinder(28), (1.4, 1.4, 0.06), (0, 0, low))
    drum.solid(Surface.TIMBER, cylinder(20), (0.6, 0.6, 0.64), (0, 0, 0.06))
    if is_wound:
        for level in range(6):
            profile = [(0.29, 0), (0.555, 0), (0.575, 0.05), (0.555, 0.1), (0.29, 0.1), (0.29, 0)]
            drum.solid(
                Surface.BLACK_RUBBER, revolve(profile, 24), (1, 1, 1), (0, 0, 0.07 + 0.105 * level)
            )
    for low in (-0.006, 0.756):
        for y in np.linspace(-0.58, 0.58, 9):  # gaps between planks
            half = float(np.sqrt(0.68**2 - y * y))
            drum.box(Surface.DARK_PAINT, (-half, half), (y - 0.008, y + 0.008), (low, low + 0.01))
        drum.solid(Surface.DARK, cylinder(12), (0.12, 0.12, 0.012), (0, 0, low))
        for angle in around(6):
            at = (0.26 * np.cos(angle), 0.26 * np.sin(angle), low)
            drum.solid(Surface.RUST, cylinder(6), (0.05, 0.05, 0.016), at)
    if variant < 2:
        kit.include(drum, put((1, 1, 1), (0, 0, -SUNK_M)))
    else:
        kit.include(drum, sideways((1.0, 1.0, 1.0), (0.0, 0.12, 0.7 - SUNK_M)))


@model_of(Kind.LID, shapes=5)
def lid(kit: Kit, variant: int) -> None:
    """A cover 0.7 m wide: cast iron, iron in a concrete collar, plastic, square; or a vent with its
    cap."""
    if variant == 4:
        kit.solid(Surface.PAINT, cylinder(14), (0.2, 0.2, 0.55), (0, 0, -0.1))
        cap = revolve([(0, 0), (0.2, 0), (0.2, 0.04), (0.06, 0.13), (0, 0.14)], 20)
        kit.solid(Surface.PAINT, cap, (1, 1, 1), (0, 0, 0.44))
        return
    plate = Surface.PAINT if variant == 2 else Surface.DARK_PAINT
    if variant == 3:
        kit.box(Surface.CONCRETE, (-0.4, 0.4), (-0.4, 0.4), (-0.1, 0.08))
        kit.box(Surface.RUST, (-0.31, 0.31), (-0.31, 0.31), (0.0, 0.09))
        kit.bars(Surface.DARK_PAINT, np.linspace(-0.25, 0.25, 6), 0.015, (-0.28, 0.28), (0.0, 0.1))
        return
    collar = 0.95 if variant == 1 else 0.74
    around = Surface.CONCRETE if variant == 1 else plate
    kit.solid(around, tube(0.66 / collar, 28), (collar, collar, 0.18), (0, 0, -0.1))
    kit.solid(plate, cylinder(28), (0.65, 0.65, 0.16), (0, 0, -0.1))
    for turn in np.arange(4) * (np.pi / 4):
        kit.solid(
            Surface.RUST if variant != 2 else Surface.PAINT,
            cylinder(4),
            (0.5, 0.05, 0.02),
            (0, 0, 0.055),
            turn,
        )
    for x in (-0.22, 0.22):
        kit.solid(Surface.DARK, cylinder(8), (0.05, 0.05, 0.02), (x, 0, 0.06))


@model_of(Kind.CONTAINER, shapes=2)
def container(kit: Kit, variant: int) -> None:
    """A shipping container, 6.06 x 2.44 x 2.59 m, or one of half the length. Radius at most 3.3
    m."""
    half = (3.03, 1.5)[variant % 2]
    kit.box(Surface.PAINT, (-half, half), (-1.2, 1.2), (-0.1, 2.52))
    corrugation = np.arange(-half + 0.22, half - 0.1, 0.28)
    kit.bars(Surface.PAINT, corrugation, 0.07, (-1.215, 1.215), (0.1, 2.555))
    kit.pair(Surface.PAINT, (-half, half), both_sides(1.16, 0.12), (2.42, 2.59))
    for x in (-half - 0.02, half - 0.1):
        kit.box(Surface.PAINT, (x, x + 0.12), (-1.22, 1.22), (2.42, 2.59))
        for y in (-1.23, 1.05):
            kit.box(Surface.DARK_PAINT, (x - 0.005, x + 0.125), (y, y + 0.18), (2.47, 2.6))


@model_of(Kind.HUT, shapes=2)
def hut(kit: Kit, variant: int) -> None:
    """A site hut 6 x 2.4 m with a flat or a ridged roof. Radius at most 3.5 m."""
    kit.box(Surface.PAINT, (-2.95, 2.95), (-1.15, 1.15), (-0.1, 2.5))
    kit.bars(Surface.GLASS, (-1.8, 1.4), 0.5, (-1.17, 1.17), (1.1, 1.9))
    if variant == 0:
        kit.box(Surface.STEEL, (-3.05, 3.05), (-1.25, 1.25), (2.5, 2.62))
        kit.bars(Surface.PAINT, (-3.0, 3.0), 0.05, (-1.27, 1.27), (2.5, 2.66))
        kit.box(Surface.BAG, (1.7, 2.5), (0.3, 0.9), (2.6, 2.95))
        return
    for side in (-1, 1):
        profile = [(side * 1.4, 2.42), (0.0, 2.85), (0.0, 2.95), (side * 1.4, 2.5)]
        profile = profile[::-1] if side > 0 else profile
        # Turned, for `extrude` does so along y, and the ridge runs along x.
        kit.solid(Surface.PAINT, extrude(profile, 6.2), (1, 1, 1), (0, 0, 0), np.pi / 2)


@model_of(Kind.TOILET, shapes=2)
def toilet(kit: Kit, variant: int) -> None:
    """A mobile toilet, 1.1 x 1.1 x 2.3 m. Radius at most 0.85 m."""
    kit.box(Surface.DARK_PAINT, (-0.57, 0.57), (-0.57, 0.57), (-0.08, 0.12))
    kit.box(Surface.PAINT, (-0.54, 0.54), (-0.54, 0.54), (0.1, 2.15))
    roof = [(-0.58, 2.12), (0.58, 2.12), (0.58, 2.18), (0.2, 2.32), (-0.2, 2.32), (-0.58, 2.18)]
    kit.prism(Surface.BAG if variant == 0 else Surface.PAINT, roof, (-0.58, 0.58))
    kit.pipe(Surface.DARK_PAINT, (-0.4, 0.4), 0.05, (2.1, 2.5))


@model_of(Kind.FENCE, shapes=3)
def fence(kit: Kit, variant: int) -> None:
    """A panel 3 m long, along x: mesh on concrete feet, wire on posts, or sheet metal. Radius at
    most 1.6 m."""
    half = FENCE_M / 2
    if variant == 2:
        for x in np.arange(-half + 0.1, half, 0.2):
            kit.box(Surface.PAINT, (x - 0.09, x + 0.1), (-0.012, 0.012), (-0.3, 1.8))
            kit.box(Surface.PAINT, (x - 0.04, x + 0.04), (-0.03, 0.03), (-0.3, 1.8))
        return
    if variant == 1:
        for x in (-half, 0.0):
            kit.stick(Surface.PAINT, (x, 0.0, -0.4), (x, 0.0, 1.6), 0.08, 6)
        for z in (0.3, 0.7, 1.1, 1.5):
            kit.stick(Surface.STEEL, (-half, 0.0, z), (half, 0.0, z), 0.015)
        return
    for x in (-half + 0.03, half - 0.03):
        kit.stick(Surface.STEEL, (x, 0.0, -0.1), (x, 0.0, 2.0), 0.045, 6)
        kit.box(Surface.CONCRETE, (x - 0.12, x + 0.12), (-0.35, 0.35), (-0.15, 0.14))
    for z in (0.2, 1.96):
        kit.stick(Surface.STEEL, (-half, 0.0, z), (half, 0.0, z), 0.04)
    for x in np.linspace(-half + 0.15, half - 0.15, 19):
        kit.stick(Surface.STEEL, (float(x), 0.0, 0.2), (float(x), 0.0, 1.96), 0.014, 3)
    for z in np.linspace(0.5, 1.7, 4):
        kit.stick(Surface.STEEL, (-half, 0.0, float(z)), (half, 0.0, float(z)), 0.014, 3)


@model_of(Kind.PERSON, shapes=6)
def person(kit: Kit, variant: int) -> None:
    """Someone in a helmet and a vest: standing, walking, bent over, with a shovel. Radius at most
    0.75 m."""
    rng = np.random.default_rng([73, variant])
    stride = (0.06, 0.28, 0.1, 0.12, 0.25, 0.05)[variant % 6]
    bent = (0.0, 0.06, 0.42, 0.25, 0.08, 0.0)[variant % 6]
    hip = 0.88 - 0.15 * bent
    shoulder = 1.42 - 0.6 * bent
    trousers = Surface.DARK_PAINT if variant % 2 else Surface.BARK
    for side in (-1, 1):
        foot = (side * stride, side * 0.1, -0.03)
        kit.stick(trousers, foot, (0.0, side * 0.09, hip), (0.12, 0.18), 6)
        kit.box(
            Surface.DARK_PAINT,
            (foot[0] - 0.08, foot[0] + 0.19),
            (foot[1] - 0.05, foot[1] + 0.05),
            (-0.05, 0.09),
        )
        hand = (
            bent * 0.8 + rng.uniform(0.0, 0.3),
            side * rng.uniform(0.22, 0.36),
            shoulder - rng.uniform(0.45, 0.6),
        )
        kit.stick(Surface.CLOTH, (bent, side * 0.22, shoulder), hand, (0.13, 0.08), 6)
    middle = np.linspace(0, 1, 5)
    angles = around(14)
    outline = np.stack([0.14 * np.cos(angles), 0.25 * np.sin(angles)], axis=1)
    width = np.array([0.72, 0.8, 0.95, 1.0, 0.5])
    sections = np.empty((5, 14, 3))
    sections[..., :2] = outline[None] * width[:, None, None]
    sections[..., 0] += (bent * middle)[:, None]
    sections[..., 2] = (hip - 0.05 + (shoulder + 0.06 - hip) * middle)[:, None]
    kit.add(Surface.CLOTH, loft(sections))
    kit.stick(Surface.BARK, (bent, 0.0, shoulder), (bent + 0.04, 0.0, shoulder + 0.16), 0.13, 8)
    head = (bent + 0.05, 0.0, shoulder + 0.14)
    helmet = revolve(
        [(0, 0), (0.16, 0), (0.155, 0.03), (0.13, 0.04), (0.11, 0.13), (0.05, 0.18), (0, 0.185)], 16
    )
    kit.solid(
        (Surface.BAG, Surface.YELLOW_PAINT, Surface.STEEL)[variant % 3],
        helmet,
        (1.12, 1.0, 1.0),
        head,
    )
    if variant == 3:
        kit.stick(Surface.TIMBER, (0.15, 0.3, 0.9), (0.66, -0.2, 0.05), 0.035)


@model_of(Kind.STAKE, shapes=3)
def stake(kit: Kit, variant: int) -> None:
    """A wooden stake with a painted head, 0.5 to 0.9 m high. Radius at most 0.2 m."""
    high = (0.55, 0.85, 0.35)[variant % 3]
    kit.box(Surface.TIMBER, (-0.025, 0.025), (-0.025, 0.025), (-0.2, high))
    kit.box(Surface.PAINT, (-0.03, 0.03), (-0.03, 0.03), (high - 0.16, high + 0.004))
    if variant == 1:
        kit.box(Surface.PAINT, (-0.025, 0.025), (-0.14, 0.14), (high - 0.22, high - 0.1))
    elif variant == 2:
        kit.solid(Surface.PAINT, cylinder(12), (0.16, 0.16, 0.012), (0, 0, 0.01))


@model_of(Kind.FLAG, shapes=2)
def flag(kit: Kit, variant: int) -> None:
    """A marker flag on a wire, 0.7 m high, its cloth along x. Radius at most 0.35 m."""
    kit.stick(Surface.STEEL, (0.0, 0.0, -0.15), (0.0, 0.0, 0.7), 0.012, 3)
    lean = (0.1, -0.15)[variant % 2]
    kit.stick(Surface.CLOTH, (0.0, 0.0, 0.6), (0.3, lean, 0.5), (0.2, 0.14), 4)
