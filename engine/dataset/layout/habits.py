"""How each kind of thing occurs on a site: how often, how large, in which colours, alone or in
groups, where."""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from engine.dataset.scene.things import DistractorKind as Kind

Tint = tuple[float, float, float]
# from the largest to the smallest
MACHINES: tuple[Kind, ...] = (Kind.EXCAVATOR, Kind.RIG, Kind.LOADER, Kind.ROLLER)
MACHINE_WEIGHTS = (0.4, 0.25, 0.2, 0.15)
USUAL_AREA_M2 = 30_000.0  # a picture of 200 x 150 m


def _palette(text: str) -> tuple[Tint, ...]:
    """`1 1 1, 0.5 0.03 0.03` -> factors for red, green and blue of each colour."""
    red_green_blue = ([float(part) for part in color.split()] for color in text.split(", "))
    return tuple((red, green, blue) for red, green, blue in red_green_blue)


CAR_PAINTS = _palette(
    "1 1 1, 0.95 0.95 0.93, 0.42 0.43 0.45, 0.06 0.06 0.065, 0.2 0.21 0.22, 0.5 0.03 0.03, 0.03 "
    "0.08 0.3, "
    "0.05 0.12 0.08, 0.45 0.36 0.24"
)
SITE_PAINTS = _palette(
    "0.02 0.08 0.4, 0.45 0.03 0.02, 0.04 0.22 0.07, 0.03 0.03 0.03, 0.85 0.55 0.03, 0.95 0.95 "
    "0.93, 0.8 0.2 0.02, "
    "0.26 0.1 0.05, 0.35 0.36 0.36, 0.12 0.3 0.45"
)
CABIN_PAINTS = _palette(
    "0.95 0.95 0.93, 0.02 0.1 0.35, 0.35 0.05 0.03, 0.05 0.16 0.1, 0.3 0.12 0.06, 0.4 0.42 0.42, "
    "0.75 0.68 0.5, "
    "0.6 0.25 0.03"
)
VESTS = _palette("1.1 0.28 0.02, 0.75 1.1 0.05, 1.1 0.42 0.02, 0.05 0.1 0.4, 0.3 0.3 0.3")
LEAVES = _palette(
    "0.62 0.62 0.7, 0.36 0.46 0.55, 0.9 0.8 0.75, 1.25 0.9 0.75, 0.85 0.75 1.5, 1.7 0.85 0.7, 0.6 "
    "0.42 0.5"
)
"""From fresh green over olive, grey and yellow to brown; light that comes from whole crowns is half
that of a leaf."""
# under snow: conifers, dead leaves
WINTER_LEAVES = _palette("0.3 0.36 0.5, 0.45 0.45 0.7, 1 0.5 0.8, 0.75 0.45 0.9")
CONCRETES = _palette("1 1 1, 0.8 0.8 0.8, 1.15 1.14 1.1, 0.7 0.66 0.6, 0.95 0.9 0.8")
GRAVELS = _palette("0.7 0.7 0.72, 1 0.85 0.55, 0.45 0.44 0.44, 0.8 0.65 0.45, 1.1 1.1 1.1")
BAGS = _palette("1 1 1, 1 1 1, 0.9 0.86 0.74, 0.75 0.76 0.78, 0.5 0.6 0.45")
YELLOWS = _palette("1 1 1, 1 1 1, 1 1.05 1.2, 1.1 0.5 1, 1.05 1.8 32, 0.75 0.12 1.2, 0.12 0.55 4")
"""For yellow paint: yellow, orange, white, red, green."""
WATERS = _palette("1 1 1, 3.2 2.5 1.7, 2 1.8 1.6, 4.5 4.9 5.6, 6.5 7.2 8.6, 4.5 3.2 1.9")
"""Clear, muddy, and bright with the sky."""
TARPAULINS = _palette(
    "0.05 0.16 0.5, 0.75 0.6 0.22, 0.06 0.25 0.1, 0.6 0.46 0.16, 0.8 0.25 0.05, 0.9 0.9 0.88, "
    "0.05 0.05 0.05"
)
BOARDS = _palette("1 1 1, 1.7 1.75 1.7, 0.7 0.72 0.8, 1.3 1.2 1")
PLYWOOD = _palette("0.5 0.3 0.12, 0.14 0.06 0.03, 0.75 0.5 0.08, 0.4 0.3 0.2")
PALLETS = _palette("0.5 0.36 0.22, 0.9 0.9 0.88")  # cardboard, and white plastic
NEUTRAL = _palette("1 1 1")


