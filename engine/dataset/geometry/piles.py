"""Foundation piles as batches; every part of a pile carries its number, the loose ground at its
foot none. Its frame has the origin at the foot, z along the axis, x in the direction of its `turn`;
the post starts 0.3 m, its foot, on the slope of the ground, 0.25 m or more below it, so that
nothing floats."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.dataset.geometry import pile_parts as parts
from engine.dataset.geometry.batches import LOOKS, InstanceBatch, Mesh, Surface
from engine.dataset.geometry.meshes import Axes, around, polar, sized, standing
from engine.dataset.geometry.primitives import MOUND_GROUND, box, cylinder, tube
from engine.dataset.scene.description import GroundLook, Terrain
from engine.dataset.scene.things import (
    CapKind,
    Filling,
    FootKind,
    PaintColor,
    PaintPlace,
    Pile,
    PileKind,
)

POST_DEPTH_M = 0.3
BASE_DEPTH_M = 0.25
BASE_SLOPE_OVER_M = 1.0
UNDER_M = 0.05  # minimum depth of a base below the lowest ground at its edge
STEEL_TINTS = np.array([[1.0, 1.0, 1.0], [0.88, 0.68, 0.52], [1.0, 1.0, 1.0], [0.62, 0.55, 0.55]])
"""Tint by grade of rust; from grade 2 the surface is RUST."""
FIRST_RUSTY_GRADE = 2

PLUG_BELOW_TOP_M = 0.04  # the hole must stay dark to a camera that looks in at 45 degrees
EARTH_BELOW_TOP_M = 0.07
FLANGE_INSIDE_M = 0.008  # a flanged tube ends in the middle of its flange
HOOP_HIGH_M = 0.14
HOOP_OUT_M = 0.012
POURED_TINT = np.array([0.90, 0.88, 0.84])  # poured on site: duller than a factory-made pile
SPOIL_SHADE = 0.72  # factor for the subsoil's colour; fresh earth is moist
PAD_TINT = np.array([0.84, 0.81, 0.76])  # dirty from footsteps

PAINT_RGB = {
    PaintColor.RED: (0.45, 0.035, 0.025),
    PaintColor.ORANGE: (0.62, 0.17, 0.02),
    PaintColor.BLUE: (0.03, 0.10, 0.40),
    PaintColor.WHITE: (0.72, 0.72, 0.70),
    PaintColor.YELLOW: (0.65, 0.45, 0.03),
    PaintColor.GREEN: (0.04, 0.26, 0.06),
    PaintColor.BLACK: (0.03, 0.03, 0.03),
}
"""Linear albedo."""
PAINT_OUT_M = 0.005
DIRT_OUT_M = 0.004
DIRT_BELOW_M = 0.2
END_PLATE_M = 0.02
END_PLATE_UP_M = 0.004
CAP_OUT_M = 0.012
CAP_HIGH_M = 0.09
PLATE_OUT_M = 0.02
PLATE_THICK_M = 0.014
COATED = 2.0  # factor for the plates of a section under paint or dirt

FRESH = 0.75  # factor for the subsoil's colour under the feet of recipe 2: fresh earth is moist
WET = 0.3
PIT_UP_M = 0.03
PIT_DARK = 0.16
GROUT_RGB = np.array([0.47, 0.47, 0.455])
PAD_RGB = np.array([0.44, 0.41, 0.35])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PileGroup:
    """Struct of arrays for k piles, each (k, ...), in the order of the scene."""

    piles: np.ndarray  # (k,) of Pile
    numbers: np.ndarray
    frames: np.ndarray  # (k, 4, 4)
    base_frames: np.ndarray  # (k, 4, 4): like frames, but z is the normal of the ground
    base_depth: np.ndarray
    length: np.ndarray  # length along the axis, from the ground to the top
    diameter: np.ndarray
    width: np.ndarray  # smaller side of a section, else the diameter

    def at(self, chosen: np.ndarray) -> "PileGroup":
        return PileGroup(**{name: getattr(self, name)[chosen] for name in self.__slots__})

    def each(self, name: str) -> np.ndarray:
        """Values of a field of Pile, (k,)."""
        return np.array([getattr(pile, name) for pile in self.piles])

    def where(self, name: str, value: object) -> np.ndarray:
        """Mask of the piles with this value of a field, (k,) bool."""
        return np.array([getattr(pile, name) == value for pile in self.piles], bool)

    def sized(self, size: Axes, at: Axes = (0, 0, 0)) -> np.ndarray:
        return sized(len(self.numbers), size, at)

    def post(self, top: np.ndarray) -> np.ndarray:
        """Transforms of the post from below the ground up to `top`, as wide as the pile."""
        return self.sized((self.diameter, self.width, top + POST_DEPTH_M), (0, 0, -POST_DEPTH_M))

    def sleeve(self, low: np.ndarray | float, high: np.ndarray | float, out_m: float) -> np.ndarray:
        """Transforms of a sleeve around the post between two heights, `out_m` larger on all
        sides."""
        return self.sized(
            (self.diameter + 2 * out_m, self.width + 2 * out_m, high - low), (0, 0, low)
        )

    def base(self) -> np.ndarray:
        """Transforms of a foot that reaches into the ground."""
        wide = self.each("base_diameter_m")
        return self.sized(
            (wide, wide, self.each("base_height_m") + self.base_depth), (0, 0, -self.base_depth)
        )

    def material(self, tints: np.ndarray | float = 1.0) -> np.ndarray:
        """Tints of the pile's material, (k, 3), times `tints`: (k, 3), or one for all."""
        shaded: np.ndarray = (
            np.ones((1, 3)) * tints * self.each("shade")[:, None] * self.each("tint").reshape(-1, 3)
        )
        return shaded

    def batch(
        self,
        name: str,
        mesh: Mesh,
        surface: Surface,
        local: np.ndarray,
        tints: np.ndarray | None = None,
        *,
        on_slope: bool = False,
        is_soil: bool = False,
    ) -> InstanceBatch:
        """One part of all piles. `local`: (k, 4, 4) from mesh space to the pile's frame, or, with
        `on_slope`, to that on the slope. `tints`: (k, 3), or one; None: the material's. `is_soil`:
        it has no number."""
        tints = self.material() if tints is None else tints
        return InstanceBatch(
            name=name,
            mesh=mesh,
            surface=surface,
            transforms=((self.base_frames if on_slope else self.frames) @ local).astype(np.float32),
            instances=(np.zeros_like(self.numbers) if is_soil else self.numbers).astype(np.uint16),
            tints=(np.ones((len(self.numbers), 1)) * tints).astype(np.float32),
            is_soil=is_soil,
        )

    def in_metal(self, name: str, mesh: Mesh, local: np.ndarray) -> Iterator[InstanceBatch]:
        """One batch of steel and one of rust, by grade."""
        rust = self.each("rust")
        rusty = rust >= FIRST_RUSTY_GRADE
        for chosen, surface in ((~rusty, Surface.STEEL), (rusty, Surface.RUST)):
            if chosen.any():
                some = self.at(chosen)
                tints = some.material(STEEL_TINTS[rust[chosen]])
                yield some.batch(f"{name} {surface}", mesh, surface, local[chosen], tints)

    def by_shape(self, count: int) -> Iterator[tuple[int, "PileGroup"]]:
        """Split the group by the number of its shape."""
        for variant in range(count):
            chosen = self.numbers % count == variant
            if chosen.any():
                yield variant, self.at(chosen)


