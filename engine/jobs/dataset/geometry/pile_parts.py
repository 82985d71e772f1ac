"""Solids from which piles are assembled. Diameter 1 and z 0..1 unless noted; each is built once and cached."""

from functools import cache

import numpy as np

from engine.jobs.dataset.geometry.batches import Mesh
from engine.jobs.dataset.geometry.meshes import join, moved
from engine.jobs.dataset.geometry.placing import put
from engine.jobs.dataset.geometry.primitives import cylinder, loft, rough_cylinder, slab, tube, uneven_disc

SIDES = 20
STEEL_SIDES = 14
PHC_BORE = 0.55  # share of the diameter; 400 mm piles have walls of about 90 mm
STEEL_BORE = 0.9
FLANGE_THICK_M = 0.016
FLANGE_BORE = 0.28  # share of the flange's diameter; 62 mm of 220, less than the thinnest tube
PROUD_M = 0.004  # offset of a dark patch from its surface; more than the depth buffer's error at 100 m
BLADE_TURNS = 1.25
VARIANTS = 4
"""Number of shapes of pads, of heaps and of poured posts, used in turn."""


@cache
def phc_tube() -> Mesh:
    return tube(PHC_BORE, SIDES)


@cache
def steel_tube() -> Mesh:
    return tube(STEEL_BORE, STEEL_SIDES)


@cache
def plug() -> Mesh:
    return cylinder(SIDES)


@cache
def steel_plug() -> Mesh:
    return cylinder(STEEL_SIDES)


@cache
def hoop() -> Mesh:
    return tube(0.93, SIDES)


@cache
def flange() -> Mesh:
    return tube(FLANGE_BORE, STEEL_SIDES)


@cache
def flange_holes() -> Mesh:
    """The flange's dark bore and its six bolt holes, in the flange's own space."""
    wide, bolt_wide = FLANGE_BORE * 1.02, 0.1
    high = 0.2 + PROUD_M / FLANGE_THICK_M
    holes = [moved(cylinder(STEEL_SIDES), put((wide, wide, 0.4), (0, 0, 0.1)))]
    for angle in np.arange(6) * (np.pi / 3):
        at = (0.4 * np.cos(angle), 0.4 * np.sin(angle), 0.8)
        holes.append(moved(cylinder(4), put((bolt_wide, bolt_wide, high), at)))
    return join(holes)


@cache
def screw_blade() -> Mesh:
    """A helix around a tube of diameter 1; its outer diameter is 2."""
    count = 12
    angles = np.linspace(0, 2 * np.pi * BLADE_TURNS, count)
    bottoms = np.linspace(0, 0.9, count)
    sections = np.empty((count, 4, 3))
    for corner, (radius, rise) in enumerate(((0.95, 0.0), (0.45, 0.0), (0.45, 0.1), (0.95, 0.1))):
        sections[:, corner, 0] = radius * np.cos(angles)
        sections[:, corner, 1] = radius * np.sin(angles)
        sections[:, corner, 2] = bottoms + rise
    return loft(sections)


@cache
def poured_post(variant: int) -> Mesh:
    return rough_cylinder(np.random.default_rng([5, variant]), SIDES)


@cache
def pad(variant: int) -> Mesh:
    """Concrete poured around the foot: nearly round, its upper edge rounded."""
    rng = np.random.default_rng([9, variant])
    return uneven_disc(rng, 0.06, shares=(1.0, 1.0, 0.97, 0.85), levels=(0.0, 0.9, 1.0, 1.0))


@cache
def heap(variant: int) -> Mesh:
    """Earth thrown up by the screw. Vertical sides below 0.6, which is under the ground."""
    rng = np.random.default_rng([6, variant])
    return uneven_disc(rng, 0.2, shares=(1.0, 1.0, 0.88, 0.6), levels=(0.0, 0.6, 0.85, 1.0))


@cache
def stubs() -> Mesh:
    """Six bars around the axis, starting a little inside the concrete (z = 0); they lean and differ in height."""
    rng = np.random.default_rng([7])
    bars = []
    for angle in np.arange(6) * (np.pi / 3):
        matrix = put((0.06, 0.06, rng.uniform(0.75, 1.1)), (0.33 * np.cos(angle), 0.33 * np.sin(angle), -0.1))
        matrix[:2, 2] = rng.uniform(-0.08, 0.08, 2)
        bars.append(moved(cylinder(4), matrix))
    return join(bars)


CRACK_ANGLES = (0.0, 2.2)


@cache
def ring_crack() -> Mesh:
    """Wedges over the ring of a PHC head, open to the outside; x and y in diameters, z in metres from the top."""
    inner, outer = PHC_BORE / 2 - 0.005, 0.505
    outline = [(inner, -0.012), (outer, -0.04), (outer, 0.04), (inner, 0.012)]
    wedge = slab(outline, -0.01, PROUD_M)
    return join([moved(wedge, put((1, 1, 1), (0, 0, 0), angle)) for angle in CRACK_ANGLES])


@cache
def side_crack() -> Mesh:
    """A zigzag crack down the side of a cylinder of diameter 1: wide at z = 1, closed at its lower end."""
    rng = np.random.default_rng([8])
    cracks = []
    for angle, low in zip(CRACK_ANGLES, (0.0, 0.35), strict=True):
        levels = np.linspace(low, 1.0, 7)
        middle = angle + np.append(rng.uniform(-0.14, 0.14, 6), 0.0)
        half = np.linspace(0.015, 0.09, 7)
        sections = np.empty((7, 4, 3))
        for corner, (radius, side) in enumerate(((0.45, -1), (0.5, -1), (0.5, 1), (0.45, 1))):
            sections[:, corner, 0] = radius * np.cos(middle + side * half)
            sections[:, corner, 1] = radius * np.sin(middle + side * half)
            sections[:, corner, 2] = levels
        cracks.append(loft(sections))
    return join(cracks)
