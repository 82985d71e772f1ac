"""Equipment of a site: containers, huts, toilets, fences, people, stakes, flags."""

from functools import cache

import numpy as np

from engine.jobs.dataset.geometry.batches import Surface
from engine.jobs.dataset.geometry.kit import Kit, Model
from engine.jobs.dataset.geometry.placing import put
from engine.jobs.dataset.geometry.primitives import cylinder, loft, revolve

CONTAINER_SHAPES = 2
HUT_SHAPES = 2
TOILET_SHAPES = 2
FENCE_SHAPES = 3
PERSON_SHAPES = 6
STAKE_SHAPES = 3
FLAG_SHAPES = 2
FENCE_M = 3.0
"""Length of one panel."""


@cache
def container(variant: int) -> Model:
    """A shipping container, 6.06 x 2.44 x 2.59 m, or one of half the length. Radius at most 3.3 m."""
    kit = Kit()
    half = (3.03, 1.5)[variant % 2]
    kit.box(Surface.PAINT, (-half, half), (-1.2, 1.2), (-0.1, 2.52))
    for x in np.arange(-half + 0.22, half - 0.1, 0.28):  # corrugation of the roof and of the walls
        kit.box(Surface.PAINT, (x - 0.07, x + 0.07), (-1.215, 1.215), (0.1, 2.555))
    for y in (-1.22, 1.1):
        kit.box(Surface.PAINT, (-half, half), (y, y + 0.12), (2.42, 2.59))
    for x in (-half - 0.02, half - 0.1):
        kit.box(Surface.PAINT, (x, x + 0.12), (-1.22, 1.22), (2.42, 2.59))
        for y in (-1.23, 1.05):
            kit.box(Surface.DARK_PAINT, (x - 0.005, x + 0.125), (y, y + 0.18), (2.47, 2.6))
    return kit.model()


@cache
def hut(variant: int) -> Model:
    """A site hut 6 x 2.4 m with a flat or a ridged roof. Radius at most 3.5 m."""
    kit = Kit()
    kit.box(Surface.PAINT, (-2.95, 2.95), (-1.15, 1.15), (-0.1, 2.5))
    for x in (-1.8, 1.4):
        kit.box(Surface.GLASS, (x - 0.5, x + 0.5), (-1.17, 1.17), (1.1, 1.9))
    if variant == 0:
        kit.box(Surface.STEEL, (-3.05, 3.05), (-1.25, 1.25), (2.5, 2.62))
        for x in (-3.05, 2.95):
            kit.box(Surface.PAINT, (x, x + 0.1), (-1.27, 1.27), (2.5, 2.66))
        kit.box(Surface.BAG, (1.7, 2.5), (0.3, 0.9), (2.6, 2.95))
        return kit.model()
    for side in (-1, 1):
        profile = [(side * 1.4, 2.42), (0.0, 2.85), (0.0, 2.95), (side * 1.4, 2.5)]
        profile = profile[::-1] if side > 0 else profile
        # `prism` extrudes along y: turn it so that the ridge runs along x.
        roof = Kit()
        roof.prism(Surface.PAINT, profile, (-3.1, 3.1))
        kit.include(roof, put((1, 1, 1), (0, 0, 0), np.pi / 2))
    return kit.model()


@cache
def toilet(variant: int) -> Model:
    """A mobile toilet, 1.1 x 1.1 x 2.3 m. Radius at most 0.85 m."""
    kit = Kit()
    kit.box(Surface.DARK_PAINT, (-0.57, 0.57), (-0.57, 0.57), (-0.08, 0.12))
    kit.box(Surface.PAINT, (-0.54, 0.54), (-0.54, 0.54), (0.1, 2.15))
    roof = [(-0.58, 2.12), (0.58, 2.12), (0.58, 2.18), (0.2, 2.32), (-0.2, 2.32), (-0.58, 2.18)]
    kit.prism(Surface.BAG if variant == 0 else Surface.PAINT, roof, (-0.58, 0.58))
    kit.pipe(Surface.DARK_PAINT, (-0.4, 0.4), 0.05, (2.1, 2.5))
    return kit.model()