def group_of(piles: tuple[Pile, ...], terrain: Terrain) -> PileGroup:
    def each(name: str) -> np.ndarray:
        return np.array([getattr(pile, name) for pile in piles])

    feet = np.stack([each("x_m"), each("y_m"), each("ground_m")], axis=1)
    axes = np.stack([np.tan(each("tilt_x")), np.tan(each("tilt_y")), np.ones(len(piles))], axis=1)
    slopes = terrain.slope_at(feet[:, 0], feet[:, 1], over_m=BASE_SLOPE_OVER_M)
    upwards = np.stack([-slopes[0], -slopes[1], np.ones(len(piles))], axis=1)
    base_frames = standing(feet, upwards, each("turn"))
    looks = np.empty(len(piles), object)
    looks[:] = piles
    return PileGroup(
        piles=looks,
        numbers=np.array([pile.number or placement for placement, pile in enumerate(piles, 1)]),
        frames=standing(feet, axes, each("turn")),
        base_frames=base_frames,
        base_depth=_depth_m(base_frames, each("base_diameter_m") / 2, terrain),
        length=each("exposed_m") * np.linalg.norm(axes, axis=1),
        diameter=each("diameter_m"),
        width=np.where(each("width_m") > 0, each("width_m"), each("diameter_m")),
    )


