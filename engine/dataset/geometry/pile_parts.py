"""Solids from which piles are assembled. Diameter 1 and z 0..1 unless noted; each is built once and
cached."""

from functools import cache

import numpy as np

from engine.dataset.geometry.batches import Mesh
from engine.dataset.geometry.meshes import around, join, moved, polar, put
from engine.dataset.geometry.primitives import (
    MOUND_GROUND,
    box,
    cylinder,
    loft,
    mound,
    revolve,
    rough_cylinder,
    slab,
    uneven_disc,
)

Rect = tuple[float, float, float, float]  # from and to along x, from and to along y
SIDES = 20
STEEL_SIDES = 14
PHC_BORE = 0.55  # share of the diameter; 400 mm piles have walls of about 90 mm
STEEL_BORE = 0.9
HOOP_BORE = 0.93
FLANGE_THICK_M = 0.016
FLANGE_BORE = 0.28  # share of the flange's diameter; 62 mm of 220, less than the thinnest tube
PROUD_M = (
    0.004  # offset of a dark patch from its surface; more than the depth buffer's error at 100 m
)
BLADE_TURNS = 1.25
VARIANTS = 4  # number of shapes of pads, of heaps and of poured posts, used in turn
# number of bars up to a diameter of the pile in metres
STUBS = ((0.41, 6), (0.75, 10), (np.inf, 16))
# shares of the pile's diameter: 18 to 34 mm, more than real, to show
BAR_THICK = {6: 0.06, 10: 0.04, 16: 0.028}
CRACK_ANGLES = (0.0, 2.2)
END_PLATE_BORE = (
    0.6  # bore of the steel ring on the head of a PHC pile, to which the next one is welded
)
FOOT_VARIANTS = 6
PIT_FRACTION = 0.6


@cache
def h_section(thicker: float = 1.0) -> Mesh:
    """Two flanges across x and a web. `thicker`: factor for its plates, for a coat over it."""
    flange = 0.075 * thicker
    web = 0.05 * thicker
    return _plates(
        (-0.5, -0.5 + flange, -0.5, 0.5),
        (0.5 - flange, 0.5, -0.5, 0.5),
        (-0.5 + flange, 0.5 - flange, -web, web),
    )


@cache
def c_section(thicker: float = 1.0) -> Mesh:
    """A web along x, two flanges along y, two lips."""
    thin = 0.05 * thicker
    wide = 0.11 * thicker
    lip = 0.16
    return _plates(
        (-0.5, 0.5, -0.5, -0.5 + wide),
        (-0.5, -0.5 + thin, -0.5 + wide, 0.5),
        (0.5 - thin, 0.5, -0.5 + wide, 0.5),
        (-0.5 + thin, -0.5 + thin + lip, 0.5 - wide, 0.5),
        (0.5 - thin - lip, 0.5 - thin, 0.5 - wide, 0.5),
    )


def _plates(*plates: Rect) -> Mesh:
    return join(
        [
            moved(
                box(),
                put(
                    (east - west, north - south, 1.0), ((west + east) / 2, (south + north) / 2, 0.0)
                ),
            )
            for west, east, south, north in plates
        ]
    )


@cache
def flange_holes() -> Mesh:
    """The flange's dark bore and its six bolt holes, in the flange's own space."""
    wide = FLANGE_BORE * 1.02
    bolt_wide = 0.1
    high = 0.2 + PROUD_M / FLANGE_THICK_M
    holes = [moved(cylinder(STEEL_SIDES), put((wide, wide, 0.4), (0, 0, 0.1)))]
    for angle in around(6):
        at = (0.4 * np.cos(angle), 0.4 * np.sin(angle), 0.8)
        holes.append(moved(cylinder(4), put((bolt_wide, bolt_wide, high), at)))
    return join(holes)


@cache
def screw_blade() -> Mesh:
    """A helix around a tube of diameter 1; its outer diameter is 2."""
    radius, rise = np.array([(0.95, 0.0), (0.45, 0.0), (0.45, 0.1), (0.95, 0.1)]).T
    angles = np.linspace(0, 2 * np.pi * BLADE_TURNS, 12)[:, None]
    return loft(polar(radius, angles, np.linspace(0, 0.9, 12)[:, None] + rise))


@cache
def poured_post(variant: int) -> Mesh:
    return rough_cylinder(np.random.default_rng([5, variant]), SIDES)


@cache
def pad(variant: int) -> Mesh:
    """Concrete poured around the foot: nearly round, its upper edge rounded."""
    rng = np.random.default_rng([9, variant])
    return uneven_disc(rng, 0.06, rings=(1.0, 1.0, 0.97, 0.85), levels=(0.0, 0.9, 1.0, 1.0))


@cache
def heap(variant: int) -> Mesh:
    """Earth thrown up by the screw. Vertical sides below 0.6, which is under the ground."""
    rng = np.random.default_rng([6, variant])
    return uneven_disc(rng, 0.2, rings=(1.0, 1.0, 0.88, 0.6), levels=(0.0, 0.6, 0.85, 1.0))