class Where(StrEnum):
    """Where a kind is mostly found."""

    ANYWHERE = "anywhere"
    DEPOT = "depot"
    ROAD = "road"
    EDGE = "edge"
    WORK = "work"  # near machines and depots


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How often a kind of thing occurs on a site, how large, in which colours, and where."""

    footprint_m: float  # radius at scale 1, for any rotation and shape
    count: float = 0.0  # mean number in a picture of USUAL_AREA_M2, in scenes that have this kind
    chance: float = 0.0  # probability that a scene with piles has this kind
    group: int = 1  # largest number of a group
    scales: tuple[float, float] = (0.85, 1.0)
    tints: tuple[Tint, ...] = NEUTRAL
    apart_m: float = 0.0  # distance of a group's members on a lattice; 0: close together
    # least distance from its footprint to a pile's axis: more for what leans over in pictures
    from_pile_m: float = 1.0
    max_slope: float = 0.3
    is_upright: bool = False  # True if it grows or stands plumb instead of leaning with the ground
    is_flat: bool = (
        False  # True if it lies on the ground like paint: the ground must not show through
    )
    lift_m: float = 0.0  # height of its foot above the ground
    where: Where = Where.ANYWHERE


at_depot = partial(Habit, where=Where.DEPOT)
on_road = partial(Habit, where=Where.ROAD, max_slope=0.2)
at_edge = partial(Habit, where=Where.EDGE, max_slope=0.9, is_upright=True)
near_work = partial(Habit, where=Where.WORK)
flat = partial(Habit, is_flat=True)
upright = partial(Habit, is_upright=True)
HABITS: dict[Kind, Habit] = {
    Kind.EXCAVATOR: Habit(footprint_m=5.0, scales=(0.55, 1.0), tints=YELLOWS),
    Kind.RIG: Habit(footprint_m=4.2, scales=(0.8, 1.1), tints=YELLOWS, from_pile_m=1.5),
    Kind.LOADER: Habit(footprint_m=4.0, scales=(0.7, 1.0), tints=YELLOWS),
    Kind.ROLLER: Habit(footprint_m=3.2, scales=(0.7, 1.0), tints=YELLOWS),
    Kind.BAG: Habit(footprint_m=0.6, group=4, tints=BAGS),
    Kind.TREE: at_edge(footprint_m=2.0, count=14, chance=0.3, group=5, scales=(0.6, 1.6),
        tints=LEAVES,
        from_pile_m=2.5),
    Kind.BARE_TREE: at_edge(footprint_m=2.0, count=8, chance=0.2, group=3, scales=(0.6, 1.5),
        from_pile_m=2.5),
    Kind.TRUCK: on_road(footprint_m=4.25, count=2, chance=0.3, tints=CAR_PAINTS, from_pile_m=2.0),
    Kind.CONTAINER: at_depot(footprint_m=3.4, count=2, chance=0.25, group=3, scales=(0.98, 1.0),
        tints=CABIN_PAINTS,
        from_pile_m=2.0, max_slope=0.15),
    Kind.HUT: at_depot(footprint_m=3.5, count=1.5, chance=0.2, scales=(0.8, 1.0),
        tints=CABIN_PAINTS, from_pile_m=2.0,
        max_slope=0.15),
    Kind.PILE_STACK: at_depot(footprint_m=3.4, count=3, chance=0.35, group=3, tints=CONCRETES,
        max_slope=0.2),
    Kind.TABLE: Habit(footprint_m=2.7, count=6, chance=0.2, group=5, scales=(1.0, 1.0),
        apart_m=4.65, from_pile_m=1.5,
        max_slope=0.2, lift_m=0.8),
    Kind.VAN: on_road(footprint_m=2.95, count=2, chance=0.25, tints=CAR_PAINTS, from_pile_m=1.5),
    Kind.PICKUP: on_road(footprint_m=2.85, count=3, chance=0.35, tints=CAR_PAINTS, from_pile_m=1.5),
    Kind.CAR: on_road(footprint_m=2.5, count=3, chance=0.3, group=3, tints=CAR_PAINTS,
        from_pile_m=1.3),
    Kind.REBAR: at_depot(footprint_m=3.2, count=4, chance=0.4, group=2, scales=(0.6, 1.0)),
    Kind.LYING_PILE: Habit(footprint_m=3.4, count=9, chance=0.45, group=4, scales=(0.7, 1.0),
        tints=CONCRETES),
    Kind.STEEL_TUBES: at_depot(footprint_m=1.8, count=5, chance=0.3, group=3, scales=(0.8, 1.2)),
    Kind.FORMWORK: at_depot(footprint_m=1.8, count=4, chance=0.2, group=2, tints=PLYWOOD),
    Kind.MODULE_PALLET: at_depot(footprint_m=1.4, count=10, chance=0.25, group=6, scales=(0.95,
        1.0), tints=PALLETS),
    Kind.PUDDLE: flat(footprint_m=1.25, count=16, chance=0.3, group=4, scales=(0.25, 1.5),
        tints=WATERS,
        max_slope=0.08),
    Kind.CABLE_DRUM: at_depot(footprint_m=0.85, count=7, chance=0.35, group=4, scales=(0.45, 1.4),
        tints=BOARDS,
        from_pile_m=1.2),
    Kind.TOILET: near_work(footprint_m=0.85, count=2, chance=0.25, group=2, scales=(0.95, 1.0),
        tints=CABIN_PAINTS,
        from_pile_m=2.0, max_slope=0.1),
    Kind.RING: Habit(footprint_m=0.62, count=12, chance=0.4, group=5, scales=(0.35, 1.5),
        tints=CONCRETES,
        from_pile_m=1.2),
    Kind.BOARDS: near_work(footprint_m=0.95, count=10, chance=0.3, group=3, tints=BOARDS,
        lift_m=-0.012),
    Kind.COVER: at_depot(footprint_m=0.82, count=6, chance=0.2, scales=(0.8, 1.4), tints=TARPAULINS,
        lift_m=0.4),
    Kind.HOLE: flat(footprint_m=0.8, count=30, chance=0.4, group=9, scales=(0.6, 1.5), apart_m=3.8,
        max_slope=0.15),
    Kind.PAD: flat(footprint_m=0.64, count=16, chance=0.35, group=6, scales=(0.5, 1.25),
        tints=CONCRETES, apart_m=3.8,
        max_slope=0.2),
    Kind.HEAP: Habit(footprint_m=0.66, count=22, chance=0.45, group=6, scales=(0.5, 2.2),
        tints=GRAVELS),
    Kind.TYRE: Habit(footprint_m=0.7, count=12, chance=0.35, group=5, scales=(0.8, 1.2),
        tints=SITE_PAINTS),
    Kind.CUT_OFF: Habit(footprint_m=0.75, count=20, chance=0.4, group=5, scales=(0.8, 1.1),
        tints=CONCRETES),
    Kind.DEBRIS: Habit(footprint_m=0.8, count=25, chance=0.7, group=3, scales=(0.5, 1.0),
        tints=CONCRETES),
    Kind.BUSH: at_edge(footprint_m=0.63, count=45, chance=0.45, group=8, scales=(0.4, 2.2),
        tints=LEAVES),
    Kind.LID: flat(footprint_m=0.6, count=9, chance=0.3, group=3, scales=(0.5, 1.1),
        tints=SITE_PAINTS, max_slope=0.15),
    Kind.BARREL: Habit(footprint_m=0.55, count=16, chance=0.4, group=6, scales=(0.7, 1.1),
        tints=SITE_PAINTS),
    Kind.STUMP: upright(footprint_m=0.45, count=14, chance=0.25, group=4, scales=(0.6, 1.6)),
    Kind.PERSON: near_work(footprint_m=0.72, count=9, chance=0.5, group=4, scales=(0.93, 1.05),
        tints=VESTS,
        is_upright=True),
    Kind.FLAG: upright(footprint_m=0.36, count=16, chance=0.25, group=8, tints=SITE_PAINTS,
        apart_m=3.0),
    Kind.BUCKET: near_work(footprint_m=0.26, count=16, chance=0.4, group=4, scales=(0.75, 1.25),
        tints=SITE_PAINTS),
    Kind.STAKE: upright(footprint_m=0.15, count=45, chance=0.35, group=14, tints=SITE_PAINTS,
        apart_m=3.6),
    # Pieces of lines, not scattered.
    Kind.FENCE: Habit(footprint_m=1.65, tints=CABIN_PAINTS, from_pile_m=1.1, max_slope=0.45),
    Kind.TRENCH: flat(footprint_m=2.2, from_pile_m=2.0, max_slope=0.2),
}  # fmt: skip
"""All kinds, from the largest to the smallest, which is the order of placing."""