@cache
def fence(variant: int) -> Model:
    """A panel 3 m long, along x: mesh on concrete feet, wire on posts, or sheet metal. Radius at most 1.6 m."""
    kit = Kit()
    half = FENCE_M / 2
    if variant == 2:
        for x in np.arange(-half + 0.1, half, 0.2):
            kit.box(Surface.PAINT, (x - 0.09, x + 0.1), (-0.012, 0.012), (-0.3, 1.8))
            kit.box(Surface.PAINT, (x - 0.04, x + 0.04), (-0.03, 0.03), (-0.3, 1.8))
        return kit.model()
    if variant == 1:
        for x in (-half, 0.0):
            kit.stick(Surface.PAINT, (x, 0.0, -0.4), (x, 0.0, 1.6), 0.08, 6)
        for z in (0.3, 0.7, 1.1, 1.5):
            kit.stick(Surface.STEEL, (-half, 0.0, z), (half, 0.0, z), 0.015)
        return kit.model()
    for x in (-half + 0.03, half - 0.03):
        kit.stick(Surface.STEEL, (x, 0.0, -0.1), (x, 0.0, 2.0), 0.045, 6)
        kit.box(Surface.CONCRETE, (x - 0.12, x + 0.12), (-0.35, 0.35), (-0.15, 0.14))
    for z in (0.2, 1.96):
        kit.stick(Surface.STEEL, (-half, 0.0, z), (half, 0.0, z), 0.04)
    for x in np.linspace(-half + 0.15, half - 0.15, 19):
        kit.stick(Surface.STEEL, (float(x), 0.0, 0.2), (float(x), 0.0, 1.96), 0.014, 3)
    for z in np.linspace(0.5, 1.7, 4):
        kit.stick(Surface.STEEL, (-half, 0.0, float(z)), (half, 0.0, float(z)), 0.014, 3)
    return kit.model()


@cache
def person(variant: int) -> Model:
    """Someone in a helmet and a vest: standing, walking, bent over, with a shovel. Radius at most 0.75 m."""
    rng = np.random.default_rng([73, variant])
    kit = Kit()
    stride = (0.06, 0.28, 0.1, 0.12, 0.25, 0.05)[variant % 6]
    bent = (0.0, 0.06, 0.42, 0.25, 0.08, 0.0)[variant % 6]
    hip, shoulder = 0.88 - 0.15 * bent, 1.42 - 0.6 * bent
    trousers = Surface.DARK_PAINT if variant % 2 else Surface.BARK
    for side in (-1, 1):
        foot = (side * stride, side * 0.1, -0.03)
        kit.stick(trousers, foot, (0.0, side * 0.09, hip), (0.12, 0.18), 6)
        kit.box(Surface.DARK_PAINT, (foot[0] - 0.08, foot[0] + 0.19), (foot[1] - 0.05, foot[1] + 0.05), (-0.05, 0.09))
        hand = (bent * 0.8 + rng.uniform(0.0, 0.3), side * rng.uniform(0.22, 0.36), shoulder - rng.uniform(0.45, 0.6))
        kit.stick(Surface.CLOTH, (bent, side * 0.22, shoulder), hand, (0.13, 0.08), 6)
    middle = np.linspace(0, 1, 5)
    angles = np.arange(14) * (2 * np.pi / 14)
    outline = np.stack([0.14 * np.cos(angles), 0.25 * np.sin(angles)], axis=1)
    width = np.array([0.72, 0.8, 0.95, 1.0, 0.5])
    sections = np.empty((5, 14, 3))
    sections[..., :2] = outline[None] * width[:, None, None]
    sections[..., 0] += (bent * middle)[:, None]
    sections[..., 2] = (hip - 0.05 + (shoulder + 0.06 - hip) * middle)[:, None]
    kit.add(Surface.CLOTH, loft(sections))
    kit.stick(Surface.BARK, (bent, 0.0, shoulder), (bent + 0.04, 0.0, shoulder + 0.16), 0.13, 8)
    head = (bent + 0.05, 0.0, shoulder + 0.14)
    helmet = revolve([(0, 0), (0.16, 0), (0.155, 0.03), (0.13, 0.04), (0.11, 0.13), (0.05, 0.18), (0, 0.185)], 16)
    kit.solid((Surface.BAG, Surface.YELLOW_PAINT, Surface.STEEL)[variant % 3], helmet, (1.12, 1.0, 1.0), head)
    if variant == 3:
        kit.stick(Surface.TIMBER, (0.15, 0.3, 0.9), (0.66, -0.2, 0.05), 0.035)
    return kit.model()


@cache
def stake(variant: int) -> Model:
    """A wooden stake with a painted head, 0.5 to 0.9 m high. Radius at most 0.2 m."""
    kit = Kit()
    high = (0.55, 0.85, 0.35)[variant % 3]
    kit.box(Surface.TIMBER, (-0.025, 0.025), (-0.025, 0.025), (-0.2, high))
    kit.box(Surface.PAINT, (-0.03, 0.03), (-0.03, 0.03), (high - 0.16, high + 0.004))
    if variant == 1:
        kit.box(Surface.PAINT, (-0.025, 0.025), (-0.14, 0.14), (high - 0.22, high - 0.1))
    elif variant == 2:
        kit.solid(Surface.PAINT, cylinder(12), (0.16, 0.16, 0.012), (0, 0, 0.01))
    return kit.model()


@cache
def flag(variant: int) -> Model:
    """A marker flag on a wire, 0.7 m high, its cloth along x. Radius at most 0.35 m."""
    kit = Kit()
    kit.stick(Surface.STEEL, (0.0, 0.0, -0.15), (0.0, 0.0, 0.7), 0.012, 3)
    lean = (0.1, -0.15)[variant % 2]
    kit.stick(Surface.CLOTH, (0.0, 0.0, 0.6), (0.3, lean, 0.5), (0.2, 0.14), 4)
    return kit.model()
