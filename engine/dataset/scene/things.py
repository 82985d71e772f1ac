"""The things on a site: foundation piles, and everything that must not be mistaken for one; and the
limits of a scene's numbers, which msgspec checks when it is read from JSON."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

Number = Annotated[float, Meta(ge=-1e6, le=1e6)]
SignedInteger = Annotated[int, Meta(ge=-(10**6), le=10**6)]
UnitFloat = Annotated[float, Meta(ge=0, le=1)]
Factor = Annotated[float, Meta(ge=0, le=10)]
Slope = Annotated[float, Meta(ge=-3, le=3)]
Turn = Annotated[float, Meta(ge=-720, le=720)]  # degrees
Uint32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
InstanceNumber = Annotated[int, Meta(ge=1, le=65535)]
"""The largest that a picture can hold; 0, the default of new things, is not written to files."""
ColorFactor = Annotated[float, Meta(ge=0, le=100)]
Tint = tuple[ColorFactor, ColorFactor, ColorFactor]
Rgb = tuple[UnitFloat, UnitFloat, UnitFloat]  # linear light, Rec. 709 primaries.
Points = tuple[tuple[Number, Number], ...]  # metres
PILE_CATEGORY = "pile"


class FootKind(StrEnum):
    # recipe 1: a concrete pad around concrete, a heap of spoil around steel; part of the pile
    OWN = "own"
    NONE = "none"
    SPOIL = "spoil"  # a ring of loose earth. Ground, not part of the pile.
    HOLE = "hole"  # a drilled hole, wider than the pile, with earth around it. Ground.
    MUD = "mud"  # a wet, trodden patch. Ground.
    GROUT = "grout"  # a collar of grout around the foot; part of the pile
    PAD = "pad"  # a concrete pad; part of the pile


class CapKind(StrEnum):
    NONE = "none"
    PLASTIC = "plastic"  # a coloured cap over the head
    PLATE = "plate"  # a steel plate on the head


class PaintColor(StrEnum):
    RED = "red"
    ORANGE = "orange"
    BLUE = "blue"
    WHITE = "white"
    YELLOW = "yellow"
    GREEN = "green"
    BLACK = "black"


class PaintPlace(StrEnum):
    NONE = "none"
    HEAD = "head"  # sprayed over the head
    RING = "ring"  # a ring below the head


class Filling(StrEnum):
    OPEN = "open"  # dark inside
    EARTH = "earth"
    CONCRETE = "concrete"


class PileKind(StrEnum):
    PHC = "phc"  # prestressed concrete tube, 300, 400 or 500 mm
    SPIRAL_STEEL = "spiral_steel"  # screw pile, 76 to 159 mm, with a flange of 220 mm on top
    CAST_IN_PLACE = "cast_in_place"  # concrete post with bars, 300 mm in recipe 1
    # driven tube, with or without a flange. This and the next kinds are in recipe 2 only
    STEEL_TUBE = "steel_tube"
    H_SECTION = "h_section"  # rolled section, driven: a post of a solar table
    C_SECTION = "c_section"  # cold-formed section with lips, driven


class DistractorKind(StrEnum):
    BAG = "bag"
    EXCAVATOR = "excavator"
    LOADER = "loader"
    ROLLER = "roller"
    DEBRIS = "debris"  # a broken piece of concrete
    REBAR = "rebar"  # a bundle of bars along its own x axis

    # In recipe 2 only:
    RIG = "rig"  # a crawler that drives piles
    LYING_PILE = "lying_pile"
    PILE_STACK = "pile_stack"
    CUT_OFF = "cut_off"  # a short piece cut off the head of a pile, on its side
    STEEL_TUBES = "steel_tubes"
    FORMWORK = "formwork"
    BOARDS = "boards"
    RING = "ring"  # a concrete ring of a manhole
    HOLE = "hole"  # a bored hole without a pile
    PAD = "pad"  # concrete poured or spilt on the ground where no pile stands
    HEAP = "heap"  # a small heap of earth, sand or gravel
    BARREL = "barrel"
    BUCKET = "bucket"
    TYRE = "tyre"
    CABLE_DRUM = "cable_drum"
    LID = "lid"  # a manhole cover or a vent
    PUDDLE = "puddle"
    BUSH = "bush"
    TREE = "tree"
    BARE_TREE = "bare_tree"
    STUMP = "stump"
    CAR = "car"
    VAN = "van"
    PICKUP = "pickup"
    TRUCK = "truck"
    CONTAINER = "container"
    HUT = "hut"
    TOILET = "toilet"
    FENCE = "fence"  # one panel; a fence is a row of them
    TRENCH = "trench"  # a piece of an open trench, with the spoil beside it
    PERSON = "person"
    TABLE = "table"  # a mounting table: rails, some or all of them with modules
    MODULE_PALLET = "module_pallet"
    STAKE = "stake"
    FLAG = "flag"
    COVER = "cover"  # a tarpaulin or straw, laid over something


_K = DistractorKind
_CATEGORIES: dict[str, tuple[DistractorKind, ...]] = {
    "bag": (_K.BAG,),
    "machine": (_K.EXCAVATOR, _K.LOADER, _K.ROLLER, _K.RIG),
    "vehicle": (_K.CAR, _K.VAN, _K.PICKUP, _K.TRUCK),
    "material": (
        *(_K.REBAR, _K.LYING_PILE, _K.PILE_STACK, _K.STEEL_TUBES),
        *(_K.FORMWORK, _K.BOARDS, _K.RING, _K.CABLE_DRUM),
    ),
    "debris": (_K.DEBRIS, _K.CUT_OFF),
    "hole": (_K.HOLE,),
    "pad": (_K.PAD,),
    "heap": (_K.HEAP,),
    "trench": (_K.TRENCH,),
    "barrel": (_K.BARREL, _K.BUCKET),
    "tyre": (_K.TYRE,),
    "lid": (_K.LID,),
    "puddle": (_K.PUDDLE,),
    "vegetation": (_K.BUSH, _K.TREE, _K.BARE_TREE, _K.STUMP),
    "container": (_K.CONTAINER, _K.HUT, _K.TOILET),
    "fence": (_K.FENCE,),
    "person": (_K.PERSON,),
    "panel": (_K.TABLE, _K.MODULE_PALLET),
    "marker": (_K.STAKE, _K.FLAG),
    "cover": (_K.COVER,),
}
_CATEGORY_OF = {kind: category for category, kinds in _CATEGORIES.items() for kind in kinds}
CATEGORIES = (PILE_CATEGORY, *_CATEGORIES)  # every class that a detector can be taught


def category_of(kind: DistractorKind) -> str:
    """The class of a thing in labels, one of CATEGORIES: an excavator is a `machine`."""
    return _CATEGORY_OF[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """One foundation pile: post, base, hoop and flange are one instance, numbered from 1 in the
    order of the scene."""

    kind: PileKind
    x_m: Number
    y_m: Number
    ground_m: Number  # z of the ground at its axis
    exposed_m: Annotated[float, Meta(ge=0.01, le=20)]  # height of the top above that, along z
    diameter_m: Annotated[float, Meta(ge=0.01, le=5)]  # a section's depth, its larger side
    # of the collar or heap around the foot, see `foot`
    base_diameter_m: Annotated[float, Meta(ge=0, le=20)]
    base_height_m: Annotated[float, Meta(ge=0, le=5)]
    flange_diameter_m: Annotated[float, Meta(ge=0, le=5)] = 0.0  # 0 if there is no flange
    has_hoop: bool = False  # True if a steel ring is around the head of a PHC pile
    is_cracked: bool = False
    rust: Annotated[int, Meta(ge=0, le=3)] = (
        0  # grade of rust of steel: 0 bright, 1 spotted, 2 brown, 3 flaking
    )
    tilt_x: Annotated[float, Meta(ge=-1, le=1)] = 0.0  # tilt of the axis to the east, radians
    tilt_y: Annotated[float, Meta(ge=-1, le=1)] = 0.0  # tilt to the north, radians
    turn: Number = 0.0  # rotation around its axis, radians
    shade: Factor = 1.0  # factor for the brightness of its material
    table: SignedInteger = (
        0  # number of the table that it carries; the tops of a table's piles are coplanar
    )
    number: InstanceNumber = (
        0  # its instance number in every picture of the scene; 0: its index in the scene, from 1
    )
    foot: FootKind = FootKind.OWN
    foot_shade: Factor = 1.0  # factor for the brightness of its foot
    width_m: Annotated[float, Meta(ge=0, le=5)] = (
        0.0  # the smaller side of a section; 0 for round piles
    )
    bars_m: Annotated[float, Meta(ge=0, le=5)] = (
        0.22  # length of the bars above the head; only of piles cast in place
    )
    has_end_plate: bool = False  # True if the head of a PHC pile has its steel end plate
    filling: Filling = Filling.OPEN  # inside a tube
    cap: CapKind = CapKind.NONE
    cap_color: PaintColor = PaintColor.BLACK
    paint: PaintPlace = PaintPlace.NONE
    paint_color: PaintColor = PaintColor.RED
    paint_m: Annotated[float, Meta(ge=0, le=20)] = 0.15  # length of the painted part
    dirt_m: Annotated[float, Meta(ge=0, le=20)] = 0.0  # height of splashed earth above the ground
    tint: Tint = (1.0, 1.0, 1.0)  # factors for the colour of its material, beside `shade`

    @property
    def head_m(self) -> tuple[float, float, float]:
        """Middle of its top: x, y and z."""
        east = self.exposed_m * math.tan(self.tilt_x)
        north = self.exposed_m * math.tan(self.tilt_y)
        return self.x_m + east, self.y_m + north, self.top_m

    @property
    def tilt_deg(self) -> float:
        """Angle between its axis and the vertical."""
        return math.degrees(math.atan(math.hypot(math.tan(self.tilt_x), math.tan(self.tilt_y))))

    @property
    def label_attributes(self) -> dict[str, str | float]:
        """Attributes of the pile in a list of piles, beside its position; JSON values."""
        return {
            "kind": self.kind.value,
            "diameter_m": round(self.diameter_m, 4),
            "width_m": round(self.width_m or self.diameter_m, 4),
            "exposed_m": round(self.exposed_m, 4),
            "tilt_deg": round(self.tilt_deg, 3),
            "foot": self.foot.value,
            "paint": "none"
            if self.paint is PaintPlace.NONE
            else f"{self.paint_color.value} {self.paint.value}",
            "cap": "none"
            if self.cap is CapKind.NONE
            else f"{self.cap_color.value} {self.cap.value}",
            "filling": self.filling.value,
            "rust": self.rust,
        }

    @property
    def top_m(self) -> float:
        return self.ground_m + self.exposed_m


@dataclass(frozen=True, slots=True, kw_only=True)
class Distractor:
    """A thing that must not be mistaken for a pile. Aligned with the ground's slope."""

    kind: DistractorKind
    x_m: Number
    y_m: Number
    ground_m: Number
    turn: Number  # rotation around its own z in radians, counter-clockwise from above
    slope_x: Slope = 0.0  # rise of the ground under it per metre to the east
    slope_y: Slope = 0.0
    scale: Annotated[float, Meta(ge=0.01, le=20)] = 1.0
    shape_seed: Uint32 = (
        0  # 32 bits; seeds the shape of things that differ each time, such as debris
    )
    shade: Factor = 1.0
    number: InstanceNumber = (
        0  # its number in every picture of the scene; 0: none, and it cannot be labelled
    )
    # factors for what is painted, woven or grown on it; not glass, rubber or steel
    tint: Tint = (1.0, 1.0, 1.0)
    lift_m: Annotated[float, Meta(ge=-20, le=50)] = 0.0
    """Height of its foot above `ground_m`: a table stands on piles, a lid lies on uneven ground."""
