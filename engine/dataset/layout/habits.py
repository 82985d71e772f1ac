"""How each kind of thing occurs on a site: how often, how large, in which colours, alone or in groups, where."""

from dataclasses import KW_ONLY, dataclass
from enum import StrEnum

from engine.dataset.scene.things import DistractorKind as Kind

Tint = tuple[float, float, float]
MACHINES: tuple[Kind, ...] = (Kind.EXCAVATOR, Kind.RIG, Kind.LOADER, Kind.ROLLER)  # from the largest to the smallest
MACHINE_SHARES = (0.4, 0.25, 0.2, 0.15)
USUAL_AREA_M2 = 30_000.0  # a picture of 200 x 150 m


def _palette(text: str) -> tuple[Tint, ...]:
    """`1 1 1, 0.5 0.03 0.03` -> factors for red, green and blue of each colour."""
    red_green_blue = ([float(part) for part in color.split()] for color in text.split(", "))
    return tuple((red, green, blue) for red, green, blue in red_green_blue)


CAR_PAINTS = _palette(
    "1 1 1, 0.95 0.95 0.93, 0.42 0.43 0.45, 0.06 0.06 0.065, 0.2 0.21 0.22, 0.5 0.03 0.03, 0.03 0.08 0.3, "
    "0.05 0.12 0.08, 0.45 0.36 0.24"
)
SITE_PAINTS = _palette(
    "0.02 0.08 0.4, 0.45 0.03 0.02, 0.04 0.22 0.07, 0.03 0.03 0.03, 0.85 0.55 0.03, 0.95 0.95 0.93, 0.8 0.2 0.02, "
    "0.26 0.1 0.05, 0.35 0.36 0.36, 0.12 0.3 0.45"
)
CABIN_PAINTS = _palette(
    "0.95 0.95 0.93, 0.02 0.1 0.35, 0.35 0.05 0.03, 0.05 0.16 0.1, 0.3 0.12 0.06, 0.4 0.42 0.42, 0.75 0.68 0.5, "
    "0.6 0.25 0.03"
)
VESTS = _palette("1.1 0.28 0.02, 0.75 1.1 0.05, 1.1 0.42 0.02, 0.05 0.1 0.4, 0.3 0.3 0.3")
LEAVES = _palette(
    "0.62 0.62 0.7, 0.36 0.46 0.55, 0.9 0.8 0.75, 1.25 0.9 0.75, 0.85 0.75 1.5, 1.7 0.85 0.7, 0.6 0.42 0.5"
)
"""From fresh green over olive, grey and yellow to brown; light that comes from whole crowns is half that of a leaf."""
WINTER_LEAVES = _palette("0.3 0.36 0.5, 0.45 0.45 0.7, 1 0.5 0.8, 0.75 0.45 0.9")  # under snow: conifers, dead leaves
CONCRETES = _palette("1 1 1, 0.8 0.8 0.8, 1.15 1.14 1.1, 0.7 0.66 0.6, 0.95 0.9 0.8")
GRAVELS = _palette("0.7 0.7 0.72, 1 0.85 0.55, 0.45 0.44 0.44, 0.8 0.65 0.45, 1.1 1.1 1.1")
BAGS = _palette("1 1 1, 1 1 1, 0.9 0.86 0.74, 0.75 0.76 0.78, 0.5 0.6 0.45")
YELLOWS = _palette("1 1 1, 1 1 1, 1 1.05 1.2, 1.1 0.5 1, 1.05 1.8 32, 0.75 0.12 1.2, 0.12 0.55 4")
"""For yellow paint: yellow, orange, white, red, green."""
WATERS = _palette("1 1 1, 3.2 2.5 1.7, 2 1.8 1.6, 4.5 4.9 5.6, 6.5 7.2 8.6, 4.5 3.2 1.9")
"""Clear, muddy, and bright with the sky."""
TARPAULINS = _palette(
    "0.05 0.16 0.5, 0.75 0.6 0.22, 0.06 0.25 0.1, 0.6 0.46 0.16, 0.8 0.25 0.05, 0.9 0.9 0.88, 0.05 0.05 0.05"
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


@dataclass(frozen=True, slots=True)
class Habit:
    """How a kind occurs. The first six are the columns of HABITS."""

    footprint_m: float  # radius at scale 1, for any rotation and shape
    usual: float = 0.0  # mean number in a picture of USUAL_AREA_M2, in scenes that have this kind
    share: float = 0.0  # share of the scenes with piles that have this kind
    group: int = 1  # largest number of a group
    scales: tuple[float, float] = (0.85, 1.0)
    tints: tuple[Tint, ...] = NEUTRAL
    _: KW_ONLY
    apart_m: float = 0.0  # distance of a group's members on a lattice; 0: close together
    from_pile_m: float = 1.0  # least distance from its footprint to a pile's axis: more for what leans over in pictures
    max_slope: float = 0.3
    is_upright: bool = False  # True if it grows or stands plumb instead of leaning with the ground
    is_flat: bool = False  # True if it lies on the ground like paint: the ground must not show through
    lift_m: float = 0.0  # height of its foot above the ground
    where: Where = Where.ANYWHERE


HABITS: dict[Kind, Habit] = {
    Kind.EXCAVATOR: Habit(5.0, 0, 0, 1, (0.55, 1.0), YELLOWS),
    Kind.RIG: Habit(4.2, 0, 0, 1, (0.8, 1.1), YELLOWS, from_pile_m=1.5),
    Kind.LOADER: Habit(4.0, 0, 0, 1, (0.7, 1.0), YELLOWS),
    Kind.ROLLER: Habit(3.2, 0, 0, 1, (0.7, 1.0), YELLOWS),
    Kind.BAG: Habit(0.6, 0, 0, 4, (0.85, 1.0), BAGS),
    Kind.TREE: Habit(
        2.0, 14, 0.3, 5, (0.6, 1.6), LEAVES, from_pile_m=2.5, max_slope=0.9, is_upright=True, where=Where.EDGE
    ),
    Kind.BARE_TREE: Habit(
        2.0, 8, 0.2, 3, (0.6, 1.5), NEUTRAL, from_pile_m=2.5, max_slope=0.9, is_upright=True, where=Where.EDGE
    ),
    Kind.TRUCK: Habit(4.25, 2, 0.3, 1, (0.85, 1.0), CAR_PAINTS, from_pile_m=2.0, max_slope=0.2, where=Where.ROAD),
    Kind.CONTAINER: Habit(
        3.4, 2, 0.25, 3, (0.98, 1.0), CABIN_PAINTS, from_pile_m=2.0, max_slope=0.15, where=Where.DEPOT
    ),
    Kind.HUT: Habit(3.5, 1.5, 0.2, 1, (0.8, 1.0), CABIN_PAINTS, from_pile_m=2.0, max_slope=0.15, where=Where.DEPOT),
    Kind.PILE_STACK: Habit(3.4, 3, 0.35, 3, (0.85, 1.0), CONCRETES, max_slope=0.2, where=Where.DEPOT),
    Kind.TABLE: Habit(2.7, 6, 0.2, 5, (1.0, 1.0), NEUTRAL, apart_m=4.65, from_pile_m=1.5, max_slope=0.2, lift_m=0.8),
    Kind.VAN: Habit(2.95, 2, 0.25, 1, (0.85, 1.0), CAR_PAINTS, from_pile_m=1.5, max_slope=0.2, where=Where.ROAD),
    Kind.PICKUP: Habit(2.85, 3, 0.35, 1, (0.85, 1.0), CAR_PAINTS, from_pile_m=1.5, max_slope=0.2, where=Where.ROAD),
    Kind.CAR: Habit(2.5, 3, 0.3, 3, (0.85, 1.0), CAR_PAINTS, from_pile_m=1.3, max_slope=0.2, where=Where.ROAD),
    Kind.REBAR: Habit(3.2, 4, 0.4, 2, (0.6, 1.0), NEUTRAL, where=Where.DEPOT),
    Kind.LYING_PILE: Habit(3.4, 9, 0.45, 4, (0.7, 1.0), CONCRETES),
    Kind.STEEL_TUBES: Habit(1.8, 5, 0.3, 3, (0.8, 1.2), NEUTRAL, where=Where.DEPOT),
    Kind.FORMWORK: Habit(1.8, 4, 0.2, 2, (0.85, 1.0), PLYWOOD, where=Where.DEPOT),
    Kind.MODULE_PALLET: Habit(1.4, 10, 0.25, 6, (0.95, 1.0), PALLETS, where=Where.DEPOT),
    Kind.PUDDLE: Habit(1.25, 16, 0.3, 4, (0.25, 1.5), WATERS, max_slope=0.08, is_flat=True),
    Kind.CABLE_DRUM: Habit(0.85, 7, 0.35, 4, (0.45, 1.4), BOARDS, from_pile_m=1.2, where=Where.DEPOT),
    Kind.TOILET: Habit(0.85, 2, 0.25, 2, (0.95, 1.0), CABIN_PAINTS, from_pile_m=2.0, max_slope=0.1, where=Where.WORK),
    Kind.RING: Habit(0.62, 12, 0.4, 5, (0.35, 1.5), CONCRETES, from_pile_m=1.2),
    Kind.BOARDS: Habit(0.95, 10, 0.3, 3, (0.85, 1.0), BOARDS, lift_m=-0.012, where=Where.WORK),
    Kind.COVER: Habit(0.82, 6, 0.2, 1, (0.8, 1.4), TARPAULINS, lift_m=0.4, where=Where.DEPOT),
    Kind.HOLE: Habit(0.8, 30, 0.4, 9, (0.6, 1.5), NEUTRAL, apart_m=3.8, max_slope=0.15, is_flat=True),
    Kind.PAD: Habit(0.64, 16, 0.35, 6, (0.5, 1.25), CONCRETES, apart_m=3.8, max_slope=0.2, is_flat=True),
    Kind.HEAP: Habit(0.66, 22, 0.45, 6, (0.5, 2.2), GRAVELS),
    Kind.TYRE: Habit(0.7, 12, 0.35, 5, (0.8, 1.2), SITE_PAINTS),
    Kind.CUT_OFF: Habit(0.75, 20, 0.4, 5, (0.8, 1.1), CONCRETES),
    Kind.DEBRIS: Habit(0.8, 25, 0.7, 3, (0.5, 1.0), CONCRETES),
    Kind.BUSH: Habit(0.63, 45, 0.45, 8, (0.4, 2.2), LEAVES, max_slope=0.9, is_upright=True, where=Where.EDGE),
    Kind.LID: Habit(0.6, 9, 0.3, 3, (0.5, 1.1), SITE_PAINTS, max_slope=0.15, is_flat=True),
    Kind.BARREL: Habit(0.55, 16, 0.4, 6, (0.7, 1.1), SITE_PAINTS),
    Kind.STUMP: Habit(0.45, 14, 0.25, 4, (0.6, 1.6), NEUTRAL, is_upright=True),
    Kind.PERSON: Habit(0.72, 9, 0.5, 4, (0.93, 1.05), VESTS, is_upright=True, where=Where.WORK),
    Kind.FLAG: Habit(0.36, 16, 0.25, 8, (0.85, 1.0), SITE_PAINTS, apart_m=3.0, is_upright=True),
    Kind.BUCKET: Habit(0.26, 16, 0.4, 4, (0.75, 1.25), SITE_PAINTS, where=Where.WORK),
    Kind.STAKE: Habit(0.15, 45, 0.35, 14, (0.85, 1.0), SITE_PAINTS, apart_m=3.6, is_upright=True),
    # Pieces of lines, not scattered.
    Kind.FENCE: Habit(1.65, tints=CABIN_PAINTS, from_pile_m=1.1, max_slope=0.45),
    Kind.TRENCH: Habit(2.2, from_pile_m=2.0, max_slope=0.2, is_flat=True),
}
"""From the largest to the smallest, which is the order of placing."""