@cache
def stubs(count: int = 6) -> Mesh:
    """Bars around the axis, starting a little inside the concrete (z = 0); they lean and differ in
    height."""
    rng = np.random.default_rng([7])
    thick = BAR_THICK[count]
    radius = 0.33 if count == 6 else 0.4
    bars = []
    for angle in around(count):
        matrix = put(
            (thick, thick, rng.uniform(0.75, 1.1)),
            (radius * np.cos(angle), radius * np.sin(angle), -0.1),
        )
        matrix[:2, 2] = rng.uniform(-0.08, 0.08, 2)
        bars.append(moved(cylinder(4), matrix))
    return join(bars)


@cache
def ring_crack() -> Mesh:
    """Wedges over the ring of a PHC head, open to the outside; x and y in diameters, z in metres
    from the top."""
    inner = PHC_BORE / 2 - 0.005
    outer = 0.505
    outline = [(inner, -0.012), (outer, -0.04), (outer, 0.04), (inner, 0.012)]
    wedge = slab(outline, -0.01, PROUD_M)
    return join([moved(wedge, put((1, 1, 1), (0, 0, 0), angle)) for angle in CRACK_ANGLES])


@cache
def side_crack() -> Mesh:
    """A zigzag crack down the side of a cylinder of diameter 1: wide at z = 1, closed at its lower
    end."""
    rng = np.random.default_rng([8])
    cracks = []
    for angle, low in zip(CRACK_ANGLES, (0.0, 0.35), strict=True):
        levels = np.linspace(low, 1.0, 7)
        middle = angle + np.append(rng.uniform(-0.14, 0.14, 6), 0.0)
        half = np.linspace(0.015, 0.09, 7)
        radius, side = np.array([(0.45, -1), (0.5, -1), (0.5, 1), (0.45, 1)]).T
        cracks.append(loft(polar(radius, middle[:, None] + side * half[:, None], levels[:, None])))
    return join(cracks)


@cache
def cap() -> Mesh:
    """A plastic cap with a chamfered edge."""
    return revolve([(0, 0), (0.5, 0), (0.5, 0.75), (0.42, 1), (0, 1)], SIDES)


@cache
def collar(variant: int) -> Mesh:
    """Grout that was poured around a pile: flat, its edge runs out unevenly."""
    rng = np.random.default_rng([21, variant])
    return uneven_disc(
        rng,
        0.14 + 0.05 * variant,
        rings=(1.0, 1.0, 0.93, 0.7),
        levels=(0.0, 0.75, 0.95, 1.0),
        sides=24,
    )


@cache
def formed_pad(variant: int) -> Mesh:
    """A pad like `pad`, or square from a form."""
    return pad(variant) if variant < VARIANTS else moved(box(), put((0.82, 0.82, 1.0), (0, 0, 0)))


@cache
def spoil_ring(variant: int) -> Mesh:
    """Loose earth around a pile, with clods; on one side only in some variants."""
    rng = np.random.default_rng([22, variant])
    profile = (
        (0.12, 0.2),
        (0.3, 0.45),
        (0.45, 0.8),
        (0.58, 0.9),
        (0.7, 0.6),
        (0.8, 0.3),
        (0.9, 0.0),
        (1.0, -0.5),
    )
    earth = mound(rng, profile, rough=0.7, ragged=0.55, one_sided=(0.15, 0.5, 0.95)[variant % 3])
    return join([earth, *(_clod(rng, 0.15, 0.55) for _ in range(18))])


@cache
def hole_rim(variant: int) -> Mesh:
    """Earth around a drilled hole of PIT_FRACTION of its diameter, more of it on one side."""
    rng = np.random.default_rng([23, variant])
    profile = (
        (0.5, -0.1),
        (0.54, 0.5),
        (0.62, 0.8),
        (0.72, 0.7),
        (0.82, 0.35),
        (0.92, 0.0),
        (1.0, -0.5),
    )
    earth = mound(rng, profile, rough=0.6, ragged=0.3, one_sided=(0.2, 0.45)[variant % 2])
    return join([earth, *(_clod(rng, 0.36, 0.58) for _ in range(10))])


@cache
def puddle(variant: int) -> Mesh:
    """A flat patch with a ragged edge."""
    rng = np.random.default_rng([24, variant])
    profile = (
        (0.03, 0.5),
        (0.25, 0.5),
        (0.45, 0.5),
        (0.6, 0.45),
        (0.72, 0.3),
        (0.84, 0.05),
        (1.0, -0.8),
    )
    return mound(rng, profile, rough=0.2, ragged=0.6, one_sided=0.3)


def _clod(rng: np.random.Generator, nearest: float, farthest: float) -> Mesh:
    """An irregular piece of earth on the ground (z = MOUND_GROUND), between two distances from the
    axis."""
    size = rng.uniform(0.015, 0.05)
    away = rng.uniform(nearest, farthest) * 0.8
    angle = rng.uniform(0, 2 * np.pi)
    corners = (np.arange(5) + rng.uniform(-0.3, 0.3, 5)) * (2 * np.pi / 5)
    low = polar(size * rng.uniform(0.7, 1.0, 5), corners, 0.4) + polar(away, angle, 0.0)
    middle = low.mean(axis=0)
    high = middle + (low - middle) * rng.uniform(0.4, 0.7)
    high[:, 2] = MOUND_GROUND + (1 - MOUND_GROUND) * rng.uniform(0.3, 1.1)
    return loft(np.stack([low, high]))
