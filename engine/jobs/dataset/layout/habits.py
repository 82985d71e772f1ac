"""How each kind of thing occurs on a site: how often, how large, in which colours, alone or in groups, where."""

from dataclasses import dataclass

from engine.jobs.dataset.scene.things import DistractorKind as Kind

Tint = tuple[float, float, float]

CAR_PAINTS: tuple[Tint, ...] = (
    (1.0, 1.0, 1.0),
    (0.95, 0.95, 0.93),
    (0.42, 0.43, 0.45),
    (0.06, 0.06, 0.065),
    (0.2, 0.21, 0.22),
    (0.5, 0.03, 0.03),
    (0.03, 0.08, 0.3),
    (0.05, 0.12, 0.08),
    (0.45, 0.36, 0.24),
)
SITE_PAINTS: tuple[Tint, ...] = (
    (0.02, 0.08, 0.4),
    (0.45, 0.03, 0.02),
    (0.04, 0.22, 0.07),
    (0.03, 0.03, 0.03),
    (0.85, 0.55, 0.03),
    (0.95, 0.95, 0.93),
    (0.8, 0.2, 0.02),
    (0.26, 0.1, 0.05),
    (0.35, 0.36, 0.36),
    (0.12, 0.3, 0.45),
)
CABIN_PAINTS: tuple[Tint, ...] = (
    (0.95, 0.95, 0.93),
    (0.02, 0.1, 0.35),
    (0.35, 0.05, 0.03),
    (0.05, 0.16, 0.1),
    (0.3, 0.12, 0.06),
    (0.4, 0.42, 0.42),
    (0.75, 0.68, 0.5),
    (0.6, 0.25, 0.03),
)
VESTS: tuple[Tint, ...] = ((1.1, 0.28, 0.02), (0.75, 1.1, 0.05), (1.1, 0.42, 0.02), (0.05, 0.1, 0.4), (0.3, 0.3, 0.3))
LEAVES: tuple[Tint, ...] = (
    (0.62, 0.62, 0.7),
    (0.36, 0.46, 0.55),
    (0.9, 0.8, 0.75),
    (1.25, 0.9, 0.75),
    (0.85, 0.75, 1.5),
    (1.7, 0.85, 0.7),
    (0.6, 0.42, 0.5),
)
"""From fresh green over olive, grey and yellow to brown; light that comes from whole crowns is half that of a leaf."""
WINTER_LEAVES: tuple[Tint, ...] = ((0.3, 0.36, 0.5), (0.45, 0.45, 0.7), (1.0, 0.5, 0.8), (0.75, 0.45, 0.9))
"""Under snow: conifers, and dead leaves."""
CONCRETES: tuple[Tint, ...] = ((1.0, 1.0, 1.0), (0.8, 0.8, 0.8), (1.15, 1.14, 1.1), (0.7, 0.66, 0.6), (0.95, 0.9, 0.8))
GRAVELS: tuple[Tint, ...] = (
    (0.7, 0.7, 0.72),
    (1.0, 0.85, 0.55),
    (0.45, 0.44, 0.44),
    (0.8, 0.65, 0.45),
    (1.1, 1.1, 1.1),
)
BAGS: tuple[Tint, ...] = ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (0.9, 0.86, 0.74), (0.75, 0.76, 0.78), (0.5, 0.6, 0.45))
YELLOWS: tuple[Tint, ...] = (
    (1.0, 1.0, 1.0),
    (1.0, 1.0, 1.0),
    (1.0, 1.05, 1.2),
    (1.1, 0.5, 1.0),
    (1.05, 1.8, 32.0),
    (0.75, 0.12, 1.2),
    (0.12, 0.55, 4.0),
)
"""For yellow paint: yellow, orange, white, red, green."""
WATERS: tuple[Tint, ...] = (
    (1.0, 1.0, 1.0),
    (3.2, 2.5, 1.7),
    (2.0, 1.8, 1.6),
    (4.5, 4.9, 5.6),
    (6.5, 7.2, 8.6),
    (4.5, 3.2, 1.9),
)
"""Clear, muddy, and bright with the sky."""
TARPAULINS: tuple[Tint, ...] = (
    (0.05, 0.16, 0.5),
    (0.75, 0.6, 0.22),
    (0.06, 0.25, 0.1),
    (0.6, 0.46, 0.16),
    (0.8, 0.25, 0.05),
    (0.9, 0.9, 0.88),
    (0.05, 0.05, 0.05),
)
BOARDS: tuple[Tint, ...] = ((1.0, 1.0, 1.0), (1.7, 1.75, 1.7), (0.7, 0.72, 0.8), (1.3, 1.2, 1.0))
PLYWOOD: tuple[Tint, ...] = ((0.5, 0.3, 0.12), (0.14, 0.06, 0.03), (0.75, 0.5, 0.08), (0.4, 0.3, 0.2))
NEUTRAL: tuple[Tint, ...] = ((1.0, 1.0, 1.0),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    footprint_m: float
    """Radius at scale 1, for any rotation and shape."""
    usual: float
    """Mean number in a picture of USUAL_AREA_M2, in scenes that have this kind."""
    share: float
    """Share of the scenes with piles that have this kind."""
    group: int = 1
    """Largest number of a group."""
    apart_m: float = 0.0
    """Distance of a group's members on a lattice; 0: close together."""
    scales: tuple[float, float] = (0.85, 1.0)
    tints: tuple[Tint, ...] = NEUTRAL
    from_pile_m: float = 1.0
    """Minimum distance from its footprint to a pile's axis: more for tall things, which lean over in a picture."""
    max_slope: float = 0.3
    is_upright: bool = False
    """True if it grows or stands plumb instead of leaning with the ground."""
    is_flat: bool = False
    """True if it lies on the ground like paint: the ground must not show through."""
    lift_m: float = 0.0
    """Height of its foot above the ground."""
    at_depot: bool = False
    on_road: bool = False
    at_edge: bool = False
    near_work: bool = False
    """True if it is found near machines and depots."""


MACHINES: tuple[Kind, ...] = (Kind.EXCAVATOR, Kind.RIG, Kind.LOADER, Kind.ROLLER)
"""From the largest to the smallest."""
MACHINE_SHARES = (0.4, 0.25, 0.2, 0.15)
USUAL_AREA_M2 = 30_000.0
"""A picture of 200 x 150 m."""

HABITS: dict[Kind, Habit] = {
    Kind.EXCAVATOR: Habit(footprint_m=5.0, usual=0, share=0, scales=(0.55, 1.0), tints=YELLOWS),
    Kind.RIG: Habit(footprint_m=4.2, usual=0, share=0, scales=(0.8, 1.1), tints=YELLOWS, from_pile_m=1.5),
    Kind.LOADER: Habit(footprint_m=4.0, usual=0, share=0, scales=(0.7, 1.0), tints=YELLOWS),
    Kind.ROLLER: Habit(footprint_m=3.2, usual=0, share=0, scales=(0.7, 1.0), tints=YELLOWS),
    Kind.BAG: Habit(footprint_m=0.6, usual=0, share=0, group=4, tints=BAGS),
    Kind.TREE: Habit(
        footprint_m=2.0,
        usual=14,
        share=0.3,
        group=5,
        scales=(0.6, 1.6),
        tints=LEAVES,
        from_pile_m=2.5,
        max_slope=0.9,
        is_upright=True,
        at_edge=True,
    ),
    Kind.BARE_TREE: Habit(
        footprint_m=2.0,
        usual=8,
        share=0.2,
        group=3,
        scales=(0.6, 1.5),
        from_pile_m=2.5,
        max_slope=0.9,
        is_upright=True,
        at_edge=True,
    ),
    Kind.TRUCK: Habit(
        footprint_m=4.25, usual=2, share=0.3, tints=CAR_PAINTS, from_pile_m=2.0, max_slope=0.2, on_road=True
    ),
    Kind.CONTAINER: Habit(
        footprint_m=3.4,
        usual=2,
        share=0.25,
        group=3,
        scales=(0.98, 1.0),
        tints=CABIN_PAINTS,
        from_pile_m=2.0,
        max_slope=0.15,
        at_depot=True,
    ),
    Kind.HUT: Habit(
        footprint_m=3.5,
        usual=1.5,
        share=0.2,
        scales=(0.8, 1.0),
        tints=CABIN_PAINTS,
        from_pile_m=2.0,
        max_slope=0.15,
        at_depot=True,
    ),
    Kind.PILE_STACK: Habit(
        footprint_m=3.4, usual=3, share=0.35, group=3, tints=CONCRETES, max_slope=0.2, at_depot=True
    ),
    Kind.TABLE: Habit(
        footprint_m=2.7,
        usual=6,
        share=0.2,
        group=5,
        apart_m=4.65,
        scales=(1.0, 1.0),
        from_pile_m=1.5,
        max_slope=0.2,
        lift_m=0.8,
    ),
    Kind.VAN: Habit(
        footprint_m=2.95, usual=2, share=0.25, tints=CAR_PAINTS, from_pile_m=1.5, max_slope=0.2, on_road=True
    ),
    Kind.PICKUP: Habit(
        footprint_m=2.85, usual=3, share=0.35, tints=CAR_PAINTS, from_pile_m=1.5, max_slope=0.2, on_road=True
    ),
    Kind.CAR: Habit(
        footprint_m=2.5, usual=3, share=0.3, group=3, tints=CAR_PAINTS, from_pile_m=1.3, max_slope=0.2, on_road=True
    ),
    Kind.REBAR: Habit(footprint_m=3.2, usual=4, share=0.4, group=2, scales=(0.6, 1.0), at_depot=True),
    Kind.LYING_PILE: Habit(footprint_m=3.4, usual=9, share=0.45, group=4, scales=(0.7, 1.0), tints=CONCRETES),
    Kind.STEEL_TUBES: Habit(footprint_m=1.8, usual=5, share=0.3, group=3, scales=(0.8, 1.2), at_depot=True),
    Kind.FORMWORK: Habit(footprint_m=1.8, usual=4, share=0.2, group=2, tints=PLYWOOD, at_depot=True),
    Kind.MODULE_PALLET: Habit(
        footprint_m=1.4,
        usual=10,
        share=0.25,
        group=6,
        scales=(0.95, 1.0),
        tints=((0.5, 0.36, 0.22), (0.9, 0.9, 0.88)),
        at_depot=True,
    ),
    Kind.PUDDLE: Habit(
        footprint_m=1.25, usual=16, share=0.3, group=4, scales=(0.25, 1.5), tints=WATERS, max_slope=0.08, is_flat=True
    ),
    Kind.CABLE_DRUM: Habit(
        footprint_m=0.85, usual=7, share=0.35, group=4, scales=(0.45, 1.4), tints=BOARDS, from_pile_m=1.2, at_depot=True
    ),
    Kind.TOILET: Habit(
        footprint_m=0.85,
        usual=2,
        share=0.25,
        group=2,
        scales=(0.95, 1.0),
        tints=CABIN_PAINTS,
        from_pile_m=2.0,
        max_slope=0.1,
        near_work=True,
    ),
    Kind.RING: Habit(
        footprint_m=0.62, usual=12, share=0.4, group=5, scales=(0.35, 1.5), tints=CONCRETES, from_pile_m=1.2
    ),
    Kind.BOARDS: Habit(footprint_m=0.95, usual=10, share=0.3, group=3, tints=BOARDS, lift_m=-0.012, near_work=True),
    Kind.COVER: Habit(
        footprint_m=0.82, usual=6, share=0.2, scales=(0.8, 1.4), tints=TARPAULINS, lift_m=0.4, at_depot=True
    ),
    Kind.HOLE: Habit(
        footprint_m=0.8, usual=30, share=0.4, group=9, apart_m=3.8, scales=(0.6, 1.5), max_slope=0.15, is_flat=True
    ),
    Kind.PAD: Habit(
        footprint_m=0.64,
        usual=16,
        share=0.35,
        group=6,
        apart_m=3.8,
        scales=(0.5, 1.25),
        tints=CONCRETES,
        max_slope=0.2,
        is_flat=True,
    ),
    Kind.HEAP: Habit(footprint_m=0.66, usual=22, share=0.45, group=6, scales=(0.5, 2.2), tints=GRAVELS),
    Kind.TYRE: Habit(footprint_m=0.7, usual=12, share=0.35, group=5, scales=(0.8, 1.2), tints=SITE_PAINTS),
    Kind.CUT_OFF: Habit(footprint_m=0.75, usual=20, share=0.4, group=5, scales=(0.8, 1.1), tints=CONCRETES),
    Kind.DEBRIS: Habit(footprint_m=0.8, usual=25, share=0.7, group=3, scales=(0.5, 1.0), tints=CONCRETES),
    Kind.BUSH: Habit(
        footprint_m=0.63,
        usual=45,
        share=0.45,
        group=8,
        scales=(0.4, 2.2),
        tints=LEAVES,
        max_slope=0.9,
        is_upright=True,
        at_edge=True,
    ),
    Kind.LID: Habit(
        footprint_m=0.6, usual=9, share=0.3, group=3, scales=(0.5, 1.1), tints=SITE_PAINTS, max_slope=0.15, is_flat=True
    ),
    Kind.BARREL: Habit(footprint_m=0.55, usual=16, share=0.4, group=6, scales=(0.7, 1.1), tints=SITE_PAINTS),
    Kind.STUMP: Habit(footprint_m=0.45, usual=14, share=0.25, group=4, scales=(0.6, 1.6), is_upright=True),
    Kind.PERSON: Habit(
        footprint_m=0.72, usual=9, share=0.5, group=4, scales=(0.93, 1.05), tints=VESTS, is_upright=True, near_work=True
    ),
    Kind.FLAG: Habit(footprint_m=0.36, usual=16, share=0.25, group=8, apart_m=3.0, tints=SITE_PAINTS, is_upright=True),
    Kind.BUCKET: Habit(
        footprint_m=0.26, usual=16, share=0.4, group=4, scales=(0.75, 1.25), tints=SITE_PAINTS, near_work=True
    ),
    Kind.STAKE: Habit(
        footprint_m=0.15, usual=45, share=0.35, group=14, apart_m=3.6, tints=SITE_PAINTS, is_upright=True
    ),
}
"""From the largest to the smallest, which is the order of placing. Fences and trenches follow lines (lines.py)."""

FENCE_FOOTPRINT_M = 1.65
TRENCH_FOOTPRINT_M = 2.2