def _depth_m(base_frames: np.ndarray, radii: np.ndarray, terrain: Terrain) -> np.ndarray:
    """(k,) depth of each base below its plane, so that its whole edge is in the ground."""
    edge = polar(1.0, around(16), 0.0)  # (16, 3)
    points = (
        radii[:, None, None] * (edge @ base_frames[:, :3, :3].transpose(0, 2, 1))
        + base_frames[:, None, :3, 3]
    )
    gaps = (points[..., 2] - terrain.height_at(points[..., 0], points[..., 1])) * base_frames[
        :, None, 2, 2
    ]
    depths_m: np.ndarray = np.maximum(gaps.max(axis=1) + UNDER_M, BASE_DEPTH_M)
    return depths_m


def build_piles(
    piles: tuple[Pile, ...], terrain: Terrain, ground_look: GroundLook
) -> Iterator[InstanceBatch]:
    """All parts of all piles, one non-empty batch per part and surface. Spoil has the colour of the
    ground."""
    if not piles:
        return
    everyone = group_of(piles, terrain)
    where = everyone.where
    is_screwed = where("kind", PileKind.SPIRAL_STEEL)
    is_phc = where("kind", PileKind.PHC)
    is_cracked = where("is_cracked", True)
    is_own = where("foot", FootKind.OWN)
    is_dirty = everyone.each("dirt_m") > 0
    subsoil = np.array(ground_look.subsoil)
    soil = np.array(ground_look.soil)
    spoil = SPOIL_SHADE * subsoil / LOOKS[Surface.SPOIL].albedo
    earth = FRESH * subsoil / LOOKS[Surface.SPOIL].albedo
    mud = WET * (0.5 * soil + 0.5 * subsoil)
    concrete = np.array(LOOKS[Surface.CONCRETE].albedo)
    builders: tuple[tuple[np.ndarray, Callable[[PileGroup], Iterator[InstanceBatch]]], ...] = (
        (is_phc, _phc_posts),
        (is_screwed, partial(_steel_posts, has_blade=True)),
        (where("kind", PileKind.STEEL_TUBE), partial(_steel_posts, has_blade=False)),
        (
            where("kind", PileKind.H_SECTION),
            partial(_sections, name="h section", mesh=parts.h_section()),
        ),
        (
            where("kind", PileKind.C_SECTION),
            partial(_sections, name="c section", mesh=parts.c_section()),
        ),
        (where("kind", PileKind.CAST_IN_PLACE), _poured_posts),
        (everyone.each("flange_diameter_m") > 0, _flanges),
        (where("has_hoop", True), _hoops),
        (is_cracked & is_phc, _ring_cracks),
        (is_cracked, _side_cracks),
        (
            is_own & ~is_screwed,
            partial(_own_foot, shape=parts.pad, surface=Surface.CONCRETE, tint=PAD_TINT),
        ),
        (
            is_own & is_screwed,
            partial(_own_foot, shape=parts.heap, surface=Surface.SPOIL, tint=spoil),
        ),
        # Finishes and feet of recipe 2.
        (where("has_end_plate", True), _end_plates),
        (where("paint", PaintPlace.HEAD), partial(_paint, paint_place=PaintPlace.HEAD)),
        (where("paint", PaintPlace.RING), partial(_paint, paint_place=PaintPlace.RING)),
        (is_dirty, partial(_dirt, soil=soil)),
        (where("cap", CapKind.PLASTIC), _plastic_caps),
        (where("cap", CapKind.PLATE), _cap_plates),
        (
            where("foot", FootKind.SPOIL),
            partial(_feet, "spoil", parts.spoil_ring, Surface.SPOIL, earth),
        ),
        (where("foot", FootKind.HOLE), partial(_pits, earth=earth)),
        (where("foot", FootKind.MUD), partial(_feet, "mud", parts.puddle, Surface.MUD, mud)),
        (
            where("foot", FootKind.GROUT),
            partial(_feet, "grout", parts.collar, Surface.CONCRETE, GROUT_RGB / concrete),
        ),
        (
            where("foot", FootKind.PAD),
            partial(_feet, "pad", parts.formed_pad, Surface.CONCRETE, PAD_RGB / concrete),
        ),
    )
    for chosen, build in builders:
        if chosen.any():
            yield from build(everyone.at(chosen))


def _phc_posts(group: PileGroup) -> Iterator[InstanceBatch]:
    yield group.batch(
        "phc post", tube(parts.PHC_BORE, parts.SIDES), Surface.CONCRETE, group.post(group.length)
    )
    yield from _plugs(group, "phc", cylinder(parts.SIDES), parts.PHC_BORE)


