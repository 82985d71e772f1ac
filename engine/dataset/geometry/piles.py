"""Foundation piles as batches: every part of a pile carries its number.

A pile's own frame: the origin at its foot on the ground, z along its axis, x where its turn points. Its post is drawn
from 0.3 m below the ground, its base from 0.25 m, so that nothing floats where the ground falls.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.dataset.geometry import pile_parts as parts
from engine.dataset.geometry.batches import Batch, Mesh, Surface
from engine.dataset.geometry.placing import sized, standing
from engine.dataset.scene.description import Pile, PileKind

POST_DEPTH_M = 0.3
BASE_DEPTH_M = 0.25
PLUG_BELOW_TOP_M = 0.04  # the hole must stay dark to a camera that looks in at 45 degrees
HOOP_HIGH_M = 0.14
HOOP_OUT_M = 0.012
STUB_HIGH_M = 0.22

STEEL_TINTS = np.array([[1.0, 1.0, 1.0], [0.88, 0.68, 0.52], [1.0, 1.0, 1.0], [0.62, 0.55, 0.55]])
"""By grade of rust; from grade 2 on the surface is RUST."""
FIRST_RUSTY_GRADE = 2
POURED_TINT = np.array([0.90, 0.88, 0.84])  # poured on site: duller than a pile from the works
COLLAR_TINT = np.array([0.74, 0.71, 0.66])  # and trodden on


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Group:
    """Piles as arrays; (k, ...) each, in the order of the scene."""

    numbers: np.ndarray
    frames: np.ndarray
    """(k, 4, 4)"""
    length: np.ndarray
    """Along the axis, from the ground to the top."""
    diameter: np.ndarray
    flange: np.ndarray
    base_diameter: np.ndarray
    base_height: np.ndarray
    rust: np.ndarray
    shade: np.ndarray

    def at(self, chosen: np.ndarray) -> "_Group":
        return _Group(**{name: getattr(self, name)[chosen] for name in self.__slots__})

    def batch(
        self, name: str, mesh: Mesh, surface: Surface, local: np.ndarray, tint: np.ndarray | None = None
    ) -> Batch:
        """local: (k, 4, 4) from the mesh's space to the pile's frame."""
        tints = np.ones((len(self.numbers), 3)) if tint is None else tint
        return Batch(
            name=name,
            mesh=mesh,
            surface=surface,
            transforms=(self.frames @ local).astype(np.float32),
            instances=self.numbers.astype(np.uint16),
            tints=(np.ones((1, 3)) * tints * self.shade[:, None]).astype(np.float32),
        )

    def sized(self, size: tuple, at: tuple = (0, 0, 0)) -> np.ndarray:
        return sized(len(self.numbers), size, at)


def build_piles(piles: tuple[Pile, ...]) -> Iterator[Batch]:
    """All parts of all piles; a batch a part and surface, none that is empty."""
    if not piles:
        return
    everyone = _group(piles)
    kinds = np.array([pile.kind.value for pile in piles])
    is_steel = kinds == PileKind.SPIRAL_STEEL.value
    is_phc = kinds == PileKind.PHC.value
    is_poured = kinds == PileKind.CAST_IN_PLACE.value
    has_hoop = np.array([pile.has_hoop for pile in piles])
    is_cracked = np.array([pile.is_cracked for pile in piles])
    builders = (
        (is_phc, _phc_posts),
        (is_steel, _steel_posts),
        (is_poured, _poured_posts),
        (everyone.flange > 0, _flanges),
        (has_hoop, _hoops),
        (is_cracked & is_phc, _ring_cracks),
        (is_cracked, _side_cracks),
        (~is_steel, _collars),
        (is_steel, _heaps),
    )
    for chosen, build in builders:
        if chosen.any():
            yield from build(everyone.at(chosen))


def _group(piles: tuple[Pile, ...]) -> _Group:
    def each(name: str) -> np.ndarray:
        return np.array([getattr(pile, name) for pile in piles])

    feet = np.stack([each("x_m"), each("y_m"), each("ground_m")], axis=1)
    axes = np.stack([np.tan(each("tilt_x")), np.tan(each("tilt_y")), np.ones(len(piles))], axis=1)
    return _Group(
        numbers=np.arange(1, len(piles) + 1),
        frames=standing(feet, axes, each("turn")),
        length=each("exposed_m") * np.linalg.norm(axes, axis=1),
        diameter=each("diameter_m"),
        flange=each("flange_diameter_m"),
        base_diameter=each("base_diameter_m"),
        base_height=each("base_height_m"),
        rust=each("rust"),
        shade=each("shade"),
    )


def _post(group: _Group, top: np.ndarray) -> np.ndarray:
    """From below the ground up to `top`, as wide as the pile."""
    return group.sized((group.diameter, group.diameter, top + POST_DEPTH_M), (0, 0, -POST_DEPTH_M))


def _phc_posts(group: _Group) -> Iterator[Batch]:
    yield group.batch("phc post", parts.phc_tube(), Surface.CONCRETE, _post(group, group.length))
    bore = group.diameter * parts.PHC_BORE * 1.02  # ends inside the wall
    height = group.length - PLUG_BELOW_TOP_M + BASE_DEPTH_M
    yield group.batch("phc hole", parts.plug(), Surface.DARK, group.sized((bore, bore, height), (0, 0, -BASE_DEPTH_M)))


def _steel_posts(group: _Group) -> Iterator[Batch]:
    top = group.length - np.where(group.flange > 0, parts.FLANGE_THICK_M / 2, 0.0)  # ends inside its flange
    blade = group.diameter
    blade_high = np.clip((group.length - group.base_height) * 0.5, 0.02, 0.14)
    bore = group.diameter * parts.STEEL_BORE * 1.02
    plug_high = top - PLUG_BELOW_TOP_M + BASE_DEPTH_M
    solids = (
        ("steel post", parts.steel_tube(), _post(group, top)),
        ("screw blade", parts.screw_blade(), group.sized((blade, blade, blade_high), (0, 0, group.base_height - 0.02))),
    )
    for name, mesh, local in solids:
        yield from _in_metal(group, name, mesh, local)
    yield group.batch(
        "steel hole", parts.plug(), Surface.DARK, group.sized((bore, bore, plug_high), (0, 0, -BASE_DEPTH_M))
    )


def _poured_posts(group: _Group) -> Iterator[Batch]:
    for variant in range(parts.VARIANTS):
        chosen = group.numbers % parts.VARIANTS == variant
        if chosen.any():
            some = group.at(chosen)
            mesh, local = parts.poured_post(variant), _post(some, some.length)
            yield some.batch(f"poured post {variant}", mesh, Surface.CONCRETE, local, POURED_TINT)
    stubs = group.sized((group.diameter, group.diameter, STUB_HIGH_M), (0, 0, group.length))
    yield group.batch("stubs", parts.stubs(), Surface.RUST, stubs)


def _flanges(group: _Group) -> Iterator[Batch]:
    wide, base = group.flange, group.length - parts.FLANGE_THICK_M
    yield from _in_metal(group, "flange", parts.flange(), group.sized((wide, wide, parts.FLANGE_THICK_M), (0, 0, base)))
    holes = group.sized((wide, wide, parts.FLANGE_THICK_M), (0, 0, base))
    yield group.batch("flange holes", parts.flange_holes(), Surface.DARK, holes)


def _hoops(group: _Group) -> Iterator[Batch]:
    wide = group.diameter + 2 * HOOP_OUT_M
    bottom = group.length - HOOP_HIGH_M - 0.003  # a hair below the rim: two faces in one plane would flicker
    yield from _in_metal(group, "hoop", parts.hoop(), group.sized((wide, wide, HOOP_HIGH_M), (0, 0, bottom)))


def _ring_cracks(group: _Group) -> Iterator[Batch]:
    wide = group.diameter
    yield group.batch(
        "crack over ring", parts.ring_crack(), Surface.DARK, group.sized((wide, wide, 1.0), (0, 0, group.length))
    )


def _side_cracks(group: _Group) -> Iterator[Batch]:
    wide = group.diameter + 2 * parts.PROUD_M
    down = np.minimum(0.8 * group.length, 0.6)
    local = group.sized((wide, wide, down), (0, 0, group.length - down + parts.PROUD_M))
    yield group.batch("crack down side", parts.side_crack(), Surface.DARK, local)


def _collars(group: _Group) -> Iterator[Batch]:
    yield group.batch("collar", parts.foundation(), Surface.CONCRETE, _base(group), COLLAR_TINT)


def _heaps(group: _Group) -> Iterator[Batch]:
    for variant in range(parts.VARIANTS):
        chosen = group.numbers % parts.VARIANTS == variant
        if chosen.any():
            some = group.at(chosen)
            yield some.batch(f"heap {variant}", parts.heap(variant), Surface.SPOIL, _base(some))


def _base(group: _Group) -> np.ndarray:
    wide = group.base_diameter
    return group.sized((wide, wide, group.base_height + BASE_DEPTH_M), (0, 0, -BASE_DEPTH_M))


def _in_metal(group: _Group, name: str, mesh: Mesh, local: np.ndarray) -> Iterator[Batch]:
    """One batch of steel and one of rust, as the grades ask."""
    rusty = group.rust >= FIRST_RUSTY_GRADE
    for chosen, surface in ((~rusty, Surface.STEEL), (rusty, Surface.RUST)):
        if chosen.any():
            some = group.at(chosen)
            yield some.batch(f"{name} {surface}", mesh, surface, local[chosen], STEEL_TINTS[some.rust])