def _steel_posts(group: PileGroup, *, has_blade: bool) -> Iterator[InstanceBatch]:
    has_flange = group.each("flange_diameter_m") > 0
    top = group.length - np.where(has_flange, FLANGE_INSIDE_M, 0.0)
    yield from group.in_metal(
        "steel post", tube(parts.STEEL_BORE, parts.STEEL_SIDES), group.post(top)
    )
    if has_blade:
        base_m = group.each("base_height_m")
        blade_m = np.clip((group.length - base_m) * 0.5, 0.02, 0.14)
        local = group.sized((group.diameter, group.diameter, blade_m), (0, 0, base_m - 0.02))
        yield from group.in_metal("screw blade", parts.screw_blade(), local)
    if not has_flange.all():
        yield from _plugs(
            group.at(~has_flange), "steel", cylinder(parts.STEEL_SIDES), parts.STEEL_BORE
        )


def _plugs(group: PileGroup, name: str, mesh: Mesh, bore: float) -> Iterator[InstanceBatch]:
    """The inside of tubes, ending below the rim; its edge is inside the wall."""
    wide = group.diameter * bore * 1.02
    for filling, part, surface, below_m in (
        (Filling.OPEN, "hole", Surface.DARK, PLUG_BELOW_TOP_M),
        (Filling.EARTH, "earth", Surface.SPOIL, EARTH_BELOW_TOP_M),
        (Filling.CONCRETE, "core", Surface.CONCRETE, PLUG_BELOW_TOP_M),
    ):
        local = group.sized(
            (wide, wide, group.length - below_m + BASE_DEPTH_M), (0, 0, -BASE_DEPTH_M)
        )
        chosen = group.where("filling", filling)
        if chosen.any():
            yield group.at(chosen).batch(f"{name} {part}", mesh, surface, local[chosen])


def _sections(group: PileGroup, name: str, mesh: Mesh) -> Iterator[InstanceBatch]:
    yield from group.in_metal(name, mesh, group.post(group.length))


def _poured_posts(group: PileGroup) -> Iterator[InstanceBatch]:
    for variant, some in group.by_shape(parts.VARIANTS):
        post = parts.poured_post(variant)
        tints = some.material(POURED_TINT)
        yield some.batch(
            f"poured post {variant}", post, Surface.CONCRETE, some.post(some.length), tints
        )
    bars = np.array(
        [
            next(count for widest_m, count in parts.STUBS if wide <= widest_m)
            for wide in group.diameter
        ]
    )
    for count in np.unique(bars).tolist():
        some = group.at(bars == count)
        local = some.sized((some.diameter, some.diameter, some.each("bars_m")), (0, 0, some.length))
        yield some.batch("stubs", parts.stubs(count), Surface.RUST, local)


def _flanges(group: PileGroup) -> Iterator[InstanceBatch]:
    wide = group.each("flange_diameter_m")
    base_m = group.length - parts.FLANGE_THICK_M
    local = group.sized((wide, wide, parts.FLANGE_THICK_M), (0, 0, base_m))
    yield from group.in_metal("flange", tube(parts.FLANGE_BORE, parts.STEEL_SIDES), local)
    yield group.batch("flange holes", parts.flange_holes(), Surface.DARK, local)


def _hoops(group: PileGroup) -> Iterator[InstanceBatch]:
    wide = group.diameter + 2 * HOOP_OUT_M
    # slightly below the rim: coplanar faces would flicker
    bottom_m = group.length - HOOP_HIGH_M - 0.003
    local = group.sized((wide, wide, HOOP_HIGH_M), (0, 0, bottom_m))
    yield from group.in_metal("hoop", tube(parts.HOOP_BORE, parts.SIDES), local)


def _ring_cracks(group: PileGroup) -> Iterator[InstanceBatch]:
    local = group.sized((group.diameter, group.diameter, 1.0), (0, 0, group.length))
    yield group.batch("crack over ring", parts.ring_crack(), Surface.DARK, local)


def _side_cracks(group: PileGroup) -> Iterator[InstanceBatch]:
    wide = group.diameter + 2 * parts.PROUD_M
    down = np.minimum(0.8 * group.length, 0.6)
    local = group.sized((wide, wide, down), (0, 0, group.length - down + parts.PROUD_M))
    yield group.batch("crack down side", parts.side_crack(), Surface.DARK, local)


def _own_foot(
    group: PileGroup, shape: Callable[[int], Mesh], surface: Surface, tint: np.ndarray
) -> Iterator[InstanceBatch]:
    for variant, some in group.by_shape(parts.VARIANTS):
        name = f"{shape.__name__} {variant}"
        tints = some.material(tint)
        yield some.batch(name, shape(variant), surface, some.base(), tints, on_slope=True)


def _end_plates(group: PileGroup) -> Iterator[InstanceBatch]:
    local = group.sleeve(group.length - END_PLATE_M, group.length + END_PLATE_UP_M, 0.001)
    yield from group.in_metal("end plate", tube(parts.END_PLATE_BORE, parts.SIDES), local)


def _paint(group: PileGroup, paint_place: PaintPlace) -> Iterator[InstanceBatch]:
    long_m = np.minimum(group.each("paint_m"), 0.8 * group.length)
    high = group.length + (
        0.002 if paint_place is PaintPlace.HEAD else -np.minimum(0.1, 0.15 * group.length)
    )
    local = group.sleeve(np.maximum(high - long_m, 0.0), high, PAINT_OUT_M)
    for chosen, mesh in _coats(group):
        some = group.at(chosen)
        yield some.batch(
            f"paint {paint_place}",
            mesh,
            Surface.SPRAY,
            local[chosen],
            _paint_colors(some, "paint_color"),
        )


def _dirt(group: PileGroup, soil: np.ndarray) -> Iterator[InstanceBatch]:
    high = np.minimum(group.each("dirt_m"), 0.7 * group.length)
    local = group.sleeve(np.full(len(high), -DIRT_BELOW_M), high, DIRT_OUT_M)
    for chosen, mesh in _coats(group):
        yield group.at(chosen).batch("dirt", mesh, Surface.MUD, local[chosen], 0.8 * soil)


def _coats(group: PileGroup) -> Iterator[tuple[np.ndarray, Mesh]]:
    """Piles by the shape of a coat around their post: chosen ones, (k,) bool, and a mesh like the
    post's."""
    shapes = (
        ((PileKind.PHC,), tube(parts.PHC_BORE, parts.SIDES)),
        ((PileKind.SPIRAL_STEEL, PileKind.STEEL_TUBE), tube(parts.STEEL_BORE, parts.STEEL_SIDES)),
        ((PileKind.CAST_IN_PLACE,), cylinder(parts.SIDES)),
        ((PileKind.H_SECTION,), parts.h_section(COATED)),
        ((PileKind.C_SECTION,), parts.c_section(COATED)),
    )
    for kinds, mesh in shapes:
        chosen = np.any([group.where("kind", kind) for kind in kinds], axis=0)
        if chosen.any():
            yield chosen, mesh


def _paint_colors(group: PileGroup, field: str) -> np.ndarray:
    return np.array([PAINT_RGB[color] for color in group.each(field).tolist()])


def _plastic_caps(group: PileGroup) -> Iterator[InstanceBatch]:
    is_round = group.each("width_m") == 0
    for chosen, mesh in ((is_round, parts.cap()), (~is_round, box())):
        if chosen.any():
            some = group.at(chosen)
            local = some.sleeve(some.length - CAP_HIGH_M, some.length + 0.012, CAP_OUT_M)
            yield some.batch("cap", mesh, Surface.SPRAY, local, _paint_colors(some, "cap_color"))


def _cap_plates(group: PileGroup) -> Iterator[InstanceBatch]:
    local = group.sleeve(group.length, group.length + PLATE_THICK_M, PLATE_OUT_M)
    yield from group.in_metal("cap plate", box(), local)


def _feet(
    name: str, shape: Callable[[int], Mesh], surface: Surface, tint: np.ndarray, group: PileGroup
) -> Iterator[InstanceBatch]:
    is_loose = surface is not Surface.CONCRETE  # a mound, on the ground at MOUND_GROUND
    for variant, some in group.by_shape(parts.FOOT_VARIANTS):
        local = some.base()
        if is_loose:
            wide = some.each("base_diameter_m")
            high = some.each("base_height_m") / (1 - MOUND_GROUND)
            local = some.sized((wide, wide, high), (0, 0, -MOUND_GROUND * high))
        tints = tint * some.each("foot_shade")[:, None]
        yield some.batch(
            f"{name} {variant}",
            shape(variant),
            surface,
            local,
            tints,
            on_slope=True,
            is_soil=is_loose,
        )


def _pits(group: PileGroup, earth: np.ndarray) -> Iterator[InstanceBatch]:
    yield from _feet("hole rim", parts.hole_rim, Surface.SPOIL, earth, group)
    wide = parts.PIT_FRACTION * group.each("base_diameter_m")
    local = group.sized((wide, wide, PIT_UP_M + group.base_depth), (0, 0, -group.base_depth))
    pit = cylinder(parts.SIDES)
    yield group.batch(
        "pit", pit, Surface.SPOIL, local, PIT_DARK * earth, on_slope=True, is_soil=True
    )
